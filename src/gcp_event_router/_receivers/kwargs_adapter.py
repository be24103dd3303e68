"""Adapts receivers without `**kwargs`: an adapter calls its receiver with the arguments that the receiver names."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable
from typing import Any, Final

from ..exceptions import RegistrationError
from .base import Receiver, is_router_receiver

#: The arguments that a receiver can take: Django's two, and the four of the event.
SENT: Final = ("signal", "sender", "event_kind", "event_reference", "event_payload", "event_parameters")
#: The attribute of an adapter with the function that returns its receiver, or None if that has died.
_TARGET: Final = "_gcp_event_router_target"


def adapted(receiver: Receiver, *, weak: bool) -> Receiver:
    """Return an adapter of a receiver without `**kwargs`; any other receiver as it is.

    A weak adapter lives exactly as long as its receiver, so that Django may hold it by a weak reference.
    """
    names = None if is_router_receiver(receiver) else _named_arguments(receiver)
    if names is None:
        return receiver
    adapter = _adapter(receiver, names, _weak(receiver) if weak else lambda: receiver)
    if weak:
        weakref.finalize(getattr(receiver, "__self__", receiver), id, adapter)  # refers to the adapter until then
    return adapter


def original(receiver: Receiver) -> Receiver:
    """Return the receiver of an adapter, or of a wrapper with its attributes; any other receiver as it is."""
    target = getattr(receiver, "__dict__", {}).get(_TARGET)
    connected = None if target is None else target()
    return receiver if connected is None else connected


def _weak(receiver: Any) -> Callable[[], Receiver | None]:
    return weakref.WeakMethod(receiver) if hasattr(receiver, "__func__") else weakref.ref(receiver)


def _adapter(receiver: Receiver, names: frozenset[str], target: Callable[[], Receiver | None]) -> Receiver:
    def call(**named: Any) -> Any:
        function = target()
        if function is None:  # it died after the look-up
            return None
        return function(**{name: named[name] for name in names if name in named})

    async def acall(**named: Any) -> Any:
        awaitable = call(**named)
        return None if awaitable is None else await awaitable

    adapter = acall if inspect.iscoroutinefunction(receiver) else call
    adapter.__qualname__ = getattr(receiver, "__qualname__", type(receiver).__qualname__)
    setattr(adapter, _TARGET, target)
    return adapter


def _named_arguments(receiver: Receiver) -> frozenset[str] | None:
    """The names of the arguments that a receiver takes, or None if it takes any."""
    try:
        parameters = inspect.signature(receiver).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    for parameter in parameters:
        required = parameter.default is parameter.empty and parameter.kind is not parameter.VAR_POSITIONAL
        if required and (parameter.name not in SENT or parameter.kind is parameter.POSITIONAL_ONLY):
            msg = (
                f"The receiver {getattr(receiver, '__qualname__', receiver)!r} requires the argument {parameter.name!r}, "
                f"which event_received cannot give it by name. Take any of {', '.join(SENT)}, or **kwargs."
            )
            raise RegistrationError(msg)
    return frozenset(parameter.name for parameter in parameters)
