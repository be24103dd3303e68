"""A task after each commit runs the relay, where the settings name an engine that runs tasks later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.test import override_settings
from django_tasks.backends.dummy import DummyBackend
from typing_extensions import override

from gcp_event_router import EventRouter
from gcp_event_router.kinds import Kind

from ..support.outboxes import TOPIC, on_sqlite, states, with_outboxes

pytestmark = [with_outboxes, on_sqlite]


class Recording(DummyBackend.__base__):  # type: ignore[misc, name-defined]
    """A project's own engine, which records its tasks."""

    enqueued: list[Any] = []  # noqa: RUF012 -- of the class, since each thread has an engine of its own

    def enqueue(self, task: Any, args: Any, kwargs: Any) -> Any:
        self.enqueued.append(task)


class Full(Recording):
    """One that accepts nothing."""

    @override
    def enqueue(self, task: Any, args: Any, kwargs: Any) -> Any:
        raise ConnectionError


@pytest.fixture
def placed(router: EventRouter) -> Kind[int]:
    Recording.enqueued.clear()
    return router.kind("order-placed", int, topic=TOPIC)


def engine(name: str) -> override_settings:
    return override_settings(TASKS={"default": {"BACKEND": f"{__name__}.{name}"}})


def names() -> list[str]:
    return [task.name for task in Recording.enqueued]


def test_one_task_for_a_transaction(outbox: str, placed: Kind[int]) -> None:
    """A transaction enqueues one task after its commit, however much it publishes; one that is rolled back enqueues none."""
    with engine("Recording"):
        with transaction.atomic(using=outbox):
            for number in range(3):
                placed.publish(number)
            assert names() == []
        assert names() == ["relay_outbox"]
        with transaction.atomic(using=outbox):
            placed.publish(9)
            transaction.set_rollback(True, using=outbox)
        assert names() == ["relay_outbox"]
        placed.publish(10)
        assert names() == ["relay_outbox"] * 2


def test_a_savepoint_that_is_rolled_back(outbox: str, placed: Kind[int]) -> None:
    """What is published outside of it is still relayed."""
    with engine("Recording"), transaction.atomic(using=outbox):
        with transaction.atomic(using=outbox):
            placed.publish(1)
            transaction.set_rollback(True, using=outbox)
        placed.publish(2)
        with transaction.atomic(using=outbox):
            placed.publish(3)
    assert names() == ["relay_outbox"]


def test_one_task_for_many_savepoints(outbox: str, placed: Kind[int]) -> None:
    """A transaction enqueues one task, also if it publishes in many savepoints, such as one for each row of an import."""
    with engine("Recording"), transaction.atomic(using=outbox):
        for number in range(3):
            with transaction.atomic(using=outbox):
                placed.publish(number)
        transaction.on_commit(lambda: None, using=outbox)
        placed.publish(9)
    assert names() == ["relay_outbox"]


def test_the_task_relays(outbox: str, placed: Kind[int]) -> None:
    """It sends what is due with the transport of the settings."""
    options = {"DATABASE": outbox, "TRANSPORT": {"BACKEND": "tests.support.sinks.Sink"}}
    with engine("Recording"), override_settings(GCP_EVENT_ROUTER={"OUTBOX": options}):
        placed.publish(1)
        [task] = Recording.enqueued
        task.call()
    assert states(outbox) == [(b"1", "done", 1)]


def test_an_engine_that_accepts_nothing(outbox: str, placed: Kind[int], lines: Callable[[], list[str]]) -> None:
    """The event is stored, and a warning says that the command has to send it."""
    with engine("Full"):
        placed.publish(1)
    assert states(outbox) == [(b"1", "pending", 0)]
    [line] = [line for line in lines() if "enqueued" in line]
    assert line.startswith(
        "WARNING The relay cannot be enqueued, so `manage.py outbox relay` has to send the events: ConnectionError"
    )
