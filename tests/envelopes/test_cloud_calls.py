"""Calls of Cloud Tasks and Cloud Scheduler: their headers are a typed envelope, which tells one call from another."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcp_event_router import Event, EventRouter
from gcp_event_router._boxes.clock import ago
from gcp_event_router.envelopes import CloudTask, Envelope, SchedulerJob, read
from gcp_event_router.inbox.models import Delivery, StoredEvent

from ..conftest import Post
from ..support.deliveries import effects, rows, take_effect, with_databases

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "data/calls/calls.json").read_text())
TASK = {"HTTP_X_CLOUDTASKS_QUEUENAME": "q", "HTTP_X_CLOUDTASKS_TASKNAME": "t"}
JOB = {"HTTP_X_CLOUDSCHEDULER_JOBNAME": "j"}


def meta_of(headers: dict[str, str]) -> dict[str, str]:
    """Headers as Django names them."""
    names = {name: name.upper().replace("-", "_") for name in headers}
    return {each if each == "CONTENT_TYPE" else f"HTTP_{each}": headers[name] for name, each in names.items()}


def shown(value: Any) -> object:
    """A value as the file has it."""
    if isinstance(value, datetime):
        return value.isoformat()
    return [*value] if isinstance(value, tuple) else value  # pyright: ignore[reportUnknownVariableType] -- Any


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["source"])
def test_what_a_call_says(case: dict[str, Any]) -> None:
    """The envelope has what the headers say, and the body is the payload as it came."""
    body = case["body"].encode()
    envelope = read(body, meta_of(case["headers"]))

    assert {name: shown(getattr(envelope, name)) for name in case["envelope"]} == case["envelope"]
    assert envelope.body == body


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["source"])
def test_a_kept_call_is_read_again(case: dict[str, Any]) -> None:
    """What the inbox keeps of it is enough to read the same envelope."""
    envelope = read(case["body"].encode(), meta_of(case["headers"]))

    assert read(envelope.body, envelope.meta) == envelope


APP_ENGINE = {name.replace("CLOUDTASKS", "APPENGINE"): value for name, value in TASK.items()}
MALFORMED_NUMBERS = ["", "-1", "9" * 20, "\u00b2", "1.0", "one"]
MALFORMED_TIMES = ["", "soon", "9" * 15, ".5", "1740502086123", "2026-01-02T03:04:05Z"]


@pytest.mark.parametrize("family", ["CLOUDTASKS", "APPENGINE"])
@pytest.mark.parametrize(
    ("header", "field", "texts"),
    [
        ("TASKRETRYCOUNT", "retry_count", MALFORMED_NUMBERS),
        ("TASKEXECUTIONCOUNT", "execution_count", MALFORMED_NUMBERS),
        ("TASKETA", "eta", MALFORMED_TIMES),
    ],
)
def test_an_optional_header_of_a_task_that_cannot_be_read_is_none(family: str, header: str, field: str, texts: list[str]) -> None:
    """A task is handled whatever its optional headers hold (firebase-tools, `taskQueue.ts`, sends an ETA in milliseconds)."""
    for text in texts:
        task = read(b"{}", {**(TASK if family == "CLOUDTASKS" else APP_ENGINE), f"HTTP_X_{family}_{header}": text})

        assert (getattr(task, field), task.identity) == (None, ("cloud-task", "q", "t"))
        assert task.malformed == (f"x-{family}-{header}".lower(),)


@pytest.mark.parametrize("text", ["", "soon"])
def test_a_job_whose_time_cannot_be_read(text: str) -> None:
    """A job is handled without a schedule time, and no run of it is then taken for another."""
    job = read(b"{}", {**JOB, "HTTP_X_CLOUDSCHEDULER_SCHEDULETIME": text})

    assert isinstance(job, SchedulerJob)
    assert (job.schedule_time, job.identity, job.malformed) == (None, None, ("x-cloudscheduler-scheduletime",))


@given(
    st.dictionaries(
        st.sampled_from(
            [*TASK, *JOB, "HTTP_X_CLOUDTASKS_TASKETA", "HTTP_X_CLOUDTASKS_TASKRETRYCOUNT", "HTTP_X_CLOUDSCHEDULER_SCHEDULETIME"]
        ),
        st.text(),
    )
)
def test_any_headers_are_read(meta: dict[str, str]) -> None:
    """Whatever these headers hold, an envelope comes out of them, and what is kept of it is read as the same."""
    envelope = read(b"{}", meta)
    assert read(envelope.body, envelope.meta) == envelope


def test_calls_are_told_apart() -> None:
    """Two tasks of one name in two queues are two, and a task is no job."""
    tasks = [read(b"", {**TASK, "HTTP_X_CLOUDTASKS_QUEUENAME": queue}) for queue in "ab"]

    assert tasks[0] != tasks[1]
    assert (type(tasks[0]), type(read(b"", JOB)), type(read(b"", {}))) == (CloudTask, SchedulerJob, Envelope)


@pytest.mark.parametrize(
    "meta",
    [
        {**TASK, "HTTP_X_CLOUDTASKS_TASKNAME": ""},
        {**TASK, "HTTP_X_CLOUDTASKS_QUEUENAME": ""},
        {**JOB, "HTTP_X_CLOUDSCHEDULER_JOBNAME": "", "HTTP_X_CLOUDSCHEDULER_SCHEDULETIME": "2026-01-02T03:04:05Z"},
        JOB,
    ],
)
def test_a_call_without_its_name_is_like_no_other(meta: dict[str, str]) -> None:
    """Headers that are empty say nothing of which call it is, so none is taken for a duplicate of another."""
    assert read(b"", meta).identity is None


ETA = 1767323045


def task_headers(retries: int, eta: float, **more: str) -> dict[str, str]:
    """The headers of one try of one task."""
    return {
        "X-CloudTasks-QueueName": "q",
        "X-CloudTasks-TaskName": "sync-user-42",
        "X-CloudTasks-TaskRetryCount": str(retries),
        "X-CloudTasks-TaskETA": str(ETA + eta),
        **more,
    }


MINUTE, HOUR, DAY = 60, 3600, 86400


@with_databases
@pytest.mark.parametrize(
    ("tries", "answers"),
    [
        # a redelivery, with the same ETA or, as a retry, with a later one
        ([(0, 0), (0, 0), (1, 0), (1, HOUR), (2, 2 * DAY), (0, 0.25)], [201, 200, 200, 200, 200, 200]),
        # a new task of the name, once Cloud Tasks has freed it, and its redeliveries
        (
            [(0, 0), (0, HOUR), (0, HOUR), (1, HOUR + 10), (0, 2 * DAY), (0, 2 * DAY), (3, 3 * DAY)],
            [201, 201, 200, 200, 201, 200, 200],
        ),
        # a late redelivery of the first task
        ([(0, 0), (0, 2 * DAY), (0, 0)], [201, 201, 200]),
        # a task whose first try never arrived
        ([(2, MINUTE), (3, 2 * MINUTE), (0, 2 * DAY)], [201, 200, 201]),
    ],
)
def test_a_name_that_is_used_again(
    inbox: str, router: EventRouter, post: Post, tries: list[tuple[int, float]], answers: list[int]
) -> None:
    """Cloud Tasks frees a name about an hour after its task is done ("Task De-duplication" of `CreateTaskRequest`).

    A first try that is due later is another task; what is tried again is the task that it was, although a retry is due later.
    """
    router.on("k", name="h")(lambda_handler)

    assert [post("/events/k/r", b"{}", **task_headers(*each)).status_code for each in tries] == answers
    assert StoredEvent.objects.using(inbox).count() == answers.count(201)


@with_databases
@pytest.mark.parametrize(("hours", "status"), [(13, 201), (11, 200)])
def test_a_new_task_whose_first_try_never_arrived(inbox: str, router: EventRouter, post: Post, hours: int, status: int) -> None:
    """A retry that is due long after a task of its name was done is one of another task: tries may end before they arrive.

    "This number includes attempts where the task failed due to 5XX error codes and never reached the execution phase", says
    "Create HTTP target tasks" of the retry count.
    """
    router.on("k", name="h")(lambda_handler)
    post("/events/k/r", b"{}", **task_headers(0, 0))
    Delivery.objects.using(inbox).update(finished_at=ago(timedelta(hours=hours)))

    answers = [post("/events/k/r", b"{}", **task_headers(1, DAY)).status_code for _ in range(2)]

    assert answers == [status, 200]


@with_databases
def test_tasks_of_one_name_elsewhere(inbox: str, router: EventRouter, post: Post) -> None:
    """A task of another queue, or at another URL, is another task, whenever it is due."""
    router.on("*", name="h")(lambda_handler)
    assert post("/events/k/r", b"{}", **task_headers(0, 0)).status_code == 201
    assert post("/events/k/r", b"{}", **task_headers(0, 0, **{"X-CloudTasks-QueueName": "other"})).status_code == 201
    for path in ("/events/k/r2", "/events/k2/r"):
        assert post(path, b"{}", **task_headers(1, 0)).status_code == 201


@with_databases
def test_a_new_task_while_the_last_one_has_failed(inbox: str, router: EventRouter, post: Post) -> None:
    """A queue gives a task up after so many tries: a new one of its name runs with what it brings, and by itself."""
    seen: list[str] = []

    @router.on("k", name="h")
    def _(event: Event[str]) -> None:
        seen.append(event.payload)
        if event.payload == "a":
            raise RuntimeError

    assert post("/events/k/r", b"a", "text/plain", **task_headers(0, 0)).status_code == 400
    assert post("/events/k/r", b"b", "text/plain", **task_headers(0, DAY)).status_code == 201
    assert (seen, [state for _, state, _ in rows(inbox)]) == (["a", "b"], ["failed", "done"])


def lambda_handler(event: Event[Any]) -> None: ...


@with_databases
def test_a_task_that_is_tried_again_has_one_effect(inbox: str, router: EventRouter, post: Post) -> None:
    """The inbox knows a task by its queue and name, and a job's run by its time."""

    @router.on("k")
    def _(event: Event[None]) -> None:
        take_effect(inbox, type(event.envelope).__name__)

    for count in "012":
        headers = {"X-CloudTasks-QueueName": "q", "X-CloudTasks-TaskName": "t", "X-CloudTasks-TaskRetryCount": count}
        assert post("/events/k/r", b"", **headers).status_code == (201 if count == "0" else 200)
    for minute in "001":
        time = f"2026-01-02T03:0{minute}:00Z"
        post("/events/k/r", b"", **{"X-CloudScheduler-JobName": "j", "X-CloudScheduler-ScheduleTime": time})

    assert effects(inbox) == ["CloudTask", "SchedulerJob", "SchedulerJob"]
