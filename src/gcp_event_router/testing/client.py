"""An event sent to the project's own endpoint, through Django's test client.

pushed = push("order-placed", "4711", OrderPlaced(order_id=4711), principal=SENDER)
assert pushed.handled == (record_order,)
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from functools import partial
from typing import Any, Unpack, overload
from uuid import UUID

from django.http import HttpResponse
from django.test import AsyncClient, Client
from pydantic_core import to_json
from typing_extensions import TypedDict, TypeVar

from .._flow import Flow, arun, run
from ..event import Principal
from ..kinds import Kind
from ..pulling.http import cloudevents_path
from ..utils import get_event_url
from .messages import EventMessage, Form
from .principal import trusting
from .recording import record_own
from .result import Pushed, pushed_of

PayloadT = TypeVar("PayloadT")


class PushOptions(TypedDict, total=False):
    """The options of `push`."""

    #: Whether to raise what failed, in a handler or before it; true by default. Never raises `Retry`, `Reject` and refusals.
    raises: bool
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
    **options: Unpack[PushOptions],
) -> Pushed: ...


@overload
def push(
    kind: str | None,
    reference: str | int | UUID | None = ...,
    payload: object = ...,
    *,
    client: Client | None = ...,
    **options: Unpack[PushOptions],
) -> Pushed: ...


def push(
    kind: Kind[Any] | str | None,
    reference: str | int | UUID | None = "1",
    payload: object = None,
    *,
    client: Client | None = None,
    **options: Unpack[PushOptions],
) -> Pushed:
    """Send a real request to the project's endpoint, and say what came of it.

    Args:
        kind: What happened, as a string or as it is declared. None posts a CloudEvent to where its type is the kind.
        reference: What it happened to.
        payload: A model, a dataclass or whatever else JSON can hold; bytes as they are; None for no payload.
        client: A `django.test.Client` of your own.
        options: See `PushOptions`.

    Raises:
        ConfigurationError: The endpoint is not in the URLs, or `principal` is given outside of a test, or is no `Principal`.
        TypeError: There is no such option, or something is of another type than can be sent.
        ValueError: The kind or the reference cannot stand in a URL, or an option cannot be carried.
        pydantic.ValidationError: A declared kind has no such payload.

    """
    return run(_push(client or Client(), kind, reference, payload, options))


@overload
async def apush(
    kind: Kind[PayloadT],
    reference: str | int | UUID = ...,
    payload: PayloadT = ...,
    *,
    client: AsyncClient | None = ...,
    **options: Unpack[PushOptions],
) -> Pushed: ...


@overload
async def apush(
    kind: str | None,
    reference: str | int | UUID | None = ...,
    payload: object = ...,
    *,
    client: AsyncClient | None = ...,
    **options: Unpack[PushOptions],
) -> Pushed: ...


async def apush(
    kind: Kind[Any] | str | None,
    reference: str | int | UUID | None = "1",
    payload: object = None,
    *,
    client: AsyncClient | None = None,
    **options: Unpack[PushOptions],
) -> Pushed:
    """Do the same through Django's async client."""
    return await arun(_push(client or AsyncClient(), kind, reference, payload, options))


def _push(client: Any, kind: Kind[Any] | str | None, reference: object, payload: Any, options: PushOptions) -> Flow[Pushed]:
    _check(kind, reference, options)
    name = kind.name if isinstance(kind, Kind) else kind
    if not isinstance(payload, bytes):
        payload = kind.data(payload) if isinstance(kind, Kind) else b"" if payload is None else to_json(payload, by_alias=True)
    told: Any = {name: value for name, value in options.items() if name in EventMessage.__dataclass_fields__}
    request = EventMessage(payload, **told).written(options.get("envelope", "cloudevents-binary" if name is None else "pubsub"))
    path, parameters, principal = options.get("path"), options.get("parameters"), options.get("principal")
    trust: AbstractContextManager[Mapping[str, str]] = nullcontext(dict[str, str]()) if principal is None else trusting(principal)
    if not path:
        path = cloudevents_path(parameters) if name is None else get_event_url(name, str(reference), parameters, base_url="")
    with trust as trusted, record_own() as recording:
        headers = {**request.headers, **options.get("headers", {}), **trusted}
        post = partial(client.post, path, request.body, content_type=request.content_type, headers=headers)
        response: HttpResponse = yield post, post, ()
    return pushed_of(response, recording, raises=options.get("raises", True))


def _check(kind: object, reference: object, options: PushOptions) -> None:
    """Refuse what would send another event than the test means, or the same without a part of it."""
    msg = None
    unknown = sorted(options.keys() - PushOptions.__optional_keys__)
    if unknown:
        known = ", ".join(sorted(PushOptions.__optional_keys__ | {"client"}))
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
