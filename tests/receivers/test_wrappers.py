"""Software that wraps receivers or patches `send` does not change what a router gets.

Sentry's integration for Django replaces `Signal._live_receivers` and wraps every sync receiver (getsentry/sentry-python#1700,
#1815); projects and other instrumentations do alike.
"""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from unittest import mock

import pytest
from django.dispatch import Signal
from django.test import override_settings

from gcp_event_router import Event, EventRouter, Reject, Retry
from gcp_event_router.event import Principal
from gcp_event_router.signals import event_received
from gcp_event_router.utils import make_pubsub_message
from gcp_event_router.views import AsyncEventView, EventView

from ..conftest import Post

Receiver = Callable[..., Any]
PATH = "/events/order-placed/4711"
PUSH = make_pubsub_message({"a": 1}, message_id="17")
PLAIN = b'{"b": 1,  "a": 2.50}'
CLOUDEVENT = {"ce-id": "77", "ce-source": "//x", "ce-type": "com.example.placed", "ce-specversion": "1.0"}

TOKEN = {"BACKEND": "gcp_event_router.auth.SharedToken", "OPTIONS": {"tokens": ["s" * 32], "header": "X-Token"}}
WITH_TOKEN = {"AUTHENTICATION": [TOKEN]}

calls: list[str] = []


def wraps(receiver: Receiver) -> Receiver:
    @functools.wraps(receiver)
    def wrapper(*args: Any, **named: Any) -> Any:
        calls.append("called")
        return receiver(*args, **named)

    return wrapper


def hides(receiver: Receiver) -> Receiver:
    def wrapper(**named: Any) -> Any:
        calls.append("called")
        return receiver(**named)

    return wrapper


def partial(receiver: Receiver) -> Receiver:
    return functools.partial(hides(receiver))


class Slots:
    __slots__ = ("receiver",)

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver

    def __call__(self, **named: Any) -> Any:
        calls.append("called")
        return self.receiver(**named)


class Proxy(Slots):
    """Claims the class of its target, as `wrapt.ObjectProxy` and mocks with a spec do."""

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # type: ignore[explicit-override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return type(self.receiver)


def looks(receiver: Receiver) -> Receiver:
    def wrapper(**named: Any) -> Any:
        calls.append("called")
        assert type(named["event_parameters"]) is dict
        assert isinstance(named["event_payload"], bytes) or json.dumps(named["event_payload"])
        return receiver(**named)

    return wrapper


def copies(receiver: Receiver) -> Receiver:
    def wrapper(**named: Any) -> Any:
        calls.append("called")
        payload = json.loads(json.dumps(named["event_payload"]))
        return receiver(**{**named, "event_payload": payload, "event_parameters": {**named["event_parameters"]}})

    return wrapper


def names(receiver: Receiver) -> Receiver:
    def wrapper(
        sender: Any, event_kind: Any, event_reference: Any, event_payload: Any, event_parameters: Any, **ignored: Any
    ) -> Any:
        calls.append("called")
        return receiver(
            sender=sender,
            event_kind=event_kind,
            event_reference=event_reference,
            event_payload=event_payload,
            event_parameters=event_parameters,
        )

    return wrapper


def forgets(receiver: Receiver) -> Receiver:
    def wrapper(**named: Any) -> None:
        calls.append("called")
        receiver(**named)

    return wrapper


def swallows(receiver: Receiver) -> Receiver:
    def wrapper(**named: Any) -> None:
        calls.append("called")
        with suppress(Exception):
            receiver(**named)

    return wrapper


def translates(receiver: Receiver) -> Receiver:
    def wrapper(**named: Any) -> Any:
        calls.append("called")
        try:
            return receiver(**named)
        except Exception as error:
            raise LookupError from error

    return wrapper


def twice(receiver: Receiver) -> Receiver:
    return hides(wraps(receiver))


def threads(receiver: Receiver) -> Receiver:
    """Call it in a thread without the caller's context, as a decorator that limits time may."""

    def wrapper(**named: Any) -> Any:
        calls.append("called")
        with ThreadPoolExecutor(1) as executor:
            return executor.submit(receiver, **named).result()

    return wrapper


WRAPPERS = [wraps, hides, partial, Slots, Proxy, looks, copies, names, forgets, swallows, translates, twice, threads]
Wrapper = Callable[[Receiver], Receiver]


@pytest.fixture(params=WRAPPERS, ids=lambda each: each.__name__)
def wrapper(request: pytest.FixtureRequest) -> Iterator[Wrapper]:
    """All sync receivers are wrapped."""
    find = Signal._live_receivers

    def wrapped(self: Signal, sender: object) -> tuple[list[Receiver], list[Receiver]]:
        blocking, awaited = find(self, sender)
        return [request.param(each) for each in blocking] if self is event_received else blocking, awaited

    calls.clear()
    with mock.patch.object(Signal, "_live_receivers", wrapped):
        yield request.param


@pytest.fixture(params=[False, True], ids=["alone", "beside"])
def plain(request: pytest.FixtureRequest) -> list[object]:
    """The payloads of a plain receiver, if one listens beside the router."""
    got: list[object] = []

    def receive(event_payload: object) -> None:
        got.append(event_payload)

    if request.param:
        event_received.connect(receive, weak=False)
    return got


sync_or_async = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


def register(router: EventRouter, run: Callable[[Event[Any]], object], *, is_async: bool = False, **more: Any) -> None:
    def function(event: Event[bytes]) -> None:
        run(event)

    async def coroutine(event: Event[bytes]) -> None:
        run(event)

    router.on(*([] if more else ["order-*"]), **more)(coroutine if is_async else function)


@sync_or_async
@pytest.mark.parametrize("count", [1, 2], ids=["one router", "two routers"])
def test_a_router_is_given_all_of_what_arrived(
    router: EventRouter, post: Post, wrapper: Wrapper, plain: list[object], is_async: bool, count: int
) -> None:
    """It gets the principal, the envelope, the exact bytes and repeated parameters; each wrapper is called once."""
    got: list[Event[Any]] = []
    register(router, got.append, is_async=is_async)
    if count > 1:
        register(EventRouter(event_received), got.append, is_async=is_async)

    with override_settings(GCP_EVENT_ROUTER=WITH_TOKEN):
        answer = post(f"{PATH}?p=1&p=2", PUSH, x_token="s" * 32)

    receivers = len(event_received.receivers)
    assert (answer.status_code, len(got)) == (201, count)
    assert len(calls) == receivers * (2 if wrapper is twice else 1)
    for event in got:
        assert isinstance(event.principal, Principal)
        assert (event.payload, event.envelope.message_id, event.parameters) == (b'{"a": 1}', "17", {"p": "2"})
    assert plain == [json.loads(PUSH)] * (receivers - count)


@sync_or_async
def test_bytes_and_types_of_cloudevents(
    router: EventRouter, post: Post, wrapper: Wrapper, plain: list[object], is_async: bool
) -> None:
    """A handler of a CloudEvents type runs, and a handler of bytes gets the bytes that the sender sent."""
    got: list[object] = []
    register(router, lambda event: got.append(event.payload), is_async=is_async, ce_type="com.example.*")
    register(router, lambda event: got.append(event.payload), is_async=is_async)

    headers = {name.replace("-", "_"): value for name, value in CLOUDEVENT.items()}
    assert post("/events/", PLAIN, **headers).status_code == 201
    assert post(PATH, PLAIN).status_code == 201
    assert got == [PLAIN, PLAIN]


@sync_or_async
@pytest.mark.parametrize(("error", "status"), [(KeyError("a"), 400), (Retry(), 503), (Reject(), 200)], ids=str)
def test_what_a_handler_answers_is_answered(
    router: EventRouter,
    post: Post,
    wrapper: Wrapper,
    lines: Callable[[], list[str]],
    error: Exception,
    status: int,
    is_async: bool,
) -> None:
    """A failure counts even if a wrapper swallows or translates it, or returns nothing; the log has one line."""

    def fail(event: Event[Any]) -> None:
        raise error

    register(router, fail, is_async=is_async)

    assert (post(PATH, PUSH).status_code, len(lines())) == (status, 1)


def test_a_wrapper_that_fails_fails_the_event(router: EventRouter, post: Post) -> None:
    """A wrapper may have undone what the handlers did, as a transaction around receivers whose commit fails."""
    got: list[object] = []
    register(router, got.append)
    find = Signal._live_receivers

    def wrapped(self: Signal, sender: object) -> tuple[list[Receiver], list[Receiver]]:
        def commit(receiver: Receiver, **named: Any) -> None:
            receiver(**named)
            raise LookupError

        blocking, awaited = find(self, sender)
        return [functools.partial(commit, each) for each in blocking] if self is event_received else blocking, awaited

    with mock.patch.object(Signal, "_live_receivers", wrapped):
        assert (post(PATH, PUSH).status_code, len(got)) == (400, 1)


@pytest.mark.parametrize("body", [b"not JSON", b'{"a": ', b"\xff"])
def test_a_body_that_cannot_be_decoded_reaches_a_router_alone(
    router: EventRouter, post: Post, wrapper: Wrapper, body: bytes
) -> None:
    """A handler of bytes gets it, as it does without wrappers."""
    got: list[object] = []
    register(router, lambda event: got.append(event.payload))

    if wrapper is not copies:  # which cannot
        assert (post(PATH, body).status_code, got) == (201, [body])


async def test_one_hop(router: EventRouter, wrapper: Wrapper) -> None:
    """Under asend a wrapped router's sync handlers run in one thread with the others, and its async ones on the loop."""
    where: list[tuple[str, int]] = []

    def note(name: str) -> Callable[..., None]:
        return lambda *_, **__: where.append((name, threading.get_ident()))

    event_received.connect(note("plain"), weak=False)
    register(router, note("sync"))
    register(router, note("async"), is_async=True)

    sent: dict[str, Any] = {"event_kind": "order-placed", "event_reference": "1", "event_payload": {}, "event_parameters": {}}
    await event_received.asend(None, **sent)

    places = dict(where)
    assert sorted(places) == ["async", "plain", "sync"]
    assert threading.get_ident() not in {places["plain"], places["sync"]}
    if wrapper not in {threads, copies}:  # of which one hops by itself, and the other makes another event of somebody's own
        assert [*places][-1] == "async"
        assert (places["plain"], places["async"]) == (places["sync"], threading.get_ident())


@pytest.mark.parametrize("how", ["instance", "class"])
@pytest.mark.parametrize("goes_on", [True, False])
def test_a_patched_send_sees_the_documented_arguments(
    router: EventRouter, post: Post, request: pytest.FixtureRequest, how: str, goes_on: bool
) -> None:
    """A mock gets five arguments, by keyword; if it calls the real `send`, the router gets the whole event."""
    got: list[Event[Any]] = []
    register(router, got.append)
    is_async = request.node.callspec.params["post"] == "asgi"
    name, view = ("asend", AsyncEventView) if is_async else ("send", EventView)
    original = getattr(event_received, name)
    patch = mock.patch.object(event_received if how == "instance" else type(event_received), name)

    with override_settings(GCP_EVENT_ROUTER=WITH_TOKEN), patch as send:
        send.side_effect = original if goes_on else None
        answer = post(f"{PATH}?p=1&p=2", PUSH, x_token="s" * 32)

    send.assert_called_once_with(
        sender=view,
        event_kind="order-placed",
        event_reference="4711",
        event_payload=json.loads(PUSH),
        event_parameters={"p": "2"},
    )
    assert (answer.status_code, len(got)) == (201, goes_on)
    for event in got:
        assert isinstance(event.principal, Principal)
        assert (event.payload, event.envelope.message_id) == (b'{"a": 1}', "17")


def test_another_event_that_a_receiver_sends_is_another_event(router: EventRouter, post: Post, wrapper: Wrapper) -> None:
    """A receiver's own send() does not carry the principal or the bytes of the current event."""
    got: list[Event[Any]] = []
    register(router, got.append)

    def receive(sender: object, event_kind: str, event_payload: object, event_parameters: dict[str, str]) -> None:
        if event_kind == "order-placed":
            named: dict[str, Any] = {"event_reference": "4711", "event_parameters": event_parameters}
            event_received.send(sender, event_kind="order-audited", event_payload=event_payload, **named)
            event_received.send(sender, event_kind="order-totalled", event_payload={"a": 2}, **named)

    event_received.connect(receive)
    with override_settings(GCP_EVENT_ROUTER=WITH_TOKEN):
        assert post(PATH, PLAIN, x_token="s" * 32).status_code == 201

    found = {event.kind: (event.principal is None, event.payload) for event in got}
    assert found == {
        "order-placed": (False, PLAIN),
        "order-audited": (True, b'{"b":1,"a":2.5}'),
        "order-totalled": (True, b'{"a":2}'),
    }


def test_an_event_that_a_receiver_passes_on_stays_the_same(post: Post, wrapper: Wrapper) -> None:
    """If a receiver passes an event to another signal unchanged, a router there gets the whole event."""
    got: list[Event[Any]] = []
    signal = Signal()
    other = EventRouter(signal)
    register(other, got.append)
    register(other, got.append, is_async=True)

    def receive(**named: Any) -> None:
        named.pop("signal", None)  # which one wrapper leaves out
        signal.send(**named)

    event_received.connect(receive)
    with override_settings(GCP_EVENT_ROUTER=WITH_TOKEN):
        assert post(PATH, PLAIN, x_token="s" * 32).status_code == 201

    assert [(event.payload, event.principal is None) for event in got] == [(PLAIN, False)] * 2
