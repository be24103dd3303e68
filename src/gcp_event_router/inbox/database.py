"""Which database has the inbox."""

from __future__ import annotations

from django.db import router

from .. import conf
from .models import StoredEvent

__all__ = ["database"]


def database() -> str:
    """The alias of the database that has the inbox; never one that is only read."""
    return conf.current().INBOX.DATABASE or router.db_for_write(StoredEvent)
