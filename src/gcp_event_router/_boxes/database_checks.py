"""System checks of a box's database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as Warn
from django.db import connections, transaction

from .. import _check_ids as check_ids
from .conflicts import AWAY
from .exact_text import inexact_columns, variables


@dataclass(frozen=True, slots=True)
class BoxTerms:
    """The words of a box for messages."""

    #: Such as `"inbox"`.
    name: str
    #: The end of "Nobody commits what it writes, and ...".
    uncommitted: str
    #: The middle of "Of several ..., some ... immediately instead of waiting for the others".
    overlapping: str
    refused: str
    #: The end of "The collation ignores case, so that ...".
    confused: str
    #: The end of "One of these letters ...".
    misspelt: str


def check_rows(
    alias: str, databases: Sequence[str] | None, *looks: Callable[[str], Iterator[CheckMessage]]
) -> list[CheckMessage]:
    """Look at the rows of a box, if its database is one of those to check."""
    if alias not in (databases or ()):
        return []
    try:
        with transaction.atomic(using=alias):
            return [message for look in looks for message in look(alias)]
    except AWAY:  # such as before the first migration, which the check of the tables reports
        return []


def check_settings(alias: str, box: BoxTerms) -> Iterator[CheckMessage]:
    """Check the settings of a box's database."""
    options = settings.DATABASES[alias].get("OPTIONS", {})
    if not settings.DATABASES[alias].get("AUTOCOMMIT", True):
        yield Error(
            f"Autocommit is off for the database {alias!r}, so nobody commits what the {box.name} writes, and {box.uncommitted}.",
            hint=f"Remove AUTOCOMMIT from DATABASES[{alias!r}].",
            id=check_ids.WITHOUT_AUTOCOMMIT,
        )
    if connections[alias].vendor == "sqlite" and options.get("transaction_mode") not in {"IMMEDIATE", "EXCLUSIVE"}:
        yield Warn(
            f"The {box.name} is in the SQLite database {alias!r} without IMMEDIATE transactions, "
            f"so of several {box.overlapping} at once, some {box.refused} immediately instead of waiting for the others.",
            hint=f'Write "OPTIONS": {{"transaction_mode": "IMMEDIATE"}} in DATABASES[{alias!r}].',
            id=check_ids.SQLITE_TRANSACTIONS,
        )


def check_collation(alias: str, box: BoxTerms, tables: Sequence[str]) -> Iterator[CheckMessage]:
    """Check that MySQL or MariaDB compares the texts in a box's tables exactly."""
    if inexact := inexact_columns(alias, tables):
        yield Error(
            f"In the database {alias!r} the collation of {', '.join(inexact)} ignores differences, such as case, "
            f"so that {box.confused}.",
            hint=f"Create the tables by the {box.name}'s own migration, or convert them to utf8mb4 and the collation "
            "utf8mb4_nopad_bin (MariaDB) or utf8mb4_0900_bin (MySQL).",
            id=check_ids.INEXACT_COLLATION,
        )


def check_session(alias: str, box: BoxTerms) -> Iterator[CheckMessage]:
    """Check the sessions of MySQL or MariaDB."""
    charset, mode, _, ahead = variables(alias)
    if charset != "utf8mb4":
        yield Warn(
            f"The connection to the database {alias!r} has the character set {charset}, which lacks letters that utf8mb4 has: "
            f"one of these {box.misspelt}.",
            hint=f'Write "OPTIONS": {{"charset": "utf8mb4"}} in DATABASES[{alias!r}].',
            id=check_ids.MYSQL_CHARSET,
        )
    if not {"STRICT_TRANS_TABLES", "STRICT_ALL_TABLES"} & set(mode.split(",")):
        yield Warn(
            f"The SQL mode of the database {alias!r} is {mode!r}, which is not strict: it changes what it cannot store, "
            "and says nothing.",
            hint=f"""Write "OPTIONS": {{"init_command": "SET sql_mode = 'STRICT_TRANS_TABLES'"}} in DATABASES[{alias!r}].""",
            id=check_ids.MYSQL_MODE,
        )
    if ahead:
        yield Warn(
            f"The clock of sessions of the database {alias!r} is {abs(ahead)} seconds "
            f"{'ahead of' if ahead > 0 else 'behind'} UTC, and the {box.name} goes by it: "
            "times are shown wrong, and leases end early or late when summer time ends or begins.",
            hint=f"""Write "OPTIONS": {{"init_command": "SET time_zone = '+00:00'"}} in DATABASES[{alias!r}].""",
            id=check_ids.MYSQL_TIME_ZONE,
        )
