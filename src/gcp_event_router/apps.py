"""Starts the app: reads the settings, imports handlers, connects `events` and registers checks."""

from __future__ import annotations

from inspect import currentframe

from django.apps import AppConfig
from django.core import checks
from django.utils.module_loading import autodiscover_modules
from typing_extensions import override

from . import conf
from ._late import late_check
from .router import events


class GCPEventRouterConfig(AppConfig):
    """The Django app `gcp_event_router`."""

    name = "gcp_event_router"

    @override
    def ready(self) -> None:
        """Import `event_handlers` of every installed app, then listen.

        Raises `ConfigurationError` for an invalid setting, and for an authenticator that cannot be created, since the endpoint
        would reject every event. Management commands start anyway: `collectstatic` may run without secrets, and `check`,
        `migrate`, `test` and `runserver` report the authenticator as E002.
        """
        signals = conf.current().SIGNALS
        autodiscover_modules("event_handlers")
        for signal in signals:
            events.listen(signal)
        if not _is_command():
            from .auth.loading import configured  # noqa: PLC0415 -- commands that check nothing need no authenticators

            configured()
        checks.register(late_check(self.name, "check_project"))
        checks.register(late_check(self.name, "check_deployment"), checks.Tags.security, deploy=True)


def _is_command() -> bool:
    """Whether `manage.py` or `django-admin` starts Django."""
    frame = currentframe()
    while frame is not None:
        if frame.f_globals.get("__name__") == "django.core.management":
            return True
        frame = frame.f_back
    return False
