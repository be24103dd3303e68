"""The subcommands of `manage.py inbox` that change what is stored: run deliveries, give them up, move them, delete events."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import timedelta
from difflib import get_close_matches
from json import dumps
from typing import Any, Final

from django.core.management.base import CommandError, OutputWrapper
from django.db import close_old_connections
from django.db.models import Count, QuerySet

from ... import conf
from ..._dispatch.store import Result
from ..._shutdown import StopFlag, stop_flag
from ...management.arguments import age, glob, positive, search_text
from ...management.output import Progress, counted
from ...management.subcommands import FORMAT, argument, subcommand
from ...outcomes import Outcome
from ..database import database
from ..decisions import discardable
from ..display import printable
from ..execution import AWAY
from ..models import Delivery, State
from ..names import Names
from ..purge import PURGEABLE, PURGED, purge
from ..renaming import renamable, rename
from ..replay import DISCARDED, REPLAYED, SUCCEEDED, discard, replay
from ..selections import idle
from ..workers import process
from .reports import filters, handler_name, selection

_DRY_RUN: Final = argument("--dry-run", action="store_true", help="only say what would be done")


@subcommand(
    "Run deliveries again, with their handlers as they are now.",
    argument("--force", action="store_true", help="also those that are done"),
    *filters(State.values),
    _DRY_RUN,
    *FORMAT,
)
def replay_deliveries(out: OutputWrapper, *, force: bool, dry_run: bool, json: bool, **options: Any) -> None:
    """Run the deliveries that no worker is at."""
    if State.DONE in (options["state"] or ()) and not force:
        text = "What is done is replayed only with --force, and then has its effects twice."
        raise CommandError(text, returncode=2)
    states = [*REPLAYED, State.DONE] if force else REPLAYED
    deliveries = selection(options, states, idle=True).deliveries()
    if dry_run:
        _say_would(out, "replay", deliveries, json=json)
        return
    with stop_flag() as stop:
        outcomes = _run(out, replay(deliveries, force=force), deliveries.count(), stop, json=json)
        _say_ended(out, "Replayed", outcomes, json=json)
        if stop.is_set():
            text = "Stopped before the end; the same command goes on."
            raise CommandError(text)
    if missing := sum(number for outcome, number in outcomes.items() if outcome not in SUCCEEDED):
        text = f"{missing} of {outcomes.total()} are not done."
        raise CommandError(text)


@subcommand("Give deliveries up.", *filters(DISCARDED), _DRY_RUN, *FORMAT)
def discard_deliveries(out: OutputWrapper, *, dry_run: bool, json: bool, **options: Any) -> None:
    """Give up the deliveries that no worker is at."""
    deliveries = discardable(selection(options, DISCARDED).deliveries())
    if dry_run:
        _say_would(out, "discard", deliveries, json=json)
    else:
        _say(out, "Discarded", discard(deliveries), json=json)


@subcommand(
    "Move deliveries to the new name of a handler.",
    argument("old", type=search_text, metavar="OLD", help="the name that it had"),
    argument("new", type=search_text, metavar="NEW", help="the name that it has now"),
    _DRY_RUN,
    *FORMAT,
)
def rename_handler(out: OutputWrapper, *, old: str, new: str, dry_run: bool, json: bool, **_: Any) -> None:
    """Move all deliveries that can be moved, and say why others cannot."""
    alias = database()
    _require_names(old, new)
    if dry_run:
        _say_would(out, "rename", renamable(alias, old, new), json=json)
        return
    _say(out, "Renamed", rename(alias, old, new), json=json)
    left = Delivery.objects.using(alias).filter(handler=old)
    twice = idle(left).count()
    running = left.count() - twice
    problems = [
        f"{twice} are left, since their events have a delivery to {new!r} as well: discard them." if twice else "",
        f"{running} are left, since a worker is at them: give the same command again later." if running else "",
    ]
    if twice or running:
        raise CommandError(" ".join(filter(None, problems)))


@subcommand(
    "Delete events that are finished and old.",
    argument("--older-than", type=age, metavar="AGE", help="such as 30d; the setting RETENTION unless given"),
    argument("--batch", type=positive, default=1000, metavar="N", help="so many a transaction; 1000 unless given"),
    argument(
        "--state", action="append", choices=sorted(PURGEABLE), help="that all deliveries have; done and discarded unless given"
    ),
    argument("--kind", type=glob, metavar="GLOB", help="such as 'order-*'"),
    argument("--reference", type=search_text, help="in full"),
    _DRY_RUN,
    *FORMAT,
)
def purge_events(out: OutputWrapper, *, older_than: timedelta | None, dry_run: bool, json: bool, **options: Any) -> None:
    """Delete events in batches."""
    texts = {name: options[name] or "" for name in ("kind", "reference")}
    limit = older_than or conf.current().INBOX.RETENTION
    deleted = purge(database(), limit, states=options["state"] or PURGED, batch=options["batch"], dry_run=dry_run, **texts)
    _say(out, "Would purge" if dry_run else "Purged", sum(deleted), ("event", "events"), json=json)


@subcommand(
    "Run the deferred deliveries that are due.",
    argument("--loop", action="store_true", help="go on until SIGTERM or Ctrl-C"),
    argument("--interval", type=age, default=timedelta(seconds=5), metavar="AGE", help="between two rounds; 5s unless given"),
    *FORMAT,
)
def process_deliveries(out: OutputWrapper, *, err: OutputWrapper, loop: bool, interval: timedelta, json: bool, **_: Any) -> None:
    """Do what a worker does, once or until it is stopped."""
    alias = database()
    with stop_flag() as stop:
        while True:
            try:
                outcomes = _run(out, process(alias, err.write), 0, stop, json=json)
            except AWAY as error:
                if not loop:
                    raise
                err.write(f"The database {alias!r} cannot be asked ({type(error).__name__}); trying again.")
            else:
                if outcomes or not loop:
                    _say_ended(out, "Processed", outcomes, json=json)
            if not loop or stop.wait(interval.total_seconds()):
                return
            close_old_connections()  # as Django does between two requests: also those of handlers, which may be broken


def _run(
    out: OutputWrapper, results: Iterable[tuple[Delivery, Result]], total: int, stop: StopFlag, *, json: bool
) -> Counter[Outcome]:
    """Run deliveries by iterating over their results, with a line for each that is not done; return how many ended how."""
    outcomes: Counter[Outcome] = Counter()
    progress = Progress(total, sys.stderr)
    for delivery, result in results:
        outcomes[result.outcome] += 1
        if json or result.outcome not in SUCCEEDED:
            progress.clear()
            out.write(_result(delivery, result, json=json))
        progress.step()
        if stop.is_set():
            break
    progress.clear()
    return outcomes


def _result(delivery: Delivery, result: Result, *, json: bool) -> str:
    """What became of a delivery."""
    event, outcome = delivery.event, result.outcome.value
    if json:
        fields = {"id": delivery.pk, "event": str(event.key), "kind": event.kind, "reference": event.reference}
        return dumps(fields | {"handler": delivery.handler, "outcome": outcome})
    if result.outcome is Outcome.UNHANDLED:
        outcome = "no handler of this name" if delivery.handler else "no handler"
    return f"{delivery.pk} {printable(str(event))} to {handler_name(delivery)}: {outcome}"


def _say(out: OutputWrapper, verb: str, number: int, nouns: tuple[str, str] = ("delivery", "deliveries"), *, json: bool) -> None:
    out.write(dumps({verb.lower().replace(" ", "_"): number}) if json else f"{verb} {counted(number, *nouns)}.")


def _say_would(out: OutputWrapper, what: str, deliveries: QuerySet[Delivery], *, json: bool) -> None:
    numbers: dict[str, int] = dict(deliveries.order_by("state").values_list("state").annotate(Count("pk")))
    out.write(dumps(numbers) if json else _sentence(f"Would {what}", numbers))


def _say_ended(out: OutputWrapper, what: str, outcomes: Counter[Outcome], *, json: bool) -> None:
    if not json:
        out.write(_sentence(what, {outcome.value: number for outcome, number in outcomes.items()}))


def _sentence(what: str, numbers: Mapping[str, int]) -> str:
    """Such as `"Replayed 3 deliveries: 2 handled, 1 rejected."`."""
    parts = ", ".join(f"{number} {name}" for name, number in numbers.items())
    return f"{what} {counted(sum(numbers.values()), 'delivery', 'deliveries')}{parts and f': {parts}'}."


def _require_names(old: str, new: str) -> None:
    """Refuse a renaming that would take deliveries from a registered handler, or move them to an unknown one."""
    known = Names().known
    if new not in known:
        near = get_close_matches(new, known, 1)
        advice = f"Did you mean {near[0]!r}?" if near else "See `events list`."
        text = f"No handler is registered as {new!r}, so nobody would run what is moved there. {advice}"
        raise CommandError(text, returncode=2)
    if old in known:
        text = f"The handler {old!r} is registered, and still gets deliveries. Rename it in the code first."
        raise CommandError(text, returncode=2)
