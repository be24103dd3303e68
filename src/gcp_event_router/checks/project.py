"""What `manage.py check` and `runserver` say of the project."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as Warn

from .. import auth
from ..exceptions import ConfigurationError
from ..router import events
from .registrations import check_router

__all__ = ["check_project"]


def check_project(**_: Any) -> list[CheckMessage]:
    """What is wrong with `events` and with the settings. Registered by `apps`."""
    return [*check_router(events), *_authenticators(), *_base_url()]


def _authenticators() -> Iterator[CheckMessage]:
    try:
        auth.configured()
    except ConfigurationError as error:
        yield Error(
            str(error),
            hint="Until then, every request fails.",
            obj='GCP_EVENT_ROUTER["AUTHENTICATION"]',
            id="gcp_event_router.E002",
        )


def _base_url() -> Iterator[CheckMessage]:
    if not getattr(settings, "BASE_URL", ""):
        yield Warn(
            "BASE_URL is not set, so get_event_url() cannot make absolute URLs.",
            hint='Write BASE_URL = "https://your-server.example" in your settings, or silence this check.',
            id="gcp_event_router.W001",
        )
