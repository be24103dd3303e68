"""`manage.py events check`: this package's system checks alone, for scripts, too."""

from __future__ import annotations

from collections.abc import Sequence
from json import dumps
from typing import Any, Final

from django.core import checks
from django.core.management.base import CommandError, OutputWrapper
from django.db import connections

from ..router import events
from .subcommands import FORMAT, argument, subcommand

_LEVELS: Final = {"INFO": checks.INFO, "WARNING": checks.WARNING, "ERROR": checks.ERROR}
_WORDS: Final = {level: word.lower() for word, level in _LEVELS.items()}
_OURS: Final = "gcp_event_router."


@subcommand(
    "Look for handlers that fail, run twice or never run, for open doors, and for wrong settings.",
    argument("--deploy", action="store_true", help="also what matters in production, such as an open endpoint"),
    argument(
        "--database",
        action="append",
        choices=tuple(connections),
        metavar="ALIAS",
        help="also whether this database has the inbox's tables, with --deploy; may be repeated",
    ),
    argument(
        "--fail-level",
        choices=tuple(_LEVELS),
        default="ERROR",
        help="fail for what is at least this; ERROR unless given",
    ),
    *FORMAT,
)
def check(out: OutputWrapper, *, deploy: bool, database: list[str] | None, fail_level: str, json: bool, **_: Any) -> None:
    """Run the system checks of this package. Fails if something is wrong that is not silenced."""
    messages = checks.run_checks(include_deployment_checks=deploy, databases=database)
    found = sorted(
        (each for each in messages if (each.id or "").startswith(_OURS)), key=lambda each: (-each.level, each.id or "")
    )
    out.write(_json(found) if json else _text(found))
    worst = sum(each.level >= _LEVELS[fail_level] and not each.is_silenced() for each in found)
    if worst:
        msg = f"{worst} problem(s)." if json else f"{worst} of these must not stay."
        raise CommandError(msg)


def _text(found: Sequence[checks.CheckMessage]) -> str:
    shown = [each for each in found if not each.is_silenced()]
    lines: list[str] = []
    for each in shown:
        lines += [f"{_WORDS.get(each.level, 'error')} {each.id}: {each.msg}", *([f"    {each.hint}"] if each.hint else [])]
    silenced = f", {len(found) - len(shown)} silenced" if len(found) > len(shown) else ""
    return "\n".join([*lines, f"{len(events)} registration(s), {len(shown)} message(s){silenced}."])


def _json(found: Sequence[checks.CheckMessage]) -> str:
    return dumps(
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
