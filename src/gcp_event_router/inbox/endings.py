"""Ends a claimed run: as done, as failed, or for a later run. Each ending is a conditional write, which needs the claim's token.

The run holds its event's business key by the same token: it wins the key together with its delivery, or frees it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.db import connections, transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Now

from .._boxes.clock import ahead
from .._boxes.conflicts import retry_conflicts
from .._boxes.states import State
from .._boxes.stored_errors import StoredError
from . import endings_postgresql as postgresql
from . import once_keys
from .leases import KEY_IS_HELD, Claim, StandingKey
from .marks import Mark
from .models import Delivery

_NO_ERROR: Final = StoredError().columns


@retry_conflicts
def finish(alias: str, held: Claim) -> bool:
    """Mark a delivery and its business key as done.

    Returns False if another worker has claimed the delivery, or another delivery the key. Then the caller has to undo its writes.
    """
    if held.key is None:
        return _finish(alias, held)
    with transaction.atomic(using=alias, savepoint=False):
        is_held = _finish(alias, held)
        if not is_held:
            transaction.set_rollback(True, using=alias)
    return is_held


def finish_run(alias: str, held: Claim, mark: Mark, *, commit: bool) -> bool:
    """Do the same in the transaction of a run, and commit it, if that takes no message of its own.

    Raises `RolledBackError` if the marked transaction has ended.
    """
    mark.require()
    return postgresql.finish_marked(alias, held, commit=commit) if mark.is_setting else finish(alias, held)


@retry_conflicts
def give_up(alias: str, held: Claim, state: State, error: StoredError, after: timedelta | None = None) -> bool:
    """End a run as `REJECTED` or `PARKED`, or as `FAILED`, to be tried again after a time. Returns as `finish` does."""
    return _end(alias, held, state=state, **error.columns, not_before=_time(after), waiting_since=None)


@retry_conflicts
def give_back(alias: str, held: Claim, error: StoredError, after: timedelta | None) -> bool:
    """End a run without counting it, to be tried again after a time. Returns as `finish` does."""
    return _give_back(alias, held, error, after)


@retry_conflicts
def give_way(alias: str, held: Claim, key: StandingKey, after: timedelta | None) -> bool:
    """End a claimed delivery that may not run, since another one has its key: as its duplicate, or to be run later.

    The claim does not count as a run. Returns as `finish` does.
    """
    if key.is_done:
        values = {"duplicate_of": key.delivery, "once_key": key.text, **_NO_ERROR}
        return _end(alias, held, state=State.DONE, attempts=F("attempts") - 1, **values)
    error = StoredError(trail=KEY_IS_HELD.format(key.delivery or "(unknown)"))
    return _give_back(alias, held, error, after, once_key=key.text)


@retry_conflicts
def stand_back(alias: str, held: Claim) -> bool:
    """End a claimed delivery that may not run, since it is not its turn: it waits. The claim does not count as a run."""
    return _update(alias, held, state=State.PENDING, attempts=F("attempts") - 1, finished_at=None)


def age(alias: str, held: Claim) -> timedelta | None:
    """How long ago the event of a claimed delivery was received; None if it was purged."""
    rows = Delivery.objects.using(alias).filter(pk=held.delivery).annotate(now=Now())
    return next((now - received for now, received in rows.values_list("now", "event__received_at")), None)


def _finish(alias: str, held: Claim) -> bool:
    if connections[alias].vendor == "postgresql":
        return postgresql.finish(alias, held)
    values = {} if held.key is None else {"once_key": held.key.text}
    if not _update(alias, held, state=State.DONE, **_NO_ERROR, **values):
        return False
    return held.key is None or once_keys.win(alias, held.token, held.key)


def _give_back(alias: str, held: Claim, error: StoredError, after: timedelta | None, **values: Any) -> bool:
    times = {"finished_at": None, "not_before": _time(after), "waiting_since": Coalesce(F("waiting_since"), Now())}
    return _end(alias, held, state=State.PENDING, attempts=F("attempts") - 1, **error.columns, **times, **values)


def _end(alias: str, held: Claim, **values: Any) -> bool:
    """End a run without effects, and free its key."""
    if held.key is not None:
        once_keys.release(alias, held.token, held.key)
        values["once_key"] = held.key.text
    return _update(alias, held, **values)


def _update(alias: str, held: Claim, **values: Any) -> bool:
    rows = Delivery.objects.using(alias).filter(pk=held.delivery, token=held.token)
    return bool(rows.update(**{"finished_at": Now(), **values, "token": None, "lease_until": None, "running_digest": None}))


def _time(after: timedelta | None) -> Any:
    """The time of the next run. None for at once, since another session may have read the clock just before."""
    return ahead(after) if after else None
