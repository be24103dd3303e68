"""Makes URLs of the endpoint, and makes and reads Pub/Sub messages.

The names and the order of the parameters are django-gcp's, so that a project migrates by replacing `django_gcp.events` with
`gcp_event_router`.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, overload

from typing_extensions import TypedDict

from .envelopes import from_payload, read_json, read_wrapped
from .event import SUBSCRIPTION
from .exceptions import EnvelopeError, InvalidPubSubMessageError

if TYPE_CHECKING:
    from gcp_event_router_kinds import get_event_url
else:
    from ._event_urls import get_event_url

__all__ = ["DecodedPubSubMessage", "decode_pubsub_message", "get_event_url", "make_pubsub_message"]


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
