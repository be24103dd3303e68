"""What each subcommand of `manage.py events` is. To add one, write its module beside this one, and name it in the command."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any, ClassVar, Protocol

from django.core.management.base import OutputWrapper

__all__ = ["Subcommand"]


class Subcommand(Protocol):
    """One thing that `manage.py events` does."""

    #: What `--help` says of it: a sentence.
    help: ClassVar[str]

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add its arguments to a parser of its own."""

    def run(self, out: OutputWrapper, **options: Any) -> None:
        """Do it.

        Args:
            out: Where to write to, a line at a time.
            options: What its arguments came to, and Django's own, such as `verbosity`.

        Raises:
            CommandError: It cannot be done; with a return code of 2 for wrong arguments.

        """
