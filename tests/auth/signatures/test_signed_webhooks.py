"""A signed webhook on its way through the endpoint: who is asked, and when, and what a handler gets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.http import HttpRequest
from django.test import RequestFactory, override_settings
from typing_extensions import override

from gcp_event_router import Event, EventRouter, Principal
from gcp_event_router._flow import run
from gcp_event_router.auth import (
    AuthenticatorChain,
    BodyAuthenticator,
    GitHub,
    HMACSignature,
    SharedToken,
    SignatureScheme,
    Stripe,
)
from gcp_event_router.envelopes import Webhook
from gcp_event_router.signals import event_received

from ...conftest import Post

SECRET = "0c4a8a0c12a7b3c9f3d1f1f2b2e1a9d0"
GITHUB = GitHub(secrets=[SECRET])
STRIPE = Stripe(secrets=[SECRET])
BODY = b'{"action": "opened", "number": 7}'
DELIVERY = {"X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958", "X-GitHub-Event": "pull_request"}


def settings(*entries: tuple[str, dict[str, Any]]) -> Any:
    authentication = [{"BACKEND": f"gcp_event_router.auth.{name}", "OPTIONS": options} for name, options in entries]
    return override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": authentication})


def test_signed_delivery(router: EventRouter, post: Post) -> None:
    """A handler of a signed delivery gets the provider's metadata."""
    router.listen(event_received)
    received: list[Event[dict[str, Any]]] = []

    @router.on("github")
    def keep(event: Event[dict[str, Any]]) -> None:
        received.append(event)

    with settings(("GitHub", {"secrets": [SECRET]})):
        response = post("/events/github/main", BODY, **GITHUB.sign(BODY), **DELIVERY)
    assert (response.status_code, response.content) == (201, b"{}")
    event = received[0]
    assert event.principal == Principal("github")
    envelope = event.envelope
    assert isinstance(envelope, Webhook)
    assert (envelope.provider, envelope.event, envelope.message_id) == ("github", "pull_request", DELIVERY["X-GitHub-Delivery"])
    assert envelope.attributes == {"event": "pull_request", "action": "opened"}
    assert event.payload == {"action": "opened", "number": 7}


def test_metadata_in_the_body(router: EventRouter, post: Post) -> None:
    """A provider's id, type and time may be in the body."""
    router.listen(event_received)
    envelopes: list[object] = []

    @router.on("stripe")
    def keep(event: Event[dict[str, Any]]) -> None:
        envelopes.append(event.envelope)

    body = json.dumps({"id": "evt_1", "type": "charge.succeeded", "created": 1_700_000_000}).encode()
    with settings(("Stripe", {"secrets": [SECRET]})):
        assert post("/events/stripe/main", body, **STRIPE.sign(body)).status_code == 201
    (envelope,) = envelopes
    assert isinstance(envelope, Webhook)
    assert (envelope.message_id, envelope.event) == ("evt_1", "charge.succeeded")
    assert envelope.timestamp == datetime.fromtimestamp(1_700_000_000, UTC)


CLOUDEVENT = {"id": "2", "source": "//stranger", "type": "order.placed", "specversion": "1.0", "action": "opened"}


@pytest.mark.parametrize(
    ("body", "content_type", "headers"),
    [
        (BODY, "application/json", {f"Ce-{name.title()}": value for name, value in CLOUDEVENT.items()}),
        (json.dumps(CLOUDEVENT).encode(), "application/cloudevents+json", {}),
        (json.dumps([CLOUDEVENT]).encode(), "application/cloudevents-batch+json", {}),
        (
            BODY,
            "application/json",
            {"X-Goog-Pubsub-Subscription-Name": "projects/p/subscriptions/s", "X-Goog-Pubsub-Message-Id": "2"},
        ),
        (BODY, "application/json", {"X-CloudTasks-TaskName": "2", "X-CloudTasks-QueueName": "q"}),
    ],
    ids=["binary", "structured", "batch", "unwrapped", "task"],
)
def test_headers_that_nobody_signed(
    router: EventRouter, post: Post, body: bytes, content_type: str, headers: dict[str, str]
) -> None:
    """Whatever other headers say, what a provider signed is its webhook, under its id: who repeats it cannot rename it."""
    router.listen(event_received)
    received: list[object] = []

    @router.on("*")
    def keep(event: Event[object]) -> None:
        received.append((event.envelope.form, event.envelope.identity, event.payload))

    @router.on(ce_type="order.placed")
    def divert(event: Event[object]) -> None:
        received.append("diverted")

    with settings(("GitHub", {"secrets": [SECRET]})):
        response = post("/events/github/main", body, content_type, **GITHUB.sign(body), **DELIVERY, **headers)
    assert response.status_code == 201
    assert received == [("webhook", ("webhook", "github", DELIVERY["X-GitHub-Delivery"]), json.loads(body))]


def test_signed_envelope(router: EventRouter, post: Post) -> None:
    """Without a provider, a signed body keeps its envelope, such as that of a CloudEvent."""
    router.listen(event_received)
    received: list[tuple[object, ...]] = []

    @router.on(ce_type="order.placed")
    def keep(event: Event[object]) -> None:
        received.append((event.envelope.form, event.envelope.identity, event.principal))

    scheme = SignatureScheme(header="X-Shop-Mac")
    body = json.dumps(CLOUDEVENT).encode()
    with settings(("HMACSignature", {"secrets": [SECRET], "scheme": scheme})):
        headers = HMACSignature(secrets=[SECRET], scheme=scheme).sign(body)
        assert post("/events/k/r", body, "application/cloudevents+json", **headers).status_code == 201
    assert received == [("cloudevents-structured", ("cloudevents", "//stranger", "2"), Principal("hmac"))]


@pytest.mark.parametrize("headers", [{}, GITHUB.sign(b"another body")], ids=["unsigned", "forged"])
def test_strangers(router: EventRouter, post: Post, headers: dict[str, str]) -> None:
    """A body without a signature, or with another's, is refused."""
    with settings(("GitHub", {"secrets": [SECRET]})):
        response = post("/events/github/main", BODY, **headers, **DELIVERY)
    assert (response.status_code, response.content) == (401, b'{"error": "Unauthorized"}')


def test_headers_come_first(router: EventRouter, post: Post) -> None:
    """Whoever is accepted by a header needs no signature, and may send more than a signed body may have."""
    token = "a shared token of enough length"
    entries = ("GitHub", {"secrets": [SECRET], "max_body": 10}), ("SharedToken", {"tokens": [token], "header": "X-Token"})
    with settings(*entries):
        assert post("/events/k/r", BODY, X_Token=token).status_code == 201
        assert post("/events/k/r", BODY, **GITHUB.sign(BODY)).status_code == 413
        assert post("/events/k/r", b"{}", **GITHUB.sign(b"{}")).status_code == 201
        assert post("/events/k/r", b"{}", X_Token="another").status_code == 401


def test_handshake(router: EventRouter, post: Post) -> None:
    """The endpoint answers GitHub's ping, and no handler gets it."""
    router.listen(event_received)
    received: list[object] = []

    @router.on("*")
    def keep(event: Event[object]) -> None:
        received.append(event)

    with settings(("GitHub", {"secrets": [SECRET]})):
        response = post("/events/github/main", BODY, **GITHUB.sign(BODY), **{**DELIVERY, "X-GitHub-Event": "ping"})
    assert (response.status_code, response.content, received) == (200, b"{}", [])


def test_chain_in_a_projects_own_view() -> None:
    """`AuthenticatorChain.authenticate` reads a signed body by itself."""
    chain = AuthenticatorChain([GITHUB])
    request = RequestFactory().post("/", BODY, "application/json", headers=GITHUB.sign(BODY))
    assert chain.authenticate(request) == Principal("github")
    assert asyncio.run(chain.aauthenticate(request)) == Principal("github")


def test_chain_that_needs_no_body() -> None:
    """`AuthenticatorChain.authenticate` leaves the body alone if a header is enough."""
    token = "a shared token of enough length"
    chain = AuthenticatorChain([SharedToken(tokens=[token], header="X-Token"), GITHUB])
    request = RequestFactory().post("/", BODY, "application/json", headers={"X-Token": token})

    assert (chain.authenticate(request), "_body" in vars(request)) == (Principal("shared-token"), False)


class Own(BodyAuthenticator):
    """A project's own."""

    @override
    def authenticate_body(self, request: HttpRequest, body: bytes) -> Principal | None:
        """Accept bodies that end in an exclamation mark."""
        return Principal("own") if body.endswith(b"!") else None


class Awaited(Own):
    """The same, as `async def`."""

    @override
    async def authenticate_body(self, request: HttpRequest, body: bytes) -> Principal | None:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride] -- Own narrows it
        """Accept the same."""
        return Principal("own") if body.endswith(b"!") else None


class Twofold(Own):
    """One with a method for each door."""

    async def aauthenticate_body(self, request: HttpRequest, body: bytes) -> Principal | None:
        """Accept the same on an event loop."""
        return self.authenticate_body(request, body)


class Broken(Own):
    """One that fails before it sees the body."""

    @override
    def is_signed(self, request: HttpRequest) -> bool:
        """Fail."""
        raise ZeroDivisionError


class Failing(Own):
    """One that fails when it sees the body."""

    @override
    def authenticate_body(self, request: HttpRequest, body: bytes) -> Principal | None:
        """Fail."""
        raise ZeroDivisionError


class Small(Own):
    """One that reads four bytes at most."""

    max_body = 4


@pytest.mark.parametrize("name", ["Broken", "Failing"])
def test_failures(router: EventRouter, post: Post, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """A failing authenticator admits nobody, and the sender may try again; the next one is asked."""
    entries = [{"BACKEND": f"{__name__}.{name}"}, {"BACKEND": f"{__name__}.Own"}]
    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": entries}):
        assert [post("/events/k/r", body, "text/plain").status_code for body in (b"no", b"yes!")] == [503, 201]
    said = [record.getMessage().partition(" at ")[0] for record in caplog.records if record.levelname == "ERROR"]
    assert [text for text in said if text.startswith("The authenticator")] == [
        f"The authenticator {name} failed: ZeroDivisionError"
    ] * 2


def test_an_authenticator_that_fails_before_the_body_does_not_see_it() -> None:
    """Only those that found a signature verify the body, and no more is read than they allow."""
    _, signed = run(AuthenticatorChain([Broken(), Small()]).ask(RequestFactory().post("/")))

    assert signed is not None
    assert signed.max_body == 4


def test_a_body_may_be_too_long_for_one_authenticator(router: EventRouter, post: Post, lines: Callable[[], list[str]]) -> None:
    """It is asked up to its limit, and another one beyond that; the log says whose limit it was."""
    entries = [{"BACKEND": f"{__name__}.{name}"} for name in ("Small", "Own")]
    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": entries[:1]}):
        statuses = [post("/events/k/r", body, "text/plain").status_code for body in (b"yes!", b"yes!!")]
    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": entries}):
        statuses += [post("/events/k/r", body, "text/plain").status_code for body in (b"yes!", b"yes!!", b"yes, no")]

    assert statuses == [201, 413, 201, 201, 401]
    assert lines()[-1].partition("AuthenticationError, ")[2] == "the body is too long for Small"


@pytest.mark.parametrize("name", ["Own", "Awaited", "Twofold"])
@pytest.mark.parametrize(("body", "status"), [(b"yes!", 201), (b"no", 401)])
def test_own_class(router: EventRouter, post: Post, name: str, body: bytes, status: int) -> None:
    """A project's own class needs one method, sync or async."""
    path = f"{__name__}.{name}"
    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [{"BACKEND": path}]}):
        assert post("/events/k/r", body, "text/plain").status_code == status
