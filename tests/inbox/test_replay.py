"""Replay: rejected, parked or done deliveries run again, once, with their current handlers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.test.utils import CaptureQueriesContext
from pydantic import BaseModel

from gcp_event_router import Event, EventRouter, Reject, Retry
from gcp_event_router._dispatch.raw_event import RawEvent
from gcp_event_router.envelopes import read
from gcp_event_router.inbox.models import Delivery, State, StoredEvent
from gcp_event_router.inbox.replay import REPLAYED, discard, replay
from gcp_event_router.inbox.selections import Selection
from gcp_event_router.inbox.serialization import row_of
from gcp_event_router.inbox.workers import process, work
from gcp_event_router.outcomes import Outcome

from ..conftest import post_wsgi
from ..effects.models import Effect
from ..support.deliveries import (
    PATH,
    PUSH,
    Stall,
    effects,
    end_leases,
    push,
    rows,
    sync_or_async,
    take_effect,
    together,
    where_handlers_overlap,
    with_databases,
)
from ..support.processes import AHEAD, limited

pytestmark = with_databases
ROOT = Path(__file__).resolve().parents[2]


def register(router: EventRouter, work: Callable[[Event[Any]], None], *, is_async: bool = False, **options: Any) -> None:
    """Register a handler `h` for the kind `k`, which may use the database."""

    async def awaited(event: Event[Any]) -> None:
        await sync_to_async(work)(event)

    def called(event: Event[Any]) -> None:
        work(event)

    named: dict[str, Any] = {"name": "h", **options}
    router.on("k", **named)(awaited if is_async else called)


def replayed(alias: str, *, force: bool = False, **selected: Any) -> list[tuple[str, Outcome]]:
    """The earlier state and the outcome of each replayed delivery."""
    selected = {"states": [*REPLAYED, State.DONE], **selected}
    deliveries = Selection(**selected).deliveries(alias)
    return [(delivery.state, result.outcome) for delivery, result in replay(deliveries, force=force)]


@sync_or_async
def test_what_was_rejected_is_run_again(inbox: str, router: EventRouter, is_async: bool) -> None:
    """Once the cause is removed, the handler succeeds, and a redelivery is a duplicate."""
    missing = [True]

    def work(event: Event[Any]) -> None:
        if missing:
            raise Reject
        take_effect(inbox, "h")

    register(router, work, is_async=is_async)
    assert post_wsgi(PATH, PUSH).status_code == 200
    missing.clear()

    assert replayed(inbox) == [("rejected", Outcome.HANDLED)]
    assert (rows(inbox), effects(inbox)) == ([("h", "done", 2)], ["h"])
    assert post_wsgi(PATH, PUSH).status_code == 200
    assert effects(inbox) == ["h"]


@where_handlers_overlap
def test_h1_replay_during_the_events_own_redelivery(inbox: str, router: EventRouter, is_async: bool) -> None:
    """While a request runs the delivery, a replay is BUSY; and there is one effect."""
    stall = Stall()

    def work(event: Event[Any]) -> None:
        stall()
        take_effect(inbox, "h")

    register(router, work, is_async=is_async)
    with stall.during(lambda: post_wsgi(PATH, PUSH)) as answer:
        assert replayed(inbox) == [("running", Outcome.BUSY)]
        assert replayed(inbox, idle=True) == []

    assert (answer.result().status_code, effects(inbox)) == (201, ["h"])


@where_handlers_overlap
def test_h1_redelivery_during_a_replay(inbox: str, router: EventRouter, is_async: bool) -> None:
    """While a replay runs the delivery, a redelivery gets 409, and afterwards 200."""
    stall = Stall()
    broken = [True]

    def work(event: Event[Any]) -> None:
        if broken:
            raise RuntimeError
        stall()
        take_effect(inbox, "h")

    register(router, work, is_async=is_async)
    assert post_wsgi(PATH, PUSH).status_code == 400
    broken.clear()
    with stall.during(lambda: replayed(inbox)) as outcomes:
        assert post_wsgi(PATH, PUSH).status_code == 409

    assert outcomes.result() == [("failed", Outcome.HANDLED)]
    assert post_wsgi(PATH, PUSH).status_code == 200
    assert effects(inbox) == ["h"]


@sync_or_async
def test_h1_two_operators_at_once(inbox: str, router: EventRouter, is_async: bool) -> None:
    """Four replays of the same ten deliveries at the same time run each once."""
    broken = [True]

    def work(event: Event[Any]) -> None:
        if broken:
            raise Reject
        take_effect(inbox, "h", event.reference)

    register(router, work, is_async=is_async)
    for number in range(10):
        post_wsgi(f"/events/k/{number}", push(number))
    broken.clear()

    outcomes = [outcome for outcomes in together(4, lambda _: replayed(inbox, states=["rejected"])) for outcome in outcomes]

    assert sum(outcome is Outcome.HANDLED for _, outcome in outcomes) == 10
    assert {outcome for _, outcome in outcomes} <= {Outcome.HANDLED, Outcome.BUSY}
    assert sorted(Effect.objects.using(inbox).values_list("reference", flat=True)) == [str(number) for number in range(10)]


def test_h1_a_done_delivery_is_replayed_only_by_force(inbox: str, router: EventRouter) -> None:
    """A replay skips deliveries that are done; with `force`, it runs them once more."""
    register(router, lambda _: take_effect(inbox, "h"))
    post_wsgi(PATH, PUSH)

    assert replayed(inbox) == [("done", Outcome.DUPLICATE)]
    assert effects(inbox) == ["h"]
    assert replayed(inbox, force=True) == [("done", Outcome.HANDLED)]
    assert (rows(inbox), effects(inbox)) == ([("h", "done", 2)], ["h", "h"])


def test_h1_two_who_force_the_same_at_once(inbox: str, router: EventRouter) -> None:
    """Of several forced replays at the same time, one runs the delivery again."""
    register(router, lambda _: take_effect(inbox, "h"))
    post_wsgi(PATH, PUSH)
    seen = Delivery.objects.using(inbox).select_related("event").get()

    outcomes = together(4, lambda _: work(inbox, seen, rerun=True).outcome)

    assert sorted(outcome.value for outcome in outcomes) == ["busy", "busy", "busy", "handled"]
    assert effects(inbox) == ["h", "h"]


COUNT = 600


@pytest.mark.proof
def test_h2_a_crash_in_the_middle(inbox: str, tmp_path: Path) -> None:
    """A replay that is killed three times, and started again, has each effect once."""
    envelopes = [read(push(number, {"a": number})) for number in range(COUNT)]
    events = [row_of("video-up", str(number), RawEvent(envelope)) for number, envelope in enumerate(envelopes)]
    StoredEvent.objects.using(inbox).bulk_create(events)
    name = "tests.workers.handlers.convert"
    Delivery.objects.using(inbox).bulk_create(Delivery(event=event, handler=name, state=State.PARKED) for event in events)
    settings = connections[inbox].settings_dict
    database = {key: settings[key] for key in ("ENGINE", "NAME", "USER", "HOST", "OPTIONS")}
    worker: dict[str, Any] = {"database": database, "tasks": {}, "apps": [], "queues": {}}
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.workers.settings", "EVENTS_WORKER": json.dumps(worker)}
    command = [sys.executable, "-m", "django", "inbox", "replay", "--handler", name]

    def run() -> AbstractContextManager[subprocess.Popen[bytes]]:
        return limited(subprocess.Popen([*command, "--json"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, pipesize=AHEAD))

    for kill_after in (20, 150, 80):
        with run() as killed:
            assert killed.stdout
            for _ in range(kill_after):
                assert json.loads(killed.stdout.readline())["outcome"] == "handled"
            killed.kill()
    end_leases(inbox)
    with run() as last:
        assert last.communicate(timeout=120)[0].count(b'"handled"') < COUNT - 250 + 3

    assert last.returncode == 0
    references = sorted(int(text) for text in Effect.objects.using(inbox).values_list("reference", flat=True))
    assert references == list(range(COUNT))
    assert set(Delivery.objects.using(inbox).values_list("state", flat=True)) == {"done"}


class Old(BaseModel):
    a: int


class New(BaseModel):
    b: int


def test_h3_the_model_changed_and_a_handler_is_gone(inbox: str, router: EventRouter) -> None:
    """A replay rejects what is invalid now, leaves what has no handler, and runs the others."""
    broken = [True]

    def fails(event: Event[Any]) -> None:
        if broken:
            raise Reject

    with router.isolated(empty=True):
        for name in ("changed", "gone", "well"):
            register(router, fails, name=name)
        post_wsgi(PATH, PUSH)
    broken.clear()

    def changed(event: Event[New]) -> None: ...

    router.on("k", name="changed")(changed)
    register(router, lambda _: take_effect(inbox, "well"), name="well")

    assert replayed(inbox) == [
        ("rejected", Outcome.REJECTED),
        ("rejected", Outcome.UNHANDLED),
        ("rejected", Outcome.HANDLED),
    ]
    assert rows(inbox) == [("changed", "rejected", 2), ("gone", "rejected", 1), ("well", "done", 2)]
    error = Delivery.objects.using(inbox).values_list("error", flat=True).get(handler="changed")
    assert json.loads(error) == [{"loc": ["b"], "msg": "Field required", "type": "missing"}]
    assert effects(inbox) == ["well"]


def test_a_replay_that_fails_is_tried_again_by_the_sweeper(inbox: str, router: EventRouter) -> None:
    """Its sender got a positive answer and does not send it again, so workers run it now."""
    wants = [Reject(), Retry(), None]

    def work(event: Event[Any]) -> None:
        if (error := wants.pop(0)) is not None:
            raise error
        take_effect(inbox, "h")

    register(router, work)
    post_wsgi(PATH, PUSH)

    assert replayed(inbox) == [("rejected", Outcome.RETRY)]
    assert [result.outcome for _, result in process(inbox)] == [Outcome.HANDLED]
    assert (rows(inbox), effects(inbox)) == ([("h", "done", 2)], ["h"])


def test_a_parked_delivery_that_fails_again_is_parked_again(inbox: str, router: EventRouter) -> None:
    """A replay is one run; it does not continue until the attempts are used up."""

    def fail(event: Event[Any]) -> None:
        raise RuntimeError

    register(router, fail, max_attempts=2)
    assert [post_wsgi(PATH, PUSH).status_code for _ in range(2)] == [400, 200]

    assert replayed(inbox) == [("parked", Outcome.PARKED)]
    assert rows(inbox) == [("h", "parked", 3)]


UNREAD = b'{"message": {"data": "####"}, "subscription": "projects/p/subscriptions/s"}'


def test_an_unreadable_event_stays_rejected(inbox: str, router: EventRouter) -> None:
    """A replay changes nothing as long as the event cannot be read."""
    register(router, lambda _: take_effect(inbox, "h"))
    post_wsgi(PATH, UNREAD)

    assert replayed(inbox) == [("rejected", Outcome.REJECTED)]
    assert (rows(inbox), effects(inbox)) == ([("", "rejected", 0)], [])


@sync_or_async
def test_an_event_that_can_be_read_now(inbox: str, router: EventRouter, is_async: bool) -> None:
    """Once the package can read it, it is like any other event, with its own identity, and handled once."""
    register(router, lambda _: take_effect(inbox, "h"), is_async=is_async)
    post_wsgi(PATH, UNREAD)
    StoredEvent.objects.using(inbox).update(body=PUSH)  # as if the package had learned to read it

    assert replayed(inbox) == [("rejected", Outcome.HANDLED)]
    assert sorted(rows(inbox)) == [("", "done", 0), ("h", "done", 1)]
    assert post_wsgi(PATH, PUSH).status_code == 200
    assert effects(inbox) == ["h"]


def test_an_event_that_was_given_up_and_can_be_read_now(inbox: str, router: EventRouter) -> None:
    """After its replay, a discarded one is done, like any other."""
    register(router, lambda _: take_effect(inbox, "h"))
    post_wsgi(PATH, UNREAD)
    assert discard(Selection().deliveries()) == 1
    StoredEvent.objects.using(inbox).update(body=PUSH)

    assert replayed(inbox, states=["discarded"]) == [("discarded", Outcome.HANDLED)]
    assert sorted(rows(inbox)) == [("", "done", 0), ("h", "done", 1)]


@pytest.mark.parametrize("operators", [1, 4])
def test_an_event_without_an_identity_that_can_be_read_now(inbox: str, router: EventRouter, operators: int) -> None:
    """However often it is read again, it is one event, and each handler runs once."""
    broken = [True]

    def fails(event: Event[Any]) -> None:
        if broken:
            raise RuntimeError

    register(router, lambda _: take_effect(inbox, "h"))
    register(router, fails, name="fails")
    post_wsgi(PATH, UNREAD)
    StoredEvent.objects.using(inbox).update(body=b"{}")

    together(operators, lambda _: replayed(inbox, handler=""))
    broken.clear()
    replayed(inbox, states=["rejected"])

    assert effects(inbox) == ["h"]
    assert StoredEvent.objects.using(inbox).count() == 2


def test_a_batch_that_can_be_read_now(inbox: str, router: EventRouter) -> None:
    """Each event of a batch is handled, even beside one that fails; a second replay runs the rest."""
    broken = [True]

    def work(event: Event[Any]) -> None:
        if broken and event.payload == 0:
            raise RuntimeError
        take_effect(inbox, "h", str(event.payload))

    register(router, work)
    event = {"specversion": "1.0", "source": "/s", "type": "t"}
    body = json.dumps([{**event, "id": str(number), "data": number} for number in range(2)]).encode()
    post_wsgi(PATH, body[:-1], "application/cloudevents-batch+json")
    assert replayed(inbox) == [("rejected", Outcome.REJECTED)]
    StoredEvent.objects.using(inbox).update(body=body)  # as if the package had learned to read it

    assert replayed(inbox) == [("rejected", Outcome.FAILED)]
    assert effects(inbox) == ["h"]
    broken.clear()
    assert replayed(inbox, states=["rejected"]) == [("rejected", Outcome.DUPLICATE)]  # as the one that was done before
    assert sorted(rows(inbox)) == [("", "done", 0), ("h", "done", 1), ("h", "done", 2)]
    assert effects(inbox) == ["h", "h"]


def test_an_event_that_can_be_read_now_and_fails(inbox: str, router: EventRouter) -> None:
    """It stays rejected if its handler fails; without a handler it stays unchanged."""
    post_wsgi(PATH, UNREAD)
    StoredEvent.objects.using(inbox).update(body=PUSH)
    assert replayed(inbox) == [("rejected", Outcome.UNHANDLED)]

    def fail(event: Event[Any]) -> None:
        raise RuntimeError

    register(router, fail)
    assert replayed(inbox) == [("rejected", Outcome.FAILED)]
    assert sorted(rows(inbox)) == [("", "rejected", 0), ("h", "failed", 1)]


@sync_or_async
@pytest.mark.parametrize(
    ("body", "errors", "expected"),
    [
        (PUSH, [RuntimeError()], [("h", "failed", 1)]),
        (b"{}", [RuntimeError()], [("h", "failed", 1)]),
        (PUSH, [Retry()], [("h", "pending", 0)]),
        (b"{}", [ValueError(), RuntimeError()], [("h", "failed", 1)]),
    ],
    ids=["fails", "fails without an identity", "is to be tried again", "fails twice"],
)
def test_what_is_read_again_and_fails_is_tried_again_by_the_sweeper(
    inbox: str, router: EventRouter, is_async: bool, body: bytes, errors: list[Exception], expected: list[tuple[str, str, int]]
) -> None:
    """Its sender got a positive answer and does not send it again, so workers run it, without another replay."""
    wants: list[Exception | None] = [*errors, None]

    def work(event: Event[Any]) -> None:
        if (error := wants.pop(0)) is not None:
            raise error
        take_effect(inbox, "h")

    register(router, work, is_async=is_async)
    post_wsgi(PATH, UNREAD)
    StoredEvent.objects.using(inbox).update(body=body)  # as if the package had learned to read it

    replayed(inbox)
    assert [row for row in rows(inbox) if row[0]] == expected
    for _ in range(len(wants)):
        Delivery.objects.using(inbox).update(not_before=None)
        list(process(inbox))

    assert sorted(rows(inbox)) == [("", "rejected", 0), ("h", "done", expected[0][2] + len(errors))]
    assert effects(inbox) == ["h"]
    assert replayed(inbox, states=["rejected"]) == [("rejected", Outcome.DUPLICATE)]
    assert ("", "done", 0) in rows(inbox)


@where_handlers_overlap
def test_what_is_read_again_and_lost_is_tried_again_by_the_sweeper(inbox: str, router: EventRouter, is_async: bool) -> None:
    """If a replay is killed in the handler of such an event, workers run it, too, once its lease has expired."""
    stall = Stall()
    stalls = [stall]

    def work(event: Event[Any]) -> None:
        if stalls:
            stalls.pop()()
        take_effect(inbox, "h")

    register(router, work, is_async=is_async)
    post_wsgi(PATH, UNREAD)
    StoredEvent.objects.using(inbox).update(body=PUSH)  # as if the package had learned to read it

    with stall.during(lambda: replayed(inbox)):
        assert list(process(inbox)) == []
        end_leases(inbox)
        assert [result.outcome for _, result in process(inbox)] == [Outcome.HANDLED]

    assert sorted(rows(inbox)) == [("", "rejected", 0), ("h", "done", 2)]


def test_what_is_discarded_is_run_by_nobody(inbox: str, router: EventRouter) -> None:
    """Failed, parked and rejected deliveries can be discarded, and done ones cannot; redeliveries get 200."""

    def work(event: Event[Any]) -> None:
        if event.reference != "done":
            raise {"rejected": Reject, "failed": RuntimeError}[event.reference]

    register(router, work)
    for number, reference in enumerate(("done", "failed", "rejected")):
        post_wsgi(f"/events/k/{reference}", push(number))

    assert discard(Selection().deliveries(inbox)) == 2
    assert rows(inbox) == [("h", "done", 1), ("h", "discarded", 1), ("h", "discarded", 1)]
    assert post_wsgi("/events/k/failed", push(1)).status_code == 200
    assert list(process(inbox)) == []
    assert discard(Selection().deliveries(inbox)) == 0


def test_a_discard_reads_no_bodies(inbox: str) -> None:
    """Discarding does not read payloads."""
    post_wsgi(PATH, UNREAD)
    with CaptureQueriesContext(connections[inbox]) as queries:
        assert discard(Selection(kind="*").deliveries(inbox)) == 1

    assert not any("body" in query["sql"] for query in queries)


def test_a_discarded_delivery_can_be_replayed(inbox: str, router: EventRouter) -> None:
    """A replay of discarded deliveries runs them."""
    register(router, lambda _: take_effect(inbox, "h"))
    post_wsgi(PATH, PUSH)
    Delivery.objects.using(inbox).update(state=State.DISCARDED)

    assert replayed(inbox, states=["discarded"]) == [("discarded", Outcome.HANDLED)]


def test_what_is_purged_meanwhile_is_passed_over(inbox: str, router: EventRouter) -> None:
    """A replay skips a delivery that was purged before its turn."""
    register(router, lambda _: take_effect(inbox, "h"))
    for number in range(3):
        post_wsgi(f"/events/k/{number}", push(number))
    results = replay(Selection().deliveries(inbox), force=True)
    next(results)
    StoredEvent.objects.using(inbox).filter(reference="1").delete()

    assert [delivery.event.reference for delivery, _ in results] == ["2"]
