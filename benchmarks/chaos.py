"""Sends a thousand events, three copies of each, to four processes while killing them; run by `make chaos`.

It prints the deliveries and their results, and exits with 1 if an event had no effect, or had it twice. PostgreSQL and MariaDB
are real servers, and so is gunicorn; SIGKILL ends one of its processes at random moments.
"""

from __future__ import annotations

# ruff: noqa: E402 -- Django's settings come before its imports
import argparse
import sys
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import django
from django.conf import settings
from tests.support import mariadb

settings.configure(
    SECRET_KEY="not secret",
    INSTALLED_APPS=["gcp_event_router", "gcp_event_router.inbox", "tests.effects"],
    DATABASES={
        "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
        "postgresql": {"ENGINE": "django.db.backends.postgresql", "NAME": "postgres", "USER": "postgres"},
        "mariadb": {
            "ENGINE": "django.db.backends.mysql",
            "NAME": mariadb.DATABASE,
            "USER": "root",
            "OPTIONS": {"init_command": "SET sql_mode = 'STRICT_TRANS_TABLES', time_zone = '+00:00'"},
        },
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
    GCP_EVENT_ROUTER={"AUTHENTICATION": []},
)
django.setup()

from django.core.management import call_command
from django.db import connections
from tests.support import postgres
from tests.support.chaos import PROCESSES, run


def main() -> int:
    """Print the figures; returns 1 if they are wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument("--copies", type=int, default=3)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, help="decides the order of the copies, and when processes are killed")
    parser.add_argument("--database", choices=["postgresql", "mariadb"], action="append", help="this one alone; else both")
    options = vars(parser.parse_args())
    aliases = options.pop("database") or ["postgresql", "mariadb"]
    unsound = [alias for alias in aliases if not _is_sound(alias, **options)]
    return 1 if unsound else 0


def _is_sound(alias: str, **options: Any) -> bool:
    """Print the figures of one database; returns whether they are right, or the database cannot run here."""
    if alias == "mariadb" and (lacks := mariadb.missing()):
        print(f"skipped: {lacks}")
        return True
    with ExitStack() as stack:
        host = stack.enter_context(mariadb.server()).host if alias == "mariadb" else stack.enter_context(postgres.server())
        connections[alias].settings_dict["HOST"] = host
        try:
            call_command("migrate", database=alias, run_syncdb=True, verbosity=0)
            figures = run(alias, **options)
        finally:
            connections[alias].close()
    print(f"{'database':<20} {alias}\n{'processes':<20} {PROCESSES}")
    answers = ", ".join(f"{status or 'none'}: {count}" for status, count in figures.answers.items())
    for name, value in (asdict(figures) | {"answers": answers, "seconds": f"{figures.seconds:.1f}"}).items():
        print(f"{name.replace('_', ' '):<20} {value}")
    print("each took effect once\n" if figures.is_sound else "NOT each took effect once\n", flush=True)
    return figures.is_sound


if __name__ == "__main__":
    sys.exit(main())
