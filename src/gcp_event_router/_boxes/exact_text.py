"""Lets MySQL and MariaDB store any text, and compare it exactly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

# ruff: noqa: S608 -- the names of the tables are our own


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
