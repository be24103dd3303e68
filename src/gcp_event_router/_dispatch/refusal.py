"""Settles requests and events that no handler gets: `event_rejected`, the inbox, one line in the log."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from .._flow import Flow, either
from .._log import log_event, logger, trail
from ..event import Principal
from ..exceptions import BodyTooLargeError, ConfigurationError, DocumentError, EnvelopeError, RefusalError
from ..lifecycle import event_rejected
from ..outcomes import Outcome, classify
from .log_line import describe_error, log_line
from .raw_event import RawEvent
from .store import event_store

#: Faults of senders, which are logged as warnings; all others are errors.
_SENDERS_FAULTS: Final = (EnvelopeError, BodyTooLargeError, RefusalError)
#: Errors whose texts are our own.
_OWN_TEXTS: Final = (EnvelopeError, BodyTooLargeError, ConfigurationError)


def refuse_request(
    error: Exception, kind: str, reference: str, principal: Principal | None, meta: Mapping[str, Any]
) -> Flow[None]:
    """Announce and log a request that did not become an event."""
    rejection = describe_rejection(error, classify(error), kind, reference, principal)
    yield either(partial(event_rejected.tell, None, **rejection), partial(event_rejected.atell, None, **rejection))
    from ..envelopes.trace_context import trace_headers  # noqa: PLC0415 -- no form of an envelope is needed at start

    headers = trace_headers(meta)
    trace = headers and headers.read()
    level, problem = _describe(error)
    traceparent = trace and trace.traceparent
    log_event(level, classify(error).value, kind=kind, reference=reference, problem=problem, traceparent=traceparent)
    logger.debug("The request was refused", exc_info=error)


def reject(kind: str, reference: str, raw_event: RawEvent, error: DocumentError) -> Outcome:
    """Settle an event that cannot be read: the inbox stores it, so that its sender does not send it again.

    Raises the problem itself if there is no inbox, or the error of an inbox that cannot store it; both are logged.
    """
    store, principal = event_store(), raw_event.principal
    try:
        if store is None:
            raise error.reason  # noqa: TRY301 -- logged like all others
        store.reject(kind, reference, raw_event, error.reason)
    except Exception as failure:
        event_rejected.tell(None, **describe_rejection(failure, classify(failure), kind, reference, principal))
        # no sender is at fault if the inbox cannot store it
        level, problem = _describe(failure) if store is None else (logging.ERROR, describe_error(failure))
        log_line(level, classify(failure), kind, reference, raw_event, problem)
        logger.debug("The request was refused", exc_info=failure)
        raise
    event_rejected.tell(None, **describe_rejection(error.reason, Outcome.REJECTED, kind, reference, principal))
    log_line(logging.WARNING, Outcome.REJECTED, kind, reference, raw_event, str(error))
    return Outcome.REJECTED


def describe_rejection(
    error: Exception, outcome: Outcome, kind: str, reference: str, principal: Principal | None
) -> dict[str, Any]:
    """Return the arguments of `event_rejected`."""
    return {"event_kind": kind, "event_reference": reference, "outcome": outcome, "error": error, "principal": principal}


def _describe(error: Exception) -> tuple[int, str]:
    """Return the level and the problem of a log line."""
    level = logging.WARNING if isinstance(error, _SENDERS_FAULTS) else logging.ERROR
    if isinstance(error, _OWN_TEXTS) and str(error):  # an authenticator's may hold anything
        return level, str(error)
    problem = type(error).__name__ if level == logging.WARNING else trail(error)
    return level, f"{problem}, {error.reason}" if isinstance(error, RefusalError) and error.reason else problem
