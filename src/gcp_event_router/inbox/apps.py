"""The Django app of the inbox."""

from __future__ import annotations

from django.apps import AppConfig
from django.core import checks
from typing_extensions import override

from .._boxes.lineage import Relatives, register
from .._dispatch.store import History, set_history, set_store
from .._late import late_check


class InboxConfig(AppConfig):
    """The Django app `gcp_event_router.inbox`."""

    name: str = "gcp_event_router.inbox"
    label: str = "gcp_event_inbox"
    verbose_name: str = "Event inbox"  # pyright: ignore[reportIncompatibleVariableOverride] -- as in Django's documentation
    default_auto_field: str = "django.db.models.BigAutoField"  # pyright: ignore[reportIncompatibleVariableOverride] -- as above

    @override
    def ready(self) -> None:
        """Plug in the store and the history, and register the checks."""
        from .store import InboxStore  # noqa: PLC0415 -- needs models

        set_store(InboxStore())
        set_history(load_history)
        register("inbox", _load_relatives)
        checks.register(late_check(self.name, "check_inbox"))
        checks.register(late_check(self.name, "check_deliveries"), checks.Tags.database)
        # not for `migrate`, which creates the tables
        checks.register(late_check(self.name, "check_tables"), checks.Tags.database, deploy=True)


def load_history() -> History:
    """Make the inbox's history."""
    from .history import InboxHistory  # noqa: PLC0415 -- needs models, and only the catalogue needs it

    return InboxHistory()


def _load_relatives() -> Relatives:
    from .relatives import InboxRelatives  # noqa: PLC0415 -- as above, and only the admin does

    return InboxRelatives()
