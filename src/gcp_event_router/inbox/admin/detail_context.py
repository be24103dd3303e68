"""One event as its page in the admin shows it. Made by `detail_views`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ..clock import as_shown
from ..database import database
from ..decisions import discardable
from ..display import Shown, error_details, payload, printable
from ..facts import attributes_of, cloudevent_of, data_of, envelope_of, facts_of, pairs_of
from ..models import Delivery, State, StoredEvent

__all__ = ["Details", "Row"]

Name = str | Promise


class Row(NamedTuple):
    """One delivery, what is known of its error, and what can be decided about it."""

    delivery: Delivery
    handler: str
    error_type: str
    error: str
    #: The exception's text and traceback; whoever sees this page may see payloads.
    error_text: str
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
        self.attributes: list[tuple[str, str]] = attributes_of(event, envelope)
        self.parameters: list[tuple[str, str]] = pairs_of(event.parameters)
        #: The attributes of a CloudEvent.
        self.cloudevent: list[tuple[str, str]] = cloudevent_of(envelope)
        #: Of the envelope, and of who sent it.
        self.facts: list[tuple[str, str | datetime]] = [(gettext(name), value) for name, value in facts_of(event, envelope)]
        free = set(discardable(deliveries).values_list("pk", flat=True))
        self.rows: list[Row] = [_row(each, can_be_discarded=each.pk in free) for each in deliveries]


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
        error_text=printable(delivery.error_text),
        error_details=error_details(delivery.error),
        times=[(name, as_shown(database(), time)) for name, time in _times(delivery) if time is not None],
        is_done=State(delivery.state) is State.DONE,
        can_be_discarded=can_be_discarded,
    )
