"""What handlers are given while a test watches, and what becomes of it.

with record() as recording:
    client.post(...)
event = recording.assert_handled(record_order, payload=OrderPlaced(order_id=4711))
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Generic, cast

from typing_extensions import TypeVar, override

from ..event import Event
from ..lifecycle import event_rejected, handler_finished, handler_started
from ..outcomes import Outcome

PayloadT = TypeVar("PayloadT", default=Any)
ParametersT = TypeVar("ParametersT", default=Any)


#: What `handler_finished` says of a delivery, in the order of the fields of `Delivery`.
_FACTS: Final = ("handler", "event_kind", "event_reference", "outcome", "event", "error", "duration")


class Unset(Enum):
    """What an argument is that is not given: None may be a payload."""

    UNSET = 0


UNSET: Final = Unset.UNSET


@dataclass(frozen=True, slots=True)
class Delivery(Generic[PayloadT, ParametersT]):
    """One event that was brought to one handler."""

    #: The function, as it was registered.
    handler: Callable[[Event[PayloadT, ParametersT]], Any]
    #: By what it is known: its module and qualified name, or `name=`.
    name: str
    kind: str
    reference: str
    outcome: Outcome
    #: What the handler was given; None if its payload or its parameters could not be read.
    event: Event[PayloadT, ParametersT] | None
    #: What it raised.
    error: Exception | None
    #: How long it took, in seconds.
    duration: float = 0.0

    @override
    def __str__(self) -> str:
        what = f"{_text(self.name, self.kind, self.reference)}: {self.outcome.value}"
        what += f", with the payload {self.event.payload!r}" if self.event is not None else ""
        return what + (f", by {self.error!r}" if self.error is not None else "")


@dataclass(frozen=True, slots=True)
class Rejection:
    """A request or an event that was turned away before any handler."""

    kind: str
    reference: str
    outcome: Outcome
    error: Exception

    @override
    def __str__(self) -> str:
        return f"{self.kind!r}, {self.reference!r}: {self.outcome.value}, by {self.error!r}"


class Recording:
    """All deliveries and rejections in this process since `record` was entered, also those in other threads."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery[Any, Any]] = []
        self.rejections: list[Rejection] = []
        #: What was called and has not ended, as text: it runs in another thread, or was cancelled, or ended the process.
        self.unfinished: list[tuple[Callable[..., Any], str]] = []

    def of(self, handler: Callable[[Event[PayloadT, ParametersT]], Any]) -> list[Delivery[PayloadT, ParametersT]]:
        """The deliveries to one handler, in their order. Raises `TypeError` for what is no function, such as its name."""
        require_handler(handler)
        return [each for each in self.deliveries if is_same(each.handler, handler)]

    def assert_handled(
        self,
        handler: Callable[[Event[PayloadT, ParametersT]], Any],
        *,
        payload: PayloadT | Unset = UNSET,
        parameters: ParametersT | Unset = UNSET,
        reference: str | Unset = UNSET,
        times: int | None = None,
    ) -> Event[PayloadT, ParametersT]:
        """Assert that a handler did its work on an event, and return the last such event.

        Args:
            handler: The function itself.
            payload: What it was given; and so are the others. What is not given does not count.
            parameters: The event's parameters.
            reference: The event's reference.
            times: How often, exactly; at least once unless given.

        Raises:
            AssertionError: It did not; the message says what was recorded instead.
            ValueError: `times` is less than 1.

        """
        __tracebackhide__ = True  # pytest shows the test, and not what stands here
        if times is not None and times < 1:
            msg = f"assert_handled() is given times={times}, and returns an event. Say assert_not_called({_name(handler)})."
            raise ValueError(msg)
        found = [
            each.event
            for each in self.of(handler)
            if each.outcome is Outcome.HANDLED
            and each.event is not None
            and (payload is UNSET or each.event.payload == payload)
            and (parameters is UNSET or each.event.parameters == parameters)
            and (reference is UNSET or each.reference == reference)
        ]
        if not found or (times is not None and len(found) != times):
            wanted = {"payload": payload, "parameters": parameters, "reference": reference}
            named = "".join(f", {name} {value!r}" for name, value in wanted.items() if value is not UNSET)
            often = "" if times is None else f" {times} time(s), and not {len(found)}"
            self._fail(f"{_name(handler)} should have handled an event{named}{often}")
        return found[-1]

    def assert_outcome(
        self, handler: Callable[[Event[PayloadT, ParametersT]], Any], outcome: Outcome
    ) -> Delivery[PayloadT, ParametersT]:
        """Assert that a delivery to a handler came to an outcome, such as `Outcome.INVALID`, and return the last that did."""
        __tracebackhide__ = True
        found = [each for each in self.of(handler) if each.outcome is outcome]
        if not found:
            self._fail(f"{_name(handler)} should have come to {outcome.value!r}")
        return found[-1]

    def assert_not_called(self, handler: Callable[..., Any]) -> None:
        """Assert that nothing was delivered to a handler, also nothing that it has not ended with."""
        __tracebackhide__ = True
        if self.of(handler) or any(is_same(function, handler) for function, _ in self.unfinished):
            self._fail(f"{_name(handler)} should not have been called")

    def assert_rejected(self, outcome: Outcome | None = None) -> Rejection:
        """Assert that a request or an event was turned away before any handler, and return the last one."""
        __tracebackhide__ = True
        found = [each for each in self.rejections if outcome in {None, each.outcome}]
        if not found:
            self._fail(f"something should have been rejected{'' if outcome is None else f' as {outcome.value!r}'}")
        return found[-1]

    @override
    def __str__(self) -> str:
        lines = [f"  {each}" for each in self.deliveries] + [f"  {text}: has not ended" for _, text in self.unfinished]
        lines += [f"  rejected: {each}" for each in self.rejections]
        return "\n".join(lines) or "  nothing"

    @override
    def __repr__(self) -> str:
        return f"<Recording of {len(self.deliveries)} delivery(s), {len(self.rejections)} rejection(s)>"

    def _fail(self, wanted: str) -> None:
        __tracebackhide__ = True
        msg = f"{wanted}. Recorded:\n{self}"
        raise AssertionError(msg)


@contextmanager
def record() -> Generator[Recording]:
    """Watch what is delivered to handlers. Nothing is changed by it: what would be called is called."""
    recording = Recording()
    with _watched(recording, lambda: True):
        yield recording


#: The recording of the push that is under way, for what is called on its behalf, in whichever thread.
_pushing: ContextVar[Recording | None] = ContextVar("gcp_event_router.testing.pushing", default=None)


@contextmanager
def record_own() -> Generator[Recording]:
    """The same for what is called from within the block alone; `client` records so."""
    recording = Recording()
    token = _pushing.set(recording)
    try:
        with _watched(recording, lambda: _pushing.get() is recording):
            yield recording
    finally:
        _pushing.reset(token)


@contextmanager
def _watched(recording: Recording, wants: Callable[[], bool]) -> Generator[None]:
    def started(sender: Callable[..., Any], **facts: Any) -> None:
        if wants():
            recording.unfinished.append((sender, _text(facts["handler"], facts["event_kind"], facts["event_reference"])))

    def finished(sender: Callable[..., Any], **facts: Any) -> None:
        if wants():
            recording.deliveries.append(Delivery(sender, *(facts[name] for name in _FACTS)))
            with suppress(ValueError):  # it was started before
                recording.unfinished.remove((sender, _text(facts["handler"], facts["event_kind"], facts["event_reference"])))

    def rejected(event_kind: str, event_reference: str, outcome: Outcome, error: Exception, **_: Any) -> None:
        if wants():
            recording.rejections.append(Rejection(event_kind, event_reference, outcome, error))

    receivers = ((handler_started, started), (handler_finished, finished), (event_rejected, rejected))
    for signal, receiver in receivers:
        signal.connect(receiver, weak=False)
    try:
        yield
    finally:
        for signal, receiver in receivers:
            signal.disconnect(receiver)


def _text(name: str, kind: str, reference: str) -> str:
    return f"{name} for {kind!r}, {reference!r}"


def require_handler(handler: object) -> None:
    """Refuse what no handler is, such as its name. Raises `TypeError`."""
    if not callable(handler):
        msg = f"{handler!r}, of type {type(handler).__name__}, is no handler, so it was never called. Give the function itself."
        raise TypeError(msg)


def is_same(one: Callable[..., Any], other: Callable[..., Any]) -> bool:
    """Whether both are one function: equal, or one decorates the other, as `functools.wraps` notes it."""
    return one in _layers(other) or other in _layers(one)


def _layers(function: Any) -> Iterator[Any]:
    while function is not None:
        yield function
        function = getattr(function, "__wrapped__", None)


def _name(handler: Callable[..., Any]) -> str:
    return cast("str", getattr(handler, "__qualname__", type(handler).__qualname__))
