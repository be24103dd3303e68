"""Measures the admin's list and a purge among a million events, and how much a purge slows handlers down: `make million`.

PostgreSQL is a real server, on a socket, with the settings of its wheel. Nine events in ten have one delivery, the others two;
most are done, and some thousands are in each of the other states. The purge runs in its own process, as `manage.py inbox purge`
does, and deletes half of the events. The benchmark prints figures without asserting them.
"""

from __future__ import annotations

# ruff: noqa: E402 -- Django's settings come before its imports
import argparse
import os
import platform
import statistics
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from datetime import timedelta
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from time import perf_counter

sys.path.insert(0, str(Path(__file__).parent.parent))

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="not secret",
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "django.contrib.staticfiles",
        "gcp_event_router",
        "gcp_event_router.catalogue",
        "gcp_event_router.inbox",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    STATIC_URL="static/",
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "postgres", "USER": "postgres"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
    GCP_EVENT_ROUTER={"AUTHENTICATION": []},
)
django.setup()

from django.contrib import admin
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import path
from tests.support.postgres import server

from gcp_event_router import Backoff
from gcp_event_router._dispatch.raw_event import RawEvent
from gcp_event_router.envelopes import read
from gcp_event_router.inbox import claims, endings
from gcp_event_router.inbox.leases import DeliveryTerms
from gcp_event_router.inbox.models import DELIVERIES, EVENTS
from gcp_event_router.inbox.purge import purge
from gcp_event_router.inbox.serialization import row_of
from gcp_event_router.utils import make_pubsub_message

ALIAS = "default"
DAYS = 30
"""Over how many days the events arrived, evenly."""
TERMS = [DeliveryTerms("shop.handlers.record", timedelta(minutes=5), 10, 30, Backoff())]
PAUSE = 0.005
"""Seconds between two claims."""
QUIET = 5.0
"""How many seconds of claims are measured before the purge."""
LIST = "/admin/gcp_event_inbox/storedevent/"
PAGES = {
    "the first page": "",
    "the second page": "?p=2",
    "the tenth page, the last that there is": "?p=10",
    "state done": "?state=done",
    "state failed": "?state=failed",
    "state pending": "?state=pending",
    "kind": "?kind=kind-07",
    "kind and state failed": "?kind=kind-07&state=failed",
    "kind and state done": "?kind=kind-07&state=done",
    "handler of one in ten": "?handler=shop.handlers.notify",
    "handler of none": "?handler=nowhere",
    "error": "?error=builtins.ValueError",
    "error of none": "?error=builtins.KeyError",
    "error and handler": "?error=builtins.ValueError&handler=shop.handlers.notify",
    "search for a message id": "?q=4711",
    "search for a reference": "?q=order-4711",
    "search for nothing there": "?q=nowhere",
}

_EVENTS = f"""
INSERT INTO {EVENTS} (key, kind, reference, message_id, parameters, body, form, meta, principal, digest, received_at)
SELECT md5(n::text)::uuid, 'kind-' || lpad((n %% 20)::text, 2, '0'), 'order-' || n, n::text, '',
    convert_to('{{"message": {{"data": "' || repeat('eyJh', 60) || '", "messageId": "' || n || '"}}}}', 'UTF8'), 'pubsub',
    '{{"CONTENT_TYPE": "application/json"}}', '', sha256(n::text::bytea), now() - make_interval(days => %s) * n / %s
FROM generate_series(1, %s) AS n
"""
_DELIVERIES = f"""
INSERT INTO {DELIVERIES} (
    event_id, handler, state, deferred, attempts, lost, max_attempts, lease_until, error_type, error, error_text,
    once_key, order_key, created_at, started_at, finished_at
)
SELECT key, handler, state, false, 1, 0, 10, CASE state WHEN 'running' THEN now() + interval '5 minutes' END,
    CASE WHEN state IN ('failed', 'parked', 'rejected') THEN 'builtins.ValueError' ELSE '' END, '', '', '', '',
    received_at, received_at, CASE WHEN state NOT IN ('pending', 'running') THEN received_at END
FROM (
    SELECT key, received_at, handler, CASE
        WHEN message_id::int %% 331 = 0 THEN 'failed'
        WHEN message_id::int %% 333 = 0 THEN 'parked'
        WHEN message_id::int %% 335 = 0 THEN 'rejected'
        WHEN message_id::int %% 337 = 0 THEN 'pending'
        WHEN message_id::int %% 339 = 0 THEN 'discarded'
        WHEN message_id::int %% 100003 = 0 THEN 'running'
        ELSE 'done'
    END AS state
    FROM {EVENTS}, (VALUES ('shop.handlers.record', 1), ('shop.handlers.notify', 10)) AS handlers (handler, every)
    WHERE message_id::int %% every = 0
) AS made
"""

urlpatterns = [path("admin/", admin.site.urls)]


def fill(events: int) -> None:
    """Make the rows, and print their numbers."""
    start = perf_counter()
    with connection.cursor() as cursor:
        cursor.execute(_EVENTS, [DAYS, events, events])
        cursor.execute("SET session_replication_role = replica")  # otherwise it looks up the event of each delivery once more
        cursor.execute(_DELIVERIES, [])
        cursor.execute("RESET session_replication_role")
        cursor.execute("VACUUM (ANALYZE)")
        print(f"{events:,} events made in {perf_counter() - start:.0f} s")
        cursor.execute(f"SELECT state, count(*) FROM {DELIVERIES} GROUP BY 1 ORDER BY 2 DESC")
        print("deliveries: " + ", ".join(f"{count:,} {state}" for state, count in cursor.fetchall()))
        sizes = "SELECT pg_size_pretty(sum(pg_total_relation_size(oid))) FROM pg_class WHERE relname IN (%s, %s)"
        cursor.execute(sizes, [EVENTS, DELIVERIES])
        print(f"both tables with their indexes: {cursor.fetchone()[0]}\n")


def pages() -> None:
    """Print how long each page of the admin's list takes, and its queries."""
    if find_spec("gcp_event_router.inbox.admin") is None:
        print("no admin of the inbox\n")
        return
    client = Client()
    client.force_login(User.objects.create_superuser("admin"))
    client.get(LIST)  # templates are read once
    print(f"{LIST:<50} {'median of 5':>12} {'queries':>9} {'slowest':>12}\n{'-' * 86}")
    for name, query in PAGES.items():
        times: list[float] = []
        for _ in range(5):
            start = perf_counter()
            response = client.get(LIST + query)
            times.append(perf_counter() - start)
            assert response.status_code == 200, (name, response.status_code)
        with CaptureQueriesContext(connection) as captured:
            client.get(LIST + query)
        slowest = max(float(each["time"]) for each in captured)
        print(f"{name:<50} {statistics.median(times) * 1e3:>9.0f} ms {len(captured):>9} {slowest * 1e3:>9.0f} ms")
    print()


class Claims:
    """Claim and finish new events in a thread, one after the other with a pause."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self._stopped = Flag()
        self._thread = Thread(target=self._run)
        self._number = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        with closing(connection):
            while not self._stopped.wait(PAUSE):
                self._number += 1
                body = make_pubsub_message({"order_id": 4711}, message_id=f"new-{self._number}")
                row = row_of("kind-07", "order-new", RawEvent(read(body, {"CONTENT_TYPE": "application/json"})))
                start = perf_counter()
                opened = claims.open_event(ALIAS, row, TERMS, None, {}, begun=True)
                self.times.append(perf_counter() - start)
                assert endings.finish(ALIAS, next(iter(opened.values())))


def latencies(title: str, times: list[float]) -> None:
    """Print the durations of claims."""
    cuts = statistics.quantiles(times, n=100)
    figures = [cuts[49], cuts[98], max(times)]
    print(f"{title:<50} {len(times):>8}" + "".join(f"{each * 1e3:>8.2f} ms" for each in figures))


def purged(host: str, age: timedelta) -> tuple[int, int, float]:
    """Purge old events; returns the numbers of events and of batches, and the seconds."""
    connection.settings_dict["HOST"] = host
    start = perf_counter()
    with closing(connection):
        batches = list(purge(ALIAS, age))
    return sum(batches), len(batches), perf_counter() - start


def apart(call: Callable[[], tuple[int, int, float]]) -> None:
    """Purge while a thread makes claims, and print both."""
    measured = Claims()
    measured.start()
    Flag().wait(QUIET)
    before = len(measured.times)
    events, batches, seconds = call()
    during = len(measured.times)
    measured.stop()
    print(f"a purge of {events:,} events in {batches} batches: {seconds:.0f} s, {events / seconds:,.0f} events/s\n")
    print(f"{'claims of new events':<50} {'claims':>8} {'median':>10} {'99 %':>10} {'slowest':>10}\n{'-' * 91}")
    latencies("before the purge", measured.times[:before])
    latencies("during the purge", measured.times[before:during])


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, Django {django.__version__}; {os.cpu_count()} cores\n")
    with server() as host:
        connection.settings_dict["HOST"] = host
        try:
            call_command("migrate", verbosity=0)
            fill(options.events)
            pages()
            with ProcessPoolExecutor(1, get_context("spawn")) as other:
                other.submit(os.getpid).result()  # it is there
                apart(lambda: other.submit(purged, host, timedelta(days=DAYS / 2)).result())
        finally:
            connection.close()


if __name__ == "__main__":
    main()
