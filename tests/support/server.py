"""What the real servers of tests/endpoint/test_servers.py serve, as `wsgi`, as `asgi` and as `guarded`."""

from __future__ import annotations

import os
from hashlib import sha256

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.support.server_settings")

from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from pydantic import BaseModel

wsgi = get_wsgi_application()
asgi = get_asgi_application()

from gcp_event_router import Event, events  # noqa: E402 -- settings come first
from gcp_event_router.asgi import guard_bodies  # noqa: E402 -- as above

from .server_settings import WRITTEN  # noqa: E402 -- as above

guarded = guard_bodies(asgi)


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
