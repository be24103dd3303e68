"""URLs of the endpoint and Pub/Sub messages, to make and to read.

A closed list with django-gcp's names and positional order, so that changing `django_gcp.events` to `gcp_event_router` is a
project's whole migration. Called by users, and by tests.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, cast, overload
from uuid import UUID

from django.conf import settings
from django.urls import NoReverseMatch, reverse
from django.utils.http import urlencode
from pydantic_core import from_json
from typing_extensions import TypedDict

from . import _url_signing
from .envelopes import PubSubPush, from_payload, read_json, read_wrapped
from .event import LABEL_LENGTH, is_label
from .exceptions import ConfigurationError, EnvelopeError, InvalidPubSubMessageError

__all__ = ["DecodedPubSubMessage", "decode_pubsub_message", "get_event_url", "make_pubsub_message"]

#: What a message for tests says where nobody says which subscription pushed it.
SUBSCRIPTION: Final = "projects/my-project/subscriptions/my-subscription"


class DecodedPubSubMessage(TypedDict):
    """What `decode_pubsub_message` returns."""

    #: Decoded JSON; or text; or bytes, if it is not text either; None for a message that has attributes only.
    data: Any
    attributes: dict[str, str] | None
    message_id: str | None
    ordering_key: str | None
    #: Aware, with microseconds.
    publish_time: datetime | None
    subscription: str


def get_event_url(
    event_kind: str,
    event_reference: str | int | UUID,
    event_parameters: Mapping[str, Any] | None = None,
    url_namespace: str = "gcp-events",
    base_url: str | None = None,
    *,
    signed: bool = False,
    max_age: timedelta | None = None,
    single_use: bool = False,
) -> str:
    """The URL to which events of a kind and a reference are sent.

    Args:
        event_kind: Printable, at most 255 characters, without a slash; and so is the reference.
        event_reference: What the event is about.
        event_parameters: Become the query string; of a list or tuple each item does. Keep it short. A model of parameters with a
            field of type `list[...]` gets all items of a list; `dict[str, str]`, and plain receivers, get the last one.
        url_namespace: The name of the URL pattern, where a project has one of its own.
        base_url: What to put before the path, instead of `settings.BASE_URL`. With `""` the URL is relative.
        signed: Add a signature, which `auth.SignedURL` accepts, over the kind, the reference and every parameter.
        max_age: How long a signed URL is accepted; for ever by default.
        single_use: Have a signed URL accepted once only. Not for senders that try again, such as Pub/Sub.

    Raises:
        ConfigurationError: There is no `BASE_URL`, or the endpoint is not in the URLs.
        ValueError: The kind, the reference or a parameter cannot stand in the URL, or the signature is asked for what cannot be.
        TypeError: A parameter is None.

    """
    if base_url is None:
        base_url = getattr(settings, "BASE_URL", None)
        if base_url is None:
            msg = "get_event_url() has no base: settings.BASE_URL is not set. Set it, or give base_url='' for a relative URL."
            raise ConfigurationError(msg)
    for part, value in (("event_kind", event_kind), ("event_reference", event_reference)):
        if not _is_part(value):
            msg = (
                f"get_event_url() is given {part}={value!r}, which the URL cannot hold. "
                f"Give 1 to {LABEL_LENGTH} printable characters, without a slash."
            )
            raise ValueError(msg)
    try:
        url = reverse(url_namespace, args=[event_kind, event_reference])
    except NoReverseMatch as error:
        if ":" in url_namespace:  # Django names the namespace that is missing
            raise
        msg = (
            f"get_event_url() finds no URL named {url_namespace!r}. "
            "Add path('', include('gcp_event_router.urls')) to your urlpatterns."
        )
        raise ConfigurationError(msg) from error
    query = urlencode(_flat(event_parameters), doseq=True) if event_parameters else ""
    if signed or max_age is not None or single_use:
        query = _url_signing.signed_query(url, query, signed=signed, max_age=max_age, single_use=single_use)
    return base_url.rstrip("/") + (f"{url}?{query}" if query else url)


def _flat(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters, with a list of whatever iterates. Raises `ValueError` for what a query cannot hold."""
    made: dict[str, Any] = {}
    for name, value in dict(parameters).items():
        kind = type(value).__name__
        made[name] = items = [*value] if _holds_items(value) else value
        nested = "a mapping" if isinstance(value, Mapping) else _nested(items)
        if nested:
            msg = (
                f"get_event_url() is given the parameter {name!r} of type {kind}: {nested} has no place in a query string. "
                f"Give a text, a number or a list of these; or a text of JSON: {{{name!r}: json.dumps(...)}}."
            )
            raise ValueError(msg)
    return made


def _nested(items: object) -> str:
    """What an item of a list is that holds others, if there is one."""
    inner = [type(each).__name__ for each in cast("list[object]", items) if _holds_items(each)] if isinstance(items, list) else []
    return f"a {inner[0]} within it" if inner else ""


def _holds_items(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes)


def _is_part(value: object) -> bool:
    return value is not None and is_label(str(value))  # None is the key of a row that is not saved yet


@overload
def make_pubsub_message(
    data: object = ...,
    subscription: str = ...,
    attributes: Mapping[str, str] | None = ...,
    message_id: str | None = ...,
    ordering_key: str | None = ...,
    publish_time: datetime | None = ...,
    as_dict: Literal[False] = ...,
) -> bytes: ...


@overload
def make_pubsub_message(
    data: object = ...,
    subscription: str = ...,
    attributes: Mapping[str, str] | None = ...,
    message_id: str | None = ...,
    ordering_key: str | None = ...,
    publish_time: datetime | None = ...,
    *,
    as_dict: Literal[True],
) -> dict[str, Any]: ...


@overload
def make_pubsub_message(
    data: object,
    subscription: str,
    attributes: Mapping[str, str] | None,
    message_id: str | None,
    ordering_key: str | None,
    publish_time: datetime | None,
    as_dict: Literal[True],
) -> dict[str, Any]: ...


@overload
def make_pubsub_message(
    data: object = ...,
    subscription: str = ...,
    attributes: Mapping[str, str] | None = ...,
    message_id: str | None = ...,
    ordering_key: str | None = ...,
    publish_time: datetime | None = ...,
    as_dict: bool = ...,
) -> bytes | dict[str, Any]: ...


def make_pubsub_message(
    data: object = b"",
    subscription: str = SUBSCRIPTION,
    attributes: Mapping[str, str] | None = None,
    message_id: str | None = None,
    ordering_key: str | None = None,
    publish_time: datetime | None = None,
    as_dict: bool = False,
) -> bytes | dict[str, Any]:
    """The body of a Pub/Sub push, as Pub/Sub would send it.

    Args:
        data: Becomes JSON, `null` for None; bytes are taken as they are. Without it, or with no bytes, the message has no data.
        subscription: The path of the subscription that pushes.
        attributes: Strings by strings.
        message_id: Pub/Sub's id of the message.
        ordering_key: The key by which messages are ordered.
        publish_time: When it was published; a naive time is taken for UTC.
        as_dict: Return a dict instead of bytes.

    Raises:
        ValueError: Something that has to be a string is not, or a number in the data is not finite.
        TypeError: The data is not JSON-serialisable.

    """
    _require_string("subscription", subscription)
    for name, value in (("message_id", message_id), ("ordering_key", ordering_key)):
        if value is not None:
            _require_string(name, value)
    message: dict[str, Any] = {}
    if data != b"":
        raw = data if isinstance(data, bytes) else json.dumps(data, allow_nan=False).encode()
        message["data"] = b64encode(raw).decode()
    if publish_time is not None:
        utc = publish_time.replace(tzinfo=UTC) if publish_time.tzinfo is None else publish_time.astimezone(UTC)
        message["publishTime"] = f"{utc.replace(tzinfo=None).isoformat(timespec='microseconds')}000Z"
    if attributes is not None:
        for key, value in attributes.items():
            _require_string("an attribute's key", key)
            _require_string(f"the attribute {key!r}", value)
        message["attributes"] = dict(attributes)
    if message_id is not None:
        message["messageId"] = message_id
    if ordering_key is not None:
        message["orderingKey"] = ordering_key
    body = {"message": message, "subscription": subscription}
    return body if as_dict else json.dumps(body).encode()


def decode_pubsub_message(body: bytes | str | Mapping[str, Any]) -> DecodedPubSubMessage:
    """What a Pub/Sub push holds: the `event_payload` that a receiver gets, or a body.

    Raises:
        InvalidPubSubMessageError: It is not a Pub/Sub push, or it is malformed. The error does not quote it.

    """
    advice = "Give the body of a push: an object with `message` and `subscription`."
    try:
        raw = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else from_payload(dict(body)).body
        push = read_wrapped(raw, {})
    except (EnvelopeError, TypeError, ValueError) as error:
        msg = f"decode_pubsub_message() is given {type(body).__name__} that is no readable Pub/Sub push. {advice}"
        raise InvalidPubSubMessageError(msg) from error
    if not isinstance(push, PubSubPush) or push.subscription is None:
        msg = f"decode_pubsub_message() is given {type(body).__name__} without a Pub/Sub message. {advice}"
        raise InvalidPubSubMessageError(msg)
    if push.malformed:
        msg = f"decode_pubsub_message() is given {type(body).__name__} that is no readable Pub/Sub push. {advice}"
        raise InvalidPubSubMessageError(msg)
    return {
        "data": _decoded(push.data),
        "attributes": dict(push.attributes) or _no_attributes(raw),
        "message_id": push.message_id,
        "ordering_key": push.ordering_key,
        "publish_time": push.publish_time,
        "subscription": push.subscription,
    }


def _no_attributes(raw: bytes) -> dict[str, str] | None:
    """What a message says of its attributes, where it has none."""
    message: Any = from_json(raw)["message"]
    return None if message.get("attributes") is None else {}


def _decoded(data: bytes) -> Any:
    if not data:
        return None
    try:
        return read_json(data)
    except ValueError:
        try:
            return data.decode()
        except UnicodeDecodeError:
            return data


def _require_string(name: str, value: object) -> None:
    if not isinstance(value, str):
        what = f"{value!r}, of type {type(value).__name__}"
        msg = f"make_pubsub_message() is given {name} as {what}, which Pub/Sub cannot carry. Give a string."
        raise ValueError(msg)  # noqa: TRY004 -- as in django-gcp
