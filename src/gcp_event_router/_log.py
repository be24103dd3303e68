"""What this package writes to the log: one line an event, with nothing of a payload, a token or an exception's text.

Names from outside are written with `%r`, so that a newline in them cannot forge
a line. An exception appears as its type and the places that it passed; its text and full traceback follow at DEBUG only.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from itertools import islice

from django.db import Error as DjangoError

from ._database_errors import code
from ._frames import Passed, Place, chain, leaves, printable

__all__ = ["log_event", "log_malformed", "logger", "trail"]

logger: logging.Logger = logging.getLogger("gcp_event_router")

_LENGTH = 255
_NAME_LENGTH = 120
#: How many of the project's places a trail has, and how many of those are of a cause, or in a group; and how many in libraries.
_PLACES = 8
_FURTHER = 2
_LIBRARIES = 3
_NAMES = 10


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
    """Write the line of one event.

    Args:
        level: A level of `logging`.
        outcome: The name of the outcome, such as `"handled"`.
        kind: The event's kind, as it came.
        reference: The event's reference, as it came.
        message_id: The sender's id of the message, where it has one.
        handlers: The names of the handlers that the event was for.
        duration: Seconds from the first handler's start to the last one's end.
        problem: What went wrong, made of safe parts only.
        traceparent: That of the request that brought the event.

    The record has them as attributes too (`extra`), for structured logs; docs/observability.md lists their names.
    """
    if not logger.isEnabledFor(level):
        return
    logger.log(
        level,
        "Event of kind %r with reference %r (message %r): %s by %s in %.1f ms%s",
        _short(kind),
        _short(reference),
        _short(message_id),
        outcome,
        ", ".join(handlers) or "no handler",
        duration * 1000,
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
    """Write that an event came with optional metadata that cannot be read, and is handled without: names and no values."""
    shown = ", ".join(dict.fromkeys(names[:_NAMES])) + (f" and {len(names) - _NAMES} more" if len(names) > _NAMES else "")
    message = "Event of kind %r with reference %r (message %r) has metadata that cannot be read, and is handled without: %s"
    logger.warning(message, _short(kind), _short(reference), _short(message_id), shown)


def _short(text: str | None) -> str | None:
    """The beginning of a text from outside, which may be of any length; the record's fields have all of it."""
    return text if text is None or len(text) <= _LENGTH else f"{text[:_LENGTH]}..."


def trail(error: BaseException) -> str:
    """Tell the type of an exception, the types of its causes, and the places that it passed; never its text.

    The project's places come first, from the innermost to the handler's own, which is always there; then those in libraries.
    Of a group, the types of the exceptions in it are told, and their places.
    """
    causes = chain(error)
    all_passed = [Passed(one.__traceback__) for each in causes for one in (each, *leaves(each))]
    own: dict[Place, None] = {}
    for passed in all_passed:
        own.update(dict.fromkeys(passed.project[:_FURTHER] if own else passed.project))
        if passed.handler is not None:
            own.setdefault(passed.handler)
    firsts = [passed.first for passed in all_passed if passed.first is not None]
    told = list(own)[:_PLACES] or firsts[:1]
    types = " from ".join(map(_types, causes))
    if not told:
        ours = _listed(place for passed in all_passed for place in passed.ours)
        return f"{types} at {ours}" if ours else types
    libraries = _listed(place for passed in all_passed for place in passed.libraries if place not in told)
    return f"{types} at {' < '.join(map(str, told))}{libraries and f' (libraries: {libraries})'}"


def _listed(places: Iterable[Place]) -> str:
    return " < ".join(map(str, islice(dict.fromkeys(places), _LIBRARIES)))


def _types(error: BaseException) -> str:
    inner = ", ".join(dict.fromkeys(map(_name, leaves(error))))
    return f"{_name(error)} of {inner}" if inner else _name(error)


def _name(error: BaseException) -> str:
    """The type of an exception; with the code that a database gave it, once for Django's exception and its driver's."""
    name = printable(type(error).__qualname__, _NAME_LENGTH)
    known = "" if isinstance(error, DjangoError) and error.__cause__ is not None else code(error)
    return f"{name} ({printable(known, _NAME_LENGTH)})" if known else name
