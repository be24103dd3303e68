"""Checks for `manage.py check --deploy`: is the endpoint closed, and do events reach it?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as Warn
from django.urls import is_valid_path

from .. import _check_ids as check_ids
from .. import auth, conf
from ..exceptions import ConfigurationError
from ..router import events
from .endpoints import Endpoint, endpoints

_NAME_ONE = 'Name an authenticator: "AUTHENTICATION": [{"BACKEND": "gcp_event_router.auth.OIDC", "OPTIONS": {...}}].'


def check_deployment(**_: Any) -> list[CheckMessage]:
    """Check the endpoints for a deployment. Registered by `apps`."""
    mounted = endpoints()
    messages: list[CheckMessage] = []
    if not mounted or any(endpoint.authentication is None for endpoint in mounted):
        messages += _settings()
    for endpoint in mounted:
        messages += [*_own(endpoint), *_redirects(endpoint)]
    return messages if mounted else [*messages, *_unmounted()]


def _unmounted() -> Iterator[CheckMessage]:
    """Check that handlers have an endpoint, unless they listen to the signal of another package."""
    if len(events) and getattr(settings, "ROOT_URLCONF", None) and conf.current().SIGNALS == (conf.OWN_SIGNAL,):
        yield Warn(
            "Handlers are registered, but no URL leads to the events endpoint, so the site answers pushes with 404.",
            hint="Add path('', include('gcp_event_router.urls')) to your urlpatterns; "
            "or silence this check if you only pull events.",
            id=check_ids.NO_ENDPOINT,
        )


def _settings() -> Iterator[CheckMessage]:
    """Check that the settings close the endpoint."""
    if conf.current().AUTHENTICATION is None:
        yield Error(
            "The events endpoint has no authentication, so it answers 403 to everybody.",
            hint=_NAME_ONE,
            id=check_ids.CLOSED_ENDPOINT,
        )
        return
    try:
        authenticators = auth.configured().authenticators or ()
    except ConfigurationError:
        return  # the check of the settings reports it
    if not authenticators:
        yield Error(
            'The events endpoint is open: GCP_EVENT_ROUTER["AUTHENTICATION"] is empty, so anybody can send events.',
            hint=_NAME_ONE,
            id=check_ids.OPEN_ENDPOINT,
        )
    yield from _options(authenticators)


def _own(endpoint: Endpoint) -> Iterator[CheckMessage]:
    """Check an endpoint whose view has its own authenticators."""
    if endpoint.authentication is None:
        return
    if not endpoint.authentication:
        yield Error(
            f"The events endpoint at {endpoint.path} is open: its view has authentication=[], so anybody can send events.",
            hint="Give as_view() an authenticator, or leave authentication out for the one in the settings.",
            id=check_ids.OPEN_VIEW,
        )
    yield from _options(endpoint.authentication)


def _options(authenticators: Sequence[auth.Authenticator]) -> Iterator[CheckMessage]:
    """Let authenticators check their own options."""
    for authenticator in authenticators:
        yield from getattr(authenticator, "check_deployment", tuple)()


def _redirects(endpoint: Endpoint) -> Iterator[CheckMessage]:
    """Check that Django does not redirect a push: its sender does not follow, and takes a redirect for a failure."""
    if (
        settings.SECURE_SSL_REDIRECT
        and settings.SECURE_PROXY_SSL_HEADER is None
        and "django.middleware.security.SecurityMiddleware" in settings.MIDDLEWARE
        and not any(re.search(pattern, endpoint.path.lstrip("/")) for pattern in settings.SECURE_REDIRECT_EXEMPT)
    ):
        yield Warn(
            f"SECURE_SSL_REDIRECT answers events at {endpoint.path} with a redirect, if a proxy terminates TLS: "
            "without SECURE_PROXY_SSL_HEADER, Django cannot know that they came over https.",
            hint='On Google Cloud, write SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https").',
            id=check_ids.SSL_REDIRECT,
        )
    if (
        settings.APPEND_SLASH
        and "django.middleware.common.CommonMiddleware" in settings.MIDDLEWARE
        and endpoint.path.endswith("/")
        and not is_valid_path(endpoint.path.rstrip("/"))
    ):
        yield Warn(
            f"APPEND_SLASH answers events at {endpoint.path.rstrip('/')} with a redirect to {endpoint.path}.",
            hint='Let the pattern match both: re_path(r"^...(?P<event_kind>[^/]+)/(?P<event_reference>[^/]+)/?\\Z", ...).',
            id=check_ids.APPENDED_SLASH,
        )
