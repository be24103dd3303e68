"""An event as a request, in each form in which one arrives: for the tests of projects, and for `manage.py events send`.

request = EventMessage(b'{"order_id": 4711}', message_id="17").written("pubsub")
client.post("/events/order-placed/4711", request.body, content_type=request.content_type, headers=request.headers)

Facts: the pages that `envelopes` names for each form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias, get_args
from uuid import uuid4

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from ..envelopes import read_json
from ..utils import SUBSCRIPTION, make_pubsub_message
from .cloudevent_messages import CloudEventMessage, CloudEventRequest

#: The names of the forms, as `event.envelope.form` has them.
Form: TypeAlias = Literal[
    "pubsub",
    "pubsub-unwrapped",
    "cloudevents-binary",
    "cloudevents-structured",
    "cloud-task",
    "scheduler-job",
    "plain",
]
FORMS: Final[tuple[Form, ...]] = get_args(Form)

_JSON: Final = "application/json"
_OCTETS: Final = "application/octet-stream"
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, config=ConfigDict(strict=True))
class EventMessage:
    """An event that is to be sent. Each form says of it what it can. Raises pydantic's `ValidationError`, a `ValueError`."""

    #: The payload's bytes.
    data: bytes
    #: The sender's id of the message; of the task, for Cloud Tasks.
    message_id: str = field(default_factory=lambda: uuid4().hex)
    #: Of Pub/Sub: without a wrapper they are headers. Of CloudEvents: the extensions.
    attributes: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    ordering_key: str | None = None
    #: When it was published; of a job, when it was to run.
    publish_time: datetime = field(default_factory=lambda: datetime.now(UTC))
    subscription: str = SUBSCRIPTION
    #: The type, the source and the subject of a CloudEvent.
    ce_type: str = "com.example.event"
    ce_source: str = "//example.com/gcp-event-router"
    ce_subject: str | None = None
    #: The queue of a task, the name of a job.
    queue: str = "my-queue"
    job_name: str = "my-job"

    def written(self, form: Form) -> CloudEventRequest:
        """The request. Raises `ValueError` for an unknown form."""
        write = _WRITERS.get(form)
        if write is None:
            msg = f"There is no envelope {form!r}. Choose from {', '.join(map(repr, FORMS))}."
            raise ValueError(msg)
        return write(self)

    @property
    def sent_at(self) -> datetime:
        """When it was published; a naive time is taken for UTC, as `make_pubsub_message` does."""
        return self.publish_time if self.publish_time.tzinfo is not None else self.publish_time.replace(tzinfo=UTC)

    @property
    def content_type(self) -> str:
        """JSON, if that is what the payload is."""
        return _JSON if not self.data or _value(self.data) is not None else _OCTETS


def _value(data: bytes) -> Any:
    """What JSON bytes stand for; None for others."""
    try:
        return read_json(data)
    except ValueError:
        return None


def _push(message: EventMessage) -> CloudEventRequest:
    body = make_pubsub_message(
        message.data,
        message.subscription,
        message.attributes or None,
        message.message_id,
        message.ordering_key,
        message.publish_time,
    )
    return CloudEventRequest(body, _JSON)


def _unwrapped(message: EventMessage) -> CloudEventRequest:
    headers = {
        **message.attributes,
        "x-goog-pubsub-subscription-name": message.subscription,
        "x-goog-pubsub-message-id": message.message_id,
        "x-goog-pubsub-publish-time": message.sent_at.isoformat(),
    }
    if message.ordering_key is not None:
        headers["x-goog-pubsub-ordering-key"] = message.ordering_key
    return CloudEventRequest(message.data, message.content_type, headers)


def _cloudevent(message: EventMessage) -> CloudEventMessage:
    value = _value(message.data)
    is_json = value is not None
    return CloudEventMessage(
        id=message.message_id,
        source=message.ce_source,
        type=message.ce_type,
        subject=message.ce_subject,
        time=message.sent_at,
        data=value if is_json else message.data or None,
        datacontenttype=_JSON if is_json else _OCTETS if message.data else None,
        extensions=message.attributes,
    )


def _binary(message: EventMessage) -> CloudEventRequest:
    request = _cloudevent(message).binary()
    return CloudEventRequest(message.data, request.content_type, request.headers)  # its bytes as they were given


def _task(message: EventMessage) -> CloudEventRequest:
    headers = {
        "X-CloudTasks-QueueName": message.queue,
        "X-CloudTasks-TaskName": message.message_id,
        "X-CloudTasks-TaskRetryCount": "0",
        "X-CloudTasks-TaskExecutionCount": "0",
        "X-CloudTasks-TaskETA": f"{message.sent_at.timestamp():.6f}",
    }
    return CloudEventRequest(message.data, message.content_type, headers)


def _job(message: EventMessage) -> CloudEventRequest:
    headers = {
        "X-CloudScheduler": "true",
        "X-CloudScheduler-JobName": message.job_name,
        "X-CloudScheduler-ScheduleTime": message.sent_at.isoformat(),
    }
    return CloudEventRequest(message.data, message.content_type, headers)


_WRITERS: Final[Mapping[Form, Callable[[EventMessage], CloudEventRequest]]] = {
    "pubsub": _push,
    "pubsub-unwrapped": _unwrapped,
    "cloudevents-binary": _binary,
    "cloudevents-structured": lambda message: _cloudevent(message).structured(),
    "cloud-task": _task,
    "scheduler-job": _job,
    "plain": lambda message: CloudEventRequest(message.data, message.content_type),
}
