"""Runs that end neither well nor badly: deferred ones that raise Retry, and lost ones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.db.models.functions import Now
from django.test import override_settings

from gcp_event_router import Backoff, Event, EventRouter, Retry
from gcp_event_router.inbox.leases import LOST, LOST_TOO_OFTEN
from gcp_event_router.inbox.models import Delivery, State
from gcp_event_router.inbox.replay import replay
from gcp_event_router.inbox.workers import process
from gcp_event_router.outcomes import Outcome

from ..conftest import Post, post_wsgi
from ..support.deliveries import PATH, PUSH, end_leases, pass_time, rows, with_databases

pytestmark = with_databases

NEITHER = pytest.mark.parametrize("problem", [Retry(), OperationalError()], ids=["Retry", "away"])


@pytest.fixture(autouse=True)
def _no_engine() -> Iterator[None]:
    with override_settings(TASKS={"default": {"BACKEND": "django_tasks.backends.dummy.DummyBackend"}}):
        yield


def raise_always(router: EventRouter, problem: Exception) -> list[int]:
    runs: list[int] = []

    @router.on("k", name="h", deferred=True, retry=Backoff(jitter=0))
    def _(event: Event[Any]) -> None:
        runs.append(1)
        raise problem

    return runs


def outcomes(alias: str) -> list[Outcome]:
    return [result.outcome for _, result in process(alias)]


def waits(alias: str) -> float:
    """The number of seconds until the delivery is due."""
    delivery, now = Delivery.objects.using(alias).annotate(now=Now()).values_list("not_before", "now").get()
    assert delivery is not None
    return (delivery - now).total_seconds()


@NEITHER
def test_what_asks_to_wait_is_not_run_at_every_sweep(inbox: str, router: EventRouter, problem: Exception) -> None:
    """Workers repeat it after ten seconds, then each time after twice as long, and finally every ten minutes."""
    runs = raise_always(router, problem)
    post_wsgi(PATH, PUSH)

    seconds: list[float] = []
    for _ in range(12):
        assert outcomes(inbox)[0] in {Outcome.RETRY, Outcome.UNAVAILABLE}
        assert outcomes(inbox) == []
        seconds.append(waits(inbox))
        pass_time(inbox, timedelta(seconds=seconds[-1] + 0.1))

    assert len(runs) == 12
    assert [round(wait / 10) for wait in seconds[:5]] == pytest.approx([1, 1, 2, 4, 8], abs=1)
    assert [round(wait / 60) for wait in seconds[-3:]] == [10, 10, 10]
    assert rows(inbox) == [("h", "pending", 0)]


def test_a_time_to_wait_that_a_handler_names_is_its_own(inbox: str, router: EventRouter) -> None:
    """`Retry(after=...)` decides when it is due again, however long it has waited."""
    raise_always(router, Retry(after=timedelta(minutes=2)))
    post_wsgi(PATH, PUSH)
    assert outcomes(inbox) == [Outcome.RETRY]
    pass_time(inbox, timedelta(hours=1))
    assert outcomes(inbox) == [Outcome.RETRY]
    assert 60 < waits(inbox) <= 120


@NEITHER
def test_what_has_asked_to_wait_for_too_long_is_parked(
    inbox: str, router: EventRouter, settings: Any, problem: Exception
) -> None:
    """The error names the time and the setting; after a replay, it may wait as long again."""
    settings.GCP_EVENT_ROUTER = {"AUTHENTICATION": [], "INBOX": {"DATABASE": inbox, "MAX_WAIT": timedelta(hours=3)}}
    raise_always(router, problem)
    post_wsgi(PATH, PUSH)

    for passed in (timedelta(hours=2), timedelta(hours=2)):
        assert outcomes(inbox)[0] in {Outcome.RETRY, Outcome.UNAVAILABLE}
        pass_time(inbox, passed)
    assert outcomes(inbox) == [Outcome.PARKED]
    kept = Delivery.objects.using(inbox).get()
    name = type(problem).__name__
    assert (kept.state, kept.error_type.rpartition(".")[2]) == (State.PARKED, name)
    assert kept.error.startswith(f"no run ended in any other way for 3:00:00, the setting MAX_WAIT: {name} at ")
    assert post_wsgi(PATH, PUSH).status_code == 200

    [(_, result)] = replay(Delivery.objects.using(inbox))
    assert result.outcome in {Outcome.RETRY, Outcome.UNAVAILABLE}
    assert rows(inbox)[0][1] == "pending"


def test_a_failure_between_ends_the_waiting(inbox: str, router: EventRouter) -> None:
    """A failure between two Retries starts the wait anew."""
    problems: list[Exception] = [Retry(), RuntimeError(), Retry()]

    @router.on("k", name="h", deferred=True)
    def _(event: Event[Any]) -> None:
        raise problems.pop()

    post_wsgi(PATH, PUSH)
    for expected in (Outcome.RETRY, Outcome.FAILED, Outcome.RETRY):
        assert outcomes(inbox) == [expected]
        pass_time(inbox, timedelta(days=2))


def test_a_sender_that_is_asked_to_wait_decides_for_how_long(inbox: str, router: EventRouter, post: Post) -> None:
    """A delivery that is not deferred is never parked for waiting, nor delayed: its subscription decides."""

    @router.on("k", name="h")
    def _(event: Event[Any]) -> None:
        raise Retry

    for _post in range(3):
        assert post(PATH, PUSH).status_code == 503
        pass_time(inbox, timedelta(days=30))
    assert rows(inbox) == [("h", "pending", 0)]


def lose(alias: str, times: int) -> None:
    """Record one more lost run, after some others."""
    Delivery.objects.using(alias).update(
        state=State.RUNNING, attempts=times, lost=times - 1, started_at=Now(), lease_until=Now(), not_before=None
    )
    end_leases(alias)


@pytest.mark.parametrize("deferred", [False, True], ids=["by requests", "by workers"])
@pytest.mark.parametrize(
    ("inbox_settings", "attempts", "most"), [({}, 3, 10), ({}, 5, 15), ({"MAX_LOST": 4}, 3, 4), ({"MAX_LOST": 1}, 3, 1)]
)
def test_lost_runs_have_a_limit_of_their_own(
    inbox: str, router: EventRouter, settings: Any, deferred: bool, inbox_settings: dict[str, Any], attempts: int, most: int
) -> None:
    """Lost runs are limited by `MAX_LOST`: by default three times `max_attempts`, and at least ten; the error says so."""
    settings.GCP_EVENT_ROUTER = {"AUTHENTICATION": [], "INBOX": {"DATABASE": inbox, **inbox_settings}}
    problems: list[Exception] = []

    @router.on("k", name="h", max_attempts=attempts, deferred=deferred)
    def _(event: Event[Any]) -> None:
        if problems:
            raise problems[0]

    def run() -> str:
        if deferred:
            return outcomes(inbox)[0].value
        return {201: "handled", 200: "parked", 400: "failed"}[post_wsgi(PATH, PUSH).status_code]

    problems.append(RuntimeError())
    post_wsgi(PATH, PUSH)
    if most > 1:
        lose(inbox, most - 1)
        assert run() == "failed"
        assert Delivery.objects.using(inbox).get().counted == 1
    lose(inbox, most)
    assert run() == "parked"
    kept = Delivery.objects.using(inbox).get()
    assert (kept.state, kept.lost, kept.error) == (State.PARKED, most, LOST_TOO_OFTEN)
    assert LOST in LOST_TOO_OFTEN
