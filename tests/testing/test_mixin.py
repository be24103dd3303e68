"""`testing.EventTestMixin`, `isolated`, and the fixtures that pytest finds."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from asgiref.sync import sync_to_async
from django.test import SimpleTestCase, override_settings
from pydantic import BaseModel
from typing_extensions import override

from gcp_event_router import Event, EventRouter, Principal, events
from gcp_event_router.testing import EventTestMixin, Recording, isolated
from gcp_event_router.testing.plugin import APush, Push

CLOSED: dict[str, Any] = {"AUTHENTICATION": [{"BACKEND": "gcp_event_router.auth.SignedURL"}]}


class Order(BaseModel):
    order_id: int


def store(event: Event[Order]) -> None: ...


def other(event: Event[Order]) -> None: ...


@override_settings(GCP_EVENT_ROUTER=CLOSED)
class MixinTests(EventTestMixin, SimpleTestCase):
    """The mixin, before Django's own test case."""

    event_principal = Principal("test")

    @override
    def setUp(self) -> None:
        super().setUp()
        self.enterContext(isolated(empty=True)).on("order-*")(store)

    def test_push(self) -> None:
        """Pushes are sent by the principal of the class, and recorded."""
        assert self.push("order-placed", "1", Order(order_id=1)).handled == (store,)

        assert self.assertHandled(store, payload=Order(order_id=1), reference="1", times=1).payload.order_id == 1
        self.assertNotCalled(other)
        with pytest.raises(AssertionError):
            self.assertHandled(store, reference="2")

    def test_parameters(self) -> None:
        """What the URL's parameters were counts, if it is asked for."""
        self.push("order-placed", "1", Order(order_id=1), parameters={"a": 1})

        assert self.assertHandled(store, parameters={"a": "1"}).parameters == {"a": "1"}
        with pytest.raises(AssertionError):
            self.assertHandled(store, parameters={"a": "2"})

    def test_payload_of_none(self) -> None:
        """None is a payload like others: an assertion of it fails where there was another one."""
        self.push("order-placed", "1", Order(order_id=1))

        with pytest.raises(AssertionError):
            self.assertHandled(store, payload=cast("Order", None))

    async def test_apush(self) -> None:
        """So are async ones."""
        assert (await self.apush("order-placed", "1", Order(order_id=1))).handled == (store,)

        self.assertHandled(store)


def test_isolated() -> None:
    """Registrations of a block, or of a decorated function, are gone after it."""
    before = len(events)

    @isolated()
    def decorated() -> int:
        events.on("k")(store)
        return len(events)

    with isolated(empty=True) as router:
        router.on("k")(store)
        assert (router is events, len(events)) == (True, 1)
    assert decorated() == before + 1
    assert len(events) == before


async def test_isolated_decorates_async_functions() -> None:
    """Registrations of a decorated async function are gone once it has run, and are there while it does."""
    before = len(events)

    @isolated(empty=True)
    async def decorated() -> int:
        await asyncio.sleep(0)
        events.on("k")(store)
        return len(events)

    assert (await decorated(), await decorated(), len(events)) == (1, 1, before)


async def test_isolated_decorates_what_is_only_marked_as_async() -> None:
    """A function that asgiref runs in a thread finds the registrations of its block there, too."""
    before = len(events)

    @isolated(empty=True)
    @sync_to_async
    def decorated() -> int:
        events.on("k")(store)
        return len(events)

    assert (await decorated(), await decorated(), len(events)) == (1, 1, before)


def test_isolated_decorates_functions_only() -> None:
    """A class or a generator would run after the block has ended, or not at all: they are refused."""

    def generator() -> Iterator[None]:
        yield

    message = "isolated() cannot decorate {}, a class or a generator. Write `with isolated():`."
    with pytest.raises(TypeError) as raised:
        isolated()(MixinTests)
    assert str(raised.value) == message.format("MixinTests")
    with pytest.raises(TypeError) as raised:
        isolated()(generator)
    here = "test_isolated_decorates_functions_only.<locals>"
    assert str(raised.value) == message.format(f"{here}.generator")


class TestFixtures:
    """The fixtures, with who sends by all pushes of this class."""

    @pytest.fixture
    def event_principal(self, settings: Any) -> Principal:
        settings.GCP_EVENT_ROUTER = CLOSED
        return Principal("test")

    def test_push(self, event_push: Push, event_router: EventRouter, event_recording: Recording) -> None:
        """`event_router` begins without handlers; `event_push` is sent by `event_principal`; all of it is recorded."""
        assert len(event_router) == 0
        event_router.on("order-*")(store)

        assert event_push("order-placed", "1", Order(order_id=1)).handled == (store,)

        event_recording.assert_handled(store)

    async def test_apush(self, event_apush: APush, event_router: EventRouter) -> None:
        """So is the async one."""
        event_router.on("order-*")(store)

        assert (await event_apush("order-placed", "1", Order(order_id=1))).handled == (store,)


@pytest.mark.proof
def test_plugin_harms_nobody(tmp_path: Path) -> None:
    """In a project without Django settings, pytest runs as ever, and lists the fixtures."""
    (tmp_path / "test_one.py").write_text("def test_one() -> None: ...\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:django", "--fixtures-per-test"]

    run = subprocess.run(
        [*command[:-1], "test_one.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/bin"},
        timeout=120,
    )
    listed = subprocess.run(
        [*command[:-1], "--fixtures"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/bin"},
        timeout=120,
    )

    assert (run.returncode, "1 passed" in run.stdout) == (0, True), run.stdout + run.stderr
    for name in ("event_push", "event_apush", "event_recording", "event_router", "event_signer", "event_principal"):
        assert f"\n{name} -- " in listed.stdout
