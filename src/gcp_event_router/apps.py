"""What happens when Django starts: settings read, handlers found, `events` connected, checks registered."""

from __future__ import annotations

from django.apps import AppConfig
from django.core import checks
from django.utils.module_loading import autodiscover_modules
from typing_extensions import override

from . import conf
from .checks import check_deployment, check_project
from .router import events

__all__ = ["GCPEventRouterConfig"]


class GCPEventRouterConfig(AppConfig):
    """The Django app `gcp_event_router`."""

    name = "gcp_event_router"

    @override
    def ready(self) -> None:
        """Import `event_handlers` of every installed app, then listen. Raises `ConfigurationError` for a wrong setting."""
        signals = conf.current().SIGNALS
        autodiscover_modules("event_handlers")
        for signal in signals:
            events.listen(signal)
        checks.register(check_project)
        checks.register(check_deployment, checks.Tags.security, deploy=True)
