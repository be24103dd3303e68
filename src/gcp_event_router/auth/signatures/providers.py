"""The data of each provider, with the page of its documentation that states them."""

from __future__ import annotations

from typing import ClassVar

from ...envelopes import Handshake, Provider
from .hmac_signature import HMACSignature
from .scheme import SignatureScheme


class GitHub(HMACSignature):
    """Verifies webhooks of GitHub: docs.github.com, "Validating webhook deliveries", "Webhook events and payloads"."""

    scheme: SignatureScheme = SignatureScheme(header="X-Hub-Signature-256", prefix="sha256=")
    provider: Provider | None = Provider(
        name="github",
        delivery_id="X-GitHub-Delivery",
        event="X-GitHub-Event",
        attributes={"action": "/action", "hook_id": "X-GitHub-Hook-ID"},
        handshakes=(Handshake("X-GitHub-Event", "ping"),),
    )


class Stripe(HMACSignature):
    """Verifies webhooks of Stripe: docs.stripe.com/webhooks, "Verify webhook signatures manually"."""

    scheme: SignatureScheme = SignatureScheme(
        header="Stripe-Signature", signed="{timestamp}.{body}", prefix="v1=", separator=",", timestamp="t="
    )
    provider: Provider | None = Provider(
        name="stripe", delivery_id="/id", event="/type", timestamp="/created", attributes={"account": "/account"}
    )
    shortest_secret: ClassVar[int] = 38


class Slack(HMACSignature):
    """Verifies events of Slack: docs.slack.dev, "Verifying requests from Slack", "Using the Events API over HTTP"."""

    scheme: SignatureScheme = SignatureScheme(
        header="X-Slack-Signature", signed="v0:{timestamp}:{body}", prefix="v0=", timestamp="X-Slack-Request-Timestamp"
    )
    provider: Provider | None = Provider(
        name="slack",
        delivery_id="/event_id",
        event="/event/type",
        timestamp="/event_time",
        attributes={"type": "/type", "team_id": "/team_id", "api_app_id": "/api_app_id"},
        handshakes=(Handshake("/type", "url_verification", "/challenge"),),
    )
    shortest_secret: ClassVar[int] = 32


class Shopify(HMACSignature):
    """Verifies webhooks of Shopify: shopify.dev, "Deliver webhooks through HTTPS", "Webhook" of shopify-app-remix.

    Its event id is the same for all topics of one change, so the webhook id is what identifies a delivery.
    """

    scheme: SignatureScheme = SignatureScheme(header="X-Shopify-Hmac-Sha256", encoding="base64")
    provider: Provider | None = Provider(
        name="shopify",
        delivery_id="X-Shopify-Webhook-Id",
        event="X-Shopify-Topic",
        timestamp="X-Shopify-Triggered-At",
        attributes={
            "shop_domain": "X-Shopify-Shop-Domain",
            "api_version": "X-Shopify-API-Version",
            "event_id": "X-Shopify-Event-Id",
        },
    )
    shortest_secret: ClassVar[int] = 32


class Paddle(HMACSignature):
    """Verifies webhooks of Paddle Billing: developer.paddle.com/webhooks/signature-verification."""

    scheme: SignatureScheme = SignatureScheme(
        header="Paddle-Signature", signed="{timestamp}:{body}", prefix="h1=", separator=";", timestamp="ts="
    )
    provider: Provider | None = Provider(
        name="paddle",
        delivery_id="/event_id",
        event="/event_type",
        timestamp="/occurred_at",
        attributes={"notification_id": "/notification_id"},
    )
    shortest_secret: ClassVar[int] = 60


class Square(HMACSignature):
    """Verifies webhooks of Square: developer.squareup.com/docs/webhooks/step3validate."""

    scheme: SignatureScheme = SignatureScheme(header="x-square-hmacsha256-signature", signed="{url}{body}", encoding="base64")
    provider: Provider | None = Provider(
        name="square",
        delivery_id="/event_id",
        event="/type",
        timestamp="/created_at",
        attributes={"merchant_id": "/merchant_id", "data_type": "/data/type"},
    )
    shortest_secret: ClassVar[int] = 22


class PagerDuty(HMACSignature):
    """Verifies version 3 of PagerDuty's webhooks: docs.pagerduty.com/developer/verifying-webhook-signatures."""

    scheme: SignatureScheme = SignatureScheme(header="X-PagerDuty-Signature", prefix="v1=", separator=",")
    provider: Provider | None = Provider(
        name="pagerduty",
        delivery_id="/event/id",
        event="/event/event_type",
        timestamp="/event/occurred_at",
        attributes={"resource_type": "/event/resource_type"},
    )
    shortest_secret: ClassVar[int] = 64


class Zendesk(HMACSignature):
    """Verifies webhooks of Zendesk: developer.zendesk.com/documentation/webhooks, "Verifying", "Anatomy of a webhook request"."""

    scheme: SignatureScheme = SignatureScheme(
        header="X-Zendesk-Webhook-Signature",
        signed="{timestamp}{body}",
        encoding="base64",
        timestamp="X-Zendesk-Webhook-Signature-Timestamp",
        time_format="iso8601",
    )
    provider: Provider | None = Provider(
        name="zendesk",
        delivery_id="X-Zendesk-Webhook-Invocation-Id",
        event="/type",
        timestamp="X-Zendesk-Webhook-Signature-Timestamp",
        attributes={"account_id": "X-Zendesk-Account-Id", "webhook_id": "X-Zendesk-Webhook-Id"},
    )
    shortest_secret: ClassVar[int] = 44


class Linear(HMACSignature):
    """Verifies webhooks of Linear: linear.app/developers/webhooks, "Securing webhooks". The signed body has the time."""

    scheme: SignatureScheme = SignatureScheme(
        header="Linear-Signature", timestamp="/webhookTimestamp", time_format="milliseconds"
    )
    provider: Provider | None = Provider(
        name="linear",
        delivery_id="Linear-Delivery",
        event="/type",
        timestamp="/webhookTimestamp",
        attributes={"action": "/action", "webhook_id": "/webhookId"},
    )
