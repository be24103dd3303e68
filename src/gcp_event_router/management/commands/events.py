"""`manage.py events`: hands what it is told to the subcommand that it names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from django.core.management.base import BaseCommand, CommandParser
from typing_extensions import override

from ..arguments import django_options
from ..check import Check
from ..explain import Explain
from ..list import List
from ..output import printing
from ..pull import Pull
from ..schema import Schema
from ..send import Send
from ..subcommands import Subcommand

__all__ = ["SUBCOMMANDS", "Command"]

#: By name, in the order in which `--help` lists them.
SUBCOMMANDS: Final[Mapping[str, Subcommand]] = {
    "list": List(),
    "explain": Explain(),
    "send": Send(),
    "schema": Schema(),
    "check": Check(),
    "pull": Pull(),
}


class Command(BaseCommand):
    """Exits with 1 if something failed, with 2 for wrong arguments."""

    help: str = "See who handles which events, and get events by other ways than a push."

    requires_system_checks: (
        list[str] | tuple[str, ...] | Literal["__all__"]
    ) = ()  # what they warn of has been said, and does not keep anybody from this

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        for name, each in SUBCOMMANDS.items():
            each.add_arguments(actions.add_parser(name, help=each.help, description=each.help, parents=[django_options()]))

    @override
    def handle(self, *args: Any, action: str, **options: Any) -> None:
        with printing(self.stdout):
            SUBCOMMANDS[action].run(self.stdout, **options)
