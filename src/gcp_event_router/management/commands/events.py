"""`manage.py events`: handlers, kinds and events at the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from ..check import check
from ..explain import explain
from ..list import list_handlers
from ..pull import pull
from ..schema import schema
from ..send import send
from ..subcommands import CommandGroup, Subcommand


class Command(CommandGroup):
    """Exits with 1 if something failed, with 2 for wrong arguments."""

    help: str = "See who handles which events, and get events by other ways than a push."

    subcommands: ClassVar[Mapping[str, Subcommand]] = {
        "list": list_handlers,
        "explain": explain,
        "send": send,
        "schema": schema,
        "check": check,
        "pull": pull,
    }
