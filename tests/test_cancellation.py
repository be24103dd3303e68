"""Cancellation: a CancelledError or GeneratorExit of a handler, receiver, listener or authenticator is its failure.

That is, if nobody cancelled it.

asyncio's documentation ("Task Cancellation", `Task.cancelling`) tells a task that is being cancelled from one that is not.
"""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.http import HttpRequest
from django.test import AsyncClient, override_settings
from typing_extensions import override

from gcp_event_router import Event, EventRouter
from gcp_event_router.auth import AuthenticatorChain, BodyAuthenticator
from gcp_event_router.exceptions import StrayCancellationError
from gcp_event_router.lifecycle import handler_started
from gcp_event_router.signals import event_received

from .conftest import Post

#: How long a test waits at most, in seconds.
PATIENCE = 30
PATH = "/events/order-placed/1"
SENT: dict[str, Any] = {"event_kind": "order-placed", "event_reference": "1", "event_payload": {}, "event_parameters": {}}
#: For functions that may be receivers and handlers.
NO_EVENT: Event[Any] = Event("", "", None)


class Cancelled(asyncio.CancelledError):
    """A library's subclass."""


STRAYS: list[Callable[[], BaseException]] = [
    asyncio.CancelledError,
    GeneratorExit,
    Cancelled,
    lambda: BaseExceptionGroup("tasks", [asyncio.CancelledError(), ValueError(), BaseExceptionGroup("more", [GeneratorExit()])]),
]
NAMES = ["CancelledError", "GeneratorExit", "Cancelled", "BaseExceptionGroup"]
strays = pytest.mark.parametrize("make", STRAYS, ids=NAMES)
sync_or_async = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


def waiting(started: asyncio.Event) -> Callable[..., Coroutine[Any, Any, None]]:
    """Make a handler, receiver or listener that says when it has begun, and does not end by itself."""

    async def wait(event: Event[Any] = NO_EVENT, /, **named: object) -> None:
        started.set()
        await asyncio.Event().wait()

    return wait


def raising(make: Callable[[], BaseException], *, is_async: bool) -> Callable[..., Any]:
    def function(event: Event[Any] = NO_EVENT, /, **named: object) -> None:
        raise make()

    async def coroutine(event: Event[Any] = NO_EVENT, /, **named: object) -> None:
        await asyncio.sleep(0)
        raise make()

    return coroutine if is_async else function


@strays
@sync_or_async
def test_a_handler_that_nobody_cancelled_has_failed(
    router: EventRouter, post: Post, lines: Callable[[], list[str]], make: Callable[[], BaseException], is_async: bool
) -> None:
    """It is logged with its place, answered 400, and the other handlers run."""
    ran: list[str] = []
    router.on("order-*", name="shop.strays")(raising(make, is_async=is_async))
    router.on("order-*", payload=object, name="shop.next")(lambda event: ran.append("next"))

    assert (post(PATH).status_code, ran) == (400, ["next"])

    (line,) = lines()
    assert line.startswith("ERROR Event of kind 'order-placed'")
    assert f"shop.strays failed: StrayCancellationError from {type(make()).__name__}" in line
    assert f" at {__file__}:" in line


@strays
@sync_or_async
def test_a_plain_receiver_that_nobody_cancelled_has_failed(
    router: EventRouter, post: Post, lines: Callable[[], list[str]], make: Callable[[], BaseException], is_async: bool
) -> None:
    """It is logged with its place, answered 400, and the other receivers and the router run."""
    ran: list[str] = []
    event_received.connect(raising(make, is_async=is_async), weak=False)

    def plain(event_kind: str) -> None:
        ran.append("plain")

    event_received.connect(plain)
    router.on("order-*", payload=object)(lambda event: ran.append("handler"))

    assert (post(PATH).status_code, sorted(ran)) == (400, ["handler", "plain"])

    assert [line.split(":")[0].split("<locals>.")[-1] for line in lines() if line.startswith("ERROR")] == [
        f"{'coroutine' if is_async else 'function'} of event_received failed"
    ]


@strays
@sync_or_async
def test_a_listener_that_nobody_cancelled_changes_nothing(
    router: EventRouter, post: Post, lines: Callable[[], list[str]], make: Callable[[], BaseException], is_async: bool
) -> None:
    """A lifecycle signal's listener is logged, and the handler runs."""
    ran: list[str] = []
    handler_started.connect(raising(make, is_async=is_async), weak=False)
    router.on("order-*", payload=object)(lambda event: ran.append("handler"))

    assert (post(PATH).status_code, ran) == (201, ["handler"])

    assert "of handler_started failed: StrayCancellationError from " in next(line for line in lines() if "ERROR" in line)


class Blocking:
    """An authenticator that raises something."""

    def __init__(self, make: Callable[[], BaseException]) -> None:
        self.make = make

    def authenticate(self, request: HttpRequest) -> None:
        raise self.make()


class Awaited(Blocking):
    """An async one."""

    async def aauthenticate(self, request: HttpRequest) -> None:
        await asyncio.sleep(0)
        raise self.make()


class Signed(BodyAuthenticator):
    """One that wants to see the body."""

    def __init__(self, make: Callable[[], BaseException]) -> None:
        self.make = make

    @override
    def authenticate_body(self, request: HttpRequest, body: bytes) -> None:
        raise self.make()


class Unsure(Signed):
    """One that fails before."""

    @override
    def is_signed(self, request: HttpRequest) -> bool:
        raise self.make()


@strays
@pytest.mark.parametrize("kind", [Blocking, Awaited, Signed, Unsure])
def test_an_authenticator_that_nobody_cancelled_has_failed(
    router: EventRouter, post: Post, lines: Callable[[], list[str]], make: Callable[[], BaseException], kind: type
) -> None:
    """Its sender tries again, as after any other failure of an authenticator; its line in the log has its place."""
    backend = {"BACKEND": f"{__name__}.{kind.__name__}", "OPTIONS": {"make": make}}
    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [backend]}):
        assert post(PATH).status_code == 503

    failed, refused = lines()
    start = f"ERROR The authenticator {kind.__name__} failed: StrayCancellationError from {type(make()).__name__}"
    assert failed.startswith(start)
    assert f" at {__file__}:" in failed
    assert refused.endswith("(message None): unavailable: UnavailableError, an authenticator failed")


class Waiting:
    """An authenticator that waits for ever."""

    async def authenticate(self, request: HttpRequest) -> None:
        await asyncio.Event().wait()


async def test_a_real_cancellation_of_an_authenticator_cancels(lines: Callable[[], list[str]]) -> None:
    """As after a client's disconnect, or when the garbage collector closes it, nothing counts as failed."""
    chain = AuthenticatorChain([Waiting()])
    task = asyncio.create_task(chain.aauthenticate(HttpRequest()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    asked = chain.aauthenticate(HttpRequest())

    async def begin() -> None:
        asked.send(None)

    await asyncio.create_task(begin())
    asked.close()

    assert lines() == []


def test_the_error_says_what_to_do(router: EventRouter) -> None:
    """Its three beats: what was raised, what it counts as, what to do instead."""
    router.on("order-*")(raising(asyncio.CancelledError, is_async=False))

    with pytest.raises(Exception, match="CancelledError") as failed:
        event_received.send(None, **SENT)

    assert str(failed.value) == (
        "CancelledError was raised, but nobody cancelled the task that handles the event, so it counts as any other failure. "
        "Catch it where it arises, or raise an ordinary exception."
    )
    assert isinstance(failed.value.__cause__, asyncio.CancelledError)


def test_a_handler_that_cancels_its_own_task_has_failed(router: EventRouter, post: Post) -> None:
    """A handler that cancels its own task, as a misused cancel scope does, ends only itself."""

    @router.on("order-*")
    async def handler(event: Event[Any]) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    assert post(PATH).status_code == 400


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
@pytest.mark.parametrize("make_group", [False, True])
def test_what_ends_the_process_ends_it(router: EventRouter, error: type[BaseException], make_group: bool) -> None:
    """SystemExit and KeyboardInterrupt pass through, out of handlers, receivers and listeners, also in a group."""
    raised = BaseExceptionGroup("tasks", [error(), asyncio.CancelledError()]) if make_group else error()
    fails = raising(lambda: raised, is_async=False)

    router.on("order-*")(fails)
    with pytest.raises(type(raised)):
        event_received.send(None, **SENT)

    handler_started.connect(fails, weak=False)
    with pytest.raises(type(raised)):
        event_received.send(None, **SENT)

    event_received.connect(fails, weak=False)
    with pytest.raises(type(raised)):
        event_received.send(None, **SENT)


ROLES = ["handler", "handler beside a receiver", "receiver", "listener"]
IN_THREAD = sync_to_async(event_received.send)  # as Django calls a sync view
#: A handler that waits in a thread learns of the cancellation if the thread is ours.
CANCELLED = [(role, event_received.asend) for role in [*ROLES, "thread"]] + [(role, IN_THREAD) for role in ROLES]


@pytest.mark.parametrize("send", [event_received.asend, IN_THREAD], ids=["asend", "thread"])
async def test_a_handler_that_cancels_an_event_of_its_own_has_failed(
    router: EventRouter, send: Callable[..., Coroutine[Any, Any, object]]
) -> None:
    """The event that it sent was cancelled, but its own was not."""
    started = asyncio.Event()
    router.on("bill-*")(waiting(started))

    @router.on("order-*")
    async def handle(event: Event[Any]) -> None:
        task = asyncio.create_task(send(None, **{**SENT, "event_kind": "bill-sent"}))
        await started.wait()
        task.cancel()
        await task

    with pytest.raises(StrayCancellationError):
        await event_received.asend(None, **SENT)


@pytest.mark.parametrize(("role", "send"), CANCELLED, ids=lambda value: value if isinstance(value, str) else "")
async def test_a_real_cancellation_cancels(
    router: EventRouter, lines: Callable[[], list[str]], role: str, send: Callable[..., Coroutine[Any, Any, object]]
) -> None:
    """As after a client's disconnect under ASGI, nothing more runs or counts as failed; also in a thread that awaits."""
    started, ran = asyncio.Event(), list[str]()
    wait = waiting(started)

    def wait_in_thread(event: Event[object]) -> None:
        async_to_sync(wait)()

    if role == "receiver":
        event_received.connect(wait, weak=False)
    elif role == "listener":
        handler_started.connect(wait, weak=False)
    else:
        router.on("order-*")(wait_in_thread if role == "thread" else wait)
    if role.endswith("receiver"):
        event_received.connect(print)

    @router.on("order-*")
    async def next_one(event: Event[object]) -> None:
        ran.append("next")

    task = asyncio.create_task(send(None, **SENT))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert [line for line in lines() if not line.startswith("INFO")] == []
    assert ran == ([] if role != "receiver" else ["next"])


def abandon(loop: asyncio.AbstractEventLoop, sending: Coroutine[Any, Any, object]) -> None:
    """Run a coroutine until a handler stops the event loop, and close the loop."""
    loop.set_exception_handler(lambda loop, context: None)  # which says that a task was pending
    _task = loop.create_task(sending)
    loop.call_later(PATIENCE, loop.stop)
    loop.run_forever()
    loop.close()


@pytest.mark.parametrize(
    "send",
    [lambda: event_received.asend(None, **SENT), lambda: AsyncClient().generic("POST", f"/async{PATH}", b"{}")],
    ids=["asend", "asgi"],
)
@pytest.mark.parametrize("has_company", [False, True], ids=["alone", "beside"])
def test_a_handler_whose_loop_has_ended_is_ended_quietly(
    router: EventRouter,
    unraisable: list[BaseException | None],
    send: Callable[[], Coroutine[Any, Any, object]],
    has_company: bool,
) -> None:
    """The garbage collector closes it, and its GeneratorExit does not count as a failure."""
    ended: list[str] = []

    @router.on("order-*")
    async def handle(event: Event[Any]) -> None:
        try:
            asyncio.get_running_loop().stop()
            await asyncio.Future()
        finally:
            ended.append(event.kind)

    if has_company:
        event_received.connect(print)
    abandon(asyncio.new_event_loop(), send())
    gc.collect()

    assert (ended, unraisable) == (["order-placed"], [])


@pytest.mark.parametrize("has_company", [False, True], ids=["alone", "beside"])
def test_a_thread_whose_loop_has_ended_is_left_quietly(
    router: EventRouter, lines: Callable[[], list[str]], has_company: bool
) -> None:
    """The garbage collector closes the coroutine that waits for the thread, in another context than its own."""
    loop, may_end = asyncio.new_event_loop(), threading.Event()

    @router.on("order-*")
    def handle(event: Event[Any]) -> None:
        loop.call_soon_threadsafe(loop.stop)
        may_end.wait(PATIENCE)

    if has_company:
        event_received.connect(print)
    sending = event_received.asend(None, **SENT)
    abandon(loop, sending)
    try:
        sending.close()
        assert lines() == []
    finally:
        may_end.set()
        asyncio.run(sync_to_async(int)())  # in the same thread: the handler has ended, and its line is not in the next test's log
