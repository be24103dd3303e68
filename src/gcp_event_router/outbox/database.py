"""Chooses the outbox's database."""

from __future__ import annotations

from django.db import router

from .. import conf
from .models import OutgoingEvent


def database() -> str:
    """Return the alias of the outbox's database; never a replica."""
    return conf.current().OUTBOX.DATABASE or router.db_for_write(OutgoingEvent)
