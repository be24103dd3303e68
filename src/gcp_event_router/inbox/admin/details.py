"""One event as its page in the admin shows it. Made by `admin`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ...envelopes import Envelope
from ...event import Principal
from ...exceptions import EnvelopeError
from .decisions import GIVEN_UP
from ..models import Delivery, State, StoredEvent
from ..rows import UNREAD, arrival_of
from ..shown import Shown, error_details, payload, printable

__all__ = ["Details", "Row", "data_of"]


class Row(NamedTuple):
    """One delivery, what is known of its error, and what can be decided about it."""

    delivery: Delivery
    handler: str
    error_type: str
    error: str
    error_details: list[tuple[str, str, str]]
    #: Names and times, of those that it has.
    times: list[tuple[str | Promise, datetime]]
    is_done: bool
    can_be_given_up: bool


class Details:
    """An event, taken apart. What came from outside is text, and `printable`."""

    def __init__(self, event: StoredEvent, deliveries: Iterable[Delivery]) -> None:
        envelope, principal = _opened(event)
        self.event = event
        self.is_read = envelope is not None
        self.payload: Shown = payload(data_of(event, envelope))
        #: Names and values: of the envelope, and of who sent it.
        self.facts = [(name, value) for name, value in _facts(event, envelope, principal) if value]
        self.attributes = _pairs(_meta(event) if envelope is None else envelope.attributes)
        self.parameters = _parameters(event)
        self.rows = [_row(delivery) for delivery in deliveries]


def data_of(event: StoredEvent, envelope: Envelope | None = None) -> bytes:
    """The bytes of an event's payload; of one that cannot be read, those of the request."""
    envelope = envelope or _opened(event)[0]
    return bytes(event.body) if envelope is None else envelope.data


def _opened(event: StoredEvent) -> tuple[Envelope | None, Principal | None]:
    try:
        arrival = arrival_of(event)
    except EnvelopeError:
        return None, Principal(**_principal(event)) if event.principal else None
    return arrival.envelope, arrival.principal


def _principal(event: StoredEvent) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(event.principal)
    return {name: fields[name] for name in ("method", "email", "subject")}


def _facts(
    event: StoredEvent, envelope: Envelope | None, principal: Principal | None
) -> Iterator[tuple[str | Promise, str | Promise | datetime]]:
    yield _("form"), _("could not be read") if event.form == UNREAD else event.form
    yield _("key"), str(event.key)
    yield _("received"), event.received_at
    if envelope is not None:
        yield _("message id"), printable(envelope.message_id or "")
        yield _("subscription"), printable(envelope.subscription or "")
        yield _("published"), envelope.publish_time or ""
        yield _("ordering key"), printable(envelope.ordering_key or "")
    if principal is not None:
        yield _("proved by"), printable(principal.method)
        yield _("sender"), printable(principal.email or "")
        yield _("subject"), printable(principal.subject or "")


def _meta(event: StoredEvent) -> dict[str, str]:
    return json.loads(event.meta) if event.meta else {}


def _pairs(values: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(printable(name), printable(value)) for name, value in sorted(values.items())]


def _parameters(event: StoredEvent) -> list[tuple[str, str]]:
    values: dict[str, list[str]] = json.loads(event.parameters) if event.parameters else {}
    return [(printable(name), printable(each)) for name, several in values.items() for each in several]


def _times(delivery: Delivery) -> Iterator[tuple[str | Promise, datetime | None]]:
    yield _("noted"), delivery.created_at
    yield _("begun"), delivery.started_at
    yield _("ended"), delivery.finished_at
    yield _("leased until"), delivery.lease_until
    yield _("not before"), delivery.not_before


def _row(delivery: Delivery) -> Row:
    return Row(
        delivery,
        printable(delivery.handler),
        printable(delivery.error_type),
        printable(delivery.error),
        error_details(delivery.error),
        [(name, time) for name, time in _times(delivery) if time is not None],
        State(delivery.state) is State.DONE,
        delivery.state in GIVEN_UP,
    )
