"""`manage.py inbox`: look at the events that are kept, run them again, give them up, and delete them."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from difflib import get_close_matches
from json import dumps
from typing import Any, Final, Literal
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import close_old_connections
from django.db.models import Count, QuerySet
from typing_extensions import override

from .... import conf
from ...._dispatch.store import Result
from ...._shutdown import StopFlag, stop_flag
from ....management.output import printing, table
from ....outcomes import Outcome
from ...clock import now
from ...database import database
from ...decisions import discardable
from ...display import printable
from ...execution import AWAY
from ...models import Delivery, State, StoredEvent
from ...names import Names
from ...purge import PURGED, purge
from ...renaming import renamable, rename
from ...replay import DISCARDED, REPLAYED, discard, replay
from ...selections import idle
from ...stats import stats
from ...workers import process
from ..arguments import add_actions, selection
from ..reports import FIELDS, Progress, age, count_fields, counted, described, fields, line, named, result_fields

__all__ = ["Command"]

_WELL: Final = frozenset({Outcome.HANDLED, Outcome.DUPLICATE})
_SHOWN: Final = 10
_DIGITS: Final = 18
"""So many digits fit a delivery's number."""


class Command(BaseCommand):
    """Exits with 1 if what was run is not done, or the database is away; with 2 for wrong arguments."""

    help: str = "Look at the events that the inbox keeps, run them again, give them up, and delete them."

    requires_system_checks: (
        list[str] | tuple[str, ...] | Literal["__all__"]
    ) = ()  # what they warn of has been said, and does not keep anybody from this

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        add_actions(parser)

    @override
    def handle(self, *args: Any, action: str, format: str, **options: Any) -> None:
        actions: Mapping[str, Callable[..., None]] = {
            "list": self._list,
            "show": self._show,
            "replay": self._replay,
            "discard": self._discard,
            "rename": self._rename,
            "stats": self._stats,
            "purge": self._purge,
            "process": self._process,
        }
        try:
            with printing(self.stdout):
                actions[action](json=format == "json", **options)
        except AWAY as error:
            text = f"The database {database()!r} cannot be asked ({type(error).__name__}). Is it there, and migrated?"
            raise CommandError(text) from error

    def _list(self, *, limit: int, json: bool, **options: Any) -> None:
        rows = selection(options).deliveries().order_by("-pk").select_related("event")
        found = list(rows.defer("error_text", "event__body", "event__meta")[: limit + 1])
        if json:
            for each in found[:limit]:
                self.stdout.write(fields(each))
        elif found:
            time = now(database())
            self.stdout.write(table([line(each, time) for each in found[:limit]], FIELDS))
            if len(found) > limit:
                self.stdout.write(f"There are more; these are the newest {limit}.")
        else:
            self.stdout.write("No deliveries.")

    def _show(self, *, id: str, json: bool, **_: Any) -> None:  # noqa: A002 -- the argument's name
        alias = database()
        found = [
            (event, list(Delivery.objects.using(alias).filter(event=event).select_related("event").order_by("pk")))
            for event in StoredEvent.objects.using(alias).filter(pk__in=_keys(alias, id))
        ]
        if not found:
            text = f"{id!r} is no delivery's number, no message id and no event's key that the inbox has. See `inbox list`."
            raise CommandError(text)
        if json:
            for each in (delivery for _, deliveries in found for delivery in deliveries):
                self.stdout.write(fields(each))
        else:
            self.stdout.write("\n\n".join("\n".join(described(*each)) for each in found))

    def _replay(self, *, force: bool, dry_run: bool, json: bool, **options: Any) -> None:
        if State.DONE in (options["state"] or ()) and not force:
            text = "What is done is replayed only with --force, and then has its effects twice."
            raise CommandError(text, returncode=2)
        states = [*REPLAYED, State.DONE] if force else REPLAYED
        deliveries = selection(options, states, idle=True).deliveries()
        if dry_run:
            self._would("replay", deliveries, json=json)
            return
        with stop_flag() as stop:
            ended = self._run(replay(deliveries, force=force), deliveries.count(), stop, json=json)
            self._conclude("Replayed", ended, json=json)
            if stop.is_set():
                text = "Stopped before the end; the same command goes on."
                raise CommandError(text)
        if missing := sum(number for outcome, number in ended.items() if outcome not in _WELL):
            text = f"{missing} of {ended.total()} are not done."
            raise CommandError(text)

    def _discard(self, *, dry_run: bool, json: bool, **options: Any) -> None:
        deliveries = discardable(selection(options, DISCARDED).deliveries())
        if dry_run:
            self._would("discard", deliveries, json=json)
        else:
            number = discard(deliveries)
            done = f"Discarded {_number(number, 'delivery', 'deliveries')}."
            self.stdout.write(count_fields({"discarded": number}) if json else done)

    def _rename(self, *, old: str, new: str, dry_run: bool, json: bool, **_: Any) -> None:
        alias, known = database(), Names().known
        _refuse_names(old, new, known)
        if dry_run:
            self._would("rename", renamable(alias, old, new), json=json)
            return
        number = rename(alias, old, new)
        done = f"Renamed {_number(number, 'delivery', 'deliveries')}."
        self.stdout.write(count_fields({"renamed": number}) if json else done)
        left = Delivery.objects.using(alias).filter(handler=old)
        twice = idle(left).count()
        running = left.count() - twice
        problems = [
            f"{twice} are left, since their events have a delivery to {new!r} as well: discard them." if twice else "",
            f"{running} are left, since a worker is at them: give the same command again later." if running else "",
        ]
        if twice or running:
            raise CommandError(" ".join(filter(None, problems)))

    def _stats(self, *, fail_parked: int | None, fail_age: timedelta | None, json: bool, **_: Any) -> None:
        found = stats(database())
        if json:
            self.stdout.write(dumps(found.fields()))
        else:
            for each in found.text():
                self.stdout.write(each)
        problems: list[str] = []
        parked, oldest = found.numbers[State.PARKED], found.oldest_open
        if fail_parked is not None and parked >= fail_parked:
            problems.append(f"{_number(parked, 'delivery is', 'deliveries are')} parked.")
        if fail_age is not None and oldest is not None and oldest > fail_age:
            problems.append(f"The oldest open delivery was noted {age(oldest)} ago.")
        if problems:
            raise CommandError(" ".join(problems))

    def _purge(
        self,
        *,
        older_than: timedelta | None,
        state: list[str] | None,
        kind: str | None,
        reference: str | None,
        batch: int,
        dry_run: bool,
        json: bool,
        **_: Any,
    ) -> None:
        limit = older_than or conf.current().INBOX.RETENTION
        states = state or PURGED
        deleted = purge(
            database(), limit, states=states, kind=kind or "", reference=reference or "", batch=batch, dry_run=dry_run
        )
        number = sum(deleted)
        done = f"{'Would purge' if dry_run else 'Purged'} {_number(number, 'event', 'events')}."
        self.stdout.write(count_fields({"would_purge" if dry_run else "purged": number}) if json else done)

    def _process(self, *, loop: bool, interval: timedelta, json: bool, **_: Any) -> None:
        alias = database()
        with stop_flag() as stop:
            while True:
                try:
                    ended = self._run(process(alias, self.stderr.write), 0, stop, json=json)
                except AWAY as error:
                    if not loop:
                        raise
                    self.stderr.write(f"The database {alias!r} cannot be asked ({type(error).__name__}); trying again.")
                else:
                    if ended or not loop:
                        self._conclude("Processed", ended, json=json)
                if not loop or stop.wait(interval.total_seconds()):
                    return
                close_old_connections()  # as Django does between two requests: also those of handlers, which may be broken

    def _run(self, results: Iterable[tuple[Delivery, Result]], total: int, stop: StopFlag, *, json: bool) -> Counter[Outcome]:
        """Run what is run as it is iterated, with a line for each that is worth one; returns how they ended."""
        ended: Counter[Outcome] = Counter()
        progress = Progress(total, sys.stderr)
        for delivery, result in results:
            ended[result.outcome] += 1
            if json or result.outcome not in _WELL:
                progress.clear()
                event = printable(str(delivery.event))
                text = f"{delivery.pk} {event} to {named(delivery)}: {_became(delivery, result)}"
                self.stdout.write(result_fields(delivery, result) if json else text)
            progress.step()
            if stop.is_set():
                break
        progress.clear()
        return ended

    def _conclude(self, what: str, ended: Counter[Outcome], *, json: bool) -> None:
        if not json:
            parts = counted({outcome.value: number for outcome, number in ended.items()})
            self.stdout.write(f"{what} {_number(ended.total(), 'delivery', 'deliveries')}{parts and f': {parts}'}.")

    def _would(self, what: str, deliveries: QuerySet[Delivery], *, json: bool = False) -> None:
        numbers: Mapping[str, int] = dict(deliveries.order_by("state").values_list("state").annotate(Count("pk")))
        if json:
            self.stdout.write(count_fields(numbers))
            return
        parts = counted(numbers)
        self.stdout.write(f"Would {what} {_number(sum(numbers.values()), 'delivery', 'deliveries')}{parts and f': {parts}'}.")


def _keys(alias: str, text: str) -> set[UUID]:
    """The keys of the events that are meant by a delivery's number, a message id or a key; each is looked up by its index."""
    newest = StoredEvent.objects.using(alias).filter(message_id=text).order_by("-received_at")
    found = set(newest.values_list("pk", flat=True)[:_SHOWN])
    if text.isascii() and text.isdecimal() and len(text) <= _DIGITS:
        found.update(Delivery.objects.using(alias).filter(pk=int(text)).values_list("event_id", flat=True))
    with suppress(ValueError):
        found.add(UUID(text))
    return found


def _became(delivery: Delivery, result: Result) -> str:
    """What became of a delivery that is not done, in words."""
    if result.outcome is Outcome.UNHANDLED:
        return "no handler" if not delivery.handler else "no handler of this name"
    return str(result.outcome.value)


def _refuse_names(old: str, new: str, known: Collection[str]) -> None:
    """Refuse a renaming that would take deliveries from a handler that is there, or leave them to none."""
    if new not in known:
        near = get_close_matches(new, known, 1)
        advice = f"Did you mean {near[0]!r}?" if near else "See `events list`."
        text = f"No handler is registered as {new!r}, so nobody would run what is moved there. {advice}"
        raise CommandError(text, returncode=2)
    if old in known:
        text = f"The handler {old!r} is registered, and still gets deliveries. Rename it in the code first."
        raise CommandError(text, returncode=2)


def _number(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"
