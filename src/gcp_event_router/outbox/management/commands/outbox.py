"""`manage.py outbox`: sends events, shows them, retries and discards them, and deletes old ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from typing_extensions import override

from ...._boxes.box_command import BoxCommand
from ....management.subcommands import Subcommand
from ...database import database
from ..listing import list_events, print_figures, show_outgoing
from ..relaying import relay_events
from ..settling import discard_events, erase_outgoing, purge_outgoing, retry_events


class Command(BoxCommand):
    """Exits with 1 if the database is unavailable, or the figures exceed their limits; with 2 for wrong arguments."""

    help: str = "Send the events that the outbox stores, show them, retry or discard them, and delete or erase old ones."

    box: ClassVar[str] = "outbox"
    app: ClassVar[str] = "gcp_event_outbox"
    subcommands: ClassVar[Mapping[str, Subcommand]] = {
        "relay": relay_events,
        "list": list_events,
        "show": show_outgoing,
        "retry": retry_events,
        "discard": discard_events,
        "stats": print_figures,
        "purge": purge_outgoing,
        "erase": erase_outgoing,
    }

    @override
    def alias(self) -> str:
        return database()
