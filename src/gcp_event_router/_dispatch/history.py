"""What may tell which deliveries there were lately: the inbox does, where it is installed. The catalogue asks it.

The core knows nothing of what is kept; `tell_from` is how the one that does makes itself known.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from .._globs.glob import Glob

__all__ = ["Delivered", "History", "history", "tell_from"]


class Delivered(NamedTuple):
    """One event on its way to one handler; nothing of its payload."""

    #: Such as `"done"`: lower case letters.
    state: str
    #: The same for people.
    label: str
    kind: str
    reference: str
    #: Its name; empty for an event that could not be read.
    handler: str
    attempts: int
    max_attempts: int
    received_at: datetime
    #: Of the page that says more; empty where there is none.
    url: str


class History(Protocol):
    """Tells the last deliveries. All of it may block."""

    #: What somebody needs to be told, for people.
    permission: str

    def may_view(self, user: object) -> bool:
        """Whether a user, as a request has one, may be told."""
        ...

    def last(self, kind: Glob, kind_only: str | None, handlers: Collection[str] | None, most: int) -> Sequence[Delivered]:
        """The last deliveries, from the newest.

        Args:
            kind: Of which kinds.
            kind_only: The kind, if there is only one that fits; of others, some that are long past may not be told.
            handlers: The names of those of which deliveries are told; None for all.
            most: How many.

        Raises `django.db.DatabaseError` if they cannot be read now.

        """
        ...


_history: History | None = None


def tell_from(found: History | None) -> None:
    """Have deliveries told by `found` from now on; None for nobody. Called by the app of the inbox."""
    global _history  # noqa: PLW0603 -- one of a process, as its settings are
    _history = found


def history() -> History | None:
    """Who tells of deliveries; called by the catalogue."""
    return _history
