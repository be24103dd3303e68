"""`testing.EventMessage`: an event as a request, in each form."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gcp_event_router._messages import FORMS, EventMessage, Form
from gcp_event_router.envelopes import CloudTask, PubSubPush, PubSubUnwrapped, SchedulerJob, read
from gcp_event_router.envelopes.cloudevents import CloudEvent

AT = datetime(2026, 1, 31, 12, 30, 15, 250000, tzinfo=UTC)
PAYLOADS = st.one_of(
    st.binary(), st.text().map(str.encode), st.sampled_from([b"", b"null", b"0", b"false", b'{"a": 1}', b'"x"', b"[1,2]", b"NaN"])
)


def received(message: EventMessage, form: Form) -> Any:
    """What the endpoint reads."""
    request = message.written(form)
    sent = RequestFactory().post("/", request.body, content_type=request.content_type, headers=dict(request.headers))
    return read(sent.body, sent.META)


@given(data=PAYLOADS, form=st.sampled_from(FORMS))
def test_arrives_as_it_was_sent(data: bytes, form: Form) -> None:
    """In each form the payload arrives: the same bytes, or, within a CloudEvent's JSON, the same value."""
    envelope = received(EventMessage(data), form)

    assert envelope.form == form
    assert envelope.data == data or (form == "cloudevents-structured" and json.loads(envelope.data) == json.loads(data))


def test_each_form_says_what_it_can() -> None:
    """Ids, times, attributes and keys arrive where the form has a place for them."""
    message = EventMessage(
        b'{"a": 1}',
        "17",
        {"region": "eu"},
        "key",
        AT,
        ce_type="com.example.a",
        ce_source="//s",
        ce_subject="x",
        queue="q",
        job_name="j",
    )

    push, bare, binary, structured, task, job = (received(message, form) for form in FORMS[:-1])

    for each in (cast("PubSubPush", push), cast("PubSubUnwrapped", bare)):
        assert (each.message_id, each.publish_time, each.ordering_key, dict(each.attributes)) == (
            "17",
            AT,
            "key",
            {"region": "eu"},
        )
    for event in (cast("CloudEvent", binary), cast("CloudEvent", structured)):
        assert (event.id, event.type, event.source, event.subject, event.time) == ("17", "com.example.a", "//s", "x", AT)
        assert dict(event.extensions) == {"region": "eu"}
    assert isinstance(task, CloudTask)
    assert (task.queue, task.task_name, task.eta, task.retry_count) == ("q", "17", AT, 0)
    assert isinstance(job, SchedulerJob)
    assert (job.job_name, job.schedule_time) == ("j", AT)


@pytest.mark.parametrize("form", FORMS[:-1])
def test_naive_times(form: Form) -> None:
    """In each form a naive time is taken for UTC, whatever the time zone of the process is."""
    read = received(EventMessage(b"{}", publish_time=AT.replace(tzinfo=None)), form)

    assert AT in [getattr(read, name, None) for name in ("publish_time", "eta", "schedule_time")]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        *(
            (name, 7, "Input should be a valid string")
            for name in ("message_id", "ordering_key", "subscription", "ce_type", "ce_source", "ce_subject", "queue", "job_name")
        ),
        ("attributes", {"a": 7}, "Input should be a valid string"),
        ("publish_time", "yesterday", "Input should be a valid datetime"),
    ],
)
def test_values_of_another_type(name: str, value: Any, message: str) -> None:
    """A value that no sender can carry is refused, whatever the form is."""
    with pytest.raises(ValidationError) as raised:
        EventMessage(b"", **{name: value})

    (error,) = raised.value.errors()
    assert (error["loc"][0], error["msg"]) == (name, message)


def test_unknown_form() -> None:
    """An unknown form is refused, with a list of the known ones."""
    with pytest.raises(ValueError, match=r"^Unknown envelope 'pub-sub'\. Choose from 'pubsub', 'pubsub-unw"):
        EventMessage(b"").written(cast("Form", "pub-sub"))
