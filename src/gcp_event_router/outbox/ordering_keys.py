"""The ordering keys in use on MySQL and MariaDB, which lack locks that end with a transaction, other than those of rows."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db import connections

from .._boxes.batches import delete_all
from .._boxes.clock import ago
from .models import ORDERING, OrderingKey


def lock(alias: str, digest: UUID) -> None:
    """Lock an ordering key until the end of the transaction, on MySQL or MariaDB."""
    with connections[alias].cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {ORDERING} (digest, used_at) VALUES (%s, CURRENT_TIMESTAMP(6))"  # noqa: S608 -- our own name
            " ON DUPLICATE KEY UPDATE used_at = CURRENT_TIMESTAMP(6)",
            [OrderingKey._meta.pk.get_db_prep_value(digest, connections[alias])],  # noqa: SLF001 -- Django's own public name
        )


def purge_ordering_keys(alias: str, older_than: timedelta, batch: int = 1000) -> int:
    """Delete the keys that have not been used for a time, and that no transaction has locked. Returns how many."""
    return delete_all(OrderingKey.objects.using(alias).filter(used_at__lt=ago(older_than)), batch)
