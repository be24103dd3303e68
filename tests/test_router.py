"""EventRouter: who handles which kind."""

# pyright: reportPrivateUsage=false
# what a router remembers shows nowhere else

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any, cast

import pytest
from pydantic import TypeAdapter

from gcp_event_router import Event, EventRouter, events
from gcp_event_router._dispatch.lookup import MEMORY, GivenTraits, find_everywhere, is_registered
from gcp_event_router.exceptions import ConfigurationError, GlobError, RegistrationError
from gcp_event_router.signals import EventSignal

SENT: dict[str, Any] = {"event_reference": "r", "event_payload": None, "event_parameters": {}}


def one(event: Event[Any]) -> None: ...


def two(event: Event[Any]) -> None: ...


async def three(event: Event[Any]) -> None: ...


def names(router: EventRouter, kind: str) -> list[str]:
    """The functions that run for a kind."""
    return [handler.function.__name__ for handlers in router.find(kind) for handler in handlers]


def test_decorated_function_stays_itself() -> None:
    """Decorating returns the very same object."""
    router = EventRouter()

    assert router.on("a")(one) is one
    assert router.on("b", payload=TypeAdapter(Any))(two) is two
    assert router.fallback(three) is three


def test_overlapping_globs_run_in_order_of_registration() -> None:
    """Every handler that matches runs, in order of registration, whatever its globs look like."""
    router = EventRouter()
    router.on("*-placed")(two)
    router.on("order-placed", "order-*")(one)

    assert names(router, "order-placed") == ["two", "one"]
    assert names(router, "order-changed") == ["one"]
    assert names(router, "Order-placed") == ["two"]


def test_function_registered_twice_runs_once_at_its_first_place() -> None:
    """A second registration of a function, or of a bound method, adds no second call."""
    router = EventRouter()
    for function, kind in ((one, "a*"), (two, "a*"), (one, "ab")):
        router.on(kind)(function)

    assert names(router, "ab") == ["one", "two"]


def test_fallback_runs_for_what_nothing_else_matches() -> None:
    """A fallback stands back for any other handler."""
    router = EventRouter()
    router.fallback(two)
    router.on("a")(one)

    assert (names(router, "a"), names(router, "b")) == (["one"], ["two"])


def test_included_router_is_live_and_prefixed() -> None:
    """What an included router registers later counts, too, under the prefix; so do its fallbacks, and routers within it."""
    root, billing, inner = EventRouter(), EventRouter(), EventRouter()
    root.include(billing, prefix="bill[1]-")
    billing.include(inner, prefix="x-")
    assert names(root, "bill[1]-paid") == []

    billing.on("paid")(one)
    inner.on("*")(two)
    billing.fallback(three)

    assert names(root, "bill[1]-paid") == ["one"]
    assert names(root, "bill[1]-x-y") == ["two"]
    assert names(root, "bill[1]-other") == ["three"]
    assert names(root, "paid") == []


def test_router_cannot_include_itself() -> None:
    """A circle of routers is refused."""
    first, second = EventRouter(), EventRouter()
    first.include(second)

    for router, other in ((first, first), (second, first)):
        with pytest.raises(RegistrationError) as refused:
            router.include(other)
        assert str(refused.value) == (
            "A router cannot include itself, directly or through others: the search for handlers would never end."
        )


def test_only_routers_are_included() -> None:
    """Anything else is refused when it is included, and not when an event comes."""
    router = EventRouter()
    kind = router.kind("a", int)

    for wrong in (kind, "billing", one, None):
        with pytest.raises(RegistrationError) as refused:
            router.include(cast("EventRouter", wrong))
        assert str(refused.value) == (
            f"{wrong!r} is not a router, so it has no handlers to include. Give an EventRouter, not a module that has one."
        )
    for prefix in (None, 1, b"order-"):
        with pytest.raises(RegistrationError) as refused:
            router.include(EventRouter(), prefix=cast("str", prefix))
        assert str(refused.value) == (
            f'prefix={prefix!r} is not a string, and no kind begins with it. Write prefix="order-", or leave it out.'
        )
    assert len(router.kinds) == 1


def test_router_is_a_collection() -> None:
    """A router can be iterated, counted, asked and printed."""
    router = EventRouter()
    router.on("a", "b-*")(one)
    router.include(other := EventRouter())
    other.on("c")(two)

    assert [each.handler.function for each in router] == [one, two]
    assert [str(glob) for each in router for glob in each.globs] == ["a", "b-*", "c"]
    assert (len(router), one in router, two in router, three in router, bool(EventRouter())) == (2, True, True, False, True)
    assert repr(router) == "<EventRouter with 2 registrations>"


def test_explain() -> None:
    """explain() says for each registration whether it runs and why; str() of it is for people."""
    router = EventRouter()
    router.on("order-*")(one)
    router.on("order-placed")(one)
    router.on("invoice-*", "refund")(two)
    router.fallback(three)

    explanation = router.explain("order-placed")
    other = router.explain("weather")

    assert [handler.function for handler in explanation.handlers] == [one]
    assert [(each.runs, each.reason) for each in explanation.consulted] == [
        (True, "'order-*' matches"),
        (False, "'order-placed' matches, but its function is registered before"),
        (False, "'order-placed' does not match 'invoice-*' or 'refund'"),
        (False, "another handler matches"),
    ]
    lines = str(other).splitlines()
    assert lines[0] == "'weather' is handled by 1 handler"
    assert lines[-1] == f"runs  {next(reversed(list(router))).handler}: it is a fallback, and nothing else matches"


def test_what_was_kept_is_found_where_somebody_listens() -> None:
    """A router's handlers are found for kept events as long as it listens to one signal."""
    first, second = EventSignal(), EventSignal()
    router = EventRouter(signal=first)
    router.listen(second)

    @router.on("only-here")
    def only_here(event: Event[Any]) -> None: ...

    def is_found() -> bool:
        everywhere = find_everywhere("only-here", GivenTraits())
        return any(only_here is handler.function for found in everywhere for handler in found.blocking)

    listening_to_both = is_found()
    router.ignore(first)
    listening_to_one = is_found()
    router.ignore(second)

    assert (listening_to_both, listening_to_one, is_found()) == (True, True, False)


def test_isolated_restores() -> None:
    """Registrations within isolated() are gone after it, also if it ends in an exception."""
    router = EventRouter()
    router.on("a")(one)

    with suppress(KeyError), router.isolated():
        router.on("a")(two)
        assert names(router, "a") == ["one", "two"]
        raise KeyError
    with router.isolated(empty=True):
        assert names(router, "a") == []

    assert names(router, "a") == ["one"]


def test_memory_is_bounded_and_closed_to_strangers() -> None:
    """Ten thousand kinds that match are not all remembered, and kinds that nothing handles not at all."""
    router = EventRouter()
    router.on("order-*")(one)
    router.fallback(two)

    for number in range(10_000):
        router.find(f"stranger-{number}")
    index = router._table._index
    assert index is not None
    assert index.memory == {}

    for number in range(10_000):
        router.find(f"order-{number}")
    assert 0 < len(index.memory) <= MEMORY


def test_signal_by_object_and_by_path() -> None:
    """A router listens to a signal once, and can stop listening."""
    seen: list[str] = []
    signal = EventSignal()
    router = EventRouter(signal=signal)
    router.listen(signal)
    router.on("*", payload=object)(lambda event: seen.append(event.kind))

    signal.send(None, event_kind="a", **SENT)
    router.ignore(signal)
    signal.send(None, event_kind="b", **SENT)

    assert seen == ["a"]

    by_path = EventRouter(signal="gcp_event_router.signals.event_received")
    by_path.ignore("gcp_event_router.signals.event_received")


@pytest.mark.parametrize("path", ["shop.nowhere", "os.path", one, EventSignal, events])
def test_wrong_signal_is_refused(path: Any) -> None:
    """A router refuses what is not a signal, and a path that does not lead to one."""
    with pytest.raises(ConfigurationError) as refused:
        EventRouter(signal=path)

    assert str(refused.value) == (
        f"{path!r} does not name a signal of Django. Give a path such as 'gcp_event_router.signals.event_received'."
    )


@pytest.mark.parametrize(
    ("kinds", "error", "message"),
    [
        ((), GlobError, "Without a kind, no event would ever reach the function. Name one: "),
        ((5,), RegistrationError, "A kind or type must be a string, not 5, of type int. Name one: "),
        ((one,), RegistrationError, "A kind or type must be a string, not the function one. Name one: "),
    ],
)
def test_wrong_kinds_are_refused(kinds: tuple[Any, ...], error: type[Exception], message: str) -> None:
    """Registering without a kind, or with one that is not a string, raises."""
    with pytest.raises(error) as refused:
        events.on(*kinds)

    assert str(refused.value) == message + '`@events.on("order-placed")`.'


def test_threads_register_while_others_send() -> None:
    """Registered handlers get every event once, while another thread registers more."""
    signal = EventSignal()
    router = EventRouter(signal=signal)
    heard: list[str] = []
    router.on("*", payload=object)(lambda event: heard.append(event.kind))

    def register() -> None:
        for number in range(200):
            router.on(f"other-{number}")(one)

    def send() -> None:
        for _ in range(300):
            signal.send(None, event_kind="k", **SENT)

    threads = [threading.Thread(target=send) for _ in range(8)] + [threading.Thread(target=register)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(heard) == 8 * 300
    assert len(router) == 201


@pytest.mark.parametrize(("kind", "found"), [("order-placed", True), ("refund", False), ("", False)])
def test_registered_kinds(router: EventRouter, kind: str, found: bool) -> None:
    """A kind is registered if a handler of a listening router takes it, whatever else the handler wants of an event."""
    router.on("order-*", attributes={"country": "CH"})(one)
    EventRouter().on("refund")(two)

    assert is_registered(kind) is found


def test_a_fallback_registers_every_kind(router: EventRouter) -> None:
    """Whatever comes, a fallback takes it."""
    router.fallback(one)

    assert is_registered("refund")
