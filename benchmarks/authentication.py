"""Measures the verification of a token, compared with PyJWT's own `jwt.decode` and a loaded key; run by `make bench`.

RS256 with a 2048-bit key, a token like Google's, keys fetched before. The benchmark fails if anything fetches keys during a
measurement. It prints figures without asserting them: only the ratios mean something.
"""

from __future__ import annotations

# ruff: noqa: E402 -- Django's settings come before its imports
import asyncio
import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Never
from urllib.request import OpenerDirector

sys.path.insert(0, str(Path(__file__).parent))

from django.conf import settings
from measure import compare, header

settings.configure(SECRET_KEY="not secret", BASE_URL="https://shop.example")

import jwt
from django.test import RequestFactory

from gcp_event_router import _url_signing
from gcp_event_router.auth import OIDC, SharedToken, SignedURL
from gcp_event_router.testing import TokenSigner

AUDIENCE = "https://shop.example"
SENDER = "sender@my-project.iam.gserviceaccount.com"


def unreachable(*_: object, **__: object) -> Never:
    """Replaces the network."""
    msg = "something is fetched while it is measured"
    raise RuntimeError(msg)


def main() -> None:
    """Print the table."""
    header("PyJWT", "cryptography")
    OpenerDirector.open = unreachable  # type: ignore[method-assign]  # nothing may be fetched while time is taken
    with TokenSigner() as signer:
        token = signer.token(email=SENDER, audience=AUDIENCE)
        key = jwt.PyJWKSet.from_dict(json.loads(signer.jwks()))[signer.kid]
        request = RequestFactory().post("/events/k/r", headers={"Authorization": f"Bearer {token}"})
        oidc = OIDC(service_accounts=[SENDER], audience=AUDIENCE)
        forgetful = OIDC(service_accounts=[SENDER], audience=AUDIENCE)
        event_url = OIDC(service_accounts=[SENDER], audience="event-url")
        own = signer.token(email=SENDER, audience=f"{AUDIENCE}/events/k/r")
        at_event_url = RequestFactory().post("/events/k/r?a=1", headers={"Authorization": f"Bearer {own}"})

        def decode() -> object:
            return jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                audience=AUDIENCE,
                issuer="https://accounts.google.com",
                options={"require": ["exp", "iat", "aud", "iss", "email", "email_verified"]},
            )

        def first() -> object:
            forgetful._accepted.clear()  # pyright: ignore[reportPrivateUsage] -- so that each token is new
            return forgetful.authenticate(request)

        def repeated() -> object:
            return oidc.authenticate(request)

        assert first() == repeated() is not None
        compare(
            f"A token of {len(token)} bytes",
            {
                "jwt.decode, key loaded, six claims required": decode,
                "OIDC, a token's first check": first,
                "OIDC, repeated": repeated,
                'OIDC, repeated, audience "event-url"': lambda: event_url.authenticate(at_event_url),
            },
        )
        assert asyncio.run(oidc.aauthenticate(request)) is not None

    shared = SharedToken(tokens=["a" * 32, "b" * 32], header="X-Shop-Token")
    with_token = RequestFactory().post("/events/k/r", headers={"X-Shop-Token": "b" * 32})
    signed = SignedURL()
    parameters = {"warehouse": ["3"]}
    signature = _url_signing.sign("/events/k/r", parameters, timedelta(hours=1), single_use=False)
    with_signature = RequestFactory().post(f"/events/k/r?warehouse=3&signature={signature}")
    compare(
        "The others",
        {
            "SharedToken, the second of two": lambda: shared.authenticate(with_token),
            "SignedURL": lambda: signed.authenticate(with_signature),
        },
    )


if __name__ == "__main__":
    main()
