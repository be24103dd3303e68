"""Bodies that take long to read and to parse, under ASGI: they leave the event loop to others."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any, ClassVar

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.dispatch import receiver
from django.http import HttpResponse
from pydantic import BaseModel, field_validator
from typing_extensions import override

from gcp_event_router import Event, EventRouter
from gcp_event_router._concurrency import LONG
from gcp_event_router.signals import event_received
from gcp_event_router.utils import make_pubsub_message
from gcp_event_router.views import AsyncEventView

from ..conftest import post_asgi, post_wsgi
from .test_answers import CASES, Case, register, whole

PATIENCE = 100.0
SHORT_BODY, LONG_BODY = b'{"order_id": 1}', b'{"order_id": 1}'.ljust(LONG + 1)


class Order(BaseModel):
    """A payload whose validation can be watched."""

    while_validated: ClassVar[Callable[[str], None] | None] = None
    order_id: int

    @field_validator("order_id")
    @classmethod
    def _validated(cls, given: int) -> int:
        if Order.while_validated is not None:
            Order.while_validated(f"validate {cls.__name__}")
        return given


class LaterOrder(Order):
    """The same, for an async handler."""


@pytest.fixture(autouse=True)
def _unwatched() -> Iterator[None]:
    yield
    Order.while_validated = None


class Places:
    """In which thread each step is taken; a step waits until the event loop has done something else meanwhile."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._loop_thread = threading.get_ident()
        self._found: dict[str, int] = {}

    def note(self, step: str) -> None:
        self._found[step] = threading.get_ident()

    def take(self, step: str) -> None:
        """Note a step that must not block the loop: it ends once the loop has run a callback."""
        self.note(step)
        ticked = threading.Event()
        self._loop.call_soon_threadsafe(ticked.set)
        assert threading.get_ident() != self._loop_thread, f"the loop waits for: {step}"
        assert ticked.wait(PATIENCE)

    @property
    def found(self) -> dict[str, str]:
        """Each step, with `loop`, or with the number of its thread."""
        threads = list(dict.fromkeys([self._loop_thread, *self._found.values()]))
        return {step: f"thread {place}" if (place := threads.index(each)) else "loop" for step, each in self._found.items()}


class Spool(BytesIO):
    """What Django has received of a request, which says where it is read."""

    def __init__(self, body: bytes, places: Places, *, must_not_block: bool) -> None:
        super().__init__(body)
        self._step = places.take if must_not_block else places.note

    @override
    def read(self, size: int | None = -1, /) -> bytes:
        self._step("read")
        return super().read(size)


async def post(body: bytes, places: Places, *, must_not_block: bool) -> int:
    """Post a body to the async view."""
    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/", "headers": [(b"content-type", b"application/json")]}
    request = ASGIRequest(scope, Spool(body, places, must_not_block=must_not_block))
    view: Any = AsyncEventView.as_view()
    response: HttpResponse = await asyncio.wait_for(view(request, event_kind="k", event_reference="r"), PATIENCE)
    return response.status_code


@pytest.mark.parametrize("body", [SHORT_BODY, LONG_BODY], ids=["short", "long"])
def test_an_async_handler_gets_the_same_event(router: EventRouter, body: bytes) -> None:
    """Where its payload is validated changes nothing of the event."""
    seen: list[Event[Order]] = []

    @router.on("k")
    async def handle(event: Event[Order]) -> None:
        seen.append(event)

    assert post_asgi("/events/k/r", body).status_code == 201
    assert [(event.kind, event.reference, event.payload.order_id) for event in seen] == [("k", "r", 1)]


async def test_a_long_body_leaves_the_loop(router: EventRouter) -> None:
    """A long body is read, parsed and validated in the thread of the sync handlers, and the loop runs meanwhile."""
    places = Places(asyncio.get_running_loop())
    Order.while_validated = places.take

    @router.on("k")
    def sync_handler(event: Event[Order]) -> None:
        places.take("sync handler")

    @router.on("k")
    async def async_handler(event: Event[LaterOrder]) -> None:
        places.note("async handler")

    @receiver(event_received)
    def plain(event_payload: object) -> None:
        places.take("plain receiver")

    assert await post(LONG_BODY, places, must_not_block=True) == 201
    assert places.found == {
        "read": "thread 1",
        "plain receiver": "thread 1",
        "validate Order": "thread 1",
        "sync handler": "thread 1",
        "validate LaterOrder": "thread 1",
        "async handler": "loop",
    }


async def test_a_short_body_stays_on_the_loop(router: EventRouter) -> None:
    """A short body is not worth a thread: it is read, and validated for async handlers, on the loop."""
    places = Places(asyncio.get_running_loop())
    Order.while_validated = places.note

    @router.on("k")
    async def handler(event: Event[Order]) -> None:
        places.note("handler")

    assert await post(SHORT_BODY, places, must_not_block=False) == 201
    assert places.found == {"read": "loop", "validate Order": "loop", "handler": "loop"}


@pytest.mark.parametrize("body", [b"[" + b"1," * LONG + b"1]", make_pubsub_message({"order_id": "x" * LONG}), b'"' + b"x" * LONG])
async def test_what_cannot_be_handled_leaves_the_loop_as_well(router: EventRouter, body: bytes) -> None:
    """A long body that is refused is read and parsed in a thread, too."""
    places = Places(asyncio.get_running_loop())

    @router.on("k")
    async def handler(event: Event[dict[str, int]]) -> None:
        places.note("handler")

    assert await post(body, places, must_not_block=True) == 400
    assert places.found == {"read": "thread 1"}


@pytest.mark.parametrize("is_async", [False, True])
async def test_an_iteration_that_stops_does_not_stop_the_request(router: EventRouter, is_async: bool) -> None:
    """A StopIteration of a validator, which nobody can await, is a failure like any other."""
    places = Places(asyncio.get_running_loop())

    def stop(_: str) -> None:
        raise StopIteration

    Order.while_validated = stop
    if is_async:

        @router.on("k")
        async def async_handler(event: Event[Order]) -> None: ...
    else:

        @router.on("k")
        def handler(event: Event[Order]) -> None: ...

    assert await post(LONG_BODY, places, must_not_block=True) == 400


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("is_async", [False, True])
def test_a_long_body_is_answered_as_a_short_one(router: EventRouter, case: Case, is_async: bool) -> None:
    """Each outcome has one answer, however long the body is, under WSGI and ASGI."""
    if case.handled and is_async:

        @router.on("k")
        async def handler(event: Event[Any]) -> None:
            if case.error is not None:
                raise case.error
    elif case.handled:
        register(router, case.error)
    body = case.body.ljust(LONG + 1)

    assert whole(post_asgi(f"/events/k/r{case.query}", body)) == whole(post_wsgi(f"/events/k/r{case.query}", body))


@pytest.mark.parametrize("error", [KeyError("text"), StopIteration("text")])
def test_debug_raises_what_a_long_body_led_to(router: EventRouter, error: Exception, settings: Any) -> None:
    """With DEBUG on, an unexpected exception is raised, also out of the thread."""
    settings.DEBUG = True
    register(router, error)

    with pytest.raises((KeyError, RuntimeError)) as caught:
        post_asgi("/events/k/r", LONG_BODY)
    assert error in {caught.value, caught.value.__cause__}
