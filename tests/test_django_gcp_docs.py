"""The documentation of django-gcp's events: each of its code blocks works here, with only the import root changed.

Its typing slips are corrected: `is` between strings, a missing comma, and imports that it leaves out.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

import pytest
from django.dispatch import receiver
from django.test import TestCase, override_settings
from django.urls import reverse

from gcp_event_router.signals import event_received
from gcp_event_router.utils import decode_pubsub_message, get_event_url, make_pubsub_message

logger = logging.getLogger(__name__)


class DocumentedTests(TestCase):
    """The page's receiver and its test of it, as it shows them."""

    def test_your_code_handles_a_payload_from_pubsub(self) -> None:
        """A receiver of five parameters gets the push as it came, and can decode it; the answer is 201."""
        seen: list[Any] = []

        @receiver(event_received)
        def receive_event(sender: Any, event_kind: str, event_reference: str, event_payload: Any, event_parameters: Any) -> None:
            """Handle question updates received via pubsub."""
            if event_kind == "the-event-kind":
                message = decode_pubsub_message(event_payload)
                seen.append((event_reference, message["data"], message["publish_time"], event_parameters))

        now = datetime.now()  # noqa: DTZ005 -- as the page has it
        payload = make_pubsub_message({"my": "data"}, publish_time=now)

        response = self.client.post(
            reverse("gcp-events", args=["the-event-kind", "the-event-reference"]),
            data=payload,
            content_type="application/json",
        )

        self.assertEqual(response.status_code, 201)
        ((reference, data, publish_time, parameters),) = seen
        self.assertEqual((reference, data, parameters), ("the-event-reference", {"my": "data"}, {}))
        self.assertEqual(publish_time.replace(tzinfo=None), now)

    def test_range_of_events_by_prefix(self) -> None:
        """The page's tip: a uniform prefix for a range of kinds."""
        seen: list[tuple[str, str, Any]] = []

        def my_handler(event_kind: str, event_reference: str, event_payload: Any) -> None:
            seen.append((event_kind, event_reference, event_payload))

        @receiver(event_received)
        def receive_event(sender: Any, event_kind: str, event_reference: str, event_payload: Any, event_parameters: Any) -> None:
            if event_kind.startswith("my-"):
                my_handler(event_kind, event_reference, event_payload)

        for kind in ("my-kind", "your-kind"):
            self.client.post(f"/events/{kind}/my-reference/?a=parameter", [1], content_type="application/json")

        self.assertEqual(seen, [("my-kind", "my-reference", [1])])

    def test_exceptions_are_hidden(self) -> None:
        """Any exception of a receiver is a 400 with a generic message."""

        @receiver(event_received)
        def receive_event(sender: Any, event_kind: str, event_reference: str, event_payload: Any, event_parameters: Any) -> None:
            msg = "what an attacker would like to know"
            raise ValueError(msg)

        response = self.client.post("/events/my-kind/my-reference", {}, content_type="application/json")

        self.assertEqual(response.status_code, 400)
        self.assertEqual(response.json(), {"error": "Unable to handle event of kind my-kind with reference my-reference"})

    def test_endpoints_are_post_only(self) -> None:
        """Endpoints are POST-only."""
        self.assertEqual(self.client.get("/events/my-kind/my-reference").status_code, 405)


@override_settings(BASE_URL="https://your-server.com")
def test_generating_endpoint_urls() -> None:
    """The three calls of get_event_url."""
    url = get_event_url(
        "the-kind",
        "the-reference",
        event_parameters={"a": "parameter"},
        url_namespace="gcp-events",
    )
    relative_url = get_event_url("the-kind", "the-reference", base_url="")
    non_default_base_url = get_event_url("the-kind", "the-reference", base_url="https://somewhere.else.com")

    assert url == "https://your-server.com/events/the-kind/the-reference?a=parameter"
    assert relative_url == "/events/the-kind/the-reference"
    assert non_default_base_url == "https://somewhere.else.com/events/the-kind/the-reference"


@pytest.mark.parametrize("debug", [False, True])
def test_receiver_can_be_created_under_debug(debug: bool) -> None:
    """The documented receiver is accepted whatever DEBUG is."""
    with override_settings(DEBUG=debug):

        @receiver(event_received)
        def receive_event(
            sender: Any, event_kind: str, event_reference: str, event_payload: Any, event_parameters: Any
        ) -> None: ...

        assert event_received.disconnect(receive_event)
