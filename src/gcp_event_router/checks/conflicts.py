"""Handlers of one kind whose payloads leave each other nothing: whatever is sent, one of them fails."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from django.core.checks import CheckMessage
from django.core.checks import Warning as Warn

from .._dispatch.handler import Handler
from .._dispatch.signature import type_text
from .._globs.overlaps import neighbours, patience
from ..router import EventRouter
from .glob_entries import entries_of
from .readers import Readers

__all__ = ["check_exclusions"]


def check_exclusions(router: EventRouter, readers: Readers, wrong: AbstractSet[Handler]) -> Iterator[CheckMessage]:
    """Which handlers run for one event, while no payload satisfies both; each is named with the first such other one.

    Nothing is said of handlers in `wrong`, whose payload is known to be. Called by `check_payloads`.
    """
    entries = [each for each in entries_of(router) if each.handler not in wrong and readers.shape(each.handler) is not None]
    told: set[Handler] = set()
    steps = patience()
    for first, second in neighbours([each.kinds for each in entries]):
        one, other = entries[first], entries[second]
        if one.handler.key == other.handler.key or other.handler in told:
            continue
        kind = one.common(other, steps) if readers.exclude(one.handler, other.handler) else None
        if kind is None:
            continue
        reason = readers.reason(one.handler, other.handler)
        told.add(other.handler)
        yield Warn(
            f"{_text(one.handler)} and {_text(other.handler)} both handle {kind!r}, and no payload satisfies both: {reason}.",
            hint="Register one of them for fewer kinds, or declare one payload in both; until then, one fails each time.",
            obj=other.handler.name,
            id="gcp_event_router.W015",
        )


def _text(handler: Handler) -> str:
    return f"{handler}, of Event[{type_text(handler.payload_type)}],"
