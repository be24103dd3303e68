"""Events as rows and back, and the tasks that run deliveries from rows."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any
from uuid import RFC_4122

import pytest
from django.test import override_settings

from gcp_event_router import Event, EventRouter, Principal
from gcp_event_router._dispatch.raw_event import RawEvent
from gcp_event_router.envelopes import PubSubUnwrapped, read
from gcp_event_router.exceptions import EnvelopeError
from gcp_event_router.inbox.models import Delivery, State, StoredEvent
from gcp_event_router.inbox.serialization import key_of, raw_event_of, row_of
from gcp_event_router.inbox.tasks import run_delivery
from gcp_event_router.inbox.workers import process, work
from gcp_event_router.outcomes import Outcome
from gcp_event_router.utils import make_pubsub_message

from ..conftest import Post

PUSH = make_pubsub_message({"a": 1}, message_id="17")
UNWRAPPED = {
    "CONTENT_TYPE": "text/plain",
    "HTTP_X_GOOG_PUBSUB_MESSAGE_ID": "17",
    "HTTP_X_GOOG_PUBSUB_SUBSCRIPTION_NAME": "projects/p/subscriptions/s",
    "HTTP_COLOUR": "ü\0",
}


@pytest.mark.parametrize(("body", "meta"), [(PUSH, {}), (b"\xff\x00", UNWRAPPED), (b"{}", {"CONTENT_TYPE": "application/json"})])
@pytest.mark.parametrize("principal", [None, Principal("oidc", "a@b.example", "1", {"aud": "x", "deep": [1, None]})])
def test_an_event_survives_its_row(body: bytes, meta: dict[str, str], principal: Principal | None) -> None:
    """A row preserves the envelope, the parameters and the sender."""
    raw_event = RawEvent(read(body, meta), {"a": ["1", "\0"], "ü": [""]}, principal)
    again = raw_event_of(row_of("k", "r", raw_event))

    assert (again.envelope, again.query) == (raw_event.envelope, raw_event.query)
    assert again.principal == principal
    assert isinstance(again.envelope, PubSubUnwrapped) == (meta is UNWRAPPED)


def test_the_key_of_an_event() -> None:
    """Deliveries of one event share its key; another kind, reference, subscription or id has another; without an id each is new.

    Each is a UUID by RFC 9562, as a column of that type may take no other bytes.
    """
    identity = ("pubsub", "projects/p/subscriptions/s", "17")
    keys = [
        key_of("k", "r", identity),
        key_of("k2", "r", identity),
        key_of("k", "r2", identity),
        key_of("k", "r", ("pubsub", "projects/p/subscriptions/s2", "17")),
        key_of("k", "r", ("pubsub", "projects/p/subscriptions/s", "18")),
        key_of("k", "r", None),
        key_of("k", "r", None),
    ]

    assert key_of("k", "r", identity) == keys[0]
    assert len(set(keys)) == len(keys)
    assert {key.variant for key in keys} == {RFC_4122}
    assert {key.version for key in keys} == {4, 5}


@pytest.fixture
def _no_engine() -> Generator[None]:
    """Enqueue tasks that nothing runs."""
    with override_settings(TASKS={"default": {"BACKEND": "django_tasks.backends.dummy.DummyBackend"}}):
        yield


@pytest.mark.usefixtures("_no_engine")
@pytest.mark.django_db(transaction=True, databases="__all__")
class TestWork:
    """Deliveries that are run from their rows."""

    def test_a_task_runs_its_delivery_once(self, inbox: str, router: EventRouter, post: Post) -> None:
        """A task that comes twice, or for a delivery that was purged, does nothing more."""
        seen: list[str] = []

        @router.on("k", deferred=True)
        def handler(event: Event[Any]) -> None:
            seen.append(event.reference)

        post("/events/k/r", PUSH)
        task: Any = run_delivery
        pk = Delivery.objects.using(inbox).get().pk
        for number in (pk, pk, pk + 1):
            task.func(number)

        assert seen == ["r"]

    def test_a_handler_that_is_gone(self, inbox: str, router: EventRouter, post: Post) -> None:
        """A worker passes over a delivery without a handler, and leaves it for when the handler is back."""
        router.on("k", deferred=True)(_nothing)
        post("/events/k/r", PUSH)
        with router.isolated(empty=True):
            assert [result.outcome for _, result in process(inbox)] == []
        assert [result.outcome for _, result in process(inbox)] == [Outcome.HANDLED]

    def test_what_was_lost_too_often_is_parked(self, inbox: str, router: EventRouter, post: Post) -> None:
        """Workers, too, park a delivery whose runs are lost too often."""
        router.on("k", deferred=True, max_attempts=2)(_nothing)
        post("/events/k/r", PUSH)
        long_ago = "2026-01-01T00:00:00Z"
        rows = Delivery.objects.using(inbox)
        rows.update(state=State.RUNNING, attempts=10, lost=9, started_at=long_ago, lease_until=long_ago)

        assert [result.outcome for _, result in process(inbox)] == [Outcome.PARKED]
        assert rows.values_list("state", "lost", "error").get() == (
            State.PARKED,
            10,
            "as many runs were lost as MAX_LOST allows; of each, the worker ended, took longer than its lease, "
            "or could not reach the database",
        )

    def test_a_row_that_cannot_be_read_any_more(
        self, inbox: str, router: EventRouter, post: Post, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The delivery is rejected with the reason."""
        router.on("k", deferred=True)(_nothing)
        post("/events/k/r", PUSH)

        def fail(row: StoredEvent) -> RawEvent:
            msg = "the body is nothing"
            raise EnvelopeError(msg)

        monkeypatch.setattr("gcp_event_router.inbox.workers.raw_event_of", fail)
        delivery = Delivery.objects.using(inbox).select_related("event").get()

        assert work(inbox, delivery).outcome is Outcome.REJECTED
        assert work(inbox, delivery).outcome is Outcome.BUSY
        delivery.refresh_from_db(using=inbox)
        assert (delivery.state, delivery.error, str(delivery)) == (
            State.REJECTED,
            "the body is nothing",
            "k/r to tests.inbox.test_serialization._nothing",
        )


def _nothing(event: Event[Any]) -> None: ...
