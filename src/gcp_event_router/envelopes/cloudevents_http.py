"""Reads CloudEvents from requests, in all three modes, and from Pub/Sub messages, as Eventarc sends large ones.

Facts: CloudEvents 1.0.2, `bindings/http-protocol-binding.md` and `formats/json-format.md`; Google's binding to Pub/Sub,
`docs/spec/pubsub.md` of googleapis/google-cloudevents.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from ..exceptions import EnvelopeError, UnsupportedMediaTypeError
from .base import text_of
from .cloudevents import DEFINED, REQUIRED, CloudEvent, is_json, is_media_type
from .pubsub import PubSubPush, read_wrapped
from .pubsub_unwrapped import PubSubUnwrapped, read_unwrapped
from .raw_json import elements, members
from .webhook import DESCRIPTION

_STRUCTURED: Final = "application/cloudevents"
_BATCH: Final = "application/cloudevents-batch"
_PREFIX: Final = "HTTP_CE_"
_REQUIRED: Final = tuple(f"{_PREFIX}{name.upper()}" for name in REQUIRED)
#: One of these headers, which only CloudEvents have.
CE_ID: Final = f"{_PREFIX}ID"
#: The query parameter that Eventarc adds to the URLs of some pushes; it does not belong to the event.
EVENTARC_MODE: Final = "__GCP_CloudEventsMode"
#: The headers for `read`, for an event of a batch.
EVENT_META: Final[Mapping[str, str]] = MappingProxyType({"CONTENT_TYPE": "application/cloudevents+json"})
_NO_JSON: Final = "The body is not JSON, although its Content-Type says that it contains CloudEvents."
_NAME: Final = re.compile(r"[A-Za-z0-9]+")
_QUOTED: Final = re.compile(r'"((?:[^"\\]++|\\.)*+)"', re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_NUMBER: Final = re.compile(rb"-?[0-9]{1,10}")
#: The sources of Google's services, which do not percent-encode headers.
_GOOGLE: Final = re.compile(r"//(?:[^/?#@]*@)?[a-z0-9.-]+\.googleapis\.com(?::\d*)?(?![^/?#])", re.IGNORECASE | re.ASCII)
#: A message that carries an event has one of these attributes.
_CARRYING: Final = frozenset({"ce-id", "content-type"})
_LENGTHS: Final = tuple(map(len, _CARRYING))
#: The Content-Type of an unwrapped push if its message has none.
_NO_TYPE: Final = "application/x-www-form-urlencoded"


def read_structured(body: bytes, meta: Mapping[str, Any]) -> CloudEvent:
    """Read a CloudEvent in structured mode, recognised by its Content-Type. Raises `EnvelopeError`."""
    media_type = cloudevents_type(meta["CONTENT_TYPE"])
    if media_type.startswith(_BATCH):
        msg = "The body is a batch of CloudEvents, but a single event is expected here."
        raise EnvelopeError(msg)
    _require_json(media_type, _STRUCTURED)
    push = read_unwrapped(body, meta)
    return _from_json(body, body, push.meta if push else {"CONTENT_TYPE": meta["CONTENT_TYPE"]}, "structured", push)


def read_binary(body: bytes, meta: Mapping[str, Any]) -> CloudEvent | None:
    """Read a CloudEvent in binary mode, recognised by the headers of its four required attributes."""
    if any(name not in meta for name in _REQUIRED):
        return None
    # attributes have names of letters and digits only
    headers = {
        name: str(value) for name, value in meta.items() if name.startswith(_PREFIX) and _NAME.fullmatch(name, len(_PREFIX))
    }
    attributes, malformed = _from_headers(headers)
    content_type = meta.get("CONTENT_TYPE", "")
    push = read_unwrapped(body, meta)  # its attributes may be those of a CloudEvent
    if push is None:
        if content_type and "datacontenttype" in attributes:
            malformed.append("datacontenttype")
        attributes["datacontenttype"] = content_type or attributes.get("datacontenttype", "")
    elif not content_type.lower().startswith(_NO_TYPE):
        attributes.setdefault("datacontenttype", content_type)
    if not attributes.get("datacontenttype"):
        attributes.pop("datacontenttype", None)
    meta = push.meta if push else {"CONTENT_TYPE": content_type, **headers}
    return CloudEvent(body, attributes, body, form="cloudevents-binary", meta=meta, push=push, malformed=malformed)


def is_batch(meta: Mapping[str, Any]) -> bool:
    """Whether a request is a batch of CloudEvents; a webhook is none, whatever its Content-Type, which nobody signed."""
    return cloudevents_type(meta.get("CONTENT_TYPE")).startswith(_BATCH) and DESCRIPTION not in meta


def event_meta(meta: Mapping[str, Any]) -> Mapping[str, str]:
    """The headers for `read`, for each event of a batch: its Content-Type, and the metadata of an unwrapped push."""
    push = read_unwrapped(b"", meta)
    return {**push.meta, **EVENT_META} if push else EVENT_META


def split_batch(body: bytes, meta: Mapping[str, Any], most: int = 1_000) -> list[bytes]:
    """Split a batch into events, each to be read with `event_meta`.

    Raises `EnvelopeError` for an invalid batch, and for one of more than `most` events; the rest is not read.
    """
    _require_json(cloudevents_type(meta.get("CONTENT_TYPE")), _BATCH)
    try:
        events = elements(body, most)
    except ValueError as error:
        raise EnvelopeError(_NO_JSON) from error
    if events is None:
        msg = "The batch of CloudEvents is not a JSON array."
        raise EnvelopeError(msg)
    if len(events) > most:
        msg = f"The batch has more than {most} CloudEvents."
        raise EnvelopeError(msg)
    return events


def read_push(body: bytes) -> PubSubPush | CloudEvent | None:
    """Read a wrapped push, or the CloudEvent in it."""
    push = read_wrapped(body)
    if push is not None and push.carried:
        for name in push.carried:
            if len(name) in _LENGTHS and name.lower() in _CARRYING:
                return _from_message(push, push.carried) or push
    return push


def _from_message(push: PubSubPush, carried: Mapping[str, str]) -> CloudEvent | None:
    """Read the CloudEvent that a Pub/Sub message carries, in its attributes (binary mode) or its data (structured mode)."""
    # libraries differ in the case of names; a name in lower case takes precedence
    attributes = {name.lower(): value for name, value in carried.items()}
    attributes |= {name: value for name, value in carried.items() if name in attributes}
    content_type = attributes.get("content-type") or attributes.get("ce-datacontenttype")
    if content_type is not None and (media_type := content_type.partition(";")[0].strip().lower()).startswith(_STRUCTURED):
        _require_json(media_type, _STRUCTURED)
        return _from_json(push.body, push.data, push.meta, "pubsub", push)
    if any(f"ce-{name}" not in attributes for name in REQUIRED):
        return None
    context = {name[3:]: value for name, value in attributes.items() if name.startswith("ce-") and _NAME.fullmatch(name, 3)}
    if content_type is not None:
        context["datacontenttype"] = content_type
    return CloudEvent(push.body, context, push.data, form="cloudevents-pubsub", meta=push.meta, push=push)


@lru_cache(maxsize=64)
def cloudevents_type(content_type: str | None) -> str:
    """The media type in a Content-Type, if it is one of CloudEvents; "" for all others."""
    media_type = (content_type or "").lower().partition(";")[0].strip()
    return media_type if media_type.startswith(_STRUCTURED) else ""


def _require_json(media_type: str, prefix: str) -> None:
    if media_type.removeprefix(prefix) not in {"", "+json"}:
        msg = "The format of the CloudEvent is not supported. Send it as JSON, or in binary mode."
        raise UnsupportedMediaTypeError(msg)


def _from_json(
    body: bytes, text: bytes, meta: Mapping[str, str], mode: str, push: PubSubPush | PubSubUnwrapped | None
) -> CloudEvent:
    """Read the event in `text`, from a request with the body `body`."""
    try:
        fields = members(text)
    except ValueError as error:
        raise EnvelopeError(_NO_JSON) from error
    if fields is None:
        msg = "The CloudEvent is not a JSON object."
        raise EnvelopeError(msg)
    (data, raw_data), (encoded, _) = fields.pop("data", (None, b"")), fields.pop("data_base64", (None, b""))
    malformed: list[str] = []
    attributes: dict[str, str] = {}
    for name, (value, raw) in fields.items():
        # Google's Workflows writes some names in camelCase; a name in lower case takes precedence
        lower = name.lower()
        if value is not None and (lower == name or lower not in fields):
            attributes[lower] = _text(lower, value, raw, malformed)
    if encoded is None:
        payload = _payload(data, raw_data, attributes.get("datacontenttype"))
    elif data is None:
        payload = _base64(encoded)
    else:
        msg = "The CloudEvent has both data and data_base64."
        raise EnvelopeError(msg)
    form, may_be_json = f"cloudevents-{mode}", encoded is None
    return CloudEvent(body, attributes, payload, form=form, meta=meta, push=push, malformed=malformed, may_be_json=may_be_json)


def _text(name: str, value: object, raw: bytes, malformed: list[str]) -> str:
    """The value of an attribute as text. Extensions may have any type, and keep their spelling (§2.2 of the JSON format)."""
    if isinstance(value, str):
        return value
    if name in DEFINED:
        msg = f"The CloudEvent's {name} is not a string."
        raise EnvelopeError(msg)
    # an Integer has 32 bits (§Type System of the specification)
    is_integer = _NUMBER.fullmatch(raw) and -(2**31) <= int(raw) < 2**31
    if not isinstance(value, bool) and not is_integer:
        malformed.append(name)
    return raw.decode()


def _payload(value: object, raw: bytes, content_type: str | None) -> bytes:
    """The bytes of the member `data`: JSON exactly as in the body; text, if its media type is not JSON (§3.1)."""
    is_text = content_type is not None and not is_json(content_type) and is_media_type(content_type)
    if not is_text or not isinstance(value, str):
        return raw
    try:
        return value.encode()
    except UnicodeEncodeError as error:
        raise EnvelopeError(_NO_JSON) from error


def _base64(encoded: object) -> bytes:
    if isinstance(encoded, str):
        try:
            return b64decode(encoded, validate=True)
        except ValueError:
            pass
    msg = "The CloudEvent's data_base64 is not base64."
    raise EnvelopeError(msg)


def _from_headers(headers: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Decode the attributes in headers; returns them and the names of malformed ones."""
    is_encoded = not _GOOGLE.match(_unquote(headers["HTTP_CE_SOURCE"]))
    attributes: dict[str, str] = {}
    malformed: list[str] = []
    for header, value in headers.items():
        name = header.removeprefix(_PREFIX).lower()
        text = _unquote(value)
        try:
            attributes[name] = unquote_to_bytes(_bytes(text)).decode() if is_encoded else _bytes(text).decode()
        except UnicodeError as error:  # such as an overlong encoding, which must not be decoded
            if name in REQUIRED:
                msg = "The CloudEvent has a header that is not percent-encoded UTF-8."
                raise EnvelopeError(msg) from error
            malformed.append(name)
            if name not in DEFINED:
                attributes[name] = text_of(text)
    return attributes, malformed


def _unquote(value: str) -> str:
    """Remove the quotes around a header (§3.1.3.2 of the binding)."""
    value = value.strip(" \t")  # only these: in Latin-1, the last byte of a letter may look like a space
    quoted = _QUOTED.fullmatch(value)
    return _ESCAPE.sub(r"\1", quoted[1]) if quoted else value


def _bytes(header: str) -> bytes:
    """The bytes of a header, which servers decode as Latin-1; other characters come from test clients."""
    try:
        return header.encode("latin-1")
    except UnicodeEncodeError:
        return header.encode()
