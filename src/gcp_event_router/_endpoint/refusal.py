"""What happens to a request or an event that is turned away: `event_rejected`, the inbox, one line in the log."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from .._dispatch.raw_event import UnreadableRequestError
from .._dispatch.store import event_store
from .._flow import Flow, either
from .._log import log_event, logger, trail
from ..envelopes.trace_context import trace_headers
from ..event import Principal
from ..exceptions import BodyTooLargeError, ConfigurationError, EnvelopeError, RefusalError
from ..lifecycle import event_rejected
from ..outcomes import Outcome, classify

__all__ = ["refuse_request", "reject_unreadable"]

#: The faults of senders: a WARNING, while all else that keeps a request from being an event is an ERROR.
_SENDERS_FAULTS: Final = (EnvelopeError, BodyTooLargeError, RefusalError)


def refuse_request(
    error: Exception, kind: str, reference: str, principal: Principal | None, meta: Mapping[str, Any]
) -> Flow[None]:
    """Tell of a request that did not become an event, and log it."""
    rejection = _describe(error, classify(error), kind, reference, principal)
    yield either(partial(event_rejected.tell, None, **rejection), partial(event_rejected.atell, None, **rejection))
    _log_refusal(error, kind, reference, None, meta)


def reject_unreadable(error: UnreadableRequestError, meta: Mapping[str, Any], message_id: str | None = None) -> Outcome:
    """Settle an event whose body is not in the form that it claims. The inbox keeps it, so that it is not sent again.

    Raises what keeps the inbox from that, or the error itself where there is no inbox, once it is logged.
    """
    unread, store = error.unread, event_store()
    kind, reference = unread.kind, unread.reference
    try:
        if store is None:
            raise error.reason  # noqa: TRY301 -- logged like all others
        store.reject(unread, error)
    except Exception as problem:
        event_rejected.tell(None, **_describe(problem, classify(problem), kind, reference, unread.principal))
        _log_refusal(problem, kind, reference, message_id, meta)
        raise
    event_rejected.tell(None, **_describe(error.reason, Outcome.REJECTED, kind, reference, unread.principal))
    _log(logging.WARNING, Outcome.REJECTED, kind, reference, message_id, str(error), meta)
    return Outcome.REJECTED


def _describe(error: Exception, outcome: Outcome, kind: str, reference: str, principal: Principal | None) -> dict[str, Any]:
    """The arguments of `event_rejected`."""
    return {"event_kind": kind, "event_reference": reference, "outcome": outcome, "error": error, "principal": principal}


def _log_refusal(error: Exception, kind: str, reference: str, message_id: str | None, meta: Mapping[str, Any]) -> None:
    level, problem = logging.ERROR, trail(error)
    if isinstance(error, _SENDERS_FAULTS):
        level, problem = logging.WARNING, type(error).__name__
    if isinstance(error, (EnvelopeError, ConfigurationError)):  # texts of ours; an authenticator's own may hold anything
        problem = str(error)
    elif isinstance(error, RefusalError) and error.reason:
        problem = f"{problem}, {error.reason}"
    _log(level, classify(error), kind, reference, message_id, problem, meta)
    logger.debug("The request was refused", exc_info=error)


def _log(
    level: int, outcome: Outcome, kind: str, reference: str, message_id: str | None, problem: str, meta: Mapping[str, Any]
) -> None:
    headers = trace_headers(meta)
    trace = headers and headers.read()
    log_event(
        level,
        outcome.value,
        kind=kind,
        reference=reference,
        message_id=message_id,
        problem=problem,
        traceparent=trace and trace.traceparent,
    )
