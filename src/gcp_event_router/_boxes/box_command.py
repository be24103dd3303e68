"""The command of a box."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError
from typing_extensions import override

from ..management.subcommands import CommandGroup
from .conflicts import AWAY


class BoxCommand(CommandGroup):
    """Runs the subcommands of a box, and says in a sentence that its database is unavailable."""

    def alias(self) -> str:
        """Return the alias of the box's database."""
        raise NotImplementedError

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        try:
            super().handle(*args, **options)
        except AWAY as error:
            msg = f"The database {self.alias()!r} is unavailable ({type(error).__name__}). Is it running, and migrated?"
            raise CommandError(msg) from error
