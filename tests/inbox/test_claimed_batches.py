"""Batches: a worker on PostgreSQL claims several deliveries at once, begins one after the other, and releases the rest."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from datetime import timedelta
from threading import Timer
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError, connections
from django.db.models import F
from django.db.models.functions import Now
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from gcp_event_router import Event, EventRouter, Reject, Retry
from gcp_event_router.inbox import claimed_batches, claims, names, workers
from gcp_event_router.inbox.leases import terms_of
from gcp_event_router.inbox.models import Delivery, State, StoredEvent
from gcp_event_router.inbox.workers import process

from ..conftest import post_wsgi
from ..effects.models import Effect
from ..support.deliveries import (
    Stall,
    beside,
    effects,
    end_leases,
    on_postgresql,
    push,
    register,
    rows,
    session,
    settings_of,
    sync_or_async,
    take_effect,
    with_databases,
)
from ..support.own_postgres import until

pytestmark = [with_databases, on_postgresql]

DONE = ("h", "done", 1)
PENDING = ("h", "pending", 0)


@pytest.fixture(autouse=True)
def _no_engine() -> Any:
    """Nothing but the workers of a test runs deliveries."""
    with override_settings(TASKS={"default": {"BACKEND": "django_tasks.backends.dummy.DummyBackend"}}):
        yield


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is, workers run what they have claimed."""
    monkeypatch.setattr(claimed_batches, "_PATIENCE", timedelta(minutes=5))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, patient: None) -> None:
    """Workers release at once what they do not run."""
    monkeypatch.setattr(claimed_batches, "_PATIENCE", timedelta(milliseconds=20))


def keep(count: int) -> None:
    """Store events, with the references `"0"`, `"1"` ..."""
    for number in range(count):
        assert post_wsgi(f"/events/k/{number}", push(number)).status_code == 201


def store(alias: str, count: int) -> None:
    """Store events, without the endpoint."""
    events = [StoredEvent(key=uuid4(), kind="k", reference="r", form="raw", body=b"1", digest=b"") for _ in range(count)]
    StoredEvent.objects.using(alias).bulk_create(events)
    Delivery.objects.using(alias).bulk_create([Delivery(event=event, handler="h", deferred=True) for event in events])


def references(alias: str) -> list[str]:
    """Whose effects were made, in their order."""
    return list(Effect.objects.using(alias).order_by("pk").values_list("reference", flat=True))


def outcomes(alias: str) -> list[str]:
    return [result.outcome.value for _, result in process(alias)]


def effect_of(alias: str) -> Callable[[Event[Any]], None]:
    return lambda event: take_effect(alias, "h", event.reference)


def test_statements(inbox: str, router: EventRouter) -> None:
    """Each delivery of a batch costs the statements of its handler, one that ends it and begins the next, and a transaction."""
    register(router, effect_of(inbox), is_async=False, deferred=True)
    keep(claimed_batches.FIRST)

    connections[inbox].close()  # a new one has prepared nothing yet
    with CaptureQueriesContext(connections[inbox]) as captured:
        assert outcomes(inbox) == ["handled"] * claimed_batches.FIRST

    words = [query["sql"].split(None, 1)[0] for query in captured]
    run = ["BEGIN", "INSERT", "WITH", "COMMIT"]
    assert words == ["SELECT", "WITH", *run * claimed_batches.FIRST, "SELECT"]
    assert rows(inbox) == [DONE] * claimed_batches.FIRST
    assert Delivery.objects.using(inbox).filter(started_at=None).count() == 0


def test_batches_grow(inbox: str, router: EventRouter) -> None:
    """While handlers are quick, each batch is twice as large as the one before, up to fifty."""
    register(router, effect_of(inbox), is_async=False, deferred=True)
    store(inbox, 203)
    sizes: list[int] = []

    def claim(alias: str, wanted: Any) -> Any:
        sizes.append(len(wanted))
        return claimed_batches.claim(alias, wanted)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workers, "claim_batch", claim)
        assert len(outcomes(inbox)) == 203

    assert sizes == [8, 16, 32, 50, 50, 47]


def test_plans_are_made_anew_after_a_hundred_deliveries(inbox: str, router: EventRouter) -> None:
    """A batch counts as many times as it has deliveries: each of them is ended by a prepared statement."""
    register(router, effect_of(inbox), is_async=False, deferred=True)
    store(inbox, 160)

    with CaptureQueriesContext(connections[inbox]) as captured:
        assert len(outcomes(inbox)) == 160

    assert [query["sql"] for query in captured].count("DISCARD PLANS") == 1


def test_what_has_not_begun_is_claimed_without_an_attempt(inbox: str, router: EventRouter) -> None:
    """While one runs, the others of its batch are claimed, and have not begun; each begins before its handler is called."""
    seen: list[list[tuple[str, bool]]] = []

    def look(event: Event[Any]) -> None:
        with session(inbox) as other, other.cursor() as cursor:
            cursor.execute("SELECT state, started_at IS NOT NULL FROM gcp_event_inbox_delivery ORDER BY id")
            seen.append(cursor.fetchall())

    register(router, look, is_async=False, deferred=True)
    keep(3)

    assert outcomes(inbox) == ["handled"] * 3
    begun, claimed, done = ("running", True), ("running", False), ("done", True)
    assert seen == [[begun, claimed, claimed], [done, begun, claimed], [done, done, begun]]


@sync_or_async
def test_each_run_ends_in_its_own_way(inbox: str, router: EventRouter, is_async: bool) -> None:
    """A delivery that fails, waits or is rejected leaves the others of its batch as they are."""
    problems: dict[str, Exception] = {"1": RuntimeError(), "3": Retry(), "4": Reject("no")}

    def work(event: Event[Any]) -> None:
        if event.reference in problems:
            raise problems[event.reference]

    register(router, work, is_async=is_async, deferred=True, max_attempts=1)
    keep(7)

    found = outcomes(inbox)
    assert found[:7] == ["handled", "parked", "handled", "retry", "rejected", "handled", "handled"]
    states = [(state, attempts) for _, state, attempts in rows(inbox)]
    done = ("done", 1)
    assert states == [done, ("parked", 1), done, ("pending", 0), ("rejected", 1), done, done]


@pytest.mark.parametrize("notify", [True, False])
def test_a_worker_that_is_stopped_releases_the_rest(inbox: str, router: EventRouter, notify: bool) -> None:
    """What a worker has claimed, but not run, is pending again, without an attempt, and without a beginning."""
    register(router, effect_of(inbox), is_async=False, deferred=True)
    keep(4)

    given: dict[str, Any] = {"AUTHENTICATION": [], "INBOX": {"DATABASE": inbox, "NOTIFY": notify}}
    with override_settings(GCP_EVENT_ROUTER=given), closing(process(inbox)) as results:
        next(results)
        next(results)

    assert rows(inbox) == [DONE, DONE, PENDING, PENDING]
    waiting = Delivery.objects.using(inbox).filter(state=State.PENDING)
    assert set(waiting.values_list("token", "lease_until", "started_at")) == {(None, None, None)}
    assert outcomes(inbox) == ["handled"] * 2


def test_a_worker_that_is_stopped_after_its_session(inbox: str, router: EventRouter) -> None:
    """It releases the rest of its batch in a new session."""
    register(router, effect_of(inbox), is_async=False, deferred=True)
    keep(3)

    with closing(process(inbox)) as results:
        next(results)
        with connections[inbox].cursor() as cursor, session(inbox) as other, other.cursor() as killer:
            cursor.execute("SELECT pg_backend_pid()")
            killer.execute("SELECT pg_terminate_backend(%s)", cursor.fetchone())

    assert rows(inbox) == [DONE, PENDING, PENDING]
    assert outcomes(inbox) == ["handled"] * 2


def test_a_worker_that_is_stopped_after_a_release(inbox: str, router: EventRouter, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gives back the delivery that had begun when the others of its batch were released."""
    timers: list[Timer] = []

    def hold(timer: Timer) -> None:
        timers.append(timer)

    register(router, effect_of(inbox), is_async=False, deferred=True)
    keep(3)

    with closing(process(inbox)) as results:
        with monkeypatch.context() as patch:
            patch.setattr(Timer, "start", hold)
            next(results)
        (timer,) = timers
        timer.interval = 0
        timer.start()
        timer.join()
        assert rows(inbox) == [DONE, ("h", "running", 1), PENDING]

    assert rows(inbox) == [DONE, PENDING, PENDING]


def test_a_handler_that_ends_its_worker(inbox: str, router: EventRouter) -> None:
    """If a handler raises SystemExit, its own run is lost, and the others of the batch are pending again."""

    def work(event: Event[Any]) -> None:
        if event.reference == "1":
            raise SystemExit
        take_effect(inbox, "h", event.reference)

    register(router, work, is_async=False, deferred=True)
    keep(3)

    with pytest.raises(SystemExit):
        outcomes(inbox)

    assert rows(inbox) == [DONE, ("h", "running", 1), PENDING]


@pytest.mark.usefixtures("impatient")
def test_a_slow_delivery_does_not_hold_back_the_others(inbox: str, router: EventRouter) -> None:
    """While a handler is slow, the rest of its batch is released, and another worker runs it, each delivery once."""
    stall = Stall()

    def work(event: Event[Any]) -> None:
        if event.reference == "0":
            stall()
        take_effect(inbox, "h", event.reference)

    register(router, work, is_async=False, deferred=True)
    keep(6)

    others: list[str] = []

    def run_by_another() -> int:
        others.extend(outcomes(inbox))
        return len(others)

    with stall.during(lambda: outcomes(inbox)) as slow:
        until(lambda: run_by_another() == 5)
        assert rows(inbox) == [("h", "running", 1), *[DONE] * 5]

    assert (slow.result(), others) == (["handled"], ["handled"] * 5)
    assert references(inbox) == ["1", "2", "3", "4", "5", "0"]
    assert rows(inbox) == [DONE] * 6


@pytest.mark.usefixtures("impatient")
def test_what_was_released_is_run_by_its_worker_if_nobody_else_does(inbox: str, router: EventRouter) -> None:
    """A worker claims again what it has released, in order, and in smaller batches."""
    waiting = Delivery.objects.using(inbox).filter(state=State.PENDING)

    def work(event: Event[Any]) -> None:
        if event.reference == "0":
            until(lambda: waiting.count() == 5)
        take_effect(inbox, "h", event.reference)

    register(router, work, is_async=False, deferred=True)
    keep(6)

    assert outcomes(inbox) == ["handled"] * 6
    assert references(inbox) == ["0", "1", "2", "3", "4", "5"]
    assert rows(inbox) == [DONE] * 6


def test_a_lease_that_ends_before_its_delivery_begins(inbox: str, router: EventRouter) -> None:
    """If a worker stalls until another one has claimed the rest of its batch, it runs nothing of that."""
    taken: list[bool] = []

    def work(event: Event[Any]) -> None:
        if not taken:
            end_leases_of_rest()
            with beside(lambda: [claims.claim(inbox, number, terms) for number in numbers[1:3]]) as claimed:
                taken.extend(claim is not None for claim in claimed.result())
        take_effect(inbox, "h", event.reference)

    def end_leases_of_rest() -> None:
        with session(inbox) as other, other.cursor() as cursor:
            cursor.execute("UPDATE gcp_event_inbox_delivery SET lease_until = now() - interval '1 s' WHERE started_at IS NULL")

    register(router, work, is_async=False, deferred=True)
    keep(4)
    numbers = list(Delivery.objects.using(inbox).order_by("pk").values_list("pk", flat=True))
    terms = terms_of("h")

    assert outcomes(inbox) == ["handled"] * 2
    assert taken == [True, True]
    assert references(inbox) == ["0", "3"]
    assert rows(inbox) == [DONE, ("h", "running", 1), ("h", "running", 1), DONE]


def test_the_rest_of_a_killed_worker_is_soon_free(inbox: str, router: EventRouter) -> None:
    """Only what has begun is leased for LEASE; the others are claimable after ten seconds, and their claim counts as nothing."""
    register(router, effect_of(inbox), is_async=False, deferred=True, lease=timedelta(hours=1))
    keep(3)
    numbers = list(Delivery.objects.using(inbox).order_by("pk").values_list("pk", flat=True))
    terms = terms_of("h")

    claimed = claimed_batches.claim(inbox, dict.fromkeys(numbers, terms))  # and then nothing, as if it were killed

    assert claimed is not None
    leases = Delivery.objects.using(inbox).order_by("pk").values_list("started_at", "lease_until")
    (began, first), (_, second), (_, third) = leases
    assert began is not None
    assert first is not None
    assert second is not None
    assert (second, second - began) == (third, timedelta(seconds=10))
    assert first - began == terms.lease

    end_leases(inbox)
    assert outcomes(inbox) == ["handled"] * 3
    assert list(Delivery.objects.using(inbox).order_by("pk").values_list("attempts", "lost")) == [(2, 1), (1, 0), (1, 0)]


def test_what_was_lost_before_is_claimed_alone(inbox: str, router: EventRouter) -> None:
    """What was lost may end this worker, too, so no other delivery is claimed with it; if lost too often, it is parked."""
    seen: list[int] = []
    held = Delivery.objects.using(inbox).filter(lease_until__gte=Now())
    register(router, lambda event: seen.append(held.count()), is_async=False, deferred=True)
    keep(5)
    first, second = Delivery.objects.using(inbox).order_by("pk")[1:3]
    Delivery.objects.using(inbox).filter(pk__in=[first.pk, second.pk]).update(state=State.RUNNING, started_at=F("created_at"))
    Delivery.objects.using(inbox).filter(pk=second.pk).update(lost=29)
    end_leases(inbox)

    assert outcomes(inbox) == ["handled", "handled", "parked", "handled", "handled"]
    assert seen == [1, 1, 2, 1]


def test_bodies_are_not_all_in_memory(inbox: str, router: EventRouter, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch ends before its bodies are too large together; a single one may be larger."""
    monkeypatch.setattr(workers, "MOST_BYTES", 700)
    seen: list[int] = []
    running = Delivery.objects.using(inbox).filter(state=State.RUNNING)
    register(router, lambda event: seen.append(running.count()), is_async=False, deferred=True)
    for number in range(6):
        post_wsgi(f"/events/k/{number}", push(number, "x" * (600 if number == 2 else 0)))

    assert outcomes(inbox) == ["handled"] * 6
    assert seen == [2, 1, 1, 3, 2, 1]


def test_a_handler_that_closes_the_connection(inbox: str, router: EventRouter) -> None:
    """The run of a handler that closes its connection fails, and the others of its batch are run."""

    def work(event: Event[Any]) -> None:
        take_effect(inbox, "h", event.reference)
        if event.reference == "1":
            connections[inbox].close()

    register(router, work, is_async=False, deferred=True)
    keep(4)

    found = outcomes(inbox)
    assert (found[0], found[2:4]) == ("handled", ["handled", "handled"])
    assert references(inbox) == ["0", "2", "3"]
    assert rows(inbox)[0:1] + rows(inbox)[2:] == [DONE] * 3


def test_a_handler_that_is_unregistered_meanwhile(
    inbox: str, router: EventRouter, lines: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was claimed for it is pending again, without an attempt."""
    monkeypatch.setattr(names, "logged", set[object]())  # as in a new process
    with ExitStack() as stack:

        def work(event: Event[Any]) -> None:
            stack.enter_context(router.isolated(empty=True))

        register(router, work, is_async=False, deferred=True)
        keep(3)
        assert outcomes(inbox) == ["handled"]

    assert rows(inbox) == [DONE, PENDING, PENDING]
    assert sum("so nobody runs them" in line for line in lines()) == 1


def test_what_is_purged_while_it_waits_in_a_batch(inbox: str, router: EventRouter) -> None:
    """A delivery that is deleted after its claim is not run; the others of its batch are."""

    def work(event: Event[Any]) -> None:
        if event.reference == "0":
            with beside(StoredEvent.objects.using(inbox).filter(reference="1").delete) as deleted:
                deleted.result()
        take_effect(inbox, "h", event.reference)

    register(router, work, is_async=False, deferred=True)
    keep(3)

    assert outcomes(inbox) == ["handled"] * 2
    assert (references(inbox), rows(inbox)) == (["0", "2"], [DONE, DONE])


def test_a_key_that_another_worker_runs(inbox: str, router: EventRouter) -> None:
    """If the index of running keys refuses a batch, its deliveries are claimed one by one, and those of other keys run."""

    def key(event: Event[Any]) -> str:
        return event.reference[0]

    register(router, effect_of(inbox), is_async=False, deferred=True, order_by=key)
    for number, reference in enumerate(["a1", "b1", "a2"]):
        post_wsgi(f"/events/k/{reference}", push(number))
    first, _, second = Delivery.objects.using(inbox).order_by("pk")
    # another worker runs a later delivery of the key, since a person has replayed the first one meanwhile
    running = Delivery.objects.using(inbox).filter(pk=second.pk)
    running.update(state=State.RUNNING, running_digest=F("order_digest"), lease_until=F("created_at") + timedelta(hours=1))

    assert outcomes(inbox) == ["handled"]
    assert references(inbox) == ["b1"]
    assert rows(inbox) == [PENDING, DONE, ("h", "running", 0)]
    assert first.order_digest == second.order_digest


def test_without_zones(inbox: str, router: EventRouter) -> None:
    """Batches work with USE_TZ off, whatever the time zone."""
    register(router, effect_of(inbox), is_async=False, deferred=True)
    with override_settings(USE_TZ=False, TIME_ZONE="America/New_York"):
        connections[inbox].close()
        keep(3)
        assert outcomes(inbox) == ["handled"] * 3
    connections[inbox].close()
    assert effects(inbox) == ["h"] * 3


def test_a_session_that_is_ended_in_a_batch(inbox: str, router: EventRouter) -> None:
    """If the database ends a worker's session, that run does not count, and the worker runs the rest in another session."""

    def work(event: Event[Any]) -> None:
        if event.reference == "1":
            with connections[inbox].cursor() as cursor, session(inbox) as other, other.cursor() as killer:
                cursor.execute("SELECT pg_backend_pid()")
                killer.execute("SELECT pg_terminate_backend(%s)", cursor.fetchone())
        take_effect(inbox, "h", event.reference)

    register(router, work, is_async=False, deferred=True)
    keep(4)

    assert outcomes(inbox) == ["handled", "unavailable", "handled", "handled"]
    assert rows(inbox) == [DONE, PENDING, DONE, DONE]
    assert references(inbox) == ["0", "2", "3"]


def test_a_database_that_is_away_in_a_batch(inbox: str, router: EventRouter) -> None:
    """If a worker cannot reach the database, it fails, and others can claim the rest of its batch ten seconds later."""

    def work(event: Event[Any]) -> None:
        stack.enter_context(settings_of(inbox, HOST="/nowhere"))

    register(router, work, is_async=False, deferred=True)
    keep(3)

    with ExitStack() as stack, pytest.raises(OperationalError):
        outcomes(inbox)
    connections[inbox].close()
    assert rows(inbox) == [("h", "running", 1)] * 3
    end_leases(inbox)
    with router.isolated(empty=True):
        register(router, effect_of(inbox), is_async=False, deferred=True)
        assert outcomes(inbox) == ["handled"] * 3
    assert list(Delivery.objects.using(inbox).order_by("pk").values_list("attempts", "lost")) == [(2, 1), (1, 0), (1, 0)]


@pytest.mark.parametrize("binding", [False, True], ids=["by the client", "by the server"])
def test_parameters_bound(inbox: str, router: EventRouter, binding: bool) -> None:
    """Batches are claimed and released, wherever psycopg binds parameters."""
    register(router, effect_of(inbox), is_async=False, deferred=True)
    keep(20)
    options = {**connections[inbox].settings_dict["OPTIONS"], "server_side_binding": binding}
    with settings_of(inbox, OPTIONS=options):
        with closing(process(inbox)) as results:
            for _ in range(3):
                next(results)
        assert rows(inbox) == [*[DONE] * 3, *[PENDING] * 17]
        assert outcomes(inbox) == ["handled"] * 17
    assert references(inbox) == [str(number) for number in range(20)]
