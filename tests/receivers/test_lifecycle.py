"""Signals for monitoring: what they send, when, and that a listener cannot affect an event."""

# pyright: reportUnknownLambdaType=false
# nothing gives a lambda its types

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import override_settings

from gcp_event_router import Event, EventRouter, Outcome, Principal, Reject
from gcp_event_router.auth import SharedToken
from gcp_event_router.exceptions import (
    AuthenticationError,
    BodyTooLargeError,
    EnvelopeError,
    InvalidEventError,
    RegistrationError,
    UndecodableBodyError,
    UnhandledEventError,
)
from gcp_event_router.lifecycle import LifecycleSignal, event_rejected, handler_finished, handler_started
from gcp_event_router.signals import event_received
from gcp_event_router.utils import make_pubsub_message

from ..conftest import Post

PUSH = make_pubsub_message({"a": 1}, message_id="17")
SIGNALS = (handler_started, handler_finished, event_rejected)
Told = list[tuple[str, dict[str, Any]]]


class Listener:
    """Notes its arguments, without values that differ from run to run."""

    def __init__(self) -> None:
        self.told: Told = []

    def __call__(self, *, signal: LifecycleSignal, sender: Any, **named: Any) -> None:
        envelope, duration = named.pop("envelope", None), named.pop("duration", None)
        assert (envelope is None) == (signal is event_rejected)
        assert isinstance(duration, float) == (signal is handler_finished)
        if envelope is not None:
            named["message_id"] = envelope.message_id
        self.told.append((signal.name, {"sender": sender, **named}))


class AsyncListener(Listener):
    async def listen(self, **named: Any) -> None:
        await asyncio.sleep(0)
        self(**named)


@pytest.fixture(params=["sync", "async"])
def told(request: pytest.FixtureRequest) -> Iterator[Told]:
    """The notes of a listener, sync or async."""
    listener = AsyncListener()
    receiver: Callable[..., Any] = listener.listen if request.param == "async" else listener
    for signal in SIGNALS:
        signal.connect(receiver, weak=False)
    yield listener.told
    for signal in SIGNALS:
        assert signal.disconnect(receiver)


ERROR = KeyError("s3cr3t")
REJECT = Reject("s3cr3t")


def register(router: EventRouter, error: Exception | None, *, is_async: bool) -> Callable[..., Any]:
    def run() -> None:
        if error is not None:
            raise error

    if is_async:

        @router.on("order-*", name="shop.later")
        async def later(event: Event[dict[str, int]]) -> None:
            await asyncio.sleep(0)
            run()

        return later

    @router.on("order-*", name="shop.store")
    def store(event: Event[dict[str, int]]) -> None:
        run()

    return store


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(
    ("error", "outcome"), [(None, Outcome.HANDLED), (ERROR, Outcome.FAILED), (REJECT, Outcome.REJECTED)], ids=str
)
def test_a_handler_is_told_of_before_and_after(
    router: EventRouter, post: Post, told: Told, error: Exception | None, outcome: Outcome, is_async: bool
) -> None:
    """Under WSGI and ASGI, sync and async listeners get the handler, the event and the outcome of sync and async handlers."""
    handler = register(router, error, is_async=is_async)

    post("/events/order-placed/4711", PUSH)

    named = {
        "sender": handler,
        "handler": "shop.later" if is_async else "shop.store",
        "event_kind": "order-placed",
        "event_reference": "4711",
        "message_id": "17",
        "principal": None,
    }
    event = told[1][1].pop("event")
    assert told == [("handler_started", named), ("handler_finished", named | {"outcome": outcome, "error": error})]
    assert (event.kind, event.reference, event.payload) == ("order-placed", "4711", {"a": 1})


def test_a_payload_that_does_not_fit_is_a_handler_s_failure(router: EventRouter, post: Post, told: Told) -> None:
    """A payload that one handler's type refuses is that handler's failure, since others may accept the event."""
    register(router, None, is_async=False)

    post("/events/order-placed/4711", make_pubsub_message({"a": "s3cr3t"}))

    assert [name for name, _ in told] == ["handler_started", "handler_finished"]
    assert (told[1][1]["outcome"], told[1][1]["event"]) == (Outcome.INVALID, None)
    assert isinstance(told[1][1]["error"], InvalidEventError)


def rejection(outcome: Outcome, principal: Principal | None = None, **named: str) -> dict[str, Any]:
    labels = {"event_kind": "k", "event_reference": "r"}
    return {"sender": None, **labels, **named, "outcome": outcome, "principal": principal}


def only(told: Told, error: type[Exception]) -> dict[str, Any]:
    """Return the only rejection, after checking the class of its error."""
    ((name, named),) = told
    assert name == "event_rejected"
    assert type(named.pop("error")) is error
    return named


@pytest.mark.parametrize(
    ("body", "given", "outcome", "error"),
    [
        (b'{"message": {"data": 7}, "subscription": ""}', {}, Outcome.INVALID, EnvelopeError),
        (b"{}" * 20, {"MAX_BODY_SIZE": 32}, Outcome.TOO_LARGE, BodyTooLargeError),
        (b"{", {}, Outcome.INVALID, UndecodableBodyError),
        (b"{}", {"UNHANDLED": "error"}, Outcome.INVALID, UnhandledEventError),
    ],
)
def test_what_does_not_reach_a_handler(
    router: EventRouter, post: Post, told: Told, body: bytes, given: dict[str, Any], outcome: Outcome, error: type[Exception]
) -> None:
    """A request that is not an event, or that lacks a required handler, sends one signal with its exception."""
    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [], **given}):
        post("/events/k/r", body)

    assert only(told, error) == rejection(outcome)


def test_why_an_unhandled_event_is_an_error(router: EventRouter) -> None:
    """Whoever sends the signal without a request reads it in the exception."""
    sent: dict[str, Any] = {"event_kind": "k", "event_reference": "r", "event_payload": {}, "event_parameters": {}}
    router.listen(event_received)
    with override_settings(GCP_EVENT_ROUTER={"UNHANDLED": "error"}), pytest.raises(UnhandledEventError) as caught:
        event_received.send(None, **sent)

    assert str(caught.value) == "nothing handles this kind of event"


def test_a_broken_document_is_told_of_once(router: EventRouter, post: Post, told: Told) -> None:
    """With a plain receiver and a router, an undecodable body is one rejection."""

    def receiver(**named: Any) -> None: ...

    event_received.connect(receiver)

    assert post("/events/k/r", b"{").status_code == 400
    assert told[0][1].pop("error").args == ("The body is not JSON, although its Content-Type says so.",)
    assert told == [("event_rejected", rejection(Outcome.INVALID))]


def test_who_was_refused(post: Post, told: Told) -> None:
    """The rejection of an authenticated request has a principal; that of a stranger's request has none."""
    backend = f"{SharedToken.__module__}.{SharedToken.__qualname__}"
    token = "t" * 32
    options = {"header": "X-Shop-Token", "tokens": [token]}
    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [{"BACKEND": backend, "OPTIONS": options}]}):
        post("/events/k/r")
        assert only(told, AuthenticationError) == rejection(Outcome.UNAUTHENTICATED)
        told.clear()
        post("/events/k/r", b'{"message": {"data": 7}, "subscription": ""}', x_shop_token=token)

    named = only(told, EnvelopeError)
    assert named.pop("principal").method == "shared-token"
    assert named | {"principal": None} == rejection(Outcome.INVALID)


def test_an_event_that_nothing_handles_is_no_rejection(router: EventRouter, post: Post, told: Told) -> None:
    """If the settings accept unhandled events, no signal is sent."""
    post("/events/k/r")

    assert told == []


@pytest.mark.parametrize("is_async", [False, True])
def test_a_failing_listener_breaks_nothing(
    router: EventRouter, post: Post, lines: Callable[[], list[str]], is_async: bool
) -> None:
    """If a listener raises, the log has a line without the text; the handler and the other listeners run."""
    register(router, None, is_async=False)
    listener = Listener()

    def fail(**named: Any) -> None:
        raise ERROR

    async def afail(**named: Any) -> None:
        raise ERROR

    failing = afail if is_async else fail
    handler_started.connect(failing)
    handler_started.connect(listener)
    try:
        assert post("/events/order-placed/4711", PUSH).status_code == 201
    finally:
        handler_started.disconnect(failing)
        handler_started.disconnect(listener)

    name = f"test_a_failing_listener_breaks_nothing.<locals>.{failing.__name__}"
    assert [name for name, _ in listener.told] == ["handler_started"]
    failure, event = lines()
    assert failure.startswith(f"ERROR Receiver {name} of handler_started failed: KeyError at ")
    assert "s3cr3t" not in failure
    assert event.startswith("INFO Event of kind 'order-placed'")


def test_async_listeners_of_a_send_within_a_loop(router: EventRouter, told: Told) -> None:
    """`send` in a coroutine calls async listeners too: it waits for them, as it does for async handlers."""
    register(router, None, is_async=False)

    async def send() -> None:
        event_received.send(None, event_kind="order-placed", event_reference="1", event_payload={"a": 1}, event_parameters={})

    asyncio.run(send())

    assert [name for name, _ in told] == ["handler_started", "handler_finished"]


@pytest.mark.parametrize(
    ("signal", "listener", "problem"),
    list[Any](
        [
            (
                handler_started,
                lambda handler, outcome, **more: None,
                "requires the argument 'outcome', which handler_started cannot give it by name. Take any of signal, sender, "
                "handler, event_kind, event_reference, envelope, principal, or **kwargs.",
            ),
            (
                event_rejected,
                lambda handler, **more: None,
                "requires the argument 'handler', which event_rejected cannot give it by name. Take any of signal, sender, "
                "event_kind, event_reference, outcome, error, principal, or **kwargs.",
            ),
            (
                handler_finished,
                lambda handler, outcome: None,
                "does not take the argument 'signal', with which handler_finished calls it, so every call would fail. "
                "Add **kwargs.",
            ),
        ]
    ),
)
def test_a_listener_that_no_call_fits_is_refused(signal: LifecycleSignal, listener: Any, problem: str) -> None:
    """Connecting it raises, instead of a line in the log for each event."""
    with pytest.raises(RegistrationError) as refused:
        signal.connect(listener, weak=False)

    assert str(refused.value) == f"The receiver {listener.__qualname__!r} {problem}"
    assert not signal.has_listeners()


@override_settings(DEBUG=False)
@pytest.mark.parametrize("name", ["handler_started", "handler_finished", "event_rejected"])
def test_signals_name_what_they_send(router: EventRouter, post: Post, name: str) -> None:
    """A listener that takes exactly the named arguments can be called: each is sent, and no other."""
    signal = next(signal for signal in SIGNALS if signal.name == name)
    seen: list[set[str]] = []
    names: dict[str, Any] = {"seen": seen, "__name__": __name__}
    exec(f"def listen({', '.join(signal.arguments)}): seen.append(set(locals()))", names)
    register(router, None, is_async=False)
    signal.connect(names["listen"])
    try:
        post("/events/order-placed/4711", PUSH)
        post("/events/order-placed/4711", b'{"message": {"data": 7}, "subscription": ""}')
    finally:
        signal.disconnect(names["listen"])

    assert seen[:1] == [set(signal.arguments)]


def test_listeners_may_choose_a_handler(router: EventRouter, post: Post) -> None:
    """A listener that is connected to one function gets the signals of that function only."""
    one, two = register(router, None, is_async=False), register(router, None, is_async=True)
    listener = Listener()
    handler_finished.connect(listener, sender=two)
    try:
        post("/events/order-placed/4711", PUSH)
    finally:
        handler_finished.disconnect(listener, sender=two)

    assert [named["sender"] for _, named in listener.told] == [two]
    assert one is not two


def test_a_handler_that_is_cancelled_is_not_told_to_have_finished(router: EventRouter, told: Told) -> None:
    """A request that ends first leaves a start without an end."""
    started = asyncio.Event()

    @router.on("order-*")
    async def wait(event: Event[Any]) -> None:
        started.set()
        await asyncio.Event().wait()

    async def cancel() -> None:
        named: dict[str, Any] = {
            "event_kind": "order-placed",
            "event_reference": "1",
            "event_payload": {},
            "event_parameters": {},
        }
        task = asyncio.create_task(event_received.asend(None, **named))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())

    assert [name for name, _ in told] == ["handler_started"]


def test_a_muted_signal_is_heard_again(router: EventRouter, post: Post) -> None:
    """Listeners work again after a library replaced their list and restored it, as factory_boy's `mute_signals` does."""
    listener = Listener()
    handler_finished.connect(listener)

    @router.on("a")
    def handle(event: Event[Any]) -> None: ...

    listeners = handler_finished.receivers
    handler_finished.receivers = []
    post("/events/a/1", PUSH)
    handler_finished.receivers = listeners
    post("/events/a/2", PUSH)

    assert [told["event_reference"] for _, told in listener.told] == ["2"]
