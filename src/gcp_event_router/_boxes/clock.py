"""The database's clock, which all workers share.

With `USE_TZ = False`, times have no zone. Even then, SQLite's clock is in UTC, while Python's is in `TIME_ZONE`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import connections
from django.db.models import DateTimeField, ExpressionWrapper
from django.db.models.functions import Now
from django.utils import timezone

#: Longer than any project needs, and short enough for every database and for Python.
LONGEST: Final = timedelta(days=36_500)


def ahead(time: timedelta) -> ExpressionWrapper[Any]:
    """The time after a timedelta of at most `LONGEST`."""
    return ExpressionWrapper(Now() + min(time, LONGEST), output_field=DateTimeField())


def ago(time: timedelta) -> ExpressionWrapper[Any]:
    """The time before a timedelta of at most `LONGEST`."""
    return ExpressionWrapper(Now() - min(time, LONGEST), output_field=DateTimeField())


def at(time: datetime) -> ExpressionWrapper[Any]:
    """An aware time of somebody else's, by the database's clock: other than a parameter, it fits columns without zones."""
    return ago(datetime.now(UTC) - time)


def now(alias: str) -> datetime:
    """Return the time by the database's clock, as it would be read from a row, to compute ages."""
    if connections[alias].vendor == "mysql":  # its clock is in the session's time zone, which is unknown
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT CURRENT_TIMESTAMP(6)")
            time: datetime = cursor.fetchone()[0]
        return timezone.make_aware(time, UTC) if settings.USE_TZ else time
    if _is_naive_utc(alias):
        return timezone.make_naive(datetime.now(UTC), UTC)
    return timezone.now()


def as_shown(alias: str, time: datetime) -> datetime:
    """Convert a time from a row for people."""
    if _is_naive_utc(alias):
        return timezone.make_naive(time.replace(tzinfo=UTC), timezone.get_default_timezone())
    return time


def shown(time: datetime) -> datetime | str:
    """Return an aware time of somebody else's for people: as text, if it is so near the limits that it has no local time."""
    try:
        timezone.localtime(time)
    except OverflowError:
        return time.isoformat()
    return time


def _is_naive_utc(alias: str) -> bool:
    return not settings.USE_TZ and connections[alias].vendor == "sqlite"
