"""Reads a request for `views`: its body, to the end and within the limit; its parameters; and its events.

The body stays with the request, as if `request.body` had been read, so that middleware and decorators find it after the view.
A body that is too large or breaks off leaves an empty one.
This module alone touches what Django keeps for that: `_body`, `_stream` and `_read_started`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from io import SEEK_END, BytesIO
from typing import Any, Final, TypeAlias

from django.core.exceptions import SuspiciousOperation
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest

from .. import conf
from .._concurrency import LONG, wait_for
from .._dispatch.bodies import LabelledEvent, read_raw_events
from .._log import log_malformed
from ..auth import AuthenticatorChain, SignedBody
from ..auth.base import parsed_query
from ..envelopes import DESCRIPTION, EVENTARC_MODE
from ..envelopes.trace_context import trace_headers
from ..event import Principal
from ..exceptions import ConfigurationError, EnvelopeError
from .pending_body import BROKEN, PENDING, PendingBody, too_large

_Read: TypeAlias = Callable[[int], bytes]
#: More digits of a Content-Length than any limit has.
_DIGITS: Final = 19


def body_limit(signed: SignedBody | None) -> int:
    """The most bytes of a body to read: fewer, if only its signature can admit the request."""
    most = conf.current().MAX_BODY_SIZE
    return most if signed is None else min(most, signed.max_body)


def read_events(
    request: HttpRequest,
    body: bytes,
    principal: Principal | None,
    chain: AuthenticatorChain,
    kind: str,
    reference: str,
    description: str | None = None,
) -> list[LabelledEvent]:
    """Read a request whose sender is known: one event, or those of a batch, without the credentials that `chain` names.

    The kind and the reference are those in the URL, or `UNKNOWN`. `description` is that of a signed webhook. Raises `SenderError`
    for parameters that cannot be read.
    """
    meta, secret = request.META, chain.secret_headers
    if description is not None:
        meta = {**meta, DESCRIPTION: description}
    if secret and not meta.keys().isdisjoint(secret):
        meta = {name: value for name, value in meta.items() if name not in secret}
    query = _parameters(request, chain.secret_parameters) if meta.get("QUERY_STRING") else None
    events = read_raw_events(body, meta, kind, reference, query, principal, None, trace_headers(meta))
    for event_kind, event_reference, raw_event in events:
        envelope = raw_event.envelope
        if envelope.malformed:
            log_malformed(event_kind, event_reference, envelope.message_id, envelope.malformed)
    return events


def _parameters(request: HttpRequest, secret: Collection[str]) -> dict[str, list[str]]:
    try:
        parameters = parsed_query(request)
    except SuspiciousOperation as error:
        msg = "The URL has more parameters than DATA_UPLOAD_MAX_NUMBER_FIELDS."
        raise EnvelopeError(msg) from error
    for name in (*secret, EVENTARC_MODE):
        parameters.pop(name, None)
    return parameters


def read_body(request: HttpRequest, limit: int) -> bytes:
    """Return all bytes of a request's body. Django's own limit does not apply: it is too low for Pub/Sub.

    Raises `BodyTooLargeError` if the body is longer than `limit`, or will be; `EnvelopeError` if it is incomplete; and
    `ConfigurationError` if something has read it before.
    """
    state: Any = request
    if not isinstance(request, WSGIRequest) and PENDING in getattr(state, "scope", ()):
        wait_for(partial(_receive_body, request, limit))
    length = _length(request, limit)
    body: bytes = getattr(state, "_body", b"")
    if not body:  # without a Content-Length, Django reads an empty body from a WSGI request, whatever arrives
        read = None
        if length is None or "HTTP_TRANSFER_ENCODING" in request.META:
            read = _server_reader(request, has_length=length is not None)
        if read is not None:
            length = None  # chunks mark their own end, so a Content-Length beside them means nothing
            _forget_parsed(request)
        body = _read_and_keep(state, read, limit + 1 if length is None else length, limit)
    if len(body) > limit:
        raise too_large(limit)
    if length is not None and len(body) < length:
        msg = "The body ends before its Content-Length."
        raise EnvelopeError(msg)
    return body


async def _receive_body(request: HttpRequest, limit: int) -> None:
    """Receive the body of an ASGI request if `asgi.guard_bodies` has held it back. Raises as `read_body` does."""
    scope: dict[str, Any] = getattr(request, "scope", {})
    pending: PendingBody | None = scope.pop(PENDING, None)
    if pending is None:
        return
    _length(request, limit)
    _keep(request, await pending.read(limit))
    _forget_parsed(request)


async def is_received_long(request: HttpRequest, limit: int) -> bool:
    """Receive a body that was held back, and tell whether the body may be longer than `LONG`. Raises as `read_body` does."""
    await _receive_body(request, limit)
    state: Any = request
    if hasattr(state, "_body"):
        return len(state._body) > LONG  # noqa: SLF001 -- see above
    stream = state._stream  # noqa: SLF001 -- as above
    if stream.seekable():  # as under ASGI, where Django has received all of it by now
        size: int | None = stream.seek(0, SEEK_END)
        stream.seek(0)
    else:
        size = _length(request, limit)
    return size is None or size > LONG


def _length(request: HttpRequest, limit: int) -> int | None:
    """The Content-Length, if there is one. Raises `SenderError` if it is over the limit, or not a number."""
    text = request.META.get("CONTENT_LENGTH") or ""
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()):
        msg = "The header Content-Length is not a number."
        raise EnvelopeError(msg)
    length = int(text[:_DIGITS])
    if length > limit:
        raise too_large(limit)
    return length


def _server_reader(request: HttpRequest, *, has_length: bool) -> _Read | None:
    """Return the server's own read function if Django's `request.read` would not read the body.

    Under WSGI, Django regards a body without a Content-Length as empty. Chunks, and bodies of HTTP/2 without a length, come
    from the server, which says whether its input ends where the body does.
    """
    meta = request.META
    is_chunked = bool(meta.get("HTTP_TRANSFER_ENCODING"))
    if (has_length and not is_chunked) or not isinstance(request, WSGIRequest):
        return None
    if meta.get("wsgi.input_terminated"):
        read: _Read = meta["wsgi.input"].read
        return read
    if not has_length and (is_chunked or not meta.get("SERVER_PROTOCOL", "").startswith("HTTP/1.")):
        msg = (
            "The body has no Content-Length, and this server does not say where it ends (wsgi.input_terminated), so nobody "
            "knows whether there is one. Send it with a Content-Length, or use a server such as gunicorn."
        )
        raise EnvelopeError(msg)
    return None  # RFC 9112 §6.3: a request of HTTP/1 with neither a length nor chunks has no body


def _read_and_keep(request: Any, server_read: _Read | None, enough: int, limit: int) -> bytes:
    """Read at most one byte more than the limit, and leave the body with the request; an empty one if it is refused."""
    if request._read_started and not hasattr(request, "_body"):  # noqa: SLF001 -- see above
        msg = (
            "A middleware or a decorator has read the request as a stream, so nothing of its body is left for the event. "
            "Let it read request.body, which later code can read, too."
        )
        raise ConfigurationError(msg)
    read: _Read = server_read or request.read
    try:
        body = read(limit + 1)
        if len(body) < enough:  # a server may return fewer bytes at a time
            body = _read_on(read, body, enough, limit)
    except Exception as error:  # an OSError from most servers; gunicorn has its own for a stream of HTTP/2
        _keep(request, b"")
        raise EnvelopeError(BROKEN) from error
    _keep(request, body if len(body) <= limit else b"")
    return body


def _read_on(read: _Read, begin: bytes, enough: int, limit: int) -> bytes:
    """Read until enough bytes have arrived, or the body ends."""
    parts, size, part = [begin], len(begin), begin
    while part and size < enough:
        part = read(limit + 1 - size)
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def _keep(request: Any, body: bytes) -> None:
    """Leave a body with its request, as if `request.body` had been read."""
    if not isinstance(request, WSGIRequest):
        request._stream.close()  # noqa: SLF001 -- as Django does: under ASGI, it holds the body a second time
    request._stream, request._body = BytesIO(body), body  # noqa: SLF001 -- as above


def _forget_parsed(request: HttpRequest) -> None:
    """Drop what Django has parsed of a body that seemed to be empty."""
    for parsed in ("_post", "_files"):
        request.__dict__.pop(parsed, None)
