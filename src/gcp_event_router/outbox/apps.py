"""The Django app of the outbox."""

from __future__ import annotations

from django.apps import AppConfig
from django.core import checks
from typing_extensions import override

from .._boxes.lineage import Relatives, register
from .._late import late_check
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
        from .store import OutboxStore  # noqa: PLC0415 -- needs models

        set_outbox(OutboxStore())
        register("outbox", _load_relatives)
        checks.register(late_check(self.name, "check_outbox"))
        checks.register(late_check(self.name, "check_events"), checks.Tags.database)
        # not for `migrate`, which creates the tables
        checks.register(late_check(self.name, "check_outbox_tables"), checks.Tags.database, deploy=True)


def _load_relatives() -> Relatives:
    from .outgoing_relatives import OutboxRelatives  # noqa: PLC0415 -- needs models, and only the admin needs it

    return OutboxRelatives()
