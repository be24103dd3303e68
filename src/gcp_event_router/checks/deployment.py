"""What `manage.py check --deploy` adds: whether the endpoint is closed, and whether events reach it."""

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
    """What is wrong with the endpoints for a deployment. Registered by `apps`."""
    mounted = endpoints()
    found: list[CheckMessage] = []
    if not mounted or any(each.authentication is None for each in mounted):
        found += _settings()
    for each in mounted:
        found += [*_own(each), *_redirects(each)]
    return found if mounted else [*found, *_unmounted()]


def _unmounted() -> Iterator[CheckMessage]:
    """Whether handlers wait for an endpoint that there is not; another package's, whose signal they listen to, would do."""
    if len(events) and getattr(settings, "ROOT_URLCONF", None) and conf.current().SIGNALS == (conf.OWN_SIGNAL,):
        yield Warn(
            "Handlers are registered, and no URL leads to the events endpoint, so what is pushed is answered 404.",
            hint="Add path('', include('gcp_event_router.urls')) to your urlpatterns; or silence this check, if all is pulled.",
            id=check_ids.NO_ENDPOINT,
        )


def _settings() -> Iterator[CheckMessage]:
    """Whether the settings close the chain."""
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
        return  # the check of the settings says it
    if not authenticators:
        yield Error(
            'The events endpoint is open: GCP_EVENT_ROUTER["AUTHENTICATION"] is empty, so anybody can send events.',
            hint=_NAME_ONE,
            id=check_ids.OPEN_ENDPOINT,
        )
    yield from _options(authenticators)


def _own(endpoint: Endpoint) -> Iterator[CheckMessage]:
    """Whether an endpoint that has authenticators of its own closes its door with them."""
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
    """What authenticators say of their own options."""
    for each in authenticators:
        yield from getattr(each, "check_deployment", tuple)()


def _redirects(endpoint: Endpoint) -> Iterator[CheckMessage]:
    """Whether Django answers a push with a redirect, which its sender takes for a failure and does not follow."""
    if (
        settings.SECURE_SSL_REDIRECT
        and settings.SECURE_PROXY_SSL_HEADER is None
        and "django.middleware.security.SecurityMiddleware" in settings.MIDDLEWARE
        and not any(re.search(each, endpoint.path.lstrip("/")) for each in settings.SECURE_REDIRECT_EXEMPT)
    ):
        yield Warn(
            f"SECURE_SSL_REDIRECT answers events at {endpoint.path} with a redirect, if a proxy takes the TLS off: "
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
            hint='Have the pattern match both: re_path(r"^...(?P<event_kind>[^/]+)/(?P<event_reference>[^/]+)/?\\Z", ...).',
            id=check_ids.APPENDED_SLASH,
        )
