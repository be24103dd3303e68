"""The body of an ASGI request that nobody has received so far: `asgi` keeps it back, and `request` reads it."""

from __future__ import annotations

from asyncio import Event, sleep
from collections.abc import Awaitable, Callable
from typing import Any, Final

from ..exceptions import BodyTooLargeError, EnvelopeError

#: The key of a body that nobody has received, in the scope of its request.
PENDING: Final = "gcp_event_router.pending_body"
BROKEN: Final = "The body could not be read to its end."


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
        scope[PENDING] = self

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
        """Drop what is left of it, as the answer begins: hypercorn keeps a connection open while somebody still reads from it."""
        self._is_over.set()

    async def read(self, limit: int) -> bytes:
        """Receive the body. Raises `BodyTooLargeError` as soon as it is over the limit, or `EnvelopeError`."""
        body, is_more = bytearray(), True
        while is_more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._last = message
                self._is_over.set()
                raise EnvelopeError(BROKEN)
            body += message.get("body", b"")
            if len(body) > limit:
                raise BodyTooLargeError
            is_more = message.get("more_body", False)
        self._is_over.set()
        return bytes(body)
