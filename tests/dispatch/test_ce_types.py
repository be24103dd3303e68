"""Routing by the type of a CloudEvent: the same globs, order and explanations as by kind."""

# pyright: reportPrivateUsage=false
from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcp_event_router import Event, EventRouter
from gcp_event_router._dispatch.lookup import MEMORY
from gcp_event_router._globs.glob import Glob
from gcp_event_router.checks import check_router
from gcp_event_router.exceptions import GlobError, RegistrationError

from ..checks.test_checks import told

FINALIZED = "google.cloud.storage.object.v1.finalized"
STORAGE = "google.cloud.storage.object.v1.*"


def one(event: Event[Any]) -> None: ...


def two(event: Event[Any]) -> None: ...


def three(event: Event[Any]) -> None: ...


def four(event: Event[Any]) -> None: ...


def names(router: EventRouter, kind: str, ce_type: str | None = None) -> list[str]:
    return [handler.function.__name__ for handlers in router.find(kind, ce_type) for handler in handlers]


def test_kinds_and_types() -> None:
    """A registration may have a type, a kind, or both, which must then both match; handlers run in order of registration."""
    router = EventRouter()
    router.on(ce_type=STORAGE)(one)
    router.on("gcs-*")(two)
    router.on("gcs-*", ce_type="*.deleted")(three)
    router.fallback(four)

    assert names(router, "gcs-a", FINALIZED) == ["one", "two"]
    assert names(router, "gcs-a", "google.cloud.storage.object.v1.deleted") == ["one", "two", "three"]
    assert names(router, "other", FINALIZED) == ["one"]
    assert names(router, "gcs-a") == ["two"]
    assert names(router, "other") == ["four"]
    assert names(router, "other", "com.example.deleted") == ["four"]


def test_a_function_for_a_kind_and_a_type_runs_once() -> None:
    """A function with two matching registrations is called once."""
    router = EventRouter()
    router.on(ce_type=STORAGE)(one)
    router.on("gcs-*")(one)

    assert names(router, "gcs-a", FINALIZED) == ["one"]


def test_an_included_router_with_a_prefix() -> None:
    """Under a prefix, a type only matches events whose kind begins with the prefix."""
    router, inner = EventRouter(), EventRouter()
    inner.on(ce_type=STORAGE)(one)
    router.include(inner, prefix="files-")

    assert names(router, "files-a", FINALIZED) == ["one"]
    assert names(router, "a", FINALIZED) == []


def test_explain() -> None:
    """The reason says what did not match, the kind or the type."""
    router = EventRouter()
    router.on(ce_type=STORAGE)(one)
    router.on("gcs-*", ce_type="*.deleted")(two)
    router.on("order-*", ce_type="*")(three)
    router.fallback(four)

    assert [entry.reason for entry in router.explain("gcs-a", FINALIZED).consulted] == [
        f"{STORAGE!r} matches",
        f"the type {FINALIZED!r} does not match '*.deleted'",
        "'gcs-a' does not match 'order-*'",
        "another handler matches",
    ]
    assert [entry.reason for entry in router.explain("gcs-a").consulted] == [
        f"it wants the type {STORAGE!r}, and the event has none",
        "it wants the type '*.deleted', and the event has none",
        "'gcs-a' does not match 'order-*'",
        "it is a fallback, and nothing else matches",
    ]
    assert str(router.explain("gcs-a", FINALIZED)).splitlines()[0] == (
        f"'gcs-a' of the type {FINALIZED!r} is handled by 1 handler"
    )
    assert [handler.kinds for handler in (registration.handler for registration in router)] == [
        f"ce_type={STORAGE!r}",
        "'gcs-*', ce_type='*.deleted'",
        "'order-*', ce_type='*'",
        "all other events",
    ]


LABELS = st.text("ab.", min_size=1, max_size=3)
GLOBS = st.text("ab.*?", min_size=1, max_size=3)


@given(st.lists(st.tuples(st.none() | GLOBS, st.none() | GLOBS), max_size=6), LABELS, st.none() | LABELS)
def test_the_index_finds_what_matches(registered: list[tuple[str | None, str | None]], kind: str, ce_type: str | None) -> None:
    """The router finds the handlers whose globs match, in order, whatever else is registered."""
    router = EventRouter()
    expected: list[int] = []
    for place, (kinds, types) in enumerate(registered):
        if kinds is None and types is None:
            continue

        def handler(event: Event[Any], place: int = place) -> None: ...

        handler.__name__ = str(place)
        router.on(*([] if kinds is None else [kinds]), ce_type=types)(handler)  # pyright: ignore[reportCallIssue] -- one of the two is there
        if (kinds is None or Glob(kinds).matches(kind)) and (
            types is None or (ce_type is not None and Glob(types).matches(ce_type))
        ):
            expected.append(place)

    assert names(router, kind, ce_type) == [str(place) for place in expected]
    assert names(router, kind, ce_type) == [str(place) for place in expected]  # and once more, from memory


def test_memory_is_bounded() -> None:
    """A sender that invents types takes no more memory than one that invents kinds."""
    router = EventRouter()
    router.on("gcs-*")(one)
    router.on(ce_type="com.example.*")(two)
    for number in range(3 * MEMORY):
        router.find("gcs-a", f"com.example.{number}")

    index = router._table._index
    assert index is not None
    assert len(index.memory) <= MEMORY


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            "",
            "The type '' is empty, and no event has an empty type. Write a type such as 'google.cloud.storage.object.v1.*', "
            "or '*' for all.",
        ),
        (
            "google.[",
            "The type 'google.[' opens a '[' that is never closed, so it would match nothing. "
            "Close the sequence, as in '[ab]', or write '[[]' for the character itself.",
        ),
        (
            "google.\n",
            "The type 'google.\\n' holds a character that cannot be printed, so nobody could read it. "
            "Write it with printable characters only.",
        ),
    ],
)
def test_a_malformed_type_is_called_a_type(router: EventRouter, wrong: str, message: str) -> None:
    """An empty or malformed glob of types is refused on its line, by its own name."""
    with pytest.raises(GlobError) as caught:
        router.on(ce_type=wrong)

    assert str(caught.value) == message


def test_what_is_no_type_is_refused(router: EventRouter) -> None:
    """Several globs, and a missing glob are refused on their line."""
    with pytest.raises(GlobError, match=r"^Without a kind, "):
        router.on()  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue] -- what is tested
    with pytest.raises(RegistrationError) as caught:
        router.on(ce_type=["a", "b"])  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue] -- what is tested
    assert str(caught.value) == (
        "A kind or type must be a string, not ['a', 'b'], of type list. "
        'Give each as an argument of its own: `@events.on("order-placed", "order-paid")`.'
    )


def test_an_option_that_there_is_not(router: EventRouter) -> None:
    """An unknown option raises, with a list of the options."""
    with pytest.raises(RegistrationError) as caught:
        router.on("a", leese=1)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue] -- what is tested
    assert str(caught.value) == (
        "Unknown option leese=. Did you mean lease=? "
        "The options are payload=, ce_type=, attributes=, name=, once=, deferred=, lease=, max_attempts=, "
        "retry=, once_key=, once_for=, order_by=."
    )


def test_checks_know_types() -> None:
    """A registration for one type does not cover a kind; one for both does."""
    router = EventRouter()
    router.on("a-*", ce_type="google.*")(one)
    router.on("a-b", ce_type="com.*")(one)
    router.on("*", ce_type="*")(two)
    router.fallback(three)
    assert check_router(router) == []

    router.on(ce_type="google.cloud.*")(two)
    handler = list(router)[2].handler
    assert [message[3] for message in told(check_router(router))] == [
        f"{handler} is registered for ce_type='google.cloud.*', although '*' with ce_type='*' covers that already."
    ]
