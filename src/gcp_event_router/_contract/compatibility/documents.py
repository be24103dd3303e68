"""Compares two AsyncAPI documents that `asyncapi` wrote: which kinds are gone, and how the payloads of the others changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, Final, NamedTuple

from ..._globs.attributes import AttributeGlobs
from ..._globs.glob import Glob
from ..._globs.overlaps import TYPES, CoverIndex, intersects, neighbours
from ..._schema.json_schema import Schema
from ...exceptions import DocumentFileError, GlobError
from ..asyncapi import EXTENSION
from ..channels import Key
from .schemas import Change, changes

_ALL: Final = Glob("*")
_OTHER: Final = (
    "It is not an AsyncAPI document that `events schema` wrote. Write it again: manage.py events schema --output FILE."
)


class _Channel(NamedTuple):
    """A channel, as far as senders depend on it."""

    key: Key
    #: False for a kind that is only declared.
    is_handled: bool
    payload: Schema
    parameters: Schema

    def covers(self, other: _Channel) -> bool:
        """Whether it surely accepts every event that another one accepts."""
        return (not self.key.is_fallback or other.key.is_fallback) and self.key.covers(other.key)

    @property
    def names(self) -> Glob:
        """The kinds, or the types where these alone count: at `/events/`, the type of an event is its kind."""
        return self.key.ce_type if self.key.ce_type is not None and self.key.kind == _ALL else self.key.kind

    def meets(self, other: _Channel) -> bool:
        """Whether both surely accept some events."""
        if self.key.is_fallback or other.key.is_fallback or not self.key.attributes.meets(other.key.attributes):
            return False
        if self.key.ce_type is None or other.key.ce_type is None:
            return intersects(self.names, other.names) is not None
        types = intersects(self.key.ce_type, other.key.ce_type, TYPES)
        return types is not None and intersects(self.key.kind, other.key.kind) is not None


class _Document:
    """The channels of a document. An index by kind finds the few that can cover another one."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        received = (channel for channel in document["channels"].values() if "published" not in channel[EXTENSION])
        channels = (_channel(document, channel) for channel in received)
        self.channels = {channel.key: channel for channel in channels}
        self.schemas: Mapping[str, Schema] = {**document["components"]["schemas"]}
        self._index = CoverIndex((channel.key.kind, channel) for channel in self.channels.values())

    def covering(self, other: _Channel) -> list[_Channel]:
        """The channels that accept every event that another one accepts."""
        return [channel for channel in self._index.near(other.key.kind) if channel.covers(other)]

    def handles(self, other: _Channel) -> bool:
        """Whether the handlers of one channel accept every event that another one accepts."""
        return any(channel.is_handled for channel in self.covering(other))


def document_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """All differences that matter to senders, the breaking ones first.

    Raises `DocumentFileError` for a document that `asyncapi` did not write.
    """
    try:
        before, after = _Document(old), _Document(new)
        differences = [*_gone(before, after), *_new(before, after), *_changed(before, after)]
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError, GlobError) as error:
        raise DocumentFileError(_OTHER) from error
    return sorted(dict.fromkeys(differences), key=lambda change: (not change.is_breaking, change.place))


def _gone(before: _Document, after: _Document) -> Iterator[Change]:
    for old in before.channels.values():
        if old.is_handled and not after.handles(old):
            what = "fewer events are handled by the fallback" if old.key.is_fallback else "nothing handles it now"
            partly = next((new for new in after.channels.values() if new.is_handled and old.meets(new)), None)
            if partly is not None:
                what = f"it may break: no single channel accepts all of it now, and {partly.key} accepts a part"
            yield Change(str(old.key), what, is_breaking=True)


def _new(before: _Document, after: _Document) -> Iterator[Change]:
    for new in after.channels.values():
        if new.is_handled and not before.handles(new):
            yield Change(str(new.key), "is handled, too", is_breaking=False)


def _changed(before: _Document, after: _Document) -> Iterator[Change]:
    """The changes of payloads and parameters."""
    for name, old, new in _pairs(before, after):
        for change in changes(old.payload, new.payload, before.schemas, after.schemas):
            yield change._replace(place=f"{name}, {change.place or 'the payload'}")
        for change in changes(old.parameters, new.parameters, before.schemas, after.schemas):
            yield change._replace(place=f"{name}, parameter {change.place}".removesuffix(" "))


def _pairs(before: _Document, after: _Document) -> Iterator[tuple[str, _Channel, _Channel]]:
    """Channels that accept the same events, with a name for these: one channel, one within another, or two that overlap."""
    for key, old in before.channels.items():
        if key in after.channels:
            yield str(old.key), old, after.channels[key]
        else:  # one of a glob's kinds may have its own channel now, or the reverse
            yield from ((str(old.key), old, new) for new in after.covering(old))
    added = [new for key, new in after.channels.items() if key not in before.channels]
    for new in added:
        yield from ((str(new.key), old, new) for old in before.covering(new) if old.key.is_fallback == new.key.is_fallback)
    olds = [*before.channels.values()] if added else []
    both = [*olds, *added]
    for first, second in neighbours([channel.key.kind for channel in both]):
        old, new = both[first], both[second]
        if first < len(olds) <= second and old.meets(new) and not old.covers(new) and not new.covers(old):
            yield f"{old.key} and {new.key}", old, new
    for old, new in product(before.channels.values(), added):
        if (old.key.ce_type is None) != (new.key.ce_type is None) and old.meets(new) and not old.covers(new):
            yield f"{old.key} and {new.key}", old, new


def _channel(document: Mapping[str, Any], channel: Mapping[str, Any]) -> _Channel:
    ours = channel[EXTENSION]
    (reference,) = channel["messages"].values()
    message = document["components"]["messages"][str(reference["$ref"]).rpartition("/")[2]]
    ce_type = ours.get("ce-type")
    key = Key(
        Glob(ours["kind"]),
        None if ce_type is None else Glob(ce_type),
        bool(ours.get("fallback", False)),
        AttributeGlobs.of(ours.get("attributes")),
    )
    return _Channel(key, bool(ours.get("handlers", True)), message["payload"], ours.get("parameters", {}))
