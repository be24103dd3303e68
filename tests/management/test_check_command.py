"""`manage.py events check`: this package's system checks, and nobody else's."""

from __future__ import annotations

import io
import json
import re

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from gcp_event_router import Event, EventRouter


def handler(event: Event[bytes]) -> None: ...


def run(*arguments: str) -> tuple[int, str]:
    out, code = io.StringIO(), 0
    try:
        call_command("events", "check", *arguments, stdout=out, stderr=out)
    except CommandError as error:
        out.write(f"CommandError: {error}\n")
        code = error.returncode
    return code, out.getvalue()


@pytest.fixture
def twice(router: EventRouter) -> EventRouter:
    """A handler that is registered twice for one kind."""
    router.on("a", name="twice")(handler)
    router.on("a", name="twice")(handler)
    return router


@override_settings(BASE_URL="https://shop.example")
def test_nothing_wrong(router: EventRouter) -> None:
    """What is in order is said so, and succeeds."""
    router.on("a")(handler)

    assert run() == (0, "1 registration, 0 messages.\n")


@override_settings(BASE_URL="https://shop.example")
def test_levels(twice: EventRouter) -> None:
    """Warnings are shown with their hints; whether they fail is asked for; silenced ones are counted, and never fail."""
    code, text = run()
    lines = text.splitlines()
    assert (code, lines[0].startswith("warning gcp_event_router.W002: twice ("), lines[-1]) == (
        0,
        True,
        "2 registrations, 1 message.",
    )
    assert lines[1] == "    Remove 'a': the function runs once for an event in any case."
    assert run("--fail-level", "WARNING")[0] == 1
    with override_settings(SILENCED_SYSTEM_CHECKS=["gcp_event_router.W002"]):
        assert run("--fail-level", "WARNING") == (0, "2 registrations, 0 messages, 1 silenced.\n")


@override_settings(BASE_URL="https://shop.example", GCP_EVENT_ROUTER={"AUTHENTICATION": []})
def test_deployment(router: EventRouter) -> None:
    """With --deploy, what matters in production is looked at too, errors first, and fails."""
    code, text = run("--deploy")

    assert code == 1
    assert text.startswith("error gcp_event_router.E")
    assert re.search(r"\nCommandError: \d problems? found\.\n$", text)


@override_settings(BASE_URL="https://shop.example", SILENCED_SYSTEM_CHECKS=["gcp_event_router.W002"])
def test_json(twice: EventRouter) -> None:
    """Scripts get all of it, silenced ones too."""
    code, text = run("--format", "json")

    (found,) = json.loads(text)
    assert code == 0
    assert {name: found[name] for name in ("id", "level", "object", "silenced")} == {
        "id": "gcp_event_router.W002",
        "level": "warning",
        "object": "twice",
        "silenced": True,
    }
