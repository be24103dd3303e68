"""The database's clock, in expressions: the one clock that all workers have in common. Called by all that asks for a time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.db.models import DateTimeField, ExpressionWrapper
from django.db.models.functions import Now

__all__ = ["LONGEST", "ago", "ahead"]

#: Further away than any project looks, and not too far for any database, nor for Python.
LONGEST: Final = timedelta(days=36_500)


def ahead(time: timedelta) -> ExpressionWrapper[Any]:
    """When so much time will have passed; `LONGEST` at the most."""
    return ExpressionWrapper(Now() + min(time, LONGEST), output_field=DateTimeField())


def ago(time: timedelta) -> ExpressionWrapper[Any]:
    """When so much time had not passed yet; as above."""
    return ExpressionWrapper(Now() - min(time, LONGEST), output_field=DateTimeField())
