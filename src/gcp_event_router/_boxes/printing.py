"""Arguments and texts that the commands of both boxes share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from json import dumps
from typing import Any, Final

from django.core.management.base import OutputWrapper
from django.db.models import Count, QuerySet

from .._words import counted
from ..management.arguments import age, glob, positive
from ..management.arguments import printable as text
from ..management.subcommands import argument
from .batches import NAMED
from .display import error_details, printable

#: The least and the greatest width of a column of names.
_NAMES: Final = (12, 30)

KIND: Final = argument("--kind", type=glob, metavar="GLOB", help="kinds that match it, such as 'order-*'")
ERROR: Final = argument("--error", type=text, metavar="TEXT", help="a part of the last error's type or description")
OLDER_THAN: Final = argument("--older-than", type=age, metavar="AGE", help="at least this old: 90s, 15m, 2h, 7d or 2w")
NEWER_THAN: Final = argument("--newer-than", type=age, metavar="AGE", help="at most this old")
PERSONAL: Final = argument("--personal", action="store_true", help="also show what personal fields hold")
DRY_RUN: Final = argument("--dry-run", action="store_true", help="only count what the command would change")
#: How old what is purged has to be, and how much of it at once.
PURGE: Final = (
    argument("--older-than", type=age, metavar="AGE", help="at least this old, such as 30d (default: RETENTION)"),
    argument(
        "--batch",
        type=positive,
        default=1000,
        metavar="N",
        help=f"delete N events in a transaction, {NAMED} at most (default: 1000)",
    ),
)
#: How long a worker or a relay goes on.
LOOP: Final = (
    argument("--loop", action="store_true", help="continue until SIGTERM or Ctrl-C"),
    argument(
        "--interval",
        type=age,
        default=timedelta(seconds=5),
        metavar="AGE",
        help="with --loop, look again after this time at most (default: 5s)",
    ),
)


def print_number(out: OutputWrapper, verb: str, number: int, nouns: tuple[str, str], *, json: bool) -> None:
    """Write how many rows were changed, such as `"Discarded 1 delivery."`."""
    out.write(dumps({verb.lower().replace(" ", "_"): number}) if json else f"{verb} {counted(number, *nouns)}.")


def print_dry_run(out: OutputWrapper, verb: str, rows: QuerySet[Any], nouns: tuple[str, str], *, json: bool) -> None:
    """Write how many rows of each state would be changed."""
    numbers: dict[str, int] = dict(rows.order_by("state").values_list("state").annotate(Count("pk")))
    out.write(dumps(numbers) if json else summary(f"Would {verb}", numbers, nouns))


def summary(verb: str, numbers: Mapping[str, int], nouns: tuple[str, str]) -> str:
    """Such as `"Replayed 3 deliveries: 2 handled, 1 rejected."`."""
    parts = ", ".join(f"{number} {name}" for name, number in numbers.items())
    return f"{verb} {counted(sum(numbers.values()), *nouns)}{parts and f': {parts}'}."


def sections(parts: Sequence[tuple[str, Sequence[str]]]) -> str:
    """Format sections of a title and indented lines; those without lines are left out."""
    return "\n\n".join("\n  ".join([title, *lines]).rstrip() for title, lines in parts if lines)


def columns(pairs: Sequence[tuple[str, str | datetime]]) -> list[str]:
    """Format names, and values in a column."""
    least, most = _NAMES
    width = min(most, max([least, *(len(name) for name, _ in pairs)]))
    return [f"{name:<{width}}  {value.isoformat() if isinstance(value, datetime) else value}" for name, value in pairs]


def error_lines(row: Any) -> Iterator[str]:
    """Format the last error of a row."""
    if row.error_type or row.error:
        yield printable(row.error_type) or "lost"
    details = [f"{place or '(root)'}: {message} ({kind})" for place, message, kind in error_details(row.error)]
    yield from (f"  {line}" for line in details or map(printable, row.error.splitlines()))
    if row.error_text:
        yield "text and traceback"
        yield from (f"  {printable(line)}" for line in row.error_text.splitlines())
