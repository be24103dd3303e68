"""From a request to what arrived with it: its body, its parameters, its events. Called by `views`."""

from __future__ import annotations

from collections.abc import Collection

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest

from .. import conf
from .._dispatch.raw_event import LabelledEvent, read_raw_events
from .._log import log_malformed
from ..auth import AuthenticatorChain
from ..auth.base import parsed_query
from ..envelopes import EVENTARC_MODE
from ..envelopes.trace_context import trace_headers
from ..event import Principal
from ..exceptions import EnvelopeError
from .body import body_of

__all__ = ["read_events"]


def read_events(
    request: HttpRequest, principal: Principal | None, chain: AuthenticatorChain, kind: str, reference: str
) -> list[LabelledEvent]:
    """Read a request whose sender is known: one event, or those of a batch. Its credentials stay here.

    Args:
        request: The request, of which nothing was read yet.
        principal: Who sent it.
        chain: Who knows which of its headers and parameters are credentials.
        kind: The kind in its URL, or `UNKNOWN`; and so the reference.
        reference: As above.

    Raises:
        SenderError: The body is too large, or does not arrive whole.
        ConfigurationError: The body was read before, and is gone.

    """
    meta, secret = request.META, chain.secret_headers
    if secret and not secret.isdisjoint(meta):
        meta = {name: value for name, value in meta.items() if name not in secret}
    body = body_of(request, conf.current().MAX_BODY_SIZE)
    query = _parameters(request, chain.secret_parameters)
    events = read_raw_events(body, meta, kind, reference, query, principal, None, trace_headers(meta))
    for labelled in events:
        envelope = labelled[2].envelope
        if envelope.malformed:
            log_malformed(*labelled[:2], envelope.message_id, envelope.malformed)
    return events


def _parameters(request: HttpRequest, secret: Collection[str]) -> dict[str, list[str]] | None:
    if not request.META.get("QUERY_STRING"):
        return None
    try:
        parameters = parsed_query(request)
    except SuspiciousOperation as error:
        msg = "The URL has more parameters than DATA_UPLOAD_MAX_NUMBER_FIELDS."
        raise EnvelopeError(msg) from error
    for name in (*secret, EVENTARC_MODE):
        parameters.pop(name, None)
    return parameters
