"""A thousand events, three copies of each, to four processes that are killed all the while: run by `make chaos`.

Prints what was done and what came of it. Exits with 1 if an event took no effect, or took it twice. PostgreSQL is a real
server, and so is gunicorn; what is killed is one of its processes, by SIGKILL, at a random moment.
"""

from __future__ import annotations

# ruff: noqa: E402 -- Django's settings come before its imports
import argparse
import sys
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="not secret",
    INSTALLED_APPS=["gcp_event_router", "gcp_event_router.inbox", "tests.effects"],
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "postgres", "USER": "postgres"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
    GCP_EVENT_ROUTER={"AUTHENTICATION": []},
)
django.setup()

from django.core.management import call_command
from django.db import connection
from tests.chaos import PROCESSES, run
from tests.postgres import server


def main() -> int:
    """Print the figures; returns 1 if they are wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument("--copies", type=int, default=3)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, help="decides the order of the copies, and when processes are killed")
    options = parser.parse_args()
    with server() as host:
        connection.settings_dict["HOST"] = host
        try:
            call_command("migrate", run_syncdb=True, verbosity=0)
            figures = run("default", **vars(options))
        finally:
            connection.close()
    print(f"{'processes':<20} {PROCESSES}")
    answers = ", ".join(f"{status or 'none'}: {count}" for status, count in figures.answers.items())
    for name, value in (asdict(figures) | {"answers": answers, "seconds": f"{figures.seconds:.1f}"}).items():
        print(f"{name.replace('_', ' '):<20} {value}")
    print("each took effect once" if figures.is_sound else "NOT each took effect once")
    return 0 if figures.is_sound else 1


if __name__ == "__main__":
    sys.exit(main())
