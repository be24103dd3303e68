"""What became of an AsyncAPI document, as `asyncapi` writes it: which kinds are gone, and what their payloads came to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..exceptions import DocumentFileError, GlobError
from ..globs import Glob
from ..overlaps import TYPES, covers
from ..schemas import Schema
from .change import Change
from .schemas import changes

__all__ = ["document_changes"]


class _Received(NamedTuple):
    """One channel, as far as senders depend on it."""

    kind: Glob
    ce_type: Glob | None
    is_fallback: bool
    payload: Schema
    parameters: Schema

    @property
    def name(self) -> str:
        """As people call it."""
        if self.ce_type is None:
            return self.kind.pattern
        return self.ce_type.pattern if self.kind.pattern == "*" else f"{self.kind.pattern} of the type {self.ce_type.pattern}"

    def covers(self, other: _Received) -> bool:
        """Whether it takes all that another one takes."""
        return (
            bool(covers(self.kind, other.kind))
            and (self.ce_type is None or (other.ce_type is not None and bool(covers(self.ce_type, other.ce_type, TYPES))))
            and (not self.is_fallback or other.is_fallback)
        )


def document_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """All differences that matter to senders, the breaking ones first.

    Raises `DocumentFileError` for what is no document of `asyncapi`.
    """
    (before, old_schemas), (after, new_schemas) = _read(old), _read(new)
    found = [*_gone(before, after), *_new(before, after), *_changed(before, after, old_schemas, new_schemas)]
    return sorted(dict.fromkeys(found), key=lambda each: (not each.is_breaking, each.place))


def _gone(before: list[_Received], after: list[_Received]) -> Iterator[Change]:
    for old in before:
        if not any(new.covers(old) for new in after):
            what = "fewer events are handled by the fallback" if old.is_fallback else "nothing handles it any more"
            yield Change(old.name, what, is_breaking=True)


def _new(before: list[_Received], after: list[_Received]) -> Iterator[Change]:
    for new in after:
        if not any(old.covers(new) for old in before):
            yield Change(new.name, "is handled, too", is_breaking=False)


def _changed(
    before: list[_Received], after: list[_Received], old_schemas: Mapping[str, Schema], new_schemas: Mapping[str, Schema]
) -> Iterator[Change]:
    """Payloads and parameters of whatever both have: the same channel, or one within another."""
    for old in before:
        same = [new for new in after if (new.kind, new.ce_type, new.is_fallback) == (old.kind, old.ce_type, old.is_fallback)]
        # what was one of a glob's kinds may have a channel of its own now, and the other way round
        others = [
            new for new in after if new not in same and ((not same and new.covers(old)) or _is_new_within(new, old, before))
        ]
        for new in [*same, *others]:
            name = new.name if old.covers(new) else old.name
            for each in changes(old.payload, new.payload, old_schemas, new_schemas):
                yield Change(f"{name}, {each.place or 'the payload'}", each.what, each.is_breaking)
            for each in changes(old.parameters, new.parameters, old_schemas, new_schemas):
                yield Change(f"{name}, parameter {each.place}".removesuffix(" "), each.what, each.is_breaking)


def _is_new_within(new: _Received, old: _Received, before: list[_Received]) -> bool:
    """Whether a channel is new, and takes what another one took."""
    return old.covers(new) and not any((each.kind, each.ce_type) == (new.kind, new.ce_type) for each in before)


def _read(document: Mapping[str, Any]) -> tuple[list[_Received], Mapping[str, Schema]]:
    """The channels of a document, and the definitions of their schemas."""
    try:
        return [_channel(document, each) for each in document["channels"].values()], {**document["components"]["schemas"]}
    except (KeyError, TypeError, AttributeError, GlobError) as error:
        msg = "It is no AsyncAPI document that `events schema` wrote. Write it anew: manage.py events schema --output FILE."
        raise DocumentFileError(msg) from error


def _channel(document: Mapping[str, Any], channel: Mapping[str, Any]) -> _Received:
    ours = channel["x-gcp-event-router"]
    (reference,) = channel["messages"].values()
    message = document["components"]["messages"][str(reference["$ref"]).rpartition("/")[2]]
    ce_type = ours.get("ce-type")
    return _Received(
        Glob(ours["kind"]),
        None if ce_type is None else Glob(ce_type),
        bool(ours.get("fallback", False)),
        message["payload"],
        ours.get("parameters", {}),
    )
