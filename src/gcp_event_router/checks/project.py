"""Checks of the project for `manage.py check` and `runserver`."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, Final

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as Warn

from .. import _check_ids as check_ids
from .. import auth, conf
from .._event_urls import configured_base_url
from ..exceptions import ConfigurationError
from ..router import events
from .catalogue import check_catalogue
from .handlers import check_router
from .misspelt_kinds import check_used_kinds
from .unimported import check_modules

#: How similar its name must be for a setting to be a misspelt one.
_ALIKE: Final = 0.85


def check_project(**_: Any) -> list[CheckMessage]:
    """Check `events` and the settings. Registered by `apps`."""
    return [
        *check_router(events),
        *_authenticators(),
        *_misspelt_setting(),
        *_base_url(),
        *_inbox(),
        *check_modules(),
        *check_used_kinds(),
        *check_catalogue(),
    ]


def _authenticators() -> Iterator[CheckMessage]:
    try:
        auth.configured()
    except ConfigurationError as error:
        yield Error(
            str(error),
            hint="Until then, every request fails.",
            obj='GCP_EVENT_ROUTER["AUTHENTICATION"]',
            id=check_ids.BROKEN_AUTHENTICATOR,
        )


def _misspelt_setting() -> Iterator[CheckMessage]:
    for name in get_close_matches(conf.NAME, {*dir(settings)} - {conf.NAME}, cutoff=_ALIKE):
        if isinstance(getattr(settings, name), dict):  # a URL or a name under a similar name is the project's own
            yield Warn(
                f"The setting {name} is not read here, though it resembles {conf.NAME}.",
                hint=f"Write {conf.NAME}; or silence this check, if something else reads it.",
                obj=name,
                id=check_ids.MISSPELT_SETTING,
            )


def _base_url() -> Iterator[CheckMessage]:
    try:
        base = configured_base_url() or ""
        what = f"{base!r}, which does not begin with 'https://'" if base else "not set"
    except ConfigurationError:
        base, what = "", f"{getattr(settings, 'BASE_URL', None)!r}, which is not a string"
    if not base.startswith(("https://", "http://")):
        yield Warn(
            f"BASE_URL is {what}, so get_event_url() cannot make absolute URLs.",
            hint='Write BASE_URL = "https://your-server.example" in your settings, or silence this check.',
            id=check_ids.BASE_URL,
        )


def _inbox() -> Iterator[CheckMessage]:
    """Check that the inbox is installed if handlers or settings need it."""
    if apps.is_installed("gcp_event_router.inbox"):
        return
    asked = [(registration.handler, registration.handler.options) for registration in events]
    handlers = [handler for handler, options in asked if options.needs_inbox]
    if handlers or getattr(settings, conf.NAME, {}).get("INBOX"):
        who = ", ".join(map(str, handlers)) or f'{conf.NAME}["INBOX"]'
        yield Warn(
            f"{who} asks for the inbox, which is not installed, so that events are handled as often as they are delivered.",
            hint='Add "gcp_event_router.inbox" to INSTALLED_APPS, and run manage.py migrate.',
            id=check_ids.INBOX_NOT_INSTALLED,
        )
