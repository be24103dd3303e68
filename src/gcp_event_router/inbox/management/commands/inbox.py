"""`manage.py inbox`: shows stored events, runs, discards and renames their deliveries, and deletes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from typing_extensions import override

from ...._boxes.box_command import BoxCommand
from ....management.subcommands import Subcommand
from ...database import database
from ..changes import discard_deliveries, erase_events, process_deliveries, purge_events, rename_handler, replay_deliveries
from ..reports import list_deliveries, print_stats, show_event


class Command(BoxCommand):
    """Exits with 1 if a delivery did not succeed, or the database is unavailable; with 2 for wrong arguments."""

    help: str = "Show the events that the inbox stores, run or discard their deliveries, and delete or erase events."

    box: ClassVar[str] = "inbox"
    app: ClassVar[str] = "gcp_event_inbox"
    subcommands: ClassVar[Mapping[str, Subcommand]] = {
        "list": list_deliveries,
        "show": show_event,
        "replay": replay_deliveries,
        "discard": discard_deliveries,
        "rename": rename_handler,
        "stats": print_stats,
        "purge": purge_events,
        "erase": erase_events,
        "process": process_deliveries,
    }

    @override
    def alias(self) -> str:
        return database()
