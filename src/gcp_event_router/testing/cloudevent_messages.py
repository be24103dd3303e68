"""CloudEvents as their senders write them, in each mode: for the tests of a project, and for our own.

message = CloudEventMessage(id="1", source="//shop", type="com.example.order.placed", data={"order_id": 4711})
request = message.binary()
client.post("/events/", request.body, content_type=request.content_type, headers=request.headers)
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote

from ..envelopes.cloudevents import is_json

_JSON: Final = "application/json"
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
#: What stands for itself in a header's value: U+0021 to U+007E but for the quote and the percent sign. §3.1.3.2 of the binding.
_PLAIN: Final = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')


@dataclass(frozen=True, slots=True)
class CloudEventRequest:
    """A request that brings CloudEvents: what Django's test client takes."""

    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudEventMessage:
    """A CloudEvent that is to be sent. What is left out is not sent."""

    id: str
    source: str
    type: str
    #: What JSON can hold; or bytes, whose format `datacontenttype` should say.
    data: Any = None
    subject: str | None = None
    #: A naive time is taken for UTC, as `make_pubsub_message` does.
    time: datetime | None = None
    datacontenttype: str | None = None
    dataschema: str | None = None
    extensions: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    specversion: str = "1.0"

    def binary(self) -> CloudEventRequest:
        """In binary mode: attributes in headers, the data as the body."""
        headers = {f"ce-{name}": quote(value, safe=_PLAIN) for name, value in self._attributes().items()}
        return CloudEventRequest(self._body(), self.datacontenttype or ("" if self.data is None else _JSON), headers)

    def structured(self) -> CloudEventRequest:
        """In structured mode: all of it in one JSON object."""
        return CloudEventRequest(json.dumps(self._members(), allow_nan=False).encode(), "application/cloudevents+json")

    def _attributes(self) -> dict[str, str]:
        time = self.time.replace(tzinfo=UTC) if self.time is not None and self.time.tzinfo is None else self.time
        own = {
            "id": self.id,
            "source": self.source,
            "type": self.type,
            "specversion": self.specversion,
            "subject": self.subject,
            "time": None if time is None else time.isoformat(),
            "dataschema": self.dataschema,
            **self.extensions,
        }
        return {name: value for name, value in own.items() if value is not None}

    def _body(self) -> bytes:
        if self.data is None or isinstance(self.data, bytes):
            return self.data or b""
        if isinstance(self.data, str) and not is_json(self.datacontenttype):
            return self.data.encode()
        return json.dumps(self.data, allow_nan=False).encode()

    def _members(self) -> dict[str, Any]:
        members: dict[str, Any] = self._attributes()
        if self.datacontenttype is not None:
            members["datacontenttype"] = self.datacontenttype
        if isinstance(self.data, bytes):
            members["data_base64"] = b64encode(self.data).decode()
        elif self.data is not None:
            members["data"] = self.data
        return members


def batch(messages: Iterable[CloudEventMessage]) -> CloudEventRequest:
    """Several CloudEvents in one request."""
    body = b"[%s]" % b",".join(each.structured().body for each in messages)
    return CloudEventRequest(body, "application/cloudevents-batch+json")
