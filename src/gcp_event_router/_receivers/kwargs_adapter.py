"""Adapts receivers without `**kwargs`: they are called with the arguments that they name."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Hashable
from typing import Any, cast

from asgiref.sync import markcoroutinefunction
from typing_extensions import override

from ..exceptions import RegistrationError
from .base import Receiver, is_router_receiver

#: The arguments that a receiver can take: Django's two, and the four of the event.
SENT = ("signal", "sender", "event_kind", "event_reference", "event_payload", "event_parameters")


class KwargsAdapters:
    """The adapters of one signal: one for each receiver without `**kwargs`."""

    def __init__(self) -> None:
        self._adapters: dict[Hashable, _KwargsAdapter] = {}

    def make(self, receiver: Receiver, *, weak: bool) -> Receiver:
        """Return the adapter to connect for `receiver`, or itself, if it takes any argument.

        An adapter lives as long as its receiver, so that Django's weak references work.
        """
        names = None if is_router_receiver(receiver) else _named_arguments(receiver)
        if names is None:
            return receiver
        key = _identity(receiver)
        adapter = self._adapters.get(key)
        if adapter is None:
            kind = _AsyncKwargsAdapter if inspect.iscoroutinefunction(receiver) else _KwargsAdapter
            adapter = self._adapters[key] = kind(receiver, names, weak=weak)
            if weak:
                weakref.finalize(getattr(receiver, "__self__", receiver), self._adapters.pop, key, None)
        elif not weak:
            adapter.hold(receiver)
        return adapter

    def get(self, receiver: Receiver | None) -> Receiver | None:
        """Return the adapter of `receiver`, or itself."""
        return self._adapters.get(_identity(receiver), receiver)

    def release(self, connected: list[object]) -> None:
        """Drop adapters that hold receivers which are no longer connected."""
        for key, adapter in list(self._adapters.items()):
            if adapter.is_strong and not any(receiver is adapter for receiver in connected):
                del self._adapters[key]


class _KwargsAdapter:
    """Calls a receiver without `**kwargs` with the arguments that it names."""

    def __init__(self, receiver: Receiver, names: frozenset[str], *, weak: bool) -> None:
        self.is_strong = False
        self._names = names
        self._target: Callable[[], Receiver | None]
        if not weak:
            self.hold(receiver)
        elif hasattr(receiver, "__func__"):
            self._target = weakref.WeakMethod(receiver)
        else:
            self._target = weakref.ref(receiver)

    def hold(self, receiver: Receiver) -> None:
        """Keep the receiver alive, as `connect(weak=False)` promises."""
        self.is_strong = True
        self._target = lambda: receiver

    def target(self) -> Receiver | None:
        """The receiver, while it is alive."""
        return self._target()

    def __call__(self, **named: Any) -> Any:
        receiver = self._target()
        if receiver is None:  # it died after the look-up
            return None
        return receiver(**{name: named[name] for name in self._names if name in named})


class _AsyncKwargsAdapter(_KwargsAdapter):
    def __init__(self, receiver: Receiver, names: frozenset[str], *, weak: bool) -> None:
        super().__init__(receiver, names, weak=weak)
        markcoroutinefunction(self)

    @override
    async def __call__(self, **named: Any) -> Any:
        awaitable = super().__call__(**named)
        return None if awaitable is None else await awaitable


def original(receiver: Receiver) -> Receiver:
    """The connected receiver, without its adapter."""
    if not issubclass(type(receiver), _KwargsAdapter):  # isinstance would be true for a proxy, too
        return receiver
    return cast("_KwargsAdapter", receiver).target() or receiver


def _identity(receiver: Receiver | None) -> Hashable:
    """The same for two references to one bound method."""
    return id(getattr(receiver, "__self__", None)), id(getattr(receiver, "__func__", receiver))


def _named_arguments(receiver: Receiver) -> frozenset[str] | None:
    """The names of the arguments that `receiver` takes, or None if it takes any."""
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
                "which event_received cannot give it by name. Take any of "
                f"{', '.join(SENT)}, or **kwargs."
            )
            raise RegistrationError(msg)
    return frozenset(parameter.name for parameter in parameters)
