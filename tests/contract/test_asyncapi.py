"""The AsyncAPI document: channels, payloads, and who is let in. `make asyncapi` has AsyncAPI's parser judge it."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Literal

import pytest
from django.test import override_settings
from pydantic import BaseModel, Field, Json, field_validator

from gcp_event_router import Event, EventRouter
from gcp_event_router._contract.asyncapi import EXTENSION, asyncapi
from gcp_event_router._contract.compatibility import document_changes
from gcp_event_router.auth import OIDC, AuthenticatorChain, SharedToken, SignedURL
from gcp_event_router.exceptions import ConfigurationError
from gcp_event_router.google.catalogue import model_of, types

OPEN = AuthenticatorChain([])


class Order(BaseModel):
    """Somebody ordered."""

    order_id: int


class Cat(BaseModel):
    kind: Literal["cat"]
    #: A field of this name is no keyword.
    discriminator: dict[str, int] = {}


class Dog(BaseModel):
    kind: Literal["dog"]
    pair: tuple[int, str] = (1, "a")


class Where(BaseModel):
    warehouse: int = 1


def store(event: Event[Order, Where]) -> None:
    """Take an order."""


def tell(event: Event[Any]) -> None: ...


def keep(event: Event[bytes]) -> None: ...


def pet(event: Event[Annotated[Cat | Dog, Field(discriminator="kind")]]) -> None: ...


def document(router: EventRouter, door: AuthenticatorChain = OPEN) -> dict[str, Any]:
    return asyncapi(router, door, title="shop", version="1.0.0")


@override_settings(BASE_URL="https://shop.example/base")
def test_whole() -> None:
    """One handler's document, in full."""
    router = EventRouter()
    router.on("order-*", name="shop.store")(store)
    door = AuthenticatorChain([SharedToken(header="X-Shop-Token", tokens=["a token that is long enough"]), SignedURL()])

    assert document(router, door) == {
        "asyncapi": "3.0.0",
        "info": {
            "title": "shop",
            "version": "1.0.0",
            "description": "The payload is the data of the event: of a Pub/Sub push, `message.data` in base64; of a CloudEvent, "
            "its data; of any other request, the whole body.",
        },
        "defaultContentType": "application/json",
        "servers": {
            "site": {
                "host": "shop.example",
                "protocol": "https",
                "pathname": "/base",
                "security": [
                    {"$ref": "#/components/securitySchemes/sharedToken"},
                    {"$ref": "#/components/securitySchemes/signedUrl"},
                ],
            }
        },
        "channels": {
            "order-any": {
                "title": "order-*",
                "address": "events/order-{any1}/{reference}",
                "messages": {"event": {"$ref": "#/components/messages/order-any"}},
                "parameters": {
                    "any1": {"description": "The text that '*' matches in the glob 'order-*'."},
                    "reference": {"description": "What it happened to."},
                },
                EXTENSION: {"kind": "order-*", "handlers": ["shop.store"], "parameters": {"$ref": "#/components/schemas/Where"}},
            }
        },
        "operations": {
            "receive.order-any": {
                "action": "receive",
                "channel": {"$ref": "#/channels/order-any"},
                "messages": [{"$ref": "#/channels/order-any/messages/event"}],
                "bindings": {"http": {"method": "POST", "bindingVersion": "0.3.0"}},
            }
        },
        "components": {
            "messages": {
                "order-any": {
                    "name": "order-*",
                    "title": "Order",
                    "contentType": "application/json",
                    "payload": {"$ref": "#/components/schemas/Order"},
                    "examples": [{"payload": {"order_id": 1}}],
                    "description": "Take an order.",
                }
            },
            "schemas": {
                "Order": {
                    "description": "Somebody ordered.",
                    "properties": {"order_id": {"title": "Order Id", "type": "integer"}},
                    "required": ["order_id"],
                    "title": "Order",
                    "type": "object",
                },
                "Where": {
                    "properties": {"warehouse": {"default": 1, "title": "Warehouse", "type": "integer"}},
                    "title": "Where",
                    "type": "object",
                },
            },
            "securitySchemes": {
                "sharedToken": {
                    "type": "httpApiKey",
                    "in": "header",
                    "name": "X-Shop-Token",
                    "description": "A secret that sender and site share.",
                },
                "signedUrl": {
                    "type": "httpApiKey",
                    "in": "query",
                    "name": "signature",
                    "description": "A signature of the whole URL, which the site makes.",
                },
            },
        },
    }


def test_no_secrets() -> None:
    """Of authenticators only what senders may know is told: an audience, and where a token stands."""
    oidc = OIDC(service_accounts=["hidden@shop.iam.gserviceaccount.com"], audience="https://shop.example")
    door = AuthenticatorChain([oidc, SharedToken(parameter="token", tokens=["a hidden token"])])

    found = document(EventRouter(), door)["components"]["securitySchemes"]

    assert "hidden" not in json.dumps(found)
    assert found["oidc"]["description"] == "A token that Google signed, for the audience https://shop.example."
    assert found["sharedToken"]["in"] == "query"


def test_draft_7() -> None:
    """Tuples are spelled as draft 7 has them, and unions by a tag that has to be there; a field called discriminator stays."""
    router = EventRouter()
    router.on("pet")(pet)

    made = document(router)

    assert made["components"]["messages"]["pet"]["payload"] == {
        "oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}],
        "required": ["kind"],
    }
    schemas = made["components"]["schemas"]
    assert schemas["Dog"]["properties"]["pair"]["items"] == [{"type": "integer"}, {"type": "string"}]
    assert "discriminator" in schemas["Cat"]["properties"]

    router.on("map", payload=dict[Annotated[str, Field(pattern="^a")], tuple[int, str]])(lambda event: None)
    (pairs,) = document(router)["components"]["messages"]["map"]["payload"]["patternProperties"].values()
    assert pairs["items"] == [{"type": "integer"}, {"type": "string"}]


def test_json_within_a_text() -> None:
    """The schema of JSON that a text holds is part of the document, so that a change of it is found."""
    router, later = EventRouter(), EventRouter()
    router.on("a", payload=Json[Dog])(lambda event: None)
    later.on("a", payload=Json[Cat])(lambda event: None)

    made = document(router)

    assert made["components"]["messages"]["a"]["payload"]["contentSchema"] == {"$ref": "#/components/schemas/Dog"}
    assert [str(change) for change in document_changes(made, document(later)) if change.is_breaking] == [
        'a, (JSON).kind: "dog" is no longer accepted',
    ]


def test_kinds_of_channels() -> None:
    """Types of CloudEvents, bytes, fallbacks and odd kinds have channels, each under a name that AsyncAPI takes."""
    router, inner = EventRouter(), EventRouter()
    router.on(ce_type="google.cloud.storage.object.v1.finalized")(tell)
    router.on("gcs-*", ce_type="com.*")(tell)
    router.on("a b", "a_b", "ü?", "[!x]*")(keep)
    router.fallback(tell)
    inner.fallback(keep)
    router.include(inner, "billing-")

    made = document(router)

    assert {name: channel["address"] for name, channel in made["channels"].items()} == {
        "a_b": "events/a%20b/{reference}",
        "a_b.2": "events/a_b/{reference}",
        "gcs-any_of_the_type_com.any": "events/gcs-{any1}/{reference}",
        "google.cloud.storage.object.v1.finalized": "events",
        "x_any": "events/{any1}{any2}/{reference}",
        "any": "events/%C3%BC{any1}/{reference}",
        "fallback.any": "events/{any1}/{reference}",
        "fallback.billing-any": "events/billing-{any1}/{reference}",
    }
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+", name) for name in made["channels"])
    messages = made["components"]["messages"]
    assert messages["google.cloud.storage.object.v1.finalized"]["headers"] == {
        "type": "object",
        "properties": {"ce-type": {"type": "string", "const": "google.cloud.storage.object.v1.finalized"}},
        "required": ["ce-type"],
    }
    assert messages["a_b"]["contentType"] == "application/octet-stream"
    assert made["channels"]["fallback.any"][EXTENSION]["fallback"] is True


def test_kind_that_no_url_holds() -> None:
    """It is the type of CloudEvents at `/events/` (CloudEvents, spec.md, "type")."""
    router = EventRouter()
    router.on("com.example/thing")(tell)

    made = document(router)

    assert {name: channel["address"] for name, channel in made["channels"].items()} == {"com.example_thing": "events"}
    assert made["components"]["messages"]["com.example_thing"]["headers"] == {
        "type": "object",
        "properties": {"ce-type": {"type": "string", "const": "com.example/thing"}},
        "required": ["ce-type"],
    }


def test_the_same_twice() -> None:
    """The document does not depend on the order of registration, so that a committed one differs only in what changed."""
    one, other = EventRouter(), EventRouter()
    for router, order in ((one, (store, tell, pet)), (other, (pet, tell, store))):
        for function in order:
            router.on(function.__name__)(function)

    assert json.dumps(document(one)) == json.dumps(document(other))


def test_equal_names() -> None:
    """Two models of one name are told apart."""

    def first() -> type[BaseModel]:
        class Thing(BaseModel):
            a: int

        return Thing

    def second() -> type[BaseModel]:
        class Thing(BaseModel):
            b: int

        return Thing

    router = EventRouter()
    router.on("a", payload=first())(lambda event: None)
    router.on("b", payload=second())(lambda event: None)

    made = document(router)

    schemas = [made["components"]["schemas"][message["payload"]["$ref"].rpartition("/")[2]] for message in _messages(made)]
    assert [list(each["properties"]) for each in schemas] == [["a"], ["b"]]


def test_kinds_that_look_alike() -> None:
    """No channel takes the key of another, whatever characters AsyncAPI does not take in keys."""
    router = EventRouter()
    kinds = ["a.2", "a\u00e9", "a\u00f1", "b", "b.2", "b\u00e9", "b_"]
    for kind in kinds:
        router.on(kind, payload=dict[str, int])(lambda event: None)

    made = document(router)

    assert sorted(each["title"] for each in made["channels"].values()) == sorted(kinds)
    assert len(made["operations"]) == len(kinds)


def test_titles_are_short() -> None:
    """A message is called what its payload's type is called: without modules, and without what `Annotated` adds."""
    router = EventRouter()
    router.on("a")(pet)
    router.on("b", payload=list[Order])(lambda event: None)
    router.on("c", payload=type(None))(lambda event: None)

    assert [each["title"] for each in _messages(document(router))] == ["Cat | Dog", "list[Order]", "None"]


def _messages(made: dict[str, Any]) -> list[dict[str, Any]]:
    return list(made["components"]["messages"].values())


@pytest.mark.proof
def test_googles_models() -> None:
    """Google's models, some of which hold themselves, are told, and compared with themselves."""
    router = EventRouter()
    for name in sorted(types()):
        model: Any = model_of(name)
        router.on(ce_type=name, payload=model)(lambda event: None)

    made = document(router)

    assert len(made["channels"]) == len(types())
    assert document_changes(made, made) == []


class Odd(BaseModel):
    number: int = Field(examples=["x"])

    @field_validator("number")
    @classmethod
    def is_ours(cls, number: int) -> int:
        if number != 4711:
            raise ValueError
        return number


class Needed(BaseModel):
    shop: str
    page: int = 1


def test_examples_are_read() -> None:
    """An example that a handler refuses is not in the document, which says why there is none; required parameters are."""
    router = EventRouter()
    router.on("odd", payload=Odd)(lambda event: None)

    def place(event: Event[Order, Needed]) -> None: ...

    router.on("placed")(place)

    made = document(router)
    assert "examples" not in made["components"]["messages"]["odd"]
    assert "examples" not in made["components"]["schemas"]["Odd"]["properties"]["number"]
    assert made["channels"]["odd"][EXTENSION]["problems"] == [
        "Cannot make an example of the payload that Odd reads: the first try fails at number: The value was refused by a "
        "validator. Declare one: Field(examples=[...]) at the field, or Annotated[..., Field(examples=[...])] around the type.",
        "An example that is declared for Odd.number is left out: its type refuses it (int_parsing).",
    ]
    assert made["channels"]["placed"][EXTENSION]["example-query"] == "shop=shop"


def test_no_endpoint(settings: Any) -> None:
    """Where the endpoint is not in the URLs, what to add is said."""
    settings.ROOT_URLCONF = __name__
    router = EventRouter()
    router.on("a")(tell)

    with pytest.raises(ConfigurationError) as raised:
        document(router)

    assert str(raised.value) == (
        "There is no URL named 'gcp-events' that events are sent to. "
        "Add path('', include('gcp_event_router.urls')) to your urlpatterns."
    )


urlpatterns: list[Any] = []


@override_settings(BASE_URL="https://shop.example")
def test_topic() -> None:
    """A kind with a topic has a channel there, to which the site sends the same message; other documents do not compare it."""
    router = EventRouter()
    router.kind("order-placed", Order, topic="projects/p/topics/orders")

    made = document(router)

    assert made["servers"]["pubsub"] == {"host": "pubsub.googleapis.com", "protocol": "googlepubsub"}
    assert made["channels"]["topic.order-placed"] == {
        "title": "the topic of order-placed",
        "address": "projects/p/topics/orders",
        "messages": {"event": {"$ref": "#/components/messages/order-placed"}},
        EXTENSION: {"published": "order-placed"},
        "servers": [{"$ref": "#/servers/pubsub"}],
    }
    assert made["channels"]["order-placed"]["servers"] == [{"$ref": "#/servers/site"}]
    assert made["operations"]["send.order-placed"] == {
        "action": "send",
        "channel": {"$ref": "#/channels/topic.order-placed"},
        "messages": [{"$ref": "#/channels/topic.order-placed/messages/event"}],
    }
    assert document_changes(made, made) == []
