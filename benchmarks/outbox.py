"""Measures the outbox on PostgreSQL: the cost of publishing in a transaction, and the events that a relay sends; by `make bench`.

Publishing is compared with an INSERT of the same row by the ORM, in one transaction that is open all the time. The relay sends to
an HTTP server in a process of its own, over connections that stay open, and waits for each answer. The benchmark prints figures
without asserting them: on a shared machine, only the ratios mean something.
"""

from __future__ import annotations

# ruff: noqa: E402 -- Django's settings come before its imports
import multiprocessing
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import local
from time import perf_counter
from typing import Any

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

import django
from django.conf import settings
from measure import compare, header
from typing_extensions import override

settings.configure(
    SECRET_KEY="not secret",
    INSTALLED_APPS=["gcp_event_router", "gcp_event_router.outbox"],
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "postgres", "USER": "postgres"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
)
django.setup()

from django.core.management import call_command
from django.db import connection, transaction
from tests.support.postgres import server

from gcp_event_router import events
from gcp_event_router.outbox.models import OutgoingEvent
from gcp_event_router.outbox.relay import relay
from gcp_event_router.outbox.transports import Transport

EVENTS = 5_000
KEYS = 1_000
BAR = 500
ORDER = {"order_id": 4711, "customer": "Customer 4711"}
Placed = events.kind("order-placed", dict[str, Any], topic="orders")


class Receiver(BaseHTTPRequestHandler):
    """Answers each event at once."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Read the body, and acknowledge it."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    @override
    def log_message(self, format: str, *args: Any) -> None: ...


class Post(Transport):
    """Sends the payload alone."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._own = local()

    @override
    def send(self, event: OutgoingEvent) -> str:
        if not hasattr(self._own, "connection"):
            self._own.connection = HTTPConnection("127.0.0.1", self._port, timeout=10)
        self._own.connection.request("POST", f"/events/{event.kind}/{event.key}", bytes(event.data), event.sent_attributes)
        answer = self._own.connection.getresponse()
        answer.read()
        if answer.status != 204:
            raise ConnectionError
        return ""


def _serve(ports: Any) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as receiving:
        ports.send(receiving.server_port)
        receiving.serve_forever()


@contextmanager
def receiver() -> Generator[int]:
    """Run the HTTP server in a process of its own; yields its port."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.kill()
        process.join()


def contestants() -> dict[str, Callable[[], object]]:
    """Publish, with and without an ordering key, and insert the same row."""
    data = Placed.data(ORDER)

    def insert() -> None:
        OutgoingEvent(kind="order-placed", topic="orders", data=data).save(force_insert=True)

    return {
        "(a) an INSERT of the row by the ORM": insert,
        "(b) publish": lambda: Placed.publish(ORDER),
        "(c) publish with an ordering key": lambda: Placed.publish(ORDER, ordering_key="customer-4711"),
    }


def main() -> None:
    """Print both figures."""
    header("psycopg")
    with server() as host, receiver() as port:
        connection.settings_dict["HOST"] = host
        try:
            call_command("migrate", verbosity=0)
            with transaction.atomic():
                compare("In a transaction", contestants())
                transaction.set_rollback(True)
            for keys in (0, KEYS):
                with transaction.atomic():
                    for number in range(EVENTS):
                        Placed.publish(ORDER, ordering_key=f"k{number % keys}" if keys else "")
                transport = Post(port)
                start = perf_counter()
                tally = relay("default", transport)
                rate = tally.sent / (perf_counter() - start)
                transport.close()
                what = f"with {keys} ordering keys" if keys else "without ordering keys"
                print(f"a relay sends {tally.sent} events {what}: {rate:.0f} a second, and ought to send {BAR}")
        finally:
            connection.close()


if __name__ == "__main__":
    main()
