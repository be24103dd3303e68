"""Writes outgoing events as requests, in each envelope.

What a header cannot carry, such as a line break, is left out: only attributes of a push and of a structured CloudEvent arrive
whatever they contain.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Final, NamedTuple

from ..._messages import CloudEventMessage, EventMessage
from ...envelopes.cloudevents import is_extension
from ...envelopes.outbox_ids import CAUSE_ATTRIBUTE, CAUSE_EXTENSION, ID_ATTRIBUTE
from ...envelopes.pubsub_unwrapped import may_be_attribute
from ..models import OutgoingEvent
from .pushes import SUBSCRIPTION, published_at, push_of

_JSON: Final = "application/json"
#: The names of headers (RFC 9110 §5.6.2).
HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_TRACE: Final = ("traceparent", "tracestate")
#: The extension "Partitioning", for the ordering key.
_PARTITION_KEY: Final = "partitionkey"


class Written(NamedTuple):
    """An event as a request."""

    body: bytes
    content_type: str
    headers: Mapping[str, str]


def as_push(event: OutgoingEvent) -> Written:
    """Write a wrapped push of Pub/Sub."""
    return Written(push_of(event), _JSON, {})


def as_headers_and_data(event: OutgoingEvent) -> Written:
    """Write an unwrapped push of Pub/Sub: the payload is the body, and the metadata are headers."""
    data, texts = bytes(event.data), {**event.sent_attributes, "x-goog-pubsub-ordering-key": event.ordering_key}
    headers = {name: header for name, text in texts.items() if _is_sent(name) and (header := _as_header(text))}
    headers |= {
        "x-goog-pubsub-subscription-name": SUBSCRIPTION,
        "x-goog-pubsub-message-id": str(event.key),
        "x-goog-pubsub-publish-time": published_at(event).isoformat(),
    }
    return Written(data, EventMessage(data).content_type, headers)


def as_cloudevent(event: OutgoingEvent, source: str) -> Written:
    """Write a CloudEvent in binary mode: the payload is the body, and the attributes are headers."""
    data = bytes(event.data)
    content_type = EventMessage(data).content_type if data else ""
    return Written(data, content_type, _context(event, source).binary().headers)


def as_structured_cloudevent(event: OutgoingEvent, source: str) -> Written:
    """Write a CloudEvent in structured mode: all in one JSON object, which has the bytes of a payload in JSON unchanged."""
    data = bytes(event.data)
    request = _context(event, source).structured()
    member = b""
    if data:
        is_json = EventMessage(data).content_type == _JSON
        member = b', "data": ' + data if is_json else b', "data_base64": ' + json.dumps(b64encode(data).decode()).encode()
    return Written(request.body.removesuffix(b"}") + member + b"}", request.content_type, {})


def trace_headers(event: OutgoingEvent) -> dict[str, str]:
    """The trace in which the event was published, as headers of its request."""
    attributes = event.sent_attributes
    return {name: header for name in _TRACE if (header := _as_header(attributes.get(name, "")))}


def _context(event: OutgoingEvent, source: str) -> CloudEventMessage:
    """The attributes of a CloudEvent: the kind is its type, and attributes with valid names are extensions."""
    attributes = event.sent_attributes
    extensions = {name: text for name, text in attributes.items() if is_extension(name)}
    if CAUSE_ATTRIBUTE in attributes:
        extensions[CAUSE_EXTENSION] = attributes[CAUSE_ATTRIBUTE]
    if event.ordering_key:
        extensions[_PARTITION_KEY] = event.ordering_key
    return CloudEventMessage(
        id=attributes[ID_ATTRIBUTE], source=source, type=event.kind, time=published_at(event), extensions=extensions
    )


def _is_sent(name: str) -> bool:
    """Whether a header can have the name, and the receiver of an unwrapped push takes it for an attribute, or for metadata."""
    if not HEADER_NAME.fullmatch(name):
        return False
    return name.startswith("x-goog-pubsub-") or may_be_attribute(f"HTTP_{name.upper().replace('-', '_')}")


def _as_header(text: str) -> str:
    """A text as a header, whose characters stand for bytes of UTF-8; "" if headers cannot carry it."""
    return text.encode().decode("latin-1") if text.isprintable() and text == text.strip() else ""
