"""The subcommands of `manage.py inbox` that show what is stored."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from json import dumps
from typing import Any, Final
from uuid import UUID

from django.core.management.base import CommandError, OutputWrapper

from ..._boxes.clock import as_shown, now
from ..._boxes.counts import alerts, fail
from ..._boxes.display import payload, printable
from ..._boxes.printing import ERROR, KIND, NEWER_THAN, OLDER_THAN, PERSONAL, columns, error_lines, sections
from ..._boxes.redaction import conceal
from ..._boxes.selecting import row_number
from ..._boxes.states import OPEN, State
from ...backoff import Backoff
from ...management.arguments import glob, positive
from ...management.arguments import printable as text
from ...management.output import age_text, table, width_of
from ...management.subcommands import FORMAT, Argument, argument, subcommand
from ..database import database
from ..facts import attributes_of, cloudevent_of, envelope_of, facts_of, shown_of
from ..models import Delivery, StoredEvent
from ..names import event_terms
from ..once_keys import deliveries_with
from ..orders import waits_for
from ..selections import Selection
from ..stats import stats

NOUNS: Final = ("delivery", "deliveries")
#: The most characters of a kind, a reference or an error in a list.
_LABEL: Final = 64
_ERROR: Final = 30
#: How many events with one message id are shown.
_MOST_EVENTS: Final = 10
#: The fields of a delivery and of its event in JSON.
_DELIVERY: Final = (
    *("state", "handler", "deferred", "attempts", "lost", "max_attempts", "sender_attempt", "error_type", "error"),
    *("once_key", "duplicate_of", "order_key", "created_at", "started_at", "finished_at", "lease_until", "not_before"),
)
_EVENT: Final = ("kind", "reference", "message_id", "received_at", "erased_at")


def filters(states: Collection[str], default: str = "all") -> list[Argument]:
    """The arguments for `selection`; `--state` accepts some states, by default those that `default` describes."""
    return [
        argument("--state", action="append", choices=list(map(str, states)), help=f"repeatable (default: {default})"),
        KIND,
        argument("--handler", type=glob, metavar="GLOB", help="handlers whose names match it, such as 'shop.handlers.*'"),
        argument("--reference", type=text, help="the whole reference"),
        *(ERROR, OLDER_THAN, NEWER_THAN),
    ]


def selection(options: Mapping[str, Any], states: Collection[State] = (), *, idle: bool = False) -> Selection:
    """Select the deliveries that the options name; by default, those in some states."""
    values: dict[str, Any] = {name: options[name] or "" for name in ("kind", "handler", "reference", "error")}
    values |= {name: options[name] for name in ("older_than", "newer_than")}
    return Selection(states=options["state"] or states, idle=idle, **values)


@subcommand(
    "List deliveries, the newest first.",
    argument("--limit", type=positive, default=50, metavar="N", help="list at most N (default: 50)"),
    *filters(State.values),
    PERSONAL,
    *FORMAT,
)
def list_deliveries(out: OutputWrapper, *, limit: int, personal: bool, json: bool, **options: Any) -> None:
    """Write a table, or a JSON object in each line."""
    found = selection(options).deliveries().order_by("-pk").select_related("event")
    deliveries = list(found.defer("error_text", "event__body", "event__meta")[: limit + 1])
    if json:
        for delivery in deliveries[:limit]:
            out.write(_json_line(delivery, personal=personal))
    elif deliveries:
        time = now(database())
        titles = ("id", "state", "attempts", "age", "event", "handler", "error")
        rows = [_row(delivery, time) for delivery in deliveries[:limit]]
        out.write(table(rows, titles, head=titles.index("handler"), width=width_of(out)))
        if len(deliveries) > limit:
            out.write(f"There are more; these are the newest {limit}.")
    else:
        out.write("No deliveries.")


@subcommand(
    "Show everything about an event.",
    argument("id", type=text, help="the number of a delivery, a message id, a business key, or the key of an event"),
    PERSONAL,
    *FORMAT,
)
def show_event(out: OutputWrapper, *, id: str, personal: bool, json: bool, **_: Any) -> None:  # noqa: A002 -- the argument's name
    """Write everything about an event and its deliveries."""
    alias = database()
    events = StoredEvent.objects.using(alias).filter(pk__in=_keys(alias, id))
    rows = Delivery.objects.using(alias).select_related("event").order_by("pk")
    deliveries = {event: list(rows.filter(event=event)) for event in events}
    if not deliveries:
        msg = f"The inbox has no delivery with the number {id!r}, and no event with that message id or key. See `inbox list`."
        raise CommandError(msg)
    if json:
        for delivery in rows.filter(event__in=list(events)):
            out.write(_json_line(delivery, personal=personal))
    else:
        out.write("\n\n".join(_describe(event, own, personal=personal) for event, own in deliveries.items()))


@subcommand(
    "Count deliveries by state, with the age of the oldest.",
    *alerts(*NOUNS),
    *FORMAT,
)
def print_stats(out: OutputWrapper, *, fail_parked: int | None, fail_age: timedelta | None, json: bool, **_: Any) -> None:
    """Write the figures. Fails if they exceed the limits."""
    figures = stats(database())
    for line in [dumps(figures.fields())] if json else figures.text():
        out.write(line)
    fail(figures.deliveries, fail_parked, fail_age, NOUNS)


def handler_name(delivery: Delivery) -> str:
    """The handler's name; a dash if the event had no handler."""
    return printable(delivery.handler) or "-"


def _json_line(delivery: Delivery, *, personal: bool) -> str:
    event, alias = delivery.event, database()
    if not personal:
        conceal([delivery], event.kind)
    fields = {"id": delivery.pk} | {name: getattr(delivery, name) for name in _DELIVERY}
    fields |= {"event": str(event.key)} | {name: getattr(event, name) for name in _EVENT}
    return dumps(fields, default=lambda time: as_shown(alias, time).isoformat())


def _keys(alias: str, identifier: str) -> set[UUID]:
    """The keys of the events with a delivery of this number, this message id or this key; each look-up has an index.

    Of a business key, these are the events that hold it or are done with it; others are their duplicates.
    """
    newest = StoredEvent.objects.using(alias).filter(message_id=identifier).order_by("-received_at")
    keys = set(newest.values_list("pk", flat=True)[:_MOST_EVENTS])
    keys.update(deliveries_with(alias, identifier).values_list("event_id", flat=True)[:_MOST_EVENTS])
    number = row_number(identifier)
    if number is not None:
        keys.update(Delivery.objects.using(alias).filter(pk=number).values_list("event_id", flat=True))
    with suppress(ValueError):
        keys.add(UUID(identifier))
    return keys


def _row(delivery: Delivery, time: datetime) -> tuple[str, ...]:
    """A row of the list; `time` is the database's."""
    event = delivery.event
    kind, reference = (name if len(name) <= _LABEL else f"{name[: _LABEL - 3]}..." for name in (event.kind, event.reference))
    return (
        str(delivery.pk),
        delivery.state if event.erased_at is None else f"{delivery.state}, erased",
        f"{delivery.counted} of {delivery.limit}" + (f", {delivery.lost} lost" if delivery.lost else ""),
        age_text(time - event.received_at),
        printable(f"{kind}/{reference}"),
        handler_name(delivery),
        printable(delivery.error_type.rpartition(".")[2]) or printable(delivery.error[:_ERROR]),
    )


def _describe(event: StoredEvent, deliveries: Collection[Delivery], *, personal: bool) -> str:
    """Describe an event in sections of a title and indented lines."""
    envelope = envelope_of(event)
    data, parameters, once_keys = shown_of(event, envelope, deliveries, personal=personal)
    facts = [(name.lower(), value) for name, value in facts_of(event, envelope)]
    facts += [("parameters", printable(parameters))] if parameters else []
    content = payload(data)
    policies = {name: terms.retry for name, terms in event_terms(event.kind, envelope).items()}
    left_out = [f"... and {content.left_out} bytes more"] if content.left_out else []
    parts = [
        (printable(str(event)), columns(facts)),
        ("cloudevent", columns(cloudevent_of(envelope))),
        ("headers" if envelope is None and event.erased_at is None else "attributes", columns(attributes_of(event, envelope))),
        *(
            (
                f"delivery {row.pk} to {handler_name(row)}: {_state(row)}",
                [*_key_lines(row, once_keys), *_next(row, policies), *error_lines(row), ""],
            )
            for row in deliveries
        ),
        (
            f"payload: {content.sort}, {content.size} bytes" if content.sort else "no payload",
            [*content.text.splitlines(), *left_out, ""],
        ),
    ]
    return sections(parts)


def _state(delivery: Delivery) -> str:
    state = State(delivery.state)
    waits = delivery.deferred and state in OPEN and state is not State.RUNNING
    return f"{state.value}{', waits for a worker' if waits else ''}, attempt {delivery.attempts} of {delivery.max_attempts}"


def _next(delivery: Delivery, policies: Mapping[str, Backoff]) -> Iterator[str]:
    """The lines of the next attempt of an open delivery."""
    if State(delivery.state) not in OPEN:
        return
    if delivery.not_before is not None:
        yield f"next attempt from {as_shown(database(), delivery.not_before).isoformat()}"
    if delivery.handler in policies:
        yield f"retries {policies[delivery.handler]}"


def _key_lines(delivery: Delivery, once_keys: Mapping[int, str]) -> Iterator[str]:
    """The lines of a delivery's keys."""
    if delivery.pk in once_keys:
        yield f"key {printable(once_keys[delivery.pk])}"
    if delivery.duplicate_of is not None:
        yield f"duplicate of delivery {delivery.duplicate_of}, which was done with this key"
    if delivery.order_key:
        yield f"ordered by {printable(delivery.order_key)}"
    if (earlier := waits_for(database(), delivery)) is not None:
        yield f"waits for delivery {earlier}"
