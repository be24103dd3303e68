"""Deferred handlers: the inbox stores and answers them, and real workers of two engines, or `inbox process`, run them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.test import override_settings

from gcp_event_router import Event, EventRouter, Principal, Retry, testing
from gcp_event_router.inbox.models import Delivery, State
from gcp_event_router.inbox.workers import process
from gcp_event_router.outcomes import Outcome
from gcp_event_router.utils import make_pubsub_message

from ..conftest import Post
from ..effects.models import Effect
from ..support.deliveries import end_leases
from ..support.own_postgres import until
from ..support.processes import listens
from ..workers.handlers import convert, mail

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

ROOT = Path(__file__).resolve().parents[2]
PUSH = make_pubsub_message({"a": 1}, message_id="17")
FAILS = make_pubsub_message({"fails": True}, message_id="18")
DATABASE_ENGINE = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
RQ_ENGINE = {"default": {"BACKEND": "django_tasks_rq.RQBackend"}}
DUMMY_ENGINE = {"default": {"BACKEND": "django_tasks.backends.dummy.DummyBackend"}}


class TasksInPostgreSQL:
    """Routes the engine's own table to where its worker looks."""

    def db_for_read(self, model: Any, **_: Any) -> str | None:
        return "postgresql" if model._meta.app_label == "django_tasks_database" else None

    db_for_write = db_for_read


@pytest.fixture
def videos(router: EventRouter) -> EventRouter:
    """A router with two deferred handlers, one of them async."""
    router.on("video-*", deferred=True)(convert)
    router.on("video-*", deferred=True)(mail)
    return router


def standing(alias: str) -> list[tuple[str, str, int]]:
    rows = Delivery.objects.using(alias).order_by("event__message_id", "handler").values_list("handler", "state", "attempts")
    return [(name.rpartition(".")[2], state, attempts) for name, state, attempts in rows]


def effects(alias: str) -> list[tuple[str, str]]:
    return sorted(Effect.objects.using(alias).values_list("handler", "reference"))


def worker(command: list[str], tasks: dict[str, Any], apps: list[str], queues: dict[str, Any]) -> None:
    """Run an engine's own worker in another process until it has no more tasks."""
    settings = connections["postgresql"].settings_dict
    given = {
        "database": {name: settings[name] for name in ("ENGINE", "NAME", "USER", "HOST")},
        "tasks": tasks,
        "apps": apps,
        "queues": queues,
    }
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.workers.settings", "EVENTS_WORKER": json.dumps(given)}
    subprocess.run([sys.executable, "-m", "django", *command], cwd=ROOT, env=environment, check=True, timeout=120)


@pytest.mark.proof
@pytest.mark.parametrize("inbox", ["postgresql"], indirect=True)
@override_settings(TASKS=DATABASE_ENGINE, DATABASE_ROUTERS=[f"{__name__}.TasksInPostgreSQL"])
def test_a_worker_of_the_database_engine_runs_them(inbox: str, videos: EventRouter, post: Post) -> None:
    """The sender gets 201 at once, and 200 for a duplicate; a real worker then runs each handler once."""
    assert [post("/events/video-up/r", PUSH).status_code for _ in range(2)] == [201, 200]
    assert (standing(inbox), effects(inbox)) == ([("convert", "pending", 0), ("mail", "pending", 0)], [])

    worker(["db_worker", "--batch", "--no-startup-delay", "--no-reload"], DATABASE_ENGINE, ["django_tasks_db"], {})

    assert standing(inbox) == [("convert", "done", 1), ("mail", "done", 1)]
    assert effects(inbox) == [("convert", "r"), ("mail", "r")]


@contextmanager
def redis() -> Generator[str]:
    """A Redis server on a socket of its own, unlike a port, which somebody else may be given before it listens."""
    with tempfile.TemporaryDirectory(prefix="gcp_event_router_") as folder:
        path = Path(folder) / "redis"
        command = ["redis-server", "--port", "0", "--unixsocket", str(path), "--save", "", "--appendonly", "no"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            until(lambda: listens(path))
            yield str(path)
        finally:
            process.terminate()
            process.wait(100)


@pytest.mark.proof
@pytest.mark.skipif(shutil.which("redis-server") is None, reason="there is no redis-server on this machine")
@pytest.mark.parametrize("inbox", ["postgresql"], indirect=True)
def test_a_worker_of_rq_runs_them(inbox: str, videos: EventRouter, post: Post) -> None:
    """The same with another engine, RQ on a real Redis."""
    with redis() as path:
        queues = {"default": {"UNIX_SOCKET_PATH": path, "DB": 0}}
        with override_settings(TASKS=RQ_ENGINE, RQ_QUEUES=queues):
            assert post("/events/video-up/r", PUSH).status_code == 201

        worker(
            ["rqworker", "default", "--burst", "--job-class", "django_tasks_rq.Job"],
            RQ_ENGINE,
            ["django_rq", "django_tasks_rq"],
            queues,
        )

    assert standing(inbox) == [("convert", "done", 1), ("mail", "done", 1)]
    assert effects(inbox) == [("convert", "r"), ("mail", "r")]


@override_settings(TASKS=DUMMY_ENGINE)
def test_the_sweeper_runs_what_an_engine_lost(inbox: str, videos: EventRouter, post: Post) -> None:
    """If an engine never runs anything, `inbox process` runs what is pending, once."""
    post("/events/video-up/r", PUSH)

    assert [result.outcome for _, result in process(inbox)] == [Outcome.HANDLED, Outcome.HANDLED]
    assert [result.outcome for _, result in process(inbox)] == []
    assert effects(inbox) == [("convert", "r"), ("mail", "r")]


@override_settings(TASKS={"default": {"BACKEND": "nowhere.Backend"}})
def test_an_engine_that_is_broken_loses_nothing(
    inbox: str, videos: EventRouter, post: Post, lines: Callable[[], list[str]]
) -> None:
    """A delivery that cannot be enqueued is stored, so the sender gets 201; the log says who will run it."""
    assert post("/events/video-up/r", PUSH).status_code == 201
    assert sum("so `manage.py inbox process` has to run it" in line for line in lines()) == 2
    assert standing(inbox) == [("convert", "pending", 0), ("mail", "pending", 0)]


@override_settings(TASKS=DUMMY_ENGINE)
def test_a_failed_run_waits_before_the_next(inbox: str, videos: EventRouter, post: Post) -> None:
    """A failed run is undone and not due at once; later it runs again, and is parked after its last attempt."""
    settings: dict[str, Any] = {"AUTHENTICATION": [], "INBOX": {"DATABASE": inbox, "MAX_ATTEMPTS": 2}}
    with override_settings(GCP_EVENT_ROUTER=settings):
        post("/events/video-up/r", FAILS)
        outcomes = [[result.outcome for _, result in process(inbox)] for _ in range(2)]
        Delivery.objects.using(inbox).update(not_before=None)
        outcomes.append([result.outcome for _, result in process(inbox)])

    assert outcomes == [[Outcome.FAILED, Outcome.HANDLED], [], [Outcome.PARKED]]
    assert standing(inbox) == [("convert", "parked", 2), ("mail", "done", 1)]
    assert effects(inbox) == [("mail", "r")]


@override_settings(TASKS=DUMMY_ENGINE)
def test_a_lost_run_is_begun_again(inbox: str, videos: EventRouter, post: Post) -> None:
    """A run whose lease has expired, since its worker was killed, is due again."""
    post("/events/video-up/r", PUSH)
    rows = Delivery.objects.using(inbox)
    long_ago = "2026-01-01T00:00:00Z"
    rows.update(state=State.RUNNING, attempts=1, started_at=long_ago, lease_until=long_ago)

    assert [result.outcome for _, result in process(inbox)] == [Outcome.HANDLED, Outcome.HANDLED]
    assert standing(inbox) == [("convert", "done", 2), ("mail", "done", 2)]


@override_settings(TASKS=DUMMY_ENGINE)
@pytest.mark.parametrize("left", ["failed", "asked to wait", "lost", "at work"])
def test_a_handler_that_was_not_deferred_before(inbox: str, router: EventRouter, post: Post, left: str) -> None:
    """Once its handler is deferred, workers finish what requests have left of an event, and the sender gets a positive answer."""
    problem: BaseException = {"failed": RuntimeError(), "asked to wait": Retry()}.get(left, SystemExit())

    def fails(event: Event[Any]) -> None:
        raise problem

    with router.isolated(empty=True), suppress(SystemExit):
        router.on("video-*", name="h")(fails)
        post("/events/video-up/r", PUSH)
    if left == "lost":
        end_leases(inbox)

    @router.on("video-*", name="h", deferred=True)
    def _(event: Event[Any]) -> None:
        Effect.objects.using(inbox).create(handler="h", reference=event.reference)

    assert [post("/events/video-up/r", PUSH).status_code for _ in range(2)] == [201, 200]
    end_leases(inbox)  # of what is at work, which its worker does not end
    Delivery.objects.using(inbox).update(not_before=None)

    assert [result.outcome for _, result in process(inbox)] == [Outcome.HANDLED]
    assert effects(inbox) == [("h", "r")]


@override_settings(TASKS=DUMMY_ENGINE)
def test_one_handler_is_deferred_and_another_is_not(inbox: str, router: EventRouter, post: Post) -> None:
    """A deferred and another handler run independently; the answer is that of the other."""

    @router.on("video-*")
    def now(event: Event[Any]) -> None:
        Effect.objects.using(inbox).create(handler="now", reference=event.reference)

    router.on("video-*", deferred=True)(convert)

    assert post("/events/video-up/r", PUSH).status_code == 201
    assert standing(inbox) == [("now", "done", 1), ("convert", "pending", 0)]
    assert effects(inbox) == [("now", "r")]


@pytest.mark.parametrize("inbox", ["sqlite"], indirect=True)
def test_the_log_of_a_worker(inbox: str, router: EventRouter, post: Post, caplog: pytest.LogCaptureFixture) -> None:
    """Each run has the line of an event; at DEBUG, and only there, the exception of a failed one follows."""

    @router.on("video-up", name="h", deferred=True, max_attempts=1)
    def handle(event: Event[dict[str, Any]]) -> None:
        if event.payload.get("fails"):
            raise KeyError

    for body in (PUSH, FAILS):
        post("/events/video-up/r", body)
    caplog.clear()
    with caplog.at_level("DEBUG", "gcp_event_router"):
        list(process(inbox))

    said = [
        (record.levelname, re.sub(r"\d+\.\d ms", "N ms", record.getMessage()).partition(" at ")[0]) for record in caplog.records
    ]
    assert said == [
        ("INFO", "Event of kind 'video-up' with reference 'r' (message '17'): handled by h in N ms"),
        ("ERROR", "Event of kind 'video-up' with reference 'r' (message '18'): parked by h in N ms: h parked: KeyError"),
        ("DEBUG", "Handler h did not finish"),
    ]
    assert [record.exc_info and record.exc_info[0] for record in caplog.records] == [None, None, KeyError]


@override_settings(TASKS=DUMMY_ENGINE)
def test_a_push_says_why_no_handler_ran(inbox: str, videos: EventRouter) -> None:
    """If a deferred handler has not run within its push, the failed assertion says what runs it."""
    pushed = testing.push("video-up", "r", {"a": 1}, principal=Principal("test"))

    with pytest.raises(AssertionError) as raised:
        pushed.assert_handled(convert)
    assert str(raised.value) == (
        f"{convert.__module__}.convert should have handled it:\n"
        "<Pushed: 201 handled\n"
        "  No handler ran in the request; call_command('inbox', 'process') runs those that are deferred.>"
    )
