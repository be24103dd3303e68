"""Unreadable events: the inbox stores them unchanged, and they are not sent again."""

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

from ..conftest import Post

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

BROKEN = b'{"message": {"data": "####secret"}, "subscription": "projects/p/subscriptions/s"}'
BROKEN_WITH_ID = b'{"message": {"data": "#", "messageId": "7"}, "subscription": "s"}'
WHY = "The body is a Pub/Sub push, but its message.data is not base64."


def test_a_malformed_push_is_kept_and_acknowledged(
    inbox: str, router: EventRouter, post: Post, lines: Callable[[], list[str]]
) -> None:
    """Its bytes, parameters and headers are stored once, with a delivery without a handler; credentials are not."""
    headers = {"Authorization": "Bearer secret", "Cookie": "secret", "X-Other": "a"}
    answers = [post("/events/k/r?a=1", BROKEN, **headers) for _ in range(2)]

    assert [(answer.status_code, answer.content) for answer in answers] == [(200, b"{}")] * 2
    row = StoredEvent.objects.using(inbox).get()
    assert (row.kind, row.reference, row.form, bytes(row.body)) == ("k", "r", "unread", BROKEN)
    assert json.loads(row.parameters) == {"a": ["1"]}
    assert json.loads(row.meta) == {"CONTENT_TYPE": "application/json"}
    delivery = Delivery.objects.using(inbox).get()
    assert (delivery.handler, delivery.state, delivery.attempts, delivery.error) == ("", State.REJECTED, 0, WHY)
    line = f"WARNING Event of kind 'k' with reference 'r' (message None): rejected: {WHY}"
    assert lines() == [line] * 2


@pytest.mark.parametrize(("body", "kept"), [(b'{"message": {"data": "#"}, "subscription": "s"}', 2), (BROKEN_WITH_ID, 1)])
def test_parameters_tell_what_nothing_names_apart(inbox: str, router: EventRouter, post: Post, body: bytes, kept: int) -> None:
    """An unreadable event is identified by its URL, and a message also by its id."""
    for parameters in ("a=1", "a=2", "a=1"):
        assert post(f"/events/k/r?{parameters}", body).status_code == 200

    assert StoredEvent.objects.using(inbox).count() == kept


CE = {"Ce-Id": "1", "Ce-Source": "//shop", "Ce-Type": "t", "Ce-Specversion": "2.0"}
UNWRAPPED = {"X-Goog-Pubsub-Message-Id": "1", "X-Goog-Pubsub-Subscription-Name": "projects/p/subscriptions/s"}
TASK = {"X-CloudTasks-QueueName": "q", "X-CloudTasks-TaskName": "1"}
PROXIES = """
Accept Accept-Encoding Access-Token Api-Key Apikey Authorization Cf-Access-Jwt-Assertion Cf-Connecting-Ip Client-Cert Cookie
Fastly-Client-Ip Forwarded From Ocp-Apim-Subscription-Key Private-Token Proxy-Authorization Referer Sec-Fetch-Site Session-Id
Signature True-Client-Ip User-Agent Via X-Amzn-Oidc-Data X-Api-Key X-Auth-Token X-B3-Traceid X-Csrftoken
X-Envoy-Original-Path X-Forwarded-Client-Cert X-Forwarded-For X-Hub-Signature-256 X-Original-Uri X-Request-Id X-Vault-Token
"""


@pytest.mark.parametrize("form", [{}, CE, UNWRAPPED, TASK], ids=["plain", "cloudevent", "unwrapped", "task"])
@pytest.mark.parametrize("body", [b"{", b"{}"], ids=["unreadable", "readable"])
def test_what_is_kept_of_headers(inbox: str, router: EventRouter, post: Post, form: dict[str, str], body: bytes) -> None:
    """The inbox stores the headers that a form reads, and nothing that proxies and clients add."""
    router.on("k", payload=object)(lambda _: None)
    extra = dict.fromkeys(PROXIES.split(), "secret")

    assert post("/events/k/r", body, **form, **extra).status_code == (201 if body == b"{}" and form is not CE else 200)
    row = StoredEvent.objects.using(inbox).get()
    kept = {name.removeprefix("HTTP_").replace("_", "-").title() for name in json.loads(row.meta)}
    assert kept == {"Content-Type", *(name.title() for name in form)}


def test_attributes_are_kept(inbox: str, router: EventRouter, post: Post) -> None:
    """The inbox stores headers that may be attributes of an unwrapped push, and others if the settings name them."""
    seen: list[dict[str, str]] = []
    router.on("k", payload=object)(lambda event: seen.append(dict(event.envelope.attributes)))
    headers = {"Region": "eu", "eventType": "OBJECT_FINALIZE", "Key": "k", "X-Region": "us", "X-Other": "a", "Api-Key": "1"}

    for keep in ([], ["x-region", "Api-Key"]):
        StoredEvent.objects.using(inbox).all().delete()
        with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [], "INBOX": {"DATABASE": inbox, "KEEP_HEADERS": keep}}):
            assert post("/events/k/r", b"{}", **UNWRAPPED, **headers).status_code == 201
            assert [result.outcome.value for _, result in replay(Selection().deliveries(inbox), force=True)] == ["handled"]
    first, again, _, named = seen
    assert {name: value for name, value in headers.items() if first.get(name.lower()) == value} == headers
    assert again == {"region": "eu", "eventtype": "OBJECT_FINALIZE", "key": "k"}
    assert named == {**again, "x-region": "us", "api-key": "1"}


def _named(headers: dict[str, str]) -> list[dict[str, str]]:
    """The headers of three events of one sender."""
    return [{header: name if value == "1" else value for header, value in headers.items()} for name in "abc"]


@pytest.mark.parametrize("form", [CE, UNWRAPPED, TASK, {"X-AppEngine-QueueName": "q", "X-AppEngine-TaskName": "1"}])
def test_unreadable_requests_are_told_apart(inbox: str, router: EventRouter, post: Post, form: dict[str, str]) -> None:
    """Requests with equal bodies are different events if their senders name them so; a redelivery is the same event."""
    for headers in _named(form):
        for _ in range(2):
            assert post("/events/k/r", b"{", **headers).status_code == 200

    rows = StoredEvent.objects.using(inbox).order_by("message_id")
    assert [(row.form, row.message_id) for row in rows] == [("unread", "a"), ("unread", "b"), ("unread", "c")]


def test_an_unreadable_push_is_one_although_its_attempts_are_counted(inbox: str, router: EventRouter, post: Post) -> None:
    """`deliveryAttempt` and the publish time differ between deliveries of one message (google-cloud-go#1174)."""
    for name in "ab":
        for attempt in range(1, 4):
            message = {"data": "####", "messageId": name, "publishTime": f"2026-01-02T03:04:0{attempt}Z"}
            push = {"message": message, "subscription": "projects/p/subscriptions/s", "deliveryAttempt": attempt}
            assert post("/events/k/r", json.dumps(push).encode()).status_code == 200

    assert sorted(StoredEvent.objects.using(inbox).values_list("message_id", flat=True)) == ["a", "b"]


def test_without_the_database_the_sender_keeps_it(
    inbox: str, router: EventRouter, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The inbox does not acknowledge what it cannot store."""

    def fail(*_: object) -> None:
        msg = "secret text"
        raise OperationalError(msg)

    monkeypatch.setattr("gcp_event_router.inbox.claims.keep_rejected", fail)

    assert post("/events/k/r", BROKEN).status_code == 503


@override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": []})
def test_without_the_inbox_it_is_invalid(router: EventRouter, post: Post) -> None:
    """Without the inbox, the sender gets 400."""
    assert post("/events/k/r", BROKEN).status_code == 400
    assert not StoredEvent.objects.using("sqlite").exists()


@pytest.mark.parametrize("handled", [False, True], ids=["nobody handles it", "a handler"])
@pytest.mark.parametrize("listening", [False, True], ids=["nobody listens", "a plain receiver"])
def test_a_body_that_is_not_the_json_that_it_says_is_kept(
    inbox: str, router: EventRouter, post: Post, lines: Callable[[], list[str]], handled: bool, listening: bool
) -> None:
    """It is stored and acknowledged, and no handler runs; once it can be read, a replay runs its handler."""
    calls: list[object] = []
    if listening:
        event_received.connect(_listener(calls), weak=False)
    if handled:

        @router.on("k", name="h")
        def _(event: Event[Any]) -> None:
            calls.append(event.payload)

    headers = {"Authorization": "Bearer secret", "X-Goog-Pubsub-Message-Id": "17"}
    answers = [post("/events/k/r?a=1", b"{secret", **headers) for _ in range(2)]

    assert [(answer.status_code, answer.content, calls) for answer in answers] == [(200, b"{}", [])] * 2
    row = StoredEvent.objects.using(inbox).get()
    assert (row.kind, row.reference, bytes(row.body), row.parameters) == ("k", "r", b"{secret", '{"a": ["1"]}')
    assert "secret" not in row.meta
    assert Delivery.objects.using(inbox).get().state == State.REJECTED
    assert [line.partition(" ")[0] for line in lines()] == ["WARNING", "WARNING" if not handled or listening else "INFO"]
    assert "secret" not in "".join(lines())

    if handled:
        StoredEvent.objects.using(inbox).update(body=b"{}")
        assert [result.outcome for _, result in replay(Selection().deliveries())] == [Outcome.HANDLED]
        assert calls == [{}]


def _listener(calls: list[object]) -> Callable[..., None]:
    def listener(event_payload: object) -> None:
        calls.append(event_payload)

    return listener
