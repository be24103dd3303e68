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
import sys
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

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
from tests.support.chaos import PROCESSES, run
from tests.support.relay_chaos import run_relays
from tests.support.worker_chaos import WORKERS, run_workers

import local_pubsub


def main() -> int:
    """Print the figures; returns 1 if they are wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument("--copies", type=int, default=3)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, help="decides the order of the copies, and when processes are killed")
    parser.add_argument("--only", choices=["postgresql", "mariadb", "workers", "relays"], action="append", help="this part alone")
    parser.add_argument("--deferred", type=int, default=10_000, help="how many deferred deliveries, for the workers")
    parser.add_argument("--published", type=int, default=5000, help="how many transactions publish, for the relays")
    parser.add_argument("--restarts", type=int, default=5, help="how often PostgreSQL is restarted, for the relays")
    options = vars(parser.parse_args())
    parts = options.pop("only") or ["postgresql", "mariadb", "workers", "relays"]
    published, restarts, deferred = options.pop("published"), options.pop("restarts"), options.pop("deferred")
    are_sound = [_is_sound(part, **options) for part in parts if part in {"postgresql", "mariadb"}]
    if "workers" in parts:
        are_sound.append(_workers_are_sound(deferred, options["kills"], options["seed"]))
    if "relays" in parts:
        are_sound.append(_relays_are_sound(published, options["kills"], restarts, options["seed"]))
    return 0 if all(are_sound) else 1


def _workers_are_sound(deferred: int, kills: int, seed: int | None) -> bool:
    """Print the figures of workers; returns whether they are right."""
    with postgres.server() as host:
        connections["postgresql"].settings_dict["HOST"] = host
        try:
            call_command("migrate", database="postgresql", run_syncdb=True, verbosity=0)
            figures = run_workers("postgresql", deliveries=deferred, kills=kills, seed=seed)
        finally:
            connections["postgresql"].close()
    print(f"{'workers':<20} {WORKERS}")
    _print(asdict(figures) | {"seconds": f"{figures.seconds:.1f}"})
    print("each took effect once\n" if figures.is_sound else "NOT each took effect once\n", flush=True)
    return figures.is_sound


def _relays_are_sound(published: int, kills: int, restarts: int, seed: int | None) -> bool:
    """Print the figures of the whole way; returns whether they are right, or the emulator cannot run here."""
    try:
        local_pubsub.command()
    except local_pubsub.NoEmulatorError as error:
        print(f"skipped: {error}")
        return True
    with local_pubsub.running() as emulator:
        figures = run_relays(emulator, events=published, kills=kills, restarts=restarts, seed=seed)
    killed = ", ".join(f"{name}: {count}" for name, count in figures.kills.items())
    _print(asdict(figures) | {"kills": killed, "seconds": f"{figures.seconds:.1f}"})
    print(
        "each took effect once, in its order\n" if figures.is_sound else "NOT each took effect once, in its order\n", flush=True
    )
    return figures.is_sound


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
    _print(asdict(figures) | {"answers": answers, "seconds": f"{figures.seconds:.1f}"})
    print("each took effect once\n" if figures.is_sound else "NOT each took effect once\n", flush=True)
    return figures.is_sound


def _print(figures: dict[str, Any]) -> None:
    for name, value in figures.items():
        print(f"{name.replace('_', ' '):<20} {value}")


if __name__ == "__main__":
    sys.exit(main())
