"""Business keys: `once_key` and `once_for`. However many messages carry a key, its effects happen once."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from asgiref.sync import sync_to_async
from django.db.models import F
from pydantic import BaseModel, field_validator

from gcp_event_router import Backoff, Event, EventRouter, Reject, Retry
from gcp_event_router._dispatch.context import current_event
from gcp_event_router._dispatch.event_key import KeyOf
from gcp_event_router.inbox.models import Delivery, OnceKey, StoredEvent
from gcp_event_router.inbox.once_keys import digest_of
from gcp_event_router.inbox.purge import purge
from gcp_event_router.inbox.renaming import rename
from gcp_event_router.inbox.replay import discard, replay
from gcp_event_router.inbox.selections import Selection
from gcp_event_router.inbox.workers import process
from gcp_event_router.lifecycle import handler_finished, handler_started
from gcp_event_router.outcomes import Outcome

from ..conftest import Post, post_wsgi
from ..support.deliveries import (
    PATH,
    Stall,
    ahead,
    effects,
    end_leases,
    on_postgresql,
    push,
    rows,
    sync_or_async,
    take_effect,
    where_handlers_overlap,
    with_databases,
)
from ..support.statements import count_statements

pytestmark = with_databases
HOUR = timedelta(hours=1)


class Payment(BaseModel):
    payment_id: str | int | None


def paid(number: object, payment: object = "p1") -> bytes:
    """A push of a message about a payment."""
    return push(number, {"payment_id": payment})


def by_id(event: Event[Payment]) -> str | int | None:
    """The function that most handlers here have as their `once_key`."""
    return event.payload.payment_id


def register(
    router: EventRouter,
    work: Callable[[Event[Payment]], None],
    *,
    is_async: bool = False,
    name: str = "h",
    once_key: KeyOf[Payment] | None = by_id,
    **options: Any,
) -> None:
    """Register work for payments, once for each payment."""

    async def awaited(event: Event[Payment]) -> None:
        work(event)

    def called(event: Event[Payment]) -> None:
        work(event)

    router.on("k", payload=Payment, name=name, once_key=once_key, **options)(awaited if is_async else called)


def duplicates(alias: str) -> list[tuple[str, int, str, bool]]:
    """Of each delivery the state, the attempts, the key, and whether it is a duplicate of the first delivery."""
    deliveries = list(Delivery.objects.using(alias).order_by("pk"))
    first = deliveries[0].pk
    return [(row.state, row.attempts, row.once_key, row.duplicate_of == first) for row in deliveries]


@sync_or_async
def test_other_messages_with_the_key_are_duplicates(inbox: str, router: EventRouter, post: Post, is_async: bool) -> None:
    """The second message with a key is not handled, is answered 200, and is recorded with the delivery that was done."""
    runs: list[str] = []
    register(router, lambda event: runs.append(event.envelope.message_id or ""), is_async=is_async)

    answers = [(post(PATH, paid(number)).status_code) for number in (1, 2, 2, 1)]

    assert (answers, runs) == ([201, 200, 200, 200], ["1"])
    assert duplicates(inbox) == [("done", 1, "p1", False), ("done", 0, "p1", True)]
    assert list(OnceKey.objects.using(inbox).values_list("handler", "text", "token", "lease_until")) == [("h", "p1", None, None)]


def test_each_handler_has_its_keys(inbox: str, router: EventRouter) -> None:
    """Two handlers of an event each run once for a key, and other keys are other events."""
    register(router, lambda event: take_effect(inbox, "one"), name="one")
    register(router, lambda event: take_effect(inbox, "two"), name="two")

    answers = [post_wsgi(PATH, paid(number, key)).status_code for number, key in enumerate(["p1", "p2", "p1"])]

    assert (answers, effects(inbox)) == ([201, 201, 200], ["one", "one", "two", "two"])
    assert [state for _, state, _ in rows(inbox)] == ["done"] * 6


@pytest.mark.parametrize(
    ("keys", "runs"),
    [
        ([None, None], 2),
        (["7", 7], 1),
        (["\u00e9\0", "\u00e9\0", "e\0"], 2),
        (["k" * 300 + "1", "k" * 300 + "2"], 2),
        (["a", "A", "a "], 3),
    ],
    ids=["none", "number", "escaped", "long", "alike"],
)
def test_what_is_the_same_key(inbox: str, router: EventRouter, keys: Sequence[object], runs: int) -> None:
    """Events without a key are all handled; a number and its digits are one key; every character of a key counts."""
    register(router, lambda event: take_effect(inbox, "h"))

    for number, key in enumerate(keys):
        assert post_wsgi(PATH, paid(number, key)).status_code in {200, 201}

    assert len(effects(inbox)) == runs


def test_a_uuid_and_its_text(inbox: str, router: EventRouter) -> None:
    """A UUID is the same key as its text."""
    key = UUID("12345678-1234-5678-1234-567812345678")
    register(router, lambda event: take_effect(inbox, "h"), once_key=lambda event: key)
    register(router, lambda event: take_effect(inbox, "i"), name="i", once_key=lambda event: str(key))

    assert [post_wsgi(PATH, paid(number)).status_code for number in (1, 2)] == [201, 200]
    assert set(OnceKey.objects.using(inbox).values_list("handler", "text")) == {("h", str(key)), ("i", str(key))}
    assert len(set(OnceKey.objects.using(inbox).values_list("digest"))) == 1


@sync_or_async
@pytest.mark.parametrize(
    ("error", "answer", "state"),
    [(RuntimeError("broken"), 400, "failed"), (Retry("later"), 503, "pending"), (Reject("never"), 200, "rejected")],
    ids=["error", "retry", "reject"],
)
def test_a_failure_frees_the_key(
    inbox: str, router: EventRouter, post: Post, is_async: bool, error: Exception, answer: int, state: str
) -> None:
    """If a run does not succeed, another message with the key runs, and the first one is its duplicate then."""
    errors = [error]
    runs: list[str | None] = []

    def work(event: Event[Payment]) -> None:
        if errors:
            raise errors.pop()
        runs.append(event.envelope.message_id)

    register(router, work, is_async=is_async)

    assert post(PATH, paid(1)).status_code == answer
    assert [state for _, state, _ in rows(inbox)] == [state]
    assert [post(PATH, paid(number)).status_code for number in (2, 1, 2)] == [201, 200, 200]

    assert runs == ["2"]
    first, second = Delivery.objects.using(inbox).order_by("pk")
    assert (first.once_key, second.once_key, second.duplicate_of) == ("p1", "p1", None)
    assert first.duplicate_of == (None if state == "rejected" else second.pk)


@where_handlers_overlap
def test_while_another_message_runs(inbox: str, router: EventRouter, is_async: bool) -> None:
    """While one message with a key runs, another gets 409 with Retry-After, and its run does not count."""
    stall = Stall()

    def work(event: Event[Payment]) -> None:
        take_effect(inbox, "h")
        stall()

    async def awork(event: Event[Payment]) -> None:
        await sync_to_async(work)(event)

    router.on("k", payload=Payment, name="h", once_key=by_id)(awork if is_async else work)

    with stall.during(lambda: post_wsgi(PATH, paid(1)).status_code) as first:
        waiting = post_wsgi(PATH, paid(2))
    assert (first.result(), waiting.status_code, int(waiting["Retry-After"]) > 200) == (201, 409, True)
    one, two = Delivery.objects.using(inbox).order_by("pk")
    assert (two.state, two.attempts, two.once_key) == ("pending", 0, "p1")
    assert two.error == f"delivery {one.pk} has the same key, and is running"

    assert [post_wsgi(PATH, paid(number)).status_code for number in (2, 1)] == [200, 200]
    assert (duplicates(inbox), effects(inbox)) == ([("done", 1, "p1", False), ("done", 0, "p1", True)], ["h"])
    assert Delivery.objects.using(inbox).get(pk=two.pk).error == ""


def test_a_free_key_is_not_another_one(inbox: str, router: EventRouter) -> None:
    """A key that a failure has freed does not stand for a busy one, and whoever takes it holds it for a lease."""
    fails = [RuntimeError()]
    inner: list[int] = []

    def work(event: Event[Payment]) -> None:
        if fails:
            raise fails.pop()
        if event.payload.payment_id == "b":
            inner.append(post_wsgi(PATH, paid(3, "b")).status_code)
        held = OnceKey.objects.using(inbox).get(text=str(event.payload.payment_id))
        assert held.lease_until is not None
        assert held.kept_until > held.lease_until

    register(router, work)

    assert [post_wsgi(PATH, paid(*each)).status_code for each in [(1, "a"), (2, "b"), (4, "a")]] == [400, 201, 201]
    assert inner == [409]


def test_what_a_key_can_be_made_of(inbox: str, router: EventRouter) -> None:
    """The function has the whole event, which is the current one for what it calls and logs."""

    def whole(event: Event[Payment]) -> str:
        current = current_event()
        return f"{event.kind} {event.reference} {event.payload.payment_id} {current and current[:2]}"

    register(router, lambda event: None, once_key=whole)

    assert post_wsgi(PATH, paid(1)).status_code == 201
    assert Delivery.objects.using(inbox).get().once_key == "k r p1 ('k', 'r')"


def test_keys_stay_the_same() -> None:
    """The hash of a key is in databases, so no release may change it: the beginning of SHA-256, as a UUID of version 5."""
    assert digest_of("p1") == UUID("f64551fc-d6f0-5823-8b87-971cfb914464")
    assert digest_of("\ud800") == UUID("91a681b9-9855-5fb4-b547-9817b126c94e")


@where_handlers_overlap
def test_a_holder_outlives_its_lease(inbox: str, router: EventRouter, is_async: bool) -> None:
    """If a holder runs on after its lease, another message runs with the key, and the effects of the first are undone.

    An async handler has no transaction, so its effects stay, but it is not recorded as done.
    """
    stall = Stall()
    stalls = [stall]

    def work(event: Event[Payment]) -> None:
        take_effect(inbox, event.envelope.message_id or "")
        if stalls:
            stalls.pop()()

    async def awork(event: Event[Payment]) -> None:
        await sync_to_async(work)(event)

    router.on("k", payload=Payment, name="h", once_key=by_id)(awork if is_async else work)

    with stall.during(lambda: post_wsgi(PATH, paid(1)).status_code) as first:
        end_leases(inbox)
        assert post_wsgi(PATH, paid(2)).status_code == 201

    assert first.result() == 409
    assert effects(inbox) == (["1", "2"] if is_async else ["2"])
    one, two = Delivery.objects.using(inbox).order_by("pk")
    assert [(row.state, row.attempts) for row in (one, two)] == [("running", 1), ("done", 1)]
    assert post_wsgi(PATH, paid(1)).status_code == 200
    assert Delivery.objects.using(inbox).get(pk=one.pk).duplicate_of == two.pk


@where_handlers_overlap
def test_a_worker_without_a_lease_takes_no_key(inbox: str, router: EventRouter, is_async: bool) -> None:
    """If a lease ends before the worker has found the key, the key stays with the worker that took over, which takes effect."""
    finding, working = Stall(), Stall()
    findings, workings, runs = [finding], [working], list[str]()

    def find(event: Event[Payment]) -> str:
        if findings:
            findings.pop()()
        return "p1"

    def work(event: Event[Payment]) -> None:
        runs.append("run")
        take_effect(inbox, "h")
        if workings:
            workings.pop()()

    async def awork(event: Event[Payment]) -> None:
        await sync_to_async(work)(event)

    router.on("k", payload=Payment, name="h", once_key=find)(awork if is_async else work)

    with finding.during(lambda: post_wsgi(PATH, paid(1)).status_code) as late:
        end_leases(inbox)
        with working.during(lambda: post_wsgi(PATH, paid(1)).status_code) as second:
            finding.release()
            assert late.result() == 409
    assert (second.result(), runs, effects(inbox)) == (201, ["run"], ["h"])
    assert OnceKey.objects.using(inbox).get().token is None


@sync_or_async
@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("", "ValueError: once_key of {} returned an empty text, which would be the key of all such events. {}"),
        (True, "TypeError: once_key of {} returned an object of type bool, which cannot be a key. {}"),
        (b"s3cr3t", "TypeError: once_key of {} returned an object of type bytes, which cannot be a key. {}"),
    ],
    ids=["empty", "bool", "bytes"],
)
def test_what_cannot_be_a_key(
    inbox: str, router: EventRouter, post: Post, lines: Callable[[], list[str]], is_async: bool, key: Any, message: str
) -> None:
    """Another result of `once_key` is a failure of the handler, which is not called; the message does not contain it."""
    runs: list[object] = []
    register(router, runs.append, is_async=is_async, once_key=lambda event: key)

    assert post(PATH, paid(1)).status_code == 400

    assert (runs, rows(inbox)) == ([], [("h", "failed", 1)])
    handler = next(iter(router)).handler
    how = "Return a text, an int or a UUID, or None for an event without a key."
    text = Delivery.objects.using(inbox).get().error_text
    assert text.partition("\n")[0] == f"builtins.{message.format(handler, how)}"
    assert "s3cr3t" not in "".join(lines()) + text


@sync_or_async
def test_a_failure_of_once_key_is_one_of_the_handler(inbox: str, router: EventRouter, post: Post, is_async: bool) -> None:
    """If `once_key` raises, the run is announced, fails, counts as an attempt, and is parked in the end."""
    told: list[object] = []

    def started(handler: str, **_: object) -> None:
        told.append(handler)

    def finished(outcome: Outcome, error: Exception, **_: object) -> None:
        told.append((outcome, type(error)))

    handler_started.connect(started)
    handler_finished.connect(finished)

    def find(event: Event[Payment]) -> str:
        raise KeyError(event.payload.payment_id)

    register(router, lambda event: None, is_async=is_async, once_key=find, max_attempts=2)

    assert [post(PATH, paid(1)).status_code for _ in range(3)] == [400, 200, 200]
    assert told == ["h", (Outcome.FAILED, KeyError), "h", (Outcome.PARKED, KeyError)]
    assert rows(inbox) == [("h", "parked", 2)]
    assert "test_once_keys.py" in Delivery.objects.using(inbox).get().error


@sync_or_async
def test_a_payload_is_validated_once(inbox: str, router: EventRouter, post: Post, is_async: bool) -> None:
    """The function and the handler get the same event; an invalid payload is rejected, as without a key."""
    validated: list[str] = []
    seen: list[object] = []

    class Checked(BaseModel):
        payment_id: str

        @field_validator("payment_id")
        @classmethod
        def check(cls, value: str) -> str:
            validated.append(value)
            return value

    def find(event: Event[Checked]) -> str:
        seen.append(event)
        return event.payload.payment_id

    async def awaited(event: Event[Checked]) -> None:
        seen.append(event)

    def called(event: Event[Checked]) -> None:
        seen.append(event)

    router.on("k", payload=Checked, name="h", once_key=find)(awaited if is_async else called)

    assert [post(PATH, paid(number, key)).status_code for number, key in ((1, "p1"), (2, 7))] == [201, 200]
    assert (validated, len(seen)) == (["p1"], 2)
    assert seen[0] is seen[1]
    assert rows(inbox) == [("h", "done", 1), ("h", "rejected", 1)]
    assert json.loads(Delivery.objects.using(inbox).latest("pk").error)[0]["loc"] == ["payment_id"]


@sync_or_async
def test_a_duplicate_is_not_announced(inbox: str, router: EventRouter, post: Post, is_async: bool) -> None:
    """Listeners of the lifecycle signals do not hear of a duplicate, since its handler is not called."""
    told: list[str] = []

    def tell(handler: str, **_: object) -> None:
        told.append(handler)

    handler_started.connect(tell)
    handler_finished.connect(tell)
    register(router, lambda event: None, is_async=is_async)

    assert [post(PATH, paid(number)).status_code for number in (1, 2)] == [201, 200]
    assert told == ["h", "h"]


def test_a_key_is_kept_for_a_time(inbox: str, router: EventRouter) -> None:
    """A key is kept for `once_for`, or else for RETENTION; afterwards, the next message with it runs."""
    register(router, lambda event: take_effect(inbox, "h"), once_for=HOUR)
    register(router, lambda event: take_effect(inbox, "i"), name="i")

    assert post_wsgi(PATH, paid(1)).status_code == 201
    kept = {key.handler: key.kept_until - (key.done_at or key.kept_until) for key in OnceKey.objects.using(inbox)}
    assert kept == {"h": HOUR, "i": timedelta(days=14)}

    OnceKey.objects.using(inbox).filter(handler="h").update(kept_until=ahead(-1))
    assert [post_wsgi(PATH, paid(number)).status_code for number in (2, 3)] == [200, 200]
    assert effects(inbox) == ["h", "h", "i"]


def test_a_purge_keeps_keys(inbox: str, router: EventRouter) -> None:
    """A purge deletes an event, and its key only when its time is over."""
    register(router, lambda event: take_effect(inbox, "h"))

    assert post_wsgi(PATH, paid(1)).status_code == 201
    StoredEvent.objects.using(inbox).update(received_at=ahead(-24))
    assert (list(purge(inbox, HOUR)), OnceKey.objects.using(inbox).count()) == ([1], 1)
    assert [post_wsgi(PATH, paid(number)).status_code for number in (1, 2)] == [200, 200]
    assert effects(inbox) == ["h"]

    OnceKey.objects.using(inbox).update(kept_until=ahead(-1))
    assert (list(purge(inbox, HOUR)), OnceKey.objects.using(inbox).count()) == ([], 0)


def test_a_purge_leaves_a_key_that_is_held(inbox: str, router: EventRouter) -> None:
    """A purge does not delete a key whose time is over while a delivery runs with it."""
    kept: list[int] = []

    def work(event: Event[Payment]) -> None:
        OnceKey.objects.using(inbox).update(kept_until=ahead(-1))
        assert list(purge(inbox, HOUR)) == []
        kept.append(OnceKey.objects.using(inbox).count())

    register(router, work)

    assert post_wsgi(PATH, paid(1)).status_code == 201
    assert kept == [1]


def test_a_replay_of_what_was_done(inbox: str, router: EventRouter) -> None:
    """A forced replay runs the delivery that was done with the key again; its duplicates stay duplicates, even if it fails.

    If it fails after the time of the key, the next message with the key runs.
    """
    errors: list[Exception] = []

    def work(event: Event[Payment]) -> None:
        if errors:
            raise errors.pop()
        take_effect(inbox, event.envelope.message_id or "")

    register(router, work)
    for number in (1, 2):
        post_wsgi(PATH, paid(number))

    deliveries = Selection().deliveries(inbox)
    assert [result.outcome for _, result in replay(deliveries, force=True)] == [Outcome.HANDLED, Outcome.DUPLICATE]
    assert (effects(inbox), duplicates(inbox)) == (["1", "1"], [("done", 2, "p1", False), ("done", 0, "p1", True)])

    errors.append(RuntimeError())
    assert [result.outcome for _, result in replay(deliveries, force=True)] == [Outcome.FAILED, Outcome.DUPLICATE]
    assert post_wsgi(PATH, paid(3)).status_code == 200
    assert effects(inbox) == ["1", "1"]

    errors.append(RuntimeError())
    OnceKey.objects.using(inbox).update(kept_until=ahead(-1))
    assert [result.outcome for _, result in replay(Selection(states=["failed"]).deliveries(inbox))] == [Outcome.FAILED]
    assert post_wsgi(PATH, paid(4)).status_code == 201
    assert effects(inbox) == ["1", "1", "4"]


def test_a_discarded_delivery_frees_its_key(inbox: str, router: EventRouter) -> None:
    """If a person discards a delivery whose worker is gone, the next message with the key runs."""
    register(router, lambda event: take_effect(inbox, "h"))
    post_wsgi(PATH, paid(1))
    lost = {"state": "running", "token": UUID(int=7), "lease_until": ahead(-1)}
    Delivery.objects.using(inbox).update(**lost)
    OnceKey.objects.using(inbox).update(token=UUID(int=7), lease_until=ahead(1), done_at=None)

    assert post_wsgi(PATH, paid(2)).status_code == 409
    assert discard(Selection(states=["running"]).deliveries(inbox)) == 1
    assert [post_wsgi(PATH, paid(number)).status_code for number in (2, 3)] == [201, 200]


def test_a_renamed_handler_keeps_its_keys(inbox: str, router: EventRouter) -> None:
    """`inbox rename` moves keys with the deliveries, except those that the new name has already."""
    with router.isolated(empty=True):
        register(router, lambda event: take_effect(inbox, "h"), name="old")
        for number, key in enumerate(["p1", "p2"]):
            post_wsgi(PATH, paid(number, key))
    register(router, lambda event: take_effect(inbox, "h"), name="new")
    assert post_wsgi(PATH, paid(7, "p2")).status_code == 201

    assert rename(inbox, "old", "new") == 2
    assert sorted(OnceKey.objects.using(inbox).values_list("handler", "text")) == [("new", "p1"), ("new", "p2"), ("old", "p2")]
    assert post_wsgi(PATH, paid(8, "p1")).status_code == 200


@sync_or_async
def test_deferred_deliveries(inbox: str, router: EventRouter, is_async: bool) -> None:
    """Workers run one of the deferred deliveries with a key; the others are its duplicates."""
    runs: list[str | None] = []
    register(router, lambda event: runs.append(event.envelope.message_id), is_async=is_async, deferred=True)

    assert [post_wsgi(PATH, paid(number)).status_code for number in (1, 2, 3)] == [201] * 3
    outcomes = [result.outcome for _, result in process(inbox)]

    assert (runs, outcomes) == (["1"], [Outcome.HANDLED, Outcome.DUPLICATE, Outcome.DUPLICATE])
    assert duplicates(inbox) == [("done", 1, "p1", False), ("done", 0, "p1", True), ("done", 0, "p1", True)]


def test_a_deferred_delivery_waits_for_the_key(inbox: str, router: EventRouter) -> None:
    """A deferred delivery whose key another one holds goes back for later, and its run does not count."""
    register(router, lambda event: take_effect(inbox, "h"), deferred=True, retry=Backoff(jitter=0))
    for number in (1, 2):
        post_wsgi(PATH, paid(number))
    first, second = Delivery.objects.using(inbox).order_by("pk")
    Delivery.objects.using(inbox).filter(pk=first.pk).update(state="running", token=UUID(int=7), lease_until=ahead(1))
    assert [result.outcome for _, result in process(inbox)] == [Outcome.HANDLED]
    OnceKey.objects.using(inbox).update(delivery=first.pk, token=UUID(int=7), lease_until=ahead(1), done_at=None)
    Delivery.objects.using(inbox).filter(pk=second.pk).update(state="pending", attempts=0, finished_at=None)

    assert [result.outcome for _, result in process(inbox)] == [Outcome.BUSY]
    row = Delivery.objects.using(inbox).filter(pk=second.pk)
    waits = F("not_before") - F("waiting_since")
    assert row.values_list("state", "attempts", waits).get() == ("pending", 0, timedelta(seconds=10))
    assert list(process(inbox)) == []

    end_leases(inbox)
    Delivery.objects.using(inbox).update(not_before=None)
    assert [result.outcome for _, result in process(inbox)] == [Outcome.HANDLED, Outcome.DUPLICATE]
    assert [row.state for row in Delivery.objects.using(inbox)] == ["done", "done"]


def test_a_batch(inbox: str, router: EventRouter, post: Post) -> None:
    """Two events of a batch of CloudEvents with the same key take effect once."""
    register(router, lambda event: take_effect(inbox, "h"))
    events = [
        {"specversion": "1.0", "id": str(number), "source": "s", "type": "k", "data": {"payment_id": "p1"}} for number in (1, 2)
    ]

    body = json.dumps(events).encode()
    assert post("/events/", body, content_type="application/cloudevents-batch+json").status_code == 200

    assert (effects(inbox), duplicates(inbox)) == (["h"], [("done", 1, "p1", False), ("done", 0, "p1", True)])


@on_postgresql
@pytest.mark.parametrize(("has_key", "statements"), [(False, [2, 2, 2]), (True, [3, 2, 4])], ids=["without", "with"])
def test_statements(inbox: str, router: EventRouter, has_key: bool, statements: list[int]) -> None:
    """On PostgreSQL, a key costs one statement more for a new event, none for a redelivery, and four for a duplicate by key."""
    register(router, lambda event: None, once_key=by_id if has_key else None)

    assert [count_statements(inbox, partial(post_wsgi, PATH, paid(number))) for number in (1, 1, 2)] == statements
