"""The channels of a site: one for each kind, glob of kinds and CloudEvents type that is handled or declared.

Commands, documents and the catalogue read them. Nothing here runs while events are handled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias, cast

from pydantic import TypeAdapter
from typing_extensions import override

from .._dispatch.handler import Handler
from .._dispatch.lookup import Registration
from .._globs.attributes import ANY_ATTRIBUTES, AttributeGlobs
from .._globs.glob import Glob, escape
from .._globs.overlaps import LABELS, TYPES, CoverIndex, covers, example
from .._schema.json_schema import Mode, Schema, payload_schemas
from .._schema.type_names import type_words
from ..exceptions import ConfigurationError
from ..kinds import Kind
from ..router import EventRouter
from .examples import Example, example_of, member_examples

_ALL = Glob("*")
#: All registrations, a pair for each of their globs.
_Registered: TypeAlias = CoverIndex[tuple[Glob, Registration]]


class Key(NamedTuple):
    """Identifies a channel of a router; the fields are those of `Channel`."""

    kind: Glob
    ce_type: Glob | None = None
    is_fallback: bool = False
    attributes: AttributeGlobs = ANY_ATTRIBUTES

    def covers(self, other: Key) -> bool:
        """Whether this channel surely includes all kinds, types and attributes of another one."""
        return (
            bool(self.attributes.covers(other.attributes))
            and (self.kind in {_ALL, other.kind} or bool(covers(self.kind, other.kind)))
            and (self.ce_type is None or (other.ce_type is not None and bool(covers(self.ce_type, other.ce_type, TYPES))))
        )

    @override
    def __str__(self) -> str:
        text = self.kind.pattern
        if self.ce_type is not None:
            only_type = self.kind in {_ALL, self.ce_type}
            text = self.ce_type.pattern if only_type else f"{text} of the type {self.ce_type.pattern}"
        return f"{text} with {self.attributes.words}" if self.attributes else text


@dataclass(frozen=True, slots=True)
class Channel:
    """Events that may be sent, and their handlers. Created by `channels`."""

    #: The kinds; `*` if only the type counts.
    kind: Glob
    #: The CloudEvents types; None if the type does not count.
    ce_type: Glob | None
    #: The handlers that run for every event of the channel, in order of registration.
    handlers: tuple[Handler, ...]
    #: The declaration of the kind, if there is one.
    declared: Kind[Any] | None = None
    #: Whether its handlers run only for events that no other handler gets.
    is_fallback: bool = False
    #: The attributes that an event must have.
    attributes: AttributeGlobs = ANY_ATTRIBUTES

    @property
    def key(self) -> Key:
        """Identifies it."""
        return Key(self.kind, self.ce_type, self.is_fallback, self.attributes)

    @property
    def payloads(self) -> tuple[tuple[object, TypeAdapter[Any]], ...]:
        """All types that a payload has to satisfy, each once; that of the declaration first.

        Raises `ConfigurationError` for a handler whose annotation cannot be used.
        """
        types: dict[object, tuple[object, TypeAdapter[Any]]] = {}
        if self.declared is not None:
            types[repr(self.declared.payload_type)] = self.declared.payload_type, self.declared.adapter
        for handler in self.handlers:
            types.setdefault(repr(handler.payload_type), (handler.payload_type, handler.adapter))
        return tuple(types.values())

    @property
    def sole_type(self) -> Glob | None:
        """The CloudEvents types if these alone count: their events are sent to `/events/`.

        A kind that no URL can hold counts as a type, since the type of an event at `/events/` is its kind.
        """
        if self.kind == _ALL:
            return self.ce_type
        return self.kind if example(self.kind, LABELS) is None else None

    def schema(self, mode: Mode = "validation") -> Schema:
        """The JSON Schema of a payload, as it is read or written. Raises as `payload_schemas` does."""
        schemas, definitions = payload_schemas(self.payloads, mode)
        whole: dict[str, Any] = schemas[0] if len(schemas) == 1 else {"allOf": schemas} if schemas else {}
        return {**whole, "$defs": definitions} if definitions else whole

    @property
    def parameters(self) -> tuple[tuple[object, TypeAdapter[Any]], ...]:
        """The types that handlers declare for the parameters of the URL. Raises as `payload_schemas` does."""
        declared = {repr(handler.parameters_type): handler.parameters_type for handler in self.handlers}
        return tuple(
            (parameters_type, TypeAdapter(cast("type[Any]", parameters_type)))
            for parameters_type in declared.values()
            if parameters_type != dict[str, str]
        )

    def example(self) -> Example:
        """An event that all handlers read; examples that types declare come first. Raises as `payload_schemas` does."""
        return example_of(self.payloads, self.parameters)

    def member_examples(self) -> list[tuple[str, object]]:
        """A payload of each member, with its name, if the handlers read a union. Raises as `payload_schemas` does."""
        return member_examples(self.payloads)

    @override
    def __str__(self) -> str:
        return str(self.key)


def channels(router: EventRouter, only: Iterable[Key] | None = None) -> tuple[Channel, ...]:
    """The channels of a router, in order of registration; then those of declared kinds without a handler here.

    `only` selects some of them, in its own order.
    """
    registrations, declared = tuple(router), _declared(router)
    there = _keys(registrations, declared)
    chosen = there if only is None else [key for key in only if key in there]
    registered = CoverIndex(
        (glob, (glob, registration)) for registration in registrations for glob in registration.globs or (_ALL,)
    )
    return tuple(_channel(key, registered, declared) for key in chosen)


def keys(router: EventRouter) -> tuple[Key, ...]:
    """The keys of all channels, which cost less than the channels."""
    return tuple(_keys(tuple(router), _declared(router)))


def channel_of(
    router: EventRouter, kind: str, ce_type: str | None = None, attributes: Mapping[str, str] | None = None
) -> Channel:
    """The channel of one kind, type and set of attributes, with the handlers that run for it."""
    handlers = tuple(handler for handlers_found in router.find(kind, ce_type, attributes) for handler in handlers_found)
    glob, type_glob = Glob(escape(kind)), None if ce_type is None else Glob(escape(ce_type))
    return Channel(glob, type_glob, handlers, router.kinds.get(kind))


def key_by(glob: Glob, registration: Registration) -> Key:
    """The key of the channel that one glob of a registration makes."""
    return Key(glob, registration.ce_type, registration.is_fallback, registration.attributes)


def declared_words(handler: Handler, which: Literal["payload_type", "parameters_type"] = "payload_type") -> str:
    """A type that a handler declares; a question mark if the annotation cannot be resolved, which a system check reports."""
    try:
        return type_words(getattr(handler, which))
    except ConfigurationError:
        return "?"


def manner(handler: Handler) -> list[str]:
    """Describe in a few words how a handler runs."""
    return [
        "async" if handler.is_async else "sync",
        *([] if handler.options.once else ["every delivery"]),
        *(["deferred"] if handler.options.deferred else []),
        *([f"ordered by {handler.options.order}"] if handler.options.order else []),
        *([f"retries {handler.options.retry}"] if handler.options.retry else []),
    ]


def _declared(router: EventRouter) -> dict[Glob, Kind[Any]]:
    return {Glob(escape(name)): kind for name, kind in router.kinds.items()}


def _keys(registrations: tuple[Registration, ...], declared: dict[Glob, Kind[Any]]) -> dict[Key, None]:
    registered = {key_by(glob, registration): None for registration in registrations for glob in registration.globs or (_ALL,)}
    return registered | {Key(glob): None for glob in declared}


def _channel(key: Key, registered: _Registered, declared: dict[Glob, Kind[Any]]) -> Channel:
    """Create a channel with the handlers that surely run for all of its events, each function once."""
    handlers: dict[object, Handler] = {}
    for glob, registration in registered.near(key.kind):
        if registration.is_fallback == key.is_fallback and key_by(glob, registration).covers(key):
            handlers.setdefault(registration.handler.key, registration.handler)
    kind = None if key.is_fallback or key.ce_type else declared.get(key.kind)
    return Channel(key.kind, key.ce_type, tuple(handlers.values()), kind, key.is_fallback, key.attributes)
