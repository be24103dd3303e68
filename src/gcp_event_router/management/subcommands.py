"""How `manage.py events` and `manage.py inbox` are made of subcommands.

To add one, write a function with `subcommand` in front of it, and name it in the command's `subcommands`.
"""

from __future__ import annotations

from argparse import SUPPRESS
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, TypeAlias

from django.core.management.base import BaseCommand, CommandParser
from typing_extensions import override

from .output import printing


class _Arguments(Protocol):
    """A parser, or a group of its arguments."""

    def add_argument(self, *names: str, **options: Any) -> Any: ...
    def add_mutually_exclusive_group(self) -> Any: ...


#: Adds itself to a parser.
Argument: TypeAlias = Callable[[_Arguments], object]


def argument(*names: str, **options: Any) -> Argument:
    """An argument, described as for `ArgumentParser.add_argument`."""
    return lambda parser: parser.add_argument(*names, **options)


def exclusive(*arguments: Argument) -> Argument:
    """Arguments of which one can be given."""

    def add(parser: _Arguments) -> None:
        group = parser.add_mutually_exclusive_group()
        for add_to in arguments:
            add_to(group)

    return add


#: For subcommands that take `json`.
FORMAT = (
    argument("--format", choices=("text", "json"), default="text", help="text unless given; json is for scripts"),
    argument("--json", action="store_const", const="json", dest="format", help="the same as --format json"),
)


@dataclass(frozen=True, slots=True)
class Subcommand:
    """A part of a command that has a name and arguments of its own."""

    #: A sentence for `--help`.
    help: str
    arguments: Sequence[Argument]
    #: Called with where to write, and by keyword with the arguments, Django's options, `json` and `err`, where errors go.
    run: Callable[..., None]


def subcommand(help: str, *arguments: Argument) -> Callable[[Callable[..., None]], Subcommand]:  # noqa: A002 -- as argparse
    """Make a function a subcommand. It raises `CommandError`, with a return code of 2 for wrong arguments."""
    return lambda run: Subcommand(help, arguments, run)


class CommandGroup(BaseCommand):
    """A management command that hands its arguments to one of its subcommands."""

    #: By name, in the order in which `--help` lists them.
    subcommands: ClassVar[Mapping[str, Subcommand]]

    requires_system_checks: (
        list[str] | tuple[str, ...] | Literal["__all__"]
    ) = ()  # their warnings were shown before, and are no reason to refuse

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        for name, each in self.subcommands.items():
            own = actions.add_parser(name, help=each.help, description=each.help, parents=[_django_options()])
            for add_to in each.arguments:
                add_to(own)

    @override
    def handle(self, *args: Any, action: str, format: str = "text", **options: Any) -> None:
        with printing(self.stdout):
            self.subcommands[action].run(self.stdout, err=self.stderr, json=format == "json", **options)


def _django_options() -> CommandParser:
    """Django's own options, so that they can also stand after the name of a subcommand."""
    parser = CommandParser(add_help=False)
    for name in ("--settings", "--pythonpath"):
        parser.add_argument(name, default=SUPPRESS, help=SUPPRESS)
    for name in ("--traceback", "--no-color", "--force-color"):
        parser.add_argument(name, action="store_true", default=SUPPRESS, help=SUPPRESS)
    parser.add_argument("-v", "--verbosity", type=int, choices=range(4), default=SUPPRESS, help=SUPPRESS)
    return parser
