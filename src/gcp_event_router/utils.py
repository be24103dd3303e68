"""Makes URLs of the endpoint, and makes and reads Pub/Sub messages.

The names and the order of the parameters are django-gcp's, so that a project migrates by replacing `django_gcp.events` with
`gcp_event_router`.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, overload
from uuid import UUID

from django.conf import settings
from django.urls import NoReverseMatch, reverse
from django.utils.http import urlencode
from typing_extensions import TypedDict

from . import _url_signing
from .envelopes import from_payload, read_json, read_wrapped
from .event import LABEL_LENGTH, is_label
from .exceptions import ConfigurationError, EnvelopeError, InvalidPubSubMessageError

__all__ = ["DecodedPubSubMessage", "decode_pubsub_message", "get_event_url", "make_pubsub_message"]

#: The subscription of a message for tests, unless the caller names one.
SUBSCRIPTION: Final = "projects/my-project/subscriptions/my-subscription"


class DecodedPubSubMessage(TypedDict):
    """The result of `decode_pubsub_message`."""

    #: Decoded JSON; text, if it is not JSON; or bytes, if it is not text; None for a message that only has attributes.
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
    """Return the URL to which events of a kind and a reference are sent.

    Args:
        event_kind: At most 255 printable characters, without a slash. The same applies to the reference.
        event_reference: A constant part of a push subscription's URL; or the id of the thing that a webhook is about.
        event_parameters: The query string. A list or tuple adds a parameter for each item; a model of parameters gets all of them
            in a field of type `list[...]`, `dict[str, str]` and plain receivers get the last one.
        url_namespace: The name of the URL pattern, if the project has its own.
        base_url: The beginning of the URL, instead of `settings.BASE_URL`; `""` makes the URL relative.
        signed: Add a signature of the kind, the reference and every parameter, for `auth.SignedURL`.
        max_age: How long a signed URL is accepted; by default for ever.
        single_use: Have a signed URL accepted only once. Not for senders that try again, such as Pub/Sub.

    Raises:
        ConfigurationError: `BASE_URL` is not set, or no URL pattern has the name.
        ValueError: The kind, the reference or a parameter does not fit into the URL, or the terms of the signature exclude each
            other.
        TypeError: A parameter is None.

    """
    if base_url is None:
        base_url = getattr(settings, "BASE_URL", None)
        if base_url is None:
            msg = "settings.BASE_URL is not set, so the URL has no beginning. Set it, or pass base_url='' for a relative URL."
            raise ConfigurationError(msg)
    for part, value in (("event_kind", event_kind), ("event_reference", event_reference)):
        if not _is_part(value):
            msg = (
                f"{part} must fit into a URL, which {value!r} does not. "
                f"Give 1 to {LABEL_LENGTH} printable characters, without a slash."
            )
            raise ValueError(msg)
    url = reverse_pattern(url_namespace, event_kind, event_reference)
    url = add_query(url, event_parameters, signed=signed, max_age=max_age, single_use=single_use)
    return base_url.rstrip("/") + url


def reverse_pattern(name: str, *args: object) -> str:
    """Return the path of a URL pattern. Raises `ConfigurationError` if no pattern has the name."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch as error:
        if ":" in name:  # Django names the namespace that is missing
            raise
        msg = f"No URL pattern has the name {name!r}. Add path('', include('gcp_event_router.urls')) to your urlpatterns."
        raise ConfigurationError(msg) from error


def add_query(
    url: str, parameters: Mapping[str, Any] | None, *, signed: bool, max_age: timedelta | None, single_use: bool
) -> str:
    """Add parameters and a signature to the path of a URL, as `get_event_url` does."""
    flat: dict[str, Any] = {}
    for name, value in dict(parameters or {}).items():  # a QueryDict then gives all values of a name
        kind = type(value).__name__
        flat[name] = [*value] if _has_items(value) else value
        if isinstance(value, Mapping) or (_has_items(value) and any(map(_has_items, flat[name]))):
            msg = (
                f"The parameter {name!r} of type {kind} does not fit into a query string. "
                f"Give a text, a number or a list of these; or JSON: {{{name!r}: json.dumps(...)}}."
            )
            raise ValueError(msg)
    query = urlencode(flat, doseq=True)
    if signed or max_age is not None or single_use:
        query = _url_signing.signed_query(url, query, signed=signed, max_age=max_age, single_use=single_use)
    return f"{url}?{query}" if query else url


def _has_items(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes)


def _is_part(value: object) -> bool:
    return value is not None and is_label(str(value))  # None is the key of an unsaved row


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
    """Make the body of a Pub/Sub push, as Pub/Sub would send it.

    Args:
        data: Written as JSON; bytes stay as they are. By default, or with `b""`, the message has no data.
        subscription: The path of the subscription that pushes.
        attributes: A mapping of strings to strings.
        message_id: Pub/Sub's id of the message.
        ordering_key: Pub/Sub delivers messages with the same key in order.
        publish_time: When it was published; a naive time is read as UTC.
        as_dict: Return a dict instead of bytes.

    Raises:
        ValueError: A value that has to be a string is not, or a number in the data is not finite.
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
            _require_string("An attribute's name", key)
            _require_string(f"The attribute {key!r}", value)
        message["attributes"] = dict(attributes)
    if message_id is not None:
        message["messageId"] = message_id
    if ordering_key is not None:
        message["orderingKey"] = ordering_key
    body = {"message": message, "subscription": subscription}
    return body if as_dict else json.dumps(body).encode()


def decode_pubsub_message(body: bytes | str | Mapping[str, Any]) -> DecodedPubSubMessage:
    """Decode a Pub/Sub push: the `event_payload` that a receiver gets, or a body.

    Raises:
        InvalidPubSubMessageError: It is not a valid Pub/Sub push. The error does not quote it.

    """
    problem = f"This {type(body).__name__} is not a valid Pub/Sub push. Give an object with `message` and `subscription`."
    try:
        raw = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else from_payload(dict(body)).body
        push = read_wrapped(raw)
    except (EnvelopeError, TypeError, ValueError) as error:
        raise InvalidPubSubMessageError(problem) from error
    if push is None or push.subscription is None or push.malformed:
        raise InvalidPubSubMessageError(problem)
    return {
        "data": _decode(push.data),
        "attributes": None if push.carried is None else dict(push.carried),
        "message_id": push.message_id,
        "ordering_key": push.ordering_key,
        "publish_time": push.publish_time,
        "subscription": push.subscription,
    }


def _decode(data: bytes) -> Any:
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
        msg = f"{name} must be a string, not {value!r} of type {type(value).__name__}."
        raise ValueError(msg)  # noqa: TRY004 -- as in django-gcp
