"""The signal that says that an event arrived, for plain `@receiver(event_received)` functions and for routers alike.

`views` sends it. It is Django's `Signal` with two more promises: a receiver written without `**kwargs` is called with the
arguments that it names, and all receivers run, whichever of them fail.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Protocol
from weakref import ReferenceType

from asgiref.sync import sync_to_async
from django.dispatch import Signal
from typing_extensions import override

from .exceptions import EnvelopeError, UndecodableBodyError
from .receivers import Receiver, Responses, Round, StandIns, TwinReceiver, original, wait_for

__all__ = ["DocumentError", "EventSignal", "event_received"]


class DocumentError(UndecodableBodyError):
    """Raised for a body that plain receivers cannot be given, or that is for no handler: nobody was called.

    Who sent the event logs it, and keeps it where events are kept.
    """

    def __init__(self, reason: EnvelopeError) -> None:
        super().__init__(str(reason))
        #: What was wrong with it.
        self.reason = reason


class Arrival(Protocol):
    """What the views know of a request; `event.Arrival` is it. The signal asks it for what only plain receivers need."""

    def document(self) -> object:
        """The body decoded."""

    def parameters(self) -> dict[str, str]:
        """The query parameters."""
        ...


class EventSignal(Signal):
    """A signal with the arguments `event_kind`, `event_reference`, `event_payload` and `event_parameters`."""

    def __init__(self) -> None:
        super().__init__()
        self._stand_ins = StandIns()
        self._sole: TwinReceiver | None = None

    @override
    def connect(self, receiver: Receiver, sender: object = None, weak: bool = True, dispatch_uid: Hashable | None = None) -> None:
        """Connect a receiver, sync or async; as in Django, but it need not take `**kwargs`.

        Raises `RegistrationError` for a receiver that requires an argument which is never sent.
        """
        super().connect(self._stand_ins.make(receiver, weak=weak), sender, weak, dispatch_uid)
        self._remember_sole()

    @override
    def disconnect(self, receiver: Receiver | None = None, sender: object = None, dispatch_uid: Hashable | None = None) -> bool:
        """Disconnect a receiver, named as it was connected. Returns whether it was connected."""
        done = super().disconnect(self._stand_ins.get(receiver), sender, dispatch_uid)
        self._stand_ins.release([entry[1] for entry in self.receivers])
        self._remember_sole()
        return bool(done)

    @override
    def send(self, sender: Any, **named: Any) -> Responses:
        """Call all receivers, then raise what they raised: one exception as itself, several as an `ExceptionGroup`.

        Args:
            sender: Who sends; receivers may be connected to one sender only.
            named: `event_kind`, `event_reference`, `event_payload` and `event_parameters`. The views give an `arrival`
                instead of the last two, and they are read from it where a plain receiver listens.

        Returns:
            Each receiver with what it returned.

        """
        if self._sole is not None:
            return [(self._sole, self._sole(**named))]
        return self._send(sender, named).raised()

    @override
    async def asend(self, sender: Any, **named: Any) -> Responses:
        """Do what `send` does, on an event loop: everything sync in one thread, then everything async at once."""
        return (await self._asend(sender, named)).raised()

    @override
    def send_robust(self, sender: Any, **named: Any) -> Responses:
        """Call all receivers; what one raises stands in the place of its response."""
        return self._send(sender, named).responses

    @override
    async def asend_robust(self, sender: Any, **named: Any) -> Responses:
        """Do what `send_robust` does, on an event loop."""
        return (await self._asend(sender, named)).responses

    def plain_receivers(self) -> list[Receiver]:
        """The receivers that are connected beside routers, whatever sender they listen to; called by `manage.py events`."""
        references: list[Any] = [entry[1] for entry in self.receivers]
        found: list[Any] = [each() if isinstance(each, ReferenceType) else each for each in references]
        return [original(each) for each in found if each is not None and not isinstance(each, TwinReceiver)]

    def _send(self, sender: object, named: dict[str, Any]) -> Round:
        blocking, awaited = self._live_receivers(sender)
        plain, twin = self._calls(sender, named, blocking, awaited)
        round_ = Round(plain)
        if awaited:
            round_.split(blocking, awaited, twin)
            round_.run()
            wait_for(round_.finish)
        else:
            for receiver in blocking:
                round_.call(receiver, twin if isinstance(receiver, TwinReceiver) else plain)
        return round_

    async def _asend(self, sender: object, named: dict[str, Any]) -> Round:
        blocking, awaited = self._live_receivers(sender)
        plain, twin = self._calls(sender, named, blocking, awaited)
        round_ = Round(plain)
        if round_.split(blocking, awaited, twin):
            await sync_to_async(round_.run)()
        await round_.finish()
        return round_

    def _calls(
        self, sender: object, named: dict[str, Any], blocking: list[Receiver], awaited: list[Receiver]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The arguments for plain receivers and for twins. A body is decoded only if a plain receiver wants it."""
        arrival: Arrival | None = named.get("arrival")
        twin = {"signal": self, "sender": sender, **named}
        if arrival is None:  # somebody's own send(): the arguments are all there
            return twin, twin
        if not awaited and all(isinstance(receiver, TwinReceiver) for receiver in blocking):
            return {}, twin
        try:
            payload = arrival.document()
        except EnvelopeError as error:
            raise DocumentError(error) from error
        plain = {
            "signal": self,
            "sender": sender,
            "event_kind": named["event_kind"],
            "event_reference": named["event_reference"],
            "event_payload": payload,
            "event_parameters": arrival.parameters(),
        }
        return plain, twin

    def _remember_sole(self) -> None:
        """Note the router that listens alone, as in most projects: its events need no more than a call."""
        blocking, awaited = self._live_receivers(None)
        first = blocking[0] if len(self.receivers) == 1 and not awaited and blocking else None
        self._sole = first if isinstance(first, TwinReceiver) else None


#: Sent for each event, with `sender`, `event_kind` (str), `event_reference` (str), `event_payload` (the body: decoded JSON as
#: it came, envelope included, or bytes if it is not JSON) and `event_parameters` (the query parameters, a dict of strings).
event_received: EventSignal = EventSignal()
