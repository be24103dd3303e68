"""The signal that says that an event arrived, for plain `@receiver(event_received)` functions and for routers alike.

`views` sends it. It is Django's `Signal` with two more promises: a receiver written without `**kwargs` is called with the
arguments that it names, and all receivers run, whichever of them fail.
"""

from __future__ import annotations

import asyncio
import inspect
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeAlias, TypeVar

from asgiref.sync import async_to_sync, markcoroutinefunction, sync_to_async
from django.dispatch import Signal
from typing_extensions import override

from .exceptions import RegistrationError
from .logs import logger, trail

__all__ = ["EventSignal", "TwinReceiver", "event_received", "wait_for"]

T = TypeVar("T")
Receiver: TypeAlias = Callable[..., Any]
Responses: TypeAlias = list[tuple[Receiver, Any]]

#: All that a receiver can be given: Django's two, and the four that tell of the event.
_SENT = ("signal", "sender", "event_kind", "event_reference", "event_payload", "event_parameters")


class Arrival(Protocol):
    """What the views know of a request; `event.Arrival` is it. The signal asks it for what only plain receivers need."""

    def document(self) -> object:
        """The body decoded."""

    def parameters(self) -> dict[str, str]:
        """The query parameters."""
        ...


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


class EventSignal(Signal):
    """A signal with the arguments `event_kind`, `event_reference`, `event_payload` and `event_parameters`."""

    def __init__(self) -> None:
        super().__init__()
        self._namings: dict[Hashable, _Naming] = {}
        self._sole: TwinReceiver | None = None

    @override
    def connect(self, receiver: Receiver, sender: object = None, weak: bool = True, dispatch_uid: Hashable | None = None) -> None:
        """Connect a receiver, sync or async; as in Django, but it need not take `**kwargs`.

        Raises `RegistrationError` for a receiver that requires an argument which is never sent.
        """
        names = None if isinstance(receiver, TwinReceiver) else _arguments(receiver)
        if names is not None:
            receiver = self._naming(receiver, names, weak=weak)
        super().connect(receiver, sender, weak, dispatch_uid)
        self._remember_sole()

    @override
    def disconnect(self, receiver: Receiver | None = None, sender: object = None, dispatch_uid: Hashable | None = None) -> bool:
        """Disconnect a receiver, named as it was connected. Returns whether it was connected."""
        naming = self._namings.get(_identity(receiver))
        done = super().disconnect(naming or receiver, sender, dispatch_uid)
        if naming is not None and naming.is_strong and not any(entry[1] is naming for entry in self.receivers):
            del self._namings[_identity(receiver)]
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
        return _raise_failures(self._send(sender, named))

    @override
    async def asend(self, sender: Any, **named: Any) -> Responses:
        """Do what `send` does, on an event loop: everything sync in one thread, then everything async at once."""
        return _raise_failures(await self._asend(sender, named))

    @override
    def send_robust(self, sender: Any, **named: Any) -> Responses:
        """Call all receivers; what one raises stands in the place of its response."""
        return self._send(sender, named)

    @override
    async def asend_robust(self, sender: Any, **named: Any) -> Responses:
        """Do what `send_robust` does, on an event loop."""
        return await self._asend(sender, named)

    def _send(self, sender: object, named: dict[str, Any]) -> Responses:
        blocking, awaited = self._live_receivers(sender)
        plain, twin = self._calls(sender, named, blocking, awaited)
        if not awaited:
            return [
                (_original(receiver), _attempt(receiver, twin if isinstance(receiver, TwinReceiver) else plain))
                for receiver in blocking
            ]
        work = _Work(blocking, awaited, plain, twin)
        work.run()
        wait_for(work.finish)
        return work.responses

    async def _asend(self, sender: object, named: dict[str, Any]) -> Responses:
        blocking, awaited = self._live_receivers(sender)
        work = _Work(blocking, awaited, *self._calls(sender, named, blocking, awaited))
        if work.blocking:
            await sync_to_async(work.run)()
        await work.finish()
        return work.responses

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
        plain = {
            "signal": self,
            "sender": sender,
            "event_kind": named["event_kind"],
            "event_reference": named["event_reference"],
            "event_payload": arrival.document(),
            "event_parameters": arrival.parameters(),
        }
        return plain, twin

    def _remember_sole(self) -> None:
        """Note the router that listens alone, as in most projects: its events need no more than a call."""
        blocking, awaited = self._live_receivers(None)
        first = blocking[0] if len(self.receivers) == 1 and not awaited and blocking else None
        self._sole = first if isinstance(first, TwinReceiver) else None

    def _naming(self, receiver: Receiver, names: frozenset[str], *, weak: bool) -> _Naming:
        """The one stand-in of a receiver. It lives as long as the receiver does, so that Django's weak references hold."""
        key = _identity(receiver)
        naming = self._namings.get(key)
        if naming is None:
            kind = _AsyncNaming if inspect.iscoroutinefunction(receiver) else _Naming
            naming = self._namings[key] = kind(receiver, names, weak=weak)
            if weak:
                weakref.finalize(getattr(receiver, "__self__", receiver), self._namings.pop, key, None)
        return naming


class _Work:
    """All receivers of one event, in a part for a thread and a part for the event loop: one hop between them at most."""

    def __init__(self, blocking: list[Receiver], awaited: list[Receiver], plain: dict[str, Any], twin: dict[str, Any]) -> None:
        self.responses: Responses = []
        self._plain = plain
        self._receivers = [receiver for receiver in blocking if not isinstance(receiver, TwinReceiver)]
        self._twins = [(each, each.split(**twin)) for each in blocking if isinstance(each, TwinReceiver)]
        self._awaited = awaited
        self.blocking = bool(self._receivers) or any(split.blocking for _, split in self._twins)

    def run(self) -> None:
        for receiver in self._receivers:
            self.responses.append((_original(receiver), _attempt(receiver, self._plain)))
        for _, split in self._twins:
            split.run()

    async def finish(self) -> None:
        coroutines = [_settle(twin, split.finish()) for twin, split in self._twins]
        coroutines += [_settle(receiver, receiver(**self._plain)) for receiver in self._awaited]
        results = await asyncio.gather(*coroutines)
        receivers: list[Receiver] = [*(twin for twin, _ in self._twins), *map(_original, self._awaited)]
        self.responses.extend(zip(receivers, results, strict=True))


class _Naming:
    """Stands in for a receiver without `**kwargs` and calls it with the arguments that it names."""

    def __init__(self, receiver: Receiver, names: frozenset[str], *, weak: bool) -> None:
        self.is_strong = not weak
        self._names = names
        self._target: Callable[[], Receiver | None]
        if not weak:
            self._target = lambda: receiver
        elif hasattr(receiver, "__func__"):
            self._target = weakref.WeakMethod(receiver)
        else:
            self._target = weakref.ref(receiver)

    def target(self) -> Receiver | None:
        """The receiver, while it lives."""
        return self._target()

    def __call__(self, **named: Any) -> Any:
        receiver = self._target()
        if receiver is None:  # it died after it was looked up
            return None
        return receiver(**{name: named[name] for name in self._names if name in named})


class _AsyncNaming(_Naming):
    def __init__(self, receiver: Receiver, names: frozenset[str], *, weak: bool) -> None:
        super().__init__(receiver, names, weak=weak)
        markcoroutinefunction(self)

    @override
    async def __call__(self, **named: Any) -> Any:
        awaitable = super().__call__(**named)
        return None if awaitable is None else await awaitable


def wait_for(start: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end from sync code, also where the caller's thread runs an event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return async_to_sync(start)()
    with ThreadPoolExecutor(1) as executor:  # send() inside a loop blocks it in any case; this at least does not fail
        return executor.submit(lambda: asyncio.run(start())).result()


def _attempt(receiver: Receiver, named: dict[str, Any]) -> Any:
    try:
        return receiver(**named)
    except Exception as error:  # noqa: BLE001 -- kept, so that the others run; raised by send()
        _report(receiver, error)
        return error


async def _settle(receiver: Receiver, awaitable: Awaitable[Any]) -> Any:
    try:
        return await awaitable
    except Exception as error:  # noqa: BLE001 -- as in _attempt
        _report(receiver, error)
        return error


def _report(receiver: Receiver, error: Exception) -> None:
    """One line for each failure of a plain receiver; twins write their own."""
    if isinstance(receiver, TwinReceiver):
        return
    name = getattr(_original(receiver), "__qualname__", type(receiver).__qualname__)
    logger.error("Receiver %s of event_received failed: %s", name, trail(error), extra={"handler": name})
    logger.debug("Receiver %s of event_received failed", name, exc_info=error)


def _raise_failures(responses: Responses) -> Responses:
    errors = [response for _, response in responses if isinstance(response, Exception)]
    if not errors:
        return responses
    if len(errors) == 1:
        raise errors[0]
    msg = "several receivers of event_received failed"
    raise ExceptionGroup(msg, errors)


def _original(receiver: Receiver) -> Receiver:
    return (receiver.target() or receiver) if isinstance(receiver, _Naming) else receiver


def _identity(receiver: Receiver | None) -> Hashable:
    """What makes two looks at one bound method the same."""
    return id(getattr(receiver, "__self__", None)), id(getattr(receiver, "__func__", receiver))


def _arguments(receiver: Receiver) -> frozenset[str] | None:
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


#: Sent for each event, with `sender`, `event_kind` (str), `event_reference` (str), `event_payload` (the body: decoded JSON as
#: it came, envelope included, or bytes if it is not JSON) and `event_parameters` (the query parameters, a dict of strings).
event_received = EventSignal()
