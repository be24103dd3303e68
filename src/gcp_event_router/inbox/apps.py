"""The Django app of the inbox."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.core import checks
from typing_extensions import override

from .._boxes.lineage import register
from .._dispatch.store import set_history, set_store


class InboxConfig(AppConfig):
    """The Django app `gcp_event_router.inbox`."""

    name: str = "gcp_event_router.inbox"
    label: str = "gcp_event_inbox"
    verbose_name: str = "Event inbox"  # pyright: ignore[reportIncompatibleVariableOverride] -- as in Django's documentation
    default_auto_field: str = "django.db.models.BigAutoField"  # pyright: ignore[reportIncompatibleVariableOverride] -- as above

    @override
    def ready(self) -> None:
        """Plug in the store and the history, and register the checks."""
        from .history import InboxHistory  # noqa: PLC0415 -- needs models
        from .relatives import InboxRelatives  # noqa: PLC0415 -- as above
        from .store import InboxStore  # noqa: PLC0415 -- as above

        set_store(InboxStore())
        set_history(InboxHistory())
        register("inbox", InboxRelatives())
        checks.register(_check_inbox)
        checks.register(_check_deliveries, checks.Tags.database)
        checks.register(_check_tables, checks.Tags.database, deploy=True)  # not for `migrate`, which creates the tables


def _check_inbox(**options: Any) -> list[checks.CheckMessage]:
    from .checks import check_inbox  # noqa: PLC0415 -- a server runs no checks

    return check_inbox(**options)


def _check_deliveries(**options: Any) -> list[checks.CheckMessage]:
    from .checks import check_deliveries  # noqa: PLC0415 -- as above

    return check_deliveries(**options)


def _check_tables(**options: Any) -> list[checks.CheckMessage]:
    from .checks import check_tables  # noqa: PLC0415 -- as above

    return check_tables(**options)
