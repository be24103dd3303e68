"""Calls of Cloud Tasks and Cloud Scheduler: their headers are a typed envelope, which tells one call from another."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcp_event_router import Event, EventRouter
from gcp_event_router.envelopes import CloudTask, Envelope, SchedulerJob, read
from gcp_event_router.exceptions import EnvelopeError

from .conftest import Post
from .deliveries import effects, take_effect, with_databases

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "data/calls/calls.json").read_text())
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


@pytest.mark.parametrize(
    ("meta", "problem"),
    [
        ({**TASK, "HTTP_X_CLOUDTASKS_TASKRETRYCOUNT": "-1"}, "x-cloudtasks-taskretrycount does not hold a number"),
        ({**TASK, "HTTP_X_CLOUDTASKS_TASKRETRYCOUNT": "9" * 20}, "x-cloudtasks-taskretrycount does not hold a number"),
        ({**TASK, "HTTP_X_CLOUDTASKS_TASKEXECUTIONCOUNT": "²"}, "x-cloudtasks-taskexecutioncount does not hold a number"),
        ({**TASK, "HTTP_X_CLOUDTASKS_TASKETA": "soon"}, "x-cloudtasks-tasketa does not hold a time"),
        ({**TASK, "HTTP_X_CLOUDTASKS_TASKETA": "9" * 15}, "x-cloudtasks-tasketa does not hold a time"),
        ({**TASK, "HTTP_X_CLOUDTASKS_TASKETA": ".5"}, "x-cloudtasks-tasketa does not hold a time"),
        ({**JOB, "HTTP_X_CLOUDSCHEDULER_SCHEDULETIME": "soon"}, "x-cloudscheduler-scheduletime does not hold a time"),
    ],
)
def test_what_is_no_number_or_time_is_refused(meta: dict[str, str], problem: str) -> None:
    """A header that does not hold what it should is the sender's fault, and is not quoted."""
    with pytest.raises(EnvelopeError) as caught:
        read(b"", meta)

    assert str(caught.value) == f"The header {problem}."


@given(
    st.dictionaries(
        st.sampled_from(
            [*TASK, *JOB, "HTTP_X_CLOUDTASKS_TASKETA", "HTTP_X_CLOUDTASKS_TASKRETRYCOUNT", "HTTP_X_CLOUDSCHEDULER_SCHEDULETIME"]
        ),
        st.text(),
    )
)
def test_any_headers_are_read_or_refused(meta: dict[str, str]) -> None:
    """Nothing but an envelope or the sender's fault comes out of these headers; and what is read is read again."""
    try:
        envelope = read(b"{}", meta)
    except EnvelopeError:
        return
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
