"""Decides which worker may run a delivery, by conditional writes.

A claim is a lease with a token. The lease keeps other workers away until it expires by the database's clock; the token ensures
that a worker which outlives its lease changes nothing: `endings` asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.db import connections, transaction
from django.db.models import Exists, F, Q, QuerySet
from django.db.models.functions import Now

from .._boxes.clock import ahead
from .._boxes.conflicts import retry_conflicts
from .._boxes.selecting import IS_DUE, IS_OPEN
from .._boxes.states import OPEN, SETTLED, State
from .._boxes.stored_errors import StoredError
from . import claims_mysql as mysql
from . import claims_postgresql as postgresql
from . import orders, takes
from .decisions import leave
from .leases import SOON, Claim, ClaimRequest, DeliveryTerms, OrderKey, Payload
from .models import Delivery, StoredEvent
from .waking import wake_workers

#: The states in which the stored payload counts, even if another one arrives under its key.
_DECIDED = SETTLED - {State.UNHANDLED}
_MISSING = Claim(0, State.RUNNING, wait=SOON)
#: The state of a delivery that an erased event does not get any more.
_ERASED = Claim(0, State.DISCARDED)


@retry_conflicts
def open_event(
    alias: str,
    row: StoredEvent,
    wanted: Sequence[DeliveryTerms],
    sender_attempt: int | None,
    order_keys: Mapping[str, OrderKey],
    *,
    begun: bool,
) -> dict[str, Claim]:
    """Store an event unless it exists, and claim its open deliveries.

    On PostgreSQL, a new event takes one statement, and one more for each ordered delivery; a duplicate takes two.

    Args:
        alias: The database.
        row: The event.
        wanted: Its handlers.
        sender_attempt: The sender's number of this delivery, if known.
        order_keys: The event's keys of ordered handlers, by their names.
        begun: Whether the claimed deliveries begin at once; otherwise, `begin` begins each.

    Returns:
        The claim on each handler's delivery, by name.

    Raises:
        DatabaseError: The database is unavailable, or refuses a statement.

    """
    request = ClaimRequest(alias, row, wanted, sender_attempt, begun, uuid4(), order_keys)
    claims = _claim_open(request)
    payloads = {claim.payload for claim in claims.values()}
    if Payload.REFUSED in payloads:
        claims = _claim_replaced(request) or claims
    elif Payload.IGNORED in payloads:  # the first payload may not come again, so workers have to run its open deliveries
        leave(alias, [claim.delivery for claim in claims.values()])
    for terms in wanted:
        if terms.deferred:
            claims[terms.handler] = _hand_over(alias, claims[terms.handler])
    return claims


@retry_conflicts
def keep_rejected(alias: str, row: StoredEvent, error: StoredError) -> None:
    """Store an unreadable event unless it exists, with a rejected delivery without a handler."""
    _keep(alias, row, state=State.REJECTED, **error.columns)


@retry_conflicts
def keep_unhandled(alias: str, row: StoredEvent) -> Payload:
    """Store an event without a handler, unless it exists with deliveries.

    Another payload replaces the stored one, if that has no handler either.
    """
    stored = StoredEvent.objects.using(alias).filter(key=row.key, deliveries__isnull=False)
    digest = stored.values_list("digest", flat=True).first()
    if digest is not None and bytes(digest) in {b"", row.digest}:  # an erased event has none
        return Payload.SAME
    if digest is not None:
        with transaction.atomic(using=alias):
            if payload := _replace_payload(alias, row, Q(state=State.UNHANDLED)):
                return payload
    _keep(alias, row, state=State.UNHANDLED)
    return Payload.SAME


@retry_conflicts
def claim(alias: str, delivery: int, terms: DeliveryTerms, *, is_ordered: bool = False, early: bool = False) -> Claim | None:
    """Claim one delivery; None if it is not open, another worker has it, it is not its turn, or not due unless it runs early."""
    token = uuid4()
    row = Delivery.objects.using(alias).filter(pk=delivery)
    open_row = row if early else row.filter(IS_DUE)
    sender_attempt = F("sender_attempt")
    if connections[alias].vendor == "postgresql":  # one statement, since workers would spend most of their time on making three
        found = orders.alone(alias, lambda: postgresql.claim_one(alias, delivery, terms, token, early=early))
        if found is not None:
            return found._replace(is_ordered=is_ordered)
        if not takes.park_lost(open_row, terms, sender_attempt):
            return None
    elif not takes.take(open_row, 1, terms, token, sender_attempt, begun=True, is_ordered=is_ordered):
        return None
    taken = row.filter(Q(token=token) | Q(state=State.PARKED)).annotate(now=Now())
    values = taken.values_list("state", "token", "attempts", "lost", "deferred", "waiting_since", "now").first()
    if values is None:  # it was parked, and has been replayed or purged meanwhile
        return None
    state, row_token, attempts, lost, deferred, since, now = values
    waited = now - since if deferred and since is not None else timedelta()
    return Claim(delivery, state, row_token, attempts, lost, terms.max_attempts, waited=waited, is_ordered=is_ordered)


@retry_conflicts
def begin(alias: str, held: Claim, lease: timedelta) -> bool:
    """Begin a claimed delivery, whose lease starts now. Returns False if another worker has claimed it."""
    rows = Delivery.objects.using(alias).filter(pk=held.delivery, token=held.token)
    return bool(rows.update(started_at=Now(), lease_until=ahead(lease)))


def holds(alias: str, held: Claim) -> bool:
    """Whether the caller still holds a claim."""
    return Delivery.objects.using(alias).filter(pk=held.delivery, token=held.token).exists()


def _claim_open(request: ClaimRequest) -> dict[str, Claim]:
    """Claim the open deliveries of a new or stored event, and return the state of all that are wanted."""
    on_postgresql = connections[request.alias].vendor == "postgresql"
    claims = postgresql.insert_new(request) if on_postgresql else {}
    if claims:
        _take_turns(request, claims)
    else:
        claims, claimable = read(request)
        if claimable:  # otherwise, there is nothing to write; on SQLite, a writer would wait for all other writers
            claims = _take_open(request, claimable, [terms for terms in claimable if not claims[terms.handler].delivery])
    return claims


def _take_turns(request: ClaimRequest, claims: dict[str, Claim]) -> None:
    """Claim the ordered deliveries of a new event whose turn it is."""
    for terms in request.wanted:
        if terms.handler not in request.order_keys or terms.deferred:
            continue
        claim = claims[terms.handler]
        row = Delivery.objects.using(request.alias).filter(pk=claim.delivery)
        if takes.take(row, 1, terms, request.token, request.sender_attempt, begun=request.begun, is_ordered=True):
            claims[terms.handler] = claim._replace(state=State.RUNNING, token=request.token, attempts=1)


def read(request: ClaimRequest) -> tuple[dict[str, Claim], list[DeliveryTerms]]:
    """Read the state of each wanted delivery, and which of them can be claimed or inserted."""
    claims: dict[str, Claim] = {}
    can_be_taken: dict[str, bool] = {}
    differs = is_settled = is_erased = False
    for row in _read_rows(request):
        digest, now, pk, handler, state, token, attempts, lost, most, deferred, order, lease_until, not_before = row
        is_erased = not bytes(digest)
        differs = not is_erased and bytes(digest) != request.row.digest
        is_settled = is_settled or state in _DECIDED
        until = lease_until or not_before
        wait = (until - now).total_seconds() if until else 0.0
        own = token if token == request.token else None
        is_early = wait > 0 and state in {State.PENDING, State.FAILED}
        marks: dict[str, Any] = {"is_early": is_early, "is_deferred": deferred, "is_ordered": order is not None}
        claims[handler] = Claim(pk, state, own, attempts, lost, most, max(wait, SOON), **marks)
        can_be_taken[handler] = state in OPEN and not is_early and (state != State.RUNNING or wait < 0)
    # a missing delivery was purged meanwhile, or would be for another payload
    payload = (Payload.IGNORED if is_settled else Payload.REFUSED) if differs else Payload.SAME
    standing = {
        terms.handler: claims.get(terms.handler, _ERASED if is_erased else _MISSING)._replace(payload=payload)
        for terms in request.wanted
    }
    claimable = [terms for terms in request.wanted if can_be_taken.get(terms.handler, not is_erased)]
    return standing, [terms for terms in claimable if not (differs or (terms.deferred and terms.handler in claims))]


def _read_rows(request: ClaimRequest) -> Sequence[tuple[Any, ...]]:
    if connections[request.alias].vendor == "postgresql":
        return postgresql.read_rows(request)
    times = ("lease_until", "not_before")
    state = ("pk", "handler", "state", "token", "attempts", "lost", "max_attempts", "deferred", "order_digest")
    rows = StoredEvent.objects.using(request.alias).filter(key=request.row.key).annotate(now=Now())
    return list(rows.values_list("digest", "now", *(f"deliveries__{column}" for column in (*state, *times))))


def _take_open(request: ClaimRequest, claimable: Sequence[DeliveryTerms], missing: Sequence[DeliveryTerms]) -> dict[str, Claim]:
    """Claim the open and the missing deliveries of an event; the update decides between workers."""
    alias, row = request.alias, request.row
    same = StoredEvent.objects.using(alias).filter(key=row.key, digest=row.digest)
    rows = Delivery.objects.using(alias).filter(Exists(same), event_id=row.key)
    groups: dict[object, list[DeliveryTerms]] = {}  # one statement takes the deliveries of all handlers with equal terms
    for terms in claimable:
        if not terms.deferred:
            groups.setdefault(terms if terms.is_ordered else takes.common(terms), []).append(terms)
    # after a conflict, the deliveries that an earlier statement has claimed must be free again
    with transaction.atomic(using=alias) if len(claimable) > 1 or missing else nullcontext():
        new: set[str] = _insert_missing(request, missing, same) if missing else set()
        for group in groups.values():
            named = rows.filter(IS_DUE, handler__in=[terms.handler for terms in group])
            is_ordered = group[0].is_ordered
            takes.take(
                named, len(group), group[0], request.token, request.sender_attempt, begun=request.begun, is_ordered=is_ordered
            )
        if any(terms.deferred for terms in missing if terms.handler in new):
            wake_workers(alias)
        claims, _ = read(request)
    for handler in new & claims.keys():
        claim = claims[handler]  # a worker may already run a deferred delivery that another process has stored
        claims[handler] = claim._replace(is_new=claim.is_deferred and State(claim.state) is State.PENDING)
    return claims


def _insert_missing(request: ClaimRequest, missing: Sequence[DeliveryTerms], same: QuerySet[StoredEvent]) -> set[str]:
    """Insert the event and its missing deliveries, unless it has another payload. Returns the handlers of the new ones."""
    alias, row = request.alias, request.row
    insert(alias, row)
    if connections[alias].vendor == "postgresql":  # where the insertion locks nothing
        list(same.select_for_update().values_list("key"))
    # read again after the insertion: on MySQL, concurrent insertions of existing rows end in a deadlock
    handlers = set(same.values_list("deliveries__handler", flat=True))
    new = [terms for terms in missing if terms.handler not in handlers] if handlers else []
    shared = {"event_id": row.key, "sender_attempt": request.sender_attempt}
    deliveries = [
        Delivery(
            handler=terms.handler, deferred=terms.deferred, max_attempts=terms.max_attempts, **_order(request, terms), **shared
        )
        for terms in new
    ]
    Delivery.objects.using(alias).bulk_create(deliveries, ignore_conflicts=True)
    return {terms.handler for terms in new}


def _claim_replaced(request: ClaimRequest) -> dict[str, Claim]:
    """Replace the stored payload, and claim the event, if no worker has run or runs the stored one."""
    replaceable = Q(state=State.UNHANDLED) | Q(IS_OPEN, deferred=False)
    with transaction.atomic(using=request.alias):
        if _replace_payload(request.alias, request.row, replaceable) is not Payload.TAKEN:
            return {}
        rows = Delivery.objects.using(request.alias).filter(event_id=request.row.key)
        for terms in request.wanted:
            if terms.is_ordered:
                rows.filter(handler=terms.handler).update(**_order(request, terms))
        return {handler: claim._replace(payload=Payload.TAKEN) for handler, claim in _claim_open(request).items()}


def _replace_payload(alias: str, row: StoredEvent, replaceable: Q) -> Payload | None:
    """Replace the stored payload, if all deliveries fit a condition. Inside a transaction; None if the event no longer exists."""
    event = StoredEvent.objects.using(alias).filter(key=row.key)
    rows = Delivery.objects.using(alias).filter(event_id=row.key)
    if not [*event.select_for_update(), *rows.select_for_update()]:
        return None
    if rows.exclude(replaceable).exists():
        return Payload.IGNORED
    fields = (field.attname for field in StoredEvent._meta.concrete_fields)  # noqa: SLF001 -- Django's own public name
    values = {name: getattr(row, name) for name in fields if name not in {"key", "received_at"}}
    in_parts = _needs_parts(alias, row)
    if in_parts:
        values["body"] = bytes(row.body)[: mysql.PART]
    event.update(**values)
    if in_parts:
        mysql.append_parts(alias, row)
    return Payload.TAKEN


def _keep(alias: str, row: StoredEvent, **columns: Any) -> None:
    """Store an event unless it exists, with a delivery without a handler."""
    with transaction.atomic(using=alias):
        insert(alias, row)
        Delivery.objects.using(alias).bulk_create([Delivery(event_id=row.key, **columns)], ignore_conflicts=True)


def insert(alias: str, row: StoredEvent) -> None:
    """Insert an event unless it exists."""
    if _needs_parts(alias, row):
        mysql.insert_body(alias, row)
    else:
        StoredEvent.objects.using(alias).bulk_create([row], ignore_conflicts=True)


def _needs_parts(alias: str, row: StoredEvent) -> bool:
    return connections[alias].vendor == "mysql" and len(row.body) > mysql.PART


def _hand_over(alias: str, claim: Claim) -> Claim:
    """Leave an open delivery to the workers, if its handler was not deferred when it was stored."""
    if claim.is_new or claim.is_deferred or claim.state in SETTLED or claim.payload in {Payload.REFUSED, Payload.IGNORED}:
        return claim
    return claim._replace(is_new=bool(leave(alias, [claim.delivery])))


def _order(request: ClaimRequest, terms: DeliveryTerms) -> dict[str, Any]:
    digest, text = request.order_keys.get(terms.handler, (None, ""))
    return {"order_digest": digest, "order_key": text}
