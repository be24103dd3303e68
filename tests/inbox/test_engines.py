"""Deferred handlers never run inside the request: engines that run a task at once, or never, get none."""

from __future__ import annotations

import io
from typing import Any

import django
import pytest
from django.core.checks import Warning as Warn
from django.core.management import call_command
from django.test import override_settings
from django_tasks.backends.dummy import DummyBackend
from django_tasks.backends.immediate import ImmediateBackend

from gcp_event_router import Event, EventRouter
from gcp_event_router._boxes.task_backend import idle_engine
from gcp_event_router.inbox.checks import check_inbox

from ..checks.test_checks import told
from ..conftest import Post
from ..support.deliveries import PUSH, rows, with_databases

pytestmark = [with_databases, pytest.mark.proof]


class Immediate(ImmediateBackend):
    """An engine that a project derives."""


class Dummy(DummyBackend):
    """Another one."""


class Recording(DummyBackend.__base__):  # type: ignore[misc, name-defined]
    """A project's own engine, which records its tasks."""

    enqueued: list[object] = []  # noqa: RUF012 -- of the class, since each thread has an engine of its own

    def enqueue(self, task: Any, args: Any, kwargs: Any) -> Any:
        self.enqueued.append((task.name, *args))


NAMES: dict[str | None, str] = {
    None: "ImmediateBackend",
    "django_tasks.backends.immediate.ImmediateBackend": "ImmediateBackend",
    "django_tasks.backends.dummy.DummyBackend": "DummyBackend",
    f"{__name__}.Immediate": "ImmediateBackend",
    f"{__name__}.Dummy": "DummyBackend",
}
if django.VERSION >= (6,):
    for name in ("immediate.ImmediateBackend", "dummy.DummyBackend"):
        NAMES[f"django.tasks.backends.{name}"] = name.rpartition(".")[2]
WHAT = {"ImmediateBackend": "would run them within the request", "DummyBackend": "never runs anything"}


def given(*_: object) -> None:
    pytest.fail("it was given a task")


def nothing(event: Event[Any]) -> None: ...


def said_of_engines() -> list[tuple[type, str, str | None, str]]:
    return [each for each in told(check_inbox()) if each[1] == "gcp_event_router.W026"]


def engine(path: str | None) -> Any:
    """The settings with an engine; None for the default."""
    return override_settings(**({} if path is None else {"TASKS": {"default": {"BACKEND": path}}}))


@pytest.mark.parametrize("path", NAMES)
def test_nothing_is_run_in_the_request(
    inbox: str, router: EventRouter, post: Post, path: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Django's documentation of Tasks: the immediate backend runs a task at once, the dummy backend never. Neither is asked."""
    ran: list[str] = []
    for module in (ImmediateBackend, DummyBackend):
        monkeypatch.setattr(module, "enqueue", given)

    @router.on("k", name="h", deferred=True)
    def _(event: Event[Any]) -> None:
        ran.append(event.reference)

    with engine(path):
        assert post("/events/k/r", PUSH).status_code == 201
        assert (ran, rows(inbox)) == ([], [("h", "pending", 0)])
        out = io.StringIO()
        call_command("inbox", "process", stdout=out)

    assert (out.getvalue(), ran) == ("Processed 1 delivery: 1 handled.\n", ["r"])


def test_another_engine_is_given_each_delivery(inbox: str, router: EventRouter, post: Post) -> None:
    """Any other engine gets each delivery once."""
    router.on("k", name="h", deferred=True)(nothing)
    Recording.enqueued.clear()

    with engine(f"{__name__}.Recording"):
        assert [post("/events/k/r", PUSH).status_code for _ in range(2)] == [201, 200]
        assert idle_engine() is None

    assert [each[0] for each in Recording.enqueued] == ["run_delivery"]  # type: ignore[index]


@pytest.mark.parametrize("path", NAMES)
def test_w026_an_engine_that_is_given_nothing(router: EventRouter, path: str | None) -> None:
    """A check says that the engine gets no tasks, if there are deferred handlers."""
    with engine(path):
        assert said_of_engines() == []
        router.on("k", deferred=True)(nothing)
        said = said_of_engines()

    name = NAMES[path]
    assert said == [
        (
            Warn,
            "gcp_event_router.W026",
            "Run manage.py inbox process --loop, and silence this check; or name another engine in TASKS.",
            f"Handlers are deferred, and the engine in TASKS is {name}, which {WHAT[name]}. "
            "It gets no tasks, and the deliveries wait for manage.py inbox process.",
        )
    ]


@pytest.mark.parametrize("path", [f"{__name__}.Recording", "nowhere.Engine"])
def test_no_w026(router: EventRouter, path: str) -> None:
    """The check says nothing about an engine that runs tasks, nor about one that cannot be created."""
    router.on("k", deferred=True)(nothing)
    with engine(path):
        assert said_of_engines() == []
