"""The package's logger, and the line of an event: its fields hold nothing of a payload, a token or an exception's text.

`%r` writes text from outside, so that a newline in it cannot forge a line. An exception appears as its type and the places that
it passed; its text and full traceback follow at DEBUG only.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from itertools import islice

from django.db import Error as DjangoError

from ._database_errors import code
from ._frames import Passed, Place, chain, distinct_leaves, printable

logger: logging.Logger = logging.getLogger("gcp_event_router")

_MAX_TEXT = 255
_MAX_NAME = 120
#: How many places a trail may have: in the project, there for each further exception, and in libraries.
_MAX_PLACES = 8
_MAX_FURTHER = 2
_MAX_LIBRARIES = 3
_MAX_NAMES = 10


def log_event(
    level: int,
    outcome: str,
    *,
    kind: str,
    reference: str,
    message_id: str | None = None,
    handlers: Sequence[str] = (),
    duration: float = 0.0,
    problem: str = "",
    traceparent: str | None = None,
) -> None:
    """Write the line of one event; docs/guides/observability.md lists the attributes of its record.

    `duration` is in seconds, from the first handler's start to the last one's end. `problem` consists of safe parts only.
    Without handlers, the line names neither.
    """
    if not logger.isEnabledFor(level):
        return
    logger.log(
        level,
        "Event of kind %r with reference %r (message %r): %s%s%s",
        _short(kind),
        _short(reference),
        _short(message_id),
        outcome,
        f" by {', '.join(handlers)} in {duration * 1000:.1f} ms" if handlers else "",
        f": {problem}" if problem else "",
        extra={
            "event_kind": kind,
            "event_reference": reference,
            "event_message_id": message_id or "",
            "event_outcome": outcome,
            "event_handlers": list(handlers),
            "event_duration_ms": round(duration * 1000, 3),
            "event_trace": traceparent or "",
        },
    )


def log_malformed(kind: str, reference: str, message_id: str | None, names: Sequence[str]) -> None:
    """Warn that the router ignores malformed, optional metadata of an event; the line has names, but no values."""
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    message = "Event of kind %r with reference %r (message %r) has malformed metadata, which is ignored: %s"
    listed = ", ".join(dict.fromkeys(names[:_MAX_NAMES])) + more
    logger.warning(message, _short(kind), _short(reference), _short(message_id), listed)


def _short(text: str | None) -> str | None:
    """Shorten a text for the line; the record's attributes have all of it."""
    return text if text is None or len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}..."


def trail(error: BaseException, *, only_own: bool = False) -> str:
    """Describe an exception by its type, the types of its causes, and the places that it passed; never by its text.

    The project's places come first, from the innermost to the handler's, which is always included; then, unless `only_own`,
    those in libraries. A group also shows the types and places of the exceptions in it.
    """
    causes = chain(error)
    types = " from ".join(map(_types, causes))
    all_passed = [Passed(one.__traceback__) for cause in causes for one in (cause, *distinct_leaves(cause))]
    places = _own(all_passed)
    if only_own:
        return _at(types, places)
    places = places or [passed.first for passed in all_passed if passed.first is not None][:1]
    if not places:
        return _at(types, _few(place for passed in all_passed for place in passed.ours))
    libraries = _few(place for passed in all_passed for place in passed.libraries if place not in places)
    return _at(types, places) + (f" (libraries: {_join(libraries)})" if libraries else "")


def _own(all_passed: Iterable[Passed]) -> list[Place]:
    """The project's places."""
    own: dict[Place, None] = {}
    for passed in all_passed:
        own.update(dict.fromkeys(passed.project[:_MAX_FURTHER] if own else passed.project))
        if passed.handler is not None:
            own.setdefault(passed.handler)
    return list(own)[:_MAX_PLACES]


def _few(places: Iterable[Place]) -> list[Place]:
    return list(islice(dict.fromkeys(places), _MAX_LIBRARIES))


def _at(types: str, places: list[Place]) -> str:
    return f"{types} at {_join(places)}" if places else types


def _join(places: list[Place]) -> str:
    return " < ".join(map(str, places))


def _types(error: BaseException) -> str:
    inner = ", ".join(dict.fromkeys(map(_name, distinct_leaves(error))))
    return f"{_name(error)} of {inner}" if inner else _name(error)


def _name(error: BaseException) -> str:
    """The type of an exception, with the database's code, which Django's exception shares with its cause."""
    name = printable(type(error).__qualname__, _MAX_NAME)
    database_code = "" if isinstance(error, DjangoError) and error.__cause__ is not None else code(error)
    return f"{name} ({printable(database_code, _MAX_NAME)})" if database_code else name
