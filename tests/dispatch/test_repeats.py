"""Checks of functions that are registered more than once for the same events."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.checks import Warning as Warn
from django.test import override_settings

from gcp_event_router import Event, EventRouter
from gcp_event_router.checks import check_router

from ..checks.test_checks import handler_of, told
from ..conftest import Post


def one(event: Event[Any]) -> None: ...


def two(event: Event[Any]) -> None: ...


@pytest.mark.parametrize(
    ("first", "second", "covered"),
    [
        ("*-placed", "order-placed", True),
        ("*-*", "order-*-placed", True),
        ("order-[a-z]*", "order-p?[x-y]", True),
        ("?*", "*", True),
        ("order-placed", "order-*", False),  # it may have options of its own
        ("order-[a-y]*", "order-[a-z]*", False),
        ("*-placed", "order-*", False),
    ],
)
def test_w002_is_exact(router: EventRouter, first: str, second: str, covered: bool) -> None:
    """A function is told of a glob that an earlier one of it covers, whatever the two are made of."""
    router.on(first, second)(one)

    assert (
        told(check_router(router))
        == [
            (
                Warn,
                "gcp_event_router.W002",
                f"Remove {second!r}: the function runs once for an event in any case.",
                f"{handler_of(router)} is registered for {second!r}, although {first!r} covers that already.",
            )
        ]
        * covered
    )


def test_w002_of_types(router: EventRouter) -> None:
    """Types are compared as well; they may be of any form, so that `?*` does not cover `*` there."""
    router.on("a*", ce_type="com.*")(one)
    router.on("ab", ce_type="com.[a-z]*")(one)
    router.on("*", ce_type="?*")(two)
    router.on("b", ce_type="*")(two)

    assert [message[3] for message in told(check_router(router))] == [
        f"{handler_of(router)} is registered for 'ab' with ce_type='com.[a-z]*', although 'a*' with ce_type='com.*' covers that "
        "already."
    ]


def test_w002_of_a_type_and_of_none(router: EventRouter) -> None:
    """What wants a type, whichever it is, leaves the events that have none."""
    router.on("a", ce_type="*")(one)
    router.on("a")(one)
    router.on("b")(two)
    router.on("b", ce_type="*")(two)

    assert [message[3].partition(" is ")[2] for message in told(check_router(router))] == [
        "registered for 'b' with ce_type='*', although 'b' covers that already."
    ]


def test_w002_with_other_options(router: EventRouter) -> None:
    """Options that never count are not removed, but come first."""
    router.on("order-*")(one)
    router.on("order-placed", max_attempts=3)(one)

    assert told(check_router(router))[0] == (
        Warn,
        "gcp_event_router.W002",
        "Register 'order-placed' first: the function runs once for an event, with the options that come first.",
        f"{handler_of(router)} is registered for 'order-placed', although 'order-*' covers that already.",
    )
    with router.isolated(empty=True):
        router.on("order-placed", max_attempts=3)(one)
        router.on("order-*")(one)
        assert check_router(router) == []


@override_settings(SILENCED_SYSTEM_CHECKS=["gcp_event_router.W018"])
def test_w018_ambiguous_options(router: EventRouter) -> None:
    """Where two registrations of a function meet, and neither is an exception of the other, it is told which one counts."""
    router.on("order-*", name="placing")(one)
    router.on("*-placed", "*-paid")(one)

    messages = check_router(router)
    assert told(messages) == [
        (
            Warn,
            "gcp_event_router.W018",
            "Register it once, as `on('order-*', '*-placed')`, or give both the same options.",
            f"{handler_of(router)} is registered for 'order-*' and, with other options, for '*-placed': those of 'order-*' count "
            "for 'order-placed'.",
        )
    ]
    assert [message.is_silenced() for message in messages] == [True]


def test_w018_of_types(router: EventRouter) -> None:
    """Types that meet in part are told, too."""
    router.on(ce_type="com.*", name="placing")(one)
    router.on(ce_type="*.placed")(one)

    assert [message[1:] for message in told(check_router(router))] == [
        (
            "gcp_event_router.W018",
            "Give both the same options.",
            f"{handler_of(router)} is registered for ce_type='com.*' and, with other options, for ce_type='*.placed': those of "
            "ce_type='com.*' count for 'com.placed'.",
        )
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"kind": "order-*"}, {"kind": "*-placed"}),  # the same options
        ({"kind": "order-*", "name": "a"}, {"kind": "refund-*"}),
        ({"kind": "order-?*", "name": "a"}, {"kind": "order-*"}),  # an exception
        ({"kind": "order-*", "name": "a"}, {"ce_type": "com.*"}),
        ({"kind": "order-*", "ce_type": "com.a*", "name": "a"}, {"kind": "*-placed", "ce_type": "com.b*"}),
    ],
)
def test_w018_is_sure(router: EventRouter, first: dict[str, Any], second: dict[str, Any]) -> None:
    """Nothing is said of registrations that agree, exclude each other, or of which one is an exception of the other."""
    for options in (first, second):
        kinds = [options.pop("kind")] if "kind" in options else []
        router.on(*kinds, **options)(one)

    assert check_router(router) == []


def test_the_same_router_twice() -> None:
    """A router that is included under two prefixes has nothing twice; under one prefix it has all of it."""
    router, inner = EventRouter(), EventRouter()
    inner.on("placed", "p*")(one)
    inner.on("refused", payload=EventRouter)(lambda event: None)
    router.include(inner, "order-")
    router.include(inner, "[refund]-")
    assert [message[1] for message in told(check_router(router))] == ["gcp_event_router.E001"]

    router.include(inner, "order-")
    assert [message[3].partition(" is registered for ")[2] for message in told(check_router(router))[1:]] == [
        "'order-placed', although 'order-placed' covers that already.",
        "'order-p*', although 'order-p*' covers that already.",
        "'order-refused', although 'order-refused' covers that already.",
    ]


def test_a_fallback_covers_nothing(router: EventRouter) -> None:
    """A function that is a fallback as well runs for its kinds also where another handler does."""
    router.fallback(one)
    router.on("a")(one)

    assert check_router(router) == []


class Shop:
    def __init__(self) -> None:
        self.seen: list[str] = []

    def handle(self, event: Event[Any]) -> None:
        self.seen.append(event.kind)


def test_methods_of_two_objects_are_two_handlers(router: EventRouter, post: Post) -> None:
    """A method that is registered twice runs once; the same method of another object is another handler."""
    first, second = Shop(), Shop()
    for shop in (first, second, first):
        router.on("k")(shop.handle)

    assert post("/events/k/r", b"{}").status_code == 201
    assert (first.seen, second.seen) == (["k"], ["k"])
