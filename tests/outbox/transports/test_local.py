"""The default transport: events reach the handlers of this project, once if they have an inbox."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import TestCase, modify_settings, override_settings

from gcp_event_router import Event, EventRouter, Principal, Reject, Retry
from gcp_event_router.exceptions import ConfigurationError, InvalidEventError, UnhandledEventError
from gcp_event_router.inbox.models import Delivery, State, StoredEvent
from gcp_event_router.inbox.workers import process
from gcp_event_router.outbox.transports import Local, NotAcknowledgedError, Transport
from gcp_event_router.outcomes import Outcome, retry_after
from gcp_event_router.signals import event_received

from ...effects.models import Effect
from ...support.deliveries import with_databases
from ...support.outgoing import CREATED, KEY, TRACE, outgoing


def test_what_a_handler_gets(router: EventRouter) -> None:
    """An event arrives as Pub/Sub would push it: with all its metadata, and its id for the reference."""
    got: list[Event[Any]] = []

    @router.on("k")
    def keep(event: Event[Any]) -> None:
        got.append(event)

    sent = Local().send(outgoing(attributes={"colour": "red"}, ordering_key="c1", trace={"traceparent": TRACE}, cause="c-1"))

    (event,) = got
    envelope = event.envelope
    assert (sent, event.kind, event.reference, event.payload, event.parameters) == ("", "k", KEY, {"a": 1}, {})
    assert (envelope.form, envelope.message_id, envelope.outbox_id, envelope.cause) == ("pubsub", KEY, KEY, "c-1")
    assert (envelope.ordering_key, envelope.publish_time, envelope.identity) == ("c1", CREATED, ("outbox", KEY))
    assert envelope.subscription == "projects/outbox/subscriptions/relay"
    assert envelope.attributes == {"colour": "red", "traceparent": TRACE, "event-router-id": KEY, "event-router-cause": "c-1"}
    assert event.principal == Principal("outbox")


def test_the_publishers_own_trace(router: EventRouter) -> None:
    """A publisher's own `traceparent` replaces the one in which the event was published, with its `tracestate`."""
    own = outgoing(attributes={"traceparent": "own"}, trace={"traceparent": TRACE, "tracestate": "a=b"})
    assert own.sent_attributes == {"traceparent": "own", "event-router-id": KEY}


@modify_settings(INSTALLED_APPS={"remove": "gcp_event_router"})
def test_without_handlers() -> None:
    """Without the app that finds the handlers, events would count as sent."""
    with pytest.raises(ConfigurationError) as refused:
        Local()

    assert str(refused.value) == (
        'Local hands events to handlers, and the app that finds them is not installed. Add "gcp_event_router" to INSTALLED_APPS.'
    )


@override_settings(USE_TZ=False)
def test_naive_times(router: EventRouter) -> None:
    """With `USE_TZ = False`, the times of SQLite are in UTC."""
    times: list[datetime | None] = []

    @router.on("k")
    def keep(event: Event[Any]) -> None:
        times.append(event.envelope.publish_time)

    event = outgoing()
    event.created_at = CREATED.replace(tzinfo=None)
    Local().send(event)
    assert times == [CREATED]


@pytest.mark.parametrize("data", [b"", b"\xff\x00", b"text"])
def test_any_payload(router: EventRouter, data: bytes) -> None:
    """The bytes of the payload arrive as they are, if they are none, too."""
    got: list[bytes] = []

    @router.on("k")
    def keep(event: Event[bytes]) -> None:
        got.append(event.payload)

    Local().send(outgoing(data))
    assert got == [data]


def test_async_handlers_and_receivers(router: EventRouter) -> None:
    """Async handlers are awaited, and plain receivers get the whole push."""
    got: list[Any] = []

    @router.on("k")
    async def keep(event: Event[Any]) -> None:
        got.append(event.payload)

    def receive(event_payload: Any, event_reference: str) -> None:
        got.append((event_payload["message"]["messageId"], event_reference))

    event_received.connect(receive)
    Local().send(outgoing())
    assert sorted(got, key=str) == [(KEY, KEY), {"a": 1}]


def test_exceptions(router: EventRouter) -> None:
    """What handlers do not acknowledge is raised, with the time after which they ask for the event again."""
    raised: list[Exception] = [ValueError("no"), Retry("not yet", after=timedelta(minutes=2)), Reject("never")]

    @router.on("k")
    def fail(event: Event[Any]) -> None:
        raise raised.pop(0)

    with pytest.raises(ValueError, match="no"):
        Local().send(outgoing())
    with pytest.raises(Retry) as caught:
        Local().send(outgoing())
    assert retry_after(caught.value) == 120
    assert Local().send(outgoing()) == ""


def test_an_invalid_payload(router: EventRouter) -> None:
    """An event is not acknowledged if no handler can read its payload, or if the settings say so of one that nothing handles."""

    @router.on("k")
    def count(event: Event[int]) -> None:
        raise AssertionError

    with pytest.raises(InvalidEventError):
        Local().send(outgoing())
    assert Local().send(outgoing(kind="other")) == ""
    with override_settings(GCP_EVENT_ROUTER={"UNHANDLED": "error"}), pytest.raises(UnhandledEventError):
        Local().send(outgoing(kind="other"))


def test_an_outcome_without_an_exception(router: EventRouter, monkeypatch: pytest.MonkeyPatch) -> None:
    """An outcome that other software turned into a response is read, too."""

    def send(sender: Any, **named: Any) -> Any:
        return [(None, Outcome.FAILED)]

    monkeypatch.setattr(event_received, "send", send)
    with pytest.raises(NotAcknowledgedError) as caught:
        Local().send(outgoing())
    assert (str(caught.value), caught.value.after) == ("failed", None)


@with_databases
def test_twice_to_an_inbox(inbox: str, router: EventRouter) -> None:
    """An event that is sent twice takes effect once; the handlers that are not done run again."""
    fails = [True]

    @router.on("k")
    def record(event: Event[Any]) -> None:
        Effect.objects.using(inbox).create(handler="record", reference=event.reference)

    @router.on("k")
    def fail_once(event: Event[Any]) -> None:
        Effect.objects.using(inbox).create(handler="fail_once", reference=event.reference)
        if fails and fails.pop():
            raise ValueError

    with pytest.raises(ValueError):
        Local().send(outgoing())
    Delivery.objects.using(inbox).update(not_before=None)
    assert [Local().send(outgoing()) for _ in range(2)] == ["", ""]

    assert sorted(Effect.objects.using(inbox).values_list("handler", "reference")) == [("fail_once", KEY), ("record", KEY)]
    assert list(StoredEvent.objects.using(inbox).values_list("message_id", "reference")) == [(KEY, KEY)]


@with_databases
def test_deferred_handlers(inbox: str, router: EventRouter) -> None:
    """A deferred handler only stores the event, and workers run it once, as the same sender's."""
    principals: list[Principal | None] = []

    @router.on("k", deferred=True)
    def record(event: Event[Any]) -> None:
        principals.append(event.principal)

    assert [Local().send(outgoing()) for _ in range(2)] == ["", ""]
    assert principals == []
    assert len(list(process(inbox))) == 1
    assert principals == [Principal("outbox")]


@with_databases
def test_parked_deliveries(inbox: str, router: EventRouter) -> None:
    """Once the inbox has parked a delivery, the event is sent: people decide about it there."""

    @router.on("k", max_attempts=1)
    def fail(event: Event[Any]) -> None:
        raise ValueError

    assert Local().send(outgoing()) == ""
    assert Delivery.objects.using(inbox).get().state == State.PARKED


class InATestCase(TestCase):
    """Within the transaction that Django's TestCase never commits."""

    def test_effects(self) -> None:
        """Handlers see what the test wrote, and the test sees what they wrote."""
        router = EventRouter()
        self.addCleanup(router.ignore, event_received)
        router.listen(event_received)

        @router.on("in-a-test-case")
        def record(event: Event[Any]) -> None:
            Effect.objects.create(handler=str(Effect.objects.count()), reference=event.reference)

        Effect.objects.create(handler="test", reference="1")
        Local().send(outgoing(kind="in-a-test-case"))

        assert list(Effect.objects.order_by("pk").values_list("handler", "reference")) == [("test", "1"), ("1", KEY)]
        assert connection.in_atomic_block


@pytest.mark.django_db(transaction=True)
def test_a_broken_connection_is_replaced(router: EventRouter) -> None:
    """After a database error, the next event gets a connection that works; without one, connections stay open."""
    seen: list[object] = []

    @router.on("k")
    def note(event: Event[Any]) -> None:
        with transaction.atomic():
            seen.append(Effect.objects.count())
            seen.append(connection.connection)

    transport: Transport = Local()
    transport.send(outgoing())
    transport.send(outgoing())
    with pytest.raises(DatabaseError), connection.cursor() as cursor:
        cursor.execute("no SQL")
    assert [connection.errors_occurred] == [True]
    transport.send(outgoing())

    assert seen[1] is seen[3]
    assert [connection.errors_occurred] == [False]
    assert seen[::2] == [0, 0, 0]
