"""`manage.py events check`: runs the system checks of this package only."""

from __future__ import annotations

from collections.abc import Sequence
from json import dumps
from typing import Any, Final

from django.core import checks
from django.core.management.base import CommandError, OutputWrapper
from django.db import connections

from .._words import counted
from ..router import events
from .subcommands import FORMAT, argument, subcommand

_LEVELS: Final = {"INFO": checks.INFO, "WARNING": checks.WARNING, "ERROR": checks.ERROR}
_NAMES: Final = {level: name.lower() for name, level in _LEVELS.items()}


@subcommand(
    "Look for handlers that fail, run twice or never run, for open endpoints, and for wrong settings.",
    argument("--deploy", action="store_true", help="also check what matters in production, such as an open endpoint"),
    argument(
        "--database",
        action="append",
        choices=tuple(connections),
        metavar="ALIAS",
        help="also check what waits in this database, and with --deploy its tables, for the inbox and the outbox; repeatable",
    ),
    argument(
        "--fail-level", choices=tuple(_LEVELS), default="ERROR", help="fail for messages of this level or above (default: ERROR)"
    ),
    *FORMAT,
)
def check(out: OutputWrapper, *, deploy: bool, database: list[str] | None, fail_level: str, json: bool, **_: Any) -> None:
    """Run the checks. Fails if a message that is not silenced has the level, or a higher one."""
    messages = [
        message
        for message in checks.run_checks(include_deployment_checks=deploy, databases=database)
        if (message.id or "").startswith("gcp_event_router.")
    ]
    messages.sort(key=lambda message: (-message.level, message.id or ""))
    out.write(dumps(list(map(_fields, messages)), indent=2) if json else _text(messages))
    problems = sum(message.level >= _LEVELS[fail_level] and not message.is_silenced() for message in messages)
    if problems:
        raise CommandError(counted(problems, "problem found.", "problems found."))


def _text(messages: Sequence[checks.CheckMessage]) -> str:
    shown = [message for message in messages if not message.is_silenced()]
    lines: list[str] = []
    for message in shown:
        lines += [f"{_level(message)} {message.id}: {message.msg}", *([f"    {message.hint}"] if message.hint else [])]
    silenced = f", {len(messages) - len(shown)} silenced" if len(messages) > len(shown) else ""
    return "\n".join([*lines, f"{counted(len(events), 'registration')}, {counted(len(shown), 'message')}{silenced}."])


def _fields(message: checks.CheckMessage) -> dict[str, Any]:
    return {
        "id": message.id,
        "level": _level(message),
        "message": message.msg,
        "hint": message.hint,
        "object": message.obj and str(message.obj),
        "silenced": message.is_silenced(),
    }


def _level(message: checks.CheckMessage) -> str:
    return _NAMES.get(message.level, "error")
