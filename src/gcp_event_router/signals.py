"""The signal that announces an event, to plain `@receiver(event_received)` functions and to routers.

`views` sends it. It is Django's `Signal` with three more promises: a receiver without `**kwargs` is called with the arguments
that it names; all receivers run, even if some fail; and routers get the raw event, even if other software wraps receivers or
patches `send`.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, cast
from weakref import ReferenceType

from django.dispatch import Signal, dispatcher
from django.utils.module_loading import import_string
from typing_extensions import override

from ._concurrency import in_thread, wait_for
from ._dispatch.raw_event import RawEvent
from ._receivers.base import Receiver, Responses, RouterReceiver, is_for_routers, is_router_receiver
from ._receivers.event_broadcast import EventBroadcast, find_broadcast
from ._receivers.kwargs_adapter import KwargsAdapters, original
from .exceptions import ConfigurationError, DocumentError, EnvelopeError
from .outcomes import Outcome, of_responses

__all__ = ["EventSignal", "event_received", "find_signal"]


class EventSignal(Signal):
    """A signal with the arguments `event_kind`, `event_reference`, `event_payload` and `event_parameters`."""

    def __init__(self) -> None:
        super().__init__()
        self._adapters = KwargsAdapters()
        self._sole: RouterReceiver | None = None

    @override
    def connect(self, receiver: Receiver, sender: object = None, weak: bool = True, dispatch_uid: Hashable | None = None) -> None:
        """Connect a receiver, sync or async; unlike in Django, it need not take `**kwargs`.

        Raises `RegistrationError` for a receiver that requires an argument which the signal does not have.
        """
        super().connect(self._adapters.make(receiver, weak=weak), sender, weak, dispatch_uid)
        self._remember_sole()

    @override
    def disconnect(self, receiver: Receiver | None = None, sender: object = None, dispatch_uid: Hashable | None = None) -> bool:
        """Disconnect a receiver. Returns whether it was connected."""
        was_connected = super().disconnect(self._adapters.get(receiver), sender, dispatch_uid)
        self._adapters.release([entry[1] for entry in self.receivers])
        self._remember_sole()
        return bool(was_connected)

    def deliver(self, sender: object, kind: str, reference: str, raw_event: RawEvent) -> Outcome:
        """Send an event of the endpoint, as `send` does: through `send`, if other software has patched it.

        Returns:
            The worst outcome.

        Raises:
            DocumentError: The body cannot be decoded, and a plain receiver listens.

        """
        sole = self._sole
        is_patched = getattr(self.send, "__func__", None) is not _SEND
        if sole is not None and not is_patched and getattr(self._live_receivers, "__func__", None) is _LIVE_RECEIVERS:
            return sole.handle(kind, reference, raw_event)
        blocking, awaited = self._live_receivers(sender)
        if is_patched:
            named = self._named(sender, kind, reference, raw_event, len(blocking) + len(awaited))
            with EventBroadcast({"signal": self, **named}, raw_event):
                return of_responses(_pairs(self.send(**named)))
        broadcast = self._broadcast(sender, kind, reference, raw_event, blocking, awaited)
        return of_responses(self._run(broadcast, blocking, awaited).raised())

    async def adeliver(self, sender: object, kind: str, reference: str, raw_event: RawEvent) -> Outcome:
        """Do the same as `deliver` on an event loop: as `asend`, or through it."""
        sole = self._sole
        is_patched = getattr(self.asend, "__func__", None) is not _ASEND
        if sole is not None and not is_patched and getattr(self._live_receivers, "__func__", None) is _LIVE_RECEIVERS:
            split = sole.split(kind, reference, raw_event)
            if split.blocking:
                await in_thread(split.run)
            return await split.finish()
        blocking, awaited = self._live_receivers(sender)
        if is_patched:
            named = self._named(sender, kind, reference, raw_event, len(blocking) + len(awaited))
            with EventBroadcast({"signal": self, **named}, raw_event):
                return of_responses(_pairs(await self.asend(**named)))
        broadcast = self._broadcast(sender, kind, reference, raw_event, blocking, awaited)
        return of_responses((await self._arun(broadcast, blocking, awaited)).raised())

    @override
    def send(self, sender: Any, **named: Any) -> Responses:
        """Call all receivers, then raise their exceptions: one as itself, several as an `ExceptionGroup`.

        Args:
            sender: The sender; receivers may be connected to one sender only.
            named: `event_kind`, `event_reference`, `event_payload` and `event_parameters`.

        Returns:
            Pairs of a receiver and its response.

        """
        return self._run(self._broadcast_of(sender, named), *self._live_receivers(sender)).raised()

    @override
    async def asend(self, sender: Any, **named: Any) -> Responses:
        """Do the same as `send` on an event loop: all sync receivers in one thread, then all async ones at once."""
        return (await self._arun(self._broadcast_of(sender, named), *self._live_receivers(sender))).raised()

    @override
    def send_robust(self, sender: Any, **named: Any) -> Responses:
        """Call all receivers; an exception replaces the receiver's response."""
        return self._run(self._broadcast_of(sender, named), *self._live_receivers(sender)).settled()

    @override
    async def asend_robust(self, sender: Any, **named: Any) -> Responses:
        """Do the same as `send_robust` on an event loop."""
        return (await self._arun(self._broadcast_of(sender, named), *self._live_receivers(sender))).settled()

    def plain_receivers(self) -> list[Receiver]:
        """The connected receivers of all senders, without those of routers."""
        return [original(receiver) for receiver in self._connected() if not is_router_receiver(receiver)]

    def _run(self, broadcast: EventBroadcast, blocking: list[Receiver], awaited: list[Receiver]) -> EventBroadcast:
        with broadcast:
            if awaited:
                broadcast.part(blocking, awaited)
                broadcast.run_parted()
                wait_for(broadcast.finish_parted)
            else:
                broadcast.run(blocking)
        return broadcast

    async def _arun(self, broadcast: EventBroadcast, blocking: list[Receiver], awaited: list[Receiver]) -> EventBroadcast:
        with broadcast:
            if broadcast.part(blocking, awaited):
                await in_thread(broadcast.run_parted)
            await broadcast.finish_parted()
        return broadcast

    def _broadcast_of(self, sender: object, named: dict[str, Any]) -> EventBroadcast:
        """Make the broadcast of a call of `send`: for the event that is being delivered, or for the caller's own."""
        outer = find_broadcast(named)
        return EventBroadcast({"signal": self, "sender": sender, **named}, outer and outer.raw_event, self._wrapped())

    def _broadcast(
        self, sender: object, kind: str, reference: str, raw_event: RawEvent, blocking: list[Receiver], awaited: list[Receiver]
    ) -> EventBroadcast:
        """Make the broadcast of an event of the endpoint. Its body is decoded only if a receiver may look at it."""
        if not awaited and all(map(is_for_routers, blocking)):
            bare = {"signal": self, "sender": sender, "event_kind": kind, "event_reference": reference}
            return EventBroadcast(bare, raw_event, self._wrapped())
        named = self._named(sender, kind, reference, raw_event, len(blocking) + len(awaited))
        return EventBroadcast({"signal": self, **named}, raw_event, self._wrapped())

    def _named(self, sender: object, kind: str, reference: str, raw_event: RawEvent, listeners: int) -> dict[str, Any]:
        """The documented arguments of the signal."""
        try:
            payload = raw_event.document()
        except EnvelopeError as error:
            if listeners > sum(is_router_receiver(entry[1]) for entry in self.receivers):
                raise DocumentError(error) from error
            payload = raw_event.envelope.body  # routers read the body themselves, but wrappers of them may look at this
        return {
            "sender": sender,
            "event_kind": kind,
            "event_reference": reference,
            "event_payload": payload,
            "event_parameters": raw_event.parameters(),
        }

    def _wrapped(self) -> list[Receiver] | None:
        """The connected receivers, if other software may wrap them."""
        is_own = getattr(self._live_receivers, "__func__", None) is _LIVE_RECEIVERS
        return None if is_own else self._connected()

    def _connected(self) -> list[Receiver]:
        references: list[Any] = [entry[1] for entry in self.receivers]
        receivers: list[Any] = [reference() if isinstance(reference, ReferenceType) else reference for reference in references]
        return [receiver for receiver in receivers if receiver is not None]

    def _remember_sole(self) -> None:
        """Remember a router that listens alone, as in most projects, since it can be called directly."""
        first = self.receivers[0][1] if len(self.receivers) == 1 else None
        self._sole = first if is_router_receiver(first) else None


def _pairs(responses: object) -> Responses:
    """The result of a patched `send`, if it is a list of responses."""
    return cast("Responses", responses) if isinstance(responses, list) else []


def find_signal(signal: Signal | str) -> Signal:
    """Return a signal, or the one at a dotted path. Raises `ConfigurationError` if there is none."""
    if isinstance(signal, Signal):
        return signal
    try:
        imported = import_string(signal)
    except ImportError as error:
        msg = f"The signal {signal!r} cannot be imported. Give a dotted path, such as 'gcp_event_router.signals.event_received'."
        raise ConfigurationError(msg) from error
    if not isinstance(imported, Signal):
        msg = f"{signal!r} is of type {type(imported).__name__}, not a django.dispatch.Signal. Give the path of a signal."
        raise ConfigurationError(msg)
    return imported


_SEND = EventSignal.send
_ASEND = EventSignal.asend
_live_receivers: Any = Signal._live_receivers  # noqa: SLF001 -- other software replaces it
#: Django's own method; None if other software replaced it before this module was imported.
_LIVE_RECEIVERS = _live_receivers if getattr(_live_receivers, "__globals__", None) is vars(dispatcher) else None

#: Sent for each event, with `sender`, `event_kind` (str), `event_reference` (str), `event_payload` (the whole body, including the
#: envelope: decoded JSON, or bytes if it is not JSON) and `event_parameters` (the query parameters, a dict of strings).
event_received: EventSignal = EventSignal()
