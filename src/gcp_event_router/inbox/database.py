"""Chooses the inbox's database."""

from __future__ import annotations

from django.db import router

from .. import conf
from .models import StoredEvent


def database() -> str:
    """Return the alias of the inbox's database; never a replica."""
    return conf.current().INBOX.DATABASE or router.db_for_write(StoredEvent)
