"""Other software beside the endpoint: Sentry's SDK, and OpenTelemetry's instrumentation for Django.

Sentry's integration for Django wraps every sync receiver (getsentry/sentry-python#1700, #1815).
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.proof

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str) -> list[str]:
    """Run the site, check the events of its handlers, and return the names of its spans."""
    command = [sys.executable, "-m", "tests.support.sentry_site", *arguments]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr

    said: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    bodies = [("17", '{"a": 1}'), (None, '{"b": 1,  "a": 2.50}')]
    orders = [[name, True, message_id, body] for message_id, body in bodies for name in ("sync", "async")]
    assert said["statuses"] == [201, 201, 201]
    assert said["got"] == [*orders, ["type", True, "77", "{}"]]
    return list(said["spans"])


@pytest.mark.parametrize("door", ["wsgi", "asgi"])
@pytest.mark.parametrize("spans", ["default", "on", "off"])
@pytest.mark.parametrize("when", ["before", "after", "running"])
def test_sentry_changes_nothing_of_what_handlers_are_given(when: str, spans: str, door: str) -> None:
    """Whether it is initialised before or after django.setup() or while the process runs, with spans on or off."""
    assert ("event.django" in run(when, spans, door)) == (spans != "off")


def test_opentelemetry_changes_nothing_of_what_handlers_are_given() -> None:
    """Its instrumentation for Django names a span after each route (opentelemetry-instrumentation-django)."""
    assert len(run("after", "opentelemetry", "wsgi")) == 2
