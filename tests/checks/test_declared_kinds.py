"""What is said of declared kinds that nobody handles."""

from __future__ import annotations

import inspect
from typing import Any, Literal
from weakref import WeakSet

import pytest
from django.core.checks import Info, run_checks
from django.test import override_settings
from pydantic import BaseModel

from gcp_event_router import Event, EventRouter
from gcp_event_router.checks import check_router
from gcp_event_router.signals import event_received

from .test_checks import told


class Order(BaseModel):
    type: Literal["order"]


class Refund(BaseModel):
    type: Literal["refund"]


def one(event: Event[Any]) -> None: ...


def of_order(event: Event[Order]) -> None: ...


def line() -> int:
    """The line on which the caller stands."""
    frame = inspect.currentframe()
    assert frame
    assert frame.f_back
    return frame.f_back.f_lineno


@pytest.fixture
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Routers of other tests do not listen."""
    nobody = WeakSet[EventRouter]()
    for module in ("signals", "_dispatch.lookup"):
        monkeypatch.setattr(f"gcp_event_router.{module}.LISTENING", nobody)


@pytest.mark.usefixtures("_alone")
def test_i001_kinds_of_nobody(router: EventRouter) -> None:
    """A declared kind that nothing handles is told, with the place of its declaration, and what may be meant."""
    here = line() + 1
    router.kind("order-placed", Order)
    router.kind("order-paid", Order).on(of_order)
    router.kind("refund-a", Refund)
    router.on("order-packed", "refund-*")(one)

    assert told(run_checks()) == [
        (
            Info,
            "gcp_event_router.I001",
            "Did you mean 'order-packed', which has a handler but no declaration? "
            "Register a function with the kind's `on`; if this site only sends it, silence this check.",
            f"The kind 'order-placed', declared in {__file__}:{here}, has no handler here.",
        )
    ]
    with override_settings(SILENCED_SYSTEM_CHECKS=["gcp_event_router.I001"]):
        assert [each.is_silenced() for each in check_router(router)] == [True]


@pytest.mark.proof
@pytest.mark.usefixtures("_alone")
def test_i001_of_hundreds(router: EventRouter) -> None:
    """Each of many kinds is told, but names are compared for the first of them alone, so that the check ends soon."""
    for number in range(200):
        router.kind(f"order-{number}-placed", Order)
        router.on(f"order-{number}-was-placed", name=str(number))(one)

    hints = [hint for _, _, hint, _ in told(run_checks())]
    assert len(hints) == 200
    assert [hint is not None and hint.startswith("Did you mean") for hint in hints] == [True] * 100 + [False] * 100


@pytest.mark.usefixtures("_alone")
def test_i001_of_another_router_that_listens(router: EventRouter) -> None:
    """Whoever listens may handle a kind."""
    other = EventRouter(event_received)
    router.kind("order-placed", Order)
    assert check_router(router) == []  # where nothing is handled, kinds are only sent

    router.on("refund-*")(one)
    assert [each[1] for each in told(check_router(router))] == ["gcp_event_router.I001"]

    other.on("order-*")(one)
    assert check_router(router) == []


@pytest.mark.usefixtures("_alone")
@pytest.mark.parametrize("ce_type", ["order.*", "google.cloud.pubsub.topic.v1.messagePublished"])
def test_i001_of_types(router: EventRouter, ce_type: str) -> None:
    """What comes without a kind has that of its type, and what Eventarc brings from a topic has Pub/Sub's type."""
    router.kind("order.placed", Order)
    router.on(ce_type="com.*")(one)
    assert [each[1] for each in told(check_router(router))] == ["gcp_event_router.I001"]

    router.on(ce_type=ce_type)(one)
    assert check_router(router) == []
