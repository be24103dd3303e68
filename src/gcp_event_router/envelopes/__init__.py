"""Reads an `Envelope` from bytes and headers, in any of the forms in which an event arrives.

`_endpoint.request` calls it for each request, `_dispatch` for events that are sent through the signal without a request. A form
is a function, `(body, meta) -> Envelope | None`: to add one, write a module here and call the function in `read`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from pydantic_core import to_json

from ..exceptions import EnvelopeError
from .base import Envelope, read_json
from .cloud_scheduler import SchedulerJob, read_job
from .cloud_tasks import CloudTask, read_task
from .cloudevents import MESSAGE_PUBLISHED, CloudEvent
from .cloudevents_http import (
    CE_ID,
    EVENT_META,
    cloudevents_type,
    event_meta,
    is_batch,
    read_binary,
    read_push,
    read_structured,
    split_batch,
)
from .dead_letter import DeadLetter
from .pubsub import PubSubPush, lacks_subscription, read_wrapped
from .pubsub_unwrapped import PubSubUnwrapped, read_unwrapped
from .stored_headers import identify_unreadable, storable_headers
from .webhook import DESCRIPTION, Handshake, Provider, SignedRequest, Webhook, read_webhook

__all__ = [
    "DESCRIPTION",
    "EVENTARC_MODE",
    "EVENT_META",
    "MESSAGE_PUBLISHED",
    "CloudEvent",
    "CloudTask",
    "DeadLetter",
    "Envelope",
    "Handshake",
    "Provider",
    "PubSubPush",
    "PubSubUnwrapped",
    "SchedulerJob",
    "SignedRequest",
    "Webhook",
    "event_meta",
    "from_payload",
    "identify_unreadable",
    "is_batch",
    "lacks_subscription",
    "read",
    "read_json",
    "read_wrapped",
    "split_batch",
    "storable_headers",
]


#: The query parameter that Eventarc adds to the URLs of some pushes; it does not belong to the event.
EVENTARC_MODE: Final = "__GCP_CloudEventsMode"
_NO_HEADERS: Final[Mapping[str, Any]] = MappingProxyType({})


def read(body: bytes, meta: Mapping[str, Any] = _NO_HEADERS) -> Envelope:
    """Read the envelope of a request.

    Args:
        body: The bytes of the request.
        meta: Django's `request.META`, whose CGI names (`HTTP_X_GOOG_…`, `CONTENT_TYPE`) the forms read.

    Raises:
        EnvelopeError: The body violates its form, such as a push whose data is not base64.

    """
    content_type = meta.get("CONTENT_TYPE", "")
    if DESCRIPTION in meta:  # before forms that headers announce, since the signature does not cover these
        return read_webhook(body, meta)
    if cloudevents_type(content_type):
        return read_structured(body, meta)
    envelope = (CE_ID in meta and read_binary(body, meta)) or read_push(body)
    return envelope or read_unwrapped(body, meta) or read_task(body, meta) or read_job(body, meta) or Envelope(body, content_type)


def from_payload(payload: object) -> Envelope:
    """Make the envelope of an event that was sent through the signal; its payload is decoded JSON, or bytes."""
    if not isinstance(payload, bytes):
        try:
            payload = to_json(payload, inf_nan_mode="constants")
        except ValueError as error:
            msg = f"The event_payload, of type {type(payload).__name__}, cannot be written as JSON. Send decoded JSON, or bytes."
            raise EnvelopeError(msg) from error
    return read(payload)
