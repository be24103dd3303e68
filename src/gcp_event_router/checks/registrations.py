"""What is wrong with a router's registrations: handlers that fail, run twice, or never run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as Warn

from ..declarations import NO_SOURCE
from ..exceptions import ConfigurationError
from ..globs import Glob
from ..registrations import Registration
from ..router import EventRouter
from .payloads import check_payloads

__all__ = ["check_router"]

_ALL: Final = Glob("*")


def check_router(router: EventRouter) -> list[CheckMessage]:
    """What is wrong with the registrations of a router; for routers beside `events`, call it in a check of your own."""
    return [
        *_unresolvable(router),
        *_repeated(router),
        *_shadowed(router),
        *_imported_twice(router),
        *check_payloads(router),
    ]


def _unresolvable(router: EventRouter) -> Iterator[CheckMessage]:
    for each in router:
        try:
            each.handler.prepare()
        except ConfigurationError as error:
            yield Error(
                str(error),
                hint="Until then, every event for it fails.",
                obj=each.handler.name,
                id="gcp_event_router.E001",
            )


def _repeated(router: EventRouter) -> Iterator[CheckMessage]:
    """A function that has a kind twice, alone or within a wider glob. It runs once all the same."""
    seen: dict[object, list[tuple[Glob, Glob]]] = {}
    for each in router:
        earlier = seen.setdefault(each.handler.key, [])
        for pair in _pairs(each):
            covering = next((other for other in earlier if all(map(_covers, other, pair))), None)
            if covering is not None and not each.is_fallback:
                yield Warn(
                    f"{each.handler} is registered for {_text(pair)}, although {_text(covering)} covers that already.",
                    hint=f"Remove {_text(pair)}: the function runs once for an event in any case.",
                    obj=each.handler.name,
                    id="gcp_event_router.W002",
                )
            earlier.append(pair)


def _shadowed(router: EventRouter) -> Iterator[CheckMessage]:
    """A fallback that never runs, because something handles everything that it might."""
    handlers = [each for each in router if not each.is_fallback]
    for fallback in (each for each in router if each.is_fallback):
        for each in handlers:
            wider = next((glob for glob in each.globs if _covers(glob, fallback.globs[0])), None)
            if wider is not None and each.ce_type is None:
                yield Warn(
                    f"{fallback.handler} is a fallback that never runs, because {each.handler} handles {wider.pattern!r}.",
                    hint="Remove the fallback, or register the other one for fewer kinds.",
                    obj=fallback.handler.name,
                    id="gcp_event_router.W003",
                )


def _imported_twice(router: EventRouter) -> Iterator[CheckMessage]:
    """One function in the source that is two at run time, since its module was imported under two names."""
    seen: dict[tuple[str, str], str] = {}
    for each in router:
        handler = each.handler
        module, _, function = handler.name.rpartition(".")
        first = seen.setdefault((handler.location, function), module)
        if first != module and handler.location != NO_SOURCE:
            yield Warn(
                f"{handler} is registered twice, because its module is imported as {first!r} and as {module!r}.",
                hint="Import it under one name only; until then the function runs twice for each event.",
                obj=handler.name,
                id="gcp_event_router.W004",
            )


def _covers(wider: Glob, glob: Glob) -> bool:
    """Whether `wider` surely matches all that `glob` matches: it is the same, or a beginning with a star."""
    return wider == glob or (wider.pattern == wider.prefix + "*" and glob.prefix.startswith(wider.prefix))


def _pairs(registration: Registration) -> list[tuple[Glob, Glob]]:
    """What it handles, as globs of a kind and of a type."""
    return [(glob, registration.ce_type or _ALL) for glob in registration.globs or (_ALL,)]


def _text(pair: tuple[Glob, Glob]) -> str:
    kind, ce_type = pair
    if ce_type == _ALL:
        return repr(kind.pattern)
    return f"ce_type={ce_type.pattern!r}" if kind == _ALL else f"{kind.pattern!r} with ce_type={ce_type.pattern!r}"
