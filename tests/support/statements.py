"""Counts the statements that a call sends to a database."""

from __future__ import annotations

from collections.abc import Callable

from django.db import connections
from django.test.utils import CaptureQueriesContext

#: What begins or ends a transaction, and what a connection does once, to prepare statements.
_OTHERS = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "PREPARE", "SELECT pg_backend_pid")


def count_statements(alias: str, call: Callable[[], object]) -> int:
    """How many statements a call takes, without those that begin or end transactions, or prepare statements."""
    with CaptureQueriesContext(connections[alias]) as captured:
        call()
    return sum(not query["sql"].startswith(_OTHERS) for query in captured.captured_queries)
