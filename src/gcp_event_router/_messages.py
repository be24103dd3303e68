"""Events as requests, in each envelope: for the tests of projects, `manage.py events send`, and the outbox.

request = EventMessage(b'{"order_id": 4711}', message_id="17").written("pubsub")
client.post("/events/order-placed/4711", request.body, content_type=request.content_type, headers=request.headers)

message = CloudEventMessage(id="1", source="//shop", type="com.example.order.placed", data={"order_id": 4711})
request = message.binary()
client.post("/events/", request.body, content_type=request.content_type, headers=request.headers)

`envelopes` names the source of each envelope's facts.
"""

from __future__ import annotations

import dataclasses
import json
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeAlias, get_args
from urllib.parse import quote
from uuid import uuid4

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from .envelopes import read_json
from .envelopes.cloudevents import is_json
from .event import SUBSCRIPTION
from .utils import make_pubsub_message

#: The names of the envelopes, as in `event.envelope.form`.
Form: TypeAlias = Literal[
    "pubsub",
    "pubsub-unwrapped",
    "cloudevents-binary",
    "cloudevents-structured",
    "cloud-task",
    "scheduler-job",
    "plain",
]
#: The names of the envelopes in which `EventMessage.written` can write an event.
FORMS: Final[tuple[Form, ...]] = get_args(Form)

_JSON: Final = "application/json"
_OCTETS: Final = "application/octet-stream"
#: The characters that a header need not escape: U+0021 to U+007E, except quotes and percent signs. §3.1.3.2 of the HTTP binding.
_PLAIN: Final = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')


@dataclasses.dataclass(frozen=True, slots=True)
class CloudEventRequest:
    """A request, as Django's test client takes it."""

    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CloudEventMessage:
    """A CloudEvent to send. It sends no attribute that is None."""

    id: str
    source: str
    type: str
    #: A value that JSON can hold; or bytes, whose format `datacontenttype` should name.
    data: Any = None
    subject: str | None = None
    #: A naive time is in UTC, as for `make_pubsub_message`.
    time: datetime | None = None
    datacontenttype: str | None = None
    dataschema: str | None = None
    extensions: Mapping[str, str] = field(default_factory=dict[str, str])
    specversion: str = "1.0"

    def binary(self) -> CloudEventRequest:
        """Write it in binary mode: attributes in headers, the data as the body."""
        headers = {f"ce-{name}": quote(value, safe=_PLAIN) for name, value in self._attributes().items()}
        return CloudEventRequest(self._body(), self.datacontenttype or ("" if self.data is None else _JSON), headers)

    def structured(self) -> CloudEventRequest:
        """Write it in structured mode: attributes and data in one JSON object."""
        members: dict[str, Any] = self._attributes()
        if self.datacontenttype is not None:
            members["datacontenttype"] = self.datacontenttype
        if isinstance(self.data, bytes):
            members["data_base64"] = b64encode(self.data).decode()
        elif self.data is not None:
            members["data"] = self.data
        return CloudEventRequest(json.dumps(members, allow_nan=False).encode(), "application/cloudevents+json")

    def _attributes(self) -> dict[str, str]:
        attributes = {
            "id": self.id,
            "source": self.source,
            "type": self.type,
            "specversion": self.specversion,
            "subject": self.subject,
            "time": None if self.time is None else _aware(self.time).isoformat(),
            "dataschema": self.dataschema,
            **self.extensions,
        }
        return {name: value for name, value in attributes.items() if value is not None}

    def _body(self) -> bytes:
        if self.data is None or isinstance(self.data, bytes):
            return self.data or b""
        if isinstance(self.data, str) and not is_json(self.datacontenttype):
            return self.data.encode()
        return json.dumps(self.data, allow_nan=False).encode()


def batch(messages: Iterable[CloudEventMessage]) -> CloudEventRequest:
    """Write several CloudEvents as one request, a batch. Raises `TypeError` or `ValueError` for data that JSON cannot hold."""
    body = b"[%s]" % b",".join(message.structured().body for message in messages)
    return CloudEventRequest(body, "application/cloudevents-batch+json")


@dataclass(frozen=True, slots=True, config=ConfigDict(strict=True))
class EventMessage:
    """An event to send; each envelope carries as much of it as it can.

    Raises pydantic's `ValidationError`, a `ValueError`, for a value of another type.
    """

    #: The payload.
    data: bytes
    #: The sender's id of the message; the name of a Cloud Tasks task.
    message_id: str = field(default_factory=lambda: uuid4().hex)
    #: Pub/Sub's attributes, which are headers if the push is unwrapped; a CloudEvent's extensions.
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])
    ordering_key: str | None = None
    #: When it was published; the scheduled time of a task or a job. A naive time is in UTC.
    publish_time: datetime = field(default_factory=lambda: datetime.now(UTC))
    subscription: str = SUBSCRIPTION
    #: The type, the source and the subject of a CloudEvent.
    ce_type: str = "com.example.event"
    ce_source: str = "//example.com/gcp-event-router"
    ce_subject: str | None = None
    #: The queue of a task, and the name of a job.
    queue: str = "my-queue"
    job_name: str = "my-job"

    def written(self, form: Form) -> CloudEventRequest:
        """Write the request. Raises `ValueError` for an unknown envelope."""
        write = _WRITERS.get(form)
        if write is None:
            msg = f"Unknown envelope {form!r}. Choose from {', '.join(map(repr, FORMS))}."
            raise ValueError(msg)
        return write(self)

    @property
    def content_type(self) -> str:
        """JSON if the payload is JSON, otherwise bytes."""
        return _JSON if not self.data or _value(self.data) is not None else _OCTETS


def _aware(time: datetime) -> datetime:
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def _value(data: bytes) -> Any:
    """The value of JSON bytes; None for others."""
    try:
        return read_json(data)
    except ValueError:
        return None


def _push(message: EventMessage) -> CloudEventRequest:
    attributes, time = message.attributes or None, message.publish_time
    body = make_pubsub_message(message.data, message.subscription, attributes, message.message_id, message.ordering_key, time)
    return CloudEventRequest(body, _JSON)


def _unwrapped(message: EventMessage) -> CloudEventRequest:
    headers = {
        **message.attributes,
        "x-goog-pubsub-subscription-name": message.subscription,
        "x-goog-pubsub-message-id": message.message_id,
        "x-goog-pubsub-publish-time": _aware(message.publish_time).isoformat(),
    }
    if message.ordering_key is not None:
        headers["x-goog-pubsub-ordering-key"] = message.ordering_key
    return CloudEventRequest(message.data, message.content_type, headers)


def _cloudevent(message: EventMessage) -> CloudEventMessage:
    value = _value(message.data)
    return CloudEventMessage(
        id=message.message_id,
        source=message.ce_source,
        type=message.ce_type,
        subject=message.ce_subject,
        time=message.publish_time,
        data=message.data or None if value is None else value,
        datacontenttype=message.content_type if message.data else None,
        extensions=message.attributes,
    )


def _binary(message: EventMessage) -> CloudEventRequest:
    # JSON written again may differ in its bytes
    return dataclasses.replace(_cloudevent(message).binary(), body=message.data)


def _task(message: EventMessage) -> CloudEventRequest:
    headers = {
        "X-CloudTasks-QueueName": message.queue,
        "X-CloudTasks-TaskName": message.message_id,
        "X-CloudTasks-TaskRetryCount": "0",
        "X-CloudTasks-TaskExecutionCount": "0",
        "X-CloudTasks-TaskETA": f"{_aware(message.publish_time).timestamp():.6f}",
    }
    return CloudEventRequest(message.data, message.content_type, headers)


def _job(message: EventMessage) -> CloudEventRequest:
    headers = {
        "X-CloudScheduler": "true",
        "X-CloudScheduler-JobName": message.job_name,
        "X-CloudScheduler-ScheduleTime": _aware(message.publish_time).isoformat(),
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
