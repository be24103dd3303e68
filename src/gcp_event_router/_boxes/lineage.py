"""Finds the events that caused an event, and those that it caused, in both boxes, which do not know each other."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol

#: How many causes are followed, and how many events are listed that an event caused.
_MOST_CAUSES: Final = 10
MOST_RELATIVES: Final = 20


class Relative(NamedTuple):
    """An event in one of the boxes. All texts are for people."""

    #: The name of the box.
    box: str
    text: str
    #: Its page in the admin; "" without one.
    url: str
    time: datetime
    #: The id of the event that caused it, or "".
    cause: str = ""
    #: Its state, if it has a single one.
    state: str = ""
    label: str = ""


class Relatives(Protocol):
    """What a box knows. Each look-up uses an index, and finds at most `MOST_RELATIVES` and one more."""

    #: Who may see the events.
    permission: str

    def find(self, ids: Collection[str]) -> Sequence[Relative]:
        """Find the events with one of these ids."""
        ...

    def caused_by(self, ids: Collection[str]) -> Sequence[Relative]:
        """Find the events whose cause has one of these ids, the newest first."""
        ...


class Cause(NamedTuple):
    """An id that an event names as its cause, and the events with this id."""

    id: str
    events: Sequence[Relative]


_boxes: Final[dict[str, Callable[[], Relatives]]] = {}


def register(name: str, load: Callable[[], Relatives]) -> None:
    """Let others find the events of a box, through what `load` returns."""
    _boxes[name] = load


def causes_of(cause: str, user: Any) -> list[Cause]:
    """List the cause of an event, the cause of that one, and so on; of the events only those that a user may see."""
    boxes = _visible(user)
    causes: list[Cause] = []
    known = {""}
    while cause not in known and len(causes) < _MOST_CAUSES:
        known.add(cause)
        events = [event for box in boxes for event in box.find([cause])]
        causes.append(Cause(cause, events))
        cause = next((event.cause for event in events if event.cause not in known), "")
    return causes


def effects_of(ids: Collection[str | None], user: Any) -> tuple[list[Relative], bool]:
    """List the events that a user may see and an event with these ids caused, and whether there are more."""
    known = [event_id for event_id in ids if event_id]
    events = [event for box in _visible(user) for event in box.caused_by(known)] if known else []
    return events[:MOST_RELATIVES], len(events) > MOST_RELATIVES


def _visible(user: Any) -> list[Relatives]:
    return [box for box in (load() for load in _boxes.values()) if user.has_perm(box.permission)]
