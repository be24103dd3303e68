"""Refuses receivers that no call would fit, and adapts those without `**kwargs`.

An adapter calls its receiver with the arguments that the receiver names.
"""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from .._concurrency import is_async_function
from ..exceptions import RegistrationError
from .base import Receiver, is_router_receiver, receiver_name

#: The arguments that a receiver can take: Django's two, and the four of the event.
SENT: Final = ("signal", "sender", "event_kind", "event_reference", "event_payload", "event_parameters")
#: Parameters that no argument reaches by its name.
_BY_PLACE: Final = frozenset({inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL})
_Parameters: TypeAlias = Mapping[str, inspect.Parameter]
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

    adapter = acall if is_async_function(receiver) else call
    adapter.__qualname__ = receiver_name(receiver)
    setattr(adapter, _TARGET, target)
    return adapter


def check_takes_all(receiver: Receiver, signal: str, sent: Sequence[str]) -> None:
    """Raise `RegistrationError` for a receiver that cannot be called with all arguments of a signal."""
    parameters = _parameters(receiver, follow_wrapped=False)
    if parameters is None:
        return
    _check_required(receiver, parameters, signal, sent)
    for name in () if _takes_any(parameters) else sent:
        if name not in parameters or parameters[name].kind in _BY_PLACE:
            msg = (
                f"The receiver {receiver_name(receiver)!r} does not take the argument {name!r}, with which {signal} calls it, "
                "so every call would fail. Add **kwargs."
            )
            raise RegistrationError(msg)


def _named_arguments(receiver: Receiver) -> frozenset[str] | None:
    """The names of the arguments that a receiver takes, or None if it takes any."""
    parameters = _parameters(receiver)
    if parameters is not None and _takes_any(parameters):
        parameters = _parameters(receiver, follow_wrapped=False)
    if parameters is None:
        return None
    _check_required(receiver, parameters, "event_received", SENT)
    return None if _takes_any(parameters) else frozenset(parameters)


def _check_required(receiver: Receiver, parameters: _Parameters, signal: str, sent: Sequence[str]) -> None:
    """Raise `RegistrationError` if an argument is required that the signal does not send by name: every call would fail."""
    for parameter in parameters.values():
        is_variadic = parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}
        is_sent = parameter.name in sent and parameter.kind is not parameter.POSITIONAL_ONLY
        if parameter.default is parameter.empty and not is_variadic and not is_sent:
            msg = (
                f"The receiver {receiver_name(receiver)!r} requires the argument {parameter.name!r}, "
                f"which {signal} cannot give it by name. Take any of {', '.join(sent)}, or **kwargs."
            )
            raise RegistrationError(msg)


def _parameters(receiver: Receiver, *, follow_wrapped: bool = True) -> _Parameters | None:
    """The parameters of a receiver, or of the function inside its decorators, which may give that other arguments."""
    try:
        return inspect.signature(receiver, follow_wrapped=follow_wrapped).parameters
    except (TypeError, ValueError):
        return None


def _takes_any(parameters: _Parameters) -> bool:
    return any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
