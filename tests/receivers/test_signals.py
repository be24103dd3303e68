"""event_received: Django's signal, and the promises that it adds."""

# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# Django takes any callable for a receiver, so nothing gives a lambda its types

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.dispatch import Signal

from gcp_event_router import Event, EventRouter, Outcome, signals
from gcp_event_router._dispatch.raw_event import RawEvent
from gcp_event_router.envelopes import Envelope
from gcp_event_router.signals import EventSignal

SENT = {"event_kind": "k", "event_reference": "r", "event_payload": {"a": 1}, "event_parameters": {"p": "1"}}


@pytest.fixture
def signal() -> EventSignal:
    """A signal that nobody listens to yet."""
    return EventSignal()


class Failures:
    """A signal with receivers that fail and receivers that work."""

    def __init__(self, signal: EventSignal, *errors: Exception) -> None:
        self.ran: list[str] = []
        self.receivers: list[Callable[..., Any]] = []
        for number, error in enumerate(errors):
            self.add(signal, f"fails {number}", error)
        self.add(signal, "works", None)

    def add(self, signal: EventSignal, name: str, error: Exception | None) -> None:
        def function(**_: object) -> str:
            self.ran.append(name)
            if error:
                raise error
            return name

        async def coroutine(event_kind: str) -> str:
            self.ran.append(f"async {name}")
            if error:
                raise error
            return name

        for each in (function, coroutine):
            self.receivers.append(each)
            signal.connect(each)


class AsyncObject:
    """A receiver that Django takes for a sync one."""

    async def __call__(self, event_kind: str) -> None:
        """Do nothing."""


@pytest.mark.parametrize(
    ("receiver", "name"),
    [(AsyncObject(), "AsyncObject"), (lambda **named: AsyncObject()(named["event_kind"]), "<lambda>")],
    ids=["object", "lambda"],
)
async def test_a_receiver_whose_coroutine_nobody_awaits_has_failed(
    signal: EventSignal, receiver: Callable[..., Any], name: str
) -> None:
    """The event would be lost, and count as handled."""
    ran: list[str] = []
    signal.connect(receiver, weak=False)

    def works(event_kind: str) -> None:
        ran.append(event_kind)

    signal.connect(works)
    for send in (sync_to_async(signal.send), signal.asend):
        with pytest.raises(TypeError) as failed:
            await send(None, **SENT)
        assert str(failed.value) == (
            f"The receiver {name!r} returned a coroutine, although it is not an async function, so nothing awaited it. "
            "Connect a function or a method that is declared with `async def`."
        )
    assert ran == ["k", "k"]


async def test_one_failure_is_raised_as_itself_after_all_ran(signal: EventSignal) -> None:
    """One failing receiver does not keep the others from running."""
    ran: list[str] = []

    def fails(**_: object) -> None:
        msg = "first"
        raise KeyError(msg)

    def works(**_: object) -> None:
        ran.append("works")

    signal.connect(fails)
    signal.connect(works)

    with pytest.raises(KeyError, match="first"):
        signal.send(None, **SENT)
    with pytest.raises(KeyError, match="first"):
        await signal.asend(None, **SENT)
    assert ran == ["works", "works"]


def test_several_failures_are_raised_as_a_group(signal: EventSignal) -> None:
    """All sync and async receivers run; a group has their exceptions."""
    failures = Failures(signal, KeyError("a"), ValueError("b"))

    with pytest.raises(ExceptionGroup) as raised:
        signal.send(None, **SENT)

    assert sorted(type(error).__name__ for error in raised.value.exceptions) == [
        "KeyError",
        "KeyError",
        "ValueError",
        "ValueError",
    ]
    assert str(raised.value) == "several receivers of event_received failed (4 sub-exceptions)"
    assert sorted(failures.ran) == sorted(
        ["fails 0", "fails 1", "works", "async fails 0", "async fails 1", "async works"],
    )


async def test_asend_runs_all_and_groups_failures(signal: EventSignal) -> None:
    """Asend keeps the same promises as send."""
    failures = Failures(signal, KeyError("a"), ValueError("b"))

    with pytest.raises(ExceptionGroup):
        await signal.asend(None, **SENT)

    assert len(failures.ran) == 6


async def test_robust_forms_return_failures(signal: EventSignal) -> None:
    """send_robust and asend_robust give each receiver's response or failure, under the receiver's own name."""
    failures = Failures(signal, KeyError("a"))

    for responses in (signal.send_robust(None, **SENT), await signal.asend_robust(None, **SENT)):
        assert {receiver for receiver, _ in responses} == set(failures.receivers)
        assert sorted(repr(response) for _, response in responses) == ["'works'", "'works'", "KeyError('a')", "KeyError('a')"]


def test_exception_that_is_returned_is_a_response(signal: EventSignal) -> None:
    """A receiver may return an exception; only raising one is a failure."""
    error = KeyError("a")

    def returns(**_: object) -> KeyError:
        return error

    signal.connect(returns)

    assert signal.send(None, **SENT) == [(returns, error)]


def test_failures_are_logged_without_their_text(signal: EventSignal, caplog: pytest.LogCaptureFixture) -> None:
    """Each failing receiver has one line, with its name, the type and the place, and no text of the exception."""

    def fails(event_kind: str) -> None:
        msg = "secret"
        raise KeyError(msg)

    signal.connect(fails)
    with pytest.raises(KeyError):
        signal.send(None, **SENT)

    (record,) = caplog.records
    name = "test_failures_are_logged_without_their_text.<locals>.fails"
    assert record.getMessage().startswith(f"Receiver {name} of event_received failed: KeyError at ")
    assert "secret" not in record.getMessage()
    assert record.exc_info is None


async def test_all_sync_receivers_share_one_hop(signal: EventSignal) -> None:
    """Under asend, sync receivers and routers' sync handlers run in one thread, as connected, and async ones on the loop."""
    router = EventRouter(signal=signal)
    threads: list[tuple[str, int]] = []

    def note(name: str) -> None:
        threads.append((name, threading.get_ident()))

    signal.connect(lambda event_kind: note("plain"), weak=False)
    router.on("k", payload=object)(lambda event: note("handler"))

    @router.on("k")
    async def coroutine(event: Event[Any]) -> None:
        note("async")

    await signal.asend(None, **SENT)

    places = dict(threads)
    assert [name for name, _ in threads] == ["handler", "plain", "async"]
    assert places["plain"] == places["handler"] != places["async"] == threading.get_ident()


async def test_send_within_a_running_loop(signal: EventSignal) -> None:
    """send() reaches async receivers and handlers even if an event loop runs in the same thread."""
    router = EventRouter(signal=signal)
    seen: list[str] = []

    async def plain(event_kind: str) -> None:
        seen.append("receiver")

    @router.on("k")
    async def handler(event: Event[Any]) -> None:
        seen.append("handler")

    signal.connect(plain)
    signal.send(None, **SENT)
    signal.disconnect(plain)
    signal.send(None, **SENT)

    assert sorted(seen) == ["handler", "handler", "receiver"]


class Counting(RawEvent):
    """A raw event that counts how often its body is decoded."""

    decoded = 0

    def document(self) -> object:  # type: ignore[explicit-override]  # the point is that it overrides
        self.decoded += 1
        return super().document()


def test_body_is_decoded_only_for_plain_receivers(signal: EventSignal) -> None:
    """With a router alone, the body is not decoded; with a plain receiver, it is."""
    router = EventRouter(signal=signal)
    router.on("k", payload=bytes)(lambda event: None)
    raw_event = Counting(Envelope(b"{}"))

    signal.deliver(None, "k", "r", raw_event)
    assert raw_event.decoded == 0

    signal.connect(lambda event_payload: None, weak=False)
    signal.deliver(None, "k", "r", raw_event)
    assert raw_event.decoded == 1


@pytest.mark.parametrize("make", [Signal, EventSignal])
@pytest.mark.parametrize(
    ("sent", "problem"),
    [
        ({"event_reference": "r"}, "without event_kind="),
        ({"event_kind": "k"}, "without event_reference="),
        ({"event_kind": 3, "event_reference": "r"}, "with event_kind= of type int"),
        ({"event_kind": "k", "event_reference": 3}, "with event_reference= of type int"),
    ],
)
def test_what_routers_need_is_named(make: type[Signal], sent: dict[str, Any], problem: str) -> None:
    """A router handles no event without a kind or a reference, whichever signal sends it."""
    signal = make()
    router = EventRouter(signal=signal)
    ran: list[object] = []
    router.on("k", payload=bytes)(ran.append)

    with pytest.raises(TypeError) as raised:
        signal.send(None, **sent, event_payload=b"1")

    assert str(raised.value) == (
        f"A signal was sent to a router {problem}. Give send() the strings event_kind= and event_reference=."
    )
    assert ran == []


@pytest.mark.parametrize("change", [{"event_kind": 3}, {"event_payload": {object}}, {"event_parameters": 3}], ids=list)
def test_an_event_that_no_router_can_read_is_logged(
    signal: EventSignal, lines: Callable[[], list[str]], change: dict[str, Any]
) -> None:
    """`send_robust` does not raise, so that the log alone tells of it: once, with a type and no text."""
    router = EventRouter(signal=signal)
    router.on("k", payload=bytes)(lambda event: None)

    ((_, error),) = signal.send_robust(None, **{**SENT, **change})

    (line,) = lines()
    assert line.startswith(f"ERROR Receiver EventRouter of event_received failed: {type(error).__name__} ")
    assert str(error) not in line


def test_a_receiver_may_die_while_the_interpreter_shuts_down(
    signal: EventSignal, monkeypatch: pytest.MonkeyPatch, unraisable: list[BaseException | None]
) -> None:
    """Modules have lost their names by then, and an error could be told to nobody."""

    class Receiver:
        def __call__(self, **named: object) -> None: ...

    receiver = Receiver()
    signal.connect(receiver)
    with monkeypatch.context() as patch:
        for name in [name for name in vars(signals) if not name.startswith("__")]:
            patch.setattr(signals, name, None)
        del receiver
        gc.collect()

    assert (unraisable, vars(signal)["_dead_receivers"]) == ([], True)


def test_thousand_handlers_and_a_receiver_are_two_receivers(signal: EventSignal) -> None:
    """A project with one plain receiver and a thousand handlers has exactly two receivers connected."""
    router = EventRouter(signal=signal)
    for number in range(1000):
        router.on(f"kind-{number}-*", payload=object)(lambda event: None)
    signal.connect(lambda event_kind: None, weak=False)

    assert len(signal.receivers) == 2


def test_deliveries_overlap(signal: EventSignal) -> None:
    """Of two deliveries to two routers in two threads, the first to begin may be the first to end."""
    began = {kind: threading.Event() for kind in "ab"}
    may_end = {kind: threading.Event() for kind in "ab"}
    ended: list[object] = []

    def wait(event: Event[Any]) -> None:
        began[event.kind].set()
        assert may_end[event.kind].wait(60)

    routers = [EventRouter(signal=signal) for _ in range(2)]
    routers[0].on("*")(wait)
    deliveries = [
        threading.Thread(target=lambda kind=kind: ended.append(signal.deliver(None, kind, "r", RawEvent(Envelope(b"{}")))))
        for kind in "ab"
    ]
    for kind, delivery in zip("ab", deliveries, strict=True):
        delivery.start()
        assert began[kind].wait(60)
    for kind, delivery in zip("ab", deliveries, strict=True):
        may_end[kind].set()
        delivery.join(60)

    assert ended == [Outcome.UNHANDLED] * 2


def test_threads_connect_while_others_send(signal: EventSignal) -> None:
    """A receiver that stays connected hears every event once, while others come and go in other threads."""
    heard: list[str] = []
    signal.connect(lambda event_kind: heard.append(event_kind), weak=False)  # noqa: PLW0108 -- append takes no event_kind
    done = threading.Event()

    def come_and_go() -> None:
        while not done.is_set():
            guest = lambda event_kind: None  # noqa: E731 -- a new receiver each time
            signal.connect(guest)
            signal.disconnect(guest)

    def send() -> None:
        for _ in range(500):
            signal.send(None, **SENT)

    restless = threading.Thread(target=come_and_go)
    senders = [threading.Thread(target=send) for _ in range(8)]
    restless.start()
    for thread in senders:
        thread.start()
    for thread in senders:
        thread.join()
    done.set()
    restless.join()

    assert len(heard) == 8 * 500


def test_a_muted_signal_reaches_no_router(signal: EventSignal) -> None:
    """A router that listens alone gets nothing while a library has replaced the list of receivers, as `mute_signals` does."""
    references: list[str] = []
    router = EventRouter()

    @router.on("k")
    def handle(event: Event[Any]) -> None:
        references.append(event.reference)

    router.listen(signal)
    receivers = signal.receivers
    signal.receivers = []
    signal.deliver(None, "k", "muted", RawEvent(Envelope()))
    signal.receivers = receivers
    signal.deliver(None, "k", "heard", RawEvent(Envelope()))

    assert references == ["heard"]
