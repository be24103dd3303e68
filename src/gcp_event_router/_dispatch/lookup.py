"""What a router keeps of each registration, how it finds those of a kind, and how it explains what it does with one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from operator import itemgetter
from threading import Lock
from typing import Final, NamedTuple, Protocol, TypeAlias
from weakref import WeakSet

from typing_extensions import override

from .._globs.glob import Glob, GlobIndex
from .handler import Handler
from .middleware import RegisteredMiddleware

#: Kinds whose handlers are remembered. Only kinds that something handles are, so strangers' kinds take no place.
MEMORY = 1024


@dataclass(frozen=True, slots=True)
class Registration:
    """A handler as one router sees it: with the prefix under which its own router is included."""

    handler: Handler
    #: Of which one has to match the kind; none if the type is all that counts.
    globs: tuple[Glob, ...]
    #: A fallback runs only for events that no other registration matches.
    is_fallback: bool = False
    #: Which has to match the CloudEvents type, if it is given.
    ce_type: Glob | None = None
    #: What surrounds each run of the handler, from the outermost to the innermost.
    middleware: tuple[RegisteredMiddleware, ...] = ()

    def within(self, middleware: tuple[RegisteredMiddleware, ...]) -> Registration:
        """Return the registration as a router sees it that has middleware of its own."""
        return replace(self, middleware=middleware + self.middleware) if middleware else self

    def matching(self, kind: str) -> Glob | None:
        """The first of the globs that matches `kind`."""
        return next((glob for glob in self.globs if glob.matches(kind)), None)

    def wants(self, ce_type: str | None) -> bool:
        """Whether it takes events of a type."""
        return self.ce_type is None or (ce_type is not None and self.ce_type.matches(ce_type))


class HandlersFound(NamedTuple):
    """The handlers of a kind, in order of registration."""

    blocking: tuple[Handler, ...]
    awaited: tuple[Handler, ...]

    @classmethod
    def of(cls, handlers: list[Handler]) -> HandlersFound:
        """Sort handlers into sync and async ones."""
        return cls(
            tuple(handler for handler in handlers if not handler.is_async),
            tuple(handler for handler in handlers if handler.is_async),
        )


class Router(Protocol):
    """What is asked of routers that listen to a signal."""

    def find(self, kind: str, ce_type: str | None = None) -> HandlersFound:
        """The handlers of a kind and type."""
        ...

    def __iter__(self) -> Iterator[Registration]:
        """All registrations."""
        ...

    def has_plain_company(self) -> bool:
        """Whether plain receivers listen to one of its signals."""
        ...


#: The routers that listen to a signal.
LISTENING: Final[WeakSet[Router]] = WeakSet()


def find_everywhere(kind: str, ce_type: str | None) -> list[HandlersFound]:
    """What each router that listens to a signal has for an event."""
    return [router.find(kind, ce_type) for router in tuple(LISTENING)]


def registered_everywhere() -> Iterator[Registration]:
    """The registrations of all routers that listen to a signal."""
    for router in tuple(LISTENING):
        yield from router


def is_registered(kind: str) -> bool:
    """Whether a router that listens to a signal has a handler or a fallback for a kind, whatever the type of the event."""
    return any(not each.globs or each.matching(kind) is not None for each in registered_everywhere())


#: A registration, with its place in their order.
_Placed: TypeAlias = tuple[int, Registration]


class HandlerTable:
    """Finds handlers among the registrations of a router, which are put in order when somebody first asks after a change."""

    def __init__(self, registrations: Iterable[Registration]) -> None:
        self._registrations = registrations
        self._lock = Lock()
        self._index: _Index | None = None

    def find(self, kind: str, ce_type: str | None = None) -> HandlersFound:
        """The handlers of a kind and type, each function once."""
        index = self._index or self._build()
        key = (kind, ce_type) if index.has_types else kind
        return index.memory.get(key) or index.find(key, kind, ce_type)

    def forget(self) -> None:
        """Look at the registrations anew, since they have changed."""
        with self._lock:
            self._index = None

    def _build(self) -> _Index:
        with self._lock:
            index = self._index = _Index(tuple(self._registrations))
        return index


class _Index:
    """The registrations of one moment, in order of their globs, and what was found among them."""

    def __init__(self, registrations: tuple[Registration, ...]) -> None:
        placed = list(enumerate(registrations))
        self._kinds = GlobIndex((glob, (place, each)) for place, each in placed if not each.is_fallback for glob in each.globs)
        self._types = GlobIndex((each.ce_type, (place, each)) for place, each in placed if each.ce_type and not each.globs)
        self._fallbacks = GlobIndex((glob, (place, each)) for place, each in placed if each.is_fallback for glob in each.globs)
        self._runnable = {place: each.handler.within(each.middleware) for place, each in placed if each.middleware}
        self.has_types: Final = any(each.ce_type for each in registrations)
        self.memory: Final[dict[str | tuple[str, str | None], HandlersFound]] = {}

    def find(self, key: str | tuple[str, str | None], kind: str, ce_type: str | None) -> HandlersFound:
        """Find the handlers of a kind and type, and remember them by `key`."""
        matched = self._matched(kind, ce_type)
        unique: dict[object, Handler] = {}  # a function that is registered twice runs once
        for place, each in matched or self._fallbacks.find(kind):
            unique.setdefault(each.handler.key, self._runnable.get(place, each.handler))
        found = HandlersFound.of(list(unique.values()))
        if matched:
            if len(self.memory) >= MEMORY:
                self.memory.clear()  # cheaper than choosing: each kind comes back at the price of one look-up
            self.memory[key] = found
        return found

    def _matched(self, kind: str, ce_type: str | None) -> list[_Placed]:
        matched = self._kinds.find(kind)
        if self.has_types:
            matched = [placed for placed in matched if placed[1].wants(ce_type)]
            matched += self._types.find(ce_type) if ce_type is not None else []
            matched.sort(key=itemgetter(0))
        return matched


@dataclass(frozen=True, slots=True)
class Consulted:
    """One registration in an `Explanation`."""

    registration: Registration
    #: Whether it runs for the kind.
    runs: bool
    #: Why it runs, or why not; one clause.
    reason: str

    @override
    def __str__(self) -> str:
        within = ", ".join(map(str, self.registration.middleware))
        text = f"{'runs ' if self.runs else 'skips'} {self.registration.handler}: {self.reason}"
        return f"{text}; within {within}" if self.runs and within else text


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a router does with a kind, and why: `str()` of it is for people."""

    kind: str
    ce_type: str | None
    consulted: tuple[Consulted, ...]

    @property
    def handlers(self) -> tuple[Handler, ...]:
        """The handlers that run, in order of registration."""
        return tuple(each.registration.handler for each in self.consulted if each.runs)

    @override
    def __str__(self) -> str:
        what = repr(self.kind) if self.ce_type is None else f"{self.kind!r} of the type {self.ce_type!r}"
        return "\n".join([f"{what} is handled by {len(self.handlers)} handler(s)", *map(str, self.consulted)])


def explain(kind: str, ce_type: str | None, registrations: tuple[Registration, ...], found: HandlersFound) -> Explanation:
    """Say for each registration why it runs for a kind and type, or why not; `found` is what the router found."""
    left = {handler.key for handlers in found for handler in handlers}
    handled = any(not each.is_fallback and _misses(each, kind, ce_type) is None for each in registrations)
    consulted: list[Consulted] = []
    for each in registrations:
        reason = _misses(each, kind, ce_type)
        runs = reason is None and each.handler.key in left and not (each.is_fallback and handled)
        if reason is None and each.is_fallback:
            reason = "another handler matches" if handled else "it is a fallback, and nothing else matches"
        elif reason is None:
            reason = " and ".join(f"{glob.pattern!r}" for glob in (each.matching(kind), each.ce_type) if glob)
            reason += " match" if each.globs and each.ce_type else " matches"
            if not runs:
                reason += ", but its function is registered before"
        if runs:
            left.discard(each.handler.key)
        consulted.append(Consulted(each, runs, reason))
    return Explanation(kind, ce_type, tuple(consulted))


def _misses(registration: Registration, kind: str, ce_type: str | None) -> str | None:
    """Why a registration does not match; None if it does."""
    if registration.globs and registration.matching(kind) is None:
        return " and ".join(glob.why_not(kind) for glob in registration.globs)
    if registration.ce_type is None or registration.wants(ce_type):
        return None
    if ce_type is None:
        return f"it wants the type {registration.ce_type.pattern!r}, and the event has none"
    return f"of the type, {registration.ce_type.why_not(ce_type)}"
