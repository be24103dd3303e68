"""Signals for monitoring handlers: metrics, error trackers, audits. They cost nothing without listeners.

The package logs an exception of a listener, which has no other effect.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from django.dispatch import Signal
from typing_extensions import override

from ._receivers.broadcast import Broadcast
from ._receivers.kwargs_adapter import check_takes_all

__all__ = ["LifecycleSignal", "event_rejected", "handler_finished", "handler_started"]


#: Sent when a listener connects or disconnects. Private to this package.
listeners_changed: Signal = Signal()


class LifecycleSignal(Signal):
    """A signal whose listeners, sync and async, cannot affect the event, although the package waits for them.

    It logs their exceptions. Where an event loop runs, sync listeners run in a thread.
    """

    def __init__(self, name: str, *arguments: str) -> None:
        super().__init__()
        self.name: str = name
        #: The names of the arguments that every listener gets.
        self.arguments: tuple[str, ...] = ("signal", "sender", *arguments)

    @override
    def __setattr__(self, name: str, value: object) -> None:
        """Notice a new list of listeners, since libraries mute signals by replacing it."""
        super().__setattr__(name, value)
        if name == "receivers":
            listeners_changed.send(self)

    @override
    def connect(
        self,
        receiver: Callable[..., Any],
        sender: object = None,
        weak: bool = True,
        dispatch_uid: Hashable | None = None,
    ) -> None:
        """Connect a listener. Raises `RegistrationError` for one that cannot be called with the signal's arguments."""
        check_takes_all(receiver, self.name, self.arguments)
        super().connect(receiver, sender, weak, dispatch_uid)
        listeners_changed.send(self)

    @override
    def disconnect(
        self, receiver: Callable[..., Any] | None = None, sender: object = None, dispatch_uid: Hashable | None = None
    ) -> bool:
        was_connected = bool(super().disconnect(receiver, sender, dispatch_uid))
        listeners_changed.send(self)
        return was_connected

    def tell(self, sender: object, **named: Any) -> None:
        """Call all listeners and wait for them, even if the caller's thread runs an event loop."""
        if self.receivers:
            Broadcast(self.name, {"signal": self, "sender": sender, **named}).run(*self._live_receivers(sender))

    async def atell(self, sender: object, **named: Any) -> None:
        """Call all listeners without blocking the event loop: sync listeners run in a thread."""
        if self.receivers:
            await Broadcast(self.name, {"signal": self, "sender": sender, **named}).arun(*self._live_receivers(sender))


_HANDLER = ("handler", "event_kind", "event_reference", "envelope", "principal")

#: A handler is about to be called. `sender` is the registered function; the other arguments are `handler` (its name),
#: `event_kind`, `event_reference`, `envelope` and `principal`.
handler_started: LifecycleSignal = LifecycleSignal("handler_started", *_HANDLER)
#: A handler has ended. The same arguments, with `outcome` (an `Outcome`; with the inbox, the stored one), `duration` (seconds),
#: `error` (the exception, or None) and `event` (the handler's argument; None if it was not called). Not sent if the process
#: or the request ends first.
handler_finished: LifecycleSignal = LifecycleSignal("handler_finished", *_HANDLER, "outcome", "duration", "error", "event")
#: A request or an event was rejected before any handler: `event_kind`, `event_reference`, `outcome`, `error` and `principal`;
#: `sender` is None.
event_rejected: LifecycleSignal = LifecycleSignal(
    "event_rejected", "event_kind", "event_reference", "outcome", "error", "principal"
)
