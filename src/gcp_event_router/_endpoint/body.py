"""The body of a request: read once, to its end, within the limit. Called by `_endpoint.request`.

The body stays with the request, as if `request.body` had been read, so that middleware and decorators find it after the view.
This module alone touches what Django keeps for that: `_body`, `_stream` and `_read_started`.
"""

from __future__ import annotations

from asyncio import Event, sleep
from collections.abc import Awaitable, Callable
from functools import partial
from io import SEEK_END, BufferedReader, BytesIO, RawIOBase
from typing import Any, Final, TypeAlias

from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest
from django.http.request import UnreadablePostError
from typing_extensions import Buffer, override

from .. import conf
from .._concurrency import LONG, wait_for
from ..exceptions import BodyTooLargeError, ConfigurationError, EnvelopeError

__all__ = ["PendingBody", "body_of", "is_received_long", "never_long"]


#: Where `asgi` leaves a body that nobody has received, in the scope of its request.
_PENDING: Final = "gcp_event_router.pending_body"
_BROKEN: Final = "The body could not be read to its end."
_Read: TypeAlias = Callable[[int], bytes]
_DIGITS: Final = 19
"""More digits of a Content-Length than any limit has."""


def body_of(request: HttpRequest, limit: int) -> bytes:
    """Return all bytes of a request's body. Django's own limit does not apply: it is too low for Pub/Sub.

    Raises:
        BodyTooLargeError: The body is longer than `limit`, or will be.
        EnvelopeError: The body does not arrive whole, or nobody knows where it ends.
        ConfigurationError: Something else has read it before, and kept nothing.

    """
    state: Any = request
    if _PENDING in getattr(state, "scope", ()):
        wait_for(partial(_receive_body, request, limit))
    length = _length(request, limit)
    body: bytes = getattr(state, "_body", b"")
    if not body:  # without a Content-Length, Django's own of a WSGI request is empty whatever arrives
        read = _server_reader(request, has_length=length is not None)
        if read is not None:
            length = None  # chunks have an end of their own, and a Content-Length beside them means nothing
        body = _read_and_keep(state, read, limit + 1 if length is None else length, limit)
    if len(body) > limit:
        raise BodyTooLargeError
    if length is not None and len(body) < length:
        msg = "The body ends before its Content-Length."
        raise EnvelopeError(msg)
    return body


async def _receive_body(request: HttpRequest, limit: int) -> None:
    """Receive the body of an ASGI request if `asgi.guard_bodies` has kept it back. Raises as `body_of` does."""
    scope: dict[str, Any] = getattr(request, "scope", {})
    pending: PendingBody | None = scope.pop(_PENDING, None)
    if pending is None:
        return
    _put_back(request, b"", _fail)  # until there is something to give
    _length(request, limit)
    _keep(request, await pending.read(limit))


class PendingBody:
    """The body of an ASGI request that nobody has received so far.

    Args:
        scope: The scope of the request, where the view will find it.
        receive: The server's own.

    """

    def __init__(self, scope: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]]) -> None:
        self._receive = receive
        self._is_announced = False
        self._is_over = Event()
        self._last: dict[str, Any] | None = None
        scope[_PENDING] = self

    async def receive(self) -> dict[str, Any]:
        """What Django receives: an empty body, and after the view has read the true one, when the client goes away."""
        if not self._is_announced:
            self._is_announced = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._is_over.wait()
        while True:
            message = self._last or await self._receive()
            if message["type"] != "http.request":
                return message
            await sleep(0)  # what is dropped may come without end, and the answer goes first

    def drop(self) -> None:
        """Drop what is left of it, as the answer begins: hypercorn closes no connection of which somebody has to receive more."""
        self._is_over.set()

    async def read(self, limit: int) -> bytes:
        """Receive the body. Raises `BodyTooLargeError` as soon as it is over the limit, or `EnvelopeError`."""
        body, is_more = bytearray(), True
        while is_more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._last = message
                self._is_over.set()
                raise EnvelopeError(_BROKEN)
            body += message.get("body", b"")
            if len(body) > limit:
                raise BodyTooLargeError
            is_more = message.get("more_body", False)
        self._is_over.set()
        return bytes(body)


def never_long(request: HttpRequest) -> bool:  # noqa: ARG001 -- as `is_received_long`
    """Return False: without an event loop, no body is so long that it must be read elsewhere."""
    return False


async def is_received_long(request: HttpRequest) -> bool:
    """Receive a body that was kept back, and tell whether it is longer than `LONG`. Raises as `body_of` does."""
    await _receive_body(request, conf.current().MAX_BODY_SIZE)
    return _is_long(request)


def _is_long(request: HttpRequest) -> bool:
    """Whether the body is longer than `LONG`, as far as can be told before it is read. Raises `EnvelopeError`."""
    state: Any = request
    if hasattr(state, "_body"):
        return len(state._body) > LONG  # noqa: SLF001 -- see above
    stream = state._stream  # noqa: SLF001 -- as above
    if stream.seekable():  # as under ASGI, where Django has received all of it by now
        size: int | None = stream.seek(0, SEEK_END)
        stream.seek(0)
    else:
        size = _announced(request)
    return size is None or size > LONG


def _length(request: HttpRequest, limit: int) -> int | None:
    """The Content-Length, if it has one. Raises `SenderError` for one that is over the limit, or is not a number."""
    length = _announced(request)
    if length is not None and length > limit:
        raise BodyTooLargeError
    return length


def _announced(request: HttpRequest) -> int | None:
    """The Content-Length; None where there is none. Raises `EnvelopeError`."""
    announced = request.META.get("CONTENT_LENGTH") or ""
    if not announced:
        return None
    if not (announced.isascii() and announced.isdecimal()):
        msg = "The header Content-Length is not a number."
        raise EnvelopeError(msg)
    return int(announced[:_DIGITS])


def _server_reader(request: HttpRequest, *, has_length: bool) -> _Read | None:
    """What reads the body from the server itself, where Django's `request.read` would not; else None.

    Django takes a body without a Content-Length for empty under WSGI, so chunks, and what HTTP/2 sends without a length, are
    read from the server, which says whether its input ends where the body does.
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
            "knows whether there is one. Have it sent with a Content-Length, or use a server such as gunicorn."
        )
        raise EnvelopeError(msg)
    return None  # RFC 9112 §6.3: a request of HTTP/1 with neither a length nor chunks has no body


def _read_and_keep(request: Any, server_read: _Read | None, enough: int, limit: int) -> bytes:
    """Read at most one byte more than the limit, and leave the request as if nobody had read from it."""
    if request._read_started and not hasattr(request, "_body"):  # noqa: SLF001 -- see above
        msg = (
            "A middleware or a decorator has read the request as a stream, so nothing of its body is left for the event. "
            "Have it read request.body, which can be read again."
        )
        raise ConfigurationError(msg)
    read: _Read = server_read or request.read
    try:
        body = read(limit + 1)
        if len(body) < enough:  # a server may give less at once
            body = _read_on(read, body, enough, limit)
    except Exception as error:  # an OSError from most servers; gunicorn has its own for a stream of HTTP/2
        _put_back(request, b"", _fail)
        raise EnvelopeError(_BROKEN) from error
    if len(body) > limit:
        _put_back(request, body, server_read or request._stream.read)  # noqa: SLF001 -- as above
        return body
    _keep(request, body)
    return body


def _read_on(read: _Read, begin: bytes, enough: int, limit: int) -> bytes:
    """Read until there is enough, or nothing more."""
    parts, size, part = [begin], len(begin), begin
    while part and size < enough:
        part = read(limit + 1 - size)
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def _keep(request: Any, body: bytes) -> None:
    """Leave a body with its request, as if `request.body` had been read."""
    request._stream.close()  # noqa: SLF001 -- as Django does; under ASGI, it holds the body a second time
    request._stream, request._body = BytesIO(body), body  # noqa: SLF001 -- as above
    for parsed in ("_post", "_files"):  # from a body that seemed to be empty
        request.__dict__.pop(parsed, None)


def _put_back(request: Any, begin: bytes, rest: _Read) -> None:
    """Have whoever reads the request next begin anew, under Django's limits."""
    if begin and request._stream.seekable():  # noqa: SLF001 -- as under ASGI, where Django 6.1 asks the stream for its size
        request._stream.seek(0)  # noqa: SLF001 -- as above
    else:
        request._stream = BufferedReader(_Rest(begin, rest))  # noqa: SLF001 -- as above
    request._read_started = False  # noqa: SLF001 -- as above
    request.__dict__.pop("_body", None)


class _Rest(RawIOBase):
    """What was read of a stream, and then the rest of it."""

    def __init__(self, begin: bytes, rest: _Read) -> None:
        self._begin = BytesIO(begin)
        self._rest = rest

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: Buffer, /) -> int:
        view = memoryview(buffer)
        data = self._begin.read(len(view)) or self._rest(len(view))
        view[: len(data)] = data
        return len(data)


def _fail(_: int) -> bytes:
    raise UnreadablePostError(_BROKEN)
