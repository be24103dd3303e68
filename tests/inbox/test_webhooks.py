"""Signed webhooks in the inbox: the provider's id of a delivery identifies the event."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import override_settings

from gcp_event_router import Event, EventRouter, Reject, conf
from gcp_event_router.auth import GitHub, Stripe
from gcp_event_router.envelopes import DESCRIPTION, Webhook
from gcp_event_router.exceptions import EnvelopeError
from gcp_event_router.inbox.models import Delivery, StoredEvent
from gcp_event_router.inbox.replay import replay
from gcp_event_router.inbox.selections import Selection

from ..conftest import Post
from ..support.deliveries import PATH, effects, rows, take_effect, with_databases

pytestmark = with_databases
SECRET = "0c4a8a0c12a7b3c9f3d1f1f2b2e1a9d0"
GITHUB, STRIPE = GitHub(secrets=[SECRET]), Stripe(secrets=[SECRET])
BODY = b'{"action": "opened"}'


@pytest.fixture(autouse=True)
def _authentication(inbox: str) -> Iterator[None]:
    entries = [{"BACKEND": f"gcp_event_router.auth.{name}", "OPTIONS": {"secrets": [SECRET]}} for name in ("GitHub", "Stripe")]
    with override_settings(GCP_EVENT_ROUTER={**getattr(settings, conf.NAME), "AUTHENTICATION": entries}):
        yield


def deliver(post: Post, delivery_id: str, body: bytes = BODY) -> int:
    """Deliver as GitHub does."""
    named = {"X-GitHub-Delivery": delivery_id, "X-GitHub-Event": "pull_request"}
    return post(PATH, body, **GITHUB.sign(body), **named).status_code


def test_a_delivery_that_is_sent_again_is_a_duplicate(inbox: str, router: EventRouter, post: Post) -> None:
    """A delivery with the same id has its effects once, and one with another id is a new event."""

    @router.on("k", name="h")
    def handler(event: Event[dict[str, Any]]) -> None:
        take_effect(inbox, "h")

    statuses = [deliver(post, "a"), deliver(post, "a"), deliver(post, "b"), deliver(post, "a")]
    assert (statuses, effects(inbox)) == ([201, 200, 201, 200], ["h", "h"])


def test_an_id_in_the_body(inbox: str, router: EventRouter, post: Post) -> None:
    """The id may be in the body, and the signature, which differs each time, does not count."""

    @router.on("k", name="h")
    def handler(event: Event[dict[str, Any]]) -> None:
        take_effect(inbox, "h")

    body = b'{"id": "evt_1", "type": "charge.succeeded"}'
    statuses = [post(PATH, body, **STRIPE.sign(body)).status_code for _ in range(2)]
    assert (statuses, effects(inbox)) == ([201, 200], ["h"])


def test_a_replay_has_the_same_envelope(inbox: str, router: EventRouter, post: Post) -> None:
    """What the provider said is stored, but not the signature; a replay gets the same envelope."""
    envelopes: list[Webhook] = []

    @router.on("k", name="h")
    def handler(event: Event[dict[str, Any]]) -> None:
        assert isinstance(event.envelope, Webhook)
        envelopes.append(event.envelope)
        if len(envelopes) == 1:
            raise Reject

    assert deliver(post, "a") == 200
    (replayed,) = replay(Selection(states=["rejected"]).deliveries(inbox))
    assert replayed[1].error is None
    first, second = envelopes
    assert first == second
    assert (second.provider, second.message_id, second.event) == ("github", "a", "pull_request")
    assert [state for _, state, _ in rows(inbox)] == ["done"]
    assert "sha256=" not in str(second.meta)


@pytest.mark.parametrize("inbox", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "description",
    [
        5,
        "{",
        "[]",
        "{}",
        '{"provider": "github", "id": {}, "time": null, "attributes": {}}',
        '{"provider": "github", "id": null, "time": [], "attributes": {}}',
        '{"provider": "github", "id": null, "time": null, "attributes": 5}',
        '{"provider": "github", "id": null, "time": null, "attributes": {"event": 5}}',
        "[" * 100_000,
    ],
    ids=["number", "broken", "list", "empty", "id", "time", "attributes", "event", "deep"],
)
def test_a_description_that_was_changed_by_hand(inbox: str, router: EventRouter, post: Post, description: object) -> None:
    """A row whose description cannot be read is shown as far as it goes, and a replay rejects it."""

    @router.on("k", name="h")
    def handler(event: Event[dict[str, Any]]) -> None:
        raise Reject

    assert deliver(post, "a") == 200
    StoredEvent.objects.using(inbox).update(meta=json.dumps({DESCRIPTION: description}))
    shown = StringIO()
    call_command("inbox", "show", str(Delivery.objects.using(inbox).get().pk), stdout=shown)
    ((_, result),) = replay(Selection(states=["rejected"]).deliveries(inbox))

    assert re.search("^  form +webhook, which can no longer be read$", shown.getvalue(), re.MULTILINE)
    assert isinstance(result.error, EnvelopeError)
    assert str(result.error) == "The stored description of this webhook cannot be read."
    assert [state for _, state, _ in rows(inbox)] == ["rejected"]
