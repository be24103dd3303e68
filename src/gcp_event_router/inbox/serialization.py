"""From an event as it arrives to its row, and back. Called by `store` for what is kept, and by `replay` for what is read."""

from __future__ import annotations

import json
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID, uuid4

from .. import conf
from .._dispatch.raw_event import UNREAD, LabelledEvent, RawEvent, read_raw_events
from ..envelopes import kept_meta, read, tell_apart
from ..event import UNKNOWN, Principal
from .models import StoredEvent

__all__ = ["UNREAD", "arrival_of", "key_of", "read_events", "row_of", "sender_attempt_of", "unread_row"]

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
        meta=_json(kept_meta(envelope.meta, conf.current().INBOX.KEEP_HEADERS)),
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
    row.kind, row.reference = _whole(row.kind, envelope.type), _whole(row.reference, envelope.message_id)
    return RawEvent(envelope, _query(row), _principal_of(row), str(row.key))


def read_events(row: StoredEvent) -> list[LabelledEvent]:
    """Read again what was not handled when it came, and so may be a batch, or have a problem."""
    kind = UNKNOWN if row.kind == UNKNOWN else row.kind  # only the very object says that no URL named a kind
    kept_as = f"{UNREAD} {row.key}" if row.form == UNREAD else str(row.key)
    events = read_raw_events(bytes(row.body), _meta(row), kind, row.reference, _query(row), _principal_of(row), kept_as)
    return [
        (_whole(kind, raw_event.envelope.type), _whole(reference, raw_event.envelope.message_id), raw_event)
        for kind, reference, raw_event in events
    ]


def unread_row(kind: str, reference: str, raw_event: RawEvent) -> StoredEvent:
    """The row of an event that cannot be read; it is known by what its sender calls it, and by its bytes.

    What its sender does not name is known by its parameters, too.
    """
    body, meta = raw_event.envelope.body, raw_event.envelope.meta
    name, identity = tell_apart(body, meta)
    parameters = _json(dict(raw_event.query)) if raw_event.query else ""
    if parameters and not name:
        identity = (*identity, parameters)
    return StoredEvent(
        key=key_of(kind, reference, (UNREAD, *identity)),
        kind=kind[:_LENGTH],
        reference=reference[:_LENGTH],
        message_id=_plain(name),
        parameters=parameters,
        body=body,
        form=UNREAD,
        meta=_json(kept_meta(meta, conf.current().INBOX.KEEP_HEADERS)),
        principal=_principal(raw_event.principal),
        digest=sha256(body).digest(),
    )


def _whole(kept: str, text: str | None) -> str:
    """A label, of which a column has the beginning if it is longer than that."""
    return text if len(kept) == _LENGTH and text is not None and text.startswith(kept) else kept


def _meta(row: StoredEvent) -> dict[str, str]:
    return json.loads(row.meta) if row.meta else {}


def _query(row: StoredEvent) -> dict[str, list[str]] | None:
    return json.loads(row.parameters) if row.parameters else None


def _principal_of(row: StoredEvent) -> Principal | None:
    if not row.principal:
        return None
    fields = json.loads(row.principal)
    return Principal(fields["method"], fields["email"], fields["subject"], MappingProxyType(fields["claims"]))


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
