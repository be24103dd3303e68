"""Pub/Sub's two forms of a push, wrapped and unwrapped.

Facts: the REST reference of `PubsubMessage`, "Push subscriptions" and "Payload unwrapping" of Pub/Sub's documentation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, Required, cast

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from pydantic_core import to_json
from typing_extensions import TypedDict, override

from ..exceptions import EnvelopeError
from .base import SECRET, Envelope, text_of

__all__ = [
    "PubSubPush",
    "PubSubUnwrapped",
    "is_unwrapped",
    "may_be_attribute",
    "read_published",
    "read_unwrapped",
    "read_wrapped",
]

_MESSAGE_ID: Final = "HTTP_X_GOOG_PUBSUB_MESSAGE_ID"
_SUBSCRIPTION: Final = "HTTP_X_GOOG_PUBSUB_SUBSCRIPTION_NAME"


def read_wrapped(body: bytes, _meta: Mapping[str, Any]) -> PubSubPush | None:
    """A Pub/Sub push: an object with an object `message` and a string `subscription`, whatever else it holds.

    Both spellings of a name are read, and unknown names are ignored.
    """
    return _read(body, _read_push)


def read_published(body: bytes) -> PubSubPush | None:
    """The data of a `messagePublished` event: the same object, with or without a `subscription`."""
    return _read(body, _read_message)


def is_unwrapped(meta: Mapping[str, Any]) -> bool:
    """Whether a request is a Pub/Sub push without a wrapper, known by the headers that its metadata is written to."""
    return _MESSAGE_ID in meta or _SUBSCRIPTION in meta


def read_unwrapped(body: bytes, meta: Mapping[str, Any]) -> PubSubUnwrapped | None:
    """A Pub/Sub push without a wrapper."""
    if not is_unwrapped(meta):
        return None
    # Authorization and cookies stay behind: what an envelope holds may be stored
    headers = {
        name[5:].replace("_", "-").lower(): value
        for name, value in meta.items()
        if name.startswith("HTTP_") and name not in SECRET
    }
    return PubSubUnwrapped(body, meta.get("CONTENT_TYPE", ""), headers)


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
    delivery_attempt: int | None


@with_config(_STRICT)
class _Published(TypedDict, total=False):
    """A push as the data of an event, where no subscription need be named."""

    message: Required[_Message]
    subscription: str | None
    deliveryAttempt: int | None
    delivery_attempt: int | None


@with_config(ConfigDict(extra="allow"))
class _Shape(TypedDict):
    """What a push has at the least, however malformed the rest of it may be."""

    message: dict[str, Any]


_Reader = Callable[[bytes], _Push | _Published]
_read_push: _Reader = TypeAdapter(_Push).validator.validate_json
_read_message: _Reader = TypeAdapter(_Published).validator.validate_json
_read_shape = TypeAdapter(_Shape).validator.validate_json
_read_time = TypeAdapter[datetime](datetime)


class PubSubPush(Envelope):
    """A Pub/Sub push in its usual, wrapped form: a JSON object with `message` and `subscription`."""

    __slots__ = ("_push", "carried", "malformed")

    form = "pubsub"

    def __init__(self, body: bytes, push: _Push | _Published, malformed: tuple[str, ...] = ()) -> None:
        """Hold what `read_wrapped` read."""
        self._body = body
        self._content_type = "application/json"  # whatever the header said: it was read as JSON
        self._data = push["message"].get("data") or b""
        self._push = push
        #: The attributes themselves, to be looked at only; `attributes` is for handlers.
        self.carried: dict[str, str] | None = push["message"].get("attributes")
        self.malformed: tuple[str, ...] = malformed

    @property
    @override
    def published(self) -> bytes:
        found = shape_of(self._body) if self.malformed else None
        return self._body if found is None else _mended(found)[0]

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
        return self._push.get("subscription")

    @property
    @override
    def delivery_attempt(self) -> int | None:
        attempt = self._push.get("deliveryAttempt")
        return self._push.get("delivery_attempt") if attempt is None else attempt

    @property
    @override
    def identity(self) -> tuple[str, ...] | None:
        return _identity(self)


class PubSubUnwrapped(Envelope):
    """A Pub/Sub push whose body is the data itself, with metadata in headers (`--push-no-wrapper-write-metadata`).

    Nothing marks which headers were attributes, so anything in `attributes` may come from whoever sent the request.
    """

    __slots__ = ("_headers", "_publish_time", "malformed")

    form = "pubsub-unwrapped"

    def __init__(self, body: bytes, content_type: str, headers: Mapping[str, str]) -> None:
        """Hold what `read_unwrapped` found: `headers` have names in lower case, and their values as they came."""
        super().__init__(body, content_type)
        self._headers = headers
        self._publish_time: datetime | None = None
        self.malformed: tuple[str, ...] = ()
        time = headers.get("x-goog-pubsub-publish-time")
        if time is not None:
            try:
                self._publish_time = _aware(_read_time.validate_strings(time))
            except ValidationError:
                self.malformed = ("x-goog-pubsub-publish-time",)

    @property
    @override
    def message_id(self) -> str | None:
        return self._text("x-goog-pubsub-message-id")

    @property
    @override
    def publish_time(self) -> datetime | None:
        return self._publish_time

    @property
    @override
    def attributes(self) -> Mapping[str, str]:
        return MappingProxyType({name: text_of(value) for name, value in self._headers.items() if not _is_transport(name)})

    @property
    @override
    def ordering_key(self) -> str | None:
        # the second is the emulator's spelling
        return self._text("x-goog-pubsub-ordering-key") or self._text("x-goog-ordering-key")

    @property
    @override
    def subscription(self) -> str | None:
        return self._text("x-goog-pubsub-subscription-name")

    @property
    @override
    def identity(self) -> tuple[str, ...] | None:
        return _identity(self)

    @property
    @override
    def meta(self) -> dict[str, str]:
        kept = {f"HTTP_{name.replace('-', '_').upper()}": value for name, value in self._headers.items()}
        return {**super().meta, **kept}

    def _text(self, name: str) -> str | None:
        value = self._headers.get(name)
        return text_of(value) if value else None


#: Headers that clients, proxies and Google's front ends add on the way; none of them is a message's attribute.
_TRANSPORT: Final = frozenset(
    """
    accept accept-charset accept-encoding accept-language access-control-request-headers access-control-request-method alt-used
    authorization cache-control cdn-loop connection content-length content-type cookie date expect forwarded from host
    http2-settings if-match if-modified-since if-none-match if-range if-unmodified-since keep-alive max-forwards origin pragma
    proxy-authorization proxy-connection referer te traceparent tracestate trailer transfer-encoding true-client-ip upgrade
    upgrade-insecure-requests user-agent via x-client-data x-cloud-trace-context x-goog-authenticated-user-email
    x-goog-authenticated-user-id x-goog-iap-jwt-assertion x-goog-ordering-key x-real-ip x-request-id x-request-start
    x-requested-with x-serverless-authorization
    """.split()  # noqa: SIM905 -- sixty quoted names are harder to read
)
#: The same by how their names begin.
_TRANSPORTS: Final = (
    "akamai-",
    "cf-",
    "fastly-",
    "fly-",
    "sec-",
    "x-amzn-",
    "x-appengine-",
    "x-b3-",
    "x-envoy-",
    "x-forwarded-",
    "x-goog-pubsub-",
)
#: Names of headers that may well hold credentials; a name that is just "key" is a common one for attributes.
_CREDENTIAL: Final = re.compile(
    r".*(?:token|secret|passw|credential|signature|session|cookie|jwt|assertion|apikey|csrf|xsrf|oidc|oauth|hmac|dpop|bearer).*"
    r"|.+key|.+-key-.*|(?:.*-)?(?:auth|authn|authz|authentication|authorization|cert|certificate|sid|sig|pwd)(?:-.*)?"
)


def may_be_attribute(name: str) -> bool:
    """Whether a header, by its name in `request.META`, is taken for an attribute of a message when the message is kept.

    Attributes of messages seldom have names that begin with "x-", and what proxies and clients add mostly does.
    """
    if not name.startswith("HTTP_") or name.startswith("HTTP_X_"):
        return False
    header = name[5:].replace("_", "-").lower()
    return not _is_transport(header) and not _CREDENTIAL.fullmatch(header)


def _json(value: object) -> str:
    return to_json(value, inf_nan_mode="constants").decode()


def _identity(push: Envelope) -> tuple[str, ...] | None:
    """Ids are unique within a topic; and two subscriptions of one topic deliver the same message twice, on purpose."""
    return ("pubsub", push.subscription or "", push.message_id) if push.message_id else None


def _is_transport(name: str) -> bool:
    return name in _TRANSPORT or name.startswith(_TRANSPORTS)


def _read(body: bytes, reader: _Reader) -> PubSubPush | None:
    if b'"message"' not in body:  # found at once in a push, and spares most others a vain attempt
        return None
    try:
        return PubSubPush(body, reader(body))
    except ValidationError:
        return _read_malformed(body, reader)


def shape_of(body: bytes) -> dict[str, Any] | None:
    """A JSON object with an object `message`, which may be a push."""
    try:
        found: dict[str, Any] = _read_shape(body)
    except ValidationError:
        return None
    return found


def lacks_subscription(envelope: Envelope) -> bool:
    """Whether a plain body would be a wrapped push if it named a subscription; for what is said of one that is refused."""
    found = shape_of(envelope.body) if envelope.form == Envelope.form else None
    return found is not None and "subscription" not in found and not _FIELDS.isdisjoint(found["message"])


def _read_malformed(body: bytes, reader: _Reader) -> PubSubPush | None:
    """A push that does not hold what one holds, without its malformed metadata; None for a body that is no push at all.

    Raises `EnvelopeError` where its data is malformed, since that is the event.
    """
    found = shape_of(body)
    if found is None or (reader is _read_push and not isinstance(found.get("subscription"), str)):
        return None
    mended, malformed = _mended(found)
    try:
        return PubSubPush(body, reader(mended), malformed)
    except ValidationError:
        msg = "The body is a Pub/Sub push, but it does not hold what one holds at: message.data."
        raise EnvelopeError(msg) from None


def _mended(push: dict[str, Any]) -> tuple[bytes, tuple[str, ...]]:
    """The push without its malformed metadata, or with text in its place, and the names of what is malformed."""
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
    """Malformed metadata as text, as far as text stands for the same: attributes, and an id that is a number."""
    if name == "attributes" and isinstance(value, dict):
        attributes = cast("dict[str, Any]", value)
        return {key: each if isinstance(each, str) else _json(each) for key, each in attributes.items()}
    if name in {"messageId", "message_id"} and type(value) is int:
        return str(value)
    return None


def _aware(time: datetime | None) -> datetime | None:
    """A time that came without an offset is in UTC, as all of Pub/Sub's are."""
    return time.replace(tzinfo=UTC) if time is not None and time.tzinfo is None else time
