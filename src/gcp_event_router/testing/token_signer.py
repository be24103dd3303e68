"""Tokens as Google signs them, signed with a key of the tests' own. Called by the tests of projects."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import timedelta
from time import time
from types import TracebackType
from typing import Self
from uuid import uuid4


class TokenSigner:
    """Signs identity tokens, and lets `auth.OIDC` verify them while it is entered.

    In its `with` block, its key takes the place of Google's; everything else about a token is checked as ever. Needs the extra
    `oidc`. One block at a time: a nested one takes the place of the outer one's key, until it ends.
    """

    def __init__(self) -> None:
        from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415 -- an extra

        self.kid: str = uuid4().hex
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._served = ExitStack()

    def __enter__(self) -> Self:
        """Serve the key in the place of Google's."""
        from ..auth.keys import GOOGLE, key_set, serve_document  # noqa: PLC0415 -- an extra

        self._served.enter_context(serve_document(GOOGLE, self.jwks()))
        key_set.cache_clear()
        self._served.callback(key_set.cache_clear)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Serve Google's keys again; tokens that were accepted meanwhile are not, any more."""
        self._served.close()

    def token(self, *, email: str, audience: str, expires_in: timedelta = timedelta(hours=1), **claims: object) -> str:
        """A token as Google makes it for a service account.

        Args:
            email: The address of the service account.
            audience: Whom the token is for.
            expires_in: How long from now it is valid; negative for one that has expired.
            claims: Take the place of what Google would claim; None leaves a claim out.

        """
        import jwt  # noqa: PLC0415 -- an extra

        now = int(time())
        claimed: dict[str, object] = {
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
        kept = {name: value for name, value in claimed.items() if value is not None}
        return jwt.encode(kept, self._key, algorithm="RS256", headers={"kid": self.kid})

    def headers(
        self, *, email: str, audience: str, expires_in: timedelta = timedelta(hours=1), **claims: object
    ) -> Mapping[str, str]:
        """The header that carries a `token`, for Django's test client: `client.post(url, ..., headers=signer.headers(...))`."""
        return {"Authorization": f"Bearer {self.token(email=email, audience=audience, expires_in=expires_in, **claims)}"}

    def jwks(self) -> bytes:
        """The key set document that verifies the tokens, for a key server of your own."""
        from jwt.algorithms import RSAAlgorithm  # noqa: PLC0415 -- an extra

        public = RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return json.dumps({"keys": [{**public, "kid": self.kid, "alg": "RS256", "use": "sig"}]}).encode()
