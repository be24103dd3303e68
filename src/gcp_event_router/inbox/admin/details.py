"""One event as its page in the admin shows it. Made by `pages`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ...envelopes import Envelope
from ...exceptions import EnvelopeError
from ..claims import discardable
from ..models import Delivery, State, StoredEvent
from ..rows import UNREAD, arrival_of
from ..shown import Shown, error_details, payload, printable

__all__ = ["Details", "Row", "data_of", "envelope_of"]

Name = str | Promise


class Row(NamedTuple):
    """One delivery, what is known of its error, and what can be decided about it."""

    delivery: Delivery
    handler: str
    error_type: str
    error: str
    error_details: list[tuple[str, str, str]]
    #: Of those that it has.
    times: list[tuple[Name, datetime]]
    is_done: bool
    can_be_discarded: bool


class Details:
    """An event, taken apart. What came from outside is text, and `printable`."""

    def __init__(self, event: StoredEvent, deliveries: QuerySet[Delivery]) -> None:
        envelope = envelope_of(event)
        #: Whether its envelope can be read; if not, its payload is the request's body, and its attributes are the headers.
        self.is_read: bool = envelope is not None
        self.payload: Shown = payload(data_of(event, envelope))
        self.attributes: list[tuple[str, str]] = _pairs(_read(event.meta) if envelope is None else envelope.attributes)
        self.parameters: list[tuple[str, str]] = _pairs(_read(event.parameters))
        #: Of the envelope, and of who sent it.
        self.facts: list[tuple[Name, Name | datetime]] = [pair for pair in _facts(event, envelope) if pair[1]]
        free = set(discardable(deliveries).values_list("pk", flat=True))
        self.rows: list[Row] = [_row(each, can_be_discarded=each.pk in free) for each in deliveries]


def envelope_of(event: StoredEvent) -> Envelope | None:
    """The envelope of an event; None if it cannot be read."""
    try:
        return arrival_of(event).envelope
    except EnvelopeError:
        return None


def data_of(event: StoredEvent, envelope: Envelope | None) -> bytes:
    """The bytes of an event's payload; without its envelope, those of the request."""
    return bytes(event.body) if envelope is None else envelope.data


def _facts(event: StoredEvent, envelope: Envelope | None) -> Iterator[tuple[Name, Name | datetime]]:
    yield _("Form"), _("could not be read") if event.form == UNREAD else event.form
    yield _("Key"), str(event.key)
    yield _("Received"), event.received_at
    if envelope is not None:
        yield _("Message id"), printable(envelope.message_id or "")
        yield _("Subscription"), printable(envelope.subscription or "")
        yield _("Published"), envelope.publish_time or ""
        yield _("Ordering key"), printable(envelope.ordering_key or "")
    principal = _read(event.principal)
    yield _("Proved by"), printable(principal.get("method") or "")
    yield _("Sender"), printable(principal.get("email") or "")
    yield _("Subject"), printable(principal.get("subject") or "")


def _read(text: str) -> Mapping[str, Any]:
    return json.loads(text) if text else {}


def _pairs(values: Mapping[str, str | list[str]]) -> list[tuple[str, str]]:
    """Names and values, in order; a name with several values as often as it has any."""
    each = [(name, one) for name, value in sorted(values.items()) for one in ([value] if isinstance(value, str) else value)]
    return [(printable(name), printable(value)) for name, value in each]


def _times(delivery: Delivery) -> Iterator[tuple[Name, datetime | None]]:
    yield _("noted"), delivery.created_at
    yield _("begun"), delivery.started_at
    yield _("ended"), delivery.finished_at
    yield _("leased until"), delivery.lease_until
    yield _("not before"), delivery.not_before


def _row(delivery: Delivery, *, can_be_discarded: bool) -> Row:
    return Row(
        delivery=delivery,
        handler=printable(delivery.handler),
        error_type=printable(delivery.error_type),
        error=printable(delivery.error),
        error_details=error_details(delivery.error),
        times=[(name, time) for name, time in _times(delivery) if time is not None],
        is_done=State(delivery.state) is State.DONE,
        can_be_discarded=can_be_discarded,
    )
