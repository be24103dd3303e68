"""The Django app of the outbox."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.core import checks
from typing_extensions import override

from .._boxes.lineage import register
from ..publishing import set_outbox


class OutboxConfig(AppConfig):
    """The Django app `gcp_event_router.outbox`."""

    name: str = "gcp_event_router.outbox"
    label: str = "gcp_event_outbox"
    verbose_name: str = "Event outbox"  # pyright: ignore[reportIncompatibleVariableOverride] -- as in Django's documentation
    default_auto_field: str = "django.db.models.BigAutoField"  # pyright: ignore[reportIncompatibleVariableOverride] -- as above

    @override
    def ready(self) -> None:
        """Plug the outbox into `Kind.publish`, and register the checks."""
        from .outgoing_relatives import OutboxRelatives  # noqa: PLC0415 -- needs models
        from .store import OutboxStore  # noqa: PLC0415 -- as above

        set_outbox(OutboxStore())
        register("outbox", OutboxRelatives())
        checks.register(_check_outbox)
        checks.register(_check_events, checks.Tags.database)
        checks.register(_check_outbox_tables, checks.Tags.database, deploy=True)  # not for `migrate`, which creates the tables


def _check_outbox(**options: Any) -> list[checks.CheckMessage]:
    from .checks import check_outbox  # noqa: PLC0415 -- a server runs no checks

    return check_outbox(**options)


def _check_events(**options: Any) -> list[checks.CheckMessage]:
    from .checks import check_events  # noqa: PLC0415 -- as above

    return check_events(**options)


def _check_outbox_tables(**options: Any) -> list[checks.CheckMessage]:
    from .checks import check_outbox_tables  # noqa: PLC0415 -- as above

    return check_outbox_tables(**options)
