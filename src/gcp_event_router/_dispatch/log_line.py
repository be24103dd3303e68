"""The log line of an event, which `dispatch` writes, and of a handler's run, which the inbox's workers write."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from .._log import log_event, logger, trail
from .._words import counted
from ..exceptions import InvalidEventError, NotDueError, RefusalError
from ..outcomes import Outcome
from .handler import Handler
from .raw_event import RawEvent
from .store import HANDLED, Result

#: All other outcomes are logged as errors.
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
    """Return the level of `logging` for an outcome."""
    return _LEVELS.get(outcome, logging.ERROR)


def log_line(
    level: int,
    outcome: Outcome,
    kind: str,
    reference: str,
    raw_event: RawEvent,
    problem: str = "",
    handlers: Sequence[str] = (),
    duration: float = 0.0,
) -> None:
    """Write the line of an event or of a handler's run; the arguments are those of `_log.log_event`."""
    trace = raw_event.trace
    if outcome in _REFUSED:
        from ..envelopes.pubsub import lacks_subscription  # noqa: PLC0415 -- no form of an envelope is needed at start

        problem += _NO_PUSH if lacks_subscription(raw_event.envelope) else ""
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
    """Write the line of a handler that a worker has run."""
    level = level_of(result.outcome)
    if logger.isEnabledFor(level):
        problem = "" if result is HANDLED else describe_problem(handler, result)
        log_line(level, result.outcome, kind, reference, raw_event, problem, [handler.name], duration)
        if result.error is not None:
            logger.debug("Handler %s did not finish", handler.name, exc_info=result.error)


def describe_problem(handler: Handler, result: Result) -> str:
    """Describe a handler's failure, without anything that the sender or the exception says."""
    outcome, error = result
    if isinstance(error, InvalidEventError) and error.errors:
        part = "an invalid payload" if error.part == "payload" else f"invalid {error.part}"
        first = error.errors[0]
        where = ".".join(map(str, first["loc"])) or "its root"
        return f"{handler.name} got {part}: {counted(error.count, 'error')}, first {first['type']} at {where}"
    if isinstance(error, NotDueError):
        return f"{handler.name} is not due for another {error.after} s"
    if outcome is Outcome.RETRY:
        return f"{handler.name} asked to retry"
    if outcome is Outcome.BUSY:
        return f"{handler.name} is already running elsewhere"
    return f"{handler.name} {outcome.value}: {describe_error(error)}" if error else f"{handler.name} {outcome.value}"


def describe_error(error: Exception) -> str:
    """Return the trail of an exception; a refusal that gives its reason needs no places in libraries."""
    reason = error.reason if isinstance(error, RefusalError) else ""
    return f"{trail(error, only_own=True)}, {reason}" if reason else trail(error)
