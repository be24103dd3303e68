"""Signs tokens as Google does, with a key of the tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import timedelta
from time import time
from typing import Self
from uuid import uuid4


class TokenSigner:
    """Signs identity tokens. In its `with` block, `auth.OIDC` verifies tokens with its key instead of those at `certs_url`.

    Everything else about a token is checked as usual. Needs the extra `oidc`. A nested block replaces the key of the outer one
    until it ends.

    Raises:
        ImportError: The extra is not installed.

    """

    def __init__(self) -> None:
        try:
            from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415 -- an extra
        except ImportError as error:
            msg = "TokenSigner needs cryptography, which is not installed. pip install 'gcp-event-router[oidc]'."
            raise ImportError(msg) from error
        self.kid: str = uuid4().hex
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._served = ExitStack()

    def __enter__(self) -> Self:
        """Serve the key instead of others."""
        from ..auth.keys import key_set, serve_document  # noqa: PLC0415 -- an extra

        self._served.enter_context(serve_document(self.jwks()))
        key_set.cache_clear()
        self._served.callback(key_set.cache_clear)
        return self

    def __exit__(self, *_: object) -> None:
        """Serve other keys again, and forget the tokens that were accepted."""
        self._served.close()

    def token(self, *, email: str, audience: str, expires_in: timedelta = timedelta(hours=1), **claims: object) -> str:
        """Make a token as Google does for a service account.

        Args:
            email: The address of the service account.
            audience: The audience of the token.
            expires_in: How long the token is valid from now; negative for an expired one.
            claims: Claims that replace Google's; None removes a claim.

        """
        import jwt  # noqa: PLC0415 -- an extra

        now = int(time())
        all_claims: dict[str, object] = {
            "iss": "https://accounts.google.com",
            "aud": audience,
            "azp": "113774264463038321964",
            "sub": "113774264463038321964",
            "email": email,
            "email_verified": True,
            "iat": now,
            "exp": now + int(expires_in.total_seconds()),
            **claims,
        }
        payload = {name: value for name, value in all_claims.items() if value is not None}
        return jwt.encode(payload, self._key, algorithm="RS256", headers={"kid": self.kid})

    def headers(
        self, *, email: str, audience: str, expires_in: timedelta = timedelta(hours=1), **claims: object
    ) -> Mapping[str, str]:
        """Make the header with a `token`, for Django's test client: `client.post(url, ..., headers=signer.headers(...))`."""
        return {"Authorization": f"Bearer {self.token(email=email, audience=audience, expires_in=expires_in, **claims)}"}

    def jwks(self) -> bytes:
        """Make the key set document that verifies the tokens, for a key server of your own."""
        from jwt.algorithms import RSAAlgorithm  # noqa: PLC0415 -- an extra

        public = RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return json.dumps({"keys": [{**public, "kid": self.kid, "alg": "RS256", "use": "sig"}]}).encode()
