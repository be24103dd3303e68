"""`manage.py outbox`: sends events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.core.management.base import CommandError
from django.db import DatabaseError, InterfaceError
from typing_extensions import override

from ....management.subcommands import CommandGroup, Subcommand
from ...database import database
from ..relaying import relay_events


class Command(CommandGroup):
    """Exits with 1 if the database is unavailable; with 2 for wrong arguments."""

    help: str = "Send the events that the outbox stores."

    subcommands: ClassVar[Mapping[str, Subcommand]] = {"relay": relay_events}

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        try:
            super().handle(*args, **options)
        except (DatabaseError, InterfaceError) as error:
            msg = f"The database {database()!r} is unavailable ({type(error).__name__}). Is it running, and migrated?"
            raise CommandError(msg) from error
