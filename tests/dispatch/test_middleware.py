"""Middleware: functions that surround each run of a router's handlers."""

from __future__ import annotations

import threading
from asyncio import sleep
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from django.test import override_settings

from gcp_event_router import Event, EventRouter, Outcome, Reject, Retry
from gcp_event_router._dispatch.store import set_store
from gcp_event_router.exceptions import RegistrationError
from gcp_event_router.inbox.models import Delivery
from gcp_event_router.inbox.store import InboxStore
from gcp_event_router.inbox.workers import process
from gcp_event_router.lifecycle import handler_finished
from gcp_event_router.router import AsyncCallNext, CallNext
from gcp_event_router.signals import event_received
from gcp_event_router.testing import push, record
from gcp_event_router.utils import make_pubsub_message

from ..conftest import AT_ONCE, Post
from ..effects.models import Effect

PUSH = make_pubsub_message({"a": 1}, message_id="17")
HOW = "Write it as `def middleware(event: Event[Any], call_next: CallNext) -> None`."
MODES = pytest.mark.parametrize("mode", ["sync", "async"])
Calls = list[str]


@pytest.fixture
def calls() -> Calls:
    """The calls, in order."""
    return []


def noting(calls: Calls, name: str, mode: str = "sync") -> Callable[..., Any]:
    """Make a middleware that notes when it begins and ends."""

    def blocking(event: Event[Any], call_next: CallNext) -> None:
        calls.append(f"{name} begins")
        call_next(event)
        calls.append(f"{name} ends")

    async def awaited(event: Event[Any], call_next: AsyncCallNext) -> None:
        calls.append(f"{name} begins")
        await call_next(event)
        calls.append(f"{name} ends")

    return awaited if mode == "async" else blocking


def handling(calls: Calls, mode: str = "sync", raises: Exception | None = None) -> Callable[..., Any]:
    """Make a handler that notes its call."""

    def blocking(event: Event[Any]) -> None:
        calls.append(f"handler {event.payload}")
        if raises is not None:
            raise raises

    async def awaited(event: Event[Any]) -> None:
        blocking(event)

    return awaited if mode == "async" else blocking


@MODES
@pytest.mark.parametrize("outer", ["sync", "async"])
@pytest.mark.parametrize("inner", ["sync", "async"])
def test_sync_and_async_surround_each_other(
    mode: str, outer: str, inner: str, calls: Calls, router: EventRouter, post: Post
) -> None:
    """Middleware of both kinds runs around handlers of both kinds, in the order of registration, under both views."""
    router.use(noting(calls, "outer", outer))
    router.on("a")(handling(calls, mode))
    router.use(noting(calls, "inner", inner))
    assert post("/events/a/1", PUSH).status_code == 201
    assert calls == ["outer begins", "inner begins", "handler {'a': 1}", "inner ends", "outer ends"]


@MODES
@pytest.mark.parametrize("around", ["sync", "async"])
@pytest.mark.parametrize(("raises", "status"), [(Retry(), 503), (Reject(), 200), (ValueError(), 400)])
def test_middleware_raises_as_the_handler(
    mode: str, around: str, raises: Exception, status: int, calls: Calls, router: EventRouter, post: Post
) -> None:
    """A middleware's exception after the handler's call decides the handler's outcome."""

    def blocking(event: Event[Any], call_next: CallNext) -> None:
        call_next(event)
        raise raises

    async def awaited(event: Event[Any], call_next: AsyncCallNext) -> None:
        await call_next(event)
        raise raises

    router.use(blocking if around == "sync" else awaited)
    router.on("a")(handling(calls, mode))
    assert post("/events/a/1", PUSH).status_code == status
    assert calls == ["handler {'a': 1}"]


@MODES
@pytest.mark.parametrize("around", ["sync", "async"])
def test_middleware_sees_what_the_handler_raises(mode: str, around: str, calls: Calls, router: EventRouter, post: Post) -> None:
    """A handler's exception passes through the middleware, which may handle it."""

    def blocking(event: Event[Any], call_next: CallNext) -> None:
        with pytest.raises(ValueError, match="no"):
            call_next(event)

    async def awaited(event: Event[Any], call_next: AsyncCallNext) -> None:
        with pytest.raises(ValueError, match="no"):
            await call_next(event)

    router.use(blocking if around == "sync" else awaited)
    router.on("a")(handling(calls, mode, ValueError("no")))
    assert post("/events/a/1", PUSH).status_code == 201


def test_the_handler_is_skipped(calls: Calls, router: EventRouter, post: Post) -> None:
    """A middleware that does not call `call_next` keeps the handler from running, and the event counts as handled."""

    @router.use
    def skip(_event: Event[Any], _call_next: CallNext) -> None:
        calls.append("skipped")

    router.on("a")(handling(calls))
    assert post("/events/a/1", PUSH).status_code == 201
    assert calls == ["skipped"]


def test_the_event_is_replaced(calls: Calls, router: EventRouter, post: Post) -> None:
    """The handler is called with the event that the middleware gives."""

    @router.use
    def another(event: Event[Any], call_next: CallNext) -> None:
        call_next(replace(event, payload={"a": 2}))

    router.on("a")(handling(calls))
    assert post("/events/a/1", PUSH).status_code == 201
    assert calls == ["handler {'a': 2}"]


@pytest.mark.parametrize("around", ["sync", "async"])
@MODES
def test_listeners_are_told_the_handlers_argument(mode: str, around: str, router: EventRouter, calls: Calls) -> None:
    """`handler_finished` and recordings have the event with which the handler was called, and none if it was skipped."""

    def replaced(event: Event[Any], call_next: Callable[[Event[Any]], Any]) -> Any:
        return call_next(replace(event, payload={"a": 2})) if event.payload else None

    async def replaced_async(event: Event[Any], call_next: AsyncCallNext) -> None:
        await (call_next(replace(event, payload={"a": 2})) if event.payload else sleep(0))

    router.use(replaced_async if around == "async" else replaced)
    handler = router.on("a")(handling(calls, mode))
    with record() as recording:
        push("a", "1", {"a": 1})
        push("a", "2", {})

    assert recording.assert_handled(handler, times=1).payload == {"a": 2}
    assert [delivery.event and delivery.event.reference for delivery in recording.deliveries] == ["1", None]


def test_an_invalid_payload_reaches_no_middleware(calls: Calls, router: EventRouter, post: Post) -> None:
    """The payload is validated before any middleware runs."""
    router.use(noting(calls, "outer"))

    @router.on("a")
    def handler(event: Event[int]) -> None:
        calls.append("handler")

    assert post("/events/a/1", PUSH).status_code == 400
    assert calls == []


def send() -> object:
    """Bring an event to the router without a view."""
    return event_received.send(None, event_kind="a", event_reference="1", event_payload={"a": 1}, event_parameters={})


def test_call_next_has_to_be_awaited(calls: Calls, router: EventRouter) -> None:
    """An async middleware that forgets to await `call_next` fails, instead of dropping the event."""

    @router.use
    async def forgetful(event: Event[Any], call_next: AsyncCallNext) -> None:
        call_next(event)  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine] -- this is refused

    router.on("a")(handling(calls))
    with pytest.raises(TypeError) as raised:
        send()
    line = forgetful.__code__.co_firstlineno
    assert str(raised.value) == (
        f"{__name__}.{forgetful.__qualname__} ({__file__}:{line}) did not await call_next, so the handler did not run to its "
        "end. Write `await call_next(event)`."
    )
    assert calls == []


def test_answers_are_raised(calls: Calls, router: EventRouter) -> None:
    """A middleware that returns an answer instead of raising it fails."""

    @router.use
    def wrong(_event: Event[Any], _call_next: CallNext) -> None:
        return Reject()  # type: ignore[return-value]  # this is refused

    router.on("a")(handling(calls))
    with pytest.raises(TypeError, match=r"wrong .* returned Reject instead of raising it"):
        send()


@MODES
def test_a_handler_below_middleware_raises_its_answers(mode: str, calls: Calls, router: EventRouter) -> None:
    """A handler that returns an answer fails within middleware as without."""

    def blocking(event: Event[Any]) -> Any:
        return Reject()

    async def awaited(event: Event[Any]) -> Any:
        return Reject()

    router.use(noting(calls, "outer", mode))
    router.on("a")(blocking if mode == "sync" else awaited)
    with pytest.raises(TypeError, match=r"(blocking|awaited) .* returned Reject instead of raising it"):
        send()


def test_included_routers_inherit(calls: Calls, router: EventRouter, post: Post) -> None:
    """The outer router's middleware surrounds the inner one's, and only handlers of the inner router have the latter."""
    inner = EventRouter(middleware=[noting(calls, "inner")])
    router.use(noting(calls, "outer"))
    router.include(inner, "in-")
    inner.on("a")(handling(calls))
    router.on("a")(handling(calls))
    post("/events/in-a/1", PUSH)
    assert calls == ["outer begins", "inner begins", "handler {'a': 1}", "inner ends", "outer ends"]
    calls.clear()
    post("/events/a/1", PUSH)
    assert calls == ["outer begins", "handler {'a': 1}", "outer ends"]


def test_isolation_takes_middleware_back(calls: Calls, router: EventRouter, post: Post) -> None:
    """Middleware that is registered within `isolated` ends with it, and an empty router has none."""
    router.use(noting(calls, "outer"))
    router.on("a")(handling(calls))
    with router.isolated(empty=True):
        router.use(noting(calls, "other"))
        router.on("a")(handling(calls))
        post("/events/a/1", PUSH)
    assert calls == ["other begins", "handler {'a': 1}", "other ends"]
    calls.clear()
    post("/events/a/1", PUSH)
    assert calls == ["outer begins", "handler {'a': 1}", "outer ends"]


def first(event: Event[Any], call_next: CallNext) -> None:
    call_next(event)


def second(event: Event[Any], call_next: CallNext) -> None:
    call_next(event)


def handler_of_all(event: Event[Any]) -> None: ...


def test_explain_shows_it(router: EventRouter) -> None:
    """An explanation names the middleware of each handler that runs, the outermost first."""
    inner = EventRouter(middleware=[second])
    inner.on("a")(handler_of_all)
    router.include(inner)
    router.use(first)
    where = {function: f"({__file__}:{function.__code__.co_firstlineno})" for function in (first, second, handler_of_all)}
    assert str(router.explain("a")).splitlines() == [
        "'a' is handled by 1 handler",
        f"runs  {__name__}.handler_of_all {where[handler_of_all]}: 'a' matches; "
        f"within {__name__}.first {where[first]}, {__name__}.second {where[second]}",
    ]
    assert [around.name for around in router.explain("a").consulted[0].registration.middleware] == [
        f"{__name__}.first",
        f"{__name__}.second",
    ]


def test_listeners_see_the_handler(router: EventRouter, calls: Calls) -> None:
    """Listeners get the registered function and the handler's argument."""
    handler = handling(calls)
    router.use(noting(calls, "outer"))
    router.on("a")(handler)
    finished: list[Any] = []

    def listen(*, sender: Any, outcome: Outcome, event: Event[Any], **_: Any) -> None:
        finished.append((sender, outcome, event.payload, list(calls)))

    handler_finished.connect(listen, weak=False)
    try:
        send()
    finally:
        handler_finished.disconnect(listen)
    assert finished == [(handler, Outcome.HANDLED, {"a": 1}, ["outer begins", "handler {'a': 1}", "outer ends"])]


class Around:
    def __call__(self, event: Event[Any], call_next: CallNext) -> None:
        call_next(event)


def one(event: Event[Any]) -> None: ...


def yields(event: Event[Any], call_next: CallNext) -> Iterator[None]:
    yield


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (None, f"Middleware must be callable, not None, of type NoneType. {HOW}"),
        (5, f"Middleware must be callable, not 5, of type int. {HOW}"),
        (one, f"The middleware {__name__}.one cannot be called with an event and `call_next`. {HOW}"),
        (
            Around,
            f"The middleware {__name__}.Around is a class, so calling it would only make an instance. Use an instance.",
        ),
        (
            yields,
            f"The middleware {__name__}.yields is a generator function: calling it runs none of its code. Remove the `yield`.",
        ),
    ],
)
def test_what_cannot_be_middleware_is_refused(function: Any, message: str, router: EventRouter) -> None:
    """A function that could never surround a handler is refused at registration."""
    with pytest.raises(RegistrationError) as raised:
        router.use(function)
    assert str(raised.value) == message
    with pytest.raises(RegistrationError) as raised:
        EventRouter(middleware=[function])
    assert str(raised.value) == message


def test_objects_and_partials_are_middleware(calls: Calls, router: EventRouter, post: Post) -> None:
    """Any object that can be called with an event and `call_next` is a middleware."""

    def named(name: str, event: Event[Any], call_next: CallNext) -> None:
        calls.append(name)
        call_next(event)

    router.use(Around())
    router.use(partial(named, "partial"))
    router.on("a")(handling(calls))
    assert post("/events/a/1", PUSH).status_code == 201
    assert calls == ["partial", "handler {'a': 1}"]


@pytest.fixture
def sqlite_inbox(transactional_db: None) -> Iterator[None]:
    """Store all events in SQLite."""
    set_store(InboxStore())
    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [], "INBOX": {"DATABASE": "default", "RETRY": AT_ONCE}}):
        yield
    set_store(None)


def effects() -> list[str]:
    return list(Effect.objects.order_by("pk").values_list("handler", flat=True))


@pytest.mark.django_db(transaction=True, databases="__all__")
@pytest.mark.usefixtures("sqlite_inbox")
@pytest.mark.parametrize("around", ["sync", "async"])
def test_effects_commit_with_the_handlers(around: str, router: EventRouter, post: Post, calls: Calls) -> None:
    """A failed run undoes what middleware wrote; a retry runs it again, and a duplicate does not."""
    fails = [True]
    threads: list[int] = []

    def write(event: Event[Any], call_next: CallNext) -> None:
        Effect.objects.create(handler="middleware", reference=event.reference)
        threads.append(threading.get_ident())
        call_next(event)

    if around == "async":
        router.use(noting(calls, "outer", "async"))
    router.use(write)

    @router.on("a")
    def handler(event: Event[Any]) -> None:
        Effect.objects.create(handler="handler", reference=event.reference)
        threads.append(threading.get_ident())
        if fails:
            raise ValueError(fails.pop())

    assert post("/events/a/1", PUSH).status_code == 400
    assert effects() == []
    assert post("/events/a/1", PUSH).status_code == 201
    assert effects() == ["middleware", "handler"]
    assert post("/events/a/1", PUSH).status_code == 200
    assert effects() == ["middleware", "handler"]
    assert threads[0] == threads[1]
    assert len(threads) == 4


@pytest.mark.django_db(transaction=True, databases="__all__")
@pytest.mark.usefixtures("sqlite_inbox")
@MODES
@pytest.mark.parametrize("around", ["sync", "async"])
def test_deferred_runs_have_it(mode: str, around: str, router: EventRouter, post: Post, calls: Calls) -> None:
    """Middleware surrounds the run of a deferred handler by a worker, not the request."""
    router.use(noting(calls, "outer", around))
    router.on("a", deferred=True)(handling(calls, mode))
    assert post("/events/a/1", PUSH).status_code == 201
    assert calls == []
    assert [result.outcome for _, result in process("default")] == [Outcome.HANDLED]
    assert calls == ["outer begins", "handler {'a': 1}", "outer ends"]
    assert [delivery.state for delivery in Delivery.objects.all()] == ["done"]
