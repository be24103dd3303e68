"""`manage.py inbox`: look at stored events, run them again, give them up, and delete them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.core.management.base import CommandError
from typing_extensions import override

from ....management.subcommands import CommandGroup, Subcommand
from ...database import database
from ...execution import AWAY
from ..changes import discard_deliveries, process_deliveries, purge_events, rename_handler, replay_deliveries
from ..reports import list_deliveries, print_stats, show_event


class Command(CommandGroup):
    """Exits with 1 if a delivery that was run is not done, or the database is away; with 2 for wrong arguments."""

    help: str = "Look at the events that the inbox keeps, run them again, give them up, and delete them."

    subcommands: ClassVar[Mapping[str, Subcommand]] = {
        "list": list_deliveries,
        "show": show_event,
        "replay": replay_deliveries,
        "discard": discard_deliveries,
        "rename": rename_handler,
        "stats": print_stats,
        "purge": purge_events,
        "process": process_deliveries,
    }

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        try:
            super().handle(*args, **options)
        except AWAY as error:
            text = f"The database {database()!r} cannot be asked ({type(error).__name__}). Is it there, and migrated?"
            raise CommandError(text) from error
