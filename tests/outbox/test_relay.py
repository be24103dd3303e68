"""The relay: what it sends, in which order, and what becomes of what it cannot send."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from random import Random
from threading import Event as Flag
from time import monotonic
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command
from django.db import connections
from django.db.models import QuerySet
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from typing_extensions import override

from gcp_event_router import Backoff, EventRouter, Retry
from gcp_event_router.kinds import Kind
from gcp_event_router.outbox import heartbeat, taking
from gcp_event_router.outbox import relay as relays
from gcp_event_router.outbox.models import OutgoingEvent, SeenRelay, State
from gcp_event_router.outbox.relay import Tally, relay
from gcp_event_router.outbox.taking import DueEvents, Taken, due, renew, time_until_due

from ..conftest import LATER
from ..support.deliveries import PATIENCE, together
from ..support.kept import from_now
from ..support.outboxes import TOPIC, end_leases, end_waits, on_sqlite, states, where_writers_overlap, with_outboxes
from ..support.sinks import Sink

pytestmark = with_outboxes
NOW = Backoff(first=timedelta(0), jitter=0)


@pytest.fixture
def placed(router: EventRouter) -> Kind[int]:
    return router.kind("order-placed", int, topic=TOPIC)


def outbox_settings(alias: str, **options: Any) -> override_settings:
    return override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [], "OUTBOX": {"DATABASE": alias, "RETRY": LATER, **options}})


def failing(*payloads: bytes, error: Exception | None = None) -> Callable[[OutgoingEvent], None]:
    def fail(event: OutgoingEvent) -> None:
        if bytes(event.data) in payloads:
            raise error or ConnectionError("refused")

    return fail


@pytest.mark.parametrize("concurrency", [0, 8])
def test_everything_that_is_due_is_sent(outbox: str, placed: Kind[int], concurrency: int) -> None:
    """Rows are settled with the ids that the receiver gave; the lines of a key are in order."""
    sink = Sink(concurrency)
    for number in range(30):
        placed.publish(number, ordering_key=f"k{number % 3}" if number < 20 else "")
    placed.publish(99, delay=timedelta(hours=1))

    with outbox_settings(outbox, BATCH=7):
        assert relay(outbox, sink) == Tally(sent=30)
    assert states(outbox) == [(str(number).encode(), "done", 1) for number in range(30)] + [(b"99", "pending", 0)]
    for key in ("k0", "k1", "k2"):
        arrived = [int(data) for name, data in sink.arrived if name == key]
        assert arrived == sorted(arrived)
    for row in OutgoingEvent.objects.using(outbox).filter(state=State.DONE):
        assert (row.message_id, row.token, row.lease_until, row.finished_at is None) == (f"m{row.pk}", None, None, False)


def test_what_fails_waits_and_holds_back_its_key(outbox: str, placed: Kind[int]) -> None:
    """Later events of the key stay pending, without an attempt; all others are sent."""
    for number in range(4):
        placed.publish(number, ordering_key="k")
    placed.publish(10, ordering_key="other")
    placed.publish(11)

    assert relay(outbox, Sink(fail=failing(b"1"))) == Tally(sent=3, failed=1)
    failed = [(b"0", "done", 1), (b"1", "failed", 1), (b"2", "pending", 0), (b"3", "pending", 0)]
    assert states(outbox) == [*failed, (b"10", "done", 1), (b"11", "done", 1)]
    row = OutgoingEvent.objects.using(outbox).get(data=b"1")
    assert row.error_type == "builtins.ConnectionError"
    assert row.error.startswith("ConnectionError at ")
    assert row.error_text.startswith("builtins.ConnectionError: refused")
    wait = time_until_due(outbox)
    assert wait is not None
    assert timedelta(minutes=50) < wait <= timedelta(minutes=61)

    assert relay(outbox, Sink()) == Tally()
    end_waits(outbox)
    sink = Sink()
    assert relay(outbox, sink) == Tally(sent=3)
    assert sink.arrived == [("k", b"1"), ("k", b"2"), ("k", b"3")]
    assert states(outbox)[1] == (b"1", "done", 2)
    assert OutgoingEvent.objects.using(outbox).get(data=b"1").error_text == ""


def test_a_limit_of_attempts(outbox: str, placed: Kind[int]) -> None:
    """After `MAX_ATTEMPTS`, an event is parked, and holds back its key alone."""
    placed.publish(1, ordering_key="k")
    placed.publish(2, ordering_key="k")
    placed.publish(3)

    with outbox_settings(outbox, MAX_ATTEMPTS=3, RETRY=NOW):
        assert relay(outbox, Sink(fail=failing(b"1"))) == Tally(sent=1, failed=2, parked=1)
    assert states(outbox) == [(b"1", "parked", 3), (b"2", "pending", 0), (b"3", "done", 1)]
    assert OutgoingEvent.objects.using(outbox).get(data=b"1").finished_at is not None
    assert time_until_due(outbox) is None


def test_errors_that_are_not_worth_a_retry(outbox: str, placed: Kind[int]) -> None:
    """`give_up_on` parks at the first attempt."""
    placed.publish(1)

    with outbox_settings(outbox, RETRY=Backoff(give_up_on=(ValueError,)), ERROR_TEXT=False):
        assert relay(outbox, Sink(fail=failing(b"1", error=ValueError("secret")))) == Tally(parked=1)
    row = OutgoingEvent.objects.using(outbox).get()
    assert (row.state, row.attempts, row.error_type, row.error_text) == ("parked", 1, "builtins.ValueError", "")


def test_an_age_after_which_it_gives_up(outbox: str, placed: Kind[int]) -> None:
    """`within` counts from the moment when an event was due for the first time."""
    placed.publish(1)
    placed.publish(2, delay=timedelta(days=2))
    rows = OutgoingEvent.objects.using(outbox)
    for row in rows:
        rows.filter(pk=row.pk).update(created_at=row.created_at - timedelta(days=2))
    end_waits(outbox)

    with outbox_settings(outbox, RETRY=Backoff(within=timedelta(days=1))):
        assert relay(outbox, Sink(fail=failing(b"1", b"2"))) == Tally(failed=1, parked=1)
    assert states(outbox) == [(b"1", "parked", 1), (b"2", "failed", 1)]


def test_a_transport_that_breaks(outbox: str, placed: Kind[int]) -> None:
    """If `submit` itself raises, or yields too few futures, the first event without a future has failed."""
    for _ in range(2):
        placed.publish(1, ordering_key="k")

    class Broken(Sink):
        @override
        def submit(self, line: Any) -> Any:
            raise OSError

    class Short(Sink):
        @override
        def submit(self, line: Any) -> Any:
            yield from super().submit(line[:1])

    assert relay(outbox, Broken()) == Tally(failed=1)
    assert states(outbox) == [(b"1", "failed", 1), (b"1", "pending", 0)]
    end_waits(outbox)
    assert relay(outbox, Short()) == Tally(sent=1, failed=1)
    assert OutgoingEvent.objects.using(outbox).get(state=State.FAILED).error_type == "builtins.TypeError"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_ends(outbox: str, placed: Kind[int]) -> None:
    """What ends a thread of the transport, such as `SystemExit`, is a failed attempt like any other."""

    def leave(event: OutgoingEvent) -> None:
        raise SystemExit

    for _ in range(2):
        placed.publish(1, ordering_key="k")
    assert relay(outbox, Sink(fail=leave)) == Tally(failed=1)
    assert states(outbox) == [(b"1", "failed", 1), (b"1", "pending", 0)]
    assert (
        OutgoingEvent.objects.using(outbox)
        .earliest("pk")
        .error_text.startswith("builtins.RuntimeError: the attempt ended with SystemExit")
    )


def test_a_receiver_that_asks_for_ever(outbox: str, placed: Kind[int]) -> None:
    """The longest wait for which a receiver may ask is a hundred years."""
    placed.publish(1)
    assert relay(outbox, Sink(fail=failing(b"1", error=Retry(after=timedelta.max)))) == Tally(failed=1)
    wait = time_until_due(outbox)
    assert wait is not None
    assert timedelta(days=36_499) < wait < timedelta(days=36_501)


def test_a_transport_that_returns_no_id(outbox: str, placed: Kind[int]) -> None:
    """An event that was sent is not sent again, whatever `send` has returned."""

    class Silent(Sink):
        @override
        def send(self, event: OutgoingEvent) -> Any:
            return {b"1": None, b"2": 17}[bytes(event.data)]

    placed.publish(1)
    placed.publish(2)
    assert relay(outbox, Silent()) == Tally(sent=2)
    assert list(OutgoingEvent.objects.using(outbox).order_by("pk").values_list("message_id", flat=True)) == ["", "17"]


def test_a_relay_that_is_gone(outbox: str, placed: Kind[int]) -> None:
    """What it has taken is due again after its lease, in order, and it can settle nothing any more."""
    placed.publish(1, ordering_key="k")
    placed.publish(2, ordering_key="k")
    taken = DueEvents(outbox).take(1)
    assert taken is not None
    assert [bytes(event.data) for event in taken.events] == [b"1"]

    assert relay(outbox, Sink()) == Tally()
    end_leases(outbox)
    sink = Sink()
    assert relay(outbox, sink) == Tally(sent=2)
    assert sink.arrived == [("k", b"1"), ("k", b"2")]
    assert states(outbox) == [(b"1", "done", 2), (b"2", "done", 1)]


def test_an_event_whose_relay_is_gone_is_taken_alone(outbox: str, placed: Kind[int]) -> None:
    """So those that were taken with it are not lost again, if it ends each relay; it is parked after its last attempt."""
    for number in range(4):
        placed.publish(number)
    taken = [DueEvents(outbox).take(4)]

    with outbox_settings(outbox, MAX_ATTEMPTS=2):
        for _ in range(2):
            end_leases(outbox)
            taken.append(DueEvents(outbox).take(4))
        assert [[bytes(event.data) for event in each.events] for each in taken if each] == [
            [b"0", b"1", b"2", b"3"],
            [b"0"],
            [b"0"],
        ]
        end_leases(outbox)
        assert relay(outbox, Sink()) == Tally(sent=3, parked=1)
    assert states(outbox) == [(b"0", "parked", 4), (b"1", "done", 2), (b"2", "done", 2), (b"3", "done", 2)]
    error = OutgoingEvent.objects.using(outbox).get(state=State.PARKED).error_type
    assert error == "gcp_event_router.outbox.relay.RelayGoneError"


def test_a_relay_that_outlives_its_lease_changes_nothing(outbox: str, placed: Kind[int], lines: Callable[[], list[str]]) -> None:
    """Its failure is not stored, since another relay has sent the event meanwhile; the log says so."""
    placed.publish(1)

    def overtake(event: OutgoingEvent) -> None:
        end_leases(outbox)
        assert relay(outbox, Sink()) == Tally(sent=1)
        raise ConnectionError

    relay(outbox, Sink(0, fail=overtake))

    assert states(outbox) == [(b"1", "done", 2)]
    assert "WARNING Events that took longer than LEASE, and may be sent twice: 1" in lines()


def test_a_relay_that_is_stopped_gives_back_what_it_has_not_begun(outbox: str, placed: Kind[int]) -> None:
    """It finishes the line in hand."""
    for number in (1, 2, 3):
        placed.publish(number)
    stop = Flag()

    assert relay(outbox, Sink(0, fail=lambda event: stop.set()), stop.is_set) == Tally(sent=1)
    assert states(outbox) == [(b"1", "done", 1), (b"2", "pending", 0), (b"3", "pending", 0)]


@where_writers_overlap
def test_a_slow_line_holds_up_nothing_else(outbox: str, placed: Kind[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """While one event is being sent, the relay settles others, takes more, and renews the lease."""
    for number in range(20):
        placed.publish(number)
    others, renewed = Flag(), Flag()

    def hold(event: OutgoingEvent) -> None:
        if bytes(event.data) == b"0":
            assert others.wait(PATIENCE)
            assert renewed.wait(PATIENCE)
        elif bytes(event.data) == b"19":
            others.set()

    def note(alias: str, token: UUID, events: Sequence[OutgoingEvent]) -> int:
        number = renew(alias, token, events)
        if [bytes(event.data) for event in events] == [b"0"] and number:
            renewed.set()
        return number

    monkeypatch.setattr(relays, "renew", note)
    monkeypatch.setattr(relays, "monotonic", lambda: 1000 * monotonic())  # so that the lease is long only for the database
    with outbox_settings(outbox, BATCH=4, LEASE=timedelta(minutes=10)):
        assert relay(outbox, Sink(fail=hold)) == Tally(sent=20)
    assert {attempts for _, _, attempts in states(outbox)} == {1}


def test_the_statements_of_a_batch(outbox: str, placed: Kind[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Their number does not depend on the number of events."""
    monkeypatch.setattr(relays, "_SETTLE_AFTER", PATIENCE)  # a busy machine must not settle in parts
    monkeypatch.setattr(relays, "note_relay", str)
    counts: list[int] = []
    for size in (10, 100):
        for number in range(size):
            placed.publish(number, ordering_key=f"k{number % 5}")
        with CaptureQueriesContext(connections[outbox]) as captured:
            relay(outbox, Sink(0))
        counts.append(len(captured))

    assert counts[0] == counts[1]
    assert counts[0] <= 20


@on_sqlite
def test_a_backlog_is_not_sorted_for_each_batch(outbox: str, placed: Kind[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that would sort all due events to find the next ones is asked for many at once."""
    for number in range(20):
        placed.publish(number)
    asked: list[int] = []

    def note(alias: str, after: int) -> QuerySet[OutgoingEvent]:
        asked.append(after)
        return due(alias, after)

    monkeypatch.setattr(taking, "_PAGE", 10)
    monkeypatch.setattr(taking, "due", note)
    numbers = list(OutgoingEvent.objects.using(outbox).order_by("pk").values_list("pk", flat=True))
    with outbox_settings(outbox, BATCH=2):
        assert relay(outbox, Sink()) == Tally(sent=20)
    assert asked == [0, numbers[9], numbers[19], 0]


def test_large_payloads(outbox: str, router: EventRouter, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relay has few large payloads in its memory at once, however many events a batch has; one at least."""
    blob = router.kind("blob", bytes, topic=TOPIC)
    for size in (4, 5, 4, 20, 1):
        blob.publish(b"x" * size)

    events = DueEvents(outbox)
    taken = [events.take(200, 10) for _ in range(4)]
    assert [[len(event.data) for event in each.events] for each in taken if each] == [[4, 5], [4], [20], [1]]

    end_leases(outbox)
    rooms: list[int] = []

    def note(self: DueEvents, most: int, room: int) -> Taken | None:
        rooms.append(room)
        return take(self, most, room)

    take = DueEvents.take
    monkeypatch.setattr(relays, "MOST_BYTES", 10)
    monkeypatch.setattr(DueEvents, "take", note)
    assert relay(outbox, Sink()) == Tally(sent=5)
    assert min(rooms) >= 5


@where_writers_overlap
def test_two_relays_at_once(outbox: str, placed: Kind[int]) -> None:
    """Each key arrives in order, although sends fail at random, and each event is sent."""
    with outbox_settings(outbox, BATCH=10, MAX_ATTEMPTS=1000, RETRY=NOW):
        for number in range(200):
            placed.publish(number, ordering_key=f"k{number % 20}")
        sink = Sink(4)
        chance = Random(17)

        def fail(event: OutgoingEvent) -> None:
            if chance.random() < 0.3:
                raise ConnectionError

        sink.fail = fail
        tallies = together(2, lambda number: relay(outbox, sink))
        relay(outbox, sink)

    assert sum(tally.sent for tally in tallies) <= 200
    assert {state for _, state, _ in states(outbox)} == {"done"}
    for key in range(20):
        first = list(dict.fromkeys(int(data) for name, data in sink.arrived if name == f"k{key}"))
        assert first == list(range(key, 200, 20))


def test_a_relay_is_noted(outbox: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process writes its row once, and again after ten seconds."""
    monkeypatch.setattr(heartbeat, "_noted", {})
    relay(outbox, Sink())
    row = SeenRelay.objects.using(outbox).get()

    relay(outbox, Sink())
    assert SeenRelay.objects.using(outbox).get().seen_at == row.seen_at
    SeenRelay.objects.using(outbox).update(seen_at=from_now(-timedelta(hours=1)))
    monkeypatch.setattr(heartbeat, "_noted", {outbox: (0, 0.0)})
    relay(outbox, Sink())
    assert SeenRelay.objects.using(outbox).get().seen_at > row.seen_at - timedelta(minutes=30)


SINK = {"TRANSPORT": {"BACKEND": "tests.support.sinks.Sink"}}


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("outbox", *arguments, stdout=out)
    return out.getvalue()


def test_the_command(outbox: str, placed: Kind[int]) -> None:
    """It sends what is due, prints a summary, and ends."""
    with outbox_settings(outbox, **SINK):
        for _ in range(2):
            placed.publish(1)
        assert run("relay") == "Sent 2 events.\n"
        placed.publish(1)
        assert json.loads(run("relay", "--json")) == {"sent": 1, "failed": 0, "parked": 0}


@on_sqlite
def test_the_transport_of_the_settings(outbox: str) -> None:
    """A transport that cannot be used is an error, which names its options without their values."""
    problems = {
        "nowhere.Sink": "The transport 'nowhere.Sink' cannot be imported: No module named 'nowhere'. "
        "Give the dotted path of a class as its BACKEND.",
        "tests.support.sinks.Callable": "The transport 'tests.support.sinks.Callable' is not a class that derives from "
        "Transport, so the relay cannot use it. Name one that does.",
        "tests.support.sinks.Sink": "The transport 'tests.support.sinks.Sink' cannot be created with its OPTIONS (token): "
        "it has no option 'token'. It takes concurrency, fail.",
    }
    for path, message in problems.items():
        with (
            outbox_settings(outbox, TRANSPORT={"BACKEND": path, "OPTIONS": {"token": "s3cr3t"}}),
            pytest.raises(Exception) as caught,
        ):
            run("relay")
        assert str(caught.value) == message
