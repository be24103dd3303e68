"""Order: `order_by`. The deliveries of a handler with one key run one after the other, in the order of their arrival."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from pydantic import BaseModel, field_validator

from gcp_event_router import Backoff, Event, EventRouter, Reject, Retry
from gcp_event_router._dispatch.event_key import KeyOf, OrderingKey
from gcp_event_router.inbox.models import Delivery, State
from gcp_event_router.inbox.renaming import rename
from gcp_event_router.inbox.replay import discard, replay
from gcp_event_router.inbox.selections import Selection
from gcp_event_router.inbox.tasks import run_delivery
from gcp_event_router.inbox.workers import process
from gcp_event_router.outcomes import Outcome
from gcp_event_router.utils import make_pubsub_message

from ..conftest import Post, post_wsgi
from ..effects.models import Effect
from ..support.deliveries import (
    PATH,
    Stall,
    end_leases,
    on_postgresql,
    rows,
    sync_or_async,
    take_effect,
    together,
    where_handlers_overlap,
    with_databases,
)
from ..support.statements import count_statements

pytestmark = with_databases


class Order(BaseModel):
    customer: str | int | None


def order(number: object, customer: object = "c1", ordering_key: str | None = None) -> bytes:
    """A push of a message about a customer's order."""
    return make_pubsub_message({"customer": customer}, message_id=str(number), ordering_key=ordering_key)


def by_customer(event: Event[Order]) -> str | int | None:
    """The function that most handlers here have as their `order_by`."""
    return event.payload.customer


def register(
    router: EventRouter,
    work: Callable[[Event[Order]], None],
    *,
    is_async: bool = False,
    name: str = "h",
    order_by: KeyOf[Order] | OrderingKey | None = by_customer,
    **options: Any,
) -> None:
    """Register work for orders, in order for each customer."""

    async def awaited(event: Event[Order]) -> None:
        work(event)

    def called(event: Event[Order]) -> None:
        work(event)

    router.on("k", payload=Order, name=name, order_by=order_by, **options)(awaited if is_async else called)


class Log:
    """A handler's work: it notes the messages that it handles, and fails for some."""

    def __init__(self) -> None:
        self.handled: list[str] = []
        self.failing: dict[str, Exception] = {}

    def __call__(self, event: Event[Order]) -> None:
        number = event.envelope.message_id or ""
        if number in self.failing:
            raise self.failing[number]
        self.handled.append(number)


@pytest.fixture
def log() -> Log:
    """The work of most handlers here."""
    return Log()


def make_due(alias: str) -> None:
    """Let so much time pass that all failed deliveries are due."""
    Delivery.objects.using(alias).update(not_before=None)


def states(alias: str) -> list[str]:
    return [state for _, state, _ in rows(alias)]


def outcomes(alias: str) -> list[str]:
    """Run what is due once, and return the outcomes."""
    return [result.outcome.value for _, result in process(alias)]


@sync_or_async
def test_a_failed_delivery_holds_back_its_key(inbox: str, router: EventRouter, log: Log, is_async: bool) -> None:
    """Later deliveries with the key of a failed one wait for it, others run; then they follow in the order of arrival."""
    register(router, log, is_async=is_async, deferred=True, retry=Backoff())
    log.failing["1"] = ValueError("no")
    for number, customer in enumerate(["a", "a", "b", "a", "b"], 1):
        assert post_wsgi(PATH, order(number, customer)).status_code == 201

    assert outcomes(inbox) == ["failed", "handled", "handled"]
    assert (log.handled, states(inbox)) == (["3", "5"], ["failed", "pending", "done", "pending", "done"])
    assert outcomes(inbox) == []

    log.failing.clear()
    make_due(inbox)
    assert outcomes(inbox) == ["handled"] * 3
    assert log.handled == ["3", "5", "1", "2", "4"]
    assert set(Delivery.objects.using(inbox).values_list("running_digest", flat=True)) == {None}


@pytest.mark.parametrize("end", ["parked", "rejected", "discarded"])
def test_a_settled_delivery_frees_its_key(inbox: str, router: EventRouter, log: Log, end: str) -> None:
    """A delivery that is parked, rejected or discarded holds back nothing any more."""
    register(router, log, deferred=True, max_attempts=1 if end == "parked" else 2)
    log.failing["1"] = Reject("never") if end == "rejected" else ValueError("no")
    for number in (1, 2):
        post_wsgi(PATH, order(number))

    outcomes(inbox)
    if end == "discarded":
        assert log.handled == []
        assert discard(Selection(states=["failed"]).deliveries().using(inbox)) == 1
        outcomes(inbox)

    assert (log.handled, states(inbox)) == (["2"], [end, "done"])


def test_each_handler_has_its_order(inbox: str, router: EventRouter, log: Log) -> None:
    """A delivery of one handler holds back no delivery of another handler with the same key."""
    other = Log()
    register(router, log, deferred=True, name="one")
    register(router, other, deferred=True, name="two")
    log.failing["1"] = ValueError("no")
    for number in (1, 2):
        post_wsgi(PATH, order(number))

    outcomes(inbox)

    assert (log.handled, other.handled) == ([], ["1", "2"])


@sync_or_async
def test_an_endpoint_answers_409_while_a_key_is_busy(
    inbox: str, router: EventRouter, post: Post, log: Log, is_async: bool
) -> None:
    """What the endpoint runs itself waits in its place, and the sender delivers it again; other keys are handled."""
    register(router, log, is_async=is_async)
    log.failing["1"] = ValueError("no")

    assert [post(PATH, order(number)).status_code for number in (1, 2, 3)] == [400, 409, 409]
    assert post(PATH, order(4, "other")).status_code == 201
    assert post(PATH, order(2)).headers["Retry-After"] == "1"
    assert rows(inbox) == [("h", "failed", 1), ("h", "pending", 0), ("h", "pending", 0), ("h", "done", 1)]

    log.failing.clear()
    make_due(inbox)
    assert [post(PATH, order(number)).status_code for number in (3, 1, 3, 2, 3, 2)] == [409, 201, 409, 201, 201, 200]
    assert log.handled == ["4", "1", "2", "3"]


@where_handlers_overlap
def test_a_running_delivery_holds_back_its_key(inbox: str, router: EventRouter, is_async: bool) -> None:
    """While a delivery runs, a later event of its key is answered 409, and one of another key is handled."""
    stall = Stall()
    handled: list[str | None] = []

    def work(event: Event[Order]) -> None:
        if event.envelope.message_id == "1":
            stall()
        handled.append(event.envelope.message_id)

    register(router, work, is_async=is_async)
    with stall.during(lambda: post_wsgi(PATH, order(1)).status_code) as first:
        assert [post_wsgi(PATH, order(2)).status_code, post_wsgi(PATH, order(3, "other")).status_code] == [409, 201]
    assert first.result() == 201

    assert post_wsgi(PATH, order(2)).status_code == 201
    assert handled == ["3", "1", "2"]


def test_the_key_may_be_that_of_the_message(inbox: str, router: EventRouter, log: Log) -> None:
    """`order_by="ordering_key"` orders by the key of the message, and leaves messages without one alone."""
    register(router, log, order_by="ordering_key", deferred=True)
    log.failing |= {"1": ValueError("no"), "4": ValueError("no")}
    for number, key in enumerate(["x", "x", "y", None, None], 1):
        post_wsgi(PATH, order(number, number, key))

    outcomes(inbox)

    assert log.handled == ["3", "5"]
    assert list(Delivery.objects.using(inbox).order_by("pk").values_list("order_key", flat=True)) == ["x", "x", "y", "", ""]


@pytest.mark.parametrize(
    ("keys", "handled"),
    [
        ([None, None], ["2"]),
        (["7", 7], []),
        (["\u00e9\0", "\u00e9\0"], []),
        (["k" * 300 + "1", "k" * 300 + "2"], ["2"]),
    ],
)
def test_which_keys_are_the_same(inbox: str, router: EventRouter, log: Log, keys: Sequence[object], handled: list[str]) -> None:
    """Keys are compared as whole texts; an int is the same as its text; None is no key."""
    register(router, log, order_by=lambda event: event.payload.customer, deferred=True)
    log.failing["1"] = ValueError("no")
    for number, key in enumerate(keys, 1):
        post_wsgi(PATH, order(number, key))

    outcomes(inbox)

    assert log.handled == handled


class Counted(Order):
    """An order whose validation is counted."""

    @field_validator("customer")
    @classmethod
    def count(cls, customer: object) -> object:
        validated.append(customer)
        return customer


validated: list[object] = []


@sync_or_async
def test_the_endpoint_validates_an_ordered_event_once(inbox: str, router: EventRouter, post: Post, is_async: bool) -> None:
    """The event that is made to find the key is the handler's argument, with `once_key`, too."""
    validated.clear()

    async def awaited(event: Event[Counted]) -> None: ...

    def called(event: Event[Counted]) -> None: ...

    router.on("k", payload=Counted, order_by=by_customer, once_key=lambda event: event.reference)(awaited if is_async else called)

    assert post(PATH, order(1)).status_code == 201
    assert (validated, states(inbox)) == (["c1"], ["done"])


@pytest.mark.parametrize("deferred", [False, True])
def test_an_event_without_a_valid_payload_has_no_key(inbox: str, router: EventRouter, log: Log, deferred: bool) -> None:
    """It is rejected as usual, and holds back nothing."""
    register(router, log, deferred=deferred)
    body = make_pubsub_message({"customer": [1]}, message_id="1")

    assert [post_wsgi(PATH, each).status_code for each in (body, order(2))] == ([201, 201] if deferred else [200, 201])
    outcomes(inbox)

    assert (log.handled, states(inbox)) == (["2"], ["rejected", "done"])


@pytest.mark.parametrize("deferred", [False, True])
def test_a_function_that_fails(inbox: str, router: EventRouter, log: Log, deferred: bool) -> None:
    """If `order_by` raises an exception, the run fails with it; once it works, the delivery takes its place in the order."""
    broken = [True]

    def find(event: Event[Order]) -> str:
        if event.envelope.message_id in {"1", "2"} and broken:
            msg = "a bug"
            raise ZeroDivisionError(msg)
        return "c1"

    register(router, log, order_by=find, deferred=deferred)
    for number in (1, 2):
        assert post_wsgi(PATH, order(number)).status_code == (201 if deferred else 400)
    outcomes(inbox)
    deliveries = Delivery.objects.using(inbox).order_by("pk")
    assert list(deliveries.values_list("state", "error_type", "order_key")) == [
        ("failed", "builtins.ZeroDivisionError", ""),
        ("failed", "builtins.ZeroDivisionError", ""),
    ]

    broken.clear()
    make_due(inbox)
    log.failing["1"] = ValueError("no")
    if deferred:
        assert outcomes(inbox) == ["failed", "busy"]
    else:
        assert [post_wsgi(PATH, order(number)).status_code for number in (1, 2)] == [400, 409]
    assert list(deliveries.values_list("state", "attempts", "order_key")) == [("failed", 2, "c1"), ("pending", 1, "c1")]
    assert log.handled == []


def test_the_first_run_is_the_first_attempt(inbox: str, router: EventRouter, log: Log) -> None:
    """An ordered delivery has as many attempts as another one."""
    register(router, log, max_attempts=2)
    log.failing["1"] = ValueError("no")

    assert [(post_wsgi(PATH, order(1)).status_code, *rows(inbox)) for _ in range(2)] == [
        (400, ("h", "failed", 1)),
        (200, ("h", "parked", 2)),
    ]


def test_what_cannot_be_a_key(inbox: str, router: EventRouter, log: Log) -> None:
    """Another result of `order_by` fails the run, with the option's name."""
    key: Any = 1.5
    register(router, log, order_by=lambda event: key)

    assert post_wsgi(PATH, order(1)).status_code == 400

    handler = next(iter(router)).handler
    assert Delivery.objects.using(inbox).get().error_text.partition("\n")[0] == (
        f"builtins.TypeError: order_by of {handler} returned an object of type float, which cannot be a key. "
        "Return a text, an int or a UUID, or None for an event without a key."
    )


def test_a_lost_run_keeps_its_place(inbox: str, router: EventRouter, log: Log) -> None:
    """If a worker is killed, its delivery holds back its key until the lease has ended, and then runs first."""
    register(router, log, deferred=True)
    for number in (1, 2):
        post_wsgi(PATH, order(number))
    first = Delivery.objects.using(inbox).order_by("pk")[:1].get()
    running = {"state": State.RUNNING, "attempts": 1, "token": "0" * 32, "running_digest": first.order_digest}
    Delivery.objects.using(inbox).filter(pk=first.pk).update(started_at=F("created_at"), **running)
    leases = Delivery.objects.using(inbox).filter(state=State.RUNNING)
    leases.update(lease_until=F("created_at") + timedelta(hours=1))
    assert outcomes(inbox) == []

    end_leases(inbox)

    assert outcomes(inbox) == ["handled", "handled"]
    assert (log.handled, rows(inbox)) == (["1", "2"], [("h", "done", 2), ("h", "done", 1)])


def test_a_replay_of_a_parked_delivery(inbox: str, router: EventRouter, log: Log) -> None:
    """A person's replay of a parked delivery runs, although later ones of its key are done."""
    register(router, log, max_attempts=1)
    log.failing["1"] = ValueError("no")
    assert [post_wsgi(PATH, order(number)).status_code for number in (1, 2)] == [200, 201]

    log.failing.clear()
    replayed = [result.outcome for _, result in replay(Selection(states=["parked"]).deliveries().using(inbox))]

    assert (replayed, log.handled) == ([Outcome.HANDLED], ["2", "1"])


def test_a_replay_keeps_the_order(inbox: str, router: EventRouter, log: Log) -> None:
    """A replay of a later delivery waits for an earlier open one of its key, and workers run it after that."""
    register(router, log, deferred=True, max_attempts=1)
    log.failing |= {"1": Retry("later"), "2": ValueError("no")}
    for number in (1, 2):
        post_wsgi(PATH, order(number))
    outcomes(inbox)
    deliveries = Delivery.objects.using(inbox).order_by("pk")
    second = list(deliveries)[1]

    replayed = [result.outcome for _, result in replay(deliveries.filter(pk=second.pk))]

    assert (replayed, states(inbox)) == ([Outcome.BUSY], ["pending", "pending"])
    log.failing.clear()
    make_due(inbox)
    assert (outcomes(inbox), log.handled) == (["handled", "handled"], ["1", "2"])


@where_handlers_overlap
def test_a_replay_waits_for_a_running_delivery(inbox: str, router: EventRouter, is_async: bool) -> None:
    """While a later delivery of the key runs, a replayed earlier one does not: the database lets one of them run."""
    stall, log = Stall(), Log()
    log.failing["1"] = ValueError("no")

    def work(event: Event[Order]) -> None:
        if event.envelope.message_id == "2":
            stall()
        log(event)

    register(router, work, is_async=is_async, max_attempts=1)
    assert post_wsgi(PATH, order(1)).status_code == 200
    log.failing.clear()
    with stall.during(lambda: post_wsgi(PATH, order(2)).status_code):
        replayed = [result.outcome for _, result in replay(Selection(states=["parked"]).deliveries().using(inbox))]
        assert (replayed, states(inbox)) == ([Outcome.BUSY], ["pending", "running"])

    assert outcomes(inbox) == ["handled"]
    assert log.handled == ["2", "1"]


def test_a_replaced_payload_has_its_own_key(inbox: str, router: EventRouter, log: Log) -> None:
    """If a redelivery has another payload, which is handled instead, its key replaces that of the first."""
    register(router, log)
    log.failing["1"] = ValueError("no")
    post_wsgi(PATH, order(1, "a"))
    make_due(inbox)
    post_wsgi(PATH, order(1, "b"))

    assert list(Delivery.objects.using(inbox).values_list("state", "order_key")) == [("failed", "b")]
    assert post_wsgi(PATH, order(2, "a")).status_code == 201


def test_once_key_and_order_by(inbox: str, router: EventRouter, log: Log) -> None:
    """A duplicate by its business key takes its turn, and is done without a run."""
    register(router, log, deferred=True, once_key=by_customer)
    log.failing["1"] = ValueError("no")
    for number in (1, 2, 3):
        post_wsgi(PATH, order(number))
    outcomes(inbox)
    assert states(inbox) == ["failed", "pending", "pending"]

    log.failing.clear()
    make_due(inbox)

    assert outcomes(inbox) == ["handled", "duplicate", "duplicate"]
    assert log.handled == ["1"]


def test_the_events_of_a_batch_keep_their_order(inbox: str, router: EventRouter, post: Post, log: Log) -> None:
    """The events of one request with one key are handled in their order, and a failed one holds back the rest."""
    register(router, log, order_by=by_customer)
    shared = {"specversion": "1.0", "source": "/shop", "type": "k", "datacontenttype": "application/json"}
    batch = json.dumps([{**shared, "id": str(number), "data": {"customer": "c1"}} for number in (1, 2, 3)]).encode()

    assert post("/events/k/r", batch, "application/cloudevents-batch+json").status_code == 201
    assert log.handled == ["1", "2", "3"]


def test_a_rename_keeps_the_order(inbox: str, router: EventRouter, log: Log) -> None:
    """After a rename, deliveries under the old name hold back those under the new one."""
    register(router, log, name="new", deferred=True)
    for number in (1, 2):
        post_wsgi(PATH, order(number))
    Delivery.objects.using(inbox).filter(event__message_id="1").update(handler="old", state=State.FAILED)
    assert rename(inbox, "old", "new") == 1

    assert (outcomes(inbox), log.handled) == (["handled", "handled"], ["1", "2"])


def test_many_at_once(inbox: str, router: EventRouter) -> None:
    """Of events with one key that arrive at once, one runs at a time, and each takes effect once."""
    running: list[int] = []
    most: list[int] = []

    def work(event: Event[Order]) -> None:
        running.append(1)
        most.append(len(running))
        take_effect(inbox, event.reference, event.envelope.message_id or "")  # MariaDB may undo a run because of a conflict
        running.pop()

    register(router, work)
    answers = together(8, lambda number: post_wsgi(PATH, order(number)).status_code)
    assert set(answers) <= {201, 409}
    for number in [*range(8)] * 8:
        post_wsgi(PATH, order(number))

    handled = Effect.objects.using(inbox).order_by("reference").values_list("reference", flat=True)
    assert (list(handled), set(most)) == ([str(number) for number in range(8)], {1})


def test_what_a_delivery_waits_for(inbox: str, router: EventRouter, log: Log) -> None:
    """`inbox show` names the key, and the delivery that has to end first; `inbox list` has the key for scripts."""
    register(router, log, deferred=True)
    log.failing["1"] = ValueError("no")
    for number in (1, 2, 3):
        post_wsgi(PATH, order(number))
    outcomes(inbox)
    first, second, _ = Delivery.objects.using(inbox).order_by("pk").values_list("pk", flat=True)

    shown, listed = io.StringIO(), io.StringIO()
    call_command("inbox", "show", "2", stdout=shown)
    call_command("inbox", "list", "--json", stdout=listed)

    title = f"delivery {second} to h: pending, waits for a worker, attempt 0 of 10"
    assert f"{title}\n  ordered by c1\n  waits for delivery {first}\n" in shown.getvalue()
    assert [json.loads(line)["order_key"] for line in listed.getvalue().splitlines()] == ["c1"] * 3


def test_what_a_delivery_does_not_wait_for(inbox: str, router: EventRouter, log: Log) -> None:
    """Neither a delivery with another key nor one that has ended is named."""
    register(router, log, deferred=True)
    post_wsgi(PATH, order(1))
    outcomes(inbox)
    post_wsgi(PATH, order(2, "another"))
    post_wsgi(PATH, order(3))

    shown = io.StringIO()
    call_command("inbox", "show", "3", stdout=shown)

    assert "ordered by c1\n" in shown.getvalue()
    assert "waits for delivery" not in shown.getvalue()


def test_an_engine_runs_the_next_one(inbox: str, router: EventRouter, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task whose turn it is not leaves its delivery, which the end of the one before it, or its discard, enqueues again."""
    enqueued: list[int] = []
    register(router, log, deferred=True)
    log.failing["2"] = Reject("no")
    for number in (1, 2, 3, 4):
        post_wsgi(PATH, order(number))
    monkeypatch.setattr("gcp_event_router.inbox.deferral._enqueue", enqueued.append)
    monkeypatch.setattr("gcp_event_router._boxes.task_backend.idle_engine", lambda: None)
    pks = list(Delivery.objects.using(inbox).order_by("pk").values_list("pk", flat=True))

    run = getattr(run_delivery, "func", run_delivery)
    log.failing["1"] = ValueError("no")
    for number in (1, 0):
        run(pks[number])
    assert (log.handled, enqueued) == ([], [])
    log.failing.pop("1")
    for number in (0, 1):
        run(pks[number])
    assert (log.handled, enqueued) == (["1"], pks[1:3])
    assert discard(Delivery.objects.using(inbox).filter(pk=pks[2])) == 1
    assert enqueued == pks[1:]


@on_postgresql
def test_the_statements_of_an_ordered_event(inbox: str, router: EventRouter, log: Log) -> None:
    """On PostgreSQL, a new event takes two statements without `order_by`, and one more with it."""
    register(router, log, order_by=None)
    assert count_statements(inbox, lambda: post_wsgi(PATH, order(1))) == 2

    with router.isolated(empty=True):
        register(router, log)
        assert count_statements(inbox, lambda: post_wsgi(PATH, order(2))) == 3


@pytest.mark.proof
def test_a_long_backlog_of_two_keys(inbox: str, router: EventRouter, log: Log) -> None:
    """A sweep runs all deliveries of a key in their order and in one round: it looks twice for what is due, however many wait."""
    register(router, log, deferred=True)
    for number in range(30):
        post_wsgi(PATH, order(number, "a" if number % 3 else "b"))

    with CaptureQueriesContext(connections[inbox]) as captured:
        assert outcomes(inbox) == ["handled"] * 30
    by_key = {is_b: [number for number in map(int, log.handled) if (number % 3 == 0) is is_b] for is_b in (False, True)}
    assert by_key == {is_b: sorted(numbers) for is_b, numbers in by_key.items()}
    assert sum("LIMIT 5000" in query["sql"] for query in captured.captured_queries) == 2
