"""Channels: what a site can be sent."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, Field

from gcp_event_router import Event, EventRouter
from gcp_event_router._contract.channels import channels, declared_words
from gcp_event_router._globs.glob import Glob
from gcp_event_router.checks import check_router
from gcp_event_router.exceptions import ConfigurationError


class Order(BaseModel):
    order_id: int = Field(alias="orderId")


class Paid(BaseModel):
    paid: bool = True


def place(event: Event[Order]) -> None: ...


def pay(event: Event[Paid]) -> None: ...


def watch(event: Event[Any]) -> None: ...


def keep(event: Event[bytes]) -> None: ...


def summary(router: EventRouter) -> list[tuple[str, list[str]]]:
    return [(str(each), [handler.function.__name__ for handler in each.handlers]) for each in channels(router)]


def test_each_glob_is_one() -> None:
    """Each glob is a channel, with all handlers that surely run for whatever it matches."""
    router = EventRouter()
    router.on("order-placed", "order-changed")(place)
    router.on("order-*")(pay)
    router.on("order-placed")(watch)
    router.on("*-placed")(keep)

    assert summary(router) == [
        ("order-placed", ["place", "pay", "watch", "keep"]),
        ("order-changed", ["place", "pay"]),
        ("order-*", ["pay"]),
        ("*-placed", ["keep"]),
    ]


@pytest.mark.parametrize("pattern", ["a/b", "a/*", "[/]", "x" * 300])
def test_what_no_url_holds(pattern: str) -> None:
    """A kind that no URL can hold is the type of a CloudEvent at `/events/`, and other handlers take it too (spec.md, "type")."""
    router = EventRouter()
    router.on("order-placed")(place)
    router.on(pattern)(pay)
    router.on("*")(watch)

    assert summary(router) == [("order-placed", ["place", "watch"]), (pattern, ["pay", "watch"]), ("*", ["watch"])]


def test_few_registrations_are_looked_at_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Globs are compared with those alone that match a kind of theirs, so that thousands of them are no matter."""
    router = EventRouter()
    for number in range(100):
        router.on(f"*-{number}-*", f"kind-{number}")(place)
    compared: list[tuple[Glob, Glob]] = []

    def compare(wider: Glob, narrower: Glob) -> None:
        compared.append((wider, narrower))

    monkeypatch.setattr("gcp_event_router._contract.channels.covers", compare)

    assert len(channels(router)) == 200
    assert compared == []


def test_types_are_channels() -> None:
    """A type of CloudEvents is a channel; a handler of it runs for no kind that says nothing of types."""
    router = EventRouter()
    router.on("gcs-*")(watch)
    router.on(ce_type="google.cloud.storage.object.v1.*")(keep)
    router.on("gcs-a", ce_type="google.cloud.storage.object.v1.finalized")(pay)

    assert summary(router) == [
        ("gcs-*", ["watch"]),
        ("google.cloud.storage.object.v1.*", ["keep"]),
        ("gcs-a of the type google.cloud.storage.object.v1.finalized", ["watch", "keep", "pay"]),
    ]


def test_fallbacks_stand_apart() -> None:
    """A fallback has a channel of its own, and no part in others."""
    router, inner = EventRouter(), EventRouter()
    router.on("order-placed")(place)
    inner.fallback(watch)
    router.include(inner, "billing-")

    assert summary(router) == [("order-placed", ["place"]), ("billing-*", ["watch"])]
    assert [each.is_fallback for each in channels(router)] == [False, True]


def test_declared_kinds_are_channels() -> None:
    """A declared kind is a channel, also where nothing here handles it; special characters stand for themselves."""
    router = EventRouter()
    router.kind("sent-only", Order)
    odd = router.kind("what?", Paid)
    odd.on(pay)

    assert summary(router) == [("what[?]", ["pay"]), ("sent-only", [])]
    assert [each.declared and each.declared.name for each in channels(router)] == ["what?", "sent-only"]


def test_one_schema_for_all_handlers() -> None:
    """A payload has to satisfy all handlers that say what it is; its sample does."""
    router = EventRouter()
    router.on("order-placed")(place)
    router.on("order-placed")(pay)
    router.on("order-placed", name="again")(place)

    (channel,) = channels(router)

    assert channel.schema() == {
        "allOf": [{"$ref": "#/$defs/Order"}, {"$ref": "#/$defs/Paid"}],
        "$defs": {
            "Order": {
                "properties": {"orderId": {"title": "Orderid", "type": "integer"}},
                "required": ["orderId"],
                "title": "Order",
                "type": "object",
            },
            "Paid": {
                "properties": {"paid": {"default": True, "title": "Paid", "type": "boolean"}},
                "title": "Paid",
                "type": "object",
            },
        },
    }
    assert channel.schema("serialization")["$defs"]["Order"]["required"] == ["orderId"]
    assert channel.example().value == {"orderId": 1, "paid": True}


def test_a_wider_handler_has_the_payload_of_its_kind() -> None:
    """The channel of a declared kind has the declared payload alone, however much its handlers accept; no check objects."""

    def wide(event: Event[BaseModel | None]) -> None: ...

    router = EventRouter()
    kind = router.kind("order-placed", Order)
    kind.on(watch)
    kind.on(wide)
    router.on("order-placed", payload=Order)(place)
    (channel,) = channels(router)

    assert [declared for declared, _ in channel.payloads] == [Order]
    assert [declared_words(handler) for handler in channel.handlers] == ["Order", "Order", "Order"]
    assert check_router(router) == []


def test_bytes_are_no_json() -> None:
    """Bytes are taken as they come."""
    router = EventRouter()
    router.on("label-printed")(keep)

    (channel,) = channels(router)

    assert channel.schema() == {"contentMediaType": "application/octet-stream"}
    assert channel.example().value == "something"


def test_what_cannot_be_resolved_is_said() -> None:
    """An annotation of unknown names is the error that the check tells, and keeps nobody from the list."""
    router = EventRouter()

    @router.on("a")
    def lost(event: Event[Unknown]) -> None: ...  # type: ignore[name-defined]  # noqa: F821  # pyright: ignore[reportUndefinedVariable, reportUnknownParameterType] -- the point

    (channel,) = channels(router)

    with pytest.raises(ConfigurationError, match="but the name 'Unknown' is not known in its module"):
        channel.schema()
