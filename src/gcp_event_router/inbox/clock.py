"""The database's clock: the one clock that all workers have in common. Called by all that asks for a time, or shows one.

With `USE_TZ = False`, times have no zone. SQLite's clock is in UTC all the same, and not in `TIME_ZONE` as Python's.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import connections
from django.db.models import DateTimeField, ExpressionWrapper
from django.db.models.functions import Now
from django.utils import timezone

__all__ = ["LONGEST", "ago", "ahead", "as_kept", "as_shown", "now"]

#: Further away than any project looks, and not too far for any database, nor for Python.
LONGEST: Final = timedelta(days=36_500)


def ahead(time: timedelta) -> ExpressionWrapper[Any]:
    """When so much time will have passed; `LONGEST` at the most."""
    return ExpressionWrapper(Now() + min(time, LONGEST), output_field=DateTimeField())


def ago(time: timedelta) -> ExpressionWrapper[Any]:
    """When so much time had not passed yet; as above."""
    return ExpressionWrapper(Now() - min(time, LONGEST), output_field=DateTimeField())


def now(alias: str) -> datetime:
    """The time by the database's clock, as it would be read from a row; what ages are counted from."""
    if connections[alias].vendor == "mysql":  # its clock is in the session's time zone, which nobody here knows
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT CURRENT_TIMESTAMP(6)")
            found: datetime = cursor.fetchone()[0]
        return timezone.make_aware(found, UTC) if settings.USE_TZ else found
    return as_kept(alias, timezone.now())


def as_shown(alias: str, time: datetime) -> datetime:
    """A time that was read from a row, as people are to see it."""
    if not _is_in_utc(alias):
        return time
    return timezone.make_naive(time.replace(tzinfo=UTC), timezone.get_default_timezone())


def as_kept(alias: str, time: datetime) -> datetime:
    """A time on the clock on the wall, as it would be read from a row."""
    if not _is_in_utc(alias):
        return time
    return timezone.make_naive(timezone.make_aware(time, timezone.get_default_timezone()), UTC)


def _is_in_utc(alias: str) -> bool:
    return not settings.USE_TZ and connections[alias].vendor == "sqlite"
