"""Retrying, discarding and purging events from Python, also while relays send."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from django.db import transaction

from gcp_event_router.exceptions import GlobError
from gcp_event_router.outbox.models import OrderingKey, OutgoingEvent, State
from gcp_event_router.outbox.purge import purge
from gcp_event_router.outbox.retry import discard, retry
from gcp_event_router.outbox.selections import OutgoingSelection

from ..support.deliveries import beside, session
from ..support.kept import STATES, from_now, keep, states_of
from ..support.outboxes import end_leases, on_sqlite, where_writers_overlap, with_outboxes

pytestmark = with_outboxes
WEEK = timedelta(days=7)


def all_of(alias: str) -> list[str]:
    return list(states_of(alias).values())


def test_retry(outbox: str) -> None:
    """Events that failed, were parked or discarded are due at once; a lease that has expired protects nobody."""
    for state in STATES:
        keep(outbox, state, attempts=3)

    assert retry(OutgoingSelection().events()) == 3
    assert all_of(outbox) == ["pending", "running", "pending", "done", "pending", "pending"]
    end_leases(outbox)
    assert retry(OutgoingSelection().events()) == 1
    assert all_of(outbox) == ["pending", "pending", "pending", "done", "pending", "pending"]


def test_an_attempt_that_was_given_up_settles_nothing(outbox: str) -> None:
    """A relay that comes back after its lease finds its token gone, so what a person has decided stays."""
    token = UUID(int=7, version=4)
    number = keep(outbox, State.RUNNING, token=token, lease_until=from_now(-timedelta(seconds=1)))

    assert discard(OutgoingSelection(states=["running"]).events()) == 1
    assert not OutgoingEvent.objects.using(outbox).filter(pk=number, token=token).exists()
    assert all_of(outbox) == ["discarded"]


@where_writers_overlap
@pytest.mark.parametrize("decide", [retry, discard])
def test_a_relay_that_claims_meanwhile_is_left_alone(outbox: str, decide: object) -> None:
    """Whoever decides about an event that a relay is claiming waits for its commit, and then leaves the event to it."""
    number = keep(outbox, State.FAILED)
    with session(outbox) as other, other.cursor() as cursor:
        other.set_autocommit(False)
        ahead = "CURRENT_TIMESTAMP + INTERVAL '1' HOUR"
        cursor.execute(f"UPDATE gcp_event_outbox_event SET state = 'running', lease_until = {ahead} WHERE id = %s", [number])
        with beside(lambda: (retry if decide is retry else discard)(OutgoingSelection().events())) as decided:
            other.commit()

    assert decided.result() == 0
    assert all_of(outbox) == ["running"]


def test_a_decision_in_a_transaction_that_is_rolled_back(outbox: str) -> None:
    """A decision is part of the transaction in which it is made."""
    keep(outbox, State.PARKED)
    with transaction.atomic(using=outbox):
        assert retry(OutgoingSelection().events()) == 1
        transaction.set_rollback(True, using=outbox)

    assert all_of(outbox) == ["parked"]


def test_many_events(outbox: str) -> None:
    """However many events are selected, all of them are decided about, in bounded batches."""
    OutgoingEvent.objects.using(outbox).bulk_create(OutgoingEvent(kind="k", data=b"", state=State.PARKED) for _ in range(450))

    assert retry(OutgoingSelection(kind="k").events()) == 450
    assert discard(OutgoingSelection(states=[State.PENDING]).events()) == 450


@pytest.mark.parametrize("keys", [1, 2])
def test_selections(outbox: str, keys: int) -> None:
    """Projects select events by the ids that `publish` returned."""
    numbers = [keep(outbox) for _ in range(3)]
    events = OutgoingEvent.objects.using(outbox)
    wanted = list(events.filter(pk__in=numbers[:keys]).values_list("key", flat=True))

    assert [event.pk for event in OutgoingSelection(keys=wanted).events()] == numbers[:keys]
    with pytest.raises(GlobError):
        OutgoingSelection(topic="[").events()


def test_purge(outbox: str) -> None:
    """A purge deletes old events in batches, the oldest first, and in the end ordering keys that have long been unused."""
    for number in range(5):
        keep(outbox, State.DONE, age=timedelta(days=20 - number))
    keep(outbox, State.DONE, age=timedelta(days=30), finished_at=from_now(-timedelta(days=1)))
    for number, age in enumerate([8, 1]):
        OrderingKey.objects.using(outbox).create(digest=UUID(int=number, version=4))
        OrderingKey.objects.using(outbox).filter(digest=UUID(int=number, version=4)).update(
            used_at=from_now(-timedelta(days=age))
        )

    assert list(purge(outbox, WEEK, dry_run=True)) == [5]
    assert list(purge(outbox, WEEK, batch=2)) == [2, 2, 1]
    assert all_of(outbox) == ["done"]
    assert OrderingKey.objects.using(outbox).count() == 1
    assert list(purge(outbox, timedelta.max)) == []


@where_writers_overlap
def test_a_purge_waits_for_nobody(outbox: str) -> None:
    """Events that somebody has locked are left to the next purge."""
    numbers = [keep(outbox, State.DISCARDED, age=timedelta(days=8)) for _ in range(3)]
    with session(outbox) as other, other.cursor() as cursor:
        other.set_autocommit(False)
        cursor.execute("UPDATE gcp_event_outbox_event SET state = 'pending' WHERE id = %s", [numbers[1]])
        assert list(purge(outbox, WEEK)) == [2]
        other.commit()

    assert list(purge(outbox, WEEK)) == []
    assert all_of(outbox) == ["pending"]


@on_sqlite
def test_unsent_events_are_not_purged(outbox: str) -> None:
    """A purge refuses the states of events that may still be sent."""
    with pytest.raises(ValueError) as raised:
        purge(outbox, WEEK, states=["parked", "pending", "done"])

    assert (
        str(raised.value)
        == "Events cannot be purged while they are parked or pending: they may still be sent. Discard them first."
    )
