"""Beside the real django-gcp: our router on its signal and its endpoint, and our utilities against its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client, override_settings
from django.urls import path
from pydantic import BaseModel

from gcp_event_router import Event, EventRouter, Reject, Retry
from gcp_event_router.utils import decode_pubsub_message, get_event_url, make_pubsub_message

pytest.importorskip("django_gcp", reason="django-gcp's releases that import need Python 3.12 or newer")

from django_gcp.events import utils as theirs
from django_gcp.events.signals import event_received as their_signal
from django_gcp.events.views import GoogleCloudEventsView

# the tests' settings ask for a transaction around each view that is not exempt, and theirs is not
pytestmark = pytest.mark.django_db(databases="__all__")

PATH = "django_gcp.events.signals.event_received"

urlpatterns = [path("events/<event_kind>/<event_reference>", GoogleCloudEventsView.as_view(), name="gcp-events")]


class Order(BaseModel):
    order_id: int


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


def test_failing_router_is_named_by_djangos_robust_send(router: EventRouter) -> None:
    """Django's own send_robust can log the router's failure by a name."""

    @router.on("*")
    def handler(event: Event[Any]) -> None:
        raise KeyError

    sent: dict[str, Any] = {"event_kind": "k", "event_reference": "r", "event_payload": {}, "event_parameters": {}}
    ((_, response),) = their_signal.send_robust(None, **sent)

    assert isinstance(response, KeyError)


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
