"""What became of an AsyncAPI document, as `asyncapi` writes it: which kinds are gone, and what their payloads came to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from ..._globs.glob import Glob, GlobIndex
from ..._globs.overlaps import TYPES, covers, example, intersects, neighbours
from ..._schema.json_schema import Schema
from ...exceptions import DocumentFileError, GlobError
from .change import Change
from .schemas import changes

__all__ = ["document_changes"]

_OTHER: Final = "It is no AsyncAPI document that `events schema` wrote. Write it anew: manage.py events schema --output FILE."


class _Received(NamedTuple):
    """One channel, as far as senders depend on it."""

    kind: Glob
    ce_type: Glob | None
    is_fallback: bool
    #: False for a kind that is only declared.
    is_handled: bool
    payload: Schema
    parameters: Schema

    @property
    def name(self) -> str:
        """As people call it."""
        if self.ce_type is None:
            return self.kind.pattern
        return self.ce_type.pattern if self.kind.pattern == "*" else f"{self.kind.pattern} of the type {self.ce_type.pattern}"

    @property
    def key(self) -> tuple[Glob, Glob | None, bool]:
        """What is told apart of a document's channels."""
        return self.kind, self.ce_type, self.is_fallback

    def covers(self, other: _Received) -> bool:
        """Whether it takes all that another one takes."""
        return self.takes(other) and bool(covers(self.kind, other.kind))

    def takes(self, other: _Received) -> bool:
        """Whether it takes all that another one takes, as far as that is not a matter of kinds."""
        return (self.ce_type is None or (other.ce_type is not None and bool(covers(self.ce_type, other.ce_type, TYPES)))) and (
            not self.is_fallback or other.is_fallback
        )

    def meets(self, other: _Received) -> bool:
        """Whether some events are surely taken by both."""
        if self.is_fallback or other.is_fallback or (self.ce_type is None) != (other.ce_type is None):
            return False
        types = self.ce_type is None or other.ce_type is None or intersects(self.ce_type, other.ce_type, TYPES) is not None
        return types and intersects(self.kind, other.kind) is not None

    def overlaps(self, other: _Received) -> bool:
        """Whether some events are surely taken by both, while neither takes all that the other one does."""
        return self.meets(other) and not self.covers(other) and not other.covers(self)


class _Document:
    """The channels of a document, found by their kinds, so that few of many are compared."""

    def __init__(self, received: list[_Received], schemas: Mapping[str, Schema]) -> None:
        self.received = received
        self.schemas = schemas
        self.keys: frozenset[tuple[Glob, Glob | None, bool]] = frozenset(each.key for each in received)
        self._index = GlobIndex((each.kind, each) for each in received)

    def covering(self, other: _Received) -> list[_Received]:
        """Those that take all that another one takes."""
        found = example(other.kind)  # which a wider one matches, too; what no kind matches is only for who names it
        near = [each for each in self.received if each.kind == other.kind] if found is None else self._index.find(found)
        return [each for each in near if each.covers(other)]

    def handles(self, other: _Received) -> bool:
        """Whether the handlers of one channel take all that another one takes."""
        return any(each.is_handled for each in self.covering(other))


def document_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """All differences that matter to senders, the breaking ones first.

    Raises `DocumentFileError` for what is no document of `asyncapi`.
    """
    before, after = _read(old), _read(new)
    try:
        found = [*_gone(before, after), *_new(before, after), *_changed(before, after)]
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:  # of what is no JSON Schema
        raise DocumentFileError(_OTHER) from error
    return sorted(dict.fromkeys(found), key=lambda each: (not each.is_breaking, each.place))


def _gone(before: _Document, after: _Document) -> Iterator[Change]:
    for old in before.received:
        if old.is_handled and not after.handles(old):
            what = "fewer events are handled by the fallback" if old.is_fallback else "nothing handles it any more"
            partly = next((new for new in after.received if new.is_handled and old.meets(new)), None)
            if partly is not None:
                what = f"it may break: no channel takes all of it any more, and {partly.name} takes a part"
            yield Change(old.name, what, is_breaking=True)


def _new(before: _Document, after: _Document) -> Iterator[Change]:
    for new in after.received:
        if new.is_handled and not before.handles(new):
            yield Change(new.name, "is handled, too", is_breaking=False)


def _changed(before: _Document, after: _Document) -> Iterator[Change]:
    """Payloads and parameters of whatever both have."""
    for name, old, new in _pairs(before, after):
        for each in changes(old.payload, new.payload, before.schemas, after.schemas):
            yield Change(f"{name}, {each.place or 'the payload'}", each.what, each.is_breaking)
        for each in changes(old.parameters, new.parameters, before.schemas, after.schemas):
            yield Change(f"{name}, parameter {each.place}".removesuffix(" "), each.what, each.is_breaking)


def _pairs(before: _Document, after: _Document) -> Iterator[tuple[str, _Received, _Received]]:
    """What takes the same events, by the name of these: the same channel, one within another, or two that overlap."""
    known = {each.key: each for each in after.received}
    for old in before.received:
        if old.key in known:
            yield old.name, old, known[old.key]
        else:  # what was one of a glob's kinds may have a channel of its own now, and the other way round
            yield from ((old.name, old, new) for new in after.covering(old))
    added = [each for each in after.received if each.key not in before.keys]
    for new in added:
        yield from ((new.name, old, new) for old in before.covering(new) if old.is_fallback == new.is_fallback)
    both = [each for each in (*before.received, *added) if not each.kind.is_literal]
    olds = sum(not each.kind.is_literal for each in before.received)
    for first, second in neighbours([each.kind for each in both]):
        old, new = both[first], both[second]
        if first < olds <= second and old.overlaps(new):
            yield f"{old.name} and {new.name}", old, new


def _read(document: Mapping[str, Any]) -> _Document:
    """The channels of a document, and the definitions of their schemas."""
    try:
        received = [_channel(document, each) for each in document["channels"].values()]
        return _Document(received, {**document["components"]["schemas"]})
    except (KeyError, TypeError, AttributeError, ValueError, GlobError) as error:
        raise DocumentFileError(_OTHER) from error


def _channel(document: Mapping[str, Any], channel: Mapping[str, Any]) -> _Received:
    ours = channel["x-gcp-event-router"]
    (reference,) = channel["messages"].values()
    message = document["components"]["messages"][str(reference["$ref"]).rpartition("/")[2]]
    ce_type = ours.get("ce-type")
    return _Received(
        Glob(ours["kind"]),
        None if ce_type is None else Glob(ce_type),
        bool(ours.get("fallback", False)),
        bool(ours.get("handlers", True)),
        message["payload"],
        ours.get("parameters", {}),
    )
