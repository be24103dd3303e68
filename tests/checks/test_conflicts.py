"""What is said of handlers of one kind that no payload satisfies."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from django.core.checks import Warning as Warn
from django.core.checks import run_checks
from django.test import override_settings
from pydantic import BaseModel, TypeAdapter

from gcp_event_router import Event, EventRouter
from gcp_event_router.checks import check_router

from . import test_checks
from .test_checks import handler_of, told


class Order(BaseModel):
    type: Literal["order"]


class Refund(BaseModel):
    type: Literal["refund"]


def one(event: Event[Any]) -> None: ...


def two(event: Event[Any]) -> None: ...


def of_order(event: Event[Order]) -> None: ...


def of_refund(event: Event[Refund]) -> None: ...


def of_list(event: Event[list[int]]) -> None: ...


def of_nothing(event: Event[None]) -> None: ...


def of_text(event: Event[str]) -> None: ...


def of_bytes(event: Event[bytes]) -> None: ...


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
            "both handle 'order-refunded', and no sample satisfies both: the first try fails at type: Input should be "
            "'refund'.",
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
    """Only what no sample satisfies is told."""
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


@pytest.mark.parametrize(
    ("plain", "ce_type", "kind"),
    [
        ("*", "com.a.*", "com.a."),
        ("com.*", "*.a", "com.a"),
        ("uploads", "com.a.*", None),  # an event of that kind need not have such a type
        ("com.b.*", "com.a.*", None),
    ],
)
def test_w015_of_a_kind_and_of_a_type(router: EventRouter, plain: str, ce_type: str, kind: str | None) -> None:
    """An event without a kind of its own has that of its type; other kinds and types are not known to come together."""
    router.on(plain)(of_list)
    router.on(ce_type=ce_type)(of_nothing)

    assert [each[3].partition(" handle ")[2].partition(",")[0] for each in told(check_router(router))] == [repr(kind)] * bool(
        kind
    )


def test_w015_of_types_alone(router: EventRouter) -> None:
    """Types in common are enough, as with a kind that is narrowed by a type."""
    router.on(ce_type="com/*")(of_order)
    router.on(ce_type="*/a")(of_list)
    router.on("b", ce_type="com/b")(of_nothing)

    said = [each[3].partition(" handle ")[2].partition(",")[0] for each in told(check_router(router))]
    assert said == ["'com/a'", "'b'"]


def test_w015_is_not_said_again(router: EventRouter) -> None:
    """Where one of the two is wrong for the declared kind, that is all that is said."""
    router.kind("a", Order).on(of_order)
    router.on("a")(of_refund)

    assert [each[1] for each in told(check_router(router))] == ["gcp_event_router.E010"]


class Nested:
    class Order(BaseModel):
        type: Literal["other"]


def test_w015_of_types_of_one_name(router: EventRouter) -> None:
    """Types with the same name are not taken for one."""
    router.on("a", payload=Order)(lambda event: None)
    router.on("a", payload=Nested.Order)(lambda event: None)

    assert [each[3].partition("both: ")[2] for each in told(check_router(router))] == [
        "the first try fails at type: Input should be 'other'."
    ]


def test_w015_of_a_type_adapter_and_of_what_cannot_be_read(router: EventRouter) -> None:
    """A payload may be given as an adapter; a type that pydantic cannot validate, or an unknown name, is E001's to tell."""
    router.on("a", payload=TypeAdapter(list[int]))(lambda event: None)
    router.on("a", payload=Order)(lambda event: None)
    router.on("a", payload=EventRouter)(lambda event: None)
    router.on("a")(vars(test_checks)["unresolvable"])

    assert [each[1] for each in told(check_router(router))] == [*["gcp_event_router.E001"] * 2, "gcp_event_router.W015"]
