"""What the checks say of registrations that select by attribute: which of them share events, and which cover others."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import pytest
from django.core.checks import Error
from django.core.checks import Warning as Warn
from pydantic import BaseModel

from gcp_event_router import Event, EventRouter
from gcp_event_router._globs.attributes import AttributeGlobs
from gcp_event_router.checks import check_router

from .test_checks import handler_of, told


class Order(BaseModel):
    type: Literal["order"]


class Refund(BaseModel):
    type: Literal["refund"]


def one(event: Event[Any]) -> None: ...


def two(event: Event[Any]) -> None: ...


def of_order(event: Event[Order]) -> None: ...


def of_refund(event: Event[Refund]) -> None: ...


@pytest.mark.parametrize(
    ("attributes", "others", "covers", "overlaps"),
    [
        ({"x": "a-*"}, {"x": "a-b"}, True, True),
        ({"x": "a-*"}, {"x": "a-b", "y": "*"}, True, True),
        ({"x": "a-*"}, {"x": "*-b"}, False, True),
        ({"x": "a"}, {"y": "a"}, False, True),
        ({"x": "a"}, None, False, True),
        (None, {"x": "a"}, True, True),
        ({"x": "a"}, {"x": "b"}, False, False),
        ({"x": "a", "y": "a-*"}, {"x": "a", "y": "b-*"}, False, False),
        ({"x": "*"}, {"x": "*"}, True, True),
    ],
)
def test_registrations_share_events_if_all_common_attributes_do(
    attributes: dict[str, str] | None, others: dict[str, str] | None, covers: bool, overlaps: bool
) -> None:
    """Handlers of payloads that exclude each other are reported if some event has both; a repeated function, if all have."""
    router = EventRouter()
    router.on("a", attributes=attributes)(of_order)
    router.on("*", attributes=others)(of_refund)
    assert [each[1] for each in told(check_router(router))] == ["gcp_event_router.W015"] * overlaps

    router = EventRouter()
    router.on("*", attributes=attributes)(one)
    router.on("a", attributes=others)(one)
    assert [each[1] for each in told(check_router(router))] == ["gcp_event_router.W002"] * covers


def test_w002_names_the_attributes() -> None:
    """The message has the registrations as they are written."""
    router = EventRouter()
    router.on("a-*", attributes={"x": "*"})(one)
    router.on("a-b", ce_type="com.*", attributes={"x": "1"})(one)

    assert told(check_router(router)) == [
        (
            Warn,
            "gcp_event_router.W002",
            "Remove 'a-b' with ce_type='com.*' and attributes={'x': '1'}: the function runs once for an event in any case.",
            f"{handler_of(router, 1)} is registered for 'a-b' with ce_type='com.*' and attributes={{'x': '1'}}, although 'a-*' "
            "with attributes={'x': '*'} covers that already.",
        )
    ]


def test_one_function_has_options_for_each_value() -> None:
    """Other options for other values are no conflict; for values that meet, they are."""
    router = EventRouter()
    router.on("a", attributes={"x": "eu-*"})(one)
    router.on("a", attributes={"x": "us-*"}, max_attempts=3)(one)
    assert check_router(router) == []

    router.on("a", attributes={"x": "*-1"}, max_attempts=4)(one)
    assert [each[2] for each in told(check_router(router))] == ["Give both the same options."]


def test_w031_an_attribute_that_looks_like_a_regular_expression() -> None:
    """Values often contain braces and white space, but a regular expression is reported, since it does not work as a glob."""
    router = EventRouter()
    router.on("a", attributes={"x": "{a b}", "y": "^OBJECT_.*$"})(one)

    (message,) = told(check_router(router))
    assert (message[1], message[3]) == (
        "gcp_event_router.W031",
        f"{handler_of(router)} is registered for y='^OBJECT_.*$', which looks like a regular expression.",
    )


def test_a_fallback_runs_for_other_attributes() -> None:
    """A handler of all kinds leaves a fallback the events without its attributes."""
    router = EventRouter()
    router.on("*", attributes={"x": "*"})(one)
    router.fallback(two)

    assert check_router(router) == []


def test_a_declared_kind_that_is_handled_in_part() -> None:
    """A handler of some of a kind's events has to read its payload, and counts as a handler of the kind."""
    router = EventRouter()
    router.kind("order-placed", Order)
    router.on("order-*", attributes={"x": "1"})(of_refund)

    assert told(check_router(router)) == [
        (
            Error,
            "gcp_event_router.E010",
            "Declare Event[Order], or register the handler for other kinds.",
            f"{handler_of(router)} handles 'order-placed', and reads Refund, which fits no sample of Order, with which the kind "
            "is declared: the first try fails at type: Input should be 'refund'.",
        )
    ]


@pytest.mark.proof
def test_many_values_of_one_kind_are_not_compared_in_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hundred registrations of one kind for different values are not compared with each other, but with one for any value."""
    compared: list[tuple[object, object]] = []
    for name in ("meets", "covers"):
        compare = getattr(AttributeGlobs, name)

        def count(one: AttributeGlobs, other: AttributeGlobs, compare: Any = compare) -> object:
            compared.append((one, other))
            return compare(one, other)

        monkeypatch.setattr(AttributeGlobs, name, count)
    router = EventRouter()
    for number in range(100):
        router.on("github", attributes={"event": f"{number}"}, max_attempts=number + 1)(one)
        router.on("github", attributes={"event": f"x{number}"})(partial(of_order))
        router.on("github", attributes={"event": f"y{number}"})(partial(of_refund))
    assert (check_router(router), compared) == ([], [])

    router.on("github", attributes={"event": "?*"})(one)
    assert len(check_router(router)) == 0
    assert 0 < len(compared) < 2000
