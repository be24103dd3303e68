"""What this package writes to the log: one line an event, with nothing of a payload, a token or an exception's text.

Called by `signals`, `lines` and `views`. Names from outside are written with `%r`, so that a newline in them cannot forge
a line. An exception appears as its type and the places that it passed; its text and full traceback follow at DEBUG only.
"""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Sequence
from pathlib import Path

__all__ = ["log_event", "logger", "trail"]

logger: logging.Logger = logging.getLogger("gcp_event_router")

_HERE = f"{Path(__file__).parent}{os.sep}"
_FRAMES = 6
_LENGTH = 255


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


def _short(text: str | None) -> str | None:
    """The beginning of a text from outside, which may be of any length; the record's fields have all of it."""
    return text if text is None or len(text) <= _LENGTH else f"{text[:_LENGTH]}..."


def trail(error: BaseException) -> str:
    """The type of an exception, of what caused it, and the places it passed, the innermost first; never its text."""
    places = [(frame.f_code, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    outside = [place for place in places if not place[0].co_filename.startswith(_HERE)] or places
    passed = " < ".join(f"{code.co_filename}:{line} in {code.co_name}" for code, line in reversed(outside[-_FRAMES:]))
    types = " from ".join(type(cause).__qualname__ for cause in _chain(error))
    return f"{types} at {passed}" if passed else types


def _chain(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and not any(current is each for each in chain) and len(chain) < _FRAMES:
        chain.append(current)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return chain
