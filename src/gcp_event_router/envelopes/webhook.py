"""Reads a webhook: a request whose signature an authenticator has verified, with the metadata that its provider sends.

Each provider puts its metadata elsewhere. `Provider` names the places; its `describe` collects what is there into one text, which
`Webhook` reads, now and again when the inbox has stored it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, cast

from pydantic import ValidationError
from typing_extensions import TypedDict, override

from ..exceptions import ConfigurationError, EnvelopeError
from .base import Envelope, Validator, parse_time, read_json, text_of

#: The key of a provider's description in `request.META`, and among stored headers. The names of headers have no dot.
DESCRIPTION: Final = "gcp_event_router.webhook"
_PLACE: Final = re.compile(r"[A-Za-z0-9-]+|/.*", re.DOTALL)
_NO_PLACES: Final[Mapping[str, str]] = MappingProxyType({})


class _Description(TypedDict):
    provider: str
    id: str | None
    time: str | None
    attributes: dict[str, str]


_DESCRIPTION: Final = Validator[_Description](_Description)


@dataclass(frozen=True, slots=True)
class Handshake:
    """A request, such as GitHub's `ping`, that only asks whether somebody listens. It is not an event.

    It is recognised by the value at a place, and answered 200, with the text at another place if `answer` names one.
    """

    #: A header, or a JSON pointer.
    place: str
    value: str
    #: The place of the text with which to answer; empty for an ordinary answer.
    answer: str = ""


@dataclass(frozen=True, kw_only=True)
class Provider:
    """Where a provider of webhooks puts its metadata.

    A place is the name of a header, such as `"X-GitHub-Event"`, or a JSON pointer into the body, such as `"/type"` (RFC 6901).
    Raises `ConfigurationError` for data that no request could have.
    """

    #: In lower case, such as `"github"`; the `method` of the principals, and part of the identity of events.
    name: str
    #: The place of the id that all deliveries of one event share; empty if there is none.
    delivery_id: str = ""
    #: The place of the event's type.
    event: str = ""
    #: The place of its time: seconds or milliseconds since 1970, or ISO 8601.
    timestamp: str = ""
    #: Further metadata for `envelope.attributes`: its name there, and its place.
    attributes: Mapping[str, str] = field(default_factory=lambda: _NO_PLACES)
    handshakes: tuple[Handshake, ...] = ()

    def __post_init__(self) -> None:
        problem = next(self._problems(), None)
        if problem:
            raise ConfigurationError(problem)

    def _problems(self) -> Iterator[str]:
        if not isinstance(cast("object", self.name), str) or not self.name:
            yield f'A Provider has name={self.name!r}, which is not a name. Write one such as "github".'
        which = f"The Provider {self.name!r} has"
        if not isinstance(cast("object", self.attributes), Mapping):
            yield f"{which} attributes={self.attributes!r}, which is not a dict. Write one from names to places."
        handshakes: Any = self.handshakes
        if not isinstance(handshakes, tuple) or not all(isinstance(cast("object", item), Handshake) for item in self.handshakes):
            problem = f"handshakes of type {type(self.handshakes).__name__}, which is not a tuple of Handshake objects"
            yield f"{which} {problem}. Write handshakes=(Handshake(...),)."
        places: dict[str, object] = {"delivery_id": self.delivery_id, "event": self.event, "timestamp": self.timestamp}
        places = {name: place for name, place in places.items() if place}
        places |= {f"attributes[{name!r}]": place for name, place in self.attributes.items()}
        for name, place in places.items():
            if not isinstance(place, str) or not _PLACE.fullmatch(place):
                advice = 'Write the name of a header, or a JSON pointer such as "/type".'
                yield f"{which} {name}={place!r}, which is not a place. {advice}"

    @property
    def places(self) -> dict[str, str]:
        """The place of each of the attributes by name, with `"event"`."""
        return {**self.attributes, **({"event": self.event} if self.event else {})}

    def describe(self, request: SignedRequest) -> str:
        """Collect the metadata of a request as a text for `meta[DESCRIPTION]`."""
        attributes = {name: text for name, place in self.places.items() if (text := request.text(place)) is not None}
        description: _Description = {
            "provider": self.name,
            "id": request.text(self.delivery_id),
            "time": request.text(self.timestamp),
            "attributes": attributes,
        }
        return json.dumps(description)

    def handshake_answer(self, request: SignedRequest) -> str | None:
        """Return the text that answers a handshake, which may be empty; None if the request is an event."""
        for handshake in self.handshakes:
            if request.text(handshake.place) == handshake.value:
                return request.text(handshake.answer) or ""
        return None


class SignedRequest:
    """The headers and the body of a request whose signature is verified.

    The body is parsed once, when a JSON pointer is first followed.
    """

    def __init__(self, meta: Mapping[str, Any], body: bytes) -> None:
        self._meta = meta
        self._body = body

    def text(self, place: str) -> str | None:
        """The text or the whole number at a place; None if there is none."""
        if not place:
            return None
        if not place.startswith("/"):
            header = self._meta.get(f"HTTP_{place.upper().replace('-', '_')}")
            return text_of(header) if header else None
        value: Any = self._document
        for part in place[1:].split("/"):
            part = part.replace("~1", "/").replace("~0", "~")  # noqa: PLW2901 -- decoded
            try:
                value = value[part if isinstance(value, dict) else int(part)]
            except (LookupError, TypeError, ValueError):
                return None
        if isinstance(value, str):
            return value
        return str(value) if type(value) is int else None

    @cached_property
    def _document(self) -> object:
        try:
            return read_json(self._body)
        except ValueError:
            return None


class Webhook(Envelope):
    """A webhook whose signature one of the project's authenticators has verified. Its body is the payload."""

    __slots__ = ("_attributes", "_description", "_message_id", "malformed", "provider", "timestamp")

    form = "webhook"

    def __init__(self, body: bytes, content_type: str, description: str) -> None:
        """Hold the body, and read the description that `Provider.describe` made. Raises `EnvelopeError` if it cannot be read."""
        super().__init__(body, content_type)
        try:
            facts = _DESCRIPTION.json(description)
        except ValidationError as error:  # somebody has changed the row of the inbox
            msg = "The stored description of this webhook cannot be read."
            raise EnvelopeError(msg) from error
        self._description = description
        self._message_id = facts["id"]
        self._attributes = facts["attributes"]
        #: The name of the provider, such as `"github"`.
        self.provider: str = facts["provider"]
        time = facts["time"]
        #: When the provider sent it, or when it happened.
        self.timestamp: datetime | None = parse_time(time) if time else None
        self.malformed: tuple[str, ...] = ("timestamp",) if time and self.timestamp is None else ()

    @property
    def event(self) -> str | None:
        """The provider's name for what happened, such as `"pull_request"`."""
        return self._attributes.get("event")

    @property
    @override
    def message_id(self) -> str | None:
        """The provider's id of the delivery: the same each time it is sent again."""
        return self._message_id

    @property
    @override
    def attributes(self) -> Mapping[str, str]:
        """The provider's metadata by name; `"event"` is the type of the event."""
        return MappingProxyType(self._attributes)

    @property
    @override
    def identity(self) -> tuple[str, ...] | None:
        return ("webhook", self.provider, self._message_id) if self._message_id else None

    @property
    @override
    def meta(self) -> dict[str, str]:
        return {**super().meta, DESCRIPTION: self._description}


def read_webhook(body: bytes, meta: Mapping[str, Any]) -> Webhook:
    """Read a webhook, recognised by the description that `views` puts among the headers."""
    return Webhook(body, meta.get("CONTENT_TYPE", ""), meta[DESCRIPTION])
