"""Converts events to rows and back, for `store`, which stores them, and for `workers` and `replay`, which read them again."""

from __future__ import annotations

import json
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID, uuid4

from .. import conf
from .._boxes.exact_text import ascii_text
from .._dispatch.bodies import LabelledEvent, read_raw_events
from .._dispatch.raw_event import UNREAD, RawEvent
from ..envelopes import identify_unreadable, read, storable_headers
from ..event import UNKNOWN, Principal
from .models import StoredEvent

_LENGTH: Final = 255
_ENCODER: Final = json.JSONEncoder(default=str)
#: The largest number that a column holds on every database.
_LARGEST: Final = 2**31 - 1


def key_of(kind: str, reference: str, identity: tuple[str, ...] | None) -> UUID:
    """Return the key of an event: the same for all its deliveries, or a new one if the sender does not identify events.

    The kind and the reference are part of it, since another URL may have other handlers.
    """
    if identity is None:
        return uuid4()
    digest = sha256(json.dumps([kind, reference, *identity]).encode()).digest()
    return UUID(bytes=digest[:16], version=5)  # MariaDB accepts no other bytes for a UUID


def row_of(kind: str, reference: str, raw_event: RawEvent) -> StoredEvent:
    """Make the row of an event, without saving it."""
    envelope, kept_as = raw_event.envelope, raw_event.kept_as
    if kept_as is None:
        key = key_of(kind, reference, envelope.identity)
    elif kept_as.startswith(UNREAD):  # an event that can be read by now, and has to get the same key each time
        key = key_of(kind, reference, envelope.identity or (UNREAD, kept_as))
    else:
        key = UUID(kept_as)
    sender_id = envelope.outbox_id or envelope.message_id or ""
    return _make_row(key, kind, reference, raw_event, sender_id, envelope.form, envelope.data)


def unread_row(kind: str, reference: str, raw_event: RawEvent) -> StoredEvent:
    """Make the row of an event that cannot be read.

    Its sender's id and its bytes identify it; without an id, also its parameters.
    """
    envelope = raw_event.envelope
    name, identity = identify_unreadable(envelope.body, envelope.meta)
    if raw_event.query and not name:
        identity = (*identity, _dump(dict(raw_event.query)))
    return _make_row(key_of(kind, reference, (UNREAD, *identity)), kind, reference, raw_event, name, UNREAD, envelope.body)


def _make_row(
    key: UUID, kind: str, reference: str, raw_event: RawEvent, message_id: str, form: str, payload: bytes
) -> StoredEvent:
    envelope, principal = raw_event.envelope, raw_event.principal
    sender: dict[str, Any] = {}
    if principal is not None:
        sender = {name: getattr(principal, name) for name in ("method", "email", "subject")}
        sender["claims"] = dict(principal.claims)
    return StoredEvent(  # in the order of the fields, which takes Django half the time
        key,
        kind[:_LENGTH],
        reference[:_LENGTH],
        ascii_text(message_id),
        _dump(dict(raw_event.query)) if raw_event.query else "",
        envelope.body,
        form,
        _dump(storable_headers(envelope.meta, conf.current().INBOX.KEEP_HEADERS)),
        _dump(sender) if sender else "",
        sha256(payload).digest(),
    )


def _dump(value: Any) -> str:
    """Write JSON in ASCII, which every database stores unchanged."""
    return _ENCODER.encode(value)


def sender_attempt_of(raw_event: RawEvent) -> int | None:
    """Return the sender's number of this delivery, if it is a number; bounded."""
    attempt = raw_event.envelope.delivery_attempt
    return None if attempt is None or attempt < 0 else min(attempt, _LARGEST)


def raw_event_of(row: StoredEvent) -> RawEvent:
    """Read the event of a row as if it had just arrived. Raises `EnvelopeError` if it cannot be read."""
    meta, query, principal = _load(row)
    envelope = read(bytes(row.body), meta)
    row.kind, row.reference = _complete(row.kind, envelope.type), _complete(row.reference, envelope.message_id)
    return RawEvent(envelope, query, principal, str(row.key))


def raw_events_of(row: StoredEvent) -> list[LabelledEvent]:
    """Read the events of a row that no handler took: it may be a batch, or unreadable."""
    meta, query, principal = _load(row)
    kind = UNKNOWN if row.kind == UNKNOWN else row.kind  # only this object says that the URL named no kind
    kept_as = f"{UNREAD} {row.key}" if row.form == UNREAD else str(row.key)
    return [
        (_complete(kind, raw_event.envelope.type), _complete(reference, raw_event.envelope.message_id), raw_event)
        for kind, reference, raw_event in read_raw_events(bytes(row.body), meta, kind, row.reference, query, principal, kept_as)
    ]


def _load(row: StoredEvent) -> tuple[dict[str, str], dict[str, list[str]] | None, Principal | None]:
    principal = None
    if row.principal:
        fields = json.loads(row.principal)
        principal = Principal(fields["method"], fields["email"], fields["subject"], MappingProxyType(fields["claims"]))
    return json.loads(row.meta or "{}"), json.loads(row.parameters or "null"), principal


def _complete(stored: str, text: str | None) -> str:
    """Return the whole text of a label, whose column has only the beginning of a long one."""
    return text if len(stored) == _LENGTH and text is not None and text.startswith(stored) else stored
