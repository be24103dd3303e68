"""The subcommands of `manage.py inbox` that change what is stored: they run, discard and move deliveries, and delete events."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Generator
from contextlib import closing
from datetime import timedelta
from difflib import get_close_matches
from json import dumps
from typing import Any

from django.core.management.base import CommandError, OutputWrapper
from django.db import close_old_connections

from ... import conf
from ..._boxes.conflicts import AWAY
from ..._boxes.display import printable
from ..._boxes.erasing import MATCH, YES, Match, print_erased
from ..._boxes.printing import DRY_RUN, KIND, LOOP, PURGE, print_dry_run, print_number, summary
from ..._boxes.selecting import idle
from ..._boxes.states import State
from ..._boxes.wakeups import wakeups
from ..._dispatch.store import Result
from ..._shutdown import StopFlag, stop_flag
from ..._words import counted
from ...management.arguments import printable as text
from ...management.arguments import refuse
from ...management.output import Progress
from ...management.subcommands import FORMAT, argument, subcommand
from ...outcomes import Outcome
from ..database import database
from ..decisions import discardable
from ..erasure import erase
from ..models import Delivery
from ..names import Names
from ..purge import PURGEABLE, PURGED, purge
from ..renaming import renamable, rename
from ..replay import DISCARDED, REPLAYED, SUCCEEDED, discard, replay
from ..waking import CHANNEL
from ..workers import process
from .reports import NOUNS, filters, handler_name, selection


@subcommand(
    "Run deliveries again, with the current code of their handlers.",
    argument("--force", action="store_true", help="also run deliveries that are done"),
    *filters(State.values, "all but done and discarded"),
    DRY_RUN,
    *FORMAT,
)
def replay_deliveries(out: OutputWrapper, *, force: bool, dry_run: bool, json: bool, **options: Any) -> None:
    """Run the selected deliveries, except those that a worker is running."""
    if State.DONE in (options["state"] or ()) and not force:
        refuse("Deliveries that are done are replayed only with --force. Their effects then happen twice.")
    states = [*REPLAYED, State.DONE] if force else REPLAYED
    selected = selection(options, states, idle=True).deliveries()
    deliveries = selected.filter(event__erased_at=None)
    if not json and (erased := selected.exclude(event__erased_at=None).count()):
        out.write(f"{counted(erased, *NOUNS)} of erased events cannot run again.")
    if dry_run:
        print_dry_run(out, "replay", deliveries, NOUNS, json=json)
        return
    with stop_flag() as stop:
        outcomes = _run(out, replay(deliveries, force=force), deliveries.count(), stop, json=json)
        if not json:
            out.write(_summary("Replayed", outcomes))
        if stop.is_set():
            msg = "Stopped early. Repeat the command to continue."
            raise CommandError(msg)
    if failed := sum(number for outcome, number in outcomes.items() if outcome not in SUCCEEDED):
        msg = f"{failed} of {outcomes.total()} are not done."
        raise CommandError(msg)


@subcommand("Discard deliveries, so that nothing runs them again.", *filters(DISCARDED), DRY_RUN, *FORMAT)
def discard_deliveries(out: OutputWrapper, *, dry_run: bool, json: bool, **options: Any) -> None:
    """Discard the selected deliveries, except those that a worker is running."""
    deliveries = discardable(selection(options, DISCARDED).deliveries())
    if dry_run:
        print_dry_run(out, "discard", deliveries, NOUNS, json=json)
    else:
        print_number(out, "Discarded", discard(deliveries), NOUNS, json=json)


@subcommand(
    "Move deliveries to the new name of a handler.",
    argument("old", type=text, metavar="OLD", help="the previous name"),
    argument("new", type=text, metavar="NEW", help="the current name"),
    DRY_RUN,
    *FORMAT,
)
def rename_handler(out: OutputWrapper, *, old: str, new: str, dry_run: bool, json: bool, **_: Any) -> None:
    """Move all deliveries that can be moved. Fails if others are left."""
    alias, names = database(), Names().known
    if new not in names:
        near = get_close_matches(new, names, 1)
        advice = f"Did you mean {near[0]!r}?" if near else "See `events list`."
        refuse(f"No handler is registered as {new!r}, so nothing would run the deliveries. {advice}")
    if old in names:
        refuse(f"The handler {old!r} is registered, and still gets deliveries. Rename it in the code first.")
    if dry_run:
        print_dry_run(out, "rename", renamable(alias, old, new), NOUNS, json=json)
        return
    print_number(out, "Renamed", rename(alias, old, new), NOUNS, json=json)
    left = Delivery.objects.using(alias).filter(handler=old)
    duplicates = idle(left).count()
    running = left.count() - duplicates
    problems = [f"{duplicates} left: their events already have a delivery to {new!r}. Discard them."] if duplicates else []
    problems += [f"{running} left: a worker is running them. Repeat the command later."] if running else []
    if problems:
        raise CommandError(" ".join(problems))


@subcommand(
    "Delete old events that are finished.",
    *PURGE,
    argument(
        "--state",
        action="append",
        choices=sorted(map(str, PURGEABLE)),
        help="of all deliveries of an event; repeatable (default: done and discarded)",
    ),
    KIND,
    argument("--reference", type=text, help="the whole reference"),
    DRY_RUN,
    *FORMAT,
)
def purge_events(out: OutputWrapper, *, older_than: timedelta | None, dry_run: bool, json: bool, **options: Any) -> None:
    """Delete events in batches."""
    labels = {name: options[name] or "" for name in ("kind", "reference")}
    limit = older_than or conf.current().INBOX.RETENTION
    deleted = purge(database(), limit, states=options["state"] or PURGED, batch=options["batch"], dry_run=dry_run, **labels)
    print_number(out, "Would purge" if dry_run else "Purged", sum(deleted), ("event", "events"), json=json)


@subcommand("Erase a person's payloads, and keep the fact that their events were handled.", MATCH, KIND, YES, *FORMAT)
def erase_events(out: OutputWrapper, *, match: list[Match], kind: str | None, yes: bool, json: bool, **_: Any) -> None:
    """Erase the events that have all of the values, or only count them."""
    print_erased(out, erase(match, kind=kind or "", dry_run=not yes), NOUNS, done=yes, json=json)


@subcommand(
    "Run the deferred deliveries that are due.",
    *LOOP,
    *FORMAT,
)
def process_deliveries(out: OutputWrapper, *, err: OutputWrapper, loop: bool, interval: timedelta, json: bool, **_: Any) -> None:
    """Work once, or until the command is stopped."""
    alias = database()
    channel = CHANNEL if loop and conf.current().INBOX.NOTIFY else None
    with stop_flag() as stop, wakeups(alias, channel, stop) as wakeup:
        while True:
            try:
                outcomes = _run(out, process(alias, err.write), 0, stop, json=json)
            except AWAY as error:
                if not loop:
                    raise
                err.write(f"The database {alias!r} is unavailable ({type(error).__name__}); trying again.")
            else:
                if not json and (outcomes or not loop):
                    out.write(_summary("Processed", outcomes))
            if not loop or wakeup.wait(interval.total_seconds()):
                return
            close_old_connections()  # as Django does between requests; a handler may have broken one
            wakeup.listen()


def _run(
    out: OutputWrapper, results: Generator[tuple[Delivery, Result]], total: int, stop: StopFlag, *, json: bool
) -> Counter[Outcome]:
    """Run deliveries by iterating over their results, print those that did not succeed, and count the outcomes."""
    outcomes: Counter[Outcome] = Counter()
    progress = Progress(total, sys.stderr)
    with closing(results):  # a worker that is stopped releases what it has not run
        for delivery, result in results:
            outcomes[result.outcome] += 1
            if json or result.outcome not in SUCCEEDED:
                progress.clear()
                out.write(_result_line(delivery, result.outcome, json=json))
            progress.step()
            if stop.is_set():
                break
    progress.clear()
    return outcomes


def _result_line(delivery: Delivery, outcome: Outcome, *, json: bool) -> str:
    event = delivery.event
    if json:
        fields = {"id": delivery.pk, "event": str(event.key), "kind": event.kind, "reference": event.reference}
        return dumps(fields | {"handler": delivery.handler, "outcome": outcome.value})
    is_renamed = outcome is Outcome.UNHANDLED and delivery.handler
    return f"{delivery.pk} {printable(str(event))} to {handler_name(delivery)}: " + (
        "no handler of this name" if is_renamed else outcome.value
    )


def _summary(verb: str, outcomes: Counter[Outcome]) -> str:
    return summary(verb, {outcome.value: number for outcome, number in outcomes.items()}, NOUNS)
