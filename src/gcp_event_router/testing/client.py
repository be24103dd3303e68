"""An event sent to the project's own endpoint, through Django's test client.

pushed = push("order-placed", "4711", OrderPlaced(order_id=4711), principal=SENDER)
assert pushed.handled == (record_order,)
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Unpack, cast, overload
from uuid import UUID

from django.http import HttpResponse
from django.test import AsyncClient, Client
from pydantic_core import to_json
from typing_extensions import TypedDict, TypeVar

from ..event import Principal
from ..kinds import Kind
from ..pulling.http import cloudevents_path
from ..utils import get_event_url
from .messages import EventMessage, Form
from .principal import trusting
from .recording import record_own
from .result import Pushed, pushed_of

__all__ = ["PushOptions", "apush", "push"]

PayloadT = TypeVar("PayloadT")


class PushOptions(TypedDict, total=False):
    """The options of `push`."""

    #: How the event is wrapped; `"pubsub"` unless given.
    envelope: Form
    #: The URL's parameters; of a list each item is one.
    parameters: Mapping[str, Any]
    attributes: Mapping[str, str]
    #: The same one twice is a redelivery; a new one unless given.
    message_id: str
    ordering_key: str
    publish_time: datetime
    ce_type: str
    ce_source: str
    ce_subject: str
    queue: str
    job_name: str
    #: Who is said to send, without credentials: this request alone is let in. Without it the settings decide, as ever.
    principal: Principal
    #: Such as those of `TokenSigner.headers`.
    headers: Mapping[str, str]
    #: Where to post to instead: a path, such as one that is signed.
    path: str


@overload
def push(
    kind: Kind[PayloadT],
    reference: str | int | UUID = ...,
    payload: PayloadT = ...,
    *,
    client: Client | None = ...,
    raises: bool = ...,
    **options: Unpack[PushOptions],
) -> Pushed: ...


@overload
def push(
    kind: str | None,
    reference: str | int | UUID | None = ...,
    payload: object = ...,
    *,
    client: Client | None = ...,
    raises: bool = ...,
    **options: Unpack[PushOptions],
) -> Pushed: ...


def push(
    kind: str | Kind[Any] | None,
    reference: str | int | UUID | None = "1",
    payload: Any = None,
    *,
    client: Client | None = None,
    raises: bool = True,
    **options: Unpack[PushOptions],
) -> Pushed:
    """Send a real request to the project's endpoint, and say what came of it.

    Args:
        kind: What happened, as a string or as it is declared. None posts a CloudEvent to where its type is the kind.
        reference: What it happened to.
        payload: A model, a dataclass or whatever else JSON can hold; bytes as they are; None for no payload.
        client: A `django.test.Client` of your own.
        raises: Raise what failed, in a handler or before one: not for `Retry`, `Reject`, what is invalid or refused.
        options: See `PushOptions`.

    Raises:
        ConfigurationError: The endpoint is not in the URLs, or `principal` is given outside of a test, or is no `Principal`.
        TypeError: There is no such option, or something is of another type than can be sent.
        ValueError: The kind or the reference cannot stand in a URL, or an option cannot be carried.
        pydantic.ValidationError: A declared kind has no such payload.

    """
    sent = _Sent(kind, reference, payload, options)
    with sent.headers as headers, record_own() as recording:
        response = (client or Client()).post(sent.path, sent.body, content_type=sent.content_type, headers=headers)
    return pushed_of(cast("HttpResponse", response), recording, raises=raises)


@overload
async def apush(
    kind: Kind[PayloadT],
    reference: str | int | UUID = ...,
    payload: PayloadT = ...,
    *,
    client: AsyncClient | None = ...,
    raises: bool = ...,
    **options: Unpack[PushOptions],
) -> Pushed: ...


@overload
async def apush(
    kind: str | None,
    reference: str | int | UUID | None = ...,
    payload: object = ...,
    *,
    client: AsyncClient | None = ...,
    raises: bool = ...,
    **options: Unpack[PushOptions],
) -> Pushed: ...


async def apush(
    kind: str | Kind[Any] | None,
    reference: str | int | UUID | None = "1",
    payload: Any = None,
    *,
    client: AsyncClient | None = None,
    raises: bool = True,
    **options: Unpack[PushOptions],
) -> Pushed:
    """Do the same through Django's async client."""
    sent = _Sent(kind, reference, payload, options)
    with sent.headers as headers, record_own() as recording:
        response = await (client or AsyncClient()).post(sent.path, sent.body, content_type=sent.content_type, headers=headers)
    return pushed_of(cast("HttpResponse", response), recording, raises=raises)


class _Sent:
    """A request, as it is given to a client."""

    def __init__(self, kind: str | Kind[Any] | None, reference: object, payload: Any, options: PushOptions) -> None:
        _check(kind, reference, options)
        message = EventMessage(_data(kind, payload), **_of_message(options))
        request = message.written(options.get("envelope", "cloudevents-binary" if kind is None else "pubsub"))
        self.body = request.body
        self.content_type = request.content_type
        self.path = options.get("path") or _path(kind, reference, options.get("parameters"))
        self.headers = _headers({**request.headers, **options.get("headers", {})}, options.get("principal"))


def _check(kind: object, reference: object, options: PushOptions) -> None:
    """Refuse what would send another event than the test means, or the same without a part of it."""
    msg = None
    unknown = sorted(options.keys() - PushOptions.__optional_keys__)
    if unknown:
        known = ", ".join(sorted(PushOptions.__optional_keys__))
        msg = f"push() is given {', '.join(unknown)}, which is no option of it. Choose from {known}."
    elif not isinstance(kind, str | Kind | None):
        msg = f"push() is given the kind {kind!r}, of type {type(kind).__name__}. Give a string, or a kind that is declared."
    elif reference is None and kind is not None:
        msg = "push() is given None for a reference, of which a URL has none. Give a string, an int or a UUID."
    if msg is not None:
        raise TypeError(msg)
    if "path" in options and options.get("parameters"):
        msg = "push() is given path= and parameters=, which are part of a path. Write them into it."
        raise ValueError(msg)


@contextmanager
def _headers(given: Mapping[str, str], principal: Principal | None) -> Generator[dict[str, str]]:
    """All headers of a request, while it is under way."""
    if principal is None:
        yield {**given}
        return
    with trusting(principal) as trusted:
        yield {**given, **trusted}


def _data(kind: str | Kind[Any] | None, payload: Any) -> bytes:
    if isinstance(payload, bytes):
        return payload
    if isinstance(kind, Kind):
        return kind.data(payload)
    return b"" if payload is None else to_json(payload, by_alias=True)


def _of_message(options: PushOptions) -> dict[str, Any]:
    names = EventMessage.__dataclass_fields__
    return {name: value for name, value in options.items() if name in names}


def _path(kind: str | Kind[Any] | None, reference: object, parameters: Mapping[str, Any] | None) -> str:
    if kind is not None:
        return get_event_url(kind.name if isinstance(kind, Kind) else kind, str(reference), parameters, base_url="")
    return cloudevents_path(parameters)
