"""Checks of payloads: handlers that can read nothing of what is known to be sent."""

from __future__ import annotations

from typing import Any, Literal

from django.core.checks import Error
from django.test import override_settings
from pydantic import BaseModel

from gcp_event_router import Event, EventRouter
from gcp_event_router.checks import check_router
from gcp_event_router.google.cloudbuild import BuildEventData
from gcp_event_router.google.storage import StorageObjectData

from .test_checks import told

FINALIZED = "google.cloud.storage.object.v1.finalized"


class Order(BaseModel):
    order_id: int


class Invoice(BaseModel):
    invoice: int


class Name(BaseModel):
    name: str


class MyObject(StorageObjectData):
    mine: int = 0


def of_order(event: Event[Order]) -> None: ...


def of_invoice(event: Event[Invoice]) -> None: ...


def of_bytes(event: Event[bytes]) -> None: ...


def of_anything(event: Event[Any]) -> None: ...


def of_build(event: Event[BuildEventData]) -> None: ...


def of_object(event: Event[MyObject]) -> None: ...


def of_name(event: Event[Name]) -> None: ...


class Call(BaseModel):
    methodName: Literal["storage.objects.create"]  # noqa: N815 -- Google's name


class AuditLog(BaseModel):
    protoPayload: Call  # noqa: N815 -- Google's name


def of_one_call(event: Event[AuditLog]) -> None: ...


def of_nothing_known(event: Event[Missing]) -> None: ...  # type: ignore[name-defined]  # noqa: F821  # pyright: ignore[reportUndefinedVariable, reportUnknownParameterType] -- what is tested


def test_e010_a_handler_of_another_payload() -> None:
    """A handler whose glob matches a declared kind, and which reads none of its payloads, is an error; others are not."""
    router = EventRouter()
    router.kind("order-placed", Order).on(of_order)
    router.on("order-*")(of_invoice)
    router.on("order-*")(of_bytes)
    router.on("order-*")(of_anything)
    router.on("invoice-*")(of_invoice)
    handler = list(router)[1].handler

    assert told(check_router(router)) == [
        (
            Error,
            "gcp_event_router.E010",
            "Declare Event[Order], or register the handler for other kinds.",
            f"{handler} handles 'order-placed', and reads Invoice, which fits no sample of Order, with which the kind is "
            "declared: the first try fails at invoice: Field required.",
        )
    ]


def test_e011_a_handler_of_another_model() -> None:
    """A handler of one of Google's types that declares the model of another, or requires what is never sent, is an error."""
    router = EventRouter()
    for function in (of_build, of_order, of_object, of_name, of_bytes):
        router.on(ce_type=FINALIZED)(function)
    router.on(ce_type="google.cloud.storage.*")(of_build)
    router.on(ce_type="com.example.unknown")(of_build)
    router.on(ce_type="google.cloud.pubsub.topic.v1.messagePublished")(of_order)
    build, order = (each.handler for each in list(router)[:2])
    hint = "Declare Event[StorageObjectData], of gcp_event_router.google.storage."

    assert told(check_router(router)) == [
        (
            Error,
            "gcp_event_router.E011",
            hint,
            f"{build} handles {FINALIZED!r}, and reads BuildEventData, which is the model of other events.",
        ),
        (
            Error,
            "gcp_event_router.E011",
            hint,
            f"{order} handles {FINALIZED!r}, and reads Order, which fits no sample of StorageObjectData: the first try "
            "fails at order_id: Field required.",
        ),
    ]


def test_a_handler_may_read_a_few_of_googles_events() -> None:
    """A handler that narrows a text of Google's to one value is fine: Google's model reads what the handler reads."""
    router = EventRouter()
    router.on(ce_type="google.cloud.audit.log.v1.written")(of_one_call)

    assert check_router(router) == []


def test_what_cannot_be_resolved_is_left_to_e001() -> None:
    """A handler whose annotation is unknown is complained of once."""
    router = EventRouter()
    router.kind("a", Order)
    router.on("a", ce_type=FINALIZED)(of_nothing_known)  # pyright: ignore[reportUnknownArgumentType] -- as above
    router.on("a*", ce_type=FINALIZED, name="another")(of_nothing_known)  # pyright: ignore[reportUnknownArgumentType] -- what is tested

    assert [each[1] for each in told(check_router(router))] == ["gcp_event_router.E001"] * 2


def test_what_is_no_json_is_not_compared() -> None:
    """Of bytes and of text nothing is known, whichever side declares them."""
    router = EventRouter()
    router.kind("a", bytes)
    router.kind("b", str)
    router.on("a", "b")(of_invoice)

    assert check_router(router) == []


@override_settings(SILENCED_SYSTEM_CHECKS=["gcp_event_router.E010"])
def test_they_can_be_silenced() -> None:
    """As every check of Django's."""
    router = EventRouter()
    router.kind("a", Order)
    router.on("a")(of_invoice)

    assert [message.is_silenced() for message in check_router(router)] == [True]
