"""The inbox: selections, replays, and the task of an engine; and calls of Cloud Tasks and Cloud Scheduler."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import QuerySet
from typing_extensions import assert_type

from gcp_event_router import Event, Outcome, events
from gcp_event_router.envelopes import CloudTask, SchedulerJob
from gcp_event_router.inbox.models import Delivery, State, StoredEvent
from gcp_event_router.inbox.purge import purge
from gcp_event_router.inbox.replay import discard, replay
from gcp_event_router.inbox.selections import Selection
from gcp_event_router.inbox.tasks import run_delivery
from gcp_event_router.testing import EventMessage, push

# --- selections

Selection()
Selection(states=["parked"])
Selection(states=["parked", "failed"], kind="order-*", handler="shop.handlers.*", reference="4711")
Selection(states=("pending", "running", "done", "rejected", "discarded", "unhandled"))
Selection(states={State.PARKED})
Selection(states=[State.PARKED, State.FAILED], idle=True)
Selection(states=frozenset({State.DONE}), error="ValueError")
Selection(states=list(State))
Selection(events=[UUID(int=1)], older_than=timedelta(days=1), newer_than=timedelta(weeks=1))
Selection(events={UUID(int=1)}, older_than=None)
deliveries = Selection(kind="order-*").deliveries()
assert_type(deliveries, QuerySet[Delivery])
assert_type(Selection().deliveries("default"), QuerySet[Delivery])
assert_type(Selection(kind="a").kind, str)


def replays() -> Iterator[Outcome]:
    for delivery, result in replay(Selection(kind="order-*", states=["parked"]).deliveries(), force=True):
        assert_type(delivery, Delivery)
        assert_type(delivery.event, StoredEvent)
        assert_type(delivery.handler, str)
        assert_type(delivery.attempts, int)
        yield result.outcome


assert_type(discard(Selection(states=["parked"]).deliveries()), int)
assert_type(list(purge("default", timedelta(days=1), states=["done"], kind="order-*")), list[int])
run_delivery(1)

# --- bad: selections

Selection(states=["parkd"])  # bad: a misspelt state
Selection(states=["PARKED"])  # bad: a state in upper case
Selection(states=("parked", "fialed"))  # bad: a misspelt state in a tuple
Selection(states={"open"})  # bad: a state that does not exist
Selection(states="parked")  # bad: one state without a list
Selection(states=[1])  # bad: a number as a state
Selection(states=[Outcome.HANDLED])  # bad: an outcome as a state
Selection(state=["parked"])  # bad: a misspelt argument of a selection
Selection(["parked"])  # bad: states by position
Selection(kind=["a"])  # bad: a list of kinds of a selection
Selection(kind=None)  # bad: None as a selection's kind
Selection(reference=4711)  # bad: a number as a selection's reference
Selection(events=["a"])  # bad: text as an event's key
Selection(older_than=60)  # bad: a selection's age in seconds
Selection(newer_than="1d")  # bad: a selection's age as text
Selection(idle="yes")  # bad: text for idle
Selection().kind = "a"  # bad: a selection's new kind
Selection().delivery()  # bad: a method that a selection lacks
Selection().deliveries(1)  # bad: a number as a database
replay(Selection())  # bad: a replay of a selection
replay(["a"])  # bad: a replay of a list
replay(deliveries, forced=True)  # bad: a misspelt argument of replay
replay(StoredEvent.objects.all())  # bad: a replay of events
discard(Selection())  # bad: a selection that is discarded
discard(Delivery())  # bad: one delivery that is discarded
purge("default", 60)  # bad: a purge's age in seconds
purge("default", timedelta(1), states=["finished"])  # bad: a purge of an unknown state
purge(timedelta(1))  # bad: a purge without a database
next(replay(deliveries)).outcome  # bad: a pair read as a result


# --- tasks and jobs


@events.on("mail-*", ce_type=None)
def called(event: Event[None]) -> None:
    envelope = event.envelope
    if isinstance(envelope, CloudTask):
        assert_type(envelope.queue, str)
        assert_type(envelope.retry_count, int | None)
        assert_type(envelope.eta, datetime | None)
        envelope.retry_count + 1  # bad: a task's count that may be missing
        envelope.queue_name  # bad: a task's queue by another name
        envelope.queue = "b"  # bad: a task's new queue
    elif isinstance(envelope, SchedulerJob):
        assert_type(envelope.job_name, str)
        assert_type(envelope.schedule_time, datetime | None)
        envelope.schedule_time.year  # bad: a job's time that may be missing
        envelope.schedule  # bad: a job's time by another name
        envelope.job_name + 1  # bad: a job's name that is a number


push("mail-sent", "1", envelope="cloud-task", queue="mails")
push("mail-sent", "1", envelope="scheduler-job", job_name="nightly")
EventMessage(b"", queue="mails").written("cloud-task")
EventMessage(b"", job_name="nightly").written("scheduler-job")
push("mail-sent", "1", envelope="cloud-tasks")  # bad: a task's misspelt envelope
push("mail-sent", "1", envelope="cloud-task", queue=1)  # bad: a number as a queue
push("mail-sent", "1", envelope="scheduler-job", job=1)  # bad: a pushed job by another name
EventMessage(b"", job_name=1)  # bad: a number as a job's name
EventMessage(b"", queue_name="mails")  # bad: a queue by another name
