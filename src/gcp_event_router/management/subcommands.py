"""Builds `manage.py events` and `manage.py inbox` from subcommands.

To add a subcommand, decorate a function with `subcommand`, and add it to the `subcommands` of the command.
"""

from __future__ import annotations

from argparse import SUPPRESS
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, TypeAlias

from django.core.management.base import BaseCommand, CommandError, CommandParser
from typing_extensions import override

from ..exceptions import ConfigurationError
from .output import printing


class _Parser(Protocol):
    """A parser, or a group of its arguments."""

    def add_argument(self, *names: str, **options: Any) -> Any: ...
    def add_mutually_exclusive_group(self) -> Any: ...


#: Adds itself to a parser.
Argument: TypeAlias = Callable[[_Parser], object]


def argument(*names: str, **options: Any) -> Argument:
    """Describe an argument, as for `ArgumentParser.add_argument`."""
    return lambda parser: parser.add_argument(*names, **options)


def exclusive(*arguments: Argument) -> Argument:
    """Describe arguments that exclude each other."""

    def add(parser: _Parser) -> None:
        group = parser.add_mutually_exclusive_group()
        for add_to in arguments:
            add_to(group)

    return add


#: The arguments of subcommands that take `json`.
FORMAT = (
    argument("--format", choices=("text", "json"), default="text", help="how to print the result (default: text)"),
    argument("--json", action="store_const", const="json", dest="format", help="the same as --format json"),
)


@dataclass(frozen=True, slots=True)
class Subcommand:
    """A named part of a command, with its own arguments."""

    help: str
    arguments: Sequence[Argument]
    #: Takes the stream to write to; and by keyword the arguments, Django's options, `json`, and `err`, the stream for errors.
    run: Callable[..., None]


def subcommand(help: str, *arguments: Argument) -> Callable[[Callable[..., None]], Subcommand]:  # noqa: A002 -- as argparse
    """Make a function a subcommand. It raises `CommandError`, for wrong arguments with 2; or `ConfigurationError`."""
    return lambda run: Subcommand(help, arguments, run)


class CommandGroup(BaseCommand):
    """A management command that passes its arguments to one of its subcommands."""

    #: By name, in the order of `--help`.
    subcommands: ClassVar[Mapping[str, Subcommand]]

    # `events check` shows the results of system checks, and they must not stop the other subcommands
    requires_system_checks: list[str] | tuple[str, ...] | Literal["__all__"] = ()

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        for name, command in self.subcommands.items():
            subparser = actions.add_parser(name, help=command.help, description=command.help, parents=[_django_options()])
            for add_to in command.arguments:
                add_to(subparser)

    @override
    def handle(self, *args: Any, action: str, format: str = "text", **options: Any) -> None:
        with printing(self.stdout):
            try:
                self.subcommands[action].run(self.stdout, err=self.stderr, json=format == "json", **options)
            except ConfigurationError as error:
                raise CommandError(str(error)) from error


def _django_options() -> CommandParser:
    """Django's own options, to be allowed after the name of a subcommand, too."""
    parser = CommandParser(add_help=False)
    for name in ("--settings", "--pythonpath"):
        parser.add_argument(name, default=SUPPRESS, help=SUPPRESS)
    for name in ("--traceback", "--no-color", "--force-color"):
        parser.add_argument(name, action="store_true", default=SUPPRESS, help=SUPPRESS)
    parser.add_argument("-v", "--verbosity", type=int, choices=range(4), default=SUPPRESS, help=SUPPRESS)
    return parser
