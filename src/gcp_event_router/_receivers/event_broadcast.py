"""The receivers of an event signal, plain ones and routers, and how all of them are called for one event.

`signals` connects and calls them; `dispatch` is a `TwinReceiver`.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import sys
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from functools import partial
from types import TracebackType
from typing import Any, Final, Protocol, Self, TypeAlias, TypeVar, cast

from asgiref.sync import async_to_sync, markcoroutinefunction
from typing_extensions import override

from .._concurrency import RAISED, as_failure, is_meant
from .._log import logger, trail
from ..exceptions import Answer, ConfigurationError, RegistrationError

__all__ = [
    "NOT_WITH_GEVENT",
    "EventRound",
    "Receiver",
    "Responses",
    "Round",
    "StandIns",
    "TwinReceiver",
    "find_round",
    "is_for_routers",
    "is_served_by_gevent",
    "is_twin",
    "original",
    "wait_for",
]

T = TypeVar("T")
Receiver: TypeAlias = Callable[..., Any]
Responses: TypeAlias = list[tuple[Receiver, Any]]

#: All that a receiver can be given: Django's two, and the four that tell of the event.
_SENT = ("signal", "sender", "event_kind", "event_reference", "event_payload", "event_parameters")
_EVENT = _SENT[2:]
#: More wrappers than this around one receiver are not looked through.
_WRAPPERS = 20


class Split(Protocol):
    """The work of a `TwinReceiver` for one event, in a part for a thread and a part for the event loop."""

    @property
    def blocking(self) -> bool:
        """Whether `run` has anything to do."""
        ...

    @property
    def awaits(self) -> bool:
        """Whether `finish` has anything to await."""
        ...

    def run(self) -> None:
        """Do what must not block the loop; keeps its failures for `finish`."""

    async def finish(self) -> object:
        """Do the rest and return the response, or raise."""

    def complete(self) -> object:
        """Do both at once."""


class TwinReceiver:
    """A receiver that serves `send` and `asend` alike, and is given what arrived. Routers connect one.

    Whatever wraps it calls it as a plain receiver; it then asks `find_round` for what arrived.
    """

    def __call__(self, *, event_kind: str, event_reference: str, **named: Any) -> object:
        """Do all the work, given the arguments of a plain receiver."""
        raise NotImplementedError

    def handle(self, kind: str, reference: str, arrival: Any) -> object:
        """Do all the work."""
        raise NotImplementedError

    def split(self, kind: str, reference: str, arrival: Any) -> Split:
        """Prepare the same work in its two parts."""
        raise NotImplementedError

    def read(self, event_payload: object = None, event_parameters: Any = None) -> Any:
        """Make what arrived of an event that somebody else sent."""
        raise NotImplementedError


def is_twin(receiver: object) -> bool:
    """Whether a receiver is a router's own; a proxy of one only says that it is."""
    return issubclass(type(receiver), TwinReceiver)


def is_for_routers(receiver: Any) -> bool:
    """Whether a receiver is a router's own, or what Sentry makes of one, which looks at none of the arguments."""
    if is_twin(receiver):
        return True
    module = str(getattr(receiver, "__globals__", {}).get("__name__"))
    return module.startswith("sentry_sdk.") and is_twin(getattr(receiver, "__wrapped__", None))


class Round:
    """One sending to all receivers: none is left out, whatever the others raise."""

    #: What a receiver may raise on purpose.
    _answers: tuple[type[Exception], ...] = ()

    def __init__(self, name: str, named: dict[str, Any]) -> None:
        #: What all receivers are given.
        self.named: dict[str, Any] = named
        #: Each receiver with what it returned or raised.
        self.responses: Responses = []
        self._name = name

    def run(self, receivers: list[Receiver]) -> None:
        """Call sync receivers."""
        for receiver in receivers:
            self.call(receiver)

    async def finish(self, receivers: list[Receiver]) -> None:
        """Await async receivers, all at once."""
        await asyncio.gather(*(self._await(receiver, partial(receiver, **self.named)) for receiver in receivers))

    def call(self, receiver: Receiver) -> None:
        """Call one sync receiver."""
        try:
            response = receiver(**self.named)
        except RAISED as error:  # kept, so that the others run
            if is_meant(error):
                raise
            self._failed(receiver, as_failure(error))
        else:
            self._answered(receiver, response)

    async def _await(self, receiver: Receiver, call: Callable[[], Awaitable[Any]]) -> None:
        task = asyncio.current_task()
        try:
            response = await call()
        except RAISED as error:  # as in call()
            if is_meant(error, task):
                raise
            self._failed(receiver, as_failure(error))
        else:
            self._answered(receiver, response)

    def _answered(self, receiver: Receiver, response: object) -> None:
        self.responses.append((self._connected(receiver), response))

    def _taken(self) -> Responses:
        """The responses, which nothing here holds from now on."""
        responses, self.responses = self.responses, []
        return responses

    def _failed(self, receiver: Receiver, error: Exception) -> None:
        """Note a failure, with a line in the log."""
        self._answered(receiver, error)
        name = getattr(self._connected(receiver), "__qualname__", type(receiver).__qualname__)
        level, what = (logging.INFO, "answered") if isinstance(error, self._answers) else (logging.ERROR, "failed")
        logger.log(level, "Receiver %s of %s %s: %s", name, self._name, what, trail(error), extra={"handler": name})
        logger.debug("Receiver %s of %s failed", name, self._name, exc_info=error)

    def _connected(self, receiver: Receiver) -> Receiver:
        """The receiver that was connected, behind what stands for it."""
        return original(receiver)


class _Left:
    """Stands for the response of a router that has async handlers left."""


_LEFT = _Left()


class EventRound(Round):
    """The round of one event, which brings routers what arrived, whatever wraps them.

    Args:
        named: The arguments of plain receivers; the payload and the parameters may be missing if routers alone listen.
        arrival: What arrived, if the endpoint sends it.
        connected: The receivers that are connected, if something may have wrapped them.

    """

    _answers = (Answer,)

    def __init__(self, named: dict[str, Any], arrival: Any = None, connected: list[Receiver] | None = None) -> None:
        super().__init__("event_received", named)
        self.arrival: Any = arrival
        self.signal: object = named["signal"]
        self._is_delivered = arrival is not None
        self._all_connected = connected
        self._failures: list[Exception] = []
        #: Of the router that was reached by the current call: its outcome, its failure, or that it has work left.
        self._noted: object = None
        self._trace: TracebackType | None = None
        self._leaves = False
        self._blocking: list[Receiver] = []
        self._awaited: list[Receiver] = []
        self._splits: list[tuple[Receiver, Split]] = []

    def __enter__(self) -> Self:
        """Let `find_round` find it, in this context and in threads that know nothing of it."""
        self._token = _current.set(self)
        if self._is_delivered:  # its parameters are no other event's
            self._key = id(self.named.get("event_parameters"))
            self._outer = _rounds.get(self._key)
            _rounds[self._key] = self
        return self

    def __exit__(self, *_: object) -> None:
        self._noted = self._trace = None
        _current.reset(self._token)
        if self._is_delivered:
            if self._outer is None:
                _rounds.pop(self._key, None)
            else:
                _rounds[self._key] = self._outer

    def sends(self, named: Mapping[str, Any]) -> bool:
        """Whether arguments are those of this event; they may be copies of what the endpoint sent."""
        mine = self.named
        return ("event_payload" in mine) == ("event_payload" in named) and all(
            mine.get(name) is named.get(name) or (self._is_delivered and mine.get(name) == named.get(name)) for name in _EVENT
        )

    def through(self, router: TwinReceiver) -> object:
        """Bring the event to a router, also one that a wrapper calls; under `asend` its async handlers are left for `finish`."""
        named = self.named
        try:
            if self.arrival is None:
                self.arrival = router.read(named.get("event_payload"), named.get("event_parameters"))
            split = router.split(named["event_kind"], named["event_reference"], self.arrival)
            if self._leaves and split.awaits:
                split.run()
                self._splits.append((router, split))
                self._noted = _LEFT
                return None
            outcome = split.complete()
        except Exception as error:
            self._noted, self._trace = error, error.__traceback__
            raise
        self._noted = outcome
        return outcome

    def part(self, blocking: list[Receiver], awaited: list[Receiver]) -> bool:
        """Part the work into `run_parted`, for a thread, and `finish_parted`; returns whether the former has anything to do."""
        for receiver in sorted(blocking, key=self._is_router):
            if is_twin(receiver):
                self._part(receiver)
            else:
                self._blocking.append(receiver)
        self._awaited = awaited
        return bool(self._blocking) or any(split.blocking for _, split in self._splits)

    def _is_router(self, receiver: Receiver) -> bool:
        return is_twin(self._connected(receiver))

    def _part(self, receiver: Any) -> None:
        named = self.named
        try:
            if self.arrival is None:
                self.arrival = receiver.read(named.get("event_payload"), named.get("event_parameters"))
            self._splits.append((receiver, receiver.split(named["event_kind"], named["event_reference"], self.arrival)))
        except Exception as error:  # noqa: BLE001 -- as in call()
            self._failed(receiver, error)

    def run_parted(self) -> None:
        """Call everything sync."""
        direct = list(self._splits)
        self._leaves = True
        self.run(self._blocking)
        self._leaves = False
        for _, split in direct:
            split.run()

    async def finish_parted(self) -> None:
        """Await everything async, all at once."""
        await asyncio.gather(
            *(self._await(router, split.finish) for router, split in self._splits),
            *(self._await(receiver, partial(receiver, **self.named)) for receiver in self._awaited),
        )

    def raised(self) -> Responses:
        """The responses, or what the receivers raised."""
        if self._failures:
            raise self._failure()
        return self.responses

    def settled(self) -> Responses:
        """The responses, with what the receivers raised among them."""
        self._failures = []
        return self._taken()

    def _failure(self) -> Exception:
        """What is raised. From here on nothing else holds it: a failure refers to this round, by its traceback's frames."""
        failures, self._failures = self._failures, []
        self._taken()
        if len(failures) == 1:
            return failures[0]
        msg = "several receivers of event_received failed"
        return ExceptionGroup(msg, failures)

    @override
    def call(self, receiver: Any) -> None:
        try:
            response = self.through(receiver) if is_twin(receiver) else receiver(**self.named)
        except RAISED as error:
            if is_meant(error):
                raise
            self._raised(receiver, as_failure(error))
        else:
            self._returned(receiver, response)

    def _returned(self, receiver: Receiver, response: object) -> None:
        """Note how a call ended; what a router came to counts, whatever its wrapper makes of that."""
        noted = self._take_noted()
        if isinstance(noted, Exception):
            self._keep(receiver, noted)
        elif noted is not _LEFT:
            self._answered(receiver, response if noted is None else noted)

    def _take_noted(self) -> object:
        noted, trace, self._noted, self._trace = self._noted, self._trace, None, None
        # the frames of wrappers say nothing of a failure
        return noted.with_traceback(trace) if isinstance(noted, Exception) else noted

    def _raised(self, receiver: Receiver, error: Exception) -> None:
        noted = self._take_noted()
        if isinstance(noted, Exception):
            self._keep(receiver, noted)
            if _stems(error, noted):
                return
        self._failed(receiver, error)

    @override
    def _failed(self, receiver: Receiver, error: Exception) -> None:
        if is_twin(receiver):  # which has a line of its own
            self._keep(receiver, error)
        else:
            self._failures.append(error)
            super()._failed(receiver, error)

    def _keep(self, receiver: Receiver, error: Exception) -> None:
        self._failures.append(error)
        self._answered(receiver, error)

    @override
    def _connected(self, receiver: Receiver) -> Receiver:
        current: Any = receiver
        for _ in range(_WRAPPERS if self._all_connected else 0):
            if current is None or any(current == each for each in self._all_connected or ()):
                break
            current = getattr(current, "__wrapped__", None)
        return original(receiver if current is None else current)


_current: ContextVar[EventRound | None] = ContextVar("gcp_event_router.round", default=None)
#: By the parameters that are sent, for code that runs without the context of who called it.
_rounds: dict[int, EventRound] = {}


def find_round(named: Mapping[str, Any]) -> EventRound | None:
    """The round of an event that a receiver is called with; None for one that is not being sent."""
    for each in (_current.get(), _rounds.get(id(named.get("event_parameters")))):
        if each is not None and each.sends(named):
            return each
    return None


def _stems(error: BaseException | None, origin: Exception) -> bool:
    """Whether an exception is another one, or was raised because of it."""
    for _ in range(_WRAPPERS):
        if error is None or error is origin:
            break
        error = error.__cause__ or error.__context__
    return error is origin


class StandIns:
    """The stand-ins of one signal: one for each receiver that does not take `**kwargs`."""

    def __init__(self) -> None:
        self._made: dict[Hashable, _StandIn] = {}

    def make(self, receiver: Receiver, *, weak: bool) -> Receiver:
        """What to connect for `receiver`: itself, if it takes any argument.

        A stand-in lives as long as its receiver does, so that Django's weak references hold.
        """
        names = None if is_twin(receiver) else _named_arguments(receiver)
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
    """Run a coroutine to its end from sync code, also where the caller's thread runs an event loop.

    Raises `ConfigurationError` where gevent has patched threads.
    """
    if _threads_are_greenlets():
        msg = f"An async handler, receiver or authenticator cannot be awaited in this process: {NOT_WITH_GEVENT}"
        logger.error(msg)
        raise ConfigurationError(msg)
    if not _is_looping():
        return async_to_sync(start)()
    with ThreadPoolExecutor(1) as executor:  # send() inside a loop blocks it in any case; this at least does not fail
        return executor.submit(copy_context().run, lambda: asyncio.run(start())).result()


#: Why nothing is awaited there, and what to do instead.
NOT_WITH_GEVENT: Final = (
    "gevent runs all requests in one thread, where each would find the event loop of another. Serve events with gunicorn's "
    'gthread workers ("--worker-class gthread") or under ASGI, or write "def" in place of "async def".'
)


def is_served_by_gevent() -> bool:
    """Whether gunicorn serves this process with gevent workers; it says so before it patches anything."""
    return "gunicorn.workers.ggevent" in sys.modules


def _threads_are_greenlets() -> bool:
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


def _is_looping() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def original(receiver: Receiver) -> Receiver:
    """The receiver that was connected, behind its stand-in."""
    if not issubclass(type(receiver), _StandIn):  # a proxy of one only says that it is
        return receiver
    return cast("_StandIn", receiver).target() or receiver


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
