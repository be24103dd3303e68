"""A CloudEvent, in whichever of its modes it came, and the rules that its attributes keep.

Facts: CloudEvents 1.0.2, `spec.md`. `cloudevents_http` reads it from requests, and from Pub/Sub messages that carry one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final, Never

from pydantic import TypeAdapter, ValidationError
from typing_extensions import override

from ..exceptions import EnvelopeError
from .base import Envelope
from .pubsub import PubSubPush
from .pubsub_unwrapped import PubSubUnwrapped

__all__ = ["REQUIRED", "CloudEvent", "is_json", "is_media_type"]

#: §Required Attributes.
REQUIRED: Final = ("id", "source", "specversion", "type")
_OWN: Final = frozenset({*REQUIRED, "datacontenttype", "dataschema", "subject", "time"})
_NAME: Final = re.compile(r"[a-z0-9]+")
_LONGEST: Final = 40
#: §Type System, String: no control characters, no surrogates, no noncharacters.
_FORBIDDEN: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"
    + "".join(chr(plane * 0x10000 + last) for plane in range(1, 17) for last in (0xFFFE, 0xFFFF))
    + "]"
)
#: RFC 2046, of which the parameters are left to who reads the data.
_MEDIA_TYPE: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+\s*(;.*)?")
_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)
#: A leap second, which `datetime` has not: as everywhere else, it is the first second of what follows.
_LEAP: Final = re.compile(r"(?<=:59:)60")
_TIME: Final = TypeAdapter(datetime)


class CloudEvent(Envelope):
    """An event in the format of CloudEvents: read-only, its attributes by their own names."""

    __slots__ = ("_attributes", "_form", "_is_json", "_meta", "_time", "malformed", "push")

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
        """Hold an event, if its required attributes are right.

        Args:
            body: What `read` was given, or would be given for this event of a batch.
            attributes: The context attributes by their names.
            data: The bytes of the payload.
            form: In which mode it came.
            meta: What `read` has to be given beside the body.
            push: The push that carried it.
            malformed: The names of attributes that could not be read before.
            may_be_json: Whether data that does not say what it is may be JSON.

        Raises:
            EnvelopeError: A required attribute is missing, or is not what it has to be. No value is quoted.

        """
        super().__init__(body, meta.get("CONTENT_TYPE", ""), data=data)
        self._attributes, self._time, found = _checked(attributes)
        self._is_json = is_json(self.datacontenttype) and (may_be_json or self.datacontenttype is not None)
        self._form = form
        self._meta = meta
        #: The Pub/Sub push that carried the event, if one did.
        self.push: PubSubPush | PubSubUnwrapped | None = push
        self.malformed: tuple[str, ...] = (*(push.malformed if push else ()), *map(_shown, malformed), *found)

    @property
    @override
    def form(self) -> str:  # type: ignore[override]  # pyright: ignore[reportIncompatibleVariableOverride] -- a constant of the other forms
        """`"cloudevents-binary"`, `"cloudevents-structured"` or `"cloudevents-pubsub"`."""
        return self._form

    @property
    def id(self) -> str:
        """Tells the event from all others of its source."""
        return self._attributes["id"]

    @property
    def source(self) -> str:
        """Where it happened."""
        return self._attributes["source"]

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
    def type(self) -> str:
        return self._attributes["type"]

    @property
    def specversion(self) -> str:
        """The version of CloudEvents, `"1.0"`."""
        return self._attributes["specversion"]

    @property
    def subject(self) -> str | None:
        """What it happened to, within the source."""
        return self._attributes.get("subject")

    @property
    def time(self) -> datetime | None:
        """When it happened, aware; what is finer than microseconds is cut off."""
        return self._time

    @property
    def datacontenttype(self) -> str | None:
        """The media type of the data, with its parameters."""
        return self._attributes.get("datacontenttype")

    @property
    def dataschema(self) -> str | None:
        """The URI of the schema that the data keeps."""
        return self._attributes.get("dataschema")

    @property
    def extensions(self) -> Mapping[str, str]:
        """All attributes that the specification does not define, as text."""
        return MappingProxyType({name: value for name, value in self._attributes.items() if name not in _OWN})

    @property
    def context(self) -> Mapping[str, str]:
        """All attributes by their names."""
        return MappingProxyType(dict(self._attributes))

    @property
    @override
    def message_id(self) -> str:
        return self.id

    @property
    @override
    def publish_time(self) -> datetime | None:
        return self.time if self.push is None else self.push.publish_time

    @property
    @override
    def attributes(self) -> Mapping[str, str]:
        return super().attributes if self.push is None else self.push.attributes

    @property
    @override
    def ordering_key(self) -> str | None:
        return None if self.push is None else self.push.ordering_key

    @property
    @override
    def subscription(self) -> str | None:
        return None if self.push is None else self.push.subscription

    @property
    @override
    def delivery_attempt(self) -> int | None:
        return None if self.push is None else self.push.delivery_attempt

    @property
    @override
    def identity(self) -> tuple[str, ...]:
        """§source: "Producers MUST ensure that source + id is unique for each distinct event"."""
        return ("cloudevents", self.source, self.id)

    @property
    @override
    def meta(self) -> dict[str, str]:
        return dict(self._meta)

    @override
    def _identity(self) -> tuple[object, ...]:
        return (*super()._identity(), dict(self._attributes))


def is_json(content_type: str | None) -> bool:
    """Whether data of a media type is JSON; so is data that does not say. `json-format.md` §3.1."""
    if content_type is None:
        return True
    subtype = content_type.partition(";")[0].strip().lower().partition("/")[2]
    return subtype == "json" or subtype.endswith("+json")


def is_media_type(text: str) -> bool:
    """Whether an attribute can be a media type; if it cannot, it counts as absent."""
    return _MEDIA_TYPE.fullmatch(text) is not None and not _FORBIDDEN.search(text)


def _checked(attributes: Mapping[str, str]) -> tuple[dict[str, str], datetime | None, list[str]]:
    """The attributes without those that are malformed, the time, and the names of what is malformed.

    Extensions stay as they came. Raises `EnvelopeError` for a required attribute that is missing or malformed.
    """
    for name in REQUIRED:
        if not attributes.get(name):
            _refuse(f"lacks {name}")
        if _FORBIDDEN.search(attributes[name]):
            _refuse(f"has characters in {name} that no attribute may have")
    if attributes["specversion"] != "1.0":
        _refuse("is not of specversion 1.0, which is the one that is read")
    kept, time = dict(attributes), _time(attributes.get("time", ""))
    malformed: list[str] = []
    for name, value in attributes.items():
        if name in REQUIRED:
            continue
        if name not in _OWN:
            if _FORBIDDEN.search(value) or not _NAME.fullmatch(name) or name == "data":
                malformed.append(_shown(name))
                del kept[name]
                kept[_encodable(name)] = _encodable(value)
        elif (
            not value
            or _FORBIDDEN.search(value)
            or (name == "time" and time is None)
            or (name == "datacontenttype" and not is_media_type(value))
        ):
            malformed.append(name)
            del kept[name]
    return kept, time, malformed


def _time(text: str) -> datetime | None:
    if not _RFC3339.fullmatch(text):
        return None
    try:
        common, leaps = _LEAP.subn("59", text)
        return _TIME.validate_strings(common).astimezone(UTC) + timedelta(seconds=leaps)
    except (ValidationError, OverflowError):
        return None


def _shown(name: str) -> str:
    """The name of an extension, if it may be in a log: the sender chose it."""
    return name if len(name) <= _LONGEST and _NAME.fullmatch(name) else "an extension"


def _encodable(text: str) -> str:
    """The same text without surrogates, which nobody can pass on."""
    return text.encode(errors="replace").decode()


def _refuse(problem: str) -> Never:
    msg = f"The CloudEvent {problem}."
    raise EnvelopeError(msg)
