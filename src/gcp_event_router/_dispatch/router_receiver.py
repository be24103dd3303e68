"""The one receiver that a router connects to a signal: find the handlers, and bring the event through them.

`signals` calls it for each event, by `handle` or in the two parts of `split`; whatever wraps it calls it as any receiver. Every
handler runs, whichever of them fail: the sync ones in order of registration, then the async ones in order of registration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from typing_extensions import override

from .._receivers.base import RouterReceiver
from .._receivers.event_broadcast import find_broadcast
from ..envelopes import from_payload
from ..outcomes import Outcome
from .dispatch import Passage, passage
from .lookup import HandlersFound
from .raw_event import RawEvent
from .tracing import switch

__all__ = ["Dispatcher"]


class Dispatcher(RouterReceiver):
    """Brings the events of a signal to the handlers that `find` names for their kind and type."""

    def __init__(self, find: Callable[[str, str | None], HandlersFound]) -> None:
        self._find = find
        self.__qualname__ = "EventRouter"  # the name by which Django's send_robust logs a failing receiver

    @override
    def __call__(self, *, event_kind: str, event_reference: str, **named: Any) -> object:
        """Handle an event to its end and return its outcome, or raise what the handlers raised."""
        broadcast = find_broadcast({"event_kind": event_kind, "event_reference": event_reference, **named})
        if broadcast is not None and named.get("signal", broadcast.signal) is broadcast.signal:  # something wraps this receiver
            return broadcast.through(self)
        raw_event = broadcast and broadcast.raw_event  # another signal passes it on
        return self.handle(event_kind, event_reference, raw_event or self.read(**named))

    @override
    def handle(self, kind: str, reference: str, raw_event: RawEvent) -> Outcome:
        found = self._find(kind, raw_event.envelope.type)
        if switch.is_off:
            return Passage(kind, reference, raw_event, found).complete()  # as below, in one step
        return passage(kind, reference, raw_event, found).complete()

    @override
    def split(self, kind: str, reference: str, raw_event: RawEvent) -> Passage:
        return passage(kind, reference, raw_event, self._find(kind, raw_event.envelope.type))

    @override
    def read(self, event_payload: object = None, event_parameters: Mapping[str, str] | None = None, **_: Any) -> RawEvent:
        return RawEvent(from_payload(event_payload), {name: [value] for name, value in (event_parameters or {}).items()})
