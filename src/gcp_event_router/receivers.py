"""The receivers of an event signal, plain ones and routers, and how all of them are called for one event.

`signals` connects and calls them; `dispatch` is a `TwinReceiver`.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any, Protocol, TypeAlias, TypeVar

from asgiref.sync import async_to_sync, markcoroutinefunction
from typing_extensions import override

from .exceptions import Answer, RegistrationError
from .logs import logger, trail

__all__ = ["Receiver", "Responses", "Round", "StandIns", "TwinReceiver", "original", "wait_for"]

T = TypeVar("T")
Receiver: TypeAlias = Callable[..., Any]
Responses: TypeAlias = list[tuple[Receiver, Any]]

#: All that a receiver can be given: Django's two, and the four that tell of the event.
_SENT = ("signal", "sender", "event_kind", "event_reference", "event_payload", "event_parameters")


class Split(Protocol):
    """The work of a `TwinReceiver` for one event, in a part for a thread and a part for the event loop."""

    @property
    def blocking(self) -> bool:
        """Whether `run` has anything to do."""
        ...

    def run(self) -> None:
        """Do what must not block the loop; keeps its failures for `finish`."""

    async def finish(self) -> object:
        """Do the rest and return the response, or raise."""


class TwinReceiver:
    """A receiver that serves `send` and `asend` alike, and gets the `Arrival` too. Routers connect one."""

    def __call__(self, *, event_kind: str, event_reference: str, arrival: Any = None, **named: Any) -> object:
        """Do all the work; for `send`, and for signals that know nothing of `split`."""
        raise NotImplementedError

    def split(self, *, event_kind: str, event_reference: str, arrival: Any = None, **named: Any) -> Split:
        """Prepare the same work for `asend`."""
        raise NotImplementedError


class Round:
    """One event's way through all receivers: none is left out, whatever the others raise."""

    def __init__(self, plain: dict[str, Any]) -> None:
        self.responses: Responses = []
        self._failures: list[Exception] = []
        self._plain = plain
        self._receivers: list[Receiver] = []
        self._awaited: list[Receiver] = []
        self._splits: list[tuple[Receiver, Split]] = []

    def split(self, blocking: list[Receiver], awaited: list[Receiver], twin: dict[str, Any]) -> bool:
        """Part the work into `run`, for a thread, and `finish`, for the loop; returns whether `run` has anything to do."""
        self._receivers = [receiver for receiver in blocking if not isinstance(receiver, TwinReceiver)]
        self._splits = [(each, each.split(**twin)) for each in blocking if isinstance(each, TwinReceiver)]
        self._awaited = awaited
        return bool(self._receivers) or any(split.blocking for _, split in self._splits)

    def run(self) -> None:
        """Call everything sync."""
        for receiver in self._receivers:
            self.call(receiver, self._plain)
        for _, split in self._splits:
            split.run()

    async def finish(self) -> None:
        """Await everything async, all at once."""
        await asyncio.gather(
            *(self._await(twin, split.finish) for twin, split in self._splits),
            *(self._await(receiver, partial(receiver, **self._plain)) for receiver in self._awaited),
        )

    def call(self, receiver: Receiver, named: dict[str, Any]) -> None:
        """Call one sync receiver."""
        try:
            response = receiver(**named)
        except Exception as error:  # noqa: BLE001 -- kept, so that the others run
            self._failed(receiver, error)
        else:
            self.responses.append((original(receiver), response))

    def raised(self) -> Responses:
        """The responses, or what the receivers raised."""
        if len(self._failures) == 1:
            raise self._failures[0]
        if self._failures:
            msg = "several receivers of event_received failed"
            raise ExceptionGroup(msg, self._failures)
        return self.responses

    async def _await(self, receiver: Receiver, call: Callable[[], Awaitable[Any]]) -> None:
        try:
            response = await call()
        except Exception as error:  # noqa: BLE001 -- as in call()
            self._failed(receiver, error)
        else:
            self.responses.append((original(receiver), response))

    def _failed(self, receiver: Receiver, error: Exception) -> None:
        """Keep a failure, with a line in the log; twins write their own."""
        self._failures.append(error)
        self.responses.append((original(receiver), error))
        if not isinstance(receiver, TwinReceiver):
            name = getattr(original(receiver), "__qualname__", type(receiver).__qualname__)
            level, what = (logging.INFO, "answered") if isinstance(error, Answer) else (logging.ERROR, "failed")
            logger.log(level, "Receiver %s of event_received %s: %s", name, what, trail(error), extra={"handler": name})
            logger.debug("Receiver %s of event_received failed", name, exc_info=error)


class StandIns:
    """The stand-ins of one signal: one for each receiver that does not take `**kwargs`."""

    def __init__(self) -> None:
        self._made: dict[Hashable, _StandIn] = {}

    def make(self, receiver: Receiver, *, weak: bool) -> Receiver:
        """What to connect for `receiver`: itself, if it takes any argument.

        A stand-in lives as long as its receiver does, so that Django's weak references hold.
        """
        names = None if isinstance(receiver, TwinReceiver) else _named_arguments(receiver)
        if names is None:
            return receiver
        key = _identity(receiver)
        made = self._made.get(key)
        if made is None:
            kind = _AsyncStandIn if inspect.iscoroutinefunction(receiver) else _StandIn
            made = self._made[key] = kind(receiver, names, weak=weak)
            if weak:
                weakref.finalize(getattr(receiver, "__self__", receiver), self._made.pop, key, None)
        elif not weak:
            made.hold(receiver)
        return made

    def get(self, receiver: Receiver | None) -> Receiver | None:
        """What was connected for `receiver`."""
        return self._made.get(_identity(receiver), receiver)

    def release(self, connected: list[object]) -> None:
        """Let go of the receivers that are held and not connected any more."""
        for key, made in list(self._made.items()):
            if made.is_strong and not any(each is made for each in connected):
                del self._made[key]


class _StandIn:
    """Stands in for a receiver without `**kwargs` and calls it with the arguments that it names."""

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
        """The receiver, while it lives."""
        return self._target()

    def __call__(self, **named: Any) -> Any:
        receiver = self._target()
        if receiver is None:  # it died after it was looked up
            return None
        return receiver(**{name: named[name] for name in self._names if name in named})


class _AsyncStandIn(_StandIn):
    def __init__(self, receiver: Receiver, names: frozenset[str], *, weak: bool) -> None:
        super().__init__(receiver, names, weak=weak)
        markcoroutinefunction(self)

    @override
    async def __call__(self, **named: Any) -> Any:
        awaitable = super().__call__(**named)
        return None if awaitable is None else await awaitable


def wait_for(start: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end from sync code, also where the caller's thread runs an event loop."""
    if not _is_looping():
        return async_to_sync(start)()
    with ThreadPoolExecutor(1) as executor:  # send() inside a loop blocks it in any case; this at least does not fail
        return executor.submit(copy_context().run, lambda: asyncio.run(start())).result()


def _is_looping() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def original(receiver: Receiver) -> Receiver:
    """The receiver that was connected, behind its stand-in."""
    return (receiver.target() or receiver) if isinstance(receiver, _StandIn) else receiver


def _identity(receiver: Receiver | None) -> Hashable:
    """What makes two looks at one bound method the same."""
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
        if required and (parameter.name not in _SENT or parameter.kind is parameter.POSITIONAL_ONLY):
            msg = (
                f"The receiver {getattr(receiver, '__qualname__', receiver)!r} requires the argument {parameter.name!r}, "
                "which event_received cannot give it by name. Take any of "
                f"{', '.join(_SENT)}, or **kwargs."
            )
            raise RegistrationError(msg)
    return frozenset(parameter.name for parameter in parameters)
