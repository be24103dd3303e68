"""What the real servers of tests/inbox/test_processes.py serve, as `wsgi` and as `asgi`.

A request whose header `X-Stop` names a point stops there, and tells the tests' gate, until it is let through or killed.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextvars import ContextVar
from typing import Any

from gcp_event_router._dispatch.lookup import HandlersFound

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.support.inbox_server_settings")

from asgiref.sync import sync_to_async
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application

_wsgi = get_wsgi_application()
_asgi = get_asgi_application()

from gcp_event_router import Event, events  # noqa: E402 -- settings come first
from gcp_event_router._dispatch.raw_event import RawEvent  # noqa: E402 -- as above
from gcp_event_router._dispatch.store import EventRecord, set_store  # noqa: E402 -- as above
from gcp_event_router.exceptions import EnvelopeError  # noqa: E402 -- as above
from gcp_event_router.inbox.store import InboxStore  # noqa: E402 -- as above

from ..effects.models import Effect  # noqa: E402 -- as above
from .inbox_server_settings import GATE  # noqa: E402 -- as above

STOP = ContextVar("STOP", default="")
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def stop(point: str) -> None:
    if point == STOP.get():
        with socket.socket(socket.AF_UNIX) as gate:
            gate.connect(GATE)
            gate.sendall(f"{os.getpid()} {point}\n".encode())
            gate.recv(1)


async def astop(point: str, *, wait: bool = True) -> None:
    reader, writer = await asyncio.open_unix_connection(GATE)
    try:
        writer.write(f"{os.getpid()} {point}\n".encode())
        await writer.drain()
        if wait:
            await reader.read(1)
    finally:
        writer.close()


class StoppingInbox:
    """The inbox, which stops before and after the claim."""

    def __init__(self) -> None:
        self._inbox = InboxStore()

    def record(self, kind: str, reference: str, raw_event: RawEvent, found: HandlersFound) -> StoppingRecord:
        return StoppingRecord(self._inbox.record(kind, reference, raw_event, found))

    def reject(self, kind: str, reference: str, raw_event: RawEvent, problem: EnvelopeError) -> None:
        self._inbox.reject(kind, reference, raw_event, problem)


class StoppingRecord:
    def __init__(self, kept: EventRecord) -> None:
        self._kept = kept
        self.begin = kept.begin
        self.abegin = kept.abegin
        self.run = kept.run
        self.arun = kept.arun

    def open(self) -> None:
        stop("before the claim")
        self._kept.open()
        stop("after the claim")

    async def aopen(self) -> None:
        await sync_to_async(self.open)()


set_store(StoppingInbox())


@events.on("sync", "both", name="sync")
def record(event: Event[object]) -> None:
    Effect.objects.create(handler="sync", reference=event.reference)
    stop("in the handler")


@events.on("async", "both", name="async")
async def record_async(event: Event[object]) -> None:
    if STOP.get() == "in the async handler":
        await astop(STOP.get())
    await Effect.objects.acreate(handler="async", reference=event.reference)
    if STOP.get() == "after the work":
        await astop(STOP.get())


@events.on("paid", name="paid", once_key=lambda event: "p1")
def record_payment(event: Event[object]) -> None:
    Effect.objects.create(handler="paid", reference=event.reference)
    stop("in the handler")


@events.on("paid-async", name="paid-async", once_key=lambda event: "p1")
async def record_payment_async(event: Event[object]) -> None:
    if STOP.get() == "in the async handler":
        await astop(STOP.get())
    await Effect.objects.acreate(handler="paid-async", reference=event.reference)


def wsgi(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    STOP.set(environ.get("HTTP_X_STOP", ""))
    answer = _wsgi(environ, start_response)
    stop("before the answer")
    return answer


async def asgi(
    scope: dict[str, Any], receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    STOP.set(dict(scope.get("headers", ())).get(b"x-stop", b"").decode())

    async def receive_and_tell() -> Message:
        message = await receive()
        if message["type"] == "http.disconnect" and STOP.get():
            await astop("hung up", wait=False)
        return message

    async def stop_and_send(message: Message) -> None:
        if message["type"] == "http.response.start" and STOP.get() == "before the answer":
            await astop(STOP.get())
        await send(message)

    await _asgi(scope, receive_and_tell, stop_and_send)
