"""The body of an ASGI request before anything receives it: `asgi` holds it back, and `request` reads it."""

from __future__ import annotations

from asyncio import Event, sleep
from collections.abc import Awaitable, Callable
from typing import Any, Final

from ..exceptions import BodyTooLargeError, EnvelopeError

#: The key of a pending body in the scope of its request.
PENDING: Final = "gcp_event_router.pending_body"
BROKEN: Final = "The body could not be read to its end."


class PendingBody:
    """The body of an ASGI request before anything receives it: put into the request's scope, where the view finds it."""

    def __init__(self, scope: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]]) -> None:
        self._receive = receive
        self._is_announced = False
        self._is_over = Event()
        self._last: dict[str, Any] | None = None
        scope[PENDING] = self

    async def receive(self) -> dict[str, Any]:
        """Receive for Django: first an empty body; once the view has read the real one, the client's disconnect."""
        if not self._is_announced:
            self._is_announced = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._is_over.wait()
        while True:
            message = self._last or await self._receive()
            if message["type"] != "http.request":
                return message
            await sleep(0)  # the client may send without end, and the answer goes first

    def drop(self) -> None:
        """Drop the rest of the body when the answer begins: hypercorn keeps a connection open while anything reads from it."""
        self._is_over.set()

    async def read(self, limit: int) -> bytes:
        """Receive the body. Raises `BodyTooLargeError` as soon as it is over the limit, or `EnvelopeError`."""
        body, has_more = bytearray(), True
        while has_more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._last = message
                self._is_over.set()
                raise EnvelopeError(BROKEN)
            body += message.get("body", b"")
            if len(body) > limit:
                raise too_large(limit)
            has_more = message.get("more_body", False)
        self._is_over.set()
        return bytes(body)


def too_large(limit: int) -> BodyTooLargeError:
    """Return the error of a body that is over a limit."""
    return BodyTooLargeError(f"The body is longer than {limit} bytes: see MAX_BODY_SIZE, and max_body of a signature.")
