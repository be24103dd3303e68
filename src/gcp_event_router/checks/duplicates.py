"""Functions that are registered more than once for the same events. They run once for each, as the first one says."""

from __future__ import annotations

from collections.abc import Iterator

from django.core.checks import CheckMessage
from django.core.checks import Warning as Warn

from .. import _check_ids as check_ids
from .._dispatch.handler import Handler
from .._globs.overlaps import CoverIndex, neighbours
from ..exceptions import ConfigurationError
from ..router import EventRouter
from .glob_entries import Entry, entries_of


def check_repeats(router: EventRouter) -> Iterator[CheckMessage]:
    """Which functions are registered for what they have already, or with other options for events in common."""
    functions: dict[object, list[Entry]] = {}
    for entry in entries_of(router):
        functions.setdefault(entry.handler.key, []).append(entry)
    for entries in functions.values():
        yield from _covered(entries)
        yield from _ambiguous(entries)


def _covered(entries: list[Entry]) -> Iterator[CheckMessage]:
    """A glob that an earlier one covers.

    A wider glob that comes later is none: the function then runs for the narrower one with options of its own.
    """
    index = CoverIndex((entry.kinds, place) for place, entry in enumerate(entries))
    for place, entry in enumerate(entries):
        earlier = (entries[other] for other in index.near(entry.kinds) if other < place)
        wider = next((other for other in earlier if other.covers(entry)), None)
        if wider is not None:
            hint = f"Remove {entry}: the function runs once for an event in any case."
            if _differs(wider.handler, entry.handler):
                hint = f"Register {entry} first: the function runs once for an event, with the options that come first."
            yield Warn(
                f"{entry.handler} is registered for {entry}, although {wider} covers that already.",
                hint=hint,
                obj=entry.handler.name,
                id=check_ids.REPEATED_REGISTRATION,
            )


def _ambiguous(entries: list[Entry]) -> Iterator[CheckMessage]:
    """Registrations with different options, of which each has some events of the other's, and not all.

    Each is named with the first such other one.
    """
    told: set[Handler] = set()
    for first, second in neighbours([entry.kinds for entry in entries]):
        one, other = entries[first], entries[second]
        if other.handler in told or not _differs(one.handler, other.handler):
            continue
        if one.covers(other) is False and other.covers(one) is False and (kind := one.common(other)):
            told.add(other.handler)
            plain = one.ce_type is None and other.ce_type is None
            hint = f"Register it once, as `on({one}, {other})`, or give both the same options."
            yield Warn(
                f"{one.handler} is registered for {one} and, with other options, for {other}: those of {one} count for {kind!r}.",
                hint=hint if plain else "Give both the same options.",
                obj=one.handler.name,
                id=check_ids.CONFLICTING_OPTIONS,
            )


def _differs(one: Handler, other: Handler) -> bool:
    """Whether it matters which of two registrations of a function runs it."""
    try:
        return one is not other and (one.options != other.options or one.payload_type != other.payload_type)
    except ConfigurationError:
        return False  # which E001 tells
