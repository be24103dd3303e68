"""Reads the event of a body, or those of a batch, from a request or from a row of the inbox."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from .. import conf
from ..envelopes import event_meta, is_batch, read, split_batch
from ..envelopes.trace_context import TraceHeaders
from ..event import UNKNOWN, Principal, labels_of
from ..exceptions import EnvelopeError
from .raw_event import RawEvent, UnreadableEvent

#: The arguments of `RawEvent` after the envelope.
_Origin: TypeAlias = "tuple[Mapping[str, list[str]] | None, Principal | None, str | None, TraceHeaders | None]"
#: An event with its kind and its reference.
LabelledEvent: TypeAlias = tuple[str, str, RawEvent]


def read_raw_events(
    body: bytes,
    meta: Mapping[str, Any],
    kind: str,
    reference: str,
    query: Mapping[str, list[str]] | None = None,
    principal: Principal | None = None,
    kept_as: str | None = None,
    headers: TraceHeaders | None = None,
) -> list[LabelledEvent]:
    """Read the event of a body, or those of a batch. An event that cannot be read becomes an `UnreadableEvent`.

    `meta` is Django's `request.META`, or the part of it that the inbox stored. `kind` and `reference` are those in the URL, or
    `UNKNOWN` if the event provides them. The other arguments are those of `RawEvent`.
    """
    origin = query, principal, kept_as, headers
    if not is_batch(meta):
        return [_read_event(body, meta, kind, reference, origin)]
    try:
        bodies = split_batch(body, meta, conf.current().MAX_BATCH)
    except EnvelopeError as error:
        return [(kind, reference, UnreadableEvent(error, body, meta, *origin))]
    part_meta = event_meta(meta)
    return [_read_event(part, part_meta, kind, reference, origin) for part in bodies]


def _read_event(body: bytes, meta: Mapping[str, Any], kind: str, reference: str, origin: _Origin) -> LabelledEvent:
    try:
        envelope = read(body, meta)
        if kind is UNKNOWN:
            kind, reference = labels_of(envelope)
    except EnvelopeError as error:
        return kind, reference, UnreadableEvent(error, body, meta, *origin)
    return kind, reference, RawEvent(envelope, *origin)
