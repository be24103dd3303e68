"""The `Event` that a handler gets, and the types of its parts.

`_dispatch.handler` makes an `Event` for each handler that it calls. Tests make their own, or take them from `testing`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Generic, cast, overload

from typing_extensions import TypeVar

from .envelopes.base import Envelope
from .exceptions import EnvelopeError

#: The longest kind or reference, in characters.
LABEL_LENGTH: Final = 255
#: The kind and the reference of a request if neither its URL nor its body has them.
UNKNOWN: Final = "(unknown)"
#: The subscription of a message for tests, unless the caller names one.
SUBSCRIPTION: Final = "projects/my-project/subscriptions/my-subscription"

_NO_CLAIMS: Final[Mapping[str, Any]] = MappingProxyType({})

PayloadT = TypeVar("PayloadT", covariant=True)
ParametersT = TypeVar("ParametersT", covariant=True, default=dict[str, str])


def is_label(text: str) -> bool:
    """Whether a text can be a kind or a reference in a URL: 1 to 255 printable characters, without a slash."""
    return 0 < len(text) <= LABEL_LENGTH and "/" not in text and text.isprintable()


def labels_of(envelope: Envelope) -> tuple[str, str]:
    """Return the kind and the reference of an event whose URL has neither: the type of a CloudEvent, and its subject or id.

    The id replaces a subject that is too long or not printable. Raises `EnvelopeError` for an event that is not a CloudEvent.
    """
    kind = envelope.type
    if kind is None:
        msg = "The request is not a CloudEvent, so the kind of the event is unknown."
        raise EnvelopeError(msg)
    subject: str | None = getattr(envelope, "subject", None)
    if subject and is_label(subject.replace("/", "_")):
        return kind, subject
    return kind, envelope.message_id or UNKNOWN


@dataclass(frozen=True, slots=True)
class Principal:
    """The sender of an event, as an authenticator verified it."""

    #: How the sender was verified: `"oidc"`, `"signed-url"`, `"shared-token"`, the name of a provider of webhooks such as
    #: `"github"`, or what the project's own authenticator says.
    method: str
    #: The address of the sender's account, from its token; None without a token.
    email: str | None = None
    #: The id of the account, from the claim `sub`.
    subject: str | None = None
    #: The verified claims of the sender's token. Left out of the repr.
    claims: Mapping[str, Any] = field(default_factory=lambda: _NO_CLAIMS, repr=False, hash=False)


@dataclass(frozen=True, slots=True, init=False)
class Event(Generic[PayloadT, ParametersT]):
    """One event, as one handler gets it: `Event[Order]`, or `Event[Order, Params]` with typed parameters.

    Frozen, and covariant: a handler of `Event[Base]` accepts an `Event[Derived]`. The repr leaves out the payload and the
    parameters, so that a logged event does not reveal them.
    """

    #: What happened, such as `"order-placed"`: the first part of the URL, and what globs match. At `/events/`, it is the type of
    #: the CloudEvent.
    kind: str
    #: The thing that it happened to: the second part of the URL. At `/events/`, it is the CloudEvent's subject, or else its id.
    reference: str
    #: The payload, validated against the type that the handler declares.
    payload: PayloadT = field(repr=False)
    #: The URL's query parameters: a dict of strings, or the second type argument.
    parameters: ParametersT = field(repr=False)
    #: The metadata around the payload: Pub/Sub's message id, attributes and so on.
    envelope: Envelope
    #: The sender, if an authenticator verified one.
    principal: Principal | None

    if TYPE_CHECKING:
        # Unlike overloads of `__init__`, these let checkers infer a payload, such as a TypedDict, from the context.
        @overload
        def __new__(
            cls,
            kind: str,
            reference: str,
            payload: PayloadT,
            parameters: None = None,
            envelope: Envelope | None = None,
            principal: Principal | None = None,
        ) -> Event[PayloadT, dict[str, str]]: ...

        @overload
        def __new__(
            cls,
            kind: str,
            reference: str,
            payload: PayloadT,
            parameters: ParametersT,
            envelope: Envelope | None = None,
            principal: Principal | None = None,
        ) -> Event[PayloadT, ParametersT]: ...

        def __new__(cls, *_: object, **__: object) -> Event[Any, Any]:
            """Make an event, as `__init__` below does it."""
            ...

    else:

        def __init__(
            self,
            kind: str,
            reference: str,
            payload: Any,
            parameters: Any = None,
            envelope: Envelope | None = None,
            principal: Principal | None = None,
        ) -> None:
            """Make an event. By default, the parameters are an empty dict and the envelope is a plain one."""
            parameters = {} if parameters is None else parameters
            values = kind, reference, payload, parameters, Envelope() if envelope is None else envelope, principal
            for attribute, value in zip(fields(Event), values, strict=True):
                object.__setattr__(self, attribute.name, value)


class _Draft(Generic[PayloadT, ParametersT]):
    """An event before it is frozen."""

    __slots__ = tuple(attribute.name for attribute in fields(Event))


_new_draft = cast("Callable[[], Any]", _Draft)


def new_event(
    kind: str, reference: str, payload: Any, parameters: Any, envelope: Envelope, principal: Principal | None
) -> Event[Any, Any]:
    """Make an event as `Event` does, on the hot path: setting the fields of a frozen object takes three times as long."""
    draft = _new_draft()
    draft.kind = kind
    draft.reference = reference
    draft.payload = payload
    draft.parameters = parameters
    draft.envelope = envelope
    draft.principal = principal
    draft.__class__ = Event
    event: Event[Any, Any] = draft
    return event
