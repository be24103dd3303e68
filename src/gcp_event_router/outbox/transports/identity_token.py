"""Gets OIDC tokens for the identity of this process's Google credentials, and keeps each until shortly before it expires."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from threading import Lock
from typing import Any

from ...exceptions import ConfigurationError


class IdentityToken:
    """A token for one audience; several threads may ask for it."""

    def __init__(self, audience: str, timeout: float) -> None:
        self._audience = audience
        self._timeout = timeout
        self._credentials: Any = None
        self._request: Any = None
        self._lock = Lock()

    def text(self) -> str:
        """Return the token, a new one if the last is about to expire.

        Raises:
            ConfigurationError: The package google-auth is not installed, or the environment has no credentials that issue tokens.
            google.auth.exceptions.GoogleAuthError: Google issues no token now.

        """
        with self._lock:
            credentials = self._credentials = self._credentials or self._find_credentials()
            if not credentials.valid:
                credentials.refresh(self._request)
            return str(credentials.token)

    def _find_credentials(self) -> Any:
        try:
            id_token: Any = import_module("google.oauth2.id_token")
            transport: Any = import_module("google.auth.transport.requests")
            unusable: type[Exception] = import_module("google.auth.exceptions").DefaultCredentialsError
        except ImportError as error:
            msg = "HTTP(audience=...) needs google-auth, which is not installed: pip install 'gcp-event-router[pubsub]'."
            raise ConfigurationError(msg) from error
        self._request = partial(transport.Request(), timeout=self._timeout)
        try:
            return id_token.fetch_id_token_credentials(self._audience, self._request)
        except unusable as error:
            msg = (
                f"HTTP(audience={self._audience!r}) needs Google credentials that issue tokens, and there are none. Run on "
                "Google Cloud with a service account, or name a service account's key file in GOOGLE_APPLICATION_CREDENTIALS."
            )
            raise ConfigurationError(msg) from error
