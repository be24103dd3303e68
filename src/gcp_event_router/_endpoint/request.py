"""From a request to what arrived with it: its body, its parameters, its events. Called by `views`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, TypeAlias

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest

from .. import conf
from .._dispatch.raw_event import RawEvent, UnreadableRequest, UnreadableRequestError
from .._log import log_malformed
from ..auth import AuthenticatorChain
from ..auth.base import parsed_query
from ..envelopes import EVENTARC_MODE, event_meta, is_batch, read, split_batch
from ..envelopes.trace_context import trace_headers
from ..event import UNKNOWN, Principal, labels_of
from ..exceptions import EnvelopeError
from .body import body_of

__all__ = ["Labelled", "read_events", "undecodable"]

#: An event with its kind and its reference.
Labelled: TypeAlias = tuple[str, str, RawEvent]


def read_events(
    request: HttpRequest, principal: Principal | None, chain: AuthenticatorChain, kind: str, reference: str
) -> list[Labelled | UnreadableRequestError]:
    """Read a request whose sender is known: one event, or those of a batch. Its credentials stay here.

    Args:
        request: The request, of which nothing was read yet.
        principal: Who sent it.
        chain: Who knows which of its headers and parameters are credentials.
        kind: The kind in its URL, or `UNKNOWN`; and so the reference.
        reference: As above.

    Returns:
        Each event, or why it cannot be read.

    Raises:
        SenderError: The body is too large, or does not arrive whole.
        ConfigurationError: The body was read before, and is gone.

    """
    meta, secret = request.META, chain.secret_headers
    if secret and not secret.isdisjoint(meta):
        meta = {name: value for name, value in meta.items() if name not in secret}
    body = body_of(request, conf.current().MAX_BODY_SIZE)
    parameters = _parameters(request, chain.secret_parameters)
    headers = trace_headers(meta)

    def read_one(body: bytes, meta: Mapping[str, Any]) -> Labelled:
        envelope = read(body, meta)
        labels = labels_of(envelope) if kind is UNKNOWN else (kind, reference)
        if envelope.malformed:
            log_malformed(*labels, envelope.message_id, envelope.malformed)
        return (*labels, RawEvent(envelope, parameters, principal, None, headers))  # named ones cost a dict

    def unread(body: bytes, meta: Mapping[str, Any], error: EnvelopeError) -> UnreadableRequestError:
        return UnreadableRequestError(error, UnreadableRequest(kind, reference, body, meta, parameters or {}, principal))

    try:
        parts: list[tuple[bytes, Mapping[str, Any]]] = [(body, meta)]
        if is_batch(meta):
            most, its_meta = conf.current().MAX_BATCH, event_meta(meta)
            parts = [(each, its_meta) for each in split_batch(body, meta, most)]
    except EnvelopeError as error:
        return [unread(body, meta, error)]
    found: list[Labelled | UnreadableRequestError] = []
    for part, its_meta in parts:
        try:
            found.append(read_one(part, its_meta))
        except EnvelopeError as error:
            found.append(unread(part, its_meta, error))
    return found


def undecodable(event: Labelled, error: EnvelopeError) -> UnreadableRequestError:
    """The same for an event whose body turned out not to be the JSON that it says it is."""
    kind, reference, raw_event = event
    envelope = raw_event.envelope
    return UnreadableRequestError(
        error, UnreadableRequest(kind, reference, envelope.body, envelope.meta, raw_event.query, raw_event.principal)
    )


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
