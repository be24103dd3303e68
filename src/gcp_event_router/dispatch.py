"""The one receiver that a router connects to a signal: find the handlers, and bring the event through them.

`signals` calls it for each event, by `__call__` from `send` and by `split` from `asend`. Every handler runs, whichever of
them fail: the sync ones in order of registration, then the async ones in order of registration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from typing_extensions import override

from .envelopes import from_payload
from .event import Arrival
from .outcomes import Outcome
from .passages import Passage, passage
from .receivers import TwinReceiver
from .registrations import Found
from .tracing import switch

__all__ = ["Dispatcher"]


class Dispatcher(TwinReceiver):
    """Brings the events of a signal to the handlers that `find` names for their kind and type."""

    def __init__(self, find: Callable[[str, str | None], Found]) -> None:
        self._find = find
        self.__qualname__ = "EventRouter"  # the name by which Django's send_robust logs a failing receiver

    @override
    def __call__(self, *, event_kind: str, event_reference: str, arrival: Arrival | None = None, **named: Any) -> Outcome:
        """Handle an event to its end and return its outcome, or raise what the handlers raised."""
        arrival = arrival or _arrival(**named)
        found = self._find(event_kind, arrival.envelope.type)
        if switch.is_off:
            return Passage(event_kind, event_reference, arrival, found).complete()  # as below, in one step
        return passage(event_kind, event_reference, arrival, found).complete()

    @override
    def split(self, *, event_kind: str, event_reference: str, arrival: Arrival | None = None, **named: Any) -> Passage:
        """Prepare to handle an event on an event loop."""
        arrival = arrival or _arrival(**named)
        return passage(event_kind, event_reference, arrival, self._find(event_kind, arrival.envelope.type))


def _arrival(event_payload: object = None, event_parameters: Mapping[str, str] | None = None, **_: Any) -> Arrival:
    """What the views would have made of an event that somebody else sent."""
    return Arrival(from_payload(event_payload), {name: [value] for name, value in (event_parameters or {}).items()})
