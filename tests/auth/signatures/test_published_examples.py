"""The signatures that providers publish in their documentation, or test their own libraries with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from gcp_event_router import Principal, auth
from gcp_event_router.auth import HMACSignature, StandardWebhooks
from gcp_event_router.exceptions import AuthenticationError

from ...support.signatures import EXAMPLES, Signed, each_example, refusal, stop_clock, verify

PROVIDERS = {
    name
    for name, value in ((name, getattr(auth, name)) for name in auth.__all__)
    if isinstance(value, type) and issubclass(value, HMACSignature) and value is not HMACSignature
}


def test_each_provider_has_an_example() -> None:
    """No provider is without one."""
    assert {example.provider for example in EXAMPLES} == PROVIDERS


@each_example
def test_example(example: Signed, monkeypatch: pytest.MonkeyPatch) -> None:
    """The published signature is accepted at the time that it was made, with the secret among others."""
    stop_clock(monkeypatch, example.at)
    authenticator = example.authenticator()
    assert authenticator.provider is not None
    assert verify(example) == Principal(authenticator.provider.name)
    other = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    assert verify(example, example.authenticator(secrets=[other, example.secret])) is not None
    with pytest.raises(AuthenticationError):
        verify(example, example.authenticator(secrets=[other]))


@pytest.mark.parametrize("example", [example for example in EXAMPLES if not example.secret.startswith("whpk_")])
def test_signing(example: Signed) -> None:
    """`sign` makes the published headers, but for items of other versions, which are not verified."""
    header = example.authenticator().scheme.header
    published = dict(example.headers)
    for unverified in (",v0=63f3a72374a733066c4be69ed7f8e5ac85c22c9f0a6a612ab9a025a9e4ee7eef", "h1=dummy;"):
        published[header] = published[header].replace(unverified, "")
    assert example.signed_again(example.authenticator()).headers == published


@each_example
def test_tolerance(example: Signed, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request is refused outside of the tolerance, on both sides, by each provider that signs a time."""
    authenticator = example.authenticator(tolerance=timedelta(seconds=30))
    reasons: list[str | None] = []
    for skew in (-31, -29, 0, 29, 31):
        stop_clock(monkeypatch, example.at + skew)
        reasons.append(refusal(example, authenticator))
    signs_time = bool(authenticator.scheme.timestamp)
    assert signs_time == (example.provider not in {"GitHub", "Shopify", "Twilio", "Square", "PagerDuty"})
    too_far = "the signature's time is too far from ours" if signs_time else None
    assert reasons == [too_far, None, None, None, too_far]


SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.mark.parametrize("body", [b"{}", b'{"test": 2432232314}', "\N{SNOWMAN}".encode(), b""])
def test_standard_webhooks_agree(body: bytes) -> None:
    """The package standardwebhooks accepts what we sign, we accept what it signs, and both refuse another body."""
    now = datetime.now(UTC)
    ours = StandardWebhooks(secrets=[SECRET])
    headers = ours.sign(body, message_id="msg_1", at=now)
    theirs = Webhook(SECRET)
    theirs.verify(body, headers, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        theirs.verify(body + b" ", headers, json_parse=False)
    assert headers["webhook-signature"] == theirs.sign("msg_1", now, body.decode())
    assert verify(Signed("StandardWebhooks", SECRET, body, headers)) == Principal("standard-webhooks")
    with pytest.raises(AuthenticationError):
        verify(Signed("StandardWebhooks", SECRET, body + b" ", headers))
