"""Events that are no events: with the inbox they are kept as they came, and not sent again."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.db import OperationalError
from django.test import override_settings

from gcp_event_router import EventRouter
from gcp_event_router.inbox.models import Delivery, State, StoredEvent

from .conftest import Post

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

BROKEN = b'{"message": {"data": "####secret"}, "subscription": "projects/p/subscriptions/s"}'
WHY = "The body is a Pub/Sub push, but it does not hold what one holds at: message.data."


def test_a_malformed_push_is_kept_and_acknowledged(
    inbox: str, router: EventRouter, post: Post, lines: Callable[[], list[str]]
) -> None:
    """Its bytes, parameters and headers are kept once, with a delivery to nobody; neither log nor credentials are."""
    headers = {"Authorization": "Bearer secret", "Cookie": "secret", "X-Other": "a"}
    answers = [post("/events/k/r?a=1", BROKEN, **headers) for _ in range(2)]

    assert [(each.status_code, each.content) for each in answers] == [(200, b"{}")] * 2
    row = StoredEvent.objects.using(inbox).get()
    assert (row.kind, row.reference, row.form, bytes(row.body)) == ("k", "r", "unread", BROKEN)
    assert json.loads(row.parameters) == {"a": ["1"]}
    kept = json.loads(row.meta)
    assert {name: kept.get(name) for name in ("CONTENT_TYPE", "HTTP_X_OTHER", "HTTP_AUTHORIZATION", "HTTP_COOKIE")} == {
        "CONTENT_TYPE": "application/json",
        "HTTP_X_OTHER": "a",
        "HTTP_AUTHORIZATION": None,
        "HTTP_COOKIE": None,
    }
    delivery = Delivery.objects.using(inbox).get()
    assert (delivery.handler, delivery.state, delivery.attempts, delivery.error) == ("", State.REJECTED, 0, WHY)
    line = f"WARNING Event of kind 'k' with reference 'r' (message None): rejected by no handler in 0.0 ms: {WHY}"
    assert lines() == [line] * 2


def test_without_the_database_the_sender_keeps_it(
    inbox: str, router: EventRouter, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be kept is not acknowledged."""

    def fail(*_: object) -> None:
        msg = "secret text"
        raise OperationalError(msg)

    monkeypatch.setattr("gcp_event_router.inbox.claims.keep_rejected", fail)

    assert post("/events/k/r", BROKEN).status_code == 503


@override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": []})
def test_without_the_inbox_it_is_invalid(router: EventRouter, post: Post) -> None:
    """Where nothing is kept, the sender is told 400."""
    assert post("/events/k/r", BROKEN).status_code == 400
    assert not StoredEvent.objects.using("sqlite").exists()
