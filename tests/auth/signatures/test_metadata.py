"""What each provider's data makes of a request as its documentation shows it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import override_settings

from gcp_event_router import auth
from gcp_event_router.auth import HMACSignature, Slack
from gcp_event_router.envelopes import SignedRequest, Webhook

from ...conftest import Post

SECRET = "whsec_0c4a8a0c12a7b3c9f3d1f1f2b2e1a9d0"
TIME = "2023-11-14T22:13:20+00:00"


CASES: list[tuple[str, dict[str, str], object, tuple[object, ...]]] = [
    (
        "GitHub",
        {"X-GitHub-Delivery": "72d3162e-cc78", "X-GitHub-Event": "issues", "X-GitHub-Hook-ID": "292430182"},
        {"action": "opened"},
        ("github", "72d3162e-cc78", None, {"action": "opened", "hook_id": "292430182", "event": "issues"}),
    ),
    (
        "Stripe",
        {},
        {"id": "evt_1", "type": "charge.succeeded", "created": 1_700_000_000, "account": "acct_1"},
        ("stripe", "evt_1", TIME, {"account": "acct_1", "event": "charge.succeeded"}),
    ),
    (
        "Slack",
        {},
        {
            "type": "event_callback",
            "event_id": "Ev08MFMKH6",
            "event_time": 1_700_000_000,
            "team_id": "T1",
            "api_app_id": "A1",
            "event": {"type": "reaction_added"},
        },
        (
            "slack",
            "Ev08MFMKH6",
            TIME,
            {"type": "event_callback", "team_id": "T1", "api_app_id": "A1", "event": "reaction_added"},
        ),
    ),
    (
        "StandardWebhooks",
        {"webhook-id": "msg_1", "webhook-timestamp": "1700000000"},
        {"type": "contact.created"},
        ("standard-webhooks", "msg_1", TIME, {"event": "contact.created"}),
    ),
    (
        "Svix",
        {"svix-id": "msg_1", "svix-timestamp": "1700000000"},
        {"type": "user.created"},
        ("svix", "msg_1", TIME, {"event": "user.created"}),
    ),
    (
        "Shopify",
        {
            "X-Shopify-Topic": "orders/create",
            "X-Shopify-Webhook-Id": "b54557e4",
            "X-Shopify-Event-Id": "98880550",
            "X-Shopify-Shop-Domain": "one.myshopify.com",
            "X-Shopify-API-Version": "2026-07",
            "X-Shopify-Triggered-At": "2023-11-14T22:13:20.000000000Z",
        },
        {"id": 1},
        (
            "shopify",
            "b54557e4",
            TIME,
            {"shop_domain": "one.myshopify.com", "api_version": "2026-07", "event_id": "98880550", "event": "orders/create"},
        ),
    ),
    ("Twilio", {"I-Twilio-Idempotency-Token": "ea95a4f1"}, None, ("twilio", "ea95a4f1", None, {})),
    (
        "Paddle",
        {},
        {
            "event_id": "evt_01",
            "event_type": "customer.created",
            "occurred_at": "2023-11-14T22:13:20Z",
            "notification_id": "n",
        },
        ("paddle", "evt_01", TIME, {"notification_id": "n", "event": "customer.created"}),
    ),
    (
        "Square",
        {},
        {
            "merchant_id": "M",
            "type": "payment.created",
            "event_id": "ac3a",
            "created_at": "2023-11-14T22:13:20Z",
            "data": {"type": "payment"},
        },
        ("square", "ac3a", TIME, {"merchant_id": "M", "data_type": "payment", "event": "payment.created"}),
    ),
    (
        "PagerDuty",
        {},
        {
            "event": {
                "id": "01BWDWL3",
                "event_type": "incident.triggered",
                "resource_type": "incident",
                "occurred_at": "2023-11-14T22:13:20Z",
            }
        },
        ("pagerduty", "01BWDWL3", TIME, {"resource_type": "incident", "event": "incident.triggered"}),
    ),
    (
        "Zendesk",
        {
            "X-Zendesk-Webhook-Invocation-Id": "8350205582",
            "X-Zendesk-Webhook-Id": "01F1KRFQ",
            "X-Zendesk-Account-Id": "123456",
            "X-Zendesk-Webhook-Signature-Timestamp": "2023-11-14T22:13:20Z",
        },
        {"type": "zen:event-type:user.created"},
        (
            "zendesk",
            "8350205582",
            TIME,
            {"account_id": "123456", "webhook_id": "01F1KRFQ", "event": "zen:event-type:user.created"},
        ),
    ),
    (
        "Linear",
        {"Linear-Delivery": "234d1a4e"},
        {"action": "create", "type": "Issue", "webhookTimestamp": 1_700_000_000_000, "webhookId": "000042e3"},
        ("linear", "234d1a4e", TIME, {"action": "create", "webhook_id": "000042e3", "event": "Issue"}),
    ),
]


@pytest.mark.parametrize(("provider", "headers", "body", "expected"), CASES, ids=[case[0] for case in CASES])
def test_metadata(provider: str, headers: dict[str, str], body: object, expected: tuple[object, ...]) -> None:
    """The provider's name, the delivery's id, its time, and its attributes, of which one is the event's type."""
    authenticator: type[HMACSignature] = getattr(auth, provider)
    assert authenticator.provider is not None
    meta = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    data = b"From=1" if body is None else json.dumps(body).encode()
    webhook = Webhook(data, "application/json", authenticator.provider.describe(SignedRequest(meta, data)))
    time = webhook.timestamp and webhook.timestamp.isoformat()
    assert (webhook.provider, webhook.message_id, time, dict(webhook.attributes)) == expected
    assert webhook.malformed == ()


def test_every_provider_is_here() -> None:
    """No provider lacks such a test."""
    values = {name: getattr(auth, name) for name in auth.__all__}
    names = {name for name, value in values.items() if isinstance(value, type) and issubclass(value, HMACSignature)}
    assert {case[0] for case in CASES} == names - {"HMACSignature"}


def test_challenge_of_slack(post: Post) -> None:
    """Slack's signed `url_verification` is answered with its challenge, an unsigned one with 401."""
    body = b'{"type": "url_verification", "token": "Jhj5dZrVaK7ZwHHjRyZWjbDl", "challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY"}'
    entry: dict[str, Any] = {"BACKEND": "gcp_event_router.auth.Slack", "OPTIONS": {"secrets": [SECRET]}}
    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [entry]}):
        answer = post("/events/slack/main", body, **Slack(secrets=[SECRET]).sign(body))
        assert post("/events/slack/main", body).status_code == 401
    assert (answer.status_code, answer.content, answer["Content-Type"]) == (
        200,
        b"3eZbrw1aBm2rZgRNFdxV2595E9CY",
        "text/plain; charset=utf-8",
    )
