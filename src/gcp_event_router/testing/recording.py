"""Records deliveries to handlers, and their outcomes, for assertions.

with record() as recording:
    client.post(...)
event = recording.assert_handled(record_order, payload=OrderPlaced(order_id=4711))
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Generic

from typing_extensions import TypeVar, override

from .._dispatch.signature import name_of
from .._words import counted
from ..event import Event
from ..exceptions import RefusalError
from ..lifecycle import event_rejected, handler_finished, handler_started
from ..outcomes import Outcome

PayloadT = TypeVar("PayloadT", default=Any)
ParametersT = TypeVar("ParametersT", default=Any)

#: The arguments of `handler_finished`, in the order of the fields of `Delivery`.
_FACTS: Final = ("handler", "event_kind", "event_reference", "outcome", "event", "error", "duration")


class Unset(Enum):
    """The type of `UNSET`, the default of arguments for which None is a value."""

    UNSET = 0


UNSET: Final = Unset.UNSET


@dataclass(frozen=True, slots=True)
class Delivery(Generic[PayloadT, ParametersT]):
    """One event that was delivered to one handler."""

    #: The function, as it was registered.
    handler: Callable[[Event[PayloadT, ParametersT]], Any]
    #: The handler's name: its module and qualified name, or `name=`.
    name: str
    kind: str
    reference: str
    outcome: Outcome
    #: The argument of the handler; None if the handler was not called, for example because its payload was invalid.
    event: Event[PayloadT, ParametersT] | None
    #: The exception of the handler.
    error: Exception | None
    #: The time that the handler took, in seconds.
    duration: float = 0.0

    @override
    def __str__(self) -> str:
        payload = f", with the payload {self.event.payload!r}" if self.event is not None else ""
        error = f", by {_shown(self.error)}" if self.error is not None else ""
        return f"{self.name} for {self.kind!r}, {self.reference!r}: {self.outcome.value}{payload}{error}"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A request or an event that was rejected before any handler ran."""

    kind: str
    reference: str
    outcome: Outcome
    error: Exception

    @override
    def __str__(self) -> str:
        return f"rejected: {self.kind!r}, {self.reference!r}: {self.outcome.value}, by {_shown(self.error)}"


class Recording:
    """All deliveries and rejections in this process since `record` began, in all threads."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery[Any, Any]] = []
        self.rejections: list[Rejection] = []
        #: The functions that began to run. Some may still run in a thread, or were cancelled, or ended the process.
        self.started: list[Callable[..., Any]] = []

    def of(self, handler: Callable[[Event[PayloadT, ParametersT]], Any]) -> list[Delivery[PayloadT, ParametersT]]:
        """The deliveries to one handler, in order. Raises `TypeError` if it is not a function."""
        require_function(handler)
        return [delivery for delivery in self.deliveries if is_same(delivery.handler, handler)]

    def assert_handled(
        self,
        handler: Callable[[Event[PayloadT, ParametersT]], Any],
        *,
        payload: PayloadT | Unset = UNSET,
        parameters: ParametersT | Unset = UNSET,
        reference: str | Unset = UNSET,
        times: int | None = None,
    ) -> Event[PayloadT, ParametersT]:
        """Assert that a handler succeeded with an event, and return the last such event.

        Args:
            handler: The function itself.
            payload: The payload of the event. This and the following match any event by default.
            parameters: The parameters of the event.
            reference: The reference of the event.
            times: How often exactly; by default at least once.

        Raises:
            AssertionError: It did not. The message lists everything that was recorded.
            TypeError: `handler` is not a function, but its name, for example.
            ValueError: `times` is less than 1.

        """
        __tracebackhide__ = True  # pytest shows the line of the test instead
        if times is not None and times < 1:
            msg = f"times must be at least 1, not {times}. Use assert_not_called({_short_name(handler)})."
            raise ValueError(msg)
        handled = [
            delivery.event
            for delivery in self.of(handler)
            if delivery.outcome is Outcome.HANDLED
            and delivery.event is not None
            and payload in (UNSET, delivery.event.payload)
            and parameters in (UNSET, delivery.event.parameters)
            and reference in (UNSET, delivery.reference)
        ]
        if not handled or times not in {None, len(handled)}:
            expected = {"payload": payload, "parameters": parameters, "reference": reference}
            event = "".join(f", {name} {value!r}" for name, value in expected.items() if value is not UNSET)
            count = "" if times is None else f" {counted(times, 'time')}, not {len(handled)}"
            self._fail(f"{_short_name(handler)} should have handled an event{event}{count}")
        return handled[-1]

    def assert_outcome(
        self, handler: Callable[[Event[PayloadT, ParametersT]], Any], outcome: Outcome
    ) -> Delivery[PayloadT, ParametersT]:
        """Assert that a delivery to a handler had an outcome, such as `Outcome.INVALID`, and return the last one."""
        __tracebackhide__ = True
        deliveries = [delivery for delivery in self.of(handler) if delivery.outcome is outcome]
        if not deliveries:
            self._fail(f"{_short_name(handler)} should have had the outcome {outcome.value!r}")
        return deliveries[-1]

    def assert_not_called(self, handler: Callable[..., Any]) -> None:
        """Assert that no event was delivered to a handler, and that it did not begin to run."""
        __tracebackhide__ = True
        if self.of(handler) or any(is_same(function, handler) for function in self.started):
            self._fail(f"{_short_name(handler)} should not have been called")

    def assert_rejected(self, outcome: Outcome | None = None) -> Rejection:
        """Assert that a request or an event was rejected before any handler ran, and return the last rejection."""
        __tracebackhide__ = True
        rejections = [rejection for rejection in self.rejections if outcome in {None, rejection.outcome}]
        if not rejections:
            self._fail(f"an event should have been rejected{'' if outcome is None else f' as {outcome.value!r}'}")
        return rejections[-1]

    @override
    def __str__(self) -> str:
        ended = [delivery.handler for delivery in self.deliveries]
        unfinished = [f"{name_of(function)} has not ended" for function in self.started if function not in ended]
        return "\n".join(f"  {line}" for line in [*self.deliveries, *unfinished, *self.rejections]) or "  nothing"

    @override
    def __repr__(self) -> str:
        deliveries = counted(len(self.deliveries), "delivery", "deliveries")
        return f"<Recording of {deliveries}, {counted(len(self.rejections), 'rejection')}>"

    def _fail(self, expectation: str) -> None:
        __tracebackhide__ = True
        msg = f"{expectation}. Recorded:\n{self}"
        raise AssertionError(msg)


#: The recording of the push that the current context belongs to.
_pushing: ContextVar[Recording | None] = ContextVar("gcp_event_router.testing.pushing", default=None)


@contextmanager
def record(*, _only_own: bool = False) -> Generator[Recording]:
    """Record deliveries to handlers in this process. The handlers run as usual."""
    recording = Recording()

    def is_wanted() -> bool:
        return not _only_own or _pushing.get() is recording

    def started(sender: Callable[..., Any], **_: Any) -> None:
        if is_wanted():
            recording.started.append(sender)

    def finished(sender: Callable[..., Any], **facts: Any) -> None:
        if is_wanted():
            recording.deliveries.append(Delivery(sender, *(facts[name] for name in _FACTS)))

    def rejected(event_kind: str, event_reference: str, outcome: Outcome, error: Exception, **_: Any) -> None:
        if is_wanted():
            recording.rejections.append(Rejection(event_kind, event_reference, outcome, error))

    receivers = ((handler_started, started), (handler_finished, finished), (event_rejected, rejected))
    for signal, receiver in receivers:
        signal.connect(receiver, weak=False)
    try:
        yield recording
    finally:
        for signal, receiver in receivers:
            signal.disconnect(receiver)


@contextmanager
def record_own() -> Generator[Recording]:
    """Record only the deliveries that this block causes, in whichever thread."""
    with record(_only_own=True) as recording:
        token = _pushing.set(recording)
        try:
            yield recording
        finally:
            _pushing.reset(token)


def require_function(handler: object) -> None:
    """Raise `TypeError` for anything else, such as a handler's name, which would never match a delivery."""
    if not callable(handler):
        msg = f"A handler must be a function, not {handler!r}, of type {type(handler).__name__}."
        raise TypeError(msg)


def is_same(one: Callable[..., Any], other: Callable[..., Any]) -> bool:
    """Whether two functions are equal, or one decorates the other with `functools.wraps`."""
    return one in _layers(other) or other in _layers(one)


def _layers(function: Any) -> Iterator[Any]:
    while function is not None:
        yield function
        function = getattr(function, "__wrapped__", None)


def _shown(error: Exception) -> str:
    """The repr of an exception, with the reason of a refusal."""
    reason = error.reason if isinstance(error, RefusalError) else ""
    return f"{error!r}, {reason}" if reason else repr(error)


def _short_name(handler: Callable[..., Any]) -> str:
    return str(getattr(handler, "__qualname__", type(handler).__qualname__))
