"""The subcommands of `manage.py outbox` that show what is stored."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from json import dumps
from typing import Any, Final, cast

from django.core.management.base import CommandError, OutputWrapper

from ..._boxes.clock import as_shown, now
from ..._boxes.counts import alerts, fail
from ..._boxes.display import payload, printable
from ..._boxes.printing import ERROR, KIND, NEWER_THAN, OLDER_THAN, PERSONAL, columns, error_lines, sections
from ..._boxes.redaction import conceal, shown_outgoing
from ..._boxes.states import State
from ...management.arguments import glob, positive
from ...management.arguments import printable as text
from ...management.output import age_text, table, width_of
from ...management.subcommands import FORMAT, Argument, argument, subcommand
from ..database import database
from ..models import OutgoingEvent
from ..outgoing_facts import attempts_of, facts_of, is_waiting, pairs_of
from ..selections import OutgoingSelection, identified_by, with_predecessors
from ..stats import STATES, stats

NOUNS: Final = ("event", "events")
TOPIC: Final = argument("--topic", type=glob, metavar="GLOB", help="topics that match it, such as '*/orders'")
#: The most characters of a name in a list, and of an error.
_LABEL: Final = 40
_ERROR: Final = 30
#: The fields of an event in JSON.
_FIELDS: Final = (
    *("kind", "topic", "ordering_key", "attributes", "cause", "state", "attempts", "error_type", "error", "message_id"),
    *("created_at", "not_before", "lease_until", "finished_at", "erased_at"),
)


def filters(states: Collection[str], default: str = "all") -> list[Argument]:
    """The arguments for `selection`; `--state` accepts some states, by default those that `default` describes."""
    return [
        argument("--state", action="append", choices=list(map(str, states)), help=f"repeatable (default: {default})"),
        *(KIND, TOPIC),
        argument("--ordering-key", type=text, metavar="KEY", help="the whole ordering key"),
        *(ERROR, OLDER_THAN, NEWER_THAN),
    ]


def selection(options: Mapping[str, Any], states: Collection[State] = ()) -> OutgoingSelection:
    """Select the events that the options name; by default, those in some states."""
    values: dict[str, Any] = {name: options[name] or "" for name in ("kind", "topic", "ordering_key", "error")}
    values |= {name: options[name] for name in ("older_than", "newer_than")}
    return OutgoingSelection(states=options["state"] or states, **values)


@subcommand(
    "List outgoing events, the newest first.",
    argument("--limit", type=positive, default=50, metavar="N", help="list at most N (default: 50)"),
    *filters(STATES),
    *FORMAT,
)
def list_events(out: OutputWrapper, *, limit: int, json: bool, **options: Any) -> None:
    """Write a table, or a JSON object in each line."""
    found = with_predecessors(selection(options).events()).order_by("-pk")
    events = list(found.defer("error_text", "data")[: limit + 1])
    if json:
        for event in events[:limit]:
            out.write(_json_line(event))
    elif events:
        time = now(database())
        titles = ("id", "state", "attempts", "age", "due", "kind", "topic", "ordering key", "error")
        rows = [_row(event, time) for event in events[:limit]]
        out.write(table(rows, titles, head=titles.index("topic"), width=width_of(out)))
        if len(events) > limit:
            out.write(f"There are more; these are the newest {limit}.")
    else:
        out.write("No events.")


@subcommand(
    "Show everything about an outgoing event.",
    argument("id", type=text, help="the number of an event, or the id that publish returned"),
    PERSONAL,
    *FORMAT,
)
def show_outgoing(out: OutputWrapper, *, id: str, personal: bool, json: bool, **_: Any) -> None:  # noqa: A002 -- the argument's name
    """Write everything about an event."""
    event = OutgoingEvent.objects.using(database()).filter(identified_by(id)).first()
    if event is None:
        msg = f"The outbox has no event with the number or the id {id!r}. It may have been purged. See `outbox list`."
        raise CommandError(msg)
    out.write(_json_line(event) if json else _describe(event, personal=personal))


@subcommand("Count outgoing events by state, with the age of the oldest.", *alerts(*NOUNS), *FORMAT)
def print_figures(out: OutputWrapper, *, fail_parked: int | None, fail_age: timedelta | None, json: bool, **_: Any) -> None:
    """Write the figures. Fails if they exceed the limits."""
    figures = stats(database())
    for line in [dumps(figures.fields())] if json else figures.text():
        out.write(line)
    fail(figures.events, fail_parked, fail_age, NOUNS)


def _json_line(event: OutgoingEvent) -> str:
    alias = database()
    fields = {"id": event.pk, "key": str(event.key)} | {name: getattr(event, name) for name in _FIELDS}
    return dumps(fields, default=lambda time: as_shown(alias, time).isoformat())


def _row(event: OutgoingEvent, time: datetime) -> tuple[str, ...]:
    """A row of the list; `time` is the database's."""
    attempts, most = attempts_of(event)
    return (
        str(event.pk),
        event.state if event.erased_at is None else f"{event.state}, erased",
        f"{attempts} of {most}",
        age_text(time - event.created_at),
        _due(event, time),
        *(_shortened(name) for name in (event.kind, event.topic.rpartition("/")[2], event.ordering_key)),
        printable(event.error_type.rpartition(".")[2]) or printable(event.error[:_ERROR]),
    )


def _due(event: OutgoingEvent, time: datetime) -> str:
    if not is_waiting(event):
        return "-"
    behind: int | None = cast("Any", event).behind
    if behind is not None:
        return f"after {behind}"
    return "now" if event.not_before is None or event.not_before <= time else f"in {age_text(event.not_before - time)}"


def _shortened(name: str) -> str:
    return printable(name if len(name) <= _LABEL else f"{name[: _LABEL - 3]}...") or "-"


def _describe(event: OutgoingEvent, *, personal: bool) -> str:
    data = bytes(event.data)
    if not personal:
        data = shown_outgoing(event.kind, data)
        conceal([event], event.kind)
    content = payload(data)
    left_out = [f"... and {content.left_out} bytes more"] if content.left_out else []
    attempts, most = attempts_of(event)
    return sections(
        [
            (printable(str(event)), columns([(name.lower(), value) for name, value in facts_of(event)])),
            ("attributes", columns(pairs_of(event.attributes))),
            ("trace", columns(pairs_of(event.trace))),
            (f"{event.state}, attempt {attempts} of {most}", [*error_lines(event), ""]),
            (
                f"payload: {content.sort}, {content.size} bytes" if content.sort else "no payload",
                [*content.text.splitlines(), *left_out, ""],
            ),
        ]
    )
