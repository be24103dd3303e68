"""Repeats statements whose transaction the database has undone because of a conflict.

After a serialization failure or a deadlock, one of the transactions has to start again. If it is one of the inbox's own, the
sender does not notice.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from random import uniform
from time import sleep
from typing import Concatenate, Final, ParamSpec, TypeVar

from django.db import DatabaseError, InterfaceError, connections

from ..exceptions import ConfigurationError
from .stored_errors import is_conflict

P = ParamSpec("P")
T = TypeVar("T")

#: The exceptions of a box's own statements, if the database is unavailable or refuses them.
AWAY: Final = (DatabaseError, InterfaceError)
#: The number of attempts.
TRIES: Final = 8


def retry_conflicts(function: Callable[Concatenate[str, P], T]) -> Callable[Concatenate[str, P], T]:
    """Call a function of a database's alias again after a conflict, unless it is in a transaction, which is gone then.

    The function raises `ConfigurationError` on a connection without autocommit outside an atomic block: nobody would commit its
    writes, so acknowledged events would be lost.
    """

    @wraps(function)
    def call(alias: str, /, *args: P.args, **kwargs: P.kwargs) -> T:
        refuse_uncommitted(alias)
        for tried in range(1, TRIES):
            try:
                return function(alias, *args, **kwargs)
            except DatabaseError as error:
                if not is_conflict(error) or not connections[alias].get_autocommit():
                    raise
            make_way(tried)
        return function(alias, *args, **kwargs)

    return call


def refuse_uncommitted(alias: str) -> None:
    """Raise `ConfigurationError` on a connection without autocommit outside an atomic block."""
    connection = connections[alias]
    if not connection.in_atomic_block and not connection.get_autocommit():
        msg = (
            f"Autocommit is off for the database {alias!r}, outside of any atomic block, so nobody commits what is written "
            "there. Remove AUTOCOMMIT from its settings, and write transaction.atomic() instead of set_autocommit(False)."
        )
        raise ConfigurationError(msg)


def make_way(tried: int) -> None:
    """Wait for the other transactions: a random time of some milliseconds, longer each time."""
    sleep(uniform(0, min(0.01 * 2**tried, 0.3)))  # noqa: S311 -- not a secret
