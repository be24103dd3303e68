"""Reads a wrapped push of Pub/Sub: the message as JSON in the body, with its data in base64.

Facts: the REST reference of `PubsubMessage`, and "Push subscriptions" in Pub/Sub's documentation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, Required, cast

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from pydantic_core import to_json
from typing_extensions import TypedDict, override

from ..exceptions import EnvelopeError
from .base import Envelope

# unlike `b64decode`, pydantic never drops characters that are not base64
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
    delivery_attempt: int | None


@with_config(_STRICT)
class _Published(TypedDict, total=False):
    """A push as the data of a CloudEvent, in which the subscription may be missing."""

    message: Required[_Message]
    subscription: str | None
    deliveryAttempt: int | None
    delivery_attempt: int | None


@with_config(ConfigDict(extra="allow"))
class _Shape(TypedDict):
    """The least that even a malformed push has."""

    message: dict[str, Any]


_Reader = Callable[[bytes], _Push | _Published]
_read_push: _Reader = TypeAdapter(_Push).validator.validate_json
_read_message: _Reader = TypeAdapter(_Published).validator.validate_json
_read_shape = TypeAdapter(_Shape).validator.validate_json
read_time: TypeAdapter[datetime] = TypeAdapter(datetime)


class PubSubPush(Envelope):
    """A Pub/Sub push in its usual, wrapped form: a JSON object with `message` and `subscription`."""

    __slots__ = ("_push", "carried", "malformed")

    form = "pubsub"

    def __init__(self, body: bytes, push: _Push | _Published, malformed: tuple[str, ...] = ()) -> None:
        """Hold the validated push."""
        self._body = body
        self._content_type = "application/json"  # regardless of the header, since it was read as JSON
        self._data = push["message"].get("data") or b""
        self._push = push
        #: The attributes without a proxy, for internal use; `attributes` is for handlers.
        self.carried: dict[str, str] | None = push["message"].get("attributes")
        self.malformed: tuple[str, ...] = malformed

    @property
    @override
    def published(self) -> bytes:
        push = shape_of(self._body) if self.malformed else None
        return self._body if push is None else _repair(push)[0]

    @property
    @override
    def message_id(self) -> str | None:
        message = self._push["message"]
        return message.get("messageId") or message.get("message_id")

    @property
    @override
    def publish_time(self) -> datetime | None:
        message = self._push["message"]
        return aware(message.get("publishTime") or message.get("publish_time"))

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
        return self._push.get("subscription")

    @property
    @override
    def delivery_attempt(self) -> int | None:
        attempt = self._push.get("deliveryAttempt")
        return self._push.get("delivery_attempt") if attempt is None else attempt

    @property
    @override
    def identity(self) -> tuple[str, ...] | None:
        return identity_of(self)


def _json(value: object) -> str:
    return to_json(value, inf_nan_mode="constants").decode()


def identity_of(push: Envelope) -> tuple[str, ...] | None:
    """Ids are unique in a topic, but two subscriptions of the topic deliver the same message, on purpose."""
    return ("pubsub", push.subscription or "", push.message_id) if push.message_id else None


def read_wrapped(body: bytes, reader: _Reader = _read_push) -> PubSubPush | None:
    """Read a Pub/Sub push: an object with an object `message` and a string `subscription`.

    Both spellings of a name are read; unknown names are ignored.
    """
    if b'"message"' not in body:  # saves most other bodies an attempt
        return None
    try:
        return PubSubPush(body, reader(body))
    except ValidationError:
        return _read_malformed(body, reader)


def read_published(body: bytes) -> PubSubPush | None:
    """Read the data of a `messagePublished` event: the same object, with or without a `subscription`."""
    return read_wrapped(body, _read_message)


def shape_of(body: bytes) -> dict[str, Any] | None:
    """Return a JSON object with an object `message`, which may be a push; None for all others."""
    try:
        push: dict[str, Any] = _read_shape(body)
    except ValidationError:
        return None
    return push


def lacks_subscription(envelope: Envelope) -> bool:
    """Whether a plain body would be a wrapped push if it had a subscription; for the message about its refusal."""
    push = shape_of(envelope.body) if envelope.form == Envelope.form else None
    return push is not None and "subscription" not in push and not _FIELDS.isdisjoint(push["message"])


def _read_malformed(body: bytes, reader: _Reader) -> PubSubPush | None:
    """Read a push without its malformed metadata; None for a body that is not a push.

    Raises `EnvelopeError` if its data is malformed.
    """
    push = shape_of(body)
    if push is None or (reader is _read_push and not isinstance(push.get("subscription"), str)):
        return None
    repaired, malformed = _repair(push)
    try:
        return PubSubPush(body, reader(repaired), malformed)
    except ValidationError:
        msg = "The body is a Pub/Sub push, but its message.data is not base64."
        raise EnvelopeError(msg) from None


def _repair(push: dict[str, Any]) -> tuple[bytes, tuple[str, ...]]:
    """Remove malformed metadata from a push, or turn it into text; returns the JSON and the names."""
    malformed: list[str] = []
    for holder, place, fields in ((push["message"], "message.", _METADATA), (push, "", _AROUND)):
        for name in fields:
            value = holder.get(name)
            if not _reads({"message": {name: value}} if place else {"message": {}, name: value}):
                malformed.append(place + name)
                del holder[name]
                text = _as_text(name, value)
                if text is not None:
                    holder[name] = text
    return to_json(push, inf_nan_mode="constants"), tuple(malformed)


_AROUND: Final = ("deliveryAttempt", "delivery_attempt", "subscription")
_METADATA: Final = ("attributes", "messageId", "message_id", "publishTime", "publish_time", "orderingKey", "ordering_key")
_FIELDS: Final = frozenset({"data", *_METADATA})


def _reads(part: object) -> bool:
    try:
        _read_message(to_json(part, inf_nan_mode="constants"))
    except ValidationError:
        return False
    return True


def _as_text(name: str, value: Any) -> Any:
    """Malformed metadata as equivalent text: attributes, and an id that is a number."""
    if name == "attributes" and isinstance(value, dict):
        attributes = cast("dict[str, Any]", value)
        return {key: item if isinstance(item, str) else _json(item) for key, item in attributes.items()}
    if name in {"messageId", "message_id"} and type(value) is int:
        return str(value)
    return None


def aware(time: datetime | None) -> datetime | None:
    """Make a time aware: without an offset, it is in UTC."""
    return time.replace(tzinfo=UTC) if time is not None and time.tzinfo is None else time
