"""A token that says who runs a command, of the Google credentials of this machine. Called by `manage.py events send`."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.core.management.base import CommandError

from ...auth import configured

__all__ = ["identity_token"]

_INSTALL = "--identity needs google-auth and requests, which are not installed. pip install 'gcp-event-router[pubsub]'."


def identity_token(audience: str | None, url: str) -> str:
    """A token for an audience: the one that is given, or what the settings say of `auth.OIDC`.

    Raises `CommandError` where there are no credentials, or nothing says whom the token is for.
    """
    wanted = audience or _configured(url)
    try:
        google: Any = import_module("google.oauth2.id_token")
        request: Any = import_module("google.auth.transport.requests").Request()
        exceptions: Any = import_module("google.auth.exceptions")
    except ImportError as error:  # google-auth raises it for requests, with a text of its own
        raise CommandError(_INSTALL) from error
    try:
        return str(google.fetch_id_token(request, wanted))
    except (exceptions.GoogleAuthError, OSError, ValueError) as error:
        msg = (
            f"Google gives no token for the audience {wanted!r} ({type(error).__name__}). Set GOOGLE_APPLICATION_CREDENTIALS to "
            "a service account's key file; or make a token by gcloud auth print-identity-token, and give it as "
            '--header "Authorization: Bearer TOKEN".'
        )
        raise CommandError(msg) from error


def _configured(url: str) -> str:
    """The audience in the settings, if there is one."""
    for each in configured().authenticators or ():
        audiences: tuple[str, ...] = getattr(each, "audience", ())
        if audiences:
            return url.partition("?")[0] if audiences[0] == "event-url" else audiences[0]
    msg = "Nothing says whom the token is for: the settings name no auth.OIDC. Give --audience."
    raise CommandError(msg, returncode=2)
