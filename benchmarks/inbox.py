"""Measures the inbox on PostgreSQL, compared with the same endpoint without an inbox; run by `make bench`.

The handler writes one row. Without an inbox it uses `transaction.atomic`, as careful code would; nothing else differs. Every
call is a push with a new message id, except for the duplicates. PostgreSQL is a real server, on a socket, with the settings of
its wheel. The benchmark prints the settings that matter, and the number of commits of a call, since each commit of a change
waits for the disk. It prints figures without asserting them: on a shared machine, only the ratios mean something, and a busy
disk makes all contestants alike. So it prints the processor's time, too: this process's and that of its server process.
"""

from __future__ import annotations

# ruff: noqa: E402 -- Django's settings come before its imports
import logging
import os
import sys
from collections.abc import Callable
from io import BytesIO
from itertools import count
from pathlib import Path
from time import process_time
from typing import Any

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

os.environ.setdefault("BENCH_SLICE", "0.4")  # a call takes a hundred times as long as elsewhere

import django
from django.conf import settings
from measure import compare, header

settings.configure(
    SECRET_KEY="not secret",
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    MIDDLEWARE=[],
    INSTALLED_APPS=["gcp_event_router", "gcp_event_router.inbox", "tests.effects"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": "postgres",
            "USER": "postgres",
            "CONN_MAX_AGE": None,  # a new connection for each request would hide what is measured
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
    GCP_EVENT_ROUTER={"AUTHENTICATION": []},
)
django.setup()
logging.getLogger("gcp_event_router").setLevel(logging.WARNING)

from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.db import connection, transaction
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import include, path
from tests.effects.models import Effect
from tests.support.postgres import server

from gcp_event_router import Event, events
from gcp_event_router._dispatch.raw_event import RawEvent
from gcp_event_router._dispatch.store import EventStore, set_store
from gcp_event_router.envelopes import read
from gcp_event_router.inbox.store import InboxStore
from gcp_event_router.signals import event_received
from gcp_event_router.utils import make_pubsub_message

BARS = {"(b)": 1.7, "(c)": 0.7}
SETTINGS = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "wal_sync_method", "shared_buffers")
META = {"CONTENT_TYPE": "application/json"}
INBOX = InboxStore()
PUSH = make_pubsub_message({"order_id": 4711, "customer": "Customer 4711"}, message_id="0123456789abcdef")
NUMBERS = count()

WITHOUT = "(a) without an inbox, the handler in transaction.atomic()"
NEW = "(b) with the inbox, a new event"
DUPLICATE = "(c) with the inbox, a duplicate"

urlpatterns = [path("", include("gcp_event_router.urls"))]
application = WSGIHandler()


@events.on("kept")
def work(event: Event[dict[str, Any]]) -> None:
    """The row that each event writes."""
    Effect.objects.create(handler="work", reference=event.reference)


@events.on("bare")
def work_in_transaction(event: Event[dict[str, Any]]) -> None:
    """The same by hand."""
    with transaction.atomic():
        work(event)


def push() -> bytes:
    """A push with a new message id."""
    return PUSH.replace(b"0123456789abcdef", b"%016d" % next(NUMBERS))


def dispatch(kind: str, keeper: EventStore | None, body: Callable[[], bytes]) -> Callable[[], object]:
    """Handle a push from its bytes to the outcome, through the signal that the endpoint sends."""

    def send() -> None:
        set_store(keeper)
        event_received.deliver(None, kind, "1", RawEvent(read(body(), META)))

    return send


def request(kind: str, keeper: EventStore | None, body: Callable[[], bytes]) -> Callable[[], object]:
    """A whole request cycle of Django, without a server."""
    environ = RequestFactory().post(f"/events/{kind}/1", PUSH, content_type="application/json").environ

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        if not status.startswith("20"):
            raise AssertionError(status)

    def cycle() -> None:
        set_store(keeper)
        response = application({**environ, "wsgi.input": BytesIO(body())}, start_response)
        b"".join(response)
        response.close()

    return cycle


def contestants(
    make: Callable[[str, EventStore | None, Callable[[], bytes]], Callable[[], object]],
) -> dict[str, Callable[[], object]]:
    """All three; the duplicate is of an event that is done."""
    seen = push()
    duplicate = make("kept", INBOX, lambda: seen)
    duplicate()
    return {WITHOUT: make("bare", None, push), NEW: make("kept", INBOX, push), DUPLICATE: duplicate}


def describe() -> None:
    """Print the settings that the figures depend on."""
    with connection.cursor() as cursor:
        for name in SETTINGS:
            cursor.execute(f"SHOW {name}")
            print(f"{name} = {cursor.fetchone()[0]}", end="\n" if name == SETTINGS[-1] else ", ")
    print()


def statements() -> None:
    """Print the statements and commits of one call of each."""
    print(f"{'Statements of one call':<64} {'':>12} {'COMMITs':>7}\n{'-' * 85}")
    for name, call in contestants(dispatch).items():
        for _ in range(3):  # which prepare the statements
            call()
        with CaptureQueriesContext(connection) as captured:
            call()
        asked = [query["sql"].split(None, 1)[0] for query in captured]
        own = [each for each in asked if each not in {"BEGIN", "COMMIT"}]
        # a statement outside a transaction is one itself, and has to reach the disk if it wrote anything
        inside = asked[asked.index("BEGIN") : asked.index("COMMIT")] if "BEGIN" in asked else []
        commits = asked.count("COMMIT") + len(own) - (len(inside) - 1 if inside else 0)
        print(f"{name:<64} {len(own):>12} {commits:>7}")
    print()


def processor_time() -> float:
    """The seconds that this process and its server process have been running (Linux, proc(5))."""
    schedule = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat").read_text()
    return process_time() + int(schedule.split()[0]) / 1e9


def tell(ratios: dict[str, float]) -> None:
    """Print the ratios with their bars."""
    for name, ratio in ratios.items():
        if name[:3] in BARS:
            print(f"{name[:3]} is {ratio:.2f} times (a), and ought to be at most {BARS[name[:3]]}")
    print()


def main() -> None:
    """Print all tables."""
    header("psycopg")
    with server() as host:
        connection.settings_dict["HOST"] = host
        try:
            call_command("migrate", run_syncdb=True, verbosity=0)
            describe()
            statements()
            for title, make in (
                ("event_received.send of a push, one handler, one row", dispatch),
                ("A whole request through Django's WSGI handler", request),
            ):
                tell(compare(title, contestants(make)))
            if Path("/proc/self/schedstat").exists():
                compare("The same event_received.send, time of processors only", contestants(dispatch), processor_time)
        finally:
            connection.close()


if __name__ == "__main__":
    main()
