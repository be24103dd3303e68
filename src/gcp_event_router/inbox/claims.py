"""Decides which worker may run a delivery, and which may still end it, by conditional writes.

A claim is a lease with a token. The lease keeps other workers away until it expires by the database's clock; the token ensures
that a worker which outlives its lease changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from operator import attrgetter
from typing import Any, Final
from uuid import UUID, uuid4

from django.db import connections, transaction
from django.db.models import (
    BooleanField,
    Case,
    CharField,
    F,
    Field,
    PositiveSmallIntegerField,
    Q,
    QuerySet,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Now

from . import claims_mysql as mysql
from . import claims_postgresql as postgresql
from .clock import ahead
from .conflicts import asked_again
from .decisions import IS_OPEN, leave
from .errors import KeptError
from .leases import LOST, LOST_TOO_OFTEN, SOON, Claim, DeliveryTerms, Payload
from .models import SETTLED, Delivery, State, StoredEvent

#: The states in which the stored payload counts, even if another one arrives under its key.
_DECIDED = SETTLED - {State.UNHANDLED}
_MISSING = Claim(0, State.RUNNING, wait=SOON)


@asked_again
def open_event(
    alias: str, row: StoredEvent, wanted: Sequence[DeliveryTerms], sender_attempt: int | None, *, begun: bool
) -> dict[str, Claim]:
    """Store an event unless it exists, and claim its open deliveries.

    On PostgreSQL, a new event takes one statement, and a duplicate two.

    Args:
        alias: The database.
        row: The event.
        wanted: Its handlers.
        sender_attempt: The sender's number of this delivery, if known.
        begun: Whether the claimed deliveries begin at once; otherwise, `begin` begins each.

    Returns:
        The claim on each handler's delivery, by name.

    Raises:
        DatabaseError: The database is unavailable, or refuses a statement.

    """
    claims = _claim_open(alias, row, wanted, sender_attempt, begun=begun)
    payloads = {claim.payload for claim in claims.values()}
    if Payload.REFUSED in payloads:
        claims = _replace_payload(alias, row, wanted, sender_attempt, begun=begun) or claims
    elif Payload.IGNORED in payloads:  # the first payload may not come again, so workers have to run its open deliveries
        leave(alias, [claim.delivery for claim in claims.values()])
    for terms in wanted:
        if terms.deferred:
            claims[terms.handler] = _hand_over(alias, claims[terms.handler])
    return claims


@asked_again
def keep_rejected(alias: str, row: StoredEvent, error: KeptError) -> None:
    """Store an unreadable event unless it exists, with a rejected delivery without a handler."""
    with transaction.atomic(using=alias):
        _insert(alias, row)
        delivery = Delivery(event_id=row.key, state=State.REJECTED, **error.columns)
        Delivery.objects.using(alias).bulk_create([delivery], ignore_conflicts=True)


@asked_again
def keep_unhandled(alias: str, row: StoredEvent) -> Payload:
    """Store an event without a handler, unless it exists with deliveries.

    Another payload replaces the stored one, if that has no handler either.
    """
    stored = StoredEvent.objects.using(alias).filter(key=row.key, deliveries__isnull=False)
    digest = stored.values_list("digest", flat=True).first()
    if digest is not None and bytes(digest) == row.digest:
        return Payload.SAME
    if digest is not None and (payload := _replace_unhandled(alias, row)):
        return payload
    with transaction.atomic(using=alias):
        _insert(alias, row)
        Delivery.objects.using(alias).bulk_create([Delivery(event_id=row.key, state=State.UNHANDLED)], ignore_conflicts=True)
    return Payload.SAME


@asked_again
def claim(alias: str, delivery: int, terms: DeliveryTerms) -> Claim | None:
    """Claim one delivery; None if it is not open, or another worker has it."""
    token = uuid4()
    row = Delivery.objects.using(alias).filter(pk=delivery)
    if not _take(row, 1, terms, token, F("sender_attempt"), begun=True):
        return None
    taken = row.filter(Q(token=token) | Q(state=State.PARKED)).annotate(now=Now())
    values = taken.values_list("state", "token", "attempts", "lost", "deferred", "waiting_since", "now").first()
    if values is None:  # it was parked, and has been replayed or purged meanwhile
        return None
    state, row_token, attempts, lost, deferred, since, now = values
    waited = now - since if deferred and since is not None else timedelta()
    return Claim(delivery, state, row_token, attempts, lost, terms.max_attempts, waited=waited)


@asked_again
def begin(alias: str, held: Claim, lease: timedelta) -> bool:
    """Begin a claimed delivery, whose lease starts now. Returns False if another worker has claimed it."""
    rows = Delivery.objects.using(alias).filter(pk=held.delivery, token=held.token)
    return bool(rows.update(started_at=Now(), lease_until=ahead(lease)))


def holds(alias: str, held: Claim) -> bool:
    """Whether the caller still holds a claim."""
    return Delivery.objects.using(alias).filter(pk=held.delivery, token=held.token).exists()


@asked_again
def finish(alias: str, held: Claim, setting: str = "") -> bool:
    """Mark a delivery as done. Returns False if another worker has claimed it; then the caller has to undo its writes.

    Args:
        alias: The database.
        held: The claim.
        setting: The setting that marks the run's transaction, or ""; without the mark, `RolledBackError` is raised.

    """
    if connections[alias].vendor == "postgresql":
        return postgresql.finish(alias, held, setting)
    return _end(alias, held, state=State.DONE, **_NO_ERROR)


@asked_again
def give_up(alias: str, held: Claim, state: State, error: KeptError, after: timedelta | None = None) -> bool:
    """End a run as `REJECTED` or `PARKED`, or as `FAILED`, to be tried again after a time. Returns as `finish` does."""
    return _end(alias, held, state=state, **error.columns, not_before=_time(after), waiting_since=None)


@asked_again
def give_back(alias: str, held: Claim, error: KeptError, after: timedelta | None) -> bool:
    """End a run without counting it, to be tried again after a time. Returns as `finish` does."""
    times = {"finished_at": None, "not_before": _time(after), "waiting_since": Coalesce(F("waiting_since"), Now())}
    return _end(alias, held, state=State.PENDING, attempts=F("attempts") - 1, **error.columns, **times)


def _end(alias: str, held: Claim, **values: Any) -> bool:
    rows = Delivery.objects.using(alias).filter(pk=held.delivery, token=held.token)
    return bool(rows.update(**{"finished_at": Now(), **values, "token": None, "lease_until": None}))


def _open_event(
    alias: str, row: StoredEvent, wanted: Sequence[DeliveryTerms], sender_attempt: int | None, token: UUID, *, begun: bool
) -> dict[str, Claim]:
    """Do `open_event` in several statements; the update decides between workers."""
    rows = Delivery.objects.using(alias).filter(event_id=row.key)
    open_by_handler = dict(rows.annotate(open=_CAN_BE_CLAIMED).values_list("handler", "open"))
    if all(terms.handler in open_by_handler and (terms.deferred or not open_by_handler[terms.handler]) for terms in wanted):
        return {}  # nothing to write; on SQLite, a writer would wait for all other writers
    with transaction.atomic(using=alias):
        _insert(alias, row)
        same = StoredEvent.objects.using(alias).filter(key=row.key, digest=row.digest)
        # read again after the insertion: on MySQL, concurrent insertions of existing rows end in a deadlock
        handlers = set(same.values_list("deliveries__handler", flat=True))
        if handlers:
            new = [terms for terms in wanted if terms.handler not in handlers]
            return _take_deliveries(
                rows, row.key, new, wanted, partial(_take, token=token, sender_attempt=sender_attempt, begun=begun)
            )
    return {}


def _insert(alias: str, row: StoredEvent) -> None:
    """Insert an event unless it exists."""
    if connections[alias].vendor == "mysql" and len(row.body) > mysql.PART:
        mysql.insert_body(alias, row)
    else:
        StoredEvent.objects.using(alias).bulk_create([row], ignore_conflicts=True)


def _claim_open(
    alias: str, row: StoredEvent, wanted: Sequence[DeliveryTerms], sender_attempt: int | None, *, begun: bool
) -> dict[str, Claim]:
    token = uuid4()
    open_rows = postgresql.open_event if connections[alias].vendor == "postgresql" else _open_event
    claims = open_rows(alias, row, wanted, sender_attempt, token, begun=begun)
    missing = [terms.handler for terms in wanted if terms.handler not in claims]
    return claims | _standing(alias, row, missing) if missing else claims


def _replace_payload(
    alias: str, row: StoredEvent, wanted: Sequence[DeliveryTerms], sender_attempt: int | None, *, begun: bool
) -> dict[str, Claim]:
    """Replace the stored payload, and claim the event, if no worker has run or runs the stored one."""
    with transaction.atomic(using=alias):
        event = StoredEvent.objects.using(alias).filter(key=row.key)
        rows = Delivery.objects.using(alias).filter(event_id=row.key)
        locked = [*event.select_for_update(), *rows.select_for_update()]
        if not locked or rows.exclude(state=State.UNHANDLED).exclude(IS_OPEN, deferred=False).exists():
            return {}
        _overwrite(alias, row)
        claims = _claim_open(alias, row, wanted, sender_attempt, begun=begun)
        return {handler: replace(claim, payload=Payload.TAKEN) for handler, claim in claims.items()}


def _replace_unhandled(alias: str, row: StoredEvent) -> Payload | None:
    """Replace the stored payload, if it has no handler. Returns None if it no longer exists."""
    with transaction.atomic(using=alias):
        event = StoredEvent.objects.using(alias).filter(key=row.key)
        rows = Delivery.objects.using(alias).filter(event_id=row.key)
        if not [*event.select_for_update(), *rows.select_for_update()]:
            return None
        if rows.exclude(state=State.UNHANDLED).exists():
            return Payload.IGNORED
        _overwrite(alias, row)
        return Payload.TAKEN


def _overwrite(alias: str, row: StoredEvent) -> None:
    """Replace a stored event with the same key."""
    fields = (field.attname for field in StoredEvent._meta.concrete_fields)  # noqa: SLF001 -- Django's own public name
    values = {name: getattr(row, name) for name in fields if name not in {"key", "received_at"}}
    in_parts = connections[alias].vendor == "mysql" and len(row.body) > mysql.PART
    if in_parts:
        values["body"] = bytes(row.body)[: mysql.PART]
    StoredEvent.objects.using(alias).filter(key=row.key).update(**values)
    if in_parts:
        mysql.append_parts(alias, row)


def _take_deliveries(
    rows: QuerySet[Delivery], key: UUID, new: Sequence[DeliveryTerms], wanted: Sequence[DeliveryTerms], take: partial[int]
) -> dict[str, Claim]:
    token, sender_attempt = take.keywords["token"], take.keywords["sender_attempt"]
    shared = {"event_id": key, "sender_attempt": sender_attempt}
    deliveries = [
        Delivery(handler=terms.handler, deferred=terms.deferred, max_attempts=terms.max_attempts, **shared) for terms in new
    ]
    rows.bulk_create(deliveries, ignore_conflicts=True)
    groups: dict[object, list[DeliveryTerms]] = {}  # one statement takes the deliveries of all handlers with equal terms
    for terms in wanted:
        if not terms.deferred:
            groups.setdefault(_common(terms), []).append(terms)
    for group in groups.values():
        take(rows.filter(handler__in=[terms.handler for terms in group]), len(group), group[0])
    deferred = {terms.handler for terms in new if terms.deferred}
    # a worker may already run a delivery that another process has stored, with another token than ours
    claimed = rows.filter(Q(token=token) | Q(handler__in=deferred, state=State.PENDING))
    return {
        handler: Claim(pk, state, row_token, attempts, lost, most, is_new=handler in deferred)
        for pk, handler, state, row_token, attempts, lost, most in claimed.values_list(
            "pk", "handler", "state", "token", "attempts", "lost", "max_attempts"
        )
    }


def _standing(alias: str, row: StoredEvent, handlers: Sequence[str]) -> dict[str, Claim]:
    """The state of deliveries that could not be claimed."""
    places = ("pk", "handler", "state", "attempts", "lost", "max_attempts", "deferred", "lease_until")
    rows = StoredEvent.objects.using(alias).filter(key=row.key).annotate(now=Now())
    claims: dict[str, Claim] = {}
    differs = is_settled = False
    for digest, now, pk, handler, state, attempts, lost, most, deferred, until in rows.values_list(
        "digest", "now", *(f"deliveries__{place}" for place in places)
    ):
        differs = bytes(digest) != row.digest
        is_settled = is_settled or state in _DECIDED
        wait = max((until - now).total_seconds(), SOON) if until else SOON
        claims[handler] = Claim(pk, state, None, attempts, lost, most, wait, is_deferred=deferred)
    # a missing delivery was purged meanwhile, or would be for another payload
    payload = (Payload.IGNORED if is_settled else Payload.REFUSED) if differs else Payload.SAME
    return {handler: replace(claims.get(handler, _MISSING), payload=payload) for handler in handlers}


def _hand_over(alias: str, claim: Claim) -> Claim:
    """Leave an open delivery to the workers, if its handler was not deferred when it was stored."""
    if claim.is_new or claim.is_deferred or claim.state in SETTLED or claim.payload in {Payload.REFUSED, Payload.IGNORED}:
        return claim
    return replace(claim, is_new=bool(leave(alias, [claim.delivery])))


def _take(rows: QuerySet[Delivery], count: int, terms: DeliveryTerms, token: UUID, sender_attempt: object, *, begun: bool) -> int:
    """Take the open ones of `count` deliveries, and park those that were lost too often. Returns how many rows changed."""
    spent = _LOST_RUN & Q(lost__gte=terms.max_lost - 1)
    shared = {"max_attempts": terms.max_attempts, "sender_attempt": sender_attempt, "not_before": None}
    # MySQL sets one column after the other, and expressions see earlier changes: columns that others read come last
    taken = rows.filter(IS_OPEN, ~spent).update(
        **shared,
        **_TAKEN,
        token=token,
        lease_until=ahead(terms.lease),
        finished_at=None,
        started_at=Now() if begun else None,
        state=State.RUNNING,
    )
    if taken == count:
        return taken
    return taken + rows.filter(IS_OPEN, spent).update(**shared, **_PARKED, token=None, lease_until=None)


def _time(after: timedelta | None) -> Any:
    return None if after is None else ahead(after)


def _if(condition: Q, then: Any, otherwise: Any, kind: Field[Any, Any]) -> Case:
    return Case(When(condition, then=then), default=otherwise, output_field=kind)


_RUNNING: Final = Q(state=State.RUNNING)
_LOST_RUN: Final = _RUNNING & Q(started_at__isnull=False)
_UNBEGUN: Final = _RUNNING & Q(started_at__isnull=True)
_CAN_BE_CLAIMED: Final = _if(IS_OPEN, Value(True), Value(False), BooleanField())
#: The changes of an open delivery that is taken.
_TAKEN: Final[Mapping[str, Any]] = {
    "attempts": _if(_UNBEGUN, F("attempts"), F("attempts") + 1, PositiveSmallIntegerField()),
    "error_type": _if(_LOST_RUN, Value(""), F("error_type"), CharField()),
    "error": _if(_LOST_RUN, Value(LOST), F("error"), TextField()),
    "error_text": _if(_LOST_RUN, Value(""), F("error_text"), TextField()),
    "lost": _if(_LOST_RUN, F("lost") + 1, F("lost"), PositiveSmallIntegerField()),
}
#: The changes of one that was lost too often.
_PARKED: Final[Mapping[str, Any]] = {
    "state": State.PARKED,
    "lost": F("lost") + 1,
    "finished_at": Now(),
    **KeptError(trail=LOST_TOO_OFTEN).columns,
}
_NO_ERROR: Final = KeptError().columns
_common = attrgetter("lease", "max_attempts", "max_lost")
