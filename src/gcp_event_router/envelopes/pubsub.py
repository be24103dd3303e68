"""Reads a wrapped push of Pub/Sub: the message as JSON in the body, with its data in base64.

Facts: the REST reference of `PubsubMessage`, and "Push subscriptions" in Pub/Sub's documentation.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Any, Final, Required, cast

from pydantic import AliasChoices, ConfigDict, Field, ValidationError, with_config
from pydantic_core import to_json
from typing_extensions import TypedDict, override

from ..exceptions import EnvelopeError
from .base import Envelope, Time, Validator, aware
from .dead_letter import SUBSCRIPTION_ATTRIBUTE, DeadLetter, read_dead_letter
from .outbox_ids import CAUSE_ATTRIBUTE, ID_ATTRIBUTE, read_cause, read_outbox_id

# unlike `b64decode`, pydantic never drops characters that are not base64
_STRICT: Final = ConfigDict(val_json_bytes="base64", strict=True)
#: What the body of a push almost always begins with, after its brace.
_BEGIN: Final = b'"message"'
_IDS: Final = ("messageId", "message_id")
_METADATA: Final = ("attributes", *_IDS, "publishTime", "publish_time", "orderingKey", "ordering_key")
_FIELDS: Final = frozenset({"data", *_METADATA})


@with_config(_STRICT)
class _Message(TypedDict, total=False):
    data: bytes
    attributes: dict[str, str]
    # Pub/Sub writes both spellings; reading only the first takes less time
    messageId: Annotated[str, Field(min_length=1, validation_alias=AliasChoices(*_IDS))]
    publishTime: Annotated[Time, Field(validation_alias=AliasChoices("publishTime", "publish_time"))]
    orderingKey: Annotated[str, Field(validation_alias=AliasChoices("orderingKey", "ordering_key"))]


@with_config(_STRICT)
class _Push(TypedDict, total=False):
    message: Required[_Message]
    #: Missing in the data of some CloudEvents, but never in a push.
    subscription: str
    deliveryAttempt: Annotated[int, Field(validation_alias=AliasChoices("deliveryAttempt", "delivery_attempt"))]


@with_config(ConfigDict(extra="allow"))
class _Shape(TypedDict):
    """The least that even a malformed push has."""

    message: dict[str, Any]


_PUSH: Final = Validator[_Push](_Push)
_SHAPE: Final = Validator[_Shape](_Shape)


class PubSubPush(Envelope):
    """A Pub/Sub push in its usual, wrapped form: a JSON object with `message` and `subscription`."""

    __slots__ = ("_message", "_push", "carried", "malformed")

    form = "pubsub"
    _content_type: str = "application/json"  # regardless of the header, since it was read as JSON

    def __init__(self, body: bytes, push: _Push, malformed: tuple[str, ...] = ()) -> None:
        """Hold the validated push."""
        message = push["message"]
        self._body = body
        self._push = push
        self._message = message
        self._data = message.get("data", b"")
        #: The attributes without a proxy, for internal use; `attributes` is for handlers.
        self.carried: dict[str, str] | None = message.get("attributes")
        self.malformed: tuple[str, ...] = malformed

    @property
    @override
    def published(self) -> bytes:
        push = shape_of(self._body) if self.malformed else None
        return self._body if push is None else _repair(push)[0]

    @property
    @override
    def message_id(self) -> str | None:
        return self._message.get("messageId")

    @property
    @override
    def outbox_id(self) -> str | None:
        return read_outbox_id(self.carried.get(ID_ATTRIBUTE)) if self.carried else None

    @property
    @override
    def cause(self) -> str | None:
        return read_cause(self.carried.get(CAUSE_ATTRIBUTE)) if self.carried else None

    @property
    @override
    def publish_time(self) -> datetime | None:
        time = self._message.get("publishTime")
        return time and aware(time)

    @property
    @override
    def attributes(self) -> Mapping[str, str]:
        return MappingProxyType(self.carried or {})

    @property
    @override
    def routed(self) -> Mapping[str, str]:
        return self.carried or {}

    @property
    @override
    def ordering_key(self) -> str | None:
        return self._message.get("orderingKey") or None

    @property
    @override
    def subscription(self) -> str | None:
        return self._push.get("subscription")

    @property
    @override
    def delivery_attempt(self) -> int | None:
        return self._push.get("deliveryAttempt")

    @property
    @override
    def dead_letter(self) -> DeadLetter | None:
        return read_dead_letter(self.carried.get) if self.carried and SUBSCRIPTION_ATTRIBUTE in self.carried else None

    @property
    @override
    def identity(self) -> tuple[str, ...] | None:
        return identity_of(self)


def identity_of(push: Envelope) -> tuple[str, ...] | None:
    """The id from an outbox, which may publish an event twice; or else Pub/Sub's own.

    Pub/Sub's ids are unique in a topic, but two subscriptions of the topic deliver the same message, on purpose.
    """
    if outbox_id := push.outbox_id:
        return "outbox", outbox_id
    return ("pubsub", push.subscription or "", push.message_id) if push.message_id else None


def read_wrapped(body: bytes, *, needs_subscription: bool = True) -> PubSubPush | None:
    """Read a Pub/Sub push: an object with an object `message` and a string `subscription`; None for any other body.

    Both spellings of a name are read; unknown names are ignored, and so is malformed metadata. The data of a `messagePublished`
    event is the same object, but needs no subscription. Raises `EnvelopeError` if the message's data is malformed.
    """
    if body[1:10] != _BEGIN and body.find(_BEGIN) < 0:  # rules out most other bodies cheaply
        return None
    malformed: tuple[str, ...] = ()
    try:
        push = _PUSH.json(body)
    except ValidationError:
        fields = shape_of(body)
        if fields is None or (needs_subscription and not isinstance(fields.get("subscription"), str)):
            return None
        repaired, malformed = _repair(fields)
        try:
            push = _PUSH.json(repaired)
        except ValidationError:
            msg = "The body is a Pub/Sub push, but its message.data is not base64."
            raise EnvelopeError(msg) from None
    if needs_subscription and "subscription" not in push:
        return None
    return PubSubPush(body, push, malformed)


def shape_of(body: bytes) -> dict[str, Any] | None:
    """Return a JSON object with an object `message`, which may be a push; None for all others."""
    try:
        return cast("dict[str, Any]", _SHAPE.json(body))
    except ValidationError:
        return None


def lacks_subscription(envelope: Envelope) -> bool:
    """Whether a plain body would be a wrapped push if it had a subscription; for the message about its refusal."""
    push = shape_of(envelope.body) if envelope.form == Envelope.form else None
    return push is not None and "subscription" not in push and not _FIELDS.isdisjoint(push["message"])


def _repair(push: dict[str, Any]) -> tuple[bytes, tuple[str, ...]]:
    """Remove malformed metadata from a push, or turn it into text, and remove what is empty; returns the JSON and the names."""
    malformed: list[str] = []
    push = {name: value for name, value in push.items() if value is not None}
    push["message"] = message = {name: value for name, value in push["message"].items() if value is not None}
    for name in _IDS:
        if message.get(name) == "":
            del message[name]
    for name in _METADATA:
        if name in message and not _is_valid({"message": {name: message[name]}}):
            malformed.append(f"message.{name}")
            text = _as_text(name, message.pop(name))
            if text is not None:
                message[name] = text
    for name in ("deliveryAttempt", "delivery_attempt", "subscription"):
        if name in push and not _is_valid({"message": {}, name: push[name]}):
            malformed.append(name)
            del push[name]
    return to_json(push, inf_nan_mode="constants"), tuple(malformed)


def _is_valid(push: object) -> bool:
    try:
        _PUSH.json(to_json(push, inf_nan_mode="constants"))
    except ValidationError:
        return False
    return True


def _as_text(name: str, value: object) -> object:
    """Malformed metadata as equivalent text: attributes, and an id that is a number; None for all else."""
    if name == "attributes" and isinstance(value, dict):
        attributes = cast("dict[str, object]", value)
        return {key: item if isinstance(item, str) else _json(item) for key, item in attributes.items()}
    return str(value) if name in _IDS and type(value) is int else None


def _json(value: object) -> str:
    return to_json(value, inf_nan_mode="constants").decode()
