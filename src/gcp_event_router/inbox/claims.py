"""The one place where workers meet: who may run which delivery, and who still may end it. All of it by conditional writes.

A claim is a lease with a token. The lease keeps others away until it ends, by the database's clock; the token makes sure
that a worker which outlived its lease changes nothing any more. `store`, `tasks` and `replay` call this.
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

__all__ = ["begin", "claim", "finish", "give_back", "give_up", "holds", "keep_rejected", "keep_unhandled", "open_event"]

_DECIDED = SETTLED - {State.UNHANDLED}
"""The states in which the payload that is kept counts, whatever else comes under its key."""
_MISSING = Claim(0, State.RUNNING, wait=SOON)


@asked_again
def open_event(
    alias: str, row: StoredEvent, wanted: Sequence[DeliveryTerms], sender_attempt: int | None, *, begun: bool
) -> dict[str, Claim]:
    """Keep an event unless it is there, and claim what is open of it.

    On PostgreSQL a new event is one statement, and a duplicate two.

    Args:
        alias: The database.
        row: The event.
        wanted: Its handlers.
        sender_attempt: How often the sender has tried, where it says.
        begun: Whether what is claimed is begun at once; else each is, by `begin`, when its turn has come.

    Returns:
        For each handler's name where its delivery stands.

    Raises:
        DatabaseError: The database cannot be asked, or says no.

    """
    claims = _opened(alias, row, wanted, sender_attempt, begun=begun)
    payloads = {each.payload for each in claims.values()}
    if Payload.REFUSED in payloads:
        claims = _replaced(alias, row, wanted, sender_attempt, begun=begun) or claims
    elif Payload.IGNORED in payloads:  # nobody may send the first again, so what it has left open is for the workers
        leave(alias, [each.delivery for each in claims.values()])
    for each in wanted:
        if each.deferred:
            claims[each.handler] = _handed_over(alias, claims[each.handler])
    return claims


@asked_again
def keep_rejected(alias: str, row: StoredEvent, error: KeptError) -> None:
    """Keep an event that could not be read, unless it is there, with a delivery to nobody that says why."""
    with transaction.atomic(using=alias):
        _insert(alias, row)
        delivery = Delivery(event_id=row.key, state=State.REJECTED, **error.columns)
        Delivery.objects.using(alias).bulk_create([delivery], ignore_conflicts=True)


@asked_again
def keep_unhandled(alias: str, row: StoredEvent) -> Payload:
    """Keep an event that nothing handles, with a delivery to nobody; unless it is there, with deliveries of its own.

    Another payload takes the place of the one that is there if that, too, is for nobody.
    """
    there = StoredEvent.objects.using(alias).filter(key=row.key, deliveries__isnull=False)
    kept = there.values_list("digest", flat=True).first()
    if kept is not None and bytes(kept) == row.digest:
        return Payload.SAME
    if kept is not None and (payload := _replaced_unhandled(alias, row)):
        return payload
    with transaction.atomic(using=alias):
        _insert(alias, row)
        Delivery.objects.using(alias).bulk_create([Delivery(event_id=row.key, state=State.UNHANDLED)], ignore_conflicts=True)
    return Payload.SAME


@asked_again
def claim(alias: str, delivery: int, terms: DeliveryTerms) -> Claim | None:
    """Claim one delivery that is there; None if it is not open, or somebody else has it."""
    token = uuid4()
    row = Delivery.objects.using(alias).filter(pk=delivery)
    if not _take(row, 1, terms, token, F("sender_attempt"), begun=True):
        return None
    taken = row.filter(Q(token=token) | Q(state=State.PARKED)).annotate(now=Now())
    found = taken.values_list("state", "token", "attempts", "lost", "deferred", "waiting_since", "now").first()
    if found is None:  # it was parked, and somebody replays it already, or has purged it
        return None
    state, its, attempts, lost, deferred, since, now = found
    waited = now - since if deferred and since is not None else timedelta()
    return Claim(delivery, state, its, attempts, lost, terms.max_attempts, waited=waited)


@asked_again
def begin(alias: str, held: Claim, lease: timedelta) -> bool:
    """Begin a claimed delivery, whose lease counts from now. False if it is somebody else's by now."""
    rows = Delivery.objects.using(alias).filter(pk=held.delivery, token=held.token)
    return bool(rows.update(started_at=Now(), lease_until=ahead(lease)))


def holds(alias: str, held: Claim) -> bool:
    """Whether a claim is still the caller's."""
    return Delivery.objects.using(alias).filter(pk=held.delivery, token=held.token).exists()


@asked_again
def finish(alias: str, held: Claim, setting: str = "") -> bool:
    """End a run well. False if the claim is somebody else's by now; whoever wrote anything for it then has to undo it.

    Args:
        alias: The database.
        held: The claim.
        setting: The setting that marks the run's transaction, without which `RolledBackError` is raised; empty for none.

    """
    if connections[alias].vendor == "postgresql":
        return postgresql.finish(alias, held, setting)
    return _end(alias, held, state=State.DONE, **_NO_ERROR)


@asked_again
def give_up(alias: str, held: Claim, state: State, error: KeptError, after: timedelta | None = None) -> bool:
    """End a run as `REJECTED` or `PARKED`, for good; or as `FAILED`, to be tried again after a time. False as in `finish`."""
    return _end(alias, held, state=state, **error.columns, not_before=_time(after), waiting_since=None)


@asked_again
def give_back(alias: str, held: Claim, error: KeptError, after: timedelta | None) -> bool:
    """End a run as if it had not been begun: it does not count, and may be tried again. False as in `finish`."""
    times = {"finished_at": None, "not_before": _time(after), "waiting_since": Coalesce(F("waiting_since"), Now())}
    return _end(alias, held, state=State.PENDING, attempts=F("attempts") - 1, **error.columns, **times)


def _end(alias: str, held: Claim, **values: Any) -> bool:
    rows = Delivery.objects.using(alias).filter(pk=held.delivery, token=held.token)
    return bool(rows.update(**{"finished_at": Now(), **values, "token": None, "lease_until": None}))


def _open_event(
    alias: str, row: StoredEvent, wanted: Sequence[DeliveryTerms], sender_attempt: int | None, token: UUID, *, begun: bool
) -> dict[str, Claim]:
    """`open_event` for databases that cannot do it in one statement; here, too, the update decides."""
    rows = Delivery.objects.using(alias).filter(event_id=row.key)
    known = dict(rows.annotate(open=_CAN_BE_CLAIMED).values_list("handler", "open"))
    if all(each.handler in known and (each.deferred or not known[each.handler]) for each in wanted):
        return {}  # nothing to write; and on SQLite, whoever writes waits for everybody else who does
    with transaction.atomic(using=alias):
        _insert(alias, row)
        same = StoredEvent.objects.using(alias).filter(key=row.key, digest=row.digest)
        # looked at again, after whoever inserts the same: on MySQL, many who insert what is there can only end in a deadlock
        there = set(same.values_list("deliveries__handler", flat=True))
        if there:
            new = [each for each in wanted if each.handler not in there]
            return _claimed(rows, row.key, new, wanted, partial(_take, token=token, sender_attempt=sender_attempt, begun=begun))
    return {}


def _insert(alias: str, row: StoredEvent) -> None:
    """Insert an event unless it is there."""
    if connections[alias].vendor == "mysql" and len(row.body) > mysql.PART:
        mysql.insert_body(alias, row)
    else:
        StoredEvent.objects.using(alias).bulk_create([row], ignore_conflicts=True)


def _opened(
    alias: str, row: StoredEvent, wanted: Sequence[DeliveryTerms], sender_attempt: int | None, *, begun: bool
) -> dict[str, Claim]:
    token = uuid4()
    opened = postgresql.open_event if connections[alias].vendor == "postgresql" else _open_event
    claims = opened(alias, row, wanted, sender_attempt, token, begun=begun)
    missing = [each.handler for each in wanted if each.handler not in claims]
    return claims | _standing(alias, row, missing) if missing else claims


def _replaced(
    alias: str, row: StoredEvent, wanted: Sequence[DeliveryTerms], sender_attempt: int | None, *, begun: bool
) -> dict[str, Claim]:
    """Keep another payload in place of the first, and claim it, if requests alone have tried the first, and nobody is at it."""
    with transaction.atomic(using=alias):
        event = StoredEvent.objects.using(alias).filter(key=row.key)
        rows = Delivery.objects.using(alias).filter(event_id=row.key)
        locked = [*event.select_for_update(), *rows.select_for_update()]
        if not locked or rows.exclude(state=State.UNHANDLED).exclude(IS_OPEN, deferred=False).exists():
            return {}
        _overwrite(alias, row)
        claims = _opened(alias, row, wanted, sender_attempt, begun=begun)
        return {handler: replace(each, payload=Payload.TAKEN) for handler, each in claims.items()}


def _replaced_unhandled(alias: str, row: StoredEvent) -> Payload | None:
    """Keep another payload in place of the first, if that is for nobody. Returns what became of it; None if the first is gone."""
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
    """Keep an event in place of one with the same key."""
    fields = (each.attname for each in StoredEvent._meta.concrete_fields)  # noqa: SLF001 -- Django's own public name
    values = {name: getattr(row, name) for name in fields if name not in {"key", "received_at"}}
    in_parts = connections[alias].vendor == "mysql" and len(row.body) > mysql.PART
    if in_parts:
        values["body"] = bytes(row.body)[: mysql.PART]
    StoredEvent.objects.using(alias).filter(key=row.key).update(**values)
    if in_parts:
        mysql.append_parts(alias, row)


def _claimed(
    rows: QuerySet[Delivery], key: UUID, new: Sequence[DeliveryTerms], wanted: Sequence[DeliveryTerms], take: partial[int]
) -> dict[str, Claim]:
    token, sender_attempt = take.keywords["token"], take.keywords["sender_attempt"]
    known = {"event_id": key, "sender_attempt": sender_attempt}
    added = [Delivery(handler=each.handler, deferred=each.deferred, max_attempts=each.max_attempts, **known) for each in new]
    rows.bulk_create(added, ignore_conflicts=True)
    groups: dict[object, list[DeliveryTerms]] = {}  # one statement takes the deliveries of all handlers with equal terms
    for terms in wanted:
        if not terms.deferred:
            groups.setdefault(_common(terms), []).append(terms)
    for group in groups.values():
        take(rows.filter(handler__in=[terms.handler for terms in group]), len(group), group[0])
    noted = {each.handler for each in new if each.deferred}
    # what somebody else has noted meanwhile, a worker may have by now, with a token that is not ours
    found = rows.filter(Q(token=token) | Q(handler__in=noted, state=State.PENDING))
    return {
        handler: Claim(pk, state, its, attempts, lost, most, is_new=handler in noted)
        for pk, handler, state, its, attempts, lost, most in found.values_list(
            "pk", "handler", "state", "token", "attempts", "lost", "max_attempts"
        )
    }


def _standing(alias: str, row: StoredEvent, handlers: Sequence[str]) -> dict[str, Claim]:
    """Where the deliveries stand that could not be claimed."""
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
    # one that is not there was purged meanwhile, or would be for another payload
    payload = (Payload.IGNORED if is_settled else Payload.REFUSED) if differs else Payload.SAME
    return {each: replace(claims.get(each, _MISSING), payload=payload) for each in handlers}


def _handed_over(alias: str, claim: Claim) -> Claim:
    """Leave to the workers what requests have left of a delivery, since its handler was not deferred then."""
    if claim.is_new or claim.is_deferred or claim.state in SETTLED or claim.payload in {Payload.REFUSED, Payload.IGNORED}:
        return claim
    return replace(claim, is_new=bool(leave(alias, [claim.delivery])))


def _take(rows: QuerySet[Delivery], count: int, terms: DeliveryTerms, token: UUID, sender_attempt: object, *, begun: bool) -> int:
    """Take what is open among so many deliveries; one that was lost too often is parked. Returns how many rows changed."""
    spent = _LOST_RUN & Q(lost__gte=terms.max_lost - 1)
    known = {"max_attempts": terms.max_attempts, "sender_attempt": sender_attempt, "not_before": None}
    # MySQL sets one column after the other, and each sees what was set before it: so those that others look at come last
    taken = rows.filter(IS_OPEN, ~spent).update(
        **known,
        **_TAKEN,
        token=token,
        lease_until=ahead(terms.lease),
        finished_at=None,
        started_at=Now() if begun else None,
        state=State.RUNNING,
    )
    if taken == count:
        return taken
    return taken + rows.filter(IS_OPEN, spent).update(**known, **_PARKED, token=None, lease_until=None)


def _time(after: timedelta | None) -> Any:
    return None if after is None else ahead(after)


def _if(condition: Q, then: Any, otherwise: Any, kind: Field[Any, Any]) -> Case:
    return Case(When(condition, then=then), default=otherwise, output_field=kind)


_RUNNING: Final = Q(state=State.RUNNING)
_LOST_RUN: Final = _RUNNING & Q(started_at__isnull=False)
_UNBEGUN: Final = _RUNNING & Q(started_at__isnull=True)
_CAN_BE_CLAIMED: Final = _if(IS_OPEN, Value(True), Value(False), BooleanField())
#: What becomes of an open delivery that is taken, whoever takes it.
_TAKEN: Final[Mapping[str, Any]] = {
    "attempts": _if(_UNBEGUN, F("attempts"), F("attempts") + 1, PositiveSmallIntegerField()),
    "error_type": _if(_LOST_RUN, Value(""), F("error_type"), CharField()),
    "error": _if(_LOST_RUN, Value(LOST), F("error"), TextField()),
    "error_text": _if(_LOST_RUN, Value(""), F("error_text"), TextField()),
    "lost": _if(_LOST_RUN, F("lost") + 1, F("lost"), PositiveSmallIntegerField()),
}
#: What becomes of one that was lost too often.
_PARKED: Final[Mapping[str, Any]] = {
    "state": State.PARKED,
    "lost": F("lost") + 1,
    "finished_at": Now(),
    **KeptError(trail=LOST_TOO_OFTEN).columns,
}
_NO_ERROR: Final = KeptError().columns
_common = attrgetter("lease", "max_attempts", "max_lost")
