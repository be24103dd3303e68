"""Publishing into the outbox: one statement in the transaction, in order for each key, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Event as Flag
from typing import Any

import pytest
from django.core.exceptions import SynchronousOnlyOperation
from django.db import connections, transaction
from django.db.models.functions import Now
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from gcp_event_router import EventRouter
from gcp_event_router.exceptions import ConfigurationError
from gcp_event_router.kinds import Kind
from gcp_event_router.outbox.models import OrderingKey, OutgoingEvent
from gcp_event_router.outbox.ordering_keys import purge_ordering_keys
from gcp_event_router.outbox.store import order_key_of

from ..support.deliveries import PATIENCE, beside, session
from ..support.outboxes import TOPIC, on_mariadb, on_sqlite, states, where_writers_overlap, with_outboxes
from ..support.own_postgres import until

pytestmark = with_outboxes


@pytest.fixture
def placed(router: EventRouter) -> Kind[int]:
    return router.kind("order-placed", int, topic=TOPIC)


def test_one_row(outbox: str, placed: Kind[int]) -> None:
    """The row has what was published, and the future is done and has its id."""
    future = placed.publish(4711, ordering_key="customer-1", attributes={"a": "b"})

    row = OutgoingEvent.objects.using(outbox).get()
    assert future.done()
    assert future.result() == str(row.key)
    assert (row.kind, row.topic, bytes(row.data), row.state, row.attempts) == ("order-placed", TOPIC, b"4711", "pending", 0)
    assert (row.attributes, row.ordering_key, row.trace, row.cause) == ({"a": "b"}, "customer-1", {}, "")
    assert row.order_key is not None
    assert (row.not_before, row.token, row.lease_until, row.finished_at, row.error, row.message_id) == (None,) * 4 + ("",) * 2
    assert abs(row.created_at - datetime.now(UTC)) < timedelta(minutes=5)


@pytest.mark.parametrize(
    "options", [{}, {"ordering_key": "k"}, {"delay": timedelta(hours=1)}], ids=["alone", "ordered", "delayed"]
)
def test_publishing_in_a_transaction_takes_one_statement(outbox: str, placed: Kind[int], options: Any) -> None:
    """It inserts the row; on MariaDB, a statement before that locks the ordering key. The commit is the caller's."""
    with transaction.atomic(using=outbox), CaptureQueriesContext(connections[outbox]) as captured:
        placed.publish(1, **options)

    statements = [query["sql"].split()[0] for query in captured]
    assert len(statements) == (2 if outbox == "mariadb" and "ordering_key" in options else 1)
    assert "INSERT INTO" in captured[-1]["sql"]


def test_nothing_is_left_of_a_transaction_that_is_rolled_back(outbox: str, placed: Kind[int]) -> None:
    """The row is part of the transaction, also of a savepoint."""
    with transaction.atomic(using=outbox):
        placed.publish(1)
        with transaction.atomic(using=outbox):
            placed.publish(2, ordering_key="k")
            transaction.set_rollback(True, using=outbox)
        placed.publish(3)
    with transaction.atomic(using=outbox):
        placed.publish(4)
        transaction.set_rollback(True, using=outbox)

    assert states(outbox) == [(b"1", "pending", 0), (b"3", "pending", 0)]


async def test_apublish(outbox: str, placed: Kind[int]) -> None:
    """It returns the id of the row."""
    key = await placed.apublish(1, ordering_key="k")

    assert [str(row.key) async for row in OutgoingEvent.objects.using(outbox)] == [key]


@on_sqlite
async def test_publish_in_async_code(outbox: str, placed: Kind[int]) -> None:
    """It is refused, with the name of what to write; Django alone would advise a thread."""
    with pytest.raises(SynchronousOnlyOperation) as raised:
        placed.publish(1)

    assert str(raised.value) == (
        "In async code, publish would block the event loop until the database has answered. Write await and apublish."
    )


def minutes(alias: str) -> list[int]:
    """In how many minutes each event is due, by the database's clock."""
    rows = OutgoingEvent.objects.using(alias).order_by("pk").annotate(now=Now()).values_list("not_before", "now")
    return [round((due - now) / timedelta(minutes=1)) for due, now in rows if due is not None]


def test_when_it_is_due(outbox: str, placed: Kind[int]) -> None:
    """`at` is stored as it is, and `delay` is added to the database's clock; the row knows how long it waits."""
    at = timezone.now() + timedelta(days=2)
    placed.publish(1, at=at)
    placed.publish(2, delay=timedelta(hours=1))

    first, second = OutgoingEvent.objects.using(outbox).order_by("pk")
    assert (first.not_before, minutes(outbox)[1]) == (at, 60)
    assert (round(first.delay / timedelta(hours=1)), second.delay) == (48, timedelta(hours=1))


#: How many sessions wait for a lock; MariaDB's insert at once, or wait.
WAITING = {
    "postgresql": "SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted",
    "mysql": "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'INSERT INTO %'",
}


def waiting(alias: str) -> int:
    with session(alias) as other, other.cursor() as cursor:
        cursor.execute(WAITING[other.vendor])
        number: int = cursor.fetchone()[0]
    return number


@where_writers_overlap
def test_a_key_is_committed_in_order(outbox: str, placed: Kind[int]) -> None:
    """A transaction that publishes with a key waits for the end of an earlier one, and its row has a higher number.

    Transactions with other keys, and without one, do not wait.
    """
    begun = Flag()

    def publish_second() -> None:
        assert begun.wait(PATIENCE)
        with transaction.atomic(using=outbox):
            placed.publish(2, ordering_key="k")
            placed.publish(4, ordering_key="k")

    with beside(publish_second) as second, transaction.atomic(using=outbox):
        placed.publish(1, ordering_key="k")
        begun.set()
        until(lambda: waiting(outbox) == 1)
        with beside(lambda: placed.publish(5, ordering_key="other")), beside(lambda: placed.publish(6)):
            pass
        placed.publish(3, ordering_key="k")
        assert not second.done()
    rows = OutgoingEvent.objects.using(outbox).exclude(data__in=[b"5", b"6"]).order_by("pk")
    assert [bytes(row.data) for row in rows] == [b"1", b"3", b"2", b"4"]


@on_mariadb
def test_ordering_keys_are_purged(outbox: str, placed: Kind[int]) -> None:
    """A purge deletes keys that have not been used for a time, except those that a transaction holds."""
    for key in ("a", "b", "c"):
        placed.publish(1, ordering_key=key)
    past = Now() - timedelta(hours=1)
    OrderingKey.objects.using(outbox).filter(digest__in=[order_key_of("a"), order_key_of("b")]).update(used_at=past)

    def delete() -> int:
        return purge_ordering_keys(outbox, timedelta(minutes=1))

    with transaction.atomic(using=outbox):
        OrderingKey.objects.using(outbox).select_for_update().get(digest=order_key_of("b"))
        with beside(delete) as deleted:
            assert deleted.result(PATIENCE) == 1
    assert delete() == 1
    assert [row.digest for row in OrderingKey.objects.using(outbox)] == [order_key_of("c")]


def refusal(kind: Kind[int], *given: Any, **options: Any) -> str:
    with pytest.raises(ValueError) as caught:
        kind.publish(*given, **options)
    return str(caught.value)


NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"at": NOON, "delay": timedelta(1)},
            "at= and delay= are both given, and an event is due at one time. Give one of them.",
        ),
        (
            {"at": NOON, "ordering_key": "k"},
            "ordering_key= and at= are both given, so all later events with the key would have to wait for this one. "
            "Leave one of them out.",
        ),
        (
            {"delay": timedelta(1), "ordering_key": "k"},
            "ordering_key= and delay= are both given, so all later events with the key would have to wait for this one. "
            "Leave one of them out.",
        ),
        (
            {"at": NOON.replace(tzinfo=None)},
            "at=datetime.datetime(2030, 1, 1, 12, 0) has no time zone, so the moment is unknown. "
            "Give an aware time, such as timezone.now() + ...",
        ),
        (
            {"delay": timedelta(seconds=-1)},
            "delay=datetime.timedelta(days=-1, seconds=86399) is negative, and nobody can send into the past. "
            "Give a timedelta from 0.",
        ),
        (
            {"at": datetime.max.replace(tzinfo=UTC)},
            "at=datetime.datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=datetime.timezone.utc) is in a year that some time "
            "zones do not have. Give a time between the years 2 and 9998.",
        ),
        (
            {"at": datetime.min.replace(tzinfo=UTC)},
            "at=datetime.datetime(1, 1, 1, 0, 0, tzinfo=datetime.timezone.utc) is in a year that some time zones do not have. "
            "Give a time between the years 2 and 9998.",
        ),
        (
            {"delay": timedelta(days=36_526)},
            "delay=datetime.timedelta(days=36526) is longer than a hundred years. Give a shorter one.",
        ),
        (
            {"ordering_key": "\ud800"},
            r"The ordering key '\ud800' has half of a character, which UTF-8 cannot encode.",
        ),
        (
            {"attributes": {"a": "\udfff"}},
            "The attribute 'a' has half of a character, which UTF-8 cannot encode.",
        ),
        (
            {"attributes": {"\ud800": "a"}},
            r"The attribute '\ud800' has half of a character, which UTF-8 cannot encode.",
        ),
        (
            {"attributes": {"Event-Router-Id": "1"}},
            "The attribute 'Event-Router-Id' has a name that the outbox needs. "
            "Choose one that does not begin with 'event-router-'.",
        ),
        (
            {"attributes": {f"a{number}": "" for number in range(97)}},
            "97 attributes are too many: Pub/Sub carries 96 beside those of the outbox. Put some into the payload.",
        ),
    ],
)
@on_sqlite
def test_what_cannot_be_sent_or_kept_is_refused(outbox: str, placed: Kind[int], options: Any, message: str) -> None:
    """`publish` raises, and nothing is stored."""
    assert refusal(placed, 1, **options) == message
    assert states(outbox) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ordering_key": 17}, "publish cannot use ordering_key= of the type int. Write ordering_key='customer-17'."),
        ({"ordering_key": None}, "publish cannot use ordering_key= of the type NoneType. Write ordering_key='customer-17'."),
        ({"delay": 5}, "publish cannot use delay= of the type int. Write delay=timedelta(hours=1)."),
        ({"at": "2030-01-01"}, "publish cannot use at= of the type str. Write at=timezone.now() + timedelta(hours=1)."),
        ({"attributes": [("a", "b")]}, "publish cannot use attributes= of the type list. Write attributes={'name': 'value'}."),
        ({"topic": 5}, "publish cannot use topic= of the type int. Write topic='my-topic'."),
        (
            {"key": "customer-17"},
            "publish has no option key=. The options are attributes=, client=, ordering_key=, at=, delay=.",
        ),
    ],
)
@on_sqlite
def test_options_that_are_unknown_or_of_other_types(outbox: str, placed: Kind[int], options: Any, message: str) -> None:
    """`publish` says what to write, and nothing is stored."""
    given: dict[str, Any] = {"payload": 1, **options}
    with pytest.raises(TypeError) as caught:
        placed.publish(**given)
    assert str(caught.value) == message
    assert states(outbox) == []


def test_transactions_that_nobody_commits(outbox: str, placed: Kind[int]) -> None:
    """With autocommit off, outside of an atomic block, `publish` stores nothing; in a block, it does."""
    connection = connections[outbox]
    connection.set_autocommit(False)
    try:
        with pytest.raises(ConfigurationError, match="Autocommit is off"):
            placed.publish(1)
        connection.rollback()
    finally:
        connection.set_autocommit(True)
    assert states(outbox) == []


@on_sqlite
def test_topics_that_cannot_be_stored(outbox: str, placed: Kind[int]) -> None:
    """A topic has at most 255 printable characters."""
    message = "The topic is not a printable text of at most 255 characters, so it cannot be stored. Give its name."
    assert [refusal(placed, topic, 1) for topic in ("t" * 256, "a\0b", "\ud800")] == [message] * 3


@on_sqlite
def test_the_largest_event(outbox: str, router: EventRouter) -> None:
    """The outbox refuses an event that Pub/Sub would refuse together with the attributes that the outbox adds."""
    blob = router.kind("blob", bytes, topic=TOPIC)
    blob.publish(b"x" * 9_998_999, attributes={"a": ""})
    with pytest.raises(ValueError) as caught:
        blob.publish(b"x" * 9_998_999, attributes={"a": "b"})
    assert str(caught.value) == (
        "The event has 9999001 bytes, and Pub/Sub carries 9999000 beside the attributes of the outbox. "
        "Store the payload elsewhere, and publish its name."
    )


def sending_by(transport: str, alias: str) -> override_settings:
    outbox = {"DATABASE": alias, "TRANSPORT": {"BACKEND": f"tests.support.sinks.{transport}"}}
    return override_settings(GCP_EVENT_ROUTER={"OUTBOX": outbox})


@on_sqlite
def test_a_topic_is_missing(outbox: str, router: EventRouter) -> None:
    """A transport decides whether it needs topics, and `publish` asks it."""
    placed = router.kind("order-placed", int)
    with sending_by("Topics", outbox):
        assert refusal(placed, 1) == (
            "The kind 'order-placed' has no topic, and Topics needs one. "
            "Give it to publish, or declare it: events.kind(..., topic='my-topic')."
        )
    with override_settings(
        GCP_EVENT_ROUTER={"OUTBOX": {"DATABASE": outbox, "TRANSPORT": {"BACKEND": "tests.support.sinks.Sink"}}}
    ):
        placed.publish(1)
    assert states(outbox) == [(b"1", "pending", 0)]


@override_settings(USE_TZ=False, TIME_ZONE="Asia/Tokyo")
def test_times_without_time_zones(outbox: str, placed: Kind[int]) -> None:
    """With `USE_TZ = False`, a naive time is in `TIME_ZONE`, and an aware one is converted."""
    connections[outbox].close()
    placed.publish(1, at=datetime.now() + timedelta(hours=1))  # noqa: DTZ005 -- naive
    placed.publish(2, at=datetime.now(UTC) + timedelta(hours=1))

    waits = minutes(outbox)
    connections[outbox].close()
    assert waits == [60, 60]
