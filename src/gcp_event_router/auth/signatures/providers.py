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
    setup: ClassVar[str] = (
        "In the repository's Settings, Webhooks, Add webhook: the payload URL is {url}, the content type application/json, "
        "and the secret one of those in the settings."
    )


class Stripe(HMACSignature):
    """Verifies webhooks of Stripe: docs.stripe.com/webhooks, "Verify webhook signatures manually"."""

    scheme: SignatureScheme = SignatureScheme(
        header="Stripe-Signature", signed="{timestamp}.{body}", prefix="v1=", separator=",", timestamp="t="
    )
    provider: Provider | None = Provider(
        name="stripe", delivery_id="/id", event="/type", timestamp="/created", attributes={"account": "/account"}
    )
    setup: ClassVar[str] = (
        "In Workbench, Webhooks, create an event destination for the endpoint URL {url}; its signing secret goes into "
        "the settings."
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
    setup: ClassVar[str] = (
        "In the app's Event Subscriptions, the request URL is {url}; the signing secret in its Basic Information goes "
        "into the settings."
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
    setup: ClassVar[str] = (
        "Create the webhook for the URL {url} in JSON; the app's client secret, or the one that the shop's admin shows, "
        "goes into the settings."
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
    setup: ClassVar[str] = (
        "In Developer tools, Notifications, create a destination for the URL {url}; its secret key goes into the settings."
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
    setup: ClassVar[str] = (
        "In the Developer Console, Webhooks, add a subscription with the notification URL {url}; its signature key goes "
        "into the settings."
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
    setup: ClassVar[str] = (
        "In Integrations, Generic Webhooks (v3), create one for the URL {url}; the secret that is shown once goes into "
        "the settings."
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
    setup: ClassVar[str] = (
        "In the Admin Center, Webhooks, create one with the endpoint URL {url}, POST and JSON; its signing secret goes "
        "into the settings."
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
    setup: ClassVar[str] = "In Settings, API, create a webhook for the URL {url}; its signing secret goes into the settings."
