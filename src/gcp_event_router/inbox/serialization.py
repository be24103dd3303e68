"""From an event as it arrives to its row, and back. Called by `store` for what is kept, and by `replay` for what is read."""

from __future__ import annotations

import json
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID, uuid4

from .. import conf
from .._dispatch.raw_event import RawEvent, UnreadableRequest
from ..envelopes import Envelope, event_meta, is_batch, kept_meta, read, split_batch, tell_apart
from ..event import Principal
from .models import StoredEvent

__all__ = ["UNREAD", "arrival_of", "key_of", "read_events", "row_of", "sender_attempt_of", "unread_row"]

#: The form of an event that could not be read.
UNREAD: Final = "unread"
_LENGTH = 255
_LARGEST: Final = 2**31 - 1
"""The largest number that a column holds on every database."""


def key_of(kind: str, reference: str, identity: tuple[str, ...] | None) -> UUID:
    """The key of an event: the same for each of its deliveries, whatever else they say; one of its own where nothing tells.

    The kind and the reference belong to it, since a message under another URL is for other handlers.
    """
    if identity is None:
        return uuid4()
    digest = sha256(json.dumps([kind, reference, *identity]).encode()).digest()
    return UUID(bytes=digest[:16], version=5)  # MariaDB takes no other bytes for a UUID


def row_of(kind: str, reference: str, raw_event: RawEvent) -> StoredEvent:
    """The row of an event, not saved yet."""
    envelope = raw_event.envelope
    kept_as = raw_event.kept_as
    if kept_as is None:
        key = key_of(kind, reference, envelope.identity)
    elif kept_as.startswith(UNREAD):  # it is read now, and again, which makes one event of it
        key = key_of(kind, reference, envelope.identity or (UNREAD, kept_as))
    else:
        key = UUID(kept_as)
    return StoredEvent(
        key=key,
        kind=kind[:_LENGTH],
        reference=reference[:_LENGTH],
        message_id=_plain(envelope.message_id or ""),
        parameters=_json(dict(raw_event.query)) if raw_event.query else "",
        body=envelope.body,
        form=envelope.form,
        meta=_json(kept_meta(envelope.meta, _also())),
        principal=_principal(raw_event.principal),
        digest=sha256(envelope.data).digest(),
    )


def sender_attempt_of(raw_event: RawEvent) -> int | None:
    """How often the sender of an event has tried, if it says so and that is a number of times; bounded."""
    attempt = raw_event.envelope.delivery_attempt
    return None if attempt is None or attempt < 0 else min(attempt, _LARGEST)


def arrival_of(row: StoredEvent) -> RawEvent:
    """The event of a row, read as if it had just arrived. Raises `EnvelopeError` for one that cannot be read."""
    envelope = read(bytes(row.body), _meta(row))
    # the columns have the beginning of labels that are longer than they are
    if len(row.kind) == _LENGTH:
        row.kind = _whole(row.kind, envelope.type)
    if len(row.reference) == _LENGTH:
        row.reference = _whole(row.reference, envelope.message_id)
    return _raw_event(row, envelope)


def read_events(row: StoredEvent) -> list[RawEvent]:
    """The same for what could not be read when it came, and so may be a batch."""
    meta = _meta(row)
    if not is_batch(meta):
        return [arrival_of(row)]
    its_meta = event_meta(meta)
    parts = split_batch(bytes(row.body), meta, conf.current().MAX_BATCH)
    return [_raw_event(row, read(each, its_meta)) for each in parts]


def unread_row(unread: UnreadableRequest) -> StoredEvent:
    """The row of an event that cannot be read; it is known by what its sender calls it, and by its bytes.

    What its sender does not name is known by its parameters, too.
    """
    name, identity = tell_apart(unread.body, unread.meta)
    parameters = _json(dict(unread.query)) if unread.query else ""
    if parameters and not name:
        identity = (*identity, parameters)
    return StoredEvent(
        key=key_of(unread.kind, unread.reference, (UNREAD, *identity)),
        kind=unread.kind[:_LENGTH],
        reference=unread.reference[:_LENGTH],
        message_id=_plain(name),
        parameters=parameters,
        body=unread.body,
        form=UNREAD,
        meta=_json(kept_meta(unread.meta, _also())),
        principal=_principal(unread.principal),
        digest=sha256(unread.body).digest(),
    )


def _also() -> frozenset[str]:
    return conf.current().INBOX.KEEP_HEADERS


def _whole(beginning: str, text: str | None) -> str:
    return text if text is not None and text.startswith(beginning) else beginning


def _meta(row: StoredEvent) -> dict[str, str]:
    return json.loads(row.meta) if row.meta else {}


def _raw_event(row: StoredEvent, envelope: Envelope) -> RawEvent:
    principal = None
    if row.principal:
        fields = json.loads(row.principal)
        principal = Principal(fields["method"], fields["email"], fields["subject"], MappingProxyType(fields["claims"]))
    return RawEvent(
        envelope,
        json.loads(row.parameters) if row.parameters else None,
        principal,
        f"{UNREAD} {row.key}" if row.form == UNREAD else str(row.key),
    )


def _principal(principal: Principal | None) -> str:
    if principal is None:
        return ""
    fields = {name: getattr(principal, name) for name in ("method", "email", "subject")}
    return _json({**fields, "claims": dict(principal.claims)})


def _json(value: Any) -> str:
    """JSON in ASCII, which every database keeps as it is."""
    return json.dumps(value, default=str)


def _plain(text: str) -> str:
    """The beginning of a text from outside, without what a database might refuse."""
    return text[:_LENGTH].encode("ascii", "backslashreplace").decode().replace("\0", "\\x00")[:_LENGTH]
