"""A router whose registrations come and go within a test."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from ..router import EventRouter, events

__all__ = ["isolated"]


@contextmanager
def isolated(router: EventRouter = events, *, empty: bool = False) -> Generator[EventRouter]:
    """Within a `with`, or in a function that it decorates, let registrations come and go; after it, all is as before.

    Args:
        router: `events`, or one of your own.
        empty: Begin without any registration.

    """
    with router.isolated(empty=empty) as scope:
        yield scope
