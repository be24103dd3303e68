"""The registrations of routers: finds the handlers of an event, and explains why they run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from operator import itemgetter
from threading import Lock
from typing import Final, NamedTuple, Protocol
from weakref import WeakSet

from typing_extensions import override

from .._globs.glob import Glob, GlobIndex
from .handler import Handler
from .middleware import RegisteredMiddleware

#: The most kinds whose handlers are remembered. Only handled kinds are, so a stranger's kinds take no memory.
MEMORY = 1024


@dataclass(frozen=True, slots=True)
class Registration:
    """A handler in a router, or in one that includes its router with a prefix."""

    handler: Handler
    #: One of them has to match the kind; empty if only the type counts.
    globs: tuple[Glob, ...]
    #: A fallback runs only for events that no other registration matches.
    is_fallback: bool = False
    #: Has to match the CloudEvents type; None if any type will do.
    ce_type: Glob | None = None
    #: Surrounds each run of the handler, the outermost first.
    middleware: tuple[RegisteredMiddleware, ...] = ()

    def within(self, middleware: tuple[RegisteredMiddleware, ...]) -> Registration:
        """Return the registration with the middleware of a router around it."""
        return replace(self, middleware=middleware + self.middleware) if middleware else self

    def matching(self, kind: str) -> Glob | None:
        """Return the first of the globs that matches a kind."""
        return next((glob for glob in self.globs if glob.matches(kind)), None)

    def wants(self, ce_type: str | None) -> bool:
        """Whether it takes events of a type."""
        return self.ce_type is None or (ce_type is not None and self.ce_type.matches(ce_type))


class HandlersFound(NamedTuple):
    """The sync and the async handlers of an event, in order of registration."""

    blocking: tuple[Handler, ...]
    awaited: tuple[Handler, ...]


class Router(Protocol):
    """The part of a router that this package uses."""

    def find(self, kind: str, ce_type: str | None = None) -> HandlersFound:
        """Find the handlers of a kind and type."""
        ...

    def __iter__(self) -> Iterator[Registration]:
        """Iterate over all registrations."""
        ...

    def has_plain_company(self) -> bool:
        """Whether plain receivers listen to one of its signals."""
        ...


#: The routers that listen to a signal.
LISTENING: Final[WeakSet[Router]] = WeakSet()


def find_everywhere(kind: str, ce_type: str | None) -> list[HandlersFound]:
    """Find the handlers of an event in each listening router."""
    return [router.find(kind, ce_type) for router in tuple(LISTENING)]


def registered_everywhere() -> Iterator[Registration]:
    """Iterate over the registrations of all listening routers."""
    for router in tuple(LISTENING):
        yield from router


def is_registered(kind: str) -> bool:
    """Whether a listening router has a handler or a fallback for a kind, for events of any type."""
    return any(not entry.globs or entry.matching(kind) is not None for entry in registered_everywhere())


class HandlerTable:
    """Finds handlers among the registrations of a router; the first look-up after a change builds an index."""

    def __init__(self, registrations: Iterable[Registration]) -> None:
        self._registrations = registrations
        self._lock = Lock()
        self._index: _Index | None = None

    def find(self, kind: str, ce_type: str | None = None) -> HandlersFound:
        """Find the handlers of a kind and type, each function once."""
        index = self._index or self._build()
        key = (kind, ce_type) if index.has_types else kind
        return index.memory.get(key) or index.find(key, kind, ce_type)

    def forget(self) -> None:
        """Drop the index, since the registrations have changed."""
        with self._lock:
            self._index = None

    def _build(self) -> _Index:
        with self._lock:
            index = self._index = _Index(tuple(self._registrations))
        return index


class _Index:
    """The registrations at one moment, by their globs and with their places in the order, and the handlers that it remembers."""

    def __init__(self, registrations: tuple[Registration, ...]) -> None:
        placed = list(enumerate(registrations))
        self._kinds = GlobIndex((glob, item) for item in placed if not item[1].is_fallback for glob in item[1].globs)
        self._types = GlobIndex((item[1].ce_type, item) for item in placed if item[1].ce_type and not item[1].globs)
        self._fallbacks = GlobIndex((glob, item) for item in placed if item[1].is_fallback for glob in item[1].globs)
        self._surrounded = {place: entry.handler.within(entry.middleware) for place, entry in placed if entry.middleware}
        self.has_types: Final = any(entry.ce_type for entry in registrations)
        self.memory: Final[dict[str | tuple[str, str | None], HandlersFound]] = {}

    def find(self, key: str | tuple[str, str | None], kind: str, ce_type: str | None) -> HandlersFound:
        """Find the handlers of a kind and type, and remember them by `key`."""
        matched = self._matched(kind, ce_type)
        unique: dict[object, Handler] = {}  # a function that is registered twice runs once
        for place, entry in matched or self._fallbacks.find(kind):
            unique.setdefault(entry.handler.key, self._surrounded.get(place, entry.handler))
        handlers = HandlersFound(
            tuple(handler for handler in unique.values() if not handler.is_async),
            tuple(handler for handler in unique.values() if handler.is_async),
        )
        if matched:
            if len(self.memory) >= MEMORY:
                self.memory.clear()  # cheaper than choosing: each kind returns with its next look-up
            self.memory[key] = handlers
        return handlers

    def _matched(self, kind: str, ce_type: str | None) -> list[tuple[int, Registration]]:
        matched = self._kinds.find(kind)
        if self.has_types:
            matched = [item for item in matched if item[1].wants(ce_type)]
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
        return tuple(entry.registration.handler for entry in self.consulted if entry.runs)

    @override
    def __str__(self) -> str:
        subject = repr(self.kind) if self.ce_type is None else f"{self.kind!r} of the type {self.ce_type!r}"
        return "\n".join([f"{subject} is handled by {len(self.handlers)} handler(s)", *map(str, self.consulted)])


def explain(kind: str, ce_type: str | None, registrations: tuple[Registration, ...], handlers: HandlersFound) -> Explanation:
    """Explain for each registration of a router why it runs for a kind and type, or why not."""
    left = {handler.key for handler in handlers.blocking + handlers.awaited}
    mismatches = [_mismatch(entry, kind, ce_type) for entry in registrations]
    is_handled = any(not mismatch and not entry.is_fallback for entry, mismatch in zip(registrations, mismatches, strict=True))
    consulted: list[Consulted] = []
    for entry, mismatch in zip(registrations, mismatches, strict=True):
        runs = not mismatch and entry.handler.key in left and not (entry.is_fallback and is_handled)
        if mismatch:
            reason = mismatch
        elif entry.is_fallback:
            reason = "another handler matches" if is_handled else "it is a fallback, and nothing else matches"
        else:
            reason = " and ".join(repr(glob.pattern) for glob in (entry.matching(kind), entry.ce_type) if glob)
            reason += " match" if entry.globs and entry.ce_type else " matches"
            reason += "" if runs else ", but its function is registered before"
        if runs:
            left.discard(entry.handler.key)
        consulted.append(Consulted(entry, runs, reason))
    return Explanation(kind, ce_type, tuple(consulted))


def _mismatch(registration: Registration, kind: str, ce_type: str | None) -> str:
    """Return why a registration does not match, or ""."""
    if registration.globs and registration.matching(kind) is None:
        return f"{kind!r} does not match {' or '.join(repr(glob.pattern) for glob in registration.globs)}"
    if registration.ce_type is None or registration.wants(ce_type):
        return ""
    if ce_type is None:
        return f"it wants the type {registration.ce_type.pattern!r}, and the event has none"
    return f"the type {ce_type!r} does not match {registration.ce_type.pattern!r}"
