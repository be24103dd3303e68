"""Finds functions that are registered twice for the same events; they run once, with the options of the first registration."""

from __future__ import annotations

from collections.abc import Iterator

from django.core.checks import CheckMessage
from django.core.checks import Warning as Warn

from .. import _check_ids as check_ids
from .._dispatch.handler import Handler
from .._globs.overlaps import CoverIndex, neighbours
from ..exceptions import ConfigurationError
from ..router import EventRouter
from .glob_entries import Entry, entries_of, literal_values


def check_repeats(router: EventRouter) -> Iterator[CheckMessage]:
    """Find registrations that repeat another one, or share events with one that has other options."""
    functions: dict[object, list[Entry]] = {}
    for entry in entries_of(router):
        functions.setdefault(entry.handler.key, []).append(entry)
    for entries in functions.values():
        yield from _covered(entries)
        yield from _ambiguous(entries)


def _covered(entries: list[Entry]) -> Iterator[CheckMessage]:
    """Find globs that an earlier one covers.

    A wider glob may come later: for the narrower one, the function then runs with other options.
    """
    values = literal_values(entries)
    groups: dict[str | None, list[int]] = {}
    for place, value in enumerate(values):
        groups.setdefault(value, []).append(place)
    every = CoverIndex((entry.kinds, place) for place, entry in enumerate(entries))
    indexes = {value: CoverIndex((entries[place].kinds, place) for place in group) for value, group in groups.items()}
    for place, (entry, value) in enumerate(zip(entries, values, strict=True)):
        near = [every] if value is None else [indexes[shared] for shared in indexes.keys() & {value, None}]
        places = sorted(other for index in near for other in index.near(entry.kinds) if other < place)
        earlier = (entries[other] for other in places)
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
    """Find registrations with different options, each of which has some, but not all, of the other's events.

    Each is reported with the first such other one.
    """
    reported: set[Handler] = set()
    for first, second in neighbours([entry.kinds for entry in entries], literal_values(entries)):
        one, other = entries[first], entries[second]
        if other.handler in reported or not one.attributes.meets(other.attributes) or not _differs(one.handler, other.handler):
            continue
        if one.covers(other) is False and other.covers(one) is False and (kind := one.common(other)):
            reported.add(other.handler)
            plain = not (one.ce_type or other.ce_type or one.attributes or other.attributes)
            hint = f"Register it once, as `on({one}, {other})`, or give both the same options."
            yield Warn(
                f"{one.handler} is registered for {one} and, with other options, for {other}: those of {one} count for {kind!r}.",
                hint=hint if plain else "Give both the same options.",
                obj=one.handler.name,
                id=check_ids.CONFLICTING_OPTIONS,
            )


def _differs(one: Handler, other: Handler) -> bool:
    """Whether two registrations of a function differ in more than their globs."""
    try:
        return one is not other and (one.options != other.options or one.payload_type != other.payload_type)
    except ConfigurationError:
        return False  # E001 reports it
