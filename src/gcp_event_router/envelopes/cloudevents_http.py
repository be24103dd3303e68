"""CloudEvents in requests, in all three modes; and in Pub/Sub messages, as Eventarc sends what no header can hold.

Facts: CloudEvents 1.0.2, `bindings/http-protocol-binding.md` and `formats/json-format.md`; Google's binding to Pub/Sub,
`docs/spec/pubsub.md` of googleapis/google-cloudevents.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as BinasciiError
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from ..exceptions import EnvelopeError, UnsupportedMediaTypeError
from .base import Envelope
from .cloudevents import REQUIRED, CloudEvent, is_json
from .members import Number, elements, members
from .pubsub import PubSubPush, read_unwrapped, read_wrapped

__all__ = [
    "EVENT_META",
    "MAX_EVENTS",
    "MESSAGE_PUBLISHED",
    "from_push",
    "is_batch",
    "read_binary",
    "read_structured",
    "split_batch",
]

#: The most events that one request may bring; each is handled by itself, and all of them before the answer.
MAX_EVENTS: Final = 1_000
#: The type by which Eventarc brings a message of Pub/Sub.
MESSAGE_PUBLISHED: Final = "google.cloud.pubsub.topic.v1.messagePublished"
_STRUCTURED: Final = "application/cloudevents"
_BATCH: Final = "application/cloudevents-batch"
_PREFIX: Final = "HTTP_CE_"
_REQUIRED: Final = tuple(f"{_PREFIX}{name.upper()}" for name in REQUIRED)
#: What `read` is given beside an event of a batch.
EVENT_META: Final[Mapping[str, str]] = MappingProxyType({"CONTENT_TYPE": "application/cloudevents+json"})
_NO_JSON: Final = "The body is not JSON, although its Content-Type says that it holds CloudEvents."
_INTEGER: Final = re.compile(r"-?\d{1,10}", re.ASCII)
_NAME: Final = re.compile(r"[A-Za-z0-9]+")
_QUOTED: Final = re.compile(r'"((?:[^"\\]++|\\.)*+)"', re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)


def read_structured(body: bytes, meta: Mapping[str, Any]) -> Envelope | None:
    """A CloudEvent as a JSON object, known by its Content-Type. Raises `UnsupportedMediaTypeError` for other formats."""
    media_type = _media_type(meta)
    if not media_type:
        return None
    if media_type.startswith(_BATCH):
        msg = "The body is a batch of CloudEvents, where one event is wanted."
        raise EnvelopeError(msg)
    _require_json(media_type, _STRUCTURED)
    return _from_json(body, {"CONTENT_TYPE": meta["CONTENT_TYPE"]}, "cloudevents-structured")


def read_binary(body: bytes, meta: Mapping[str, Any]) -> Envelope | None:
    """A CloudEvent whose attributes are headers, and whose data is the body; known by the four that each has."""
    if "HTTP_CE_ID" not in meta or any(name not in meta for name in _REQUIRED):  # the first is all that most are asked
        return None
    # a name with more than letters and digits is no attribute's, whoever added the header
    headers = {
        name: str(value) for name, value in meta.items() if name.startswith(_PREFIX) and _NAME.fullmatch(name, len(_PREFIX))
    }
    attributes = {name.removeprefix(_PREFIX).lower(): _decoded(value) for name, value in headers.items()}
    if "datacontenttype" in attributes:
        msg = "The CloudEvent has a header ce-datacontenttype, and Content-Type is that."
        raise EnvelopeError(msg)
    content_type = meta.get("CONTENT_TYPE", "")
    if content_type:
        attributes["datacontenttype"] = content_type
    kept = {"CONTENT_TYPE": content_type, **headers}
    push = read_wrapped(body, meta) if attributes["type"] == MESSAGE_PUBLISHED else None
    if push is not None:  # Eventarc's wrapper is Pub/Sub's own, and handlers want what is in it
        return CloudEvent(body, attributes, push.data, form="cloudevents-binary", meta=kept, push=push)
    unwrapped = read_unwrapped(body, meta)  # a message whose attributes are those of an event, among others
    if unwrapped is not None:
        kept |= unwrapped.meta
    return CloudEvent(body, attributes, body, form="cloudevents-binary", meta=kept, push=unwrapped)


def is_batch(meta: Mapping[str, Any]) -> bool:
    """Whether a request is a batch of CloudEvents."""
    return _media_type(meta).startswith(_BATCH)


def split_batch(body: bytes, meta: Mapping[str, Any]) -> list[bytes]:
    """The events of a batch, each to be read with `EVENT_META`. Raises `EnvelopeError` for what is no batch."""
    _require_json(_media_type(meta), _BATCH)
    try:
        found = elements(body)
    except ValueError as error:
        raise EnvelopeError(_NO_JSON) from error
    if found is None:
        msg = "The batch of CloudEvents is no JSON array."
        raise EnvelopeError(msg)
    if len(found) > MAX_EVENTS:
        msg = f"The batch has more than {MAX_EVENTS} CloudEvents."
        raise EnvelopeError(msg)
    return found


def from_push(push: PubSubPush) -> CloudEvent | None:
    """The CloudEvent that a Pub/Sub message carries: its attributes are the message's, or it is the message's data."""
    attributes = push.carried
    if not attributes or ("ce-id" not in attributes and "content-type" not in attributes):
        return None
    content_type = attributes.get("content-type") or attributes.get("ce-datacontenttype")
    if content_type is not None and content_type.strip().lower().startswith(_STRUCTURED):
        _require_json(content_type.partition(";")[0].strip().lower(), _STRUCTURED)
        event = _from_json(push.data, push.meta, "cloudevents-pubsub")
        return CloudEvent(push.body, event.context, event.data, form=event.form, meta=push.meta, push=push)
    if any(f"ce-{name}" not in attributes for name in REQUIRED):
        return None
    carried = [name for name in attributes if name.startswith("ce-") and _NAME.fullmatch(name, 3)]
    context = {_name(name[3:]): attributes[name] for name in carried}
    if content_type is not None:
        context["datacontenttype"] = content_type
    return CloudEvent(push.body, context, push.data, form="cloudevents-pubsub", meta=push.meta, push=push)


def _media_type(meta: Mapping[str, Any]) -> str:
    """The media type, if it is one of CloudEvents; nothing for all others."""
    content_type: str = meta.get("CONTENT_TYPE") or ""
    if content_type == "application/json":  # what nearly all say
        return ""
    content_type = content_type.lower()
    if "cloudevents" not in content_type:
        return ""
    media_type = content_type.partition(";")[0].strip()
    return media_type if media_type.startswith(_STRUCTURED) else ""


def _require_json(media_type: str, prefix: str) -> None:
    if media_type.removeprefix(prefix) not in {"", "+json"}:
        msg = "The CloudEvent is in a format that is not read. Send it as JSON, or in binary mode."
        raise UnsupportedMediaTypeError(msg)


def _from_json(body: bytes, meta: Mapping[str, str], form: str) -> CloudEvent:
    try:
        found = members(body)
    except ValueError as error:
        raise EnvelopeError(_NO_JSON) from error
    if found is None:
        msg = "The CloudEvent is no JSON object."
        raise EnvelopeError(msg)
    data, (encoded, _) = found.pop("data", None), found.pop("data_base64", (None, b""))
    attributes = {_name(name): _text(name, value) for name, (value, _) in found.items() if value is not None}
    if encoded is None:
        payload = b"" if data is None else _payload(*data, attributes.get("datacontenttype"))
    elif data is None:
        payload = _base64(encoded)
    else:
        msg = "The CloudEvent has both data and data_base64."
        raise EnvelopeError(msg)
    return CloudEvent(body, attributes, payload, form=form, meta=meta)


def _name(name: str) -> str:
    """The name of an attribute; Google's Workflows writes some in camelCase."""
    return name if name.islower() else name.lower()


def _text(name: str, value: object) -> str:
    """The value of an attribute as text; Integer and Boolean are JSON's own. §2.2 of the JSON format."""
    if name not in REQUIRED:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, Number) and _INTEGER.fullmatch(value) and -(2**31) <= int(value) < 2**31:
            return str(value)
    if isinstance(value, str) and not isinstance(value, Number):
        return value
    msg = "The CloudEvent has an attribute that is no text; others than the required may be booleans or 32-bit integers."
    raise EnvelopeError(msg)


def _payload(value: object, raw: bytes, content_type: str | None) -> bytes:
    """The member `data`: JSON as it stands in the body, digit by digit; text of another type as text. §3.1."""
    if not is_json(content_type) and isinstance(value, str) and not isinstance(value, Number):
        try:
            return value.encode()
        except UnicodeEncodeError as error:
            raise EnvelopeError(_NO_JSON) from error
    return raw


def _base64(encoded: object) -> bytes:
    if isinstance(encoded, str):
        try:
            return b64decode(encoded, validate=True)
        except (BinasciiError, ValueError):
            pass
    msg = "The CloudEvent has data_base64 that is not base64."
    raise EnvelopeError(msg)


def _decoded(value: str) -> str:
    """An attribute from its header: unquoted, then percent-decoded once. §3.1.3.2 of the binding."""
    value = value.strip(" \t")  # no more: to str, the last byte of a letter may be a space
    quoted = _QUOTED.fullmatch(value)
    text = _ESCAPE.sub(r"\1", quoted[1]) if quoted else value
    try:
        return unquote_to_bytes(text.encode("latin-1")).decode()
    except UnicodeError as error:  # such as an overlong form, which must not be taken for what it stands for
        msg = "The CloudEvent has a header that is not UTF-8, percent-encoded."
        raise EnvelopeError(msg) from error
