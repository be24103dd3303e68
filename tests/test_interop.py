"""Beside the real django-gcp: our router on its signal and its endpoint, and our utilities against its own."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

import pytest
from django.dispatch import Signal
from django.test import Client, override_settings
from django.urls import NoReverseMatch, include, path
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from gcp_event_router import Event, EventRouter, Reject, Retry, utils
from gcp_event_router.exceptions import ConfigurationError, InvalidPubSubMessageError
from gcp_event_router.signals import event_received
from gcp_event_router.utils import decode_pubsub_message, get_event_url, make_pubsub_message

pytest.importorskip("django_gcp", reason="django-gcp's releases that import need Python 3.12 or newer")

from django_gcp import exceptions as theirs_errors
from django_gcp.events import utils as theirs
from django_gcp.events.signals import event_received as their_signal
from django_gcp.events.views import GoogleCloudEventsView

# the tests' settings ask for a transaction around each view that is not exempt, and theirs is not
pytestmark = pytest.mark.django_db(databases="__all__")

PATH = "django_gcp.events.signals.event_received"

urlpatterns = [
    path("ours/", include("gcp_event_router.urls")),
    path("events/<event_kind>/<event_reference>", GoogleCloudEventsView.as_view(), name="gcp-events"),
]


class Order(BaseModel):
    order_id: int


class Region(StrEnum):
    EU = "eu"


@pytest.fixture
def router() -> Iterator[EventRouter]:
    """A router on django-gcp's signal, by its dotted path."""
    router = EventRouter(signal=PATH)
    yield router
    router.ignore(PATH)


def post(data: object, kind: str = "order-placed") -> int:
    """The status with which django-gcp's own endpoint answers a push."""
    with override_settings(ROOT_URLCONF=__name__):
        body = theirs.make_pubsub_message(data, "projects/p/subscriptions/s", message_id="7")
        return Client().post(f"/events/{kind}/1?a=b", body, content_type="application/json").status_code


def test_typed_handler_behind_their_endpoint(router: EventRouter) -> None:
    """A push to django-gcp's endpoint reaches a typed handler, sync or async, validated and with its envelope."""
    seen: list[Any] = []

    @router.on("order-*")
    def handler(event: Event[Order]) -> None:
        seen.append((event.payload, event.reference, event.parameters, event.envelope.message_id))

    @router.on("order-*")
    async def coroutine(event: Event[Order]) -> None:
        seen.append(event.payload)

    assert post({"order_id": 1}) == 201
    assert seen == [(Order(order_id=1), "1", {"a": "b"}, "7"), Order(order_id=1)]


@pytest.mark.parametrize(("error", "status"), [(Reject(), 201), (Retry(), 400), (KeyError(), 400)])
def test_outcomes_behind_their_endpoint(router: EventRouter, error: Exception, status: int) -> None:
    """What should be sent again is not acknowledged by django-gcp's endpoint, and what should not be is."""

    @router.on("*")
    def handler(event: Event[Any]) -> None:
        raise error

    assert post({}) == status


def test_invalid_payload_behind_their_endpoint(router: EventRouter) -> None:
    """An invalid payload is a 400 there, too, and the handler is not called."""
    seen: list[Any] = []
    router.on("*", payload=Order)(seen.append)

    assert (post({"order_id": "x"}), seen) == (400, [])


def test_plain_receivers_stay_as_they_are(router: EventRouter) -> None:
    """Receivers of django-gcp's signal are called as before, beside the router's one."""
    seen: list[str] = []

    def receive(sender: Any, event_kind: str, **kwargs: Any) -> None:
        seen.append(event_kind)

    their_signal.connect(receive)
    router.on("*", payload=object)(lambda event: None)

    assert (post({}), seen, len(their_signal.receivers)) == (201, ["order-placed"], 2)
    their_signal.disconnect(receive)


def test_failing_router_is_named_by_djangos_robust_send(router: EventRouter, caplog: pytest.LogCaptureFixture) -> None:
    """Django's own send_robust logs the router's failure by a name."""

    @router.on("*")
    def handler(event: Event[Any]) -> None:
        raise KeyError

    sent: dict[str, Any] = {"event_kind": "k", "event_reference": "r", "event_payload": {}, "event_parameters": {}}
    ((_, response),) = their_signal.send_robust(None, **sent)

    assert isinstance(response, KeyError)
    said = [record.getMessage() for record in caplog.records if record.name == "django.dispatch"]
    assert said == ["Error calling EventRouter in Signal.send_robust() ()"]


@override_settings(ROOT_URLCONF=__name__, BASE_URL="https://a.example")
def test_utilities_agree() -> None:
    """For what both can do, ours and theirs give the same."""
    time = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
    arguments: tuple[Any, ...] = ({"a": 1}, "projects/p/subscriptions/s", {"k": "v"}, "7", "key", time)
    body = theirs.make_pubsub_message(*arguments)

    assert make_pubsub_message(*arguments) == body
    assert make_pubsub_message(*arguments, as_dict=True) == theirs.make_pubsub_message(*arguments, as_dict=True)
    assert decode_pubsub_message(body) == theirs.decode_pubsub_message(body)
    assert get_event_url("k", "r", {"a": "b c"}) == theirs.get_event_url("k", "r", {"a": "b c"})
    assert get_event_url("k", "r", base_url="") == theirs.get_event_url("k", "r", base_url="")


#: As JSON and UTF-8 have it.
TEXTS = st.text(st.characters(codec="utf-8"), max_size=5)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=6
)
#: Aware and naive; of a whole second django-gcp writes a time that nothing reads.
TIMES = st.datetimes(timezones=st.none() | st.just(UTC) | st.just(timezone(timedelta(hours=2)))).filter(
    lambda time: time.microsecond > 0 and 1 < time.year < 9999
)
ATTRIBUTES = st.none() | st.dictionaries(TEXTS, TEXTS, max_size=2)
UNHEALTHY = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(deadline=None, suppress_health_check=UNHEALTHY)
@given(VALUES, ATTRIBUTES, st.none() | TEXTS, st.none() | TEXTS, st.none() | TIMES, st.booleans())
def test_messages_are_the_same(
    data: Any, attributes: Any, message_id: str | None, ordering_key: str | None, time: datetime | None, as_dict: bool
) -> None:
    """Whatever JSON a message holds, None included, it is the same message, argument by argument."""
    arguments: tuple[Any, ...] = (data, "projects/p/subscriptions/s", attributes, message_id, ordering_key, time, as_dict)

    assert make_pubsub_message(*arguments) == theirs.make_pubsub_message(*arguments)


@settings(deadline=None, suppress_health_check=UNHEALTHY)
@given(
    st.fixed_dictionaries(
        {"data": (VALUES.map(lambda value: json.dumps(value).encode()) | TEXTS.map(str.encode)).filter(bool)},
        optional={
            "attributes": ATTRIBUTES,
            "messageId": TEXTS.filter(bool),
            "orderingKey": TEXTS.filter(bool),
            "publishTime": TIMES.map(lambda time: time.replace(tzinfo=UTC).isoformat()),
            "other": VALUES,
        },
    ),
    TEXTS,
    st.booleans(),
)
def test_messages_are_decoded_alike(message: dict[str, Any], subscription: str, as_bytes: bool) -> None:
    """What Pub/Sub may send with data is decoded to the same, from a body or a payload."""
    read: dict[str, Any] = {"message": message | {"data": b64encode(message["data"]).decode()}, "subscription": subscription}
    body = json.dumps(read).encode() if as_bytes else read

    assert decode_pubsub_message(body) == theirs.decode_pubsub_message(body)


PARAMETERS = SCALARS.filter(lambda value: value is not None) | st.binary() | st.dates()
LABELS = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="/"), min_size=1, max_size=5)


@settings(deadline=None, suppress_health_check=UNHEALTHY)
@given(
    LABELS,
    LABELS | st.integers() | st.uuids(),
    st.none()
    | st.dictionaries(TEXTS, SCALARS.filter(lambda value: value is not None) | st.binary() | st.dates(), min_size=1, max_size=3),
    st.sampled_from([None, "", "https://b.example", "https://b.example/path"]),
)
def test_urls_are_the_same(kind: str, reference: Any, parameters: Any, base_url: str | None) -> None:
    """Whatever a kind, a reference and the parameters are, it is the same URL."""
    with override_settings(ROOT_URLCONF=__name__, BASE_URL="https://a.example"):
        arguments: tuple[Any, ...] = (kind, reference, parameters, "gcp-events", base_url)
        assert get_event_url(*arguments) == theirs.get_event_url(*arguments)


def raw_events(body: bytes, query: str) -> tuple[list[Any], list[Any]]:
    """What receivers get of a request and what is answered, by our endpoint and by django-gcp's."""
    return _raw_event(event_received, "/ours", body, query), _raw_event(their_signal, "", body, query)


def _raw_event(signal: Signal, prefix: str, body: bytes, query: str) -> list[Any]:
    seen: list[Any] = []

    def receive(sender: Any, **arguments: Any) -> None:
        seen.append({name: value for name, value in arguments.items() if name != "signal"})

    signal.connect(receive)
    try:
        with override_settings(ROOT_URLCONF=__name__):
            response = Client().post(f"{prefix}/events/order-placed/1?{query}", body, content_type="application/json")
    finally:
        signal.disconnect(receive)
    return [*seen, response.status_code, response.content, response.headers["Content-Type"]]


@settings(max_examples=40, deadline=None, suppress_health_check=UNHEALTHY)
@given(VALUES, st.lists(st.tuples(TEXTS, TEXTS), max_size=3))
def test_requests_reach_receivers_alike(payload: Any, query: list[tuple[str, str]]) -> None:
    """Whatever JSON and query a request has, plain receivers of both get the same arguments, and the answer is the same."""
    ours, others = raw_events(json.dumps(payload).encode(), urlencode(query))

    assert ours == others


def test_push_reaches_receivers_alike() -> None:
    """A Pub/Sub push is given to plain receivers as it came."""
    ours, others = raw_events(make_pubsub_message({"a": 1}, message_id="7"), "a=1&a=2")

    assert ours == others
    assert ours[0]["event_parameters"] == {"a": "2"}


def push(**message: Any) -> dict[str, Any]:
    return {"message": message, "subscription": "s"}


def encoded(data: bytes) -> str:
    return b64encode(data).decode()


#: What docs/guides/django-gcp.md says of each: a call, what it gives here, and what it gives there.
DIFFERENCES: list[tuple[str, tuple[Any, ...], Any, Any]] = [
    ("decode_pubsub_message", (push(),), {"data": None}, theirs_errors.InvalidPubSubMessageError),
    ("decode_pubsub_message", (push(data=""),), {"data": None}, {"data": ""}),
    ("decode_pubsub_message", (push(data=encoded(b"\xff")),), {"data": b"\xff"}, UnicodeDecodeError),
    ("decode_pubsub_message", (push(data=encoded('"a"'.encode("utf-16"))),), {"data": '"a"'.encode("utf-16")}, {"data": "a"}),
    ("decode_pubsub_message", (push(data=encoded(b"Infinity")),), {"data": "Infinity"}, {"data": float("inf")}),
    ("decode_pubsub_message", (push(data="e3#0="),), InvalidPubSubMessageError, {"data": {}}),
    ("decode_pubsub_message", (push(data="MQ==", attributes=[1]),), InvalidPubSubMessageError, {"attributes": [1]}),
    ("decode_pubsub_message", (push(data="MQ==", messageId=7),), InvalidPubSubMessageError, {"message_id": 7}),
    (
        "decode_pubsub_message",
        ({"message": {"data": "MQ=="}, "subscription": 7},),
        InvalidPubSubMessageError,
        {"subscription": 7},
    ),
    ("decode_pubsub_message", ([],), InvalidPubSubMessageError, TypeError),
    ("decode_pubsub_message", (json.dumps(push(data="MQ==")),), {"data": 1}, TypeError),
    ("decode_pubsub_message", (push(data="MQ==", message_id="7"),), {"message_id": "7"}, {"message_id": None}),
    ("decode_pubsub_message", (push(data="MQ==", messageId=""),), {"message_id": None}, {"message_id": ""}),
    (
        "decode_pubsub_message",
        (push(data="MQ==", publishTime="2026-01-02T03:04:05"),),
        {"publish_time": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)},
        {"publish_time": datetime(2026, 1, 2, 3, 4, 5)},  # noqa: DTZ001 -- the point
    ),
    ("make_pubsub_message", (float("nan"), "s"), ValueError, b'{"message": {"data": "TmFO"}, "subscription": "s"}'),
    ("make_pubsub_message", (b"1", "s"), b'{"message": {"data": "MQ=="}, "subscription": "s"}', TypeError),
    (
        "make_pubsub_message",
        (),
        b'{"message": {}, "subscription": "projects/my-project/subscriptions/my-subscription"}',
        TypeError,
    ),
    (
        "make_pubsub_message",
        (1, "s", None, None, None, datetime(2026, 1, 2, tzinfo=UTC)),
        b'{"message": {"data": "MQ==", "publishTime": "2026-01-02T00:00:00.000000000Z"}, "subscription": "s"}',
        b'{"message": {"data": "MQ==", "publishTime": "2026-01-02T00:00:00000Z"}, "subscription": "s"}',
    ),
    (
        "make_pubsub_message",
        (1, "s", {"a": Region.EU}),
        b'{"message": {"data": "MQ==", "attributes": {"a": "eu"}}, "subscription": "s"}',
        ValueError,
    ),
    ("get_event_url", ("k", None), ValueError, "https://a.example/events/k/None"),
    ("get_event_url", ("k" * 256, 1), ValueError, f"https://a.example/events/{'k' * 256}/1"),
    (
        "get_event_url",
        ("k", 1, {"a": [1, 2]}),
        "https://a.example/events/k/1?a=1&a=2",
        "https://a.example/events/k/1?a=%5B1%2C+2%5D",
    ),
    ("get_event_url", ("k", 1, {"a": {"b": 1}}), ValueError, "https://a.example/events/k/1?a=%7B%27b%27%3A+1%7D"),
    ("get_event_url", ("k", 1, {}), "https://a.example/events/k/1", "https://a.example/events/k/1?"),
    ("get_event_url", ("k", 1, None, "gcp-events", "https://b/"), "https://b/events/k/1", "https://b//events/k/1"),
    ("get_event_url", ("k", 1, None, "nowhere"), ConfigurationError, NoReverseMatch),
]


@pytest.mark.parametrize(("name", "arguments", "ours", "others"), DIFFERENCES, ids=str)
def test_differences(name: str, arguments: tuple[Any, ...], ours: Any, others: Any) -> None:
    """Each difference that the page names is one."""
    with override_settings(ROOT_URLCONF=__name__, BASE_URL="https://a.example"):
        for module, expected in ((utils, ours), (theirs, others)):
            call = getattr(module, name)
            if isinstance(expected, type):
                with pytest.raises(expected):
                    call(*arguments)
            elif isinstance(expected, dict):
                assert call(*arguments).items() >= expected.items()
            else:
                assert call(*arguments) == expected
