"""Gets tokens like those of Google's senders: from Google, or from this machine's `events issuer`."""

from __future__ import annotations

from http.client import HTTPException
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlencode, urljoin, urlsplit
from urllib.request import ProxyHandler, build_opener

from django.core.management.base import CommandError

from ..auth import configured
from .arguments import refuse

if TYPE_CHECKING:
    from ..auth import OIDC

_TIMEOUT = 5.0


def configured_oidc() -> OIDC | None:
    """Return the first `auth.OIDC` in the settings. Raises `ConfigurationError`."""
    found: Any = [one for one in configured().authenticators or () if hasattr(one, "certs_url")]
    return found[0] if found else None  # its class needs an extra, so it is not imported for this


def local_url(oidc: OIDC) -> SplitResult | None:
    """Return the URL of an authenticator's keys, if this machine serves it without TLS."""
    parts = urlsplit(oidc.certs_url)
    return parts if parts.scheme == "http" else None  # `auth.OIDC` takes no other one without TLS


def identity_token(audience: str | None, url: str) -> str:
    """Get a token for a request to a URL, by default for the audience of `auth.OIDC` in the settings.

    The issuer of this machine signs it, if the settings take their keys from there, or else this machine's Google credentials.
    """
    oidc = configured_oidc()
    if not audience:
        if oidc is None:
            refuse("The settings have no auth.OIDC, so the token has no audience. Give --audience.")
        audience = url if oidc.audience[0] == "event-url" else oidc.audience[0]
    return _google_token(audience) if oidc is None or local_url(oidc) is None else _local_token(oidc.certs_url, audience)


def _local_token(certs_url: str, audience: str) -> str:
    url = urljoin(certs_url, f"token?{urlencode({'audience': audience})}")
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=_TIMEOUT) as response:
            return str(response.read(8192), "ascii").strip()
    except (OSError, HTTPException, ValueError) as error:
        msg = (
            f"The issuer of OIDC's certs_url {certs_url} gives no token ({type(error).__name__}). Start it in another terminal: "
            "manage.py events issuer."
        )
        raise CommandError(msg) from error


def _google_token(audience: str) -> str:
    try:
        request: Any = import_module("google.auth.transport.requests").Request()
        return str(import_module("google.oauth2.id_token").fetch_id_token(request, audience))
    except Exception as error:  # an ImportError, and whatever the library and the network raise
        msg = (
            f"Google issues no token for the audience {audience!r} ({type(error).__name__}). Install "
            "gcp-event-router[pubsub], and set GOOGLE_APPLICATION_CREDENTIALS to a service account's key file; or get a token "
            'from gcloud auth print-identity-token, and give --header "Authorization: Bearer TOKEN".'
        )
        raise CommandError(msg) from error
