"""`testing.relay_now`: the relay within a test."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import TestCase, override_settings
from typing_extensions import override

from gcp_event_router import Event, EventRouter, Reject, Retry
from gcp_event_router.exceptions import ConfigurationError
from gcp_event_router.outbox import for_tests
from gcp_event_router.outbox.models import OutgoingEvent
from gcp_event_router.outbox.store import OutboxStore
from gcp_event_router.outbox.transports import Transport
from gcp_event_router.publishing import set_outbox
from gcp_event_router.testing import EventTestMixin, isolated, published, relay_now

from ..support.outboxes import states, with_outboxes

PUBSUB: Any = {"AUTHENTICATION": [], "OUTBOX": {"TRANSPORT": {"BACKEND": "gcp_event_router.outbox.transports.PubSub"}}}


class Collects(Transport):
    """A transport of the project's own."""

    concurrency = 0

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    @override
    def send(self, event: OutgoingEvent) -> str:
        self.sent.append(bytes(event.data))
        return ""


class RelayTests(EventTestMixin, TestCase):
    """Within the transaction of Django's test case."""

    router: EventRouter

    @override
    def setUp(self) -> None:
        super().setUp()
        set_outbox(OutboxStore())
        self.router = self.enterContext(isolated(empty=True))

    @override_settings(GCP_EVENT_ROUTER=PUBSUB)
    def test_chain(self) -> None:
        """The handlers get the events whatever the transport in the settings, and what they publish is sent with its cause."""
        placed, paid = self.router.kind("placed", int, topic="orders"), self.router.kind("paid", str, topic="orders")

        def pay(event: Event[int]) -> None:
            paid.publish(f"order {event.payload}", ordering_key="k")

        def thank(event: Event[str]) -> None: ...

        placed.on(pay)
        paid.on(thank)
        first = placed.publish(7, attributes={"a": "b"}).result(0)
        sent = self.relay_now()

        assert [(event.kind, event.payload, event.ordering_key) for event in sent] == [
            ("placed", 7, ""),
            ("paid", "order 7", "k"),
        ]
        assert (sent[0].id, sent[0].attributes, sent[0].cause, sent[1].cause) == (first, {"a": "b"}, "", first)
        assert self.assertPublished(paid).cause == first
        assert self.assertHandled(thank).payload == "order 7"
        assert self.relay_now() == []

    def test_nobody_declares_the_kind(self) -> None:
        """Without a declaration that is in reach, the payload is its bytes."""
        EventRouter().kind("elsewhere", int).publish(7)

        assert [event.payload for event in self.relay_now()] == [b"7"]

    def test_later(self) -> None:
        """What is not due is not sent."""
        self.router.kind("later", int).publish(1, delay=timedelta(hours=1))

        assert self.relay_now() == []

    def test_failure(self) -> None:
        """The exception of a handler is raised, and says of which event; a later relay goes on from there."""

        def fail(event: Event[int]) -> None:
            raise LookupError(event.payload)

        failing = self.router.kind("failing", int)
        failing.on(fail)
        first = failing.publish(1).result(0)
        with pytest.raises(LookupError) as caught:
            self.relay_now()
        failing.publish(2)
        failing.publish(3)
        with pytest.raises(ExceptionGroup) as several:
            self.relay_now()

        assert caught.value.__notes__ == [f"while the relay sent 'failing', with the id {first}"]
        assert [str(error) for error in several.value.exceptions] == ["2", "3"]
        assert states("default") == [(b"1", "failed", 1), (b"2", "failed", 1), (b"3", "failed", 1)]

    def test_failure_that_is_not_raised(self) -> None:
        """`raises=False`, `Retry` and `Reject` leave it to the test to look."""

        def fail(event: Event[int]) -> None:
            if event.payload == 1:
                raise LookupError
            raise Retry("soon") if event.payload == 2 else Reject("never")

        failing = self.router.kind("failing", int)
        failing.on(fail)
        failing.publish(1)

        assert self.relay_now(raises=False) == []
        failing.publish(2)
        failing.publish(3)
        assert [event.payload for event in self.relay_now()] == [3]
        assert [state for _, state, _ in states("default")] == ["failed", "failed", "done"]

    def test_own_transport(self) -> None:
        """A transport that is given is used, and stays open."""
        transport = Collects()
        self.router.kind("counted", int).publish(1)

        assert [event.payload for event in relay_now(transport)] == [1]
        assert transport.sent == [b"1"]

    def test_no_transport(self) -> None:
        """Its class, for example, is refused."""
        transport: Any = Collects
        with pytest.raises(TypeError) as caught:
            relay_now(transport)

        assert str(caught.value) == (
            f"transport must be a Transport, not {Collects!r}. Give one, such as PubSub(), or leave it out for Local."
        )

    def test_no_end(self) -> None:
        """Handlers that publish what they handle do not keep a test from ending."""
        counted = self.router.kind("counted", int)

        def count(event: Event[int]) -> None:
            counted.publish(event.payload + 1)

        counted.on(count)
        counted.publish(1)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(for_tests, "_MOST", 5)
            with pytest.raises(RuntimeError) as caught:
                self.relay_now()

        assert str(caught.value) == (
            "relay_now() has sent 5 events, and there are more. Let no handler publish what it handles, or send fewer."
        )


def test_without_the_outbox() -> None:
    """The message says what to install."""
    with pytest.raises(ConfigurationError) as caught:
        relay_now()
    assert str(caught.value) == 'There is no outbox to relay from. Add "gcp_event_router.outbox" to INSTALLED_APPS.'


@with_outboxes
def test_transaction_of_the_test(outbox: str, router: EventRouter) -> None:
    """It sends what a transaction has published before the commit, and nothing remains of that after a rollback."""
    seen: list[int] = []

    def see(event: Event[int]) -> None:
        seen.append(event.payload)

    counted = router.kind("counted", int)
    counted.on(see)
    with transaction.atomic(using=outbox), published() as recorded:
        counted.publish(1, ordering_key="k")
        counted.publish(2, ordering_key="k")
        assert [event.payload for event in relay_now()] == [1, 2]
        assert states(outbox) == [(b"1", "done", 1), (b"2", "done", 1)]
        transaction.set_rollback(True, using=outbox)

    assert seen == [1, 2]
    assert not recorded
