"""The inbox: what is kept of an event, and that each handler's work is done once."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from gcp_event_router import Event, EventRouter, Reject, Retry
from gcp_event_router.inbox.models import Delivery, State, StoredEvent
from gcp_event_router.utils import make_pubsub_message

from .conftest import Post, post_wsgi
from .effects.models import Effect

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

PUSH = make_pubsub_message({"a": 1}, message_id="17")


def test_a_duplicate_is_not_handled(inbox: str, router: EventRouter, post: Post) -> None:
    """The first delivery is handled and answered 201, the second is not and is answered 200."""

    @router.on("k")
    def handler(event: Event[Any]) -> None:
        Effect.objects.using(inbox).create(handler="handler", reference=event.reference)

    assert [post("/events/k/r", PUSH).status_code for _ in range(2)] == [201, 200]
    assert Effect.objects.using(inbox).count() == 1
    assert list(Delivery.objects.using(inbox).values_list("state", "attempts", "token", "lease_until")) == [
        (State.DONE, 1, None, None)
    ]


def test_statements(inbox: str, router: EventRouter) -> None:
    """On PostgreSQL, a new event costs two statements beside the handler's, and a duplicate two."""

    @router.on("k")
    def handler(event: Event[Any]) -> None:
        Effect.objects.using(inbox).create(handler="handler", reference=event.reference)

    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connections[inbox]) as queries:
            post_wsgi("/events/k/r", PUSH)
        counts.append(
            [each["sql"] for each in queries.captured_queries if each["sql"] not in {"BEGIN", "COMMIT", "BEGIN IMMEDIATE"}]
        )
    if inbox == "postgresql":
        assert [len(each) for each in counts] == [3, 2], counts


def test_failures(inbox: str, router: EventRouter, post: Post) -> None:
    fails = [RuntimeError("x"), Retry("later"), Reject("never")]

    @router.on("k")
    def handler(event: Event[Any]) -> None:
        Effect.objects.using(inbox).create(handler="handler", reference=event.reference)
        if fails:
            raise fails.pop(0)

    assert [post("/events/k/r", PUSH).status_code for _ in range(4)] == [400, 503, 200, 200]
    assert Effect.objects.using(inbox).count() == 0


def test_async(inbox: str, router: EventRouter, post: Post) -> None:
    @router.on("k")
    async def handler(event: Event[Any]) -> None:
        await Effect.objects.using(inbox).acreate(handler="handler", reference=event.reference)

    assert [post("/events/k/r", PUSH).status_code for _ in range(2)] == [201, 200]
    assert Effect.objects.using(inbox).count() == 1


def test_invalid(inbox: str, router: EventRouter, post: Post) -> None:
    @router.on("k")
    def handler(event: Event[int]) -> None: ...

    assert [post("/events/k/r", PUSH).status_code for _ in range(2)] == [200, 200]
    assert StoredEvent.objects.using(inbox).get().body
