"""Checks the registrations of a router: handlers that fail, run twice, or never run."""

from __future__ import annotations

from collections.abc import Iterator

from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as Warn

from .. import _check_ids as check_ids
from .._dispatch.signature import NO_SOURCE
from .._globs.overlaps import LABELS, TYPES, covers, example, intersects
from ..event import LABEL_LENGTH
from ..exceptions import ConfigurationError
from ..router import EventRouter
from .duplicates import check_repeats
from .misspelt_kinds import check_handled_kinds
from .payloads import check_payloads
from .spellings import check_spellings
from .unhandled_kinds import check_kinds
from .wrappers import check_wrappers


def check_router(router: EventRouter) -> list[CheckMessage]:
    """Check the registrations of a router. For a router other than `events`, call this in a check of your own."""
    return [
        *_unresolvable(router),
        *check_repeats(router),
        *_shadowed(router),
        *_imported_twice(router),
        *_impossible(router),
        *check_spellings(router),
        *check_wrappers(router),
        *check_handled_kinds(router),
        *check_kinds(router),
        *check_payloads(router),
    ]


def _unresolvable(router: EventRouter) -> Iterator[CheckMessage]:
    for handler in dict.fromkeys(registration.handler for registration in router):
        try:
            handler.prepare()
        except ConfigurationError as error:
            yield Error(
                str(error),
                hint="Until then, every event for it fails.",
                obj=handler.name,
                id=check_ids.UNREADABLE_HANDLER,
            )


def _shadowed(router: EventRouter) -> Iterator[CheckMessage]:
    """Find fallbacks that never run, because one handler handles every kind that they could receive."""
    handled = [
        (glob, registration.handler)
        for registration in router
        if not registration.is_fallback and registration.ce_type is None and not registration.attributes
        for glob in registration.globs
    ]
    for fallback in (registration for registration in router if registration.is_fallback):
        cover = next(((glob, handler) for glob, handler in handled if covers(glob, fallback.globs[0])), None)
        if cover:
            yield Warn(
                f"{fallback.handler} is a fallback that never runs, because {cover[1]} handles {cover[0].pattern!r}.",
                hint="Remove the fallback, or register the other one for fewer kinds.",
                obj=fallback.handler.name,
                id=check_ids.IDLE_FALLBACK,
            )


def _impossible(router: EventRouter) -> Iterator[CheckMessage]:
    """Find registrations for a kind that no URL can hold and a type that cannot be the kind."""
    for registration in router:
        for glob in registration.globs:
            # at /events/ the type is the kind
            if registration.ce_type and example(glob, LABELS) is None and intersects(glob, registration.ce_type, TYPES) is None:
                yield Warn(
                    f"{registration.handler} is registered for {glob.pattern!r} with ce_type={registration.ce_type.pattern!r}, "
                    "and no event has both.",
                    hint=f"Remove one of them, or write a kind without a slash, of at most {LABEL_LENGTH} characters.",
                    obj=registration.handler.name,
                    id=check_ids.IMPOSSIBLE_REGISTRATION,
                )


def _imported_twice(router: EventRouter) -> Iterator[CheckMessage]:
    """Find functions that exist twice, since their module was imported under two names."""
    seen: dict[tuple[str, str], str] = {}
    for registration in router:
        handler = registration.handler
        module, _, function = handler.name.rpartition(".")
        first = seen.setdefault((handler.location, function), module)
        if first != module and handler.location != NO_SOURCE:
            yield Warn(
                f"{handler} is registered twice, because its module is imported as {first!r} and as {module!r}.",
                hint="Import it under one name only; until then the function runs twice for each event.",
                obj=handler.name,
                id=check_ids.MODULE_IMPORTED_TWICE,
            )
