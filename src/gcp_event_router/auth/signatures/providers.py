"""The data of each provider, with the page of its documentation that states them."""

from __future__ import annotations

from typing import ClassVar

from ...envelopes import Handshake, Provider
from .hmac_signature import HMACSignature
from .scheme import SignatureScheme


class GitHub(HMACSignature):
    """Verifies webhooks of GitHub: docs.github.com, "Validating webhook deliveries", "Webhook events and payloads"."""

    scheme = SignatureScheme(header="X-Hub-Signature-256", prefix="sha256=")
    provider = Provider(
        name="github",
        delivery_id="X-GitHub-Delivery",
        event="X-GitHub-Event",
        attributes={"action": "/action", "hook_id": "X-GitHub-Hook-ID"},
        handshakes=(Handshake("X-GitHub-Event", "ping"),),
    )


class Stripe(HMACSignature):
    """Verifies webhooks of Stripe: docs.stripe.com/webhooks, "Verify webhook signatures manually"."""

    scheme = SignatureScheme(header="Stripe-Signature", signed="{timestamp}.{body}", prefix="v1=", separator=",", timestamp="t=")
    provider = Provider(name="stripe", delivery_id="/id", event="/type", timestamp="/created", attributes={"account": "/account"})
    shortest_secret: ClassVar[int] = 32
