"""The envelope of a CloudEvent in any mode, and the rules of its attributes.

Facts: CloudEvents 1.0.2, `spec.md`. `cloudevents_http` reads CloudEvents from requests and from Pub/Sub messages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, Never

from pydantic import ValidationError
from typing_extensions import override

from ..exceptions import EnvelopeError
from .base import TIME, Envelope, read_only
from .outbox_ids import CAUSE_EXTENSION, read_cause
from .pubsub import PubSubPush, read_wrapped
from .pubsub_unwrapped import AnyCase, PubSubUnwrapped

#: The type of Eventarc's events for Pub/Sub messages.
MESSAGE_PUBLISHED: Final = "google.cloud.pubsub.topic.v1.messagePublished"
#: §Required Attributes.
REQUIRED: Final = ("id", "source", "specversion", "type")
DEFINED: Final = frozenset({*REQUIRED, "datacontenttype", "dataschema", "subject", "time"})
_NAME: Final = re.compile(r"[a-z0-9]+")
_MAX_LOGGED: Final = 40
#: §Type System, String: no control characters, no surrogates, no noncharacters.
_FORBIDDEN: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"
    + "".join(chr(plane * 0x10000 + last) for plane in range(1, 17) for last in (0xFFFE, 0xFFFF))
    + "]"
)
#: RFC 2046; parameters are not checked.
_MEDIA_TYPE: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+\s*(;.*)?")
_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)
#: A leap second, which `datetime` does not have; it is read as the next second.
_LEAP: Final = re.compile(r"(?<=:59:)60")


def _attribute(name: str) -> Any:
    """Make a property that reads a context attribute."""

    def read(self: CloudEvent) -> str | None:
        return self._context.get(name)  # pyright: ignore[reportPrivateUsage] -- its own property

    return property(read)


class CloudEvent(Envelope):
    """A read-only CloudEvent, with its attributes by their own names."""

    __slots__ = ("_carrier", "_context", "_form", "_is_json", "_meta", "_time", "malformed")

    #: `"cloudevents-binary"`, `"cloudevents-structured"` or `"cloudevents-pubsub"`.
    form: str = read_only("_form")
    #: The id, unique for each event of a source.
    id: Final[str] = _attribute("id")
    #: The source, a URI reference.
    source: Final[str] = _attribute("source")
    type: str = _attribute("type")  # pyright: ignore[reportIncompatibleVariableOverride] -- nobody can set it
    #: The version of CloudEvents, `"1.0"`.
    specversion: Final[str] = _attribute("specversion")
    #: The subject of the event within the source.
    subject: Final[str | None] = _attribute("subject")
    #: When it happened; aware, cut off at microseconds.
    time: Final[datetime | None] = read_only("_time")
    #: The media type of the data, with its parameters.
    datacontenttype: Final[str | None] = _attribute("datacontenttype")
    #: The URI of the data's schema.
    dataschema: Final[str | None] = _attribute("dataschema")
    #: All attributes by name.
    context: Final[Mapping[str, str]] = read_only("_context")
    #: The Pub/Sub push that carried the event, if any.
    push: Final[PubSubPush | PubSubUnwrapped | None] = read_only("_carrier")

    def __init__(
        self,
        body: bytes,
        attributes: Mapping[str, str],
        data: bytes,
        *,
        form: str,
        meta: Mapping[str, str],
        push: PubSubPush | PubSubUnwrapped | None = None,
        malformed: Sequence[str] = (),
        may_be_json: bool = True,
    ) -> None:
        """Hold an event. If its data is a Pub/Sub message, it gets the message's data.

        `malformed` names attributes that the caller omits; `may_be_json` applies to data without a datacontenttype. Raises
        `EnvelopeError` if a required attribute is missing or malformed.
        """
        message = read_wrapped(data, needs_subscription=False) if attributes.get("type") == MESSAGE_PUBLISHED else None
        if message is not None:
            data, push, may_be_json = message.data, message, True
        super().__init__(body, meta.get("CONTENT_TYPE", ""), data=data)
        context, self._time, invalid = _check(attributes)
        self._context = MappingProxyType(context)
        self._is_json = is_json(self.datacontenttype) and (may_be_json or self.datacontenttype is not None)
        self._form = form
        self._meta = meta
        self._carrier = push
        self.malformed: tuple[str, ...] = (*(push.malformed if push else ()), *map(_loggable, malformed), *invalid)

    @property
    def extensions(self) -> Mapping[str, str]:
        """All attributes that the specification does not define, as text."""
        return MappingProxyType({name: value for name, value in self._context.items() if name not in DEFINED})

    @property
    @override
    def routed(self) -> Mapping[str, str]:
        """All attributes of the event, over those of the push that carried it."""
        if self.push is None:
            return self._context
        both = {**self.push.routed, **self._context}
        return AnyCase(both) if isinstance(self.push, PubSubUnwrapped) else both

    @property
    @override
    def is_json(self) -> bool:
        return self._is_json

    @property
    @override
    def published(self) -> bytes:
        return self.push.published if isinstance(self.push, PubSubPush) else self._data

    @property
    @override
    def message_id(self) -> str:
        return self.id

    @property
    @override
    def cause(self) -> str | None:
        return read_cause(self._context.get(CAUSE_EXTENSION)) or super().cause

    @property
    @override
    def publish_time(self) -> datetime | None:
        return self._time if self.push is None else self.push.publish_time

    @property
    @override
    def identity(self) -> tuple[str, ...]:
        """§source: "Producers MUST ensure that source + id is unique for each distinct event".

        Eventarc makes one event of each Pub/Sub message, and an outbox may publish two messages for one event.
        """
        if self.type == MESSAGE_PUBLISHED and (outbox_id := self.outbox_id):
            return "outbox", outbox_id
        return ("cloudevents", self.source, self.id)

    @property
    @override
    def meta(self) -> dict[str, str]:
        return dict(self._meta)


def is_json(content_type: str | None) -> bool:
    """Whether data of a media type is JSON; by default it is (`json-format.md` §3.1)."""
    if content_type is None:
        return True
    subtype = content_type.partition(";")[0].strip().lower().partition("/")[2]
    return subtype == "json" or subtype.endswith("+json")


def is_extension(name: str) -> bool:
    """Whether an attribute of the specification's form has this name, and the specification does not define it."""
    return _NAME.fullmatch(name) is not None and name not in DEFINED and name != "data"


def is_media_type(text: str) -> bool:
    """Whether a text is a media type."""
    return _MEDIA_TYPE.fullmatch(text) is not None and not _FORBIDDEN.search(text)


def _check(attributes: Mapping[str, str]) -> tuple[dict[str, str], datetime | None, list[str]]:
    """Return the attributes without malformed ones, the time, and the names of malformed ones.

    Malformed extensions are kept. Raises `EnvelopeError` if a required attribute is missing or malformed.
    """
    for name in REQUIRED:
        if not attributes.get(name):
            _refuse(f"lacks {name}")
        if _FORBIDDEN.search(attributes[name]):
            _refuse(f"has forbidden characters in {name}")
    if attributes["specversion"] != "1.0":
        _refuse("has another specversion than 1.0, the only one that is supported")
    valid, time = dict(attributes), _time(attributes.get("time", ""))
    malformed: list[str] = []
    for name, value in attributes.items():
        if name in REQUIRED:
            continue
        if name not in DEFINED:
            if _FORBIDDEN.search(value) or not is_extension(name):
                malformed.append(_loggable(name))
                del valid[name]
                valid[_encodable(name)] = _encodable(value)
        elif (
            not value
            or _FORBIDDEN.search(value)
            or (name == "time" and time is None)
            or (name == "datacontenttype" and not is_media_type(value))
        ):
            malformed.append(name)
            del valid[name]
    return valid, time, malformed


def _time(text: str) -> datetime | None:
    if not _RFC3339.fullmatch(text):
        return None
    try:
        common, leaps = _LEAP.subn("59", text)
        return TIME.adapter.validate_strings(common).astimezone(UTC) + timedelta(seconds=leaps)
    except (ValidationError, OverflowError):
        return None


def _loggable(name: str) -> str:
    """The name of an extension, if it may be logged, since the sender chose it."""
    return name if len(name) <= _MAX_LOGGED and _NAME.fullmatch(name) else "an extension"


def _encodable(text: str) -> str:
    """Replace surrogates, which cannot be encoded."""
    return text.encode(errors="replace").decode()


def _refuse(problem: str) -> Never:
    msg = f"The CloudEvent {problem}."
    raise EnvelopeError(msg)
