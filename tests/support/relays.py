"""Relays, and senders, as processes of their own, into a file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from .own_postgres import until

ROOT = Path(__file__).resolve().parents[2]
KEPT = ("ENGINE", "NAME", "USER", "HOST", "OPTIONS")


def start(database: dict[str, Any], sink: Path, *command: str, **options: Any) -> subprocess.Popen[str]:
    """Start `python -m` with arguments, on a database, with a sink and its options."""
    given = {"database": {name: database[name] for name in KEPT if name in database}, "sink": {"path": str(sink), **options}}
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.support.relay_settings", "EVENTS_RELAY": json.dumps(given)}
    return subprocess.Popen(
        [sys.executable, "-m", *command], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def lines(sink: Path) -> list[str]:
    """What has arrived, each with its ordering key."""
    return sink.read_text().splitlines() if sink.exists() else []


def wait_for(sink: Path, count: int) -> None:
    """Wait until so many lines have arrived."""
    until(lambda: len(lines(sink)) >= count)
