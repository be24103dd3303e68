"""Kills processes at random moments while they deliver events, and looks what took effect; run by `make chaos`.

First the inbox: a thousand events, three copies of each, to four processes of gunicorn, on PostgreSQL and on MariaDB. Then
workers, which run ten thousand deferred deliveries in batches of fifty, on PostgreSQL. Then the whole way: five thousand
transactions publish, relays send to Google's emulator, which pushes to a server, and workers handle the events, while one
process after the other is killed and PostgreSQL is restarted. It prints the figures, and exits with 1 if an event had no effect,
had it twice, or out of order.
"""

from __future__ import annotations

# ruff: noqa: E402 -- Django's settings come before its imports
import argparse
import json
import sys
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent / "example")]

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
from tests.support.chaos import Figures, run
from tests.support.relay_chaos import RelayFigures, run_relays
from tests.support.worker_chaos import WorkerFigures, run_workers

import local_pubsub

#: The parts: databases that take events from a server, workers, and the whole way.
PARTS = ("postgresql", "mariadb", "workers", "relays")


def main() -> int:
    """Print the figures; returns 1 if they are wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument("--copies", type=int, default=3)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, help="decides the order of the copies, and when processes are killed")
    parser.add_argument("--only", choices=PARTS, action="append", help="this part alone")
    parser.add_argument("--deferred", type=int, default=10_000, help="how many deferred deliveries, for the workers")
    parser.add_argument("--published", type=int, default=5000, help="how many transactions publish, for the relays")
    parser.add_argument("--restarts", type=int, default=5, help="how often PostgreSQL is restarted, for the relays")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = parser.parse_args()
    all_figures: dict[str, dict[str, Any]] = {}
    for part in options.only or PARTS:
        lacks = _lacks(part)
        if lacks:
            print(f"{part}: skipped: {lacks}\n", flush=True)
            continue
        figures = _figures(part, options)
        all_figures[part] = {**asdict(figures), "is_sound": figures.is_sound}
        print(part)
        for name, value in asdict(figures).items():
            print(f"{name.replace('_', ' '):<20} {_words(value)}")
        print("each took effect once\n" if figures.is_sound else "NOT each took effect once\n", flush=True)
    if options.json is not None:
        options.json.write_text(json.dumps(all_figures, indent=1) + "\n")
    return 0 if all(figures["is_sound"] for figures in all_figures.values()) else 1


def _lacks(part: str) -> str | None:
    """What a part needs that is not to be had here."""
    if part == "mariadb":
        return mariadb.missing()
    if part == "relays":
        try:
            local_pubsub.command()
        except local_pubsub.NoEmulatorError as error:
            return str(error)
    return None


def _figures(part: str, options: argparse.Namespace) -> Figures | WorkerFigures | RelayFigures:
    """Kill processes, and return what came of it."""
    if part == "relays":
        with local_pubsub.running() as emulator:
            return run_relays(
                emulator, events=options.published, kills=options.kills, restarts=options.restarts, seed=options.seed
            )
    alias = "mariadb" if part == "mariadb" else "postgresql"
    with ExitStack() as stack:
        host = stack.enter_context(mariadb.server()).host if part == "mariadb" else stack.enter_context(postgres.server())
        connections[alias].settings_dict["HOST"] = host
        try:
            call_command("migrate", database=alias, run_syncdb=True, verbosity=0)
            if part == "workers":
                return run_workers(alias, deliveries=options.deferred, kills=options.kills, seed=options.seed)
            return run(alias, events=options.events, copies=options.copies, kills=options.kills, seed=options.seed)
        finally:
            connections[alias].close()


def _words(value: object) -> str:
    if isinstance(value, dict):
        counts = cast("dict[object, int]", value)
        return ", ".join(f"{key or 'none'}: {count}" for key, count in counts.items())
    return f"{value:.1f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
