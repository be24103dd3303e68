"""The outbox's events: selections, retries, what is given up, and purges."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db.models import QuerySet
from typing_extensions import assert_type

from gcp_event_router import Outcome
from gcp_event_router.outbox.models import OutgoingEvent, State
from gcp_event_router.outbox.purge import purge
from gcp_event_router.outbox.retry import discard, retry
from gcp_event_router.outbox.selections import OutgoingSelection

# --- good

OutgoingSelection()
OutgoingSelection(states=["parked"], kind="order-*", topic="*/orders", ordering_key="customer-9")
OutgoingSelection(states=("pending", "running", "failed", "done", "discarded"))
OutgoingSelection(states={State.PARKED, State.FAILED}, error="NotFound")
OutgoingSelection(states=list(State))
OutgoingSelection(keys=[UUID(int=1)], older_than=timedelta(days=1), newer_than=None)
parked = OutgoingSelection(states=["parked"]).events()
assert_type(parked, QuerySet[OutgoingEvent])
assert_type(OutgoingSelection().events("default"), QuerySet[OutgoingEvent])
assert_type(OutgoingSelection(topic="a").topic, str)
assert_type(retry(parked), int)
assert_type(discard(OutgoingEvent.objects.filter(topic="a")), int)
assert_type(list(purge("default", timedelta(days=1), states=["done", State.DISCARDED], kind="a", topic="b")), list[int])
assert_type(sum(purge("default", timedelta(days=1), batch=10, dry_run=True)), int)

# --- bad: selections of outgoing events

OutgoingSelection(states=["parkd"])  # bad: a misspelt state of an outgoing event
OutgoingSelection(states="parked")  # bad: one state of an outgoing event without a list
OutgoingSelection(states=[Outcome.HANDLED])  # bad: an outcome as an outgoing event's state
OutgoingSelection(state=["parked"])  # bad: a misspelt argument of a selection of outgoing events
OutgoingSelection(["parked"])  # bad: states of outgoing events by position
OutgoingSelection(topic=None)  # bad: None as a selection's topic
OutgoingSelection(keys=["a"])  # bad: text as an outgoing event's id
OutgoingSelection(order_key="a")  # bad: a misspelt ordering key of a selection
OutgoingSelection(ordering_key=9)  # bad: a number as a selection's ordering key
OutgoingSelection(older_than=60)  # bad: the age of outgoing events in seconds
OutgoingSelection().deliveries()  # bad: the deliveries of a selection of outgoing events
OutgoingSelection().events(1)  # bad: a number as the outbox's database

# --- bad: retries, and what is given up

retry(OutgoingSelection())  # bad: a retry of a selection
retry([OutgoingEvent()])  # bad: a retry of a list
retry(parked, True)  # bad: a retry's second argument
discard(OutgoingSelection())  # bad: a selection of outgoing events that is discarded
discard(OutgoingEvent())  # bad: one outgoing event that is discarded
purge("default", 60)  # bad: the age of a purge of the outbox in seconds
purge("default", timedelta(1), states=["finished"])  # bad: a purge of an unknown state of the outbox
purge(timedelta(1))  # bad: a purge of the outbox without a database
