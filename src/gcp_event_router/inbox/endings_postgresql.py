"""Statements for PostgreSQL with which a run ends as done, together with COMMIT, if its transaction is marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from .._boxes.clock import LONGEST
from .._boxes.states import State
from .errors import RolledBackError
from .leases import Claim
from .marks import SETTING
from .messages import send, unwatched
from .models import DELIVERIES, KEYS
from .prepared import Statement, binds_on_client, fetch, has, sql_of

# ruff: noqa: S608 -- the names and states in the statements are our own; values are parameters
_FINISH = f"""
UPDATE {DELIVERIES} AS delivery
SET state = '{State.DONE}', finished_at = statement_timestamp(), token = NULL, lease_until = NULL, running_digest = NULL,
    error_type = '', error = '', error_text = ''
"""
# If another delivery has taken the key, the caller undoes the end of its delivery.
_WIN_KEY = f"""
won AS (
    UPDATE {KEYS}
    SET token = NULL, lease_until = NULL, done_at = statement_timestamp(),
        kept_until = statement_timestamp() + make_interval(secs => %s)
    WHERE id = %s AND token = %s::uuid
    RETURNING text
)
"""
_BEGIN_NEXT = f"""
begun AS (
    UPDATE {DELIVERIES} SET started_at = statement_timestamp(), lease_until = statement_timestamp() + make_interval(secs => %s)
    WHERE id = %s AND token = %s::uuid
    RETURNING id
)
"""
_MARK = f"nullif(current_setting('{SETTING}', true), '')"  # the token
_NO_MARK: Final = "gcp_event_router: the transaction has ended before"
_NOT_HELD: Final = "gcp_event_router: another worker has the claim"
# If a marked run may not end as done, this is an error: the transaction is undone, even if the message goes on with COMMIT.
_IS_ENDED = f"CASE WHEN {_MARK} IS NULL THEN '{_NO_MARK}' WHEN count(*) = 0 THEN '{_NOT_HELD}' ELSE '1' END::integer"


class Ending(NamedTuple):
    """The statement that ends a run as done; it returns the next delivery, if it begins that one."""

    plain: Statement
    #: In a transaction that is marked with the claim's token.
    marked: Statement

    @classmethod
    def make(cls, also: str = "", changes: str = "", following: str = "NULL") -> Ending:
        """Make the statements from what they do in addition."""
        end = f"{_FINISH}{changes} WHERE delivery.id = %s"
        return cls(
            Statement(f"{also and f'WITH {also}'}{end} AND delivery.token = %s::uuid RETURNING {following}"),
            Statement(
                f"WITH {also and f'{also}, '}ended AS ({end} AND delivery.token = {_MARK}::uuid RETURNING 1) "
                f"SELECT {_IS_ENDED}, {following} FROM ended"
            ),
        )


END = Ending.make()
END_WITH_KEY = Ending.make(_WIN_KEY, ", once_key = won.text FROM won")
END_AND_BEGIN = Ending.make(_BEGIN_NEXT, following="(SELECT id FROM begun)")


def finish(alias: str, held: Claim) -> bool:
    """Do `endings.finish`."""
    ending, parameters = _ending(held)
    rows = fetch(alias, ending.plain, [*parameters, held.delivery, str(held.token)])
    if rows and held.successor is not None:
        held.successor.is_begun = rows[0][0] is not None
    return bool(rows)


def finish_marked(alias: str, held: Claim, *, commit: bool) -> bool:
    """Do the same in a transaction that is marked with the claim's token, and commit it, if that takes no message of its own.

    If it returns False or raises an error, the transaction is undone. Raises `RolledBackError` if it is not marked any more.
    """
    connection = connections[alias]
    ending, parameters = _ending(held)
    try:
        begun = _execute_and_commit(connection, ending.marked, [*parameters, held.delivery], commit=commit)
    except DatabaseError as error:
        if _NOT_HELD in str(error):
            return False
        if _NO_MARK in str(error):
            raise RolledBackError from None
        raise
    if held.successor is not None:
        held.successor.is_begun = begun
    return True


def _ending(held: Claim) -> tuple[Ending, list[Any]]:
    """Choose the statement that ends a run, with the parameters of what it does in addition."""
    if held.key is not None:
        return END_WITH_KEY, [min(held.key.kept_for, LONGEST).total_seconds(), held.key.number, str(held.token)]
    if held.successor is not None:
        following = held.successor
        return END_AND_BEGIN, [following.lease.total_seconds(), following.delivery, str(following.token)]
    return END, []


def _execute_and_commit(
    connection: BaseDatabaseWrapper, statement: Statement, parameters: Sequence[Any], *, commit: bool
) -> bool:
    """Execute the end of a run, together with COMMIT if that is possible. Returns whether it has begun the next delivery."""
    raw = unwatched(connection) if commit and has(connection, statement) else None
    if raw is not None:
        values = ", ".join(f"'{value}'" for value in parameters)  # numbers and UUIDs
        with connection.wrap_database_errors:
            ended, _ = send(raw, f"EXECUTE {statement.name}({values}); COMMIT")
        return ended.get_value(0, 1) is not None
    sql = sql_of(connection, statement)
    if commit and binds_on_client(connection) and not connection.execute_wrappers:  # which may read the last result
        sql += "; COMMIT"
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone()[1] is not None
