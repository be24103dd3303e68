"""Says which command creates the tables that a box lacks."""

from __future__ import annotations

from django.db import DEFAULT_DB_ALIAS


def tables_to_create(alias: str, box: str, app: str) -> str:
    """Name the database without the tables of a box, and the command that creates them."""
    option = "" if alias == DEFAULT_DB_ALIAS else f" --database {alias}"
    return f"The database {alias!r} lacks the tables of the {box}. Create them: manage.py migrate {app}{option}"
