"""What happens to a request or an event that is turned away: `event_rejected`, the inbox, one line in the log."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from .._flow import Flow, either
from .._log import log_event, logger, trail
from ..envelopes.trace_context import Trace, trace_headers
from ..event import Principal
from ..exceptions import BodyTooLargeError, ConfigurationError, DocumentError, EnvelopeError, RefusalError
from ..lifecycle import event_rejected
from ..outcomes import Outcome, classify
from .raw_event import RawEvent
from .store import event_store

#: The faults of senders: a WARNING, while all else that keeps a request from being an event is an ERROR.
_SENDERS_FAULTS: Final = (EnvelopeError, BodyTooLargeError, RefusalError)


def refuse_request(
    error: Exception, kind: str, reference: str, principal: Principal | None, meta: Mapping[str, Any]
) -> Flow[None]:
    """Tell of a request that did not become an event, and log it."""
    rejection = describe_rejection(error, classify(error), kind, reference, principal)
    yield either(partial(event_rejected.tell, None, **rejection), partial(event_rejected.atell, None, **rejection))
    headers = trace_headers(meta)
    _log_refusal(error, kind, reference, None, headers and headers.read())


def reject(kind: str, reference: str, raw_event: RawEvent, error: DocumentError) -> Outcome:
    """Settle an event that cannot be read: the inbox keeps it, so that its sender does not send it again.

    Raises the problem itself if there is no inbox, or the error of an inbox that cannot keep it; both are logged.
    """
    store, principal = event_store(), raw_event.principal
    try:
        if store is None:
            raise error.reason  # noqa: TRY301 -- logged like all others
        store.reject(kind, reference, raw_event, error.reason)
    except Exception as failure:
        event_rejected.tell(None, **describe_rejection(failure, classify(failure), kind, reference, principal))
        _log_refusal(failure, kind, reference, raw_event.envelope.message_id, raw_event.trace)
        raise
    event_rejected.tell(None, **describe_rejection(error.reason, Outcome.REJECTED, kind, reference, principal))
    _log(logging.WARNING, Outcome.REJECTED, kind, reference, raw_event.envelope.message_id, str(error), raw_event.trace)
    return Outcome.REJECTED


def describe_rejection(
    error: Exception, outcome: Outcome, kind: str, reference: str, principal: Principal | None
) -> dict[str, Any]:
    """Return the arguments of `event_rejected`."""
    return {"event_kind": kind, "event_reference": reference, "outcome": outcome, "error": error, "principal": principal}


def _log_refusal(error: Exception, kind: str, reference: str, message_id: str | None, trace: Trace | None) -> None:
    level, problem = logging.ERROR, trail(error)
    if isinstance(error, _SENDERS_FAULTS):
        level, problem = logging.WARNING, type(error).__name__
    if isinstance(error, (EnvelopeError, ConfigurationError)):  # texts of ours; an authenticator's own may hold anything
        problem = str(error)
    elif isinstance(error, RefusalError) and error.reason:
        problem = f"{problem}, {error.reason}"
    _log(level, classify(error), kind, reference, message_id, problem, trace)
    logger.debug("The request was refused", exc_info=error)


def _log(
    level: int, outcome: Outcome, kind: str, reference: str, message_id: str | None, problem: str, trace: Trace | None
) -> None:
    log_event(
        level,
        outcome.value,
        kind=kind,
        reference=reference,
        message_id=message_id,
        problem=problem,
        traceparent=trace and trace.traceparent,
    )
