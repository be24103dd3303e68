"""The base class `Envelope`, which is also the form of a plain body, and the function that reads JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from operator import attrgetter
from types import MappingProxyType
from typing import Annotated, Any, Final, Generic, TypeAlias, TypeVar

from pydantic import GetPydanticSchema, TypeAdapter, ValidationError
from pydantic_core import from_json
from pydantic_core.core_schema import datetime_schema
from typing_extensions import override

from .. import envelopes
from ..exceptions import UndecodableBodyError

#: The keys of headers with credentials in `request.META`. Envelopes omit them, since they may be stored.
CREDENTIAL_HEADERS: Final[frozenset[str]] = frozenset(
    {
        "HTTP_AUTHORIZATION",
        "HTTP_COOKIE",
        "HTTP_PROXY_AUTHORIZATION",
        "HTTP_X_GOOG_IAP_JWT_ASSERTION",
        "HTTP_X_SERVERLESS_AUTHORIZATION",
        # proxies copy the header, or a URL with credentials in its query
        "HTTP_REFERER",
        "HTTP_X_ENVOY_ORIGINAL_PATH",
        "HTTP_X_FORWARDED_ACCESS_TOKEN",
        "HTTP_X_FORWARDED_AUTHORIZATION",
        "HTTP_X_FORWARDED_URI",
        "HTTP_X_ORIGINAL_URI",
        "HTTP_X_ORIGINAL_URL",
        "HTTP_X_REWRITE_URL",
    }
)
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
ValueT = TypeVar("ValueT")


class Validator(Generic[ValueT]):
    """Validates a type, and is built when it is needed: at start, all of them would take longer than the rest of the package."""

    def __init__(self, declared: Any) -> None:
        self._declared = declared

    @cached_property
    def adapter(self) -> TypeAdapter[ValueT]:
        """Pydantic's adapter."""
        return TypeAdapter(self._declared)

    @cached_property
    def json(self) -> Callable[[bytes | str], ValueT]:
        """Read JSON, in one call into pydantic's core."""
        validate: Callable[[bytes | str], ValueT] = self.adapter.validator.validate_json
        return validate


#: A time, with its schema: a test that freezes the clock may have put another class in the place of `datetime`.
Time: TypeAlias = Annotated[datetime, GetPydanticSchema(lambda _source, _handler: datetime_schema())]
#: For times as text.
TIME: Final = Validator[datetime](Time)


def read_only(slot: str) -> Any:
    """Make a property that reads a slot without calling a Python function."""
    return property(attrgetter(slot))


class Envelope:
    """The read-only metadata around a payload. This class itself stands for a plain body, without any metadata.

    Handlers get it as `event.envelope`. All times are aware; missing metadata is None.
    """

    __slots__ = ("_body", "_content_type", "_data")

    #: The Pub/Sub push that carried a CloudEvent, and has the metadata that the CloudEvent itself lacks.
    _carrier: Envelope | None = None
    #: The name of the form, such as `"plain"` or `"pubsub"`.
    form: str = "plain"
    #: The bytes of the request.
    body: Final[bytes] = read_only("_body")
    #: The bytes of the payload, unwrapped and decoded from base64.
    data: Final[bytes] = read_only("_data")
    #: The type of a CloudEvent, such as `"google.cloud.storage.object.v1.finalized"`; None for all others.
    type: str | None = None
    #: The names of malformed optional metadata: the envelope omits it, or has the original text.
    malformed: tuple[str, ...] = ()

    def __init__(self, body: bytes = b"", content_type: str = "", *, data: bytes | None = None) -> None:
        """Hold the body, its Content-Type, and `data`: the payload's bytes, if they are not the whole body."""
        self._body = body
        self._content_type = content_type
        self._data = body if data is None else data

    @property
    def published(self) -> bytes:
        """The bytes for `google.pubsub.MessagePublishedData`: a wrapped push without its malformed metadata."""
        return self._body

    @property
    def is_json(self) -> bool:
        """Whether the payload may be JSON. Only CloudEvents can say that it is not."""
        return True

    @property
    def message_id(self) -> str | None:
        """The sender's id, the same for every delivery: unique within the topic of a message, or the source of a CloudEvent.

        Of a task, it is the name; of a job, the name and the scheduled time.
        """
        return None

    @property
    def outbox_id(self) -> str | None:
        """The id from the sender's outbox, a UUID in lower case: the same however often and by whichever way the event is sent.

        Pub/Sub messages have it in the attribute `event-router-id`. CloudEvents have their own `id` instead.
        """
        return None if self._carrier is None else self._carrier.outbox_id

    @property
    def cause(self) -> str | None:
        """The id of the event whose handler published this one, as the sender says: that event's `outbox_id` or `message_id`.

        Pub/Sub messages have it in the attribute `event-router-cause`, CloudEvents in the extension `causationid`.
        """
        return None if self._carrier is None else self._carrier.cause

    @property
    def publish_time(self) -> datetime | None:
        """When Pub/Sub accepted the message, cut off at microseconds; the `time` of a CloudEvent that no message carried."""
        return None

    @property
    def attributes(self) -> Mapping[str, str]:
        """The attributes of the message; of an unwrapped push, all headers except the transport's, in lower case.

        A CloudEvent has its own in `context`; here are those of the push that carried it.
        """
        return _NOTHING if self._carrier is None else self._carrier.attributes

    @property
    def routed(self) -> Mapping[str, str]:
        """The attributes that select handlers; all of them by default. They are the same when the inbox reads the event again."""
        return self.attributes

    @property
    def ordering_key(self) -> str | None:
        """Pub/Sub's ordering key."""
        return None if self._carrier is None else self._carrier.ordering_key

    @property
    def subscription(self) -> str | None:
        """The subscription that pushed, as `projects/P/subscriptions/S`."""
        return None if self._carrier is None else self._carrier.subscription

    @property
    def delivery_attempt(self) -> int | None:
        """The approximate number of the delivery, from 1. Pub/Sub sends it only if the subscription has a dead-letter topic."""
        return None if self._carrier is None else self._carrier.delivery_attempt

    @property
    def dead_letter(self) -> envelopes.DeadLetter | None:
        """What Pub/Sub says about a message that it has forwarded to a dead-letter topic; None for any other event."""
        return None if self._carrier is None else self._carrier.dead_letter

    @property
    def identity(self) -> tuple[str, ...] | None:
        """The same for all deliveries of one event, and different for two events; None if the sender does not identify events."""
        return None

    @property
    def meta(self) -> dict[str, str]:
        """The headers that `read` needs, with the body, to read the envelope again."""
        return {"CONTENT_TYPE": self._content_type}

    def document(self) -> object:
        """Decode the body for plain receivers: JSON to Python values, an empty body to None; all others stay bytes.

        Raises `UndecodableBodyError` if the body is not JSON although its Content-Type says so.
        """
        if not self._body:
            return None
        try:
            return read_json(self._body)
        except ValueError as error:
            if _is_json(self._content_type):
                msg = "The body is not JSON, although its Content-Type says so."
                raise UndecodableBodyError(msg) from error
            return self._body

    @override
    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Envelope):
            return NotImplemented
        return type(self) is type(other) and self._body == other._body and self.meta == other.meta

    @override
    def __hash__(self) -> int:
        return hash((self._body, self.message_id))

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} message_id={self.message_id!r} subscription={self.subscription!r}>"


class HeaderEnvelope(Envelope):
    """The base class of envelopes whose metadata is in headers."""

    __slots__ = ("_headers", "malformed")

    def __init__(self, body: bytes, meta: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        """Hold the body, and the headers by their keys in `request.META`."""
        super().__init__(body, meta.get("CONTENT_TYPE", ""))
        self._headers = headers
        self.malformed: tuple[str, ...] = ()

    @property
    @override
    def meta(self) -> dict[str, str]:
        return {**super().meta, **self._headers}

    def _text(self, key: str) -> str | None:
        value = self._headers.get(key)
        return text_of(value) if value else None

    def _optional(self, key: str, parse: Callable[[str], ValueT | None]) -> ValueT | None:
        """Parse an optional header; None if it is missing or malformed."""
        text = self._headers.get(key)
        value = None if text is None else parse(text)
        if text is not None and value is None:
            self.malformed = (*self.malformed, header_name(key))
        return value


def read_json(data: bytes) -> object:
    """Decode strict JSON from UTF-8: no NaN or Infinity, no byte order mark, a bounded depth. Raises `ValueError`."""
    return from_json(data, allow_inf_nan=False)


def text_of(header: str) -> str:
    """Decode a header from UTF-8, if it is valid: WSGI and ASGI both pass the bytes of headers as Latin-1."""
    if header.isascii():
        return header
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header


def parse_time(text: str) -> datetime | None:
    """Parse a time from a header; None if it is malformed. Without an offset, it is in UTC."""
    try:
        return aware(TIME.adapter.validate_strings(text))
    except ValidationError:
        return None


def aware(time: datetime) -> datetime:
    """Make a time aware: without an offset, it is in UTC."""
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _is_json(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


def header_name(name: str) -> str:
    """Return the name of a header in lower case from its CGI name."""
    return name.removeprefix("HTTP_").replace("_", "-").lower()
