"""What the real servers of tests/endpoint/test_servers.py serve, as `wsgi`, as `asgi` and as `guarded`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from hashlib import sha256
from typing import TYPE_CHECKING, Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.support.server_settings")

from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from pydantic import BaseModel

if TYPE_CHECKING:
    from _typeshed.wsgi import InputStream, StartResponse, WSGIEnvironment

django_wsgi = get_wsgi_application()
django_asgi = get_asgi_application()

from gcp_event_router import Event, events  # noqa: E402 -- settings come first
from gcp_event_router.asgi import guard_bodies  # noqa: E402 -- as above

from .server_settings import WRITTEN  # noqa: E402 -- as above

RECEIVED = WRITTEN.with_suffix(".received")


def count(received: bytes) -> bytes:
    """Write down how much of a body the application has received from its server."""
    with RECEIVED.open("a") as file:
        file.write(f"{len(received)}\n")
    return received


class CountedInput:
    """A server's `wsgi.input` that counts what is read from it."""

    def __init__(self, stream: InputStream) -> None:
        self.stream = stream

    def read(self, size: int = -1) -> bytes:
        return count(self.stream.read(size))

    def readline(self, size: int = -1) -> bytes:
        return count(self.stream.readline(size))


def wsgi(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    environ["wsgi.input"] = CountedInput(environ["wsgi.input"])
    return django_wsgi(environ, start_response)


def counted(application: Any) -> Any:
    """An ASGI application that counts the bytes of a body that it receives before it answers; later ones are dropped."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        has_answered = False

        async def receive_counted() -> Any:
            message = await receive()
            if not has_answered:
                count(message.get("body", b""))
            return message

        async def answer(message: Any) -> None:
            nonlocal has_answered
            has_answered = True
            await send(message)

        await application(scope, receive_counted, answer)

    return serve


asgi = counted(django_asgi)
guarded = counted(guard_bodies(django_asgi))


class Order(BaseModel):
    order_id: int
    note: str = ""


def write(line: str) -> None:
    with WRITTEN.open("a") as file:
        file.write(line + "\n")


@events.on("order-*")
def record_order(event: Event[Order]) -> None:
    write(f"{event.kind} {event.reference} {event.payload.order_id} {event.envelope.message_id}")


@events.on("later-*")
async def record_later(event: Event[Order]) -> None:
    write(f"{event.kind} {event.reference} {event.payload.order_id} {event.envelope.message_id}")


@events.on("raw")
def record_body(event: Event[bytes]) -> None:
    write(f"raw {len(event.payload)} {sha256(event.payload).hexdigest()}")
