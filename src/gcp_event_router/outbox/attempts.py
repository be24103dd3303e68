"""Settles what a relay has sent, or has not, in a few statements, each of which asks for the token."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any, Final, TypeVar
from uuid import UUID

from django.db import connections, transaction
from django.db.models import Case, CharField, DateTimeField, F, QuerySet, Value, When
from django.db.models.functions import Now

from .. import conf
from .._boxes.clock import LONGEST, ahead
from .._boxes.conflicts import retry_conflicts
from .._boxes.states import State
from .._boxes.stored_errors import StoredError, describe, storable
from ..outcomes import retry_after
from .models import OutgoingEvent

T = TypeVar("T")

#: How many events one statement settles: SQLite has a limit for the size of an expression.
_MOST: Final = 200
_LENGTH: Final = 255
_NO_LEASE: Final[Mapping[str, Any]] = {"token": None, "lease_until": None}


@dataclass(frozen=True, slots=True)
class Failure:
    """How an attempt to send an event failed, and what becomes of the event."""

    state: State
    error: StoredError
    #: Until the next attempt; zero for a parked event.
    wait: timedelta


def judge(alias: str, event: OutgoingEvent, error: BaseException, age: timedelta) -> Failure:
    """Decide what becomes of an event whose attempt has failed: another one after a while, or none."""
    settings = conf.current().OUTBOX
    problem = error if isinstance(error, Exception) else RuntimeError(f"the attempt ended with {type(error).__qualname__}")
    stored = describe(problem, connections[alias].vendor, with_text=settings.ERROR_TEXT)
    if event.attempts >= settings.MAX_ATTEMPTS or settings.RETRY.gives_up(problem, age):
        return Failure(State.PARKED, stored, timedelta())
    asked = timedelta(seconds=min(retry_after(problem) or 0, LONGEST.total_seconds()))
    return Failure(State.FAILED, stored, max(settings.RETRY.wait(event.attempts), asked))


@retry_conflicts
def settle(
    alias: str, token: UUID, sent: Mapping[int, str], failed: Mapping[int, Failure], held_back: Collection[OutgoingEvent]
) -> int:
    """Settle events by their numbers; returns how many of them were still held with the token.

    Args:
        alias: The database.
        token: The token with which they were taken.
        sent: The ids that the receiver gave the events that were sent.
        failed: The failures of others.
        held_back: The events that were not sent, since an earlier one with their key failed.

    """
    groups: dict[tuple[State, StoredError], dict[int, timedelta]] = {}
    for number, failure in failed.items():
        groups.setdefault((failure.state, failure.error), {})[number] = failure.wait
    settled = 0
    with transaction.atomic(using=alias):
        for part in _parts(sent):
            settled += _finish(_held(alias, token, part), part)
        for (state, error), waits in groups.items():
            for some in _parts(waits):
                settled += _fail(_held(alias, token, some), state, error, some)
        settled += give_back(alias, token, held_back)
    return settled


def give_back(alias: str, token: UUID, events: Collection[OutgoingEvent]) -> int:
    """Make events due again that have not been sent, without a counted attempt; returns how many."""
    if not events:
        return 0
    rows = _held(alias, token, [event.pk for event in events])
    return rows.update(attempts=F("attempts") - 1, not_before=None, **_NO_LEASE, state=State.PENDING)


def _finish(rows: QuerySet[OutgoingEvent], ids: Mapping[int, str]) -> int:
    # an event that was sent is settled, whatever a project's transport has returned
    texts = {number: storable(str(text or ""), _LENGTH) for number, text in ids.items()}
    message_id = _by_number(texts, CharField()) if len({*texts.values()}) > 1 else next(iter(texts.values()))
    columns = {**StoredError().columns, **_NO_LEASE, "not_before": None, "finished_at": Now(), "message_id": message_id}
    return rows.update(**columns, state=State.DONE)


def _fail(rows: QuerySet[OutgoingEvent], state: State, error: StoredError, waits: Mapping[int, timedelta]) -> int:
    if state is State.PARKED:
        return rows.update(**error.columns, **_NO_LEASE, not_before=None, finished_at=Now(), state=state)
    due = _by_number({number: ahead(wait) for number, wait in waits.items()}, DateTimeField())
    return rows.update(**error.columns, **_NO_LEASE, not_before=due, state=state)


def _held(alias: str, token: UUID, numbers: Collection[int]) -> QuerySet[OutgoingEvent]:
    return OutgoingEvent.objects.using(alias).filter(pk__in=list(numbers), token=token)


def _by_number(values: Mapping[int, Any], field: Any) -> Case:
    """The value for the number of each row."""
    whens = [When(pk=number, then=Value(value) if isinstance(value, str) else value) for number, value in values.items()]
    return Case(*whens, output_field=field)


def _parts(values: Mapping[int, T]) -> Iterator[dict[int, T]]:
    items = iter(values.items())
    while part := dict(islice(items, _MOST)):
        yield part
