"""The contract of events that are selected by attribute: channels of their own, in the document, and in its comparison."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import BaseModel

from gcp_event_router import Event, EventRouter
from gcp_event_router._contract.asyncapi import EXTENSION, asyncapi
from gcp_event_router._contract.channels import channel_of, channels
from gcp_event_router._contract.compatibility import document_changes
from gcp_event_router._globs.glob import Glob
from gcp_event_router.auth import AuthenticatorChain
from gcp_event_router.exceptions import GlobError


class Order(BaseModel):
    order_id: int


class Late(BaseModel):
    order_id: int
    days: int


def place(event: Event[Order]) -> None:
    """Take an order."""


def watch(event: Event[Any]) -> None: ...


def late(event: Event[Late]) -> None: ...


def document(router: EventRouter) -> dict[str, Any]:
    return asyncapi(router, AuthenticatorChain([]), title="shop", version="1.0.0")


def test_channels() -> None:
    """Each set of attributes is a channel, with the handlers that run for all of its events."""
    router = EventRouter()
    router.on("order-*")(watch)
    router.on("order-placed", attributes={"region": "eu-*"})(place)
    router.on("order-placed", attributes={"tier": "gold", "region": "eu-1"})(late)
    router.kind("order-placed", Order)

    assert [(str(each), [handler.function.__name__ for handler in each.handlers]) for each in channels(router)] == [
        ("order-*", ["watch"]),
        ("order-placed with region=eu-*", ["watch", "place"]),
        ("order-placed with region=eu-1 and tier=gold", ["watch", "place", "late"]),
        ("order-placed", ["watch"]),
    ]
    assert [handler.function for handler in channel_of(router, "order-placed", None, {"region": "eu-2"}).handlers] == [
        watch,
        place,
    ]


def test_document() -> None:
    """The condition of a message is in its description, and in the schema of its headers, as a value or a pattern."""
    router = EventRouter()
    router.on("order-*", attributes={"region": "eu-?", "tier": "gold"})(place)
    router.on(ce_type="com.*", attributes={"source": "//shop/*"})(watch)

    made = document(router)

    assert {name: channel[EXTENSION] for name, channel in made["channels"].items()} == {
        "com.any_with_source_shop_any": {
            "kind": "*",
            "ce-type": "com.*",
            "attributes": {"source": "//shop/*"},
            "handlers": ["tests.contract.test_attributes.watch"],
        },
        "order-any_with_region_eu-_and_tier_gold": {
            "kind": "order-*",
            "attributes": {"region": "eu-?", "tier": "gold"},
            "handlers": ["tests.contract.test_attributes.place"],
        },
    }
    message = made["components"]["messages"]["order-any_with_region_eu-_and_tier_gold"]
    assert message["description"] == (
        "Only with region=eu-? and tier=gold: attributes of the Pub/Sub message, or of the CloudEvent, here described as "
        "headers.\n\nTake an order."
    )
    assert message["headers"] == {
        "type": "object",
        "properties": {
            "region": {"type": "string", "description": "A value that matches eu-?", "pattern": r"^eu-[\s\S]$"},
            "tier": {"type": "string", "const": "gold"},
        },
        "required": ["region", "tier"],
    }
    assert made["components"]["messages"]["com.any_with_source_shop_any"]["headers"]["required"] == ["ce-type", "source"]


TEXTS = st.text("ab-[]^*?!.\\n\n", min_size=1, max_size=6)


@given(TEXTS, TEXTS)
def test_a_pattern_says_what_a_glob_says(pattern: str, value: str) -> None:
    """The regular expression in the document matches the values that the glob matches."""
    try:
        glob = Glob(pattern)
    except GlobError:
        assume(False)
        raise
    assume(not glob.is_literal)
    router = EventRouter()
    router.on("a", attributes={"x": pattern})(watch)
    (message,) = document(router)["components"]["messages"].values()
    expression = message["headers"]["properties"]["x"]["pattern"].removesuffix("$") + r"\Z"

    assert (re.search(expression, value) is not None) == glob.matches(value)


#: What was registered, what is registered now, and the changes. Each is a kind, the attributes and the function.
ORDERS = ("order-placed", {"region": "eu-*"}, place)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([ORDERS], [ORDERS], []),
        ([ORDERS], [("order-*", None, place)], ["order-*: is handled, too"]),
        (
            [("order-placed", None, place)],
            [ORDERS],
            [
                "! order-placed: it may break: no single channel accepts all of it now, and order-placed with region=eu-* "
                "accepts a part"
            ],
        ),
        (
            [ORDERS],
            [("order-placed", {"region": "us-*"}, place)],
            ["! order-placed with region=eu-*: nothing handles it now", "order-placed with region=us-*: is handled, too"],
        ),
        (
            [("order-placed", None, place)],
            [("order-placed", None, place), ("order-placed", {"region": "eu-*"}, late)],
            ["! order-placed with region=eu-*, days: a required field is new"],
        ),
        (
            [ORDERS],
            [ORDERS, ("order-placed", {"tier": "gold"}, late)],
            [
                "! order-placed with region=eu-* and order-placed with tier=gold, days: a required field is new",
                "order-placed with tier=gold: is handled, too",
            ],
        ),
        (
            [("order-placed", None, place)],
            [("order-placed", None, place), ("order-*", {"tier": "gold"}, late)],
            [
                "! order-placed and order-* with tier=gold, days: a required field is new",
                "order-* with tier=gold: is handled, too",
            ],
        ),
    ],
)
def test_changes(before: list[Any], after: list[Any], expected: list[str]) -> None:
    """A channel of attributes is compared with those that accept its events, or some of them."""
    documents: list[dict[str, Any]] = []
    for registrations in (before, after):
        router = EventRouter()
        for kind, attributes, function in registrations:
            router.on(kind, attributes=attributes)(function)
        documents.append(document(router))

    found = document_changes(*documents)

    assert [f"{'! ' if change.is_breaking else ''}{change}" for change in found] == expected
