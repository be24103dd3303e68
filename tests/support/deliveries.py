"""What the tests of the inbox share: what its tables hold, how its time passes, and how workers meet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from threading import Barrier
from threading import Event as Flag
from typing import Any, TypeVar

import pytest
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import DateTimeField, ExpressionWrapper, F
from django.db.models.functions import Now
from django.http import HttpResponse
from django.test import AsyncClient

from gcp_event_router import Event, EventRouter
from gcp_event_router.inbox.models import Delivery, OnceKey, State, StoredEvent
from gcp_event_router.utils import make_pubsub_message

from ..conftest import post_wsgi
from ..effects.models import Effect

T = TypeVar("T")
PATIENCE = 100.0
"""Seconds to wait for what should come at once."""
PUSH = make_pubsub_message({"a": 1}, message_id="17")
PATH = "/events/k/r"
ERROR = b'{"error": "Unable to handle event of kind k with reference r"}'


def post_apart(path: str, body: bytes = b"{}") -> HttpResponse:
    """Post to the async view as an ASGI server does: each request has a thread and connections of its own."""

    async def send() -> HttpResponse:
        async with ThreadSensitiveContext():
            try:
                response = await AsyncClient().generic("POST", f"/async{path}", body, "application/json")
            finally:
                await sync_to_async(connections.close_all)()
        assert isinstance(response, HttpResponse)
        return response

    return asyncio.run(send())


#: Emptying the tables of all other apps, too, and filling those of auth again, would take most of the tests' time.
with_databases = pytest.mark.django_db(
    transaction=True, databases="__all__", available_apps=["gcp_event_router", "gcp_event_router.inbox", "tests.effects"]
)
both_doors = pytest.mark.parametrize("post", [post_wsgi, post_apart], ids=["wsgi", "asgi"])
"""Where several requests are under way at once, or connections break: in place of the fixture `post`."""
sync_or_async = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
on_postgresql = pytest.mark.parametrize("inbox", ["postgresql"], indirect=True)
on_mariadb = pytest.mark.parametrize("inbox", ["mariadb"], indirect=True)
on_sqlite = pytest.mark.parametrize("inbox", ["sqlite"], indirect=True)
ends = pytest.mark.parametrize("fails", [False, True], ids=["then succeeds", "then fails"])
#: SQLite has one writer: during a sync handler, which is in a transaction, nobody else can claim anything there.
where_handlers_overlap = pytest.mark.parametrize(
    ("inbox", "is_async"),
    [("postgresql", False), ("postgresql", True), ("mariadb", False), ("mariadb", True), ("sqlite", True)],
    indirect=["inbox"],
)


def register(router: EventRouter, work: Callable[[Event[Any]], None], *, is_async: bool, **options: Any) -> None:
    """Register work for the kind `k`, as the handler `h`: a sync one or an async one."""

    async def awaited(event: Event[Any]) -> None:
        work(event)

    def called(event: Event[Any]) -> None:
        work(event)

    named: dict[str, Any] = {"name": "h", **options}
    router.on("k", **named)(awaited if is_async else called)


def push(message_id: object, data: object = None, subscription: str = "projects/p/subscriptions/s") -> bytes:
    """A push of a message."""
    return make_pubsub_message(data, subscription, message_id=str(message_id))


def take_effect(alias: str, handler: str, reference: str = "r") -> None:
    """Do what a handler does."""
    Effect.objects.using(alias).create(handler=handler, reference=reference)


def effects(alias: str) -> list[str]:
    """Which handlers' work took effect, each as often as it did."""
    return sorted(Effect.objects.using(alias).values_list("handler", flat=True))


def rows(alias: str) -> list[tuple[str, str, int]]:
    """Of each delivery the handler, the state, and how often it was begun."""
    return list(Delivery.objects.using(alias).order_by("pk").values_list("handler", "state", "attempts"))


def ahead(hours: int) -> ExpressionWrapper[Any]:
    """A time so many hours ahead, by the database's clock."""
    return ExpressionWrapper(Now() + timedelta(hours=hours), output_field=DateTimeField())


def end_leases(alias: str) -> None:
    """Let so much time pass that all leases end."""
    past = ExpressionWrapper(Now() - timedelta(seconds=1), output_field=DateTimeField())
    Delivery.objects.using(alias).filter(state=State.RUNNING).update(lease_until=past)
    OnceKey.objects.using(alias).exclude(token=None).update(lease_until=past)


def pass_time(alias: str, time: timedelta) -> None:
    """Let time pass for all events, and for all deliveries that wait."""
    StoredEvent.objects.using(alias).update(received_at=_earlier("received_at", time))
    Delivery.objects.using(alias).update(**{name: _earlier(name, time) for name in ("not_before", "waiting_since")})


def _earlier(name: str, time: timedelta) -> Any:
    return ExpressionWrapper(F(name) - time, output_field=DateTimeField())


def together(count: int, call: Callable[[int], T]) -> list[T]:
    """What a call returns with each number, in as many threads, which all begin at once."""
    barrier = Barrier(count)

    def one(number: int) -> T:
        barrier.wait(PATIENCE)
        return _closing(lambda: call(number))

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


class Stall:
    """A place in a handler where it waits for the test."""

    def __init__(self) -> None:
        self._reached = Flag()
        self._left = Flag()

    def __call__(self) -> None:
        """Wait until the test goes on; whoever comes later passes."""
        self._reached.set()
        assert self._left.wait(PATIENCE)

    def release(self) -> None:
        """Let the handler go on before the block ends."""
        self._left.set()

    @contextmanager
    def during(self, call: Callable[[], T]) -> Generator[Future[T]]:
        """Make a call in another thread; in the block it stalls, and after the block it has returned."""
        with beside(call) as future:
            try:
                assert self._reached.wait(PATIENCE)
                yield future
            finally:
                self.release()


@contextmanager
def beside(call: Callable[[], T]) -> Generator[Future[T]]:
    """Make a call in another thread; after the block it has returned."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(_closing, call)


def _closing(call: Callable[[], T]) -> T:
    try:
        return call()
    finally:
        connections.close_all()


@contextmanager
def session(alias: str) -> Generator[BaseDatabaseWrapper]:
    """A second session of a database, beside this thread's own."""
    other = connections[alias].copy()
    try:
        yield other
    finally:
        other.close()


def somebody_waits(alias: str) -> bool:
    """Whether a session on PostgreSQL waits for a lock."""
    with session(alias) as watcher, watcher.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone() != (0,))


@contextmanager
def settings_of(alias: str, **changed: Any) -> Generator[None]:
    """Have all connections that are opened in the block be opened with other settings."""
    settings = connections[alias].settings_dict
    before = dict(settings)
    connections[alias].close()
    settings.update(changed)
    try:
        yield
    finally:
        connections[alias].close()
        settings.clear()
        settings.update(before)
