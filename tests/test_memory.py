"""A failed event leaves nothing in memory, even without the garbage collector, and never takes many times its size."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty
from time import monotonic
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import AsyncClient, Client
from pydantic import BaseModel

from gcp_event_router import Event, EventRouter, Retry
from gcp_event_router._dispatch.payload import _FAIL_FAST  # pyright: ignore[reportPrivateUsage] -- what this pydantic can do
from gcp_event_router.router import AsyncCallNext, CallNext
from gcp_event_router.signals import event_received

pytestmark = pytest.mark.proof

HERE = Path(__file__).parent
PATH = "/events/order-placed/1"


class Big(bytes):
    """A body that allows weak references."""


class Order(BaseModel):
    order_id: int
    lines: list[int] = []


@pytest.fixture
def alive() -> Iterator[Callable[[], list[str]]]:
    """The exceptions that live on, without a garbage collection."""
    gc.collect()
    before = set(map(id, _exceptions()))
    gc.disable()
    try:
        yield lambda: [repr(each)[:200] for each in _exceptions() if id(each) not in before]
    finally:
        gc.enable()


def _exceptions() -> list[BaseException]:
    """All that live, but those by which threads of other libraries wait at a queue.

    A lazy object would make what it stands for, and fail, if it were asked for its class.
    """
    return [each for each in gc.get_objects() if issubclass(type(each), BaseException) and type(each) is not Empty]


def post_wsgi(body: bytes) -> int:
    return Client().generic("POST", PATH, body, "application/json").status_code


def post_asgi(body: bytes) -> int:
    async def send() -> HttpResponse:
        response = await AsyncClient().generic("POST", f"/async{PATH}", body, "application/json")
        assert isinstance(response, HttpResponse)
        return response

    return asyncio.run(send()).status_code


def fail(event: Event[Any]) -> None:
    raise KeyError


def fail_order(event: Event[Order]) -> None:
    raise KeyError


async def fail_order_async(event: Event[Order]) -> None:
    raise KeyError


async def fail_async(event: Event[Any]) -> None:
    raise KeyError


def retry(event: Event[Any]) -> None:
    raise Retry


def cancel(event: Event[Any]) -> None:
    raise asyncio.CancelledError


def read(event: Event[Order]) -> None: ...


async def read_async(event: Event[Order]) -> None: ...


def fail_plain(**_: object) -> None:
    raise LookupError


async def surround(event: Event[Any], call_next: AsyncCallNext) -> None:
    await call_next(event)


def surround_blocking(event: Event[Any], call_next: CallNext) -> None:
    call_next(event)


@pytest.mark.parametrize("post", [post_wsgi, post_asgi])
@pytest.mark.parametrize("middleware", [surround, surround_blocking])
@pytest.mark.parametrize("handler", [fail_order, fail_order_async])
def test_no_payload_outlives_a_failure_within_middleware(
    router: EventRouter, post: Callable[[bytes], int], middleware: Any, handler: Callable[..., Any]
) -> None:
    """An exception that passes from an event loop to sync code, or back, keeps nothing of its event."""
    payloads: list[weakref.ref[Order]] = []

    def note(event: Event[Any], call_next: Callable[[Event[Any]], Any]) -> Any:
        payloads.append(weakref.ref(event.payload))
        return call_next(event)

    router.use(middleware)
    router.use(note)
    router.on("order-*")(handler)
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            post(b'{"order_id": 1}')

        def is_alive() -> bool:
            return any(payload() is not None for payload in payloads)

        # a thread that has given its result may still be returning from what it called
        deadline = monotonic() + 60
        while is_alive() and monotonic() < deadline:
            threading.Event().wait(0.01)
        assert not is_alive()
        assert len(payloads) == 3
    finally:
        gc.enable()


@pytest.mark.parametrize("post", [post_wsgi, post_asgi])
@pytest.mark.parametrize("body", [b'{"order_id": "x"}', b"not JSON", b'{"order_id": 1, "lines": [' + b'"x",' * 50_000 + b"1]}"])
@pytest.mark.parametrize(
    "handlers", [[fail], [fail_async], [retry], [cancel], [read], [read_async], [read, fail], [], [fail_plain]]
)
def test_no_exception_outlives_its_answer(
    router: EventRouter, alive: Callable[[], list[str]], post: Callable[[bytes], int], body: bytes, handlers: list[Any]
) -> None:
    """No reference cycle leads through the traceback of a failure, as Python's documentation of `except` warns of them."""
    for each in handlers:
        if each is fail_plain:
            event_received.connect(each)
        else:
            router.on("order-*")(each)
    post(body)  # what is made once is made
    gc.collect()

    kept = alive()
    for _ in range(3):
        post(body)

    def left() -> list[str]:
        return [each for each in alive() if each not in kept]

    # a thread that has given its result may still be returning from what it called
    deadline = monotonic() + 60
    while left() and monotonic() < deadline:
        threading.Event().wait(0.01)
    assert left() == []


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc to ask for the memory")
@pytest.mark.skipif("dict" not in _FAIL_FAST, reason="this pydantic cannot stop at the first wrong item of a dict")
@pytest.mark.parametrize(
    "name", ["list", "tuple", "set", "frozenset", "dict", "models", "nested models", "nested lists", "union"]
)
def test_a_payload_of_wrong_items_takes_a_few_times_its_size(name: str) -> None:
    """13 MiB of them, four times, without the garbage collector (pydantic's documentation: `FailFast`); bounds are generous."""
    command = [sys.executable, "-m", "tests.support.memory_site", name]
    ended = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr

    said = json.loads(ended.stdout)
    assert [status for status, _ in said["said"]] == [400] * 4
    assert max(length for _, length in said["said"]) < 5_000
    assert said["peak"] < 600  # the JSON alone, once parsed, takes about 100
    assert said["left"] < 300
