"""Explains for each registration of a router why it runs for an event, or why not."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from typing_extensions import override

from .._globs.attributes import NO_ATTRIBUTES
from .._words import counted
from .handler import Handler
from .lookup import GivenTraits, HandlersFound, Registration


class Consulted(NamedTuple):
    """One registration in an `Explanation`."""

    registration: Registration
    #: Whether it runs for the event.
    runs: bool
    #: Why it runs, or why not; one clause.
    reason: str

    @override
    def __str__(self) -> str:
        within = ", ".join(map(str, self.registration.middleware))
        text = f"{'runs ' if self.runs else 'skips'} {self.registration.handler}: {self.reason}"
        return f"{text}; within {within}" if self.runs and within else text


class Explanation(NamedTuple):
    """What a router does with events of a kind, a type and attributes, and why: `str()` of it is for people."""

    kind: str
    ce_type: str | None
    consulted: tuple[Consulted, ...]
    attributes: Mapping[str, str] = NO_ATTRIBUTES

    @property
    def handlers(self) -> tuple[Handler, ...]:
        """The handlers that run, in order of registration."""
        return tuple(entry.registration.handler for entry in self.consulted if entry.runs)

    @override
    def __str__(self) -> str:
        subject = repr(self.kind) if self.ce_type is None else f"{self.kind!r} of the type {self.ce_type!r}"
        subject += " with " * bool(self.attributes) + " and ".join(f"{name}={value!r}" for name, value in self.attributes.items())
        return "\n".join([f"{subject} is handled by {counted(len(self.handlers), 'handler')}", *map(str, self.consulted)])


def explain(kind: str, traits: GivenTraits, registrations: tuple[Registration, ...], handlers: HandlersFound) -> Explanation:
    """Explain for each registration of a router why it runs for a kind and traits, or why not."""
    left = {handler.key for handler in handlers.blocking + handlers.awaited}
    mismatches = [_mismatch(entry, kind, traits) for entry in registrations]
    is_handled = any(not mismatch and not entry.is_fallback for entry, mismatch in zip(registrations, mismatches, strict=True))
    consulted: list[Consulted] = []
    for entry, mismatch in zip(registrations, mismatches, strict=True):
        runs = not mismatch and entry.handler.key in left and not (entry.is_fallback and is_handled)
        if mismatch:
            reason = mismatch
        elif entry.is_fallback:
            reason = "another handler matches" if is_handled else "it is a fallback, and nothing else matches"
        else:
            matching = [repr(glob.pattern) for glob in (entry.matching(kind), entry.ce_type) if glob]
            matching += [f"{name}={pattern!r}" for name, pattern in entry.attributes.patterns.items()]
            reason = f"{' and '.join(matching)} {'match' if len(matching) > 1 else 'matches'}"
            reason += "" if runs else ", but its function is registered before"
        if runs:
            left.discard(entry.handler.key)
        consulted.append(Consulted(entry, runs, reason))
    return Explanation(kind, traits.type, tuple(consulted), MappingProxyType(dict(traits.routed)))


def _mismatch(registration: Registration, kind: str, traits: GivenTraits) -> str:
    """Return why a registration does not match, or ""."""
    if registration.globs and registration.matching(kind) is None:
        return f"{kind!r} does not match {' or '.join(repr(glob.pattern) for glob in registration.globs)}"
    if registration.ce_type is None or registration.wants(traits.type):
        return ", and ".join(registration.attributes.mismatches(traits.routed))
    if traits.type is None:
        return f"it wants the type {registration.ce_type.pattern!r}, and the event has none"
    return f"the type {traits.type!r} does not match {registration.ce_type.pattern!r}"
