"""Pub/Sub's two forms of a push, wrapped and unwrapped.

Facts: the REST reference of `PubsubMessage`, "Push subscriptions" and "Payload unwrapping" of Pub/Sub's documentation.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, Required

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict, override

from ..exceptions import EnvelopeError
from .base import SECRET, Envelope

__all__ = ["PubSubPush", "PubSubUnwrapped", "read_unwrapped", "read_wrapped"]
_LISTED: Final = 100


def read_wrapped(body: bytes, _meta: Mapping[str, Any]) -> PubSubPush | None:
    """A Pub/Sub push: an object with an object `message` and a string `subscription`, whatever else it holds.

    Both spellings of a name are read, and names that are not known are passed over.
    """
    if b'"message"' not in body:  # found at once in a push, and spares most others a vain attempt
        return None
    try:
        return PubSubPush(body, _read_push(body))
    except ValidationError as error:
        if _is_push(body):
            msg = f"The body is a Pub/Sub push, but it does not hold what one holds at: {_places(error)}."
            raise EnvelopeError(msg) from error
        return None


def read_unwrapped(body: bytes, meta: Mapping[str, Any]) -> PubSubUnwrapped | None:
    """A Pub/Sub push without a wrapper, known by the headers that its metadata is written to."""
    if "HTTP_X_GOOG_PUBSUB_MESSAGE_ID" not in meta and "HTTP_X_GOOG_PUBSUB_SUBSCRIPTION_NAME" not in meta:
        return None
    # Authorization and cookies stay behind: what an envelope holds may be stored
    headers = {
        name[5:].replace("_", "-").lower(): value
        for name, value in meta.items()
        if name.startswith("HTTP_") and name not in SECRET
    }
    time = headers.get("x-goog-pubsub-publish-time")
    try:
        published = None if time is None else _aware(_read_time(time))
    except ValidationError as error:
        msg = "The header x-goog-pubsub-publish-time does not hold a time."
        raise EnvelopeError(msg) from error
    return PubSubUnwrapped(body, meta.get("CONTENT_TYPE", ""), headers, published)


# pydantic decodes base64 in full or refuses it, where `b64decode` drops what it cannot read
_STRICT: Final = ConfigDict(val_json_bytes="base64", strict=True)


@with_config(_STRICT)
class _Message(TypedDict, total=False):
    data: bytes | None
    attributes: dict[str, str] | None
    messageId: str | None
    message_id: str | None
    publishTime: datetime | None
    publish_time: datetime | None
    orderingKey: str | None
    ordering_key: str | None


@with_config(_STRICT)
class _Push(TypedDict, total=False):
    message: Required[_Message]
    subscription: Required[str]
    deliveryAttempt: int | None


class _Shape(TypedDict):
    """What makes a body a push, however malformed the rest of it may be."""

    message: dict[str, Any]
    subscription: str


_read_shape = TypeAdapter(_Shape).validator.validate_json
_read_push = TypeAdapter(_Push).validator.validate_json
_read_time = TypeAdapter(datetime).validator.validate_strings


class PubSubPush(Envelope):
    """A Pub/Sub push in its usual, wrapped form: a JSON object with `message` and `subscription`."""

    __slots__ = ("_push", "carried")

    form = "pubsub"

    def __init__(self, body: bytes, push: _Push) -> None:
        """Hold what `read_wrapped` read."""
        self._body = body
        self._content_type = "application/json"  # whatever the header said: it was read as JSON
        self._data = push["message"].get("data") or b""
        self._push = push
        #: The attributes themselves, to be looked at only; `attributes` is for handlers.
        self.carried: dict[str, str] | None = push["message"].get("attributes")

    @property
    @override
    def message_id(self) -> str | None:
        message = self._push["message"]
        return message.get("messageId") or message.get("message_id")

    @property
    @override
    def publish_time(self) -> datetime | None:
        message = self._push["message"]
        return _aware(message.get("publishTime") or message.get("publish_time"))

    @property
    @override
    def attributes(self) -> Mapping[str, str]:
        return MappingProxyType(self.carried or {})

    @property
    @override
    def ordering_key(self) -> str | None:
        message = self._push["message"]
        return message.get("orderingKey") or message.get("ordering_key")

    @property
    @override
    def subscription(self) -> str | None:
        return self._push["subscription"]

    @property
    @override
    def delivery_attempt(self) -> int | None:
        return self._push.get("deliveryAttempt")

    @property
    @override
    def identity(self) -> tuple[str, ...] | None:
        return _identity(self)


class PubSubUnwrapped(Envelope):
    """A Pub/Sub push whose body is the data itself, with metadata in headers (`--push-no-wrapper-write-metadata`).

    Nothing marks which headers were attributes, so anything in `attributes` may come from whoever sent the request.
    """

    __slots__ = ("_headers", "_publish_time")

    form = "pubsub-unwrapped"

    def __init__(self, body: bytes, content_type: str, headers: Mapping[str, str], publish_time: datetime | None) -> None:
        """Hold what `read_unwrapped` read; the names of `headers` are in lower case."""
        super().__init__(body, content_type)
        self._headers = headers
        self._publish_time = publish_time

    @property
    @override
    def message_id(self) -> str | None:
        return self._headers.get("x-goog-pubsub-message-id")

    @property
    @override
    def publish_time(self) -> datetime | None:
        return self._publish_time

    @property
    @override
    def attributes(self) -> Mapping[str, str]:
        return MappingProxyType(
            {
                name: value
                for name, value in self._headers.items()
                if name not in _TRANSPORT and not name.startswith("x-goog-pubsub-")
            }
        )

    @property
    @override
    def ordering_key(self) -> str | None:
        # the second is the emulator's spelling
        return self._headers.get("x-goog-pubsub-ordering-key") or self._headers.get("x-goog-ordering-key")

    @property
    @override
    def subscription(self) -> str | None:
        return self._headers.get("x-goog-pubsub-subscription-name")

    @property
    @override
    def identity(self) -> tuple[str, ...] | None:
        return _identity(self)

    @property
    @override
    def meta(self) -> dict[str, str]:
        kept = {f"HTTP_{name.replace('-', '_').upper()}": value for name, value in self._headers.items()}
        return {**super().meta, **kept}


#: Headers that clients, proxies and Google's front ends add on the way; none of them is a message's attribute.
_TRANSPORT: Final = frozenset(
    """
    accept accept-charset accept-encoding accept-language authorization cache-control connection content-length
    content-type cookie date expect forwarded from host keep-alive origin pragma proxy-authorization proxy-connection
    referer te traceparent tracestate trailer transfer-encoding upgrade user-agent via x-cloud-trace-context
    x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-proto x-goog-authenticated-user-email
    x-goog-authenticated-user-id x-goog-iap-jwt-assertion x-goog-ordering-key x-real-ip x-request-id x-serverless-authorization
    """.split()  # noqa: SIM905 -- forty quoted names are harder to read
)


def _identity(push: Envelope) -> tuple[str, ...] | None:
    """Ids are unique within a topic; and two subscriptions of one topic deliver the same message twice, on purpose."""
    return ("pubsub", push.subscription or "", push.message_id) if push.message_id else None


def _places(error: ValidationError) -> str:
    """Where a push is malformed, without the names of attributes, which the sender chose."""
    if error.error_count() > _LISTED:
        return "many places"
    details = error.errors(include_url=False, include_context=False, include_input=False)
    return ", ".join(sorted({".".join(map(str, detail["loc"][:2])) for detail in details}))


def _is_push(body: bytes) -> bool:
    try:
        _read_shape(body)
    except ValidationError:
        return False
    return True


def _aware(time: datetime | None) -> datetime | None:
    """A time that came without an offset is in UTC, as all of Pub/Sub's are."""
    return time.replace(tzinfo=UTC) if time is not None and time.tzinfo is None else time
