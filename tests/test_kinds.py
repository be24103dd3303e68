"""Kinds that are declared once: the same name and payload for handlers, URLs, messages and publishers."""

from __future__ import annotations

import json
from concurrent.futures import Future
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, cast

import pytest
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from gcp_event_router import Event, EventRouter
from gcp_event_router.exceptions import ConfigurationError, RegistrationError
from gcp_event_router.kinds import Kind
from gcp_event_router.publishing import _client as client_of  # pyright: ignore[reportPrivateUsage] -- is made but once

from .conftest import Post

TOPIC = "projects/p/topics/orders"


class Order(BaseModel):
    order_id: Annotated[int, Field(validation_alias="orderId", serialization_alias="orderId")]
    total: Decimal = Decimal(0)

    @classmethod
    def of(cls, order_id: int, total: str = "0") -> Order:
        return cls.model_validate({"orderId": order_id, "total": total})


class Misnamed(BaseModel):
    order_id: Annotated[int, Field(validation_alias="orderId")]


class Measured(BaseModel):
    value: float


class Hidden(BaseModel):
    secret: Annotated[str, Field(exclude=True)]


class Client:
    """A client for these tests; those with the emulator use Google's own."""

    def __init__(self) -> None:
        self.published: list[tuple[str, bytes, str, dict[str, str]]] = []

    def publish(self, topic: str, data: bytes, ordering_key: str = "", **attrs: str) -> Future[str]:
        self.published.append((topic, data, ordering_key, attrs))
        future: Future[str] = Future()
        future.set_result("17")
        return future


@pytest.fixture
def placed(router: EventRouter) -> Kind[Order]:
    return router.kind("order-placed", Order)


def test_what_is_sent_is_handled(placed: Kind[Order], post: Post) -> None:
    """A message of a kind, posted to its URL, reaches its handlers with an equal payload."""
    seen: list[Order] = []

    @placed.on
    def record(event: Event[Order]) -> None:
        seen.append(event.payload)

    order = Order.of(4711, "19.99")
    answer = post(placed.url(4711, base_url=""), placed.message(order, message_id="1", attributes={"a": "b"}))

    assert (answer.status_code, seen) == (201, [order])
    assert placed.url("a b", {"x": "1"}, base_url="https://shop.example") == (
        "https://shop.example/events/order-placed/a%20b?x=1"
    )
    assert "signature" in placed.url(1, base_url="", signed=True, max_age=timedelta(days=1))


def test_a_handler_with_options_or_without_an_annotation(placed: Kind[Order], router: EventRouter) -> None:
    """The decorator takes the options of `on`; a function without an annotation gets the payload of the kind."""

    @placed.on(name="shop.record", max_attempts=3)
    def record(event: Event[Order]) -> None: ...

    @placed.on()
    def other(event): ...  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202  # pyright: ignore[reportUnknownParameterType, reportMissingParameterType] -- as untyped projects have it


def test_a_function_of_another_payload_is_refused(placed: Kind[Order]) -> None:
    """The registration refuses what type checkers refuse."""

    def record(event: Event[str]) -> None: ...

    with pytest.raises(RegistrationError) as caught:
        placed.on(cast("Any", record))
    assert str(caught.value).endswith(
        "annotates its parameter Event[str], but is registered for the payload Order. "
        "Write Event[Order], or register it for what it takes."
    )


def test_the_advice_keeps_the_parameters(placed: Kind[Order]) -> None:
    """A function that takes parameters of its own gets an annotation with them."""

    def record(event: Event[str, Order]) -> None: ...

    with pytest.raises(RegistrationError) as caught:
        placed.on(cast("Any", record))
    assert str(caught.value).endswith(" Write Event[Order, Order], or register it for what it takes.")


def test_a_kind_in_place_of_its_name_is_refused(placed: Kind[Order], router: EventRouter) -> None:
    """The message says which decorator a declared kind has."""
    with pytest.raises(RegistrationError) as caught:
        router.on(cast("str", placed))
    assert str(caught.value) == (
        "A kind or type must be a string, not <Kind 'order-placed' of Order>, of type Kind. "
        "A declared kind registers its handlers itself: `@OrderPlaced.on`."
    )


def test_a_topic_that_is_not_a_string_is_refused(router: EventRouter) -> None:
    """It is refused where it is declared, since the environment may lack it, and not at the first publication."""
    with pytest.raises(RegistrationError) as caught:
        router.kind("order-paid", int, topic=cast("str", None))
    assert str(caught.value) == (
        "The kind 'order-paid' has topic=None, which is not a string. Write topic='my-topic', or leave it out."
    )


def test_a_kind_is_a_name_and_not_a_glob(router: EventRouter) -> None:
    """Special characters of globs stand for themselves; a name that no event can have is refused."""
    router.kind("order-[x]*", int).on(lambda_handler)
    assert [len(handlers) for handlers in router.find("order-[x]*")] == [1, 0]
    assert [len(handlers) for handlers in router.find("order-xy")] == [0, 0]

    for wrong in ("", "a/b", "a\n", "x" * 256, cast("str", 1)):
        with pytest.raises(RegistrationError) as caught:
            router.kind(wrong, int)
        assert str(caught.value) == (
            f"No event can have the kind {wrong!r}. Give 1 to 255 printable characters, without a slash."
        )


class Unknown: ...


@pytest.mark.parametrize(("payload", "text"), [(5, "5"), (Unknown, "Unknown")])
def test_a_payload_is_a_type(router: EventRouter, payload: type[Any], text: str) -> None:
    """Declaring a type that pydantic cannot validate raises."""
    with pytest.raises(RegistrationError) as caught:
        router.kind("a", payload)

    assert str(caught.value) == (
        f"pydantic cannot validate {text}, the payload of kind 'a' (PydanticSchemaGenerationError). "
        "Give a type that it can validate: a model, a dataclass, a TypedDict, a built-in."
    )


def test_the_name_of_a_type_is_no_payload(router: EventRouter) -> None:
    """It is refused, as `payload=` of a handler is: nobody could say where to look it up."""
    with pytest.raises(RegistrationError) as caught:
        router.kind("a", cast("Any", "Order"))

    assert str(caught.value) == (
        "The kind 'a' has the payload 'Order', a string, and strings are not looked up. Give the type itself."
    )


def lambda_handler(event: Event[int]) -> None: ...


def test_a_kind_has_one_payload(router: EventRouter) -> None:
    """A kind may be declared again with the same payload only; `isolated` removes the declarations of a test."""
    first = router.kind("a", Order)
    assert router.kind("a", Order).name == "a"
    with pytest.raises(RegistrationError) as caught:
        router.kind("a", int)
    assert str(caught.value) == (
        "<Kind 'a' of int> conflicts with <Kind 'a' of Order>, which is already declared. A kind has one payload: use that one."
    )
    with router.isolated():
        router.kind("b", TypeAdapter(list[int]))
        assert list(router.kinds) == ["a", "b"]
        assert repr(router.kinds["b"]) == "<Kind 'b' of list[int]>"
    assert list(router.kinds) == ["a"]
    assert first.payload_type is Order


def test_unknown_kinds(router: EventRouter) -> None:
    """The error names the nearest kind, if one is near."""
    router.kind("order-placed", Order)

    for name, hint in (
        ("ordr-placed", "Did you mean 'order-placed'?"),
        ("x", "Declare it with `events.kind(name, Model)`."),
        (cast("str", 1), "Declare it with `events.kind(name, Model)`."),
    ):
        with pytest.raises(KeyError) as caught:
            router.kinds[name]
        assert caught.value.args == (f"No kind {name!r} is declared. {hint}",)
    assert router.kinds.get("ordr-placed") is None
    assert "ordr-placed" not in router.kinds


def test_kinds_of_included_routers(router: EventRouter) -> None:
    """The including router lists them under their prefix."""
    inner = EventRouter()
    placed = inner.kind("placed", Order)
    router.include(inner, prefix="order-")

    assert router.kinds == {"order-placed": placed}


@pytest.mark.parametrize(
    ("payload_type", "payload", "data"),
    [
        (Order, Order.of(1), b'{"orderId":1,"total":"0"}'),
        (bytes, b"\xff", b"\xff"),
        (str, "17", b'"17"'),
        (type(None), None, b""),
        (TypeAdapter(list[int]), [1, 2], b"[1,2]"),
    ],
)
def test_data(payload_type: type[Any], payload: object, data: bytes, router: EventRouter, post: Post) -> None:
    """A handler of the type reads the data that the kind writes."""
    kind = router.kind("a", payload_type)
    seen: list[object] = []
    router.on("a", payload=payload_type)(lambda event: seen.append(event.payload))

    assert kind.data(payload) == data
    assert post(kind.url(1, base_url=""), kind.message(payload)).status_code == 201
    assert seen == [payload]


def test_what_is_no_such_payload_is_not_sent(placed: Kind[Order]) -> None:
    """A payload is validated before it is sent."""
    with pytest.raises(ValidationError):
        placed.message(cast("Order", {"orderId": "four"}))


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        (Misnamed.model_validate({"orderId": 1}), "orderId: Field required"),
        (Measured(value=float("inf")), "value: Input should be a valid number"),
        (Hidden(secret="a"), "secret: Field required"),
    ],
)
def test_what_handlers_could_not_read_is_not_sent(payload: BaseModel, problem: str, router: EventRouter) -> None:
    """A kind refuses a payload whose JSON its handlers cannot read: another alias, a missing field, a value that JSON lacks."""
    kind = router.kind("a", type(payload))

    with pytest.raises(ValueError) as caught:
        kind.publish(TOPIC, payload, client=Client())
    assert str(caught.value) == (
        f"{kind!r} serialises this payload to JSON that its handlers cannot read: {problem}. "
        "Give each field the same alias for serialisation and validation, and a value that JSON can represent."
    )


async def test_publish(placed: Kind[Order]) -> None:
    """The client gets the topic, the bytes, the key and the attributes; a future has the id, and the async twin awaits it."""
    client = Client()
    order = Order.of(1)

    assert placed.publish(TOPIC, order, client=client, ordering_key="k", attributes={"a": "b"}).result() == "17"
    assert await placed.apublish(TOPIC, order, client=client) == "17"
    data = json.dumps({"orderId": 1, "total": "0"}, separators=(",", ":")).encode()
    assert client.published == [(TOPIC, data, "k", {"a": "b"}), (TOPIC, data, "", {})]


@pytest.mark.parametrize(
    ("topic", "attributes", "message"),
    [
        (
            "a/b",
            {},
            "The topic 'a/b' is neither a path nor a name. Write 'projects/my-project/topics/my-topic', or 'my-topic'.",
        ),
        (
            "orders",
            {},
            "The topic 'orders' is a short name, and no project is known for it. "
            "Write 'projects/my-project/topics/orders', or set the environment variable GOOGLE_CLOUD_PROJECT.",
        ),
        (
            TOPIC,
            {"googclient": "a"},
            "The attribute 'googclient' has a name that Pub/Sub reserves. Choose one that does not begin with 'goog'.",
        ),
        (TOPIC, {"a": 1}, "The attribute 'a' must map a string to a string."),
        (
            TOPIC,
            {"timeout": "a"},
            "The attribute 'timeout' has the name of a parameter of Google's client. Choose another name.",
        ),
        (
            TOPIC,
            {"": "a"},
            "The attribute '' is too long, or has no name: Pub/Sub carries names of 256 bytes and values of 1024.",
        ),
        (
            TOPIC,
            {"a": "ä" * 513},
            "The attribute 'a' is too long, or has no name: Pub/Sub carries names of 256 bytes and values of 1024.",
        ),
        (
            TOPIC,
            {str(number): "" for number in range(101)},
            "101 attributes are too many: Pub/Sub carries 100. Put some into the payload.",
        ),
    ],
)
def test_what_pubsub_cannot_carry_is_refused(placed: Kind[Order], topic: str, attributes: dict[str, Any], message: str) -> None:
    """`publish` raises immediately, instead of a future much later."""
    with pytest.raises(ValueError) as caught:
        placed.publish(topic, Order.of(1), attributes=attributes, client=Client())
    assert str(caught.value) == message


def test_without_googles_client(placed: Kind[Order], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, the error says what to install."""
    client_of.cache_clear()
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:1")
    monkeypatch.setitem(__import__("sys").modules, "google.cloud.pubsub_v1", None)
    with pytest.raises(ConfigurationError) as caught:
        placed.publish(TOPIC, Order.of(1))
    assert str(caught.value) == (
        "Publishing needs Google's client, which is not installed: pip install 'gcp-event-router[pubsub]'."
    )
