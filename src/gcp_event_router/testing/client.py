"""Sends events to the project's own endpoint, through Django's test client.

pushed = push("order-placed", "4711", OrderPlaced(order_id=4711), principal=SENDER)
assert pushed.handled == (record_order,)

push("github", "main", PullRequest(number=7), signed_by=GitHub(secrets=["…"]), attributes={"event": "pull_request"})
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final, Protocol, TypeAlias, Unpack, cast, overload
from uuid import UUID

from django.http import HttpResponse
from django.test import AsyncClient, Client
from pydantic_core import to_json
from typing_extensions import TypedDict, TypeVar

from .._event_urls import get_event_url
from .._flow import Flow, arun, run
from .._messages import CloudEventRequest, EventMessage, Form
from ..auth import HMACSignature
from ..event import Principal
from ..kinds import Kind
from ..pulling.http import cloudevents_path
from .principal import trusting
from .recording import record_own
from .result import Pushed, pushed_of
from .webhooks import webhook

PayloadT = TypeVar("PayloadT")
ResultT = TypeVar("ResultT")
ResultT_co = TypeVar("ResultT_co", covariant=True)
Reference: TypeAlias = str | int | UUID


# ty accepts unknown options unless the dict is closed, which old releases of mypy do not know.
class PushOptions(TypedDict, total=False, closed=True):  # type: ignore[call-arg, unused-ignore]
    """The options of `push`; `EventMessage` explains those that are its fields, and has their defaults."""

    #: Whether to raise the exceptions behind the outcome `FAILED`, of handlers and from before any handler: one by itself,
    #: several in an `ExceptionGroup`; true by default. Other outcomes, such as `INVALID` and `RETRY`, raise nothing.
    raises: bool
    #: `"pubsub"` by default.
    envelope: Form
    #: The URL's parameters; a list adds a parameter for each item.
    parameters: Mapping[str, Any]
    #: Of the message; of a signed webhook, the provider's metadata, such as `{"event": "pull_request"}`.
    attributes: Mapping[str, str]
    #: Repeat an id to send a redelivery; by default each message has a new one.
    message_id: str
    ordering_key: str
    publish_time: datetime
    ce_type: str
    ce_source: str
    ce_subject: str
    queue: str
    job_name: str
    #: The sender, whom the endpoint accepts for this request. Without it, the settings decide.
    principal: Principal
    #: Sends what a provider of webhooks would send, such as `auth.GitHub(secrets=["…"])`: the payload is the whole body, its
    #: first secret signs it, and `message_id`, `attributes` and `publish_time` go where the provider has them.
    signed_by: HMACSignature
    #: Headers, such as those of `TokenSigner.headers`; they replace those of the envelope.
    headers: Mapping[str, str]
    #: The path to post to, such as that of a signed URL.
    path: str
    #: A test client, instead of a new one; an `AsyncClient` for `apush`.
    client: Client | AsyncClient | None


#: The options that have a meaning beside `signed_by`.
_OF_WEBHOOKS: Final = frozenset(
    {"signed_by", "raises", "parameters", "attributes", "message_id", "publish_time", "headers", "path", "client"}
)


class Pusher(Protocol[ResultT_co]):
    """The signature of `push` and `apush`."""

    @overload
    def __call__(
        self, kind: Kind[PayloadT], reference: Reference = ..., payload: PayloadT = ..., **options: Unpack[PushOptions]
    ) -> ResultT_co: ...
    @overload
    def __call__(
        self, kind: str | None, reference: Reference | None = ..., payload: object = ..., **options: Unpack[PushOptions]
    ) -> ResultT_co: ...


@overload
def push(kind: Kind[PayloadT], reference: Reference = ..., payload: PayloadT = ..., **options: Unpack[PushOptions]) -> Pushed: ...
@overload
def push(
    kind: str | None, reference: Reference | None = ..., payload: object = ..., **options: Unpack[PushOptions]
) -> Pushed: ...
def push(
    kind: Kind[Any] | str | None, reference: Reference | None = "1", payload: object = None, **options: Unpack[PushOptions]
) -> Pushed:
    """Send a real request to the project's endpoint, and return the result.

    Args:
        kind: The kind, as a string or as it is declared. None posts a CloudEvent to the endpoint where its type is its kind.
        reference: The reference in the URL. Without a kind, it is not used: `ce_subject` is the reference.
        payload: A model, a dataclass or another value that JSON can hold; bytes, which stay as they are; None for no payload.
        options: See `PushOptions`.

    Raises:
        ConfigurationError: The endpoint is not in the URLs, or something else answers; `principal` is not a `Principal`, or is
            used outside of a test; or the first secret of `signed_by` is a public key.
        TypeError: An option is unknown, or the kind, the reference or `signed_by` has the wrong type.
        ValueError: A URL cannot contain the kind or the reference, JSON cannot hold the payload, the envelope is unknown, the
            options exclude each other, or the provider cannot carry one. An envelope leaves out what it cannot carry.
        pydantic.ValidationError: The payload is not that of the declared kind, or another option has the wrong type.
        Exception: What a handler raised, by default; see `raises`.

    """
    return run(_push(options.get("client") or Client(), kind, reference, payload, options))


@overload
async def apush(
    kind: Kind[PayloadT], reference: Reference = ..., payload: PayloadT = ..., **options: Unpack[PushOptions]
) -> Pushed: ...
@overload
async def apush(
    kind: str | None, reference: Reference | None = ..., payload: object = ..., **options: Unpack[PushOptions]
) -> Pushed: ...
async def apush(
    kind: Kind[Any] | str | None, reference: Reference | None = "1", payload: object = None, **options: Unpack[PushOptions]
) -> Pushed:
    """Do the same as `push`, through Django's async client."""
    return await arun(_push(options.get("client") or AsyncClient(), kind, reference, payload, options))


def with_defaults(function: Callable[..., ResultT], **defaults: object) -> Callable[..., ResultT]:
    """Return `push` or `apush` with default options; one that is signed has no default sender."""

    def send(*arguments: object, **options: object) -> ResultT:
        is_signed = options.get("signed_by") is not None
        inherited = {name: value for name, value in defaults.items() if not (is_signed and name == "principal")}
        return function(*arguments, **{**inherited, **options})

    return send


def _push(client: Any, kind: Kind[Any] | str | None, reference: object, payload: Any, options: PushOptions) -> Flow[Pushed]:
    _check(kind, reference, options)
    name = kind.name if isinstance(kind, Kind) else kind
    if not isinstance(payload, bytes):
        payload = kind.data(payload) if isinstance(kind, Kind) else b"" if payload is None else to_json(payload, by_alias=True)
    path, parameters = options.get("path"), options.get("parameters")
    if not path:
        path = cloudevents_path(parameters) if name is None else get_event_url(name, str(reference), parameters, base_url="")
    request = _request(payload, path, options, "cloudevents-binary" if name is None else "pubsub")
    with trusting(options.get("principal")) as credentials, record_own() as recording:
        headers = {**request.headers, **options.get("headers", {}), **credentials}
        post = partial(client.post, path, request.body, content_type=request.content_type, headers=headers)
        response: HttpResponse = yield post, post, ()
    gave = [f"{name}=" for name in ("signed_by", "headers") if options.get(name)]
    return pushed_of(response, recording, raises=options.get("raises", True), credentials=gave)


def _request(data: bytes, path: str, options: PushOptions, form: Form) -> CloudEventRequest:
    """Write the request to a path; in an envelope of this form, unless the options choose another."""
    fields: Any = {name: value for name, value in options.items() if name in EventMessage.__dataclass_fields__}
    message = EventMessage(data, **fields)  # checks the types of its fields
    signer = options.get("signed_by")
    if signer is None:
        return message.written(options.get("envelope", form))
    return webhook(message.data, signer, path, **fields)


def _check(kind: object, reference: object, options: PushOptions) -> None:
    """Refuse arguments that would send another event than the test means."""
    msg, signer = None, cast("object", options.get("signed_by"))
    unknown = sorted(options.keys() - PushOptions.__optional_keys__)
    if unknown:
        msg = f"Unknown options: {', '.join(unknown)}. Choose from {', '.join(sorted(PushOptions.__optional_keys__))}."
    elif not isinstance(kind, str | Kind | None):
        msg = f"kind must be a string or a declared kind, not {kind!r}, of type {type(kind).__name__}."
    elif reference is None and kind is not None:
        msg = "reference must be a string, an int or a UUID, not None."
    elif not isinstance(signer, HMACSignature | None):
        msg = f'signed_by must be an authenticator such as auth.GitHub(secrets=["…"]), not {signer!r}.'
    if msg is not None:
        raise TypeError(msg)
    if "path" in options and options.get("parameters"):
        msg = "path= and parameters= exclude each other. Write the parameters into the path."
        raise ValueError(msg)
    if signer is None:
        return
    if meaningless := sorted(options.keys() - _OF_WEBHOOKS):
        msg = f"signed_by= sends a webhook, whose body has no envelope, so {meaningless[0]}= has no place in it. Leave one out."
        raise ValueError(msg)
    if kind is None and "path" not in options:
        msg = "signed_by= sends a webhook, whose body names no kind, so kind must not be None. Give a kind."
        raise ValueError(msg)
