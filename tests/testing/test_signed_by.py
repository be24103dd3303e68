"""`push(..., signed_by=...)`: what a provider of webhooks would send, and what the endpoint makes of it."""

from __future__ import annotations

import asyncio
import unittest
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from inspect import isclass
from time import time
from typing import Any

import pytest
from django.test import SimpleTestCase, override_settings
from pydantic import BaseModel

from gcp_event_router import Event, EventRouter, Outcome, Principal, auth
from gcp_event_router.auth import GitHub, HMACSignature, SignatureScheme, Slack, StandardWebhooks, Stripe, Twilio
from gcp_event_router.envelopes import Webhook
from gcp_event_router.exceptions import ConfigurationError
from gcp_event_router.testing import EventTestMixin, Pushed, apush, push
from gcp_event_router.testing.plugin import APush, Push

SECRET = "0c4a8a0c12a7b3c9f3d1f1f2b2e1a9d0"
GITHUB = GitHub(secrets=[SECRET])
STRIPE = Stripe(secrets=[SECRET])
BOTH = {
    "AUTHENTICATION": [
        {"BACKEND": f"gcp_event_router.auth.{name}", "OPTIONS": {"secrets": [SECRET]}} for name in ("GitHub", "Stripe")
    ]
}
pytestmark = pytest.mark.django_db


class PullRequest(BaseModel):
    action: str = "opened"
    number: int


def _is_provider(name: str) -> bool:
    found: object = getattr(auth, name)
    return isclass(found) and issubclass(found, HMACSignature) and found is not HMACSignature


@pytest.fixture(autouse=True)
def _settings() -> Iterator[None]:
    with override_settings(GCP_EVENT_ROUTER=BOTH):
        yield


@pytest.fixture
def received(router: EventRouter) -> list[Event[Any]]:
    """The events that the handler of `github` and `stripe` gets."""
    events: list[Event[Any]] = []

    @router.on("github", "stripe")
    def keep(event: Event[Any]) -> None:
        events.append(event)

    return events


@pytest.fixture(params=["sync", "async"])
def send(request: pytest.FixtureRequest) -> Callable[..., Pushed]:
    """`push`, or `apush` on an event loop."""
    return push if request.param == "sync" else lambda *arguments, **options: asyncio.run(apush(*arguments, **options))


def webhook(pushed: Pushed) -> Webhook:
    (delivery,) = pushed.deliveries
    assert delivery.event is not None
    envelope = delivery.event.envelope
    assert isinstance(envelope, Webhook)
    return envelope


def test_metadata_in_headers(received: list[Event[Any]], send: Callable[..., Pushed]) -> None:
    """GitHub gets its id and its event in headers, the body alone, and a signature that the settings' secret verifies."""
    attributes = {"event": "pull_request", "action": "opened", "hook_id": "4"}
    pushed = send("github", "main", PullRequest(number=7), signed_by=GITHUB, message_id="72d3162e", attributes=attributes)

    assert (pushed.status, pushed.outcome) == (201, Outcome.HANDLED)
    envelope = webhook(pushed)
    assert (envelope.provider, envelope.message_id, envelope.event) == ("github", "72d3162e", "pull_request")
    assert (envelope.attributes, envelope.body) == (attributes, b'{"action":"opened","number":7}')
    assert received[0].principal == Principal("github")


def test_metadata_in_the_body(received: list[Event[Any]]) -> None:
    """Stripe's id and type are in the body, and its time in the signature's header."""
    created = {"id": "evt_1", "type": "charge.succeeded", "created": 1_700_000_000}
    pushed = push("stripe", "main", created, signed_by=STRIPE, message_id="evt_1", attributes={"event": "charge.succeeded"})

    envelope = webhook(pushed)
    assert (envelope.message_id, envelope.event) == ("evt_1", "charge.succeeded")
    assert [event.payload for event in received] == [created]


FORM = {"Content-Type": "application/x-www-form-urlencoded"}
OPTIONS: dict[str, tuple[Any, dict[str, Any]]] = {
    "Twilio": (b"Body=Hello&From=%2B1", {"message_id": "17", "headers": FORM, "parameters": {"a": "1"}}),
    "Shopify": ({}, {"message_id": "17", "publish_time": datetime.now(UTC), "attributes": {"event": "orders/create"}}),
    "StandardWebhooks": ({"type": "a"}, {"message_id": "17", "attributes": {"event": "a"}}),
    "Svix": ({"type": "a"}, {"message_id": "17"}),
    "Linear": ({}, {"message_id": "17"}),
    "Zendesk": ({}, {"message_id": "17"}),
    "PagerDuty": ({"event": {"id": "17"}}, {"message_id": "17"}),
    "GitHub": ({}, {"message_id": "17"}),
    "Stripe": ({"id": "17"}, {"message_id": "17"}),
    **dict.fromkeys(["Slack", "Paddle", "Square"], ({"event_id": "17"}, {"message_id": "17"})),
}


@pytest.mark.parametrize("name", [name for name in auth.__all__ if _is_provider(name)])
def test_each_provider(router: EventRouter, name: str) -> None:
    """The endpoint verifies what each provider would send, and reads its delivery's id."""
    ids: list[str | None] = []

    @router.on("webhook")
    def keep(event: Event[bytes]) -> None:
        ids.append(event.envelope.message_id)

    signer = getattr(auth, name)(secrets=[SECRET])
    entry = {"BACKEND": f"gcp_event_router.auth.{name}", "OPTIONS": {"secrets": [SECRET]}}
    payload, options = OPTIONS[name]
    if name == "Linear":  # whose body is dated, and refused after a minute
        payload = {"webhookTimestamp": int(time() * 1000)}
    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [entry]}):
        assert push("webhook", "1", payload, signed_by=signer, **options).status == 201
    assert ids == ["17"]


def test_public_key() -> None:
    """A public key cannot sign."""
    key = StandardWebhooks(secrets=["whpk_" + b64encode(bytes(31) + b"\x01").decode()])
    with pytest.raises(ConfigurationError) as raised:
        push("webhook", "1", {}, signed_by=key)

    assert str(raised.value) == (
        "A public key cannot sign. Sign with a secret that sender and site share, such as one that begins with whsec_."
    )


def test_each_push_is_a_new_delivery(received: list[Event[Any]]) -> None:
    """Without `message_id`, a provider that has its ids in headers sends a new one each time."""
    first, second = (webhook(push("github", "main", {}, signed_by=GITHUB)).message_id for _ in range(2))

    assert len(received) == 2
    assert first
    assert first != second


def test_time_of_the_signature(received: list[Event[Any]]) -> None:
    """`publish_time` is the time that is signed; a naive one is in UTC."""
    now = datetime.now(UTC)
    times = [now, now.replace(tzinfo=None), now - timedelta(hours=1)]

    assert [push("stripe", "1", {}, signed_by=STRIPE, publish_time=each).status for each in times] == [201, 201, 401]
    assert len(received) == 2


def test_another_secret(received: list[Event[Any]]) -> None:
    """The settings decide: another secret than theirs is refused, and so is a header that the test replaces."""
    stranger = GitHub(secrets=["another secret of enough length"])

    assert push("github", "main", {}, signed_by=stranger).status == 401
    assert push("github", "main", {}, signed_by=GITHUB, headers={"X-Hub-Signature-256": "sha256=00"}).status == 401
    assert received == []


def test_handshake(received: list[Event[Any]]) -> None:
    """A handshake is answered, and reaches no handler."""
    pushed = push("github", "main", {}, signed_by=GITHUB, attributes={"event": "ping"})

    assert (pushed.status, pushed.deliveries, received) == (200, (), [])


def test_answer_that_is_text() -> None:
    """The answer of a handshake may be a text."""
    slack = Slack(secrets=[SECRET])
    entry = {"BACKEND": "gcp_event_router.auth.Slack", "OPTIONS": {"secrets": [SECRET]}}
    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [entry]}):
        pushed = push("slack", "1", {"type": "url_verification", "challenge": "3eZb"}, signed_by=slack)

    assert (pushed.status, pushed.response.content, pushed.details) == (200, b"3eZb", ())


def test_own_scheme(router: EventRouter) -> None:
    """A scheme without a provider is signed as well: its id, its time, and the URL that the endpoint verifies."""
    scheme = SignatureScheme(header="X-Signature", signed="{id}.{timestamp}.{url}.{body}", id="X-Id", timestamp="X-Time")
    options = {"secrets": [SECRET], "scheme": scheme}
    seen: list[str] = []

    @router.on("own")
    def keep(event: Event[Any]) -> None:
        seen.append(event.envelope.form)

    entry = {"BACKEND": "gcp_event_router.auth.HMACSignature", "OPTIONS": options}
    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [entry]}):
        own = HMACSignature(secrets=[SECRET], scheme=scheme)
        assert push("own", "1", {}, signed_by=own, message_id="17", parameters={"a": "ä b"}).status == 201
    assert seen == ["plain"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"signed_by": GITHUB, "attributes": {"events": "push"}},
            "github sends no attribute 'events'. It sends these: action, event, hook_id.",
        ),
        (
            {"signed_by": HMACSignature(secrets=[SECRET], scheme=GitHub.scheme), "attributes": {"event": "push"}},
            "HMACSignature sends no attribute 'event'. It sends these: none, so leave the attributes out.",
        ),
        (
            {"signed_by": HMACSignature(secrets=[SECRET], scheme=GitHub.scheme), "message_id": "17"},
            "HMACSignature sends no message id, so '17' cannot be sent. Leave it out.",
        ),
        (
            {"signed_by": GITHUB, "publish_time": datetime(2026, 1, 2, tzinfo=UTC)},
            "github sends no time beside the body, so 2026-01-02 00:00:00+00:00 cannot be sent. Leave the time out.",
        ),
        (
            {"signed_by": Twilio(secrets=[SECRET], base_url="https://shop.example")},
            "twilio cannot sign this payload: the body is not a form, and the URL has no bodySHA256. Give one that it sends.",
        ),
        (
            {"signed_by": STRIPE, "message_id": "evt_2"},
            "stripe has its message id at /id of the body, where this payload has nothing. Write 'evt_2' there.",
        ),
        (
            {"signed_by": GITHUB, "attributes": {"action": "closed"}},
            "github has its attribute 'action' at /action of the body, where this payload has 'opened'. Write 'closed' there.",
        ),
        *(
            (
                {"signed_by": GITHUB, name: value},
                f"signed_by= sends a webhook, whose body has no envelope, so {name}= has no place in it. Leave one out.",
            )
            for name, value in (
                ("envelope", "pubsub"),
                ("principal", Principal("test")),
                ("ordering_key", "1"),
                ("ce_type", "com.example"),
                ("queue", "q"),
            )
        ),
    ],
)
def test_what_no_provider_sends(options: dict[str, Any], message: str) -> None:
    """What the provider does not send, or sends otherwise, is an error."""
    with pytest.raises(ValueError) as raised:
        push("github", "main", {"action": "opened"}, **options)

    assert str(raised.value) == message


def test_no_kind() -> None:
    """A webhook has no type that could be its kind."""
    with pytest.raises(ValueError) as raised:
        push(None, None, {}, signed_by=GITHUB)

    assert str(raised.value) == "signed_by= sends a webhook, whose body names no kind, so kind must not be None. Give a kind."


@pytest.mark.parametrize("signer", ["github", GitHub], ids=["name", "class"])
def test_no_signer(signer: Any) -> None:
    """`signed_by` is an authenticator, not its name or its class."""
    with pytest.raises(TypeError) as raised:
        push("github", "main", {}, signed_by=signer)

    assert str(raised.value) == f'signed_by must be an authenticator such as auth.GitHub(secrets=["…"]), not {signer!r}.'


@pytest.fixture
def event_principal() -> Principal:
    """The sender of the fixtures' pushes."""
    return Principal("test")


def test_fixtures(event_push: Push, event_apush: APush, received: list[Event[Any]]) -> None:
    """The signature, not `event_principal`, admits what a fixture sends signed."""

    async def send() -> Pushed:
        return await event_apush("github", "main", {}, signed_by=GITHUB)

    assert [event_push("github", "main", {}, signed_by=GITHUB).status, asyncio.run(send()).status] == [201, 201]
    assert event_push("github", "main", {}, signed_by=GitHub(secrets=["x" * 32])).status == 401
    assert event_push("github", "main", {}).status == 201
    assert [event.principal for event in received] == [Principal("github"), Principal("github"), Principal("test")]


def test_mixin(received: list[Event[Any]]) -> None:
    """So it is in the mixin."""

    class Tests(EventTestMixin, SimpleTestCase):
        event_principal = Principal("test")

        def test(self) -> None:
            self.push("github", "main", {}, signed_by=GITHUB)
            self.push("github", "main", {})

    result = unittest.TestResult()
    Tests("test").run(result)
    assert (result.errors, result.failures) == ([], [])
    assert [event.principal for event in received] == [Principal("github"), Principal("test")]
