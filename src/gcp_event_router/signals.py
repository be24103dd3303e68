"""The signal that announces an event, to plain `@receiver(event_received)` functions and to routers.

It is Django's `Signal` with three more promises: a receiver without `**kwargs` is called with the arguments that it names; all
receivers run, even if some fail; and routers get the raw event, even if other software wraps receivers or patches `send`.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Final, Generic
from weakref import ReferenceType

from django.dispatch import Signal, dispatcher
from django.utils.module_loading import import_string
from typing_extensions import TypeVar, override

from ._concurrency import in_thread
from ._dispatch.lookup import LISTENING, Router
from ._dispatch.raw_event import RawEvent
from ._receivers.base import Receiver, Responses, RouterReceiver, is_router_receiver, unwrapped
from ._receivers.event_broadcast import EventBroadcast, find_broadcast
from ._receivers.kwargs_adapter import adapted, original
from .exceptions import ConfigurationError, DocumentError, EnvelopeError
from .outcomes import Outcome, of_responses

__all__ = ["EventSignal", "event_received", "find_signal"]


GivenT = TypeVar("GivenT")
ReceiverT = TypeVar("ReceiverT")


class ReceiverDecorator(Generic[GivenT]):
    """To mypy with the plugin, what Django's `receiver` returns for signals of this package, which it keeps in its type."""

    def __call__(self, function: ReceiverT, /) -> ReceiverT:
        """Connect `function` and return it."""
        raise NotImplementedError


class EventSignal(Signal):
    """A signal with the arguments `event_kind`, `event_reference`, `event_payload` and `event_parameters`."""

    #: A router that listens alone, as in most projects; it can be called directly.
    _sole: RouterReceiver | None = None

    @override
    def __setattr__(self, name: str, value: object) -> None:
        """Notice what other software replaces: libraries mute signals by a new list of receivers."""
        super().__setattr__(name, value)
        if name not in {"_sole", "_dead_receivers"}:  # Django sets the latter even while the interpreter shuts down
            self._remember_sole()

    @override
    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        self._remember_sole()

    @override
    def connect(self, receiver: Receiver, sender: object = None, weak: bool = True, dispatch_uid: Hashable | None = None) -> None:
        """Connect a receiver, sync or async; unlike in Django, it need not take `**kwargs`.

        Raises `RegistrationError` for a receiver that requires an argument which the signal does not have.
        """
        adapter = adapted(receiver, weak=weak)
        if adapter is not receiver:  # connected as its receiver is, so that Django disconnects it
            dispatch_uid = dispatch_uid or _django_id(receiver)
        super().connect(adapter, sender, weak, dispatch_uid)
        self._remember_sole()

    @override
    def disconnect(self, receiver: Receiver | None = None, sender: object = None, dispatch_uid: Hashable | None = None) -> bool:
        """Disconnect a receiver. Returns whether it was connected."""
        was_connected = super().disconnect(receiver, sender, dispatch_uid)
        self._remember_sole()
        return bool(was_connected)

    def deliver(self, sender: object, kind: str, reference: str, raw_event: RawEvent) -> Outcome:
        """Send an event of the endpoint, as `send` does: through `send`, if other software has patched it.

        Returns:
            The worst outcome.

        Raises:
            DocumentError: The body cannot be decoded, and a plain receiver listens.

        """
        if self._sole is not None and EventSignal.send is _SEND and EventSignal._live_receivers is _LIVE_RECEIVERS:
            return self._sole.handle(kind, reference, raw_event)
        is_patched = getattr(self.send, "__func__", None) is not _SEND
        blocking, awaited = self._live_receivers(sender)
        arguments = self._arguments(sender, kind, reference, raw_event, [*blocking, *awaited], is_patched)
        with EventBroadcast(self, arguments, raw_event) as broadcast:
            if is_patched:
                return of_responses(self.send(**arguments) or ())
            broadcast.run(blocking, awaited)
            return of_responses(broadcast.result())

    async def adeliver(self, sender: object, kind: str, reference: str, raw_event: RawEvent) -> Outcome:
        """Do the same as `deliver` on an event loop: as `asend`, or through it."""
        if self._sole is not None and EventSignal.asend is _ASEND and EventSignal._live_receivers is _LIVE_RECEIVERS:
            work = self._sole.split(kind, reference, raw_event)
            if work.blocking:
                await in_thread(work.run)
            return await work.finish()
        is_patched = getattr(self.asend, "__func__", None) is not _ASEND
        blocking, awaited = self._live_receivers(sender)
        arguments = self._arguments(sender, kind, reference, raw_event, [*blocking, *awaited], is_patched)
        with EventBroadcast(self, arguments, raw_event) as broadcast:
            if is_patched:
                return of_responses(await self.asend(**arguments) or ())
            await broadcast.arun(blocking, awaited)
            return of_responses(broadcast.result())

    @override
    def send(self, sender: Any, **named: Any) -> Responses:
        """Call all receivers, then raise their exceptions: one as itself, several as an `ExceptionGroup`.

        Args:
            sender: The sender; receivers may be connected to one sender only.
            named: `event_kind`, `event_reference`, `event_payload` and `event_parameters`.

        Returns:
            Pairs of a receiver and its response.

        """
        return self._sent(sender, named).result()

    @override
    async def asend(self, sender: Any, **named: Any) -> Responses:
        """Do the same as `send` on an event loop: all sync receivers in one thread, then all async ones at once."""
        return (await self._asent(sender, named)).result()

    @override
    def send_robust(self, sender: Any, **named: Any) -> Responses:
        """Call all receivers; an exception replaces the receiver's response."""
        return self._sent(sender, named).responses

    @override
    async def asend_robust(self, sender: Any, **named: Any) -> Responses:
        """Do the same as `send_robust` on an event loop."""
        return (await self._asent(sender, named)).responses

    def plain_receivers(self) -> list[Receiver]:
        """Return the connected receivers of all senders, without those of routers."""
        connected: list[Any] = [entry[1] for entry in self.receivers]
        living: list[Any] = [receiver() if isinstance(receiver, ReferenceType) else receiver for receiver in connected]
        return [original(receiver) for receiver in living if receiver is not None and not is_router_receiver(receiver)]

    def _sent(self, sender: object, named: dict[str, Any]) -> EventBroadcast:
        with self._broadcast(sender, named) as broadcast:
            broadcast.run(*self._live_receivers(sender))
        return broadcast

    async def _asent(self, sender: object, named: dict[str, Any]) -> EventBroadcast:
        with self._broadcast(sender, named) as broadcast:
            await broadcast.arun(*self._live_receivers(sender))
        return broadcast

    def _broadcast(self, sender: object, named: dict[str, Any]) -> EventBroadcast:
        """Make the broadcast of a call of `send`: of the event that is being delivered, or of the caller's own."""
        outer = find_broadcast(named)
        return EventBroadcast(self, {"sender": sender, **named}, outer and outer.raw_event)

    def _arguments(
        self, sender: object, kind: str, reference: str, raw_event: RawEvent, receivers: list[Receiver], is_patched: bool
    ) -> dict[str, Any]:
        """Make the documented arguments; without the payload and the parameters if only routers listen, which need neither."""
        arguments: dict[str, Any] = {"sender": sender, "event_kind": kind, "event_reference": reference}
        if not is_patched and all(is_router_receiver(unwrapped(receiver)) for receiver in receivers):
            return arguments
        try:
            payload = raw_event.document()
        except EnvelopeError as error:
            if len(receivers) > sum(is_router_receiver(entry[1]) for entry in self.receivers):
                raise DocumentError(error) from error
            payload = raw_event.envelope.body  # routers read the body themselves, but wrappers of them may look at this
        return arguments | {"event_payload": payload, "event_parameters": raw_event.parameters()}

    def _remember_sole(self) -> None:
        own = vars(self)
        receivers = own.get("receivers", ())
        is_own = all(name not in own and getattr(type(self), name) is getattr(EventSignal, name) for name in _PATCHABLE)
        first = receivers[0][1] if is_own and len(receivers) == 1 else None
        self._sole = first if is_router_receiver(first) else None


def _django_id(receiver: Any) -> Hashable:
    """Make the key by which Django finds a receiver: the same for two references to one bound method."""
    return (id(receiver.__self__), id(receiver.__func__)) if hasattr(receiver, "__func__") else id(receiver)


def find_signal(signal: Signal | str) -> Signal:
    """Return a signal, or the one at a dotted path. Raises `ConfigurationError` for anything else."""
    cause = None
    resolved: object = signal
    if isinstance(signal, str):
        try:
            resolved = import_string(signal)
        except ImportError as error:
            cause = error
    if not isinstance(resolved, Signal):
        msg = f"{signal!r} does not name a signal of Django. Give a path such as 'gcp_event_router.signals.event_received'."
        raise ConfigurationError(msg) from cause
    return resolved


class SignalListener(Router):
    """The part of a router that listens to signals."""

    def __init__(self, receiver: RouterReceiver) -> None:
        """Listen with a receiver, once `listen` is called."""
        self._receiver = receiver
        #: The signals that it listens to; they outlive the router.
        self._signals: set[Signal] = set()

    def listen(self, signal: Signal | str) -> None:
        """Connect to a signal, or to the one at a dotted path. Raises `ConfigurationError` for anything else."""
        signal = find_signal(signal)
        signal.connect(self._receiver, weak=False, dispatch_uid=("gcp_event_router", id(self)))
        self._signals.add(signal)
        LISTENING.add(self)

    def ignore(self, signal: Signal | str) -> None:
        """Undo `listen`. Raises as it does."""
        signal = find_signal(signal)
        signal.disconnect(dispatch_uid=("gcp_event_router", id(self)))
        self._signals.discard(signal)
        if not self._signals:
            LISTENING.discard(self)

    @override
    def has_plain_company(self) -> bool:
        """Whether plain receivers listen to one of its signals, too."""
        return any(isinstance(signal, EventSignal) and signal.plain_receivers() for signal in self._signals)


_SEND: Final = EventSignal.send
_ASEND: Final = EventSignal.asend
#: The methods that other software replaces, in one signal or in the class.
_PATCHABLE: Final = ("send", "asend", "_live_receivers")
_live_receivers: Any = Signal._live_receivers  # noqa: SLF001 -- other software replaces it
#: Django's own method; None if other software replaced it before this module was imported.
_LIVE_RECEIVERS: Final = _live_receivers if getattr(_live_receivers, "__globals__", None) is vars(dispatcher) else None

#: Sent for each event, with `sender`, `event_kind` (str), `event_reference` (str), `event_payload` (the whole body, including the
#: envelope: decoded JSON, or bytes if it is not JSON) and `event_parameters` (the query parameters, a dict of strings).
event_received: EventSignal = EventSignal()
