"""`testing.record`: what handlers are given while a test watches."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from functools import wraps
from threading import Thread
from typing import Any, cast

import pytest
from django.test import Client
from pydantic import BaseModel

from gcp_event_router import Event, EventRouter, Outcome
from gcp_event_router.lifecycle import event_rejected, handler_finished
from gcp_event_router.testing import Recording, apush, push, record


class Order(BaseModel):
    order_id: int


def store(event: Event[Order]) -> None: ...


def fail(event: Event[Any]) -> None:
    raise KeyError


@pytest.fixture
def shop(router: EventRouter) -> EventRouter:
    router.on("order-*")(store)
    router.on("broken")(fail)
    return router


def test_assert_handled(shop: EventRouter, event_recording: Recording) -> None:
    """The last event that fits is returned, with its types; what is not asked for does not count."""
    push("order-placed", "1", Order(order_id=1))
    push("order-changed", "2", Order(order_id=2), parameters={"a": 1})

    assert event_recording.assert_handled(store).payload.order_id == 2
    assert event_recording.assert_handled(store, payload=Order(order_id=1), times=1).kind == "order-placed"
    assert event_recording.assert_handled(store, reference="2", parameters={"a": "1"}).payload == Order(order_id=2)
    event_recording.assert_not_called(fail)


def test_failed_assertions_say_what_was_recorded(shop: EventRouter) -> None:
    """The message of a failed assertion names what was wanted, and lists what there was instead."""
    with record() as recording:
        push("order-placed", "1", Order(order_id=1))
        push("order-placed", "2", {"order_id": "x"})
        push("k", "1", b"{", headers={"Content-Type": "application/cloudevents+json"}, envelope="plain")
        push("broken", "1", raises=False)

    def message(assertion: Any, *arguments: Any, **named: Any) -> str:
        with pytest.raises(AssertionError) as raised:
            assertion(*arguments, **named)
        return str(raised.value)

    recorded = (
        "  tests.testing.test_recording.store for 'order-placed', '1': handled, with the payload Order(order_id=1)\n"
        "  tests.testing.test_recording.store for 'order-placed', '2': invalid, "
        "by InvalidEventError('invalid payload: 1 error')\n"
        "  tests.testing.test_recording.fail for 'broken', '1': failed, with the payload None, by KeyError()\n"
        "  rejected: 'k', '1': invalid, by EnvelopeError('The body is not JSON, although its Content-Type says that it contains "
        "CloudEvents.')"
    )
    assert str(recording) == recorded
    assert message(recording.assert_handled, store, payload=Order(order_id=7), reference="1") == (
        f"store should have handled an event, payload Order(order_id=7), reference '1'. Recorded:\n{recorded}"
    )
    assert message(recording.assert_handled, store, times=2) == (
        f"store should have handled an event 2 times, not 1. Recorded:\n{recorded}"
    )
    for ask in (recording.assert_handled, recording.assert_not_called, recording.of, push("k").assert_handled):
        with pytest.raises(TypeError) as refused:
            ask(cast("Any", "store"))
        assert str(refused.value) == "A handler must be a function, not 'store', of type str."
    with pytest.raises(ValueError, match=r"^times must be at least 1, not 0\. Use assert_not_called\(store\)\.$"):
        recording.assert_handled(store, times=0)
    assert message(recording.assert_not_called, store) == f"store should not have been called. Recorded:\n{recorded}"
    assert (
        message(recording.assert_outcome, store, Outcome.RETRY)
        == f"store should have had the outcome 'retry'. Recorded:\n{recorded}"
    )
    assert message(recording.assert_rejected, Outcome.FORBIDDEN) == (
        f"an event should have been rejected as 'forbidden'. Recorded:\n{recorded}"
    )
    assert message(Recording().assert_rejected) == "an event should have been rejected. Recorded:\n  nothing"
    assert recording.assert_rejected(Outcome.INVALID) is recording.assert_rejected()
    assert recording.assert_outcome(store, Outcome.INVALID).event is None
    assert [each.reference for each in recording.of(store)] == ["1", "2"]
    assert repr(recording) == "<Recording of 3 deliveries, 1 rejection>"


def test_all_threads(shop: EventRouter) -> None:
    """What is delivered in another thread is recorded, too; a push of that thread tells only its own."""

    def elsewhere() -> None:
        Client().post("/events/order-placed/2", {"order_id": 2}, content_type="application/json")

    def here(event: Event[Order]) -> None:
        thread = Thread(target=elsewhere)
        thread.start()
        thread.join()

    shop.on("order-first")(here)
    with record() as recording:
        pushed = push("order-first", "1", Order(order_id=1))

    assert sorted(each.reference for each in recording.of(store)) == ["1", "2"]
    assert pushed.handled == (store, here)


def test_nested(shop: EventRouter) -> None:
    """A recording within another sees its own part; after both, nobody listens."""
    before = len(handler_finished.receivers), len(event_rejected.receivers)
    with record() as outer:
        push("order-placed", "1", Order(order_id=1))
        with record() as inner:
            push("order-placed", "2", Order(order_id=2))

    assert (len(outer.deliveries), len(inner.deliveries)) == (2, 1)
    assert (len(handler_finished.receivers), len(event_rejected.receivers)) == before


def test_decorated(router: EventRouter) -> None:
    """A decorator between the test's name and what is registered hides nothing, on whichever side it stands."""

    def loud(function: Callable[[Event[Order]], None]) -> Callable[[Event[Order]], None]:
        @wraps(function)
        def call(event: Event[Order]) -> None:
            function(event)

        return call

    outside = loud(router.on("order-placed")(store))
    inside = fail
    router.on("order-placed")(loud(inside))
    with record() as recording:
        pushed = push("order-placed", "1", Order(order_id=1), raises=False)

    pushed.assert_handled(outside)
    for each in (outside, inside):
        assert len(recording.of(each)) == 1
        with pytest.raises(AssertionError):
            recording.assert_not_called(each)


def test_unfinished(router: EventRouter) -> None:
    """A handler that never ended was called all the same: one that is cancelled, and one that ends the process."""
    started = asyncio.Event()

    @router.on("slow")
    async def slow(event: Event[Any]) -> None:
        started.set()
        await asyncio.Event().wait()

    @router.on("exit")
    def leave(event: Event[Any]) -> None:
        raise SystemExit

    async def cancel() -> None:
        task = asyncio.create_task(apush("slow"))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with record() as recording:
        asyncio.run(cancel())
        with pytest.raises(SystemExit):
            push("exit")

    here = "tests.testing.test_recording.test_unfinished.<locals>"
    assert str(recording) == f"  {here}.slow has not ended\n  {here}.leave has not ended"
    for each in (slow, leave):
        with pytest.raises(AssertionError):
            recording.assert_not_called(each)


def test_bound_methods(router: EventRouter) -> None:
    """A bound method is found by an equal one."""

    class Shop:
        def store(self, event: Event[Order]) -> None: ...

    shop = Shop()
    router.on("order-placed")(shop.store)
    with record() as recording:
        push("order-placed", "1", Order(order_id=1))

    assert recording.assert_handled(shop.store).reference == "1"
    assert re.match(r".*Shop\.store for 'order-placed'", str(recording).strip())
