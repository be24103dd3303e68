"""Sentry's SDK beside the endpoint: its Django integration wraps sync receivers (getsentry/sentry-python#1700, #1815)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sentry_sdk")

HERE = Path(__file__).parent


@pytest.mark.parametrize("door", ["wsgi", "asgi"])
@pytest.mark.parametrize("spans", ["default", "on", "off"])
@pytest.mark.parametrize("when", ["before", "after", "running"])
def test_handlers_are_given_all_of_what_arrived(when: str, spans: str, door: str) -> None:
    """Whether Sentry is initialised before or after django.setup() or while the process runs, with spans on or off."""
    command = [sys.executable, "-m", "tests.sentry_site", when, spans, door]
    ended = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr

    said: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    bodies = [("17", '{"a": 1}'), (None, '{"b": 1,  "a": 2.50}')]
    orders = [[name, True, message_id, body] for message_id, body in bodies for name in ("sync", "async")]
    assert said["statuses"] == [201, 201, 201]
    assert said["got"] == [*orders, ["type", True, "77", "{}"]]
    assert ("event.django" in said["spans"]) == (spans != "off")
