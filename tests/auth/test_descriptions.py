"""What the authenticators say of themselves: in the AsyncAPI document, in the catalogue, and beside a curl command."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from gcp_event_router.auth import OIDC, GitHub, HMACSignature, SignatureScheme, Slack
from gcp_event_router.auth.base import CurlHint

from ..support.issuers import ACCOUNT, AUDIENCE

SECRETS = ["0c4a8a0c12a7b3c9f3d1f1f2b2e1a9d0"]
OWN = HMACSignature(secrets=SECRETS, scheme=SignatureScheme(header="X-Sig"))


def test_security_scheme_of_tokens() -> None:
    """OIDC takes JWTs in the header Authorization, for one of its audiences."""
    oidc = OIDC(service_accounts=[ACCOUNT], audience=[AUDIENCE, "https://other.example"])
    description = f"A token that Google signed, for the audience {AUDIENCE} or https://other.example."
    described = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": description}

    assert oidc.security_scheme() == ("oidc", described)


@pytest.mark.parametrize(
    ("signature", "name", "header", "signed"),
    [
        (OWN, "signature", "X-Sig", "{body}"),
        (GitHub(secrets=SECRETS), "githubSignature", "X-Hub-Signature-256", "{body}"),
        (Slack(secrets=SECRETS), "slackSignature", "X-Slack-Signature", "v0:{timestamp}:{body}"),
    ],
    ids=["own", "github", "slack"],
)
def test_security_scheme_of_signatures(signature: HMACSignature, name: str, header: str, signed: str) -> None:
    """A signature is named after its provider, and stands in a header."""
    description = f"An HMAC of {signed}, with a secret that sender and site share."
    described = {"type": "httpApiKey", "in": "header", "name": header, "description": description}

    assert signature.security_scheme() == (name, described)


def test_facts() -> None:
    """Several audiences and accounts stand in a row; a signature with a time has its tolerance."""
    oidc = OIDC(service_accounts=["b@b.example", "a@b.example"], audience=["https://b.example", "https://a.example"])

    assert [*oidc.public_facts()] == [
        ("audience", "https://b.example, https://a.example"),
        ("service accounts", "a@b.example, b@b.example"),
    ]
    assert [*OWN.public_facts()] == [("header", "X-Sig"), ("signed", "{body}")]
    assert [*Slack(secrets=SECRETS, tolerance=timedelta(minutes=2)).public_facts()] == [
        ("provider", "slack"),
        ("header", "X-Slack-Signature"),
        ("signed", "v0:{timestamp}:{body}"),
        ("tolerance", "0:02:00"),
    ]


@pytest.mark.parametrize(
    ("audience", "shown"),
    [
        (AUDIENCE, AUDIENCE),
        (["https://a.example", "event-url"], "https://a.example"),
        ("event-url", "'https://shop.example/events/k/r?a=1'"),
        (["event-url", "https://a.example"], "'https://shop.example/events/k/r?a=1'"),
        ("any audience", "'any audience'"),
    ],
)
def test_curl_hint_of_tokens(settings: Any, audience: Any, shown: str) -> None:
    """The token, which gcloud makes, is for the first audience and of the first account; a shell reads both as they are."""
    settings.BASE_URL = "https://shop.example"
    oidc = OIDC(service_accounts=["b@b.example", "a'@b.example"], audience=audience)
    options = f"""--impersonate-service-account='a'"'"'@b.example' --include-email --audiences={shown}"""
    header = f"Authorization: Bearer $(gcloud auth print-identity-token {options})"

    assert oidc.curl_hint("https://shop.example/events/k/r?a=1") == CurlHint(
        "with a token of Google's", "You have to be allowed to impersonate that service account.", header
    )


def test_curl_hint_of_signatures() -> None:
    """Curl cannot sign; `events send` can, for a provider that it knows."""
    alone = "curl cannot sign a body. Add the header X-Sig with its signature."

    assert OWN.curl_hint("https://shop.example/") == CurlHint("for HMACSignature", alone)
    assert GitHub(secrets=SECRETS).curl_hint("https://shop.example/") == CurlHint(
        "signed for GitHub", "curl cannot sign a body.", provider="github"
    )
