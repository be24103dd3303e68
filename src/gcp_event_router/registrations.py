"""What a router keeps of each registration, how it finds those of a kind, and how it explains what it does with one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from typing_extensions import override

from .globs import Glob, GlobIndex
from .handlers import Handler

__all__ = ["Consulted", "Explanation", "Found", "Registration", "Table", "explain"]

#: Kinds whose handlers are remembered. Only kinds that something handles are, so strangers' kinds take no place.
MEMORY = 1024


@dataclass(frozen=True, slots=True)
class Registration:
    """A handler as one router sees it: with the prefix under which its own router is included."""

    handler: Handler
    globs: tuple[Glob, ...]
    #: A fallback runs only for kinds that no other registration matches.
    is_fallback: bool = False

    def matching(self, kind: str) -> Glob | None:
        """The first of the globs that matches `kind`."""
        return next((glob for glob in self.globs if glob.matches(kind)), None)


class Found(NamedTuple):
    """The handlers of a kind, in order of registration."""

    blocking: tuple[Handler, ...]
    awaited: tuple[Handler, ...]

    @classmethod
    def of(cls, handlers: list[Handler]) -> Found:
        """Sort handlers into sync and async ones."""
        return cls(
            tuple(handler for handler in handlers if not handler.is_async),
            tuple(handler for handler in handlers if handler.is_async),
        )


class Table:
    """The registrations of one moment, ready for look-ups."""

    def __init__(self, registrations: tuple[Registration, ...]) -> None:
        self._handlers = GlobIndex((glob, each.handler) for each in registrations if not each.is_fallback for glob in each.globs)
        self._fallbacks = GlobIndex((glob, each.handler) for each in registrations if each.is_fallback for glob in each.globs)
        self._memory: dict[str, Found] = {}

    def find(self, kind: str) -> Found:
        """The handlers of a kind, each function once."""
        found = self._memory.get(kind)
        if found is None:
            matched = self._handlers.find(kind)
            unique: dict[object, Handler] = {}  # a function that is registered twice runs once
            for handler in matched or self._fallbacks.find(kind):
                unique.setdefault(handler.key, handler)
            found = Found.of(list(unique.values()))
            if matched:
                if len(self._memory) >= MEMORY:
                    self._memory.clear()  # cheaper than choosing: each kind comes back at the price of one look-up
                self._memory[kind] = found
        return found


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
        return f"{'runs ' if self.runs else 'skips'} {self.registration.handler}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a router does with a kind, and why: `str()` of it is for people."""

    kind: str
    consulted: tuple[Consulted, ...]

    @property
    def handlers(self) -> tuple[Handler, ...]:
        """The handlers that run, in order of registration."""
        return tuple(each.registration.handler for each in self.consulted if each.runs)

    @override
    def __str__(self) -> str:
        return "\n".join([f"{self.kind!r} is handled by {len(self.handlers)} handler(s)", *map(str, self.consulted)])


def explain(kind: str, registrations: tuple[Registration, ...], running: set[Handler]) -> Explanation:
    """Say for each registration why it runs for `kind`, or why not; `running` is what the router found."""
    handled = any(not each.is_fallback and each.matching(kind) for each in registrations)
    consulted: list[Consulted] = []
    for each in registrations:
        glob = each.matching(kind)
        runs = each.handler in running
        if glob is None:
            reason = " and ".join(other.why_not(kind) for other in each.globs)
        elif each.is_fallback:
            reason = "another handler matches" if handled else "it is a fallback, and nothing else matches"
        elif runs:
            reason = f"{glob.pattern!r} matches"
        else:
            reason = f"{glob.pattern!r} matches, but its function is registered before"
        consulted.append(Consulted(each, runs, reason))
    return Explanation(kind, tuple(consulted))
