"""From an event as it arrives to its row, and back. Called by `keeper` for what is kept, and by `replay` for what is read."""

from __future__ import annotations

import json
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID, uuid4

from ..envelopes import EVENT_META, SECRET, Envelope, is_batch, read, split_batch
from ..event import Arrival, Principal
from ..keepers import Unread
from .models import StoredEvent

__all__ = ["UNREAD", "arrival_of", "arrivals_of", "key_of", "row_of", "sender_attempt_of", "unread_row"]

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


def row_of(kind: str, reference: str, arrival: Arrival) -> StoredEvent:
    """The row of an event, not saved yet."""
    envelope = arrival.envelope
    identity = envelope.identity
    if identity is None and arrival.kept_as is not None:  # it is read again, which makes no other event of it
        identity = (UNREAD, arrival.kept_as)
    return StoredEvent(
        key=key_of(kind, reference, identity),
        kind=kind[:_LENGTH],
        reference=reference[:_LENGTH],
        message_id=_plain(envelope.message_id or ""),
        parameters=_json(dict(arrival.query)) if arrival.query else "",
        body=envelope.body,
        form=envelope.form,
        meta=_json(envelope.meta),
        principal=_principal(arrival.principal),
        digest=sha256(envelope.data).digest(),
    )


def sender_attempt_of(arrival: Arrival) -> int | None:
    """How often the sender of an event has tried, if it says so and that is a number of times; bounded."""
    attempt = arrival.envelope.delivery_attempt
    return None if attempt is None or attempt < 0 else min(attempt, _LARGEST)


def arrival_of(row: StoredEvent) -> Arrival:
    """The event of a row, read as if it had just arrived. Raises `EnvelopeError` for one that cannot be read."""
    return _arrival(row, read(bytes(row.body), _meta(row)))


def arrivals_of(row: StoredEvent) -> list[Arrival]:
    """The same for what could not be read when it came, and so may be a batch."""
    meta = _meta(row)
    if not is_batch(meta):
        return [arrival_of(row)]
    return [_arrival(row, read(each, EVENT_META)) for each in split_batch(bytes(row.body), meta)]


def unread_row(unread: Unread) -> StoredEvent:
    """The row of an event that cannot be read; the same bytes at the same URL are the same event."""
    digest = sha256(unread.body)
    return StoredEvent(
        key=key_of(unread.kind, unread.reference, (UNREAD, digest.hexdigest())),
        kind=unread.kind[:_LENGTH],
        reference=unread.reference[:_LENGTH],
        parameters=_json(dict(unread.query)) if unread.query else "",
        body=unread.body,
        form=UNREAD,
        meta=_json({name: value for name, value in unread.meta.items() if _is_kept(name, value)}),
        principal=_principal(unread.principal),
        digest=digest.digest(),
    )


def _meta(row: StoredEvent) -> dict[str, str]:
    return json.loads(row.meta) if row.meta else {}


def _arrival(row: StoredEvent, envelope: Envelope) -> Arrival:
    principal = None
    if row.principal:
        fields = json.loads(row.principal)
        principal = Principal(fields["method"], fields["email"], fields["subject"], MappingProxyType(fields["claims"]))
    return Arrival(
        envelope,
        json.loads(row.parameters) if row.parameters else None,
        principal,
        str(row.key),
    )


def _is_kept(name: str, value: object) -> bool:
    """Whether something in `request.META` may be what an envelope is read from: a header that holds no credentials."""
    return isinstance(value, str) and (name == "CONTENT_TYPE" or (name.startswith("HTTP_") and name not in SECRET))


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
