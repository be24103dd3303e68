"""The one receiver that a router connects to a signal: find the handlers, and bring the event through them.

`signals` calls it for each event, by `handle` or in the two parts of `split`; whatever wraps it calls it as any receiver. Every
handler runs, whichever of them fail: the sync ones in order of registration, then the async ones in order of registration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from typing_extensions import override

from .._receivers.event_broadcast import TwinReceiver, find_round
from ..envelopes import from_payload
from ..event import Arrival
from ..outcomes import Outcome
from .dispatch import Passage, passage
from .lookup import Found
from .tracing import switch

__all__ = ["Dispatcher"]


class Dispatcher(TwinReceiver):
    """Brings the events of a signal to the handlers that `find` names for their kind and type."""

    def __init__(self, find: Callable[[str, str | None], Found]) -> None:
        self._find = find
        self.__qualname__ = "EventRouter"  # the name by which Django's send_robust logs a failing receiver

    @override
    def __call__(self, *, event_kind: str, event_reference: str, **named: Any) -> object:
        """Handle an event to its end and return its outcome, or raise what the handlers raised."""
        round_ = find_round({"event_kind": event_kind, "event_reference": event_reference, **named})
        if round_ is not None and named.get("signal", round_.signal) is round_.signal:  # something wraps this receiver
            return round_.through(self)
        arrival = round_ and round_.arrival  # another signal passes it on
        return self.handle(event_kind, event_reference, arrival or self.read(**named))

    @override
    def handle(self, kind: str, reference: str, arrival: Arrival) -> Outcome:
        found = self._find(kind, arrival.envelope.type)
        if switch.is_off:
            return Passage(kind, reference, arrival, found).complete()  # as below, in one step
        return passage(kind, reference, arrival, found).complete()

    @override
    def split(self, kind: str, reference: str, arrival: Arrival) -> Passage:
        return passage(kind, reference, arrival, self._find(kind, arrival.envelope.type))

    @override
    def read(self, event_payload: object = None, event_parameters: Mapping[str, str] | None = None, **_: Any) -> Arrival:
        return Arrival(from_payload(event_payload), {name: [value] for name, value in (event_parameters or {}).items()})
