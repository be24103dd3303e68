"""`manage.py events check`: this package's system checks alone, for scripts, too."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any, ClassVar, Final

from django.core import checks
from django.core.management.base import CommandError, OutputWrapper
from django.db import connections
from typing_extensions import override

from ..router import events
from .subcommands import Subcommand

__all__ = ["Check"]

_LEVELS: Final = {"INFO": checks.INFO, "WARNING": checks.WARNING, "ERROR": checks.ERROR}
_WORDS: Final = {level: word.lower() for word, level in _LEVELS.items()}
_OURS: Final = "gcp_event_router."


class Check(Subcommand):
    """What `manage.py check` says of events, and nothing else. Fails if something is wrong that is not silenced."""

    help: ClassVar[str] = "Look for handlers that fail, run twice or never run, for open doors, and for wrong settings."

    @override
    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--deploy", action="store_true", help="also what matters in production, such as an open endpoint")
        text = "also whether this database has the inbox's tables, with --deploy; may be repeated"
        parser.add_argument("--database", action="append", choices=tuple(connections), metavar="ALIAS", help=text)
        text = "fail for what is at least this; ERROR unless given"
        parser.add_argument("--fail-level", choices=tuple(_LEVELS), default="ERROR", help=text)
        parser.add_argument("--format", choices=("text", "json"), default="text", help="text unless given")

    @override
    def run(self, out: OutputWrapper, **options: Any) -> None:
        found = _found(options["database"], deploy=options["deploy"])
        out.write(_json(found) if options["format"] == "json" else _text(found))
        worst = sum(each.level >= _LEVELS[options["fail_level"]] and not each.is_silenced() for each in found)
        if worst:
            msg = f"{worst} of these must not stay." if options["format"] == "text" else f"{worst} problem(s)."
            raise CommandError(msg)


def _found(databases: list[str] | None, *, deploy: bool) -> list[checks.CheckMessage]:
    """Messages of ours, the worst first."""
    messages = checks.run_checks(include_deployment_checks=deploy, databases=databases)
    return sorted((each for each in messages if (each.id or "").startswith(_OURS)), key=lambda each: (-each.level, each.id or ""))


def _text(found: Sequence[checks.CheckMessage]) -> str:
    shown = [each for each in found if not each.is_silenced()]
    lines: list[str] = []
    for each in shown:
        lines += [f"{_WORDS.get(each.level, 'error')} {each.id}: {each.msg}", *([f"    {each.hint}"] if each.hint else [])]
    silenced = f", {len(found) - len(shown)} silenced" if len(found) > len(shown) else ""
    return "\n".join([*lines, f"{len(events)} registration(s), {len(shown)} message(s){silenced}."])


def _json(found: Sequence[checks.CheckMessage]) -> str:
    return json.dumps(
        [
            {
                "id": each.id,
                "level": _WORDS.get(each.level, "error"),
                "message": each.msg,
                "hint": each.hint,
                "object": each.obj if each.obj is None else str(each.obj),
                "silenced": each.is_silenced(),
            }
            for each in found
        ],
        indent=2,
    )
