"""What a site can be sent: a `Channel` for each kind, glob of kinds and type of CloudEvents that is handled or declared.

Read by the commands, the documents and the catalogue. Nothing of it is made while events are handled.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias, cast

from pydantic import TypeAdapter
from typing_extensions import override

from .._dispatch.handler import Handler
from .._dispatch.lookup import Registration
from .._globs.glob import Glob, escape
from .._globs.overlaps import LABELS, TYPES, CoverIndex, covers, example
from .._schema.json_schema import Mode, Schema, payload_schemas
from .._schema.type_names import type_words
from ..exceptions import ConfigurationError
from ..kinds import Kind
from ..router import EventRouter
from .examples import Example, example_of

_ALL = Glob("*")
#: All registrations, a pair for each glob of theirs.
_Registered: TypeAlias = CoverIndex[tuple[Glob, Registration]]


class Key(NamedTuple):
    """What tells a channel of a router from all others; as the fields of `Channel`."""

    kind: Glob
    ce_type: Glob | None = None
    is_fallback: bool = False

    def covers(self, other: Key) -> bool:
        """Whether the kinds and types surely include all those of another one."""
        return (self.kind in {_ALL, other.kind} or bool(covers(self.kind, other.kind))) and (
            self.ce_type is None or (other.ce_type is not None and bool(covers(self.ce_type, other.ce_type, TYPES)))
        )

    @override
    def __str__(self) -> str:
        if self.ce_type is None:
            return self.kind.pattern
        only_type = self.kind in {_ALL, self.ce_type}
        return self.ce_type.pattern if only_type else f"{self.kind.pattern} of the type {self.ce_type.pattern}"


@dataclass(frozen=True, slots=True)
class Channel:
    """What may be sent, and who handles it. Made by `channels`."""

    #: Which kinds; `*` where only the type counts.
    kind: Glob
    #: Which types of CloudEvents; None where the type does not count.
    ce_type: Glob | None
    #: Those that run for whatever may be sent here, in order of registration.
    handlers: tuple[Handler, ...]
    #: The kind as it is declared, if it is.
    declared: Kind[Any] | None = None
    #: Whether its handlers run only for what no other channel has.
    is_fallback: bool = False

    @property
    def payloads(self) -> tuple[tuple[object, TypeAdapter[Any]], ...]:
        """The types that a payload has to satisfy, all of them, each once; that of the declaration first.

        Raises `ConfigurationError` for a handler whose annotation cannot be used.
        """
        found: dict[object, tuple[object, TypeAdapter[Any]]] = {}
        if self.declared is not None:
            found[repr(self.declared.payload_type)] = self.declared.payload_type, self.declared.adapter
        for handler in self.handlers:
            found.setdefault(repr(handler.payload_type), (handler.payload_type, handler.adapter))
        return tuple(found.values())

    @property
    def sole_type(self) -> Glob | None:
        """The types of CloudEvents, where these alone count: their events are sent to `/events/`.

        A kind that no URL can hold is one, too, since the type of an event at `/events/` is its kind.
        """
        if self.kind == _ALL:
            return self.ce_type
        return self.kind if example(self.kind, LABELS) is None else None

    def schema(self, mode: Mode = "validation") -> Schema:
        """The JSON Schema of a payload: what is read, or what is written. Raises as `payload_schemas` does."""
        schemas, definitions = payload_schemas(self.payloads, mode)
        whole: dict[str, Any] = schemas[0] if len(schemas) == 1 else {"allOf": schemas} if schemas else {}
        return {**whole, "$defs": definitions} if definitions else whole

    @property
    def parameters(self) -> tuple[tuple[object, TypeAdapter[Any]], ...]:
        """The types that the parameters of the URL have to satisfy, where handlers say so. Raises as `payload_schemas` does."""
        declared = {repr(handler.parameters_type): handler.parameters_type for handler in self.handlers}
        return tuple((each, TypeAdapter(cast("type[Any]", each))) for each in declared.values() if each != dict[str, str])

    def example(self) -> Example:
        """An event that all handlers read; examples that types declare come first. Raises as `payload_schemas` does."""
        return example_of(self.payloads, self.parameters)

    @override
    def __str__(self) -> str:
        return str(Key(self.kind, self.ce_type))


def channels(router: EventRouter, only: Iterable[Key] | None = None) -> tuple[Channel, ...]:
    """All that a router can be sent, in order of registration; then kinds that are declared, and have no handler here.

    Who wants few of many says which `only`, in the order in which they are to come.
    """
    registrations, declared = tuple(router), _declared(router)
    there = _keys(registrations, declared)
    wanted = there if only is None else [key for key in only if key in there]
    registered = CoverIndex((glob, (glob, each)) for each in registrations for glob in each.globs or (_ALL,))
    return tuple(_channel(key, registered, declared) for key in wanted)


def keys(router: EventRouter) -> tuple[Key, ...]:
    """What `channels` has, at the price of one look at each registration."""
    return tuple(_keys(tuple(router), _declared(router)))


def channel_of(router: EventRouter, kind: str, ce_type: str | None = None) -> Channel:
    """What may be sent as one kind, and type; its handlers are those that run for it."""
    handlers = tuple(handler for found in router.find(kind, ce_type) for handler in found)
    glob, type_glob = Glob(escape(kind)), None if ce_type is None else Glob(escape(ce_type))
    return Channel(glob, type_glob, handlers, router.kinds.get(kind))


def declared_words(handler: Handler, which: Literal["payload_type", "parameters_type"] = "payload_type") -> str:
    """A type that a handler declares; a question mark if the annotation cannot be resolved, which a system check reports."""
    try:
        return type_words(getattr(handler, which))
    except ConfigurationError:
        return "?"


def manner(handler: Handler) -> list[str]:
    """How a handler runs."""
    return [
        "async" if handler.is_async else "sync",
        *([] if handler.options.once else ["every delivery"]),
        *(["deferred"] if handler.options.deferred else []),
    ]


def _declared(router: EventRouter) -> dict[Glob, Kind[Any]]:
    return {Glob(escape(name)): kind for name, kind in router.kinds.items()}


def _keys(registrations: tuple[Registration, ...], declared: dict[Glob, Kind[Any]]) -> dict[Key, None]:
    found = {Key(glob, each.ce_type, each.is_fallback): None for each in registrations for glob in each.globs or (_ALL,)}
    return found | {Key(glob): None for glob in declared}


def _channel(key: Key, registered: _Registered, declared: dict[Glob, Kind[Any]]) -> Channel:
    """A channel with the handlers that surely run for whatever it has, each function once."""
    handlers: dict[object, Handler] = {}
    for glob, each in registered.near(key.kind):
        if each.is_fallback == key.is_fallback and Key(glob, each.ce_type).covers(key):
            handlers.setdefault(each.handler.key, each.handler)
    kind = None if key.is_fallback or key.ce_type else declared.get(key.kind)
    return Channel(key.kind, key.ce_type, tuple(handlers.values()), kind, key.is_fallback)
