"""Deliveries and events as text for a terminal, and as JSON for scripts. Called by `manage.py inbox`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, TextIO

from ..._dispatch.store import Result
from ..clock import as_shown
from ..database import database
from ..display import error_details, payload, printable
from ..facts import attributes_of, cloudevent_of, data_of, envelope_of, facts_of
from ..models import OPEN, Delivery, State, StoredEvent

__all__ = ["FIELDS", "Progress", "age", "count_fields", "counted", "described", "fields", "line", "named", "result_fields"]

#: The columns of a list.
FIELDS: Final = ("id", "state", "attempts", "age", "event", "handler", "error")
_UNITS: Final = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
_WIDTH: Final = 30
#: Characters of a kind, and of a reference, in a list.
_LABEL: Final = 64
_NAMES: Final = 12


def age(time: timedelta) -> str:
    """A time in its largest unit, such as `"3 h"`."""
    seconds = max(0, int(time.total_seconds()))
    unit, length = next((each for each in _UNITS if seconds >= each[1]), _UNITS[-1])
    return f"{seconds // length} {unit}"


def line(delivery: Delivery, now: datetime) -> tuple[str, ...]:
    """One delivery in a list; `now` is the database's."""
    event = delivery.event
    return (
        str(delivery.pk),
        delivery.state,
        f"{delivery.counted} of {delivery.limit}" + (f", {delivery.lost} lost" if delivery.lost else ""),
        age(now - event.received_at),
        printable(f"{_short(event.kind)}/{_short(event.reference)}"),
        named(delivery),
        printable(delivery.error_type.rpartition(".")[2]) or printable(delivery.error[:_WIDTH]),
    )


def _short(text: str) -> str:
    """The beginning of a kind or a reference, which may be of any length, for a list; `show` and JSON have all of it."""
    return text if len(text) <= _LABEL else f"{text[: _LABEL - 3]}..."


def named(delivery: Delivery) -> str:
    """The handler's name; for an event that is for no handler, a dash."""
    return printable(delivery.handler) or "-"


def fields(delivery: Delivery) -> str:
    """One delivery as a JSON object on a line."""
    event = delivery.event
    times = {name: getattr(delivery, name) for name in ("created_at", "started_at", "finished_at", "lease_until", "not_before")}
    found = {
        "id": delivery.pk,
        "state": delivery.state,
        "handler": delivery.handler,
        "deferred": delivery.deferred,
        "attempts": delivery.attempts,
        "lost": delivery.lost,
        "max_attempts": delivery.max_attempts,
        "sender_attempt": delivery.sender_attempt,
        "error_type": delivery.error_type,
        "error": delivery.error,
        **{name: _iso(time) for name, time in times.items()},
        "event": str(event.key),
        "kind": event.kind,
        "reference": event.reference,
        "message_id": event.message_id,
        "received_at": _iso(event.received_at),
    }
    return json.dumps(found)


def result_fields(delivery: Delivery, result: Result) -> str:
    """What became of one delivery, as a JSON object on a line."""
    event = delivery.event
    found = {"id": delivery.pk, "event": str(event.key), "kind": event.kind, "reference": event.reference}
    return json.dumps({**found, "handler": delivery.handler, "outcome": result.outcome.value})


def count_fields(numbers: Mapping[str, int]) -> str:
    """Numbers with their names, such as deliveries by their states, as a JSON object on a line."""
    return json.dumps(dict(numbers))


def standing(delivery: Delivery) -> str:
    """Where a delivery stands, in words that tell a worker's work from a sender's, and both from a person's."""
    state = State(delivery.state)
    if state is State.UNHANDLED:
        return "no handler took it; replay it once there is one"
    attempts = f"attempt {delivery.attempts} of {delivery.max_attempts}"
    if delivery.deferred and state in OPEN and state is not State.RUNNING:
        return f"{delivery.state}, waits for a worker, {attempts}"
    return f"{delivery.state}, {attempts}"


def described(event: StoredEvent, deliveries: Iterable[Delivery]) -> Iterator[str]:
    """Everything about one event, line by line, for a person."""
    envelope = envelope_of(event)
    yield printable(str(event))
    facts = [
        (name.lower(), value.isoformat() if isinstance(value, datetime) else value) for name, value in facts_of(event, envelope)
    ]
    parameters = [("parameters", printable(event.parameters))] if event.parameters else []
    yield from _listed([*facts, *parameters])
    for title, pairs in (
        ("cloudevent", cloudevent_of(envelope)),
        ("headers" if envelope is None else "attributes", attributes_of(event, envelope)),
    ):
        if pairs:
            yield ""
            yield title
            yield from _listed(pairs)
    for delivery in deliveries:
        yield ""
        yield f"delivery {delivery.pk} to {named(delivery)}: {standing(delivery)}"
        if delivery.error_type or delivery.error:
            yield f"  {printable(delivery.error_type) or 'lost'}"
        for place, message, kind in error_details(delivery.error):
            yield f"    {place or '(root)'}: {message} ({kind})"
        if not error_details(delivery.error):
            yield from (f"    {printable(part)}" for part in delivery.error.splitlines())
        if delivery.error_text:
            yield "  text and traceback"
            yield from (f"    {printable(part)}" for part in delivery.error_text.splitlines())
    shown = payload(data_of(event, envelope))
    yield ""
    yield f"payload: {shown.sort}, {shown.size} bytes" if shown.sort else "no payload"
    yield from (f"  {part}" for part in shown.text.splitlines())
    if shown.left_out:
        yield f"  ... and {shown.left_out} bytes more"


def _listed(pairs: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Names and values, the values in a column."""
    width = min(_WIDTH, max(_NAMES, *(len(name) for name, _ in pairs)))
    for name, value in pairs:
        yield f"  {name:<{width}}  {value}"


def counted(numbers: Mapping[str, int]) -> str:
    """Numbers with their names, such as `"3 parked, 1 rejected"`."""
    return ", ".join(f"{number} {name}" for name, number in numbers.items())


class Progress:
    """A bar that shows how much is done, where somebody looks at a terminal; nothing elsewhere."""

    def __init__(self, total: int, stream: TextIO | None = None) -> None:
        self._total = total
        self._done = 0
        self._stream = sys.stderr if stream is None else stream
        self._is_shown = total > 0 and self._stream.isatty()

    def step(self) -> None:
        """Count one more."""
        self._done += 1
        if self._is_shown:
            filled = min(_WIDTH, _WIDTH * self._done // self._total)
            self._stream.write(f"\r[{'#' * filled}{'.' * (_WIDTH - filled)}] {self._done} of {self._total}")
            self._stream.flush()

    def clear(self) -> None:
        """Leave the line to others."""
        if self._is_shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


def _iso(time: datetime | None) -> str | None:
    return None if time is None else as_shown(database(), time).isoformat()
