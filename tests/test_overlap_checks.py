"""What the checks say of handlers that overlap, of globs that match nothing and of kinds that nobody handles."""

from __future__ import annotations

import gc
import inspect
from typing import Any, Literal

import pytest
from django.core.checks import Info, run_checks
from django.core.checks import Warning as Warn
from django.test import override_settings
from pydantic import BaseModel, TypeAdapter

from gcp_event_router import Event, EventRouter
from gcp_event_router.checks import check_router
from gcp_event_router.signals import event_received

from . import test_checks
from .test_checks import handler_of, told


class Order(BaseModel):
    type: Literal["order"]


class Refund(BaseModel):
    type: Literal["refund"]


def one(event: Event[Any]) -> None: ...


def two(event: Event[Any]) -> None: ...


def three(event: Event[Any]) -> None: ...


def of_order(event: Event[Order]) -> None: ...


def of_refund(event: Event[Refund]) -> None: ...


def of_list(event: Event[list[int]]) -> None: ...


def of_nothing(event: Event[None]) -> None: ...


def of_text(event: Event[str]) -> None: ...


def of_bytes(event: Event[bytes]) -> None: ...


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

    assert [each[3] for each in told(check_router(router))] == [
        f"{handler_of(router)} is registered for 'ab' with ce_type='com.[a-z]*', although 'a*' with ce_type='com.*' covers that "
        "already."
    ]


def test_a_fallback_covers_nothing(router: EventRouter) -> None:
    """A function that is a fallback as well runs for its kinds also where another handler does."""
    router.fallback(one)
    router.on("a")(one)

    assert check_router(router) == []


@pytest.mark.parametrize(
    ("globs", "said"),
    [
        (["a", "*[!b]*", "??*", "?"], "{1} handles '??*', {1} handles '?'"),
        (["?*", "*"], "{1} handles '?*'"),
        (["[!a-c]*", "a*", "[b-c]*"], "{1} handles '[!a-c]*', {1} handles 'a*', {1} handles '[b-c]*'"),
        (["[!a-c]*", "a*", "b*", "c*"], "{1} handles '[!a-c]*', {1} handles 'a*', {1} handles 'b*', and so on: 4 in all"),
        (["[!a-c]*", "a*", "b*"], None),
        (["a", "b"], None),
        ([], None),
    ],
)
def test_w003_several_together(router: EventRouter, globs: list[str], said: str | None) -> None:
    """A fallback never runs where several handlers leave it nothing; those that it takes are named."""
    router.fallback(one)
    for glob in globs:
        router.on(glob)(two)
    found = [each for each in told(check_router(router)) if each[1] == "gcp_event_router.W003"]

    which = "the other one" if said == "{1} handles '?*'" else "one of the others"
    because = (said or "").replace("{1}", handler_of(router, 1)) if globs else ""
    assert [(each[0], each[2], each[3]) for each in found] == [
        (
            Warn,
            f"Remove the fallback, or register {which} for fewer kinds.",
            f"{handler_of(router)} is a fallback that never runs, because {because}.",
        )
    ] * (said is not None)


def test_w003_under_a_prefix() -> None:
    """The fallback of an included router needs no more than its prefix to be covered."""
    router, inner = EventRouter(), EventRouter()
    inner.fallback(one)
    router.include(inner, "order-")
    router.on("*-*")(two)

    assert [each[1] for each in told(check_router(router))] == ["gcp_event_router.W003"]


def test_w015_payloads_that_exclude_each_other(router: EventRouter) -> None:
    """Handlers that both run for a kind, and read nothing in common, are named with that kind and the reason."""
    router.on("order-*")(of_order)
    router.on("*-refunded")(of_refund)

    hint = "Register one of them for fewer kinds, or declare one payload in both; until then, one fails each time."
    assert told(run_checks()) == [
        (
            Warn,
            "gcp_event_router.W015",
            hint,
            f"{handler_of(router)}, of Event[Order], and {handler_of(router, 1)}, of Event[Refund], "
            "both handle 'order-refunded', and no payload satisfies both: of 'type', the one takes 'order', the other 'refund'.",
        )
    ]
    with override_settings(SILENCED_SYSTEM_CHECKS=["gcp_event_router.W015"]):
        assert [each.is_silenced() for each in check_router(router)] == [True]


@pytest.mark.parametrize(
    ("first", "second", "conflicting"),
    [
        (of_order, of_list, True),
        (of_order, of_nothing, True),
        (of_order, one, False),
        (of_list, of_text, False),  # text is whatever comes
        (of_nothing, of_bytes, False),
        (of_order, of_order, False),
    ],
)
def test_w015_is_sure(router: EventRouter, first: Any, second: Any, conflicting: bool) -> None:
    """Only what no payload can satisfy is told."""
    router.on("a")(first)
    router.on("*")(second)

    assert [each[1] for each in told(check_router(router)) if each[1][-4] == "W"] == ["gcp_event_router.W015"] * conflicting


def test_w015_needs_one_event(router: EventRouter) -> None:
    """Kinds or types that exclude each other keep handlers apart; so does being a fallback."""
    router.on("a-*")(of_order)
    router.on("b-*", "?")(of_list)
    router.on("c-?", ce_type="com.a.*")(of_order)
    router.on("c-?", ce_type="com.[!a]*")(of_list)
    router.fallback(of_nothing)
    assert check_router(router) == []

    router.on(ce_type="com.z.*")(of_nothing)
    assert [each[3].partition(" both ")[2].partition(",")[0] for each in told(check_router(router))] == ["handle 'a-'"]


def test_w015_of_a_type_adapter_and_of_what_cannot_be_read(router: EventRouter) -> None:
    """A payload may be given as an adapter; a type that pydantic cannot validate, or an unknown name, is E001's to tell."""
    router.on("a", payload=TypeAdapter(list[int]))(lambda event: None)
    router.on("a", payload=Order)(lambda event: None)
    router.on("a", payload=EventRouter)(lambda event: None)
    router.on("a")(vars(test_checks)["unresolvable"])

    assert [each[1] for each in told(check_router(router))] == [*["gcp_event_router.E001"] * 2, "gcp_event_router.W015"]


@pytest.mark.parametrize("glob", ["a/b", "[/]*", "a" * 256, "?" * 256])
def test_w017_no_kind_matches(router: EventRouter, glob: str) -> None:
    """A glob that wants a slash, or more characters than a kind can have, is in vain."""
    router.on("*", glob)(one)

    said = told(check_router(router))
    assert (
        Warn,
        "gcp_event_router.W017",
        "Write a kind without a slash, of at most 255 characters.",
        f"{handler_of(router)} is registered for {glob!r}, which no kind matches.",
    ) in said
    assert len(said) == 1


def line() -> int:
    """The line on which the caller stands."""
    frame = inspect.currentframe()
    assert frame
    assert frame.f_back
    return frame.f_back.f_lineno


@pytest.fixture
def _alone() -> None:
    """Routers of other tests that listened are gone."""
    gc.collect()


@pytest.mark.usefixtures("_alone")
def test_i001_kinds_of_nobody(router: EventRouter) -> None:
    """A declared kind that nothing handles is told, with the place of its declaration, and what may be meant."""
    here = line() + 1
    router.kind("order-placed", Order)
    router.kind("order-paid", Order).on(of_order)
    router.kind("refund-a", Refund)
    router.on("order-place", "refund-*")(one)

    assert told(run_checks()) == [
        (
            Info,
            "gcp_event_router.I001",
            "Did you mean 'order-place', which is handled and not declared? "
            "Register a function with the kind's `on`; if this site only sends it, silence this check.",
            f"The kind 'order-placed', declared in {__file__}:{here}, is handled by nobody here.",
        )
    ]
    with override_settings(SILENCED_SYSTEM_CHECKS=["gcp_event_router.I001"]):
        assert [each.is_silenced() for each in check_router(router)] == [True]


@pytest.mark.usefixtures("_alone")
def test_i001_of_another_router_that_listens(router: EventRouter) -> None:
    """Whoever listens may handle a kind."""
    other = EventRouter(event_received)
    router.kind("order-placed", Order)
    assert [each[1] for each in told(check_router(router))] == ["gcp_event_router.I001"]

    other.on("order-*")(one)
    assert check_router(router) == []
