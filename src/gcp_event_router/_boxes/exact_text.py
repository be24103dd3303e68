"""Makes texts that every database stores, and lets MySQL and MariaDB store any text, and compare it exactly."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

# ruff: noqa: S608 -- the names of the tables are our own


#: The most characters of an id, as in its column.
_LENGTH: Final = 255
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def ascii_text(text: str) -> str:
    """Shorten a text to the length of its column, and escape characters outside of printable ASCII."""
    escaped = text[:_LENGTH].encode("ascii", "backslashreplace").decode()
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", escaped)[:_LENGTH]


def compare_exactly(connection: BaseDatabaseWrapper, tables: Sequence[str]) -> None:
    """Let the text columns of tables store any character, and compare exactly, on MySQL and MariaDB; others do so already.

    The default collations ignore case, accents and trailing spaces, and the character set may be limited to three bytes.
    """
    if connection.vendor != "mysql":
        return
    server: Any = connection
    collation = "utf8mb4_nopad_bin" if server.mysql_is_mariadb else "utf8mb4_0900_bin"
    with connection.cursor() as cursor:
        for name in tables:
            cursor.execute(f"ALTER TABLE {name} CONVERT TO CHARACTER SET utf8mb4 COLLATE {collation}")


def inexact_columns(alias: str, tables: Sequence[str]) -> list[str]:
    """List the columns of tables on MySQL or MariaDB that do not compare exactly, if our migration did not create the tables."""
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = DATABASE()"
            f" AND table_name IN ({', '.join(['%s'] * len(tables))})"
            " AND collation_name NOT IN ('utf8mb4_nopad_bin', 'utf8mb4_0900_bin') ORDER BY table_name, ordinal_position",
            list(tables),
        )
        return [f"{table}.{column}" for table, column in cursor.fetchall()]


def variables(alias: str) -> tuple[str, str, int, int]:
    """Return the character set, SQL mode and largest packet of a session, and the difference of its clock from UTC in seconds."""
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT @@character_set_client, @@sql_mode, @@max_allowed_packet, TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), NOW())"
        )
        charset, mode, packet, ahead = cursor.fetchone()
    return str(charset), str(mode), int(packet), int(ahead)
