"""Adapts the inbox to MySQL and MariaDB: long bodies in parts, and variables to check."""

from __future__ import annotations

from typing import Any, Final, cast

from django.db import DatabaseError, InterfaceError, connections
from django.db.models import F, Func, IntegerField, Value

from .._boxes.exact_text import variables
from .models import StoredEvent

#: The bytes of a body in one statement. Escaping may double them, and a statement has to fit into one packet.
PART: Final = 4 * 1024 * 1024
#: The bytes of a packet for the rest of an event.
FREE: Final = 1024 * 1024


def largest_body(packet: int) -> int:
    """Return the longest body for a packet size: its parts are escaped, and the server concatenates them."""
    return packet - FREE if packet >= 2 * PART + FREE else (packet - FREE) // 2


def packet_that_is_too_short(alias: str, length: int) -> int:
    """Return the largest packet of a database, if it is too short for a body of some length; otherwise 0."""
    connection = connections[alias]
    if connection.vendor != "mysql" or connection.in_atomic_block:
        return 0
    connection.close()  # as the server does after a packet that is too long
    try:
        packet = variables(alias)[2]
    except (DatabaseError, InterfaceError):
        return 0
    return packet if length > largest_body(packet) else 0


def insert_body(alias: str, row: StoredEvent) -> None:
    """Insert an event with a long body unless it exists; inside a transaction."""
    whole = bytes(row.body)
    row.body = whole[:PART]
    try:
        StoredEvent.objects.using(alias).bulk_create([row], ignore_conflicts=True)
    finally:
        row.body = whole
    append_parts(alias, row)


def append_parts(alias: str, row: StoredEvent) -> None:
    """Append the missing parts to the body of an event that has the first part; inside a transaction."""
    body = bytes(row.body)
    length = Func(F("body"), function="LENGTH", output_field=cast("Any", IntegerField()))
    # an event that existed before has its whole body, and stays unchanged
    mine = StoredEvent.objects.using(alias).filter(pk=row.pk, digest=row.digest).alias(length=length)
    for start in range(PART, len(body), PART):
        longer = Func(F("body"), Value(body[start : start + PART]), function="CONCAT")
        mine.filter(length=start).update(body=longer)
