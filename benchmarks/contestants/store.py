"""Stores jobs, one after the other as requests would, and prints what that cost; run with an engine, a round and a number."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from time import perf_counter, process_time

import django

django.setup()

from .orders import ORDER

CUSTOMER = "Customer 4711"


def inbox() -> Callable[[str], object]:
    """A push to a deferred handler, from its bytes to the row in the inbox, without HTTP."""
    from gcp_event_router._dispatch.raw_event import RawEvent
    from gcp_event_router.envelopes import read
    from gcp_event_router.signals import event_received
    from gcp_event_router.utils import make_pubsub_message

    def store(reference: str) -> None:
        push = make_pubsub_message(ORDER, message_id=reference)
        raw_event = RawEvent(read(push, {"CONTENT_TYPE": "application/json"}))
        event_received.deliver(None, "order-deferred", reference, raw_event)

    return store


def django_tasks() -> Callable[[str], object]:
    from .django_tasks import django_task

    return lambda reference: django_task.enqueue(reference, CUSTOMER)


def procrastinate() -> Callable[[str], object]:
    from .procrastinate_jobs import procrastinate_task

    return lambda reference: procrastinate_task.defer(reference=reference, customer=CUSTOMER)


def early() -> Callable[[str], object]:
    from .celery_jobs import acknowledged_early

    return lambda reference: acknowledged_early.delay(reference, CUSTOMER)


def late() -> Callable[[str], object]:
    from .celery_jobs import acknowledged_late

    return lambda reference: acknowledged_late.delay(reference, CUSTOMER)


ENGINES = {each.__name__: each for each in (inbox, django_tasks, procrastinate, early, late)}


def main(engine: str, round_number: str, jobs: int) -> None:
    """Store the jobs, of which the first also connects and is not measured."""
    store = ENGINES[engine]()
    store(f"{round_number}-0")
    start, cpu = perf_counter(), process_time()
    for number in range(1, jobs):
        store(f"{round_number}-{number}")
    print(json.dumps({"seconds": perf_counter() - start, "cpu": process_time() - cpu}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
