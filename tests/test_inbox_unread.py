"""Events that are no events: with the inbox they are kept as they came, and not sent again."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError
from django.test import override_settings

from gcp_event_router import Event, EventRouter
from gcp_event_router.inbox.models import Delivery, State, StoredEvent
from gcp_event_router.inbox.replay import replay
from gcp_event_router.inbox.selections import Selection
from gcp_event_router.outcomes import Outcome
from gcp_event_router.signals import event_received

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


@pytest.mark.parametrize("handled", [False, True], ids=["nobody handles it", "a handler"])
@pytest.mark.parametrize("listening", [False, True], ids=["nobody listens", "a plain receiver"])
def test_a_body_that_is_not_the_json_that_it_says_is_kept(
    inbox: str, router: EventRouter, post: Post, lines: Callable[[], list[str]], handled: bool, listening: bool
) -> None:
    """It is kept and acknowledged, whoever would have had it, and nobody is called; mended, a replay brings it to its handler."""
    calls: list[object] = []
    if listening:
        event_received.connect(_listener(calls), weak=False)
    if handled:

        @router.on("k", name="h")
        def _(event: Event[Any]) -> None:
            calls.append(event.payload)

    headers = {"Authorization": "Bearer secret", "X-Goog-Pubsub-Message-Id": "17"}
    answers = [post("/events/k/r?a=1", b"{secret", **headers) for _ in range(2)]

    assert [(each.status_code, each.content, calls) for each in answers] == [(200, b"{}", [])] * 2
    row = StoredEvent.objects.using(inbox).get()
    assert (row.kind, row.reference, bytes(row.body), row.parameters) == ("k", "r", b"{secret", '{"a": ["1"]}')
    assert "secret" not in row.meta
    assert Delivery.objects.using(inbox).get().state == State.REJECTED
    assert [each.partition(" ")[0] for each in lines()] == ["WARNING", "WARNING" if not handled or listening else "INFO"]
    assert "secret" not in "".join(lines())

    if handled:
        StoredEvent.objects.using(inbox).update(body=b"{}")
        assert [result.outcome for _, result in replay(Selection().deliveries())] == [Outcome.HANDLED]
        assert calls == [{}]


def _listener(calls: list[object]) -> Callable[..., None]:
    def listener(event_payload: object) -> None:
        calls.append(event_payload)

    return listener
