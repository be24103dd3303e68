"""Wakes the workers that wait, by NOTIFY on PostgreSQL."""

from __future__ import annotations

from typing import Final

from django.db import connections

from .. import conf

#: The channel on which workers listen.
CHANNEL: Final = "gcp_event_inbox"
#: An expression that wakes workers, once the transaction is committed.
NOTIFICATION: Final = f"pg_notify('{CHANNEL}', '')"


def is_on() -> bool:
    """Whether workers are to be woken."""
    return conf.current().INBOX.NOTIFY


def wake_workers(alias: str) -> None:
    """Wake the workers that wait, once the transaction is committed. On other databases, do nothing."""
    if connections[alias].vendor == "postgresql" and is_on():
        with connections[alias].cursor() as cursor:
            cursor.execute(f"SELECT {NOTIFICATION}")
