"""What MySQL and MariaDB need beside the ORM: columns that compare exactly, long bodies in parts, and settings that lose nothing.

Called by the first migration, by `claims` and by `checks`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, cast

from django.db import DatabaseError, InterfaceError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BinaryField, F, Func, IntegerField, Value

from .models import DELIVERIES, EVENTS, StoredEvent

__all__ = [
    "FREE",
    "PART",
    "append_parts",
    "compare_exactly",
    "inexact_columns",
    "insert_body",
    "largest_body",
    "packet_that_is_too_short",
    "variables",
]

#: Bytes of a body that one statement takes. Escaped they are twice as many, and a statement is one packet.
PART: Final = 4 * 1024 * 1024
#: Bytes of a packet that are left for all else of an event.
FREE: Final = 1024 * 1024


def compare_exactly(connection: BaseDatabaseWrapper) -> None:
    """Have all text of the inbox take any letter, and be the same only if each letter and each space is.

    The default collations ignore case, accents and spaces at the end, and the character set may know three bytes a letter.
    """
    collation = "utf8mb4_nopad_bin" if _is_mariadb(connection) else "utf8mb4_0900_bin"
    with connection.cursor() as cursor:
        for name in (EVENTS, DELIVERIES):
            cursor.execute(f"ALTER TABLE {name} CONVERT TO CHARACTER SET utf8mb4 COLLATE {collation}")


def _is_mariadb(connection: Any) -> bool:
    return bool(connection.mysql_is_mariadb)


def inexact_columns(alias: str) -> list[str]:
    """The columns of the inbox that do not compare exactly, as of tables that were not made by its migration."""
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = DATABASE()"
            " AND table_name IN (%s, %s) AND collation_name NOT IN ('utf8mb4_nopad_bin', 'utf8mb4_0900_bin')"
            " ORDER BY table_name, ordinal_position",
            [EVENTS, DELIVERIES],
        )
        return [f"{table}.{column}" for table, column in cursor.fetchall()]


def variables(alias: str) -> tuple[str, str, int, int]:
    """The character set, SQL mode and largest packet of a session, and by how many seconds its clock differs from UTC."""
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT @@character_set_client, @@sql_mode, @@max_allowed_packet, TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), NOW())"
        )
        charset, mode, packet, ahead = cursor.fetchone()
    return str(charset), str(mode), int(packet), int(ahead)


def largest_body(packet: int) -> int:
    """How long a body may be where a packet is so long: its parts are sent escaped, and then put together."""
    return packet - FREE if packet >= 2 * PART + FREE else (packet - FREE) // 2


def packet_that_is_too_short(alias: str, length: int) -> int:
    """The largest packet of a database that could not keep a body of some length, if it is too short for that; else 0."""
    connection = connections[alias]
    if connection.vendor != "mysql" or connection.in_atomic_block:
        return 0
    connection.close()  # as the server has done, if it was sent too much
    try:
        packet = variables(alias)[2]
    except (DatabaseError, InterfaceError):
        return 0
    return packet if length > largest_body(packet) else 0


def insert_body(alias: str, row: StoredEvent) -> None:
    """Insert an event unless it is there, whose body may be too long for one statement; inside a transaction."""
    whole = bytes(row.body)
    row.body = whole[:PART]
    try:
        StoredEvent.objects.using(alias).bulk_create([row], ignore_conflicts=True)
    finally:
        row.body = whole
    append_parts(alias, row)


def append_parts(alias: str, row: StoredEvent) -> None:
    """Append what is missing of the body of an event that has the first part of it; inside a transaction."""
    whole = bytes(row.body)
    number, binary = cast("Any", IntegerField()), cast("Any", BinaryField())
    length = Func(F("body"), function="LENGTH", output_field=number)
    # one that was there has all of its body, and so is left as it is
    mine = StoredEvent.objects.using(alias).filter(pk=row.pk, digest=row.digest).alias(length=length)
    for start, part in _parts(whole):
        longer = Func(F("body"), Value(part, binary), function="CONCAT", output_field=binary)
        mine.filter(length=start).update(body=longer)


def _parts(body: bytes) -> Iterator[tuple[int, bytes]]:
    for start in range(PART, len(body), PART):
        yield start, body[start : start + PART]
