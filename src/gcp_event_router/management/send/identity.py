"""A token of this machine's Google credentials, which says who runs a command. Called by `manage.py events send`."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.core.management.base import CommandError

from ...auth import configured


def identity_token(audience: str | None, url: str) -> str:
    """A token for an audience, or else for the one that the settings give `auth.OIDC`. Raises `CommandError`."""
    if not audience:
        audiences = [name for each in configured().authenticators or () for name in getattr(each, "audience", ())]
        if not audiences:
            msg = "Nothing says whom the token is for: the settings name no auth.OIDC. Give --audience."
            raise CommandError(msg, returncode=2)
        audience = url.partition("?")[0] if audiences[0] == "event-url" else audiences[0]
    try:
        google: Any = import_module("google.oauth2.id_token")
        request: Any = import_module("google.auth.transport.requests").Request()
        exceptions: Any = import_module("google.auth.exceptions")
    except ImportError as error:  # google-auth raises it for requests, with a text of its own
        msg = "--identity needs google-auth and requests, which are not installed. pip install 'gcp-event-router[pubsub]'."
        raise CommandError(msg) from error
    try:
        return str(google.fetch_id_token(request, audience))
    except (exceptions.GoogleAuthError, OSError, ValueError) as error:
        msg = (
            f"Google gives no token for the audience {audience!r} ({type(error).__name__}). Set GOOGLE_APPLICATION_CREDENTIALS "
            "to a service account's key file; or make a token by gcloud auth print-identity-token, and give it as "
            '--header "Authorization: Bearer TOKEN".'
        )
        raise CommandError(msg) from error
