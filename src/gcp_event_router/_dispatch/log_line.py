"""The line of an event in the log: its level, and what it says of each handler that did not do its work.

`dispatch` writes one an event, and the inbox's workers one for each handler that they run later.
"""

from __future__ import annotations

import logging
from typing import Final

from .._log import log_event, logger, trail
from ..envelopes import lacks_subscription
from ..exceptions import InvalidEventError, RefusalError
from ..outcomes import Outcome
from .handler import Handler
from .raw_event import RawEvent
from .store import HANDLED, Result

#: Outcomes that are somebody's ordinary answer; all others are logged as errors.
_LEVELS: Final = {
    Outcome.HANDLED: logging.INFO,
    Outcome.DUPLICATE: logging.INFO,
    Outcome.BUSY: logging.INFO,
    Outcome.RETRY: logging.INFO,
    Outcome.REJECTED: logging.WARNING,
    Outcome.INVALID: logging.WARNING,
    Outcome.UNSUPPORTED: logging.WARNING,
}

_REFUSED: Final = frozenset({Outcome.INVALID, Outcome.REJECTED})
_NO_PUSH: Final = "; the body would be a Pub/Sub push if it had a `subscription` beside its `message`, and was read as plain JSON"


def level_of(outcome: Outcome) -> int:
    """The level of `logging` for an outcome."""
    return _LEVELS.get(outcome, logging.ERROR)


def log_line(
    level: int,
    outcome: Outcome,
    kind: str,
    reference: str,
    raw_event: RawEvent,
    handlers: list[str],
    duration: float,
    problem: str,
) -> None:
    """Write the line of one event, or of one handler's run."""
    trace = raw_event.trace
    if outcome in _REFUSED and lacks_subscription(raw_event.envelope):
        problem += _NO_PUSH
    log_event(
        level,
        outcome.value,
        kind=kind,
        reference=reference,
        message_id=raw_event.envelope.message_id,
        handlers=handlers,
        duration=duration,
        problem=problem,
        traceparent=trace and trace.traceparent,
    )


def log_run(handler: Handler, result: Result, kind: str, reference: str, raw_event: RawEvent, duration: float) -> None:
    """Write the line of one handler that was run by itself, later than its event came; called by the inbox's workers."""
    level = level_of(result.outcome)
    if logger.isEnabledFor(level):
        problem = "" if result is HANDLED else problem_of(handler, result)
        log_line(level, result.outcome, kind, reference, raw_event, [handler.name], duration, problem)
        if result.error is not None:
            logger.debug("Handler %s did not finish", handler.name, exc_info=result.error)


def problem_of(handler: Handler, result: Result) -> str:
    """What the line says of one handler's failure; nothing in it was written by the sender or by the exception."""
    outcome, error = result
    if isinstance(error, InvalidEventError):
        part = "an invalid payload" if error.part == "payload" else f"invalid {error.part}"
        first = error.errors[0]
        where = ".".join(map(str, first["loc"])) or "its root"
        return f"{handler.name} got {part}: {error.count} error(s), first {first['type']} at {where}"
    if outcome is Outcome.RETRY:
        return f"{handler.name} asked to retry"
    if outcome is Outcome.BUSY:
        return f"{handler.name} is at work elsewhere"
    return f"{handler.name} {outcome.value}: {explained(error)}" if error else f"{handler.name} {outcome.value}"


def explained(error: Exception) -> str:
    """The trail of an exception, after the fixed words in which a refusal says why."""
    reason = error.reason if isinstance(error, RefusalError) else ""
    return f"{reason}: {trail(error)}" if reason else trail(error)
