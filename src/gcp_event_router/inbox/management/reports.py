"""The subcommands of `manage.py inbox` that show what is stored: for people, and as JSON for scripts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from json import dumps
from typing import Any, Final
from uuid import UUID

from django.core.management.base import CommandError, OutputWrapper

from ...management.arguments import age, glob, positive, search_text
from ...management.output import age_text, counted, table
from ...management.subcommands import FORMAT, Argument, argument, subcommand
from ..clock import as_shown, now
from ..database import database
from ..display import error_details, payload, printable
from ..facts import attributes_of, cloudevent_of, data_of, envelope_of, facts_of
from ..models import OPEN, Delivery, State, StoredEvent
from ..selections import Selection, delivery_number
from ..stats import stats

_TITLES: Final = ("id", "state", "attempts", "age", "event", "handler", "error")
#: The widest name beside a value, and the longest error in a list.
_WIDTH: Final = 30
#: The shortest column of names.
_NAMES: Final = 12
#: Characters of a kind, and of a reference, in a list: they may be of any length.
_LABEL: Final = 64
#: How many events with one message id are shown.
_SHOWN: Final = 10
#: What JSON has of a delivery, and of its event.
_DELIVERY: Final = (
    *("state", "handler", "deferred", "attempts", "lost", "max_attempts", "sender_attempt", "error_type", "error"),
    *("created_at", "started_at", "finished_at", "lease_until", "not_before"),
)
_EVENT: Final = ("kind", "reference", "message_id", "received_at")


def filters(states: Collection[str]) -> list[Argument]:
    """The arguments that `selection` reads; `--state` takes some states."""
    return [
        argument("--state", action="append", choices=[str(state) for state in states], help="repeatable"),
        argument("--kind", type=glob, metavar="GLOB", help="such as 'order-*'"),
        argument("--handler", type=glob, metavar="GLOB", help="such as 'shop.handlers.*'"),
        argument("--reference", type=search_text, help="in full"),
        argument("--error", type=search_text, metavar="TEXT", help="that the error's type or text contains"),
        argument("--older-than", type=age, metavar="AGE", help="such as 90s, 15m, 2h, 7d or 2w"),
        argument("--newer-than", type=age, metavar="AGE", help="as above"),
    ]


def selection(options: Mapping[str, Any], states: Collection[str] = (), *, idle: bool = False) -> Selection:
    """The deliveries that the options name; of some states, unless the options name others."""
    given: dict[str, Any] = {name: options[name] or "" for name in ("kind", "handler", "reference", "error")}
    given |= {name: options[name] for name in ("older_than", "newer_than")}
    return Selection(states=options["state"] or states, idle=idle, **given)


@subcommand(
    "List deliveries, the newest first.",
    argument("--limit", type=positive, default=50, metavar="N", help="at most so many; 50 unless given"),
    *filters(State.values),
    *FORMAT,
)
def list_deliveries(out: OutputWrapper, *, limit: int, json: bool, **options: Any) -> None:
    """Write a table, or a JSON object a line."""
    rows = selection(options).deliveries().order_by("-pk").select_related("event")
    deliveries = list(rows.defer("error_text", "event__body", "event__meta")[: limit + 1])
    if json:
        for delivery in deliveries[:limit]:
            out.write(_fields(delivery))
    elif deliveries:
        time = now(database())
        out.write(table([_row(delivery, time) for delivery in deliveries[:limit]], _TITLES))
        if len(deliveries) > limit:
            out.write(f"There are more; these are the newest {limit}.")
    else:
        out.write("No deliveries.")


@subcommand(
    "Show all that is known of an event.",
    argument("id", type=search_text, help="a delivery's number, a message id, or an event's key"),
    *FORMAT,
)
def show_event(out: OutputWrapper, *, id: str, json: bool, **_: Any) -> None:  # noqa: A002 -- the argument's name
    """Write everything about an event and its deliveries."""
    alias = database()
    deliveries = Delivery.objects.using(alias).select_related("event").order_by("pk")
    found = {event: deliveries.filter(event=event) for event in StoredEvent.objects.using(alias).filter(pk__in=_keys(alias, id))}
    if not found:
        text = f"{id!r} is no delivery's number, no message id and no event's key that the inbox has. See `inbox list`."
        raise CommandError(text)
    if json:
        for delivery in (delivery for own in found.values() for delivery in own):
            out.write(_fields(delivery))
    else:
        out.write("\n\n".join(_describe(event, own) for event, own in found.items()))


@subcommand(
    "Count deliveries by their states, with the age of the oldest.",
    argument("--fail-parked", type=positive, metavar="N", help="exit with 1 if so many deliveries are parked, or more"),
    argument("--fail-age", type=age, metavar="AGE", help="exit with 1 if an open delivery is older, such as 15m"),
    *FORMAT,
)
def print_stats(out: OutputWrapper, *, fail_parked: int | None, fail_age: timedelta | None, json: bool, **_: Any) -> None:
    """Write the figures, and fail if they are worse than allowed."""
    found = stats(database())
    for text in [dumps(found.fields())] if json else found.text():
        out.write(text)
    problems: list[str] = []
    parked, oldest = found.numbers[State.PARKED], found.oldest_open
    if fail_parked is not None and parked >= fail_parked:
        problems.append(f"{counted(parked, 'delivery is', 'deliveries are')} parked.")
    if fail_age is not None and oldest is not None and oldest > fail_age:
        problems.append(f"The oldest open delivery was noted {age_text(oldest)} ago.")
    if problems:
        raise CommandError(" ".join(problems))


def _fields(delivery: Delivery) -> str:
    """A delivery as a JSON object on a line."""
    event, alias = delivery.event, database()
    fields = {"id": delivery.pk} | {name: getattr(delivery, name) for name in _DELIVERY}
    fields |= {"event": str(event.key)} | {name: getattr(event, name) for name in _EVENT}
    return dumps(fields, default=lambda time: as_shown(alias, time).isoformat())


def handler_name(delivery: Delivery) -> str:
    """The handler's name; a dash if the event is for no handler."""
    return printable(delivery.handler) or "-"


def _keys(alias: str, text: str) -> set[UUID]:
    """The keys of the events with a delivery of this number, this message id or this key; each is looked up by its index."""
    newest = StoredEvent.objects.using(alias).filter(message_id=text).order_by("-received_at")
    keys = set(newest.values_list("pk", flat=True)[:_SHOWN])
    number = delivery_number(text)
    if number is not None:
        keys.update(Delivery.objects.using(alias).filter(pk=number).values_list("event_id", flat=True))
    with suppress(ValueError):
        keys.add(UUID(text))
    return keys


def _row(delivery: Delivery, time: datetime) -> tuple[str, ...]:
    """A delivery in a list; `time` is the database's."""
    event = delivery.event
    kind, reference = (text if len(text) <= _LABEL else f"{text[: _LABEL - 3]}..." for text in (event.kind, event.reference))
    return (
        str(delivery.pk),
        delivery.state,
        f"{delivery.counted} of {delivery.limit}" + (f", {delivery.lost} lost" if delivery.lost else ""),
        age_text(time - event.received_at),
        printable(f"{kind}/{reference}"),
        handler_name(delivery),
        printable(delivery.error_type.rpartition(".")[2]) or printable(delivery.error[:_WIDTH]),
    )


def _describe(event: StoredEvent, deliveries: Iterable[Delivery]) -> str:
    """Everything about one event, for a person."""
    envelope = envelope_of(event)
    facts = [(name.lower(), value) for name, value in facts_of(event, envelope)]
    facts += [("parameters", printable(event.parameters))] if event.parameters else []
    context, attributes = cloudevent_of(envelope), attributes_of(event, envelope)
    shown = payload(data_of(event, envelope))
    sections = [(printable(str(event)), _columns(facts))]
    sections += [("cloudevent", _columns(context))] if context else []
    sections += [("headers" if envelope is None else "attributes", _columns(attributes))] if attributes else []
    sections += [(f"delivery {each.pk} to {handler_name(each)}: {_standing(each)}", list(_error(each))) for each in deliveries]
    left_out = [f"... and {shown.left_out} bytes more"] if shown.left_out else []
    title = f"payload: {shown.sort}, {shown.size} bytes" if shown.sort else "no payload"
    sections += [(title, [*shown.text.splitlines(), *left_out])]
    return "\n\n".join("\n  ".join([title, *lines]) for title, lines in sections)


def _columns(pairs: Sequence[tuple[str, str | datetime]]) -> list[str]:
    """Names and values, the values in a column."""
    width = min(_WIDTH, max(_NAMES, *(len(name) for name, _ in pairs)))
    return [f"{name:<{width}}  {value.isoformat() if isinstance(value, datetime) else value}" for name, value in pairs]


def _standing(delivery: Delivery) -> str:
    """Where a delivery stands, in words that tell a worker's work from a sender's, and both from a person's."""
    state = State(delivery.state)
    if state is State.UNHANDLED:
        return "no handler took it; replay it once there is one"
    waits = delivery.deferred and state in OPEN and state is not State.RUNNING
    return f"{delivery.state}{', waits for a worker' if waits else ''}, attempt {delivery.attempts} of {delivery.max_attempts}"


def _error(delivery: Delivery) -> Iterator[str]:
    """What a delivery failed with, line by line."""
    if delivery.error_type or delivery.error:
        yield printable(delivery.error_type) or "lost"
    details = [f"{place or '(root)'}: {message} ({kind})" for place, message, kind in error_details(delivery.error)]
    yield from (f"  {line}" for line in details or map(printable, delivery.error.splitlines()))
    if delivery.error_text:
        yield "text and traceback"
        yield from (f"  {printable(line)}" for line in delivery.error_text.splitlines())
