"""From a request to what arrived with it: its body to the last byte, its parameters, its events. Called by `views`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, TypeAlias

from django.core.exceptions import SuspiciousOperation
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest

from . import conf
from .auth import Door
from .auth.base import parsed_query
from .envelopes import EVENT_META, EVENTARC_MODE, is_batch, read, split_batch
from .event import UNKNOWN, Arrival, Principal, labels_of
from .exceptions import BodyTooLargeError, EnvelopeError
from .keepers import Unread, UnreadError
from .traces import trace_headers

__all__ = ["Labelled", "arrivals_of", "undecodable"]

#: An event with its kind and its reference.
Labelled: TypeAlias = tuple[str, str, Arrival]
_DIGITS: Final = 19
"""More digits of a Content-Length than any limit has."""


def arrivals_of(
    request: HttpRequest, principal: Principal | None, door: Door, kind: str, reference: str
) -> list[Labelled | UnreadError]:
    """Read a request whose sender is known: one event, or those of a batch. Its credentials stay here.

    Args:
        request: The request, of which nothing was read yet.
        principal: Who sent it.
        door: Who knows which of its headers and parameters are credentials.
        kind: The kind in its URL, or `UNKNOWN`; and so the reference.
        reference: As above.

    Returns:
        Each event, or why it cannot be read.

    Raises:
        SenderError: The body is too large, or ends too early.

    """
    meta, secret = request.META, door.secret_headers
    if secret and not secret.isdisjoint(meta):
        meta = {name: value for name, value in meta.items() if name not in secret}
    body = _body(request, conf.current().MAX_BODY_SIZE)
    parameters = _parameters(request, door.secret_parameters)
    headers = trace_headers(meta)

    def read_one(body: bytes, meta: Mapping[str, Any]) -> Labelled:
        envelope = read(body, meta)
        labels = labels_of(envelope) if kind is UNKNOWN else (kind, reference)
        return (*labels, Arrival(envelope, parameters, principal, None, headers))  # named ones cost a dict

    def unread(body: bytes, meta: Mapping[str, Any], error: EnvelopeError) -> UnreadError:
        return UnreadError(error, Unread(kind, reference, body, meta, parameters or {}, principal))

    try:
        parts: list[tuple[bytes, Mapping[str, Any]]] = (
            [(each, EVENT_META) for each in split_batch(body, meta)] if is_batch(meta) else [(body, meta)]
        )
    except EnvelopeError as error:
        return [unread(body, meta, error)]
    found: list[Labelled | UnreadError] = []
    for part, its_meta in parts:
        try:
            found.append(read_one(part, its_meta))
        except EnvelopeError as error:
            found.append(unread(part, its_meta, error))
    return found


def undecodable(event: Labelled, error: EnvelopeError) -> UnreadError:
    """The same for an event whose body turned out not to be the JSON that it says it is."""
    kind, reference, arrival = event
    envelope = arrival.envelope
    return UnreadError(error, Unread(kind, reference, envelope.body, envelope.meta, arrival.query, arrival.principal))


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


def _body(request: HttpRequest, limit: int) -> bytes:
    """All bytes of the request; Django's own limit is too low for Pub/Sub. Raises `SenderError`."""
    announced = request.META.get("CONTENT_LENGTH") or ""
    if announced and not (announced.isascii() and announced.isdecimal()):
        msg = "The header Content-Length is not a number."
        raise EnvelopeError(msg)
    length = int(announced[:_DIGITS] or 0)
    if length > limit:
        raise BodyTooLargeError
    try:
        body = _stream(request, announced)(limit + 1)
    except OSError as error:  # Django's UnreadablePostError is one
        msg = "The body could not be read to its end."
        raise EnvelopeError(msg) from error
    if len(body) > limit:
        raise BodyTooLargeError
    if len(body) < length:
        msg = "The body ends before its Content-Length."
        raise EnvelopeError(msg)
    return body


def _stream(request: HttpRequest, announced: str) -> Callable[[int], bytes]:
    """What to read from. Under WSGI, Django takes a body without a length for empty, so chunks are read from the server."""
    chunked = not announced and isinstance(request, WSGIRequest) and "HTTP_TRANSFER_ENCODING" in request.META
    if not chunked:
        return request.read
    if not request.META.get("wsgi.input_terminated"):
        msg = "The body comes in chunks, which this server does not pass on; it has to have a Content-Length."
        raise EnvelopeError(msg)
    read_chunks: Callable[[int], bytes] = request.META["wsgi.input"].read
    return read_chunks
