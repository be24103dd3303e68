"""What arrived: the `Event` that a handler gets, and what its parts are made of.

`_dispatch.handler` makes an `Event` for each handler that it calls; users make them in their tests, or take them from `testing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, Final, Generic, overload

from typing_extensions import TypeVar

from .envelopes import Envelope
from .exceptions import EnvelopeError

__all__ = ["LABEL_LENGTH", "UNKNOWN", "Event", "Principal", "is_label", "labels_of"]

#: The longest kind or reference, in characters.
LABEL_LENGTH: Final = 255
#: The kind and the reference of a request whose URL says neither, as long as nothing in it does.
UNKNOWN: Final = "(unknown)"

PayloadT = TypeVar("PayloadT", covariant=True)
ParametersT = TypeVar("ParametersT", covariant=True, default=dict[str, str])
GivenT = TypeVar("GivenT")  # a class's own variables may not annotate the self of its __init__


def is_label(text: str) -> bool:
    """Whether `text` can be a kind or a reference in a URL: printable, as `str.isprintable` has it, and without a slash."""
    return 0 < len(text) <= LABEL_LENGTH and "/" not in text and text.isprintable()


def labels_of(envelope: Envelope) -> tuple[str, str]:
    """The kind and the reference of an event whose URL says neither: the type of a CloudEvent, and its subject or id.

    Types and ids may be any text, and are taken as they are. A subject may hold slashes; one that is longer than a label, or not
    printable, stays in the envelope alone. Raises `EnvelopeError`.
    """
    kind = envelope.type
    if kind is None:
        msg = "The request is no CloudEvent, so nothing says what kind of event it is."
        raise EnvelopeError(msg)
    subject: str | None = getattr(envelope, "subject", None)
    # a slash for a letter, since a reference that is in no URL may have some
    if subject and is_label(subject.replace("/", "_")):
        return kind, subject
    return kind, envelope.message_id or UNKNOWN


@dataclass(frozen=True, slots=True)
class Principal:
    """Who sent an event, as an authenticator found out."""

    #: The authenticator's name for its way of proof, such as `"oidc"`.
    method: str
    email: str | None = None
    subject: str | None = None
    #: What the sender's token claims, once verified. Left out of the repr.
    claims: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), repr=False, hash=False)


@dataclass(frozen=True, slots=True, init=False)
class Event(Generic[PayloadT, ParametersT]):
    """One event, as one handler sees it: `Event[Order]`, or `Event[Order, Params]` with typed parameters.

    Frozen, and covariant: a handler of `Event[Base]` may be given an `Event[Derived]`. The payload and the parameters are
    left out of its repr, so that a logged event does not tell them.
    """

    #: What happened, such as `"order-placed"`: the first part of the URL, and what globs match.
    kind: str
    #: What it happened to: the second part of the URL.
    reference: str
    #: The payload, validated against the type that the handler declares.
    payload: PayloadT = field(repr=False)
    #: The URL's query parameters: a dict of strings, or what the second type argument says.
    parameters: ParametersT = field(repr=False)
    #: What came around the payload: Pub/Sub's message id, attributes and so on.
    envelope: Envelope
    #: Who sent it, where an authenticator knows.
    principal: Principal | None

    @overload
    def __init__(
        self: Event[GivenT, dict[str, str]],
        kind: str,
        reference: str,
        payload: GivenT,
        parameters: None = None,
        envelope: Envelope | None = None,
        principal: Principal | None = None,
    ) -> None: ...

    @overload
    def __init__(
        self,
        kind: str,
        reference: str,
        payload: PayloadT,
        parameters: ParametersT,
        envelope: Envelope | None = None,
        principal: Principal | None = None,
    ) -> None: ...

    def __init__(
        self,
        kind: str,
        reference: str,
        payload: Any,
        parameters: Any = None,
        envelope: Envelope | None = None,
        principal: Principal | None = None,
    ) -> None:
        """Make an event as a test would; without parameters they are an empty dict, without an envelope it is a plain one."""
        _set_kind(self, kind)
        _set_reference(self, reference)
        _set_payload(self, payload)
        _set_parameters(self, {} if parameters is None else parameters)
        _set_envelope(self, Envelope() if envelope is None else envelope)
        _set_principal(self, principal)


# A dataclass that is frozen sets its fields through object.__setattr__, at twice the price; and each handler gets an event.
_set_kind, _set_reference, _set_payload, _set_parameters, _set_envelope, _set_principal = (
    getattr(Event, each.name).__set__ for each in fields(Event)
)
