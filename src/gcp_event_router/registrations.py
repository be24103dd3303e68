"""What a router keeps of each registration, and how it explains what it does with a kind."""

from __future__ import annotations

from dataclasses import dataclass

from typing_extensions import override

from .globs import Glob
from .handlers import Handler

__all__ = ["Consulted", "Explanation", "Registration", "explain"]


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
