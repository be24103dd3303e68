"""Describes a stored event's envelope to people, in the admin and in a terminal.

All of it comes from outside, so it passes through `printable`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, cast

from django.utils.translation import gettext_noop

from .._boxes.clock import as_shown, shown
from .._boxes.display import printable
from .._boxes.redaction import conceal, shown_parameters, shown_payload
from .._dispatch.raw_event import UNREAD
from .._schema.personal import HIDDEN
from ..envelopes import CloudEvent, Envelope
from .database import database
from .models import Delivery, StoredEvent
from .once_keys import texts_of
from .parking import gave_up
from .serialization import raw_event_of

#: The attributes of CloudEvents 1.0.2, in its own order; extensions follow.
_ORDER: Final = ("id", "source", "specversion", "type", "subject", "time", "datacontenttype", "dataschema")


def envelope_of(event: StoredEvent) -> Envelope | None:
    """Return the envelope of an event; None if it was erased or cannot be read, or its row was changed by hand."""
    if event.erased_at is not None:
        return None
    try:
        return raw_event_of(event).envelope
    except (ValueError, LookupError, TypeError, AttributeError):  # `EnvelopeError` is a `ValueError`
        return None


def data_of(event: StoredEvent, envelope: Envelope | None) -> bytes:
    """Return the bytes of an event's payload; without its envelope, those of the request."""
    return bytes(event.body) if envelope is None else envelope.data


def shown_of(
    event: StoredEvent, envelope: Envelope | None, deliveries: Collection[Delivery], *, personal: bool
) -> tuple[bytes, str, Mapping[int, str]]:
    """Return what is shown of an event: its payload, its parameters as JSON, and the business keys of its deliveries by number.

    Unless `personal` says so, this hides personal fields, and the texts of the deliveries that may quote them.
    """
    data, once_keys = data_of(event, envelope), texts_of(database(), deliveries)
    if personal:
        return data, event.parameters, once_keys
    if conceal(deliveries, event.kind):
        once_keys = dict.fromkeys(once_keys, HIDDEN)
    names = [delivery.handler for delivery in deliveries]
    parameters = shown_parameters(event.kind, envelope, event.parameters, names)
    return shown_payload(event.kind, envelope, data, names), parameters, once_keys


def facts_of(event: StoredEvent, envelope: Envelope | None) -> Iterator[tuple[str, str | datetime]]:
    """Describe the envelope and the sender, with names that `gettext` translates."""
    principal = _read(event.principal)
    letter, published = envelope and envelope.dead_letter, envelope and envelope.publish_time
    form = event.form if envelope is not None or event.erased_at else f"{event.form}, which can no longer be read"
    for name, value in (
        (gettext_noop("Form"), "could not be read" if event.form == UNREAD else form),
        (gettext_noop("Key"), str(event.key)),
        (gettext_noop("Received"), as_shown(database(), event.received_at)),
        (gettext_noop("Erased"), event.erased_at and as_shown(database(), event.erased_at)),
        (gettext_noop("Message id"), (envelope and envelope.message_id) or event.message_id),
        (gettext_noop("Outbox id"), envelope and envelope.outbox_id),
        (gettext_noop("Cause"), envelope and envelope.cause),
        (gettext_noop("Subscription"), envelope and envelope.subscription),
        (gettext_noop("Published"), published and shown(published)),
        (gettext_noop("Dead letter"), letter and gave_up(letter)),
        (gettext_noop("Ordering key"), envelope and envelope.ordering_key),
        (gettext_noop("Authenticated by"), principal.get("method")),
        (gettext_noop("Sender"), principal.get("email")),
        (gettext_noop("Token's subject"), principal.get("subject")),
    ):
        if value:
            yield name, value if isinstance(value, datetime) else printable(str(value))


def attributes_of(event: StoredEvent, envelope: Envelope | None) -> list[tuple[str, str]]:
    """List the attributes of the message; the headers, if the event cannot be read."""
    return pairs_of(event.meta if envelope is None else envelope.attributes)


def cloudevent_of(envelope: Envelope | None) -> list[tuple[str, str]]:
    """List the attributes of a CloudEvent, extensions last; none for other events."""
    if not isinstance(envelope, CloudEvent):
        return []
    context = envelope.context
    own = [name for name in _ORDER if name in context]
    return [(printable(name), printable(context[name])) for name in [*own, *sorted(set(context) - set(own))]]


def pairs_of(values: str | Mapping[str, Any]) -> list[tuple[str, str]]:
    """List sorted pairs of names and values, one for each value of a name. A text is JSON."""
    items: Mapping[str, str | list[str]] = _read(values) if isinstance(values, str) else values
    pairs: list[tuple[str, str]] = []
    for name, value in sorted(items.items()):
        pairs += [(printable(name), printable(str(item))) for item in (value if isinstance(value, list) else [value])]
    return pairs


def _read(text: str) -> Mapping[str, Any]:
    try:
        value: object = json.loads(text) if text else {}
    except ValueError:
        value = {"": text}  # changed by hand, or cut off
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {"": text}
