"""`manage.py inbox`: look at the events that are kept, run them again, give them up, and delete them."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final, Literal
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import close_old_connections
from django.db.models import Count, Q, QuerySet
from typing_extensions import override

from .... import conf
from ....keepers import Result
from ....management.tables import table
from ....management.terminals import printing
from ....outcomes import Outcome
from ....shutdown import StopFlag, stop_flag
from ...claims import discardable
from ...keeper import database
from ...models import Delivery, State, StoredEvent
from ...purge import PURGED, purge
from ...replay import DISCARDED, REPLAYED, discard, replay
from ...reports import FIELDS, Progress, count_fields, counted, described, fields, line, result_fields
from ...runs import AWAY
from ...workers import process
from ..arguments import add_actions, selection

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
    def handle(self, *args: Any, action: str, **options: Any) -> None:
        actions: Mapping[str, Callable[..., None]] = {
            "list": self._list,
            "show": self._show,
            "replay": self._replay,
            "discard": self._discard,
            "purge": self._purge,
            "process": self._process,
        }
        try:
            with printing(self.stdout):
                actions[action](**options)
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
            self.stdout.write(table(map(line, found[:limit]), FIELDS))
            if len(found) > limit:
                self.stdout.write(f"There are more; these are the newest {limit}.")
        else:
            self.stdout.write("No deliveries.")

    def _show(self, *, id: str, **_: Any) -> None:  # noqa: A002 -- the argument's name
        alias = database()
        wanted = Q(message_id=id)
        if id.isascii() and id.isdecimal() and len(id) <= _DIGITS:
            wanted |= Q(pk__in=Delivery.objects.using(alias).filter(pk=int(id)).values("event"))
        with suppress(ValueError):
            wanted |= Q(pk=UUID(id))
        found = StoredEvent.objects.using(alias).filter(wanted)[:_SHOWN]
        texts = [
            "\n".join(described(event, Delivery.objects.using(alias).filter(event=event).select_related("event").order_by("pk")))
            for event in found
        ]
        if not texts:
            text = f"{id!r} is no delivery's number, no message id and no event's key that the inbox has. See `inbox list`."
            raise CommandError(text)
        self.stdout.write("\n\n".join(texts))

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

    def _discard(self, *, dry_run: bool, **options: Any) -> None:
        deliveries = discardable(selection(options, DISCARDED).deliveries())
        if dry_run:
            self._would("discard", deliveries)
        else:
            self.stdout.write(f"Discarded {_number(discard(deliveries), 'delivery', 'deliveries')}.")

    def _purge(self, *, older_than: timedelta | None, state: list[str] | None, batch: int, dry_run: bool, **_: Any) -> None:
        age = older_than or conf.current().INBOX.RETENTION
        number = 0
        for deleted in purge(database(), age, states=state or PURGED, batch=batch, dry_run=dry_run):
            number += deleted
        self.stdout.write(f"{'Would purge' if dry_run else 'Purged'} {_number(number, 'event', 'events')}.")

    def _process(self, *, loop: bool, interval: timedelta, json: bool, **_: Any) -> None:
        alias = database()
        with stop_flag() as stop:
            while True:
                try:
                    ended = self._run(process(alias), 0, stop, json=json)
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
                number, _, _, _, event, handler, _ = line(delivery)
                text = f"{number} {event} to {handler}: {result.outcome.value}"
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


def _number(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"
