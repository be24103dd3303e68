"""`manage.py events`: shows, checks and tests handlers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from ..check import check
from ..explain import explain
from ..issuer import issuer
from ..list import list_handlers
from ..pull import pull
from ..schema import schema
from ..send import send
from ..stubs import stubs
from ..subcommands import CommandGroup, Subcommand


class Command(CommandGroup):
    """Exits with 1 if something failed, with 2 for wrong arguments."""

    help: str = "Show and check the handlers of events, describe the events, and send or pull some."

    subcommands: ClassVar[Mapping[str, Subcommand]] = {
        "list": list_handlers,
        "explain": explain,
        "send": send,
        "schema": schema,
        "check": check,
        "stubs": stubs,
        "pull": pull,
        "issuer": issuer,
    }
