"""`manage.py events send --as`: what a provider of webhooks would send, verified by the endpoint's own authenticators."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.test import override_settings
from django.urls import path
from pydantic import BaseModel
from typing_extensions import override

from gcp_event_router import Event, EventRouter, Principal
from gcp_event_router.auth import GitHub
from gcp_event_router.envelopes import Webhook
from gcp_event_router.views import EventView

from .test_send_command import run

SECRET = "0c4a8a0c12a7b3c9f3d1f1f2b2e1a9d04711"
ANOTHER = "f0e1d2c3b4a5968778695a4b3c2d1e0f4711"
SETTINGS: dict[str, Any] = {
    "AUTHENTICATION": [
        {"BACKEND": "gcp_event_router.auth.SharedToken", "OPTIONS": {"tokens": ["t" * 16], "header": "X-T"}},
        *(
            {"BACKEND": f"gcp_event_router.auth.{name}", "OPTIONS": {"secrets": [SECRET]}}
            for name in ("GitHub", "Stripe", "Square")
        ),
        {"BACKEND": "gcp_event_router.auth.Slack", "OPTIONS": {"secrets": [SECRET]}},
        {"BACKEND": "gcp_event_router.auth.StandardWebhooks", "OPTIONS": {"secrets": ["whpk_" + "A" * 43], "name": "openai"}},
    ]
}
NAMES = "github, openai, slack, square, stripe"
urlpatterns = [
    path("own/<event_kind>/<event_reference>", EventView.as_view(authentication=[GitHub(secrets=[ANOTHER])]), name="gcp-events"),
]


class PullRequest(BaseModel):
    action: str = "opened"
    number: int


@pytest.fixture
def seen(router: EventRouter) -> list[Event[Any]]:
    """The events that a handler of `webhook` gets."""
    events: list[Event[Any]] = []

    @router.on("webhook", name="shop.keep")
    def keep(event: Event[PullRequest]) -> None:
        events.append(event)

    return events


@pytest.fixture(autouse=True)
def _settings() -> Generator[None]:
    with override_settings(GCP_EVENT_ROUTER=SETTINGS):
        yield


@contextmanager
def served() -> Generator[str]:
    """This project on a real server."""

    class Handler(WSGIRequestHandler):
        @override
        def log_message(self, format: str, *args: Any) -> None: ...

    with make_server("127.0.0.1", 0, WSGIHandler(), handler_class=Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(10)


def test_here(seen: list[Event[Any]]) -> None:
    """The endpoint's view verifies what is sent, and the handler gets the provider's metadata."""
    code, printed = run("webhook", "main", "--as", "github", "--event", "pull_request", "--message-id", "72d3162e")

    assert (code, printed) == (
        0,
        "An example of webhook, since there is no --data or --file:\n"
        '  {"action": "opened", "number": 1}\n'
        "This process answered 201 Created: github would regard the delivery as done.\n"
        "  shop.keep: handled in 0.0 ms\n",
    )
    (event,) = seen
    assert isinstance(event.envelope, Webhook)
    assert (event.principal, event.envelope.message_id, dict(event.envelope.attributes)) == (
        Principal("github"),
        "72d3162e",
        {"event": "pull_request", "action": "opened"},
    )


@pytest.mark.parametrize(
    ("name", "options", "body"),
    [
        ("github", ["--attribute", "action=closed"], {"action": "closed", "number": 1}),
        ("stripe", ["--event", "charge", "--message-id", "evt_1"], {"id": "evt_1", "type": "charge"}),
        ("slack", ["--event", "message"], {"event": {"type": "message"}, "event_id": None}),
        ("linear", [], {"webhookTimestamp": None}),
    ],
)
def test_completed_example(seen: list[Event[Any]], name: str, options: list[str], body: dict[str, object]) -> None:
    """An example gets the metadata that a provider has in the body; each one has a new id and the time, where it has these."""
    linear = {"BACKEND": "gcp_event_router.auth.Linear", "OPTIONS": {"secrets": [SECRET]}}
    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [*SETTINGS["AUTHENTICATION"], linear]}):
        codes = [run("webhook", "--as", name, *options)[0] for _ in range(2)]

    first, second = (json.loads(event.envelope.body) for event in seen)
    assert codes == [0, 0]
    assert {key: value if body[key] is not None else None for key, value in first.items() if key in body} == body
    assert name != "slack" or first["event_id"] != second["event_id"]


@pytest.mark.parametrize("name", ["github", "square"])
def test_over_http(seen: list[Event[Any]], name: str) -> None:
    """A server with the same settings accepts it, also where the provider signs the URL."""
    with served() as url:
        code, printed = run("webhook", "--as", name, "--data", '{"number": 7}', "--parameter", "a=b c", "--url", url)

    assert (code, printed) == (
        0,
        f"http://localhost:0/events/webhook/1 answered 201 Created: {name} would regard the delivery as done.\n",
    )
    assert [(event.principal, event.payload.number) for event in seen] == [(Principal(name), 7)]


@pytest.mark.parametrize("name", ["github", "square"])
def test_secret_of_another_site(seen: list[Event[Any]], monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The environment has the secret of another site, which these settings need not know; nothing prints it."""
    monkeypatch.setenv("SITE_SECRET", ANOTHER)
    backend = {"BACKEND": "gcp_event_router.auth." + {"github": "GitHub", "square": "Square"}[name]}
    for options in (SECRET, ANOTHER):
        with served() as url:
            other = {"AUTHENTICATION": [{**backend, "OPTIONS": {"secrets": [options], "base_url": url}}]}
            with override_settings(GCP_EVENT_ROUTER=other, BASE_URL="https://here.example"):
                code, printed = run(
                    "webhook", "--as", name, "--data", '{"number": 7}', "--url", url, "--secret-env", "SITE_SECRET"
                )
        expected = (0, "201 Created") if options == ANOTHER else (1, "401 Unauthorized")
        assert (code, expected[1] in printed, ANOTHER in printed) == (expected[0], True, False)
    assert len(seen) == 1


def test_secret_of_a_provider_without_settings(seen: list[Event[Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    """With a secret from the environment, any provider of the package signs."""
    monkeypatch.setenv("SITE_SECRET", ANOTHER)
    with served() as url:
        code, printed = run("webhook", "--as", "paddle", "--data", '{"number": 7}', "--url", url, "--secret-env", "SITE_SECRET")

    assert (code, printed.splitlines()[0]) == (
        1,
        "http://localhost:0/events/webhook/1 answered 401 Unauthorized: paddle would regard the delivery as failed.",
    )


@override_settings(ROOT_URLCONF=__name__)
def test_endpoint_of_its_own(seen: list[Event[Any]]) -> None:
    """The authenticators of the endpoint's own view sign and verify, not those of the settings."""
    assert run("webhook", "--as", "github", "--data", '{"number": 7}')[0] == 0
    assert len(seen) == 1
    assert run("webhook", "--as", "stripe", "--data", "{}") == (
        2,
        "CommandError: The endpoint has no authenticator of the name 'stripe', so nothing can sign as it does. "
        "Choose from github.\n",
    )


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--as", "github", "--event", "ping"], "This process answered 200 OK: github would regard the delivery as done."),
        (
            ["--as", "slack", "--data", '{"type": "url_verification", "challenge": "3eZb"}'],
            "This process answered 200 OK: slack would regard the delivery as done.",
        ),
    ],
)
def test_handshake(seen: list[Event[Any]], arguments: list[str], line: str) -> None:
    """A handshake succeeds without a handler, in this process and over HTTP."""
    code, printed = run("webhook", *arguments)
    assert (code, printed.splitlines()[-2:]) == (0, [line, "  It is a handshake, which reaches no handler."])
    with served() as url:
        code, printed = run("webhook", *arguments, "--url", url)
    assert (code, printed.splitlines()[-1]) == (0, "  It is a handshake, which reaches no handler.")
    assert seen == []


def test_json(seen: list[Event[Any]]) -> None:
    """Scripts get the same fields as for other events."""
    code, printed = run("webhook", "--as", "github", "--json")

    answer = json.loads(printed)
    assert (code, answer["status"], answer["outcome"], len(seen)) == (0, 201, "handled", 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--as", "githib"],
            f"The endpoint has no authenticator of the name 'githib', so nothing can sign as it does. Choose from {NAMES}.",
        ),
        (["--event", "push"], "--event and --secret-env need --as. Name the provider of the webhook, such as --as github."),
        (["--secret-env", "A"], "--event and --secret-env need --as. Name the provider of the webhook, such as --as github."),
        (
            ["--as", "github", "--secret-env", "A"],
            "--secret-env needs --url. Without it, the first secret in the settings of this process signs.",
        ),
        (
            ["--as", "github", "--secret-env", "UNSET_SECRET", "--url", "http://127.0.0.1:1"],
            "The environment variable UNSET_SECRET is not set, is empty, or has spaces around its value.",
        ),
        (
            ["--as", "nobody", "--secret-env", "PATH", "--url", "http://127.0.0.1:1"],
            "No provider is named 'nobody', so nothing can sign as it does. Choose from github, linear, openai, paddle, "
            "pagerduty, shopify, slack, square, standard-webhooks, stripe, svix, twilio, zendesk.",
        ),
        *(
            (
                ["--as", "github", *options],
                "--envelope, --ce-type, --ordering-key, --identity and --audience mean nothing with --as, which signs a body "
                "without an envelope. Leave them out.",
            )
            for options in (["--envelope", "plain"], ["--ordering-key", "1"], ["--identity", "--url", "http://127.0.0.1:1"])
        ),
        (
            ["--as", "stripe", "--message-id", "evt_2", "--data", "{}"],
            "stripe has its message id at /id of the body, where this payload has nothing. Write 'evt_2' there.",
        ),
        (
            ["--as", "github", "--attribute", "topic=a"],
            "github sends no attribute 'topic'. It sends these: action, event, hook_id.",
        ),
    ],
)
def test_wrong_arguments(seen: list[Event[Any]], arguments: list[str], message: str) -> None:
    """What cannot be sent is refused with 2, and a message that says what to write."""
    code, printed = run("webhook", *arguments)

    assert (code, printed.splitlines()[-1], seen) == (2, f"CommandError: {message}", [])


def test_public_key(seen: list[Event[Any]]) -> None:
    """A sender with a public key cannot be played."""
    code, printed = run("webhook", "--as", "openai")

    assert (code, printed.splitlines()[-1], seen) == (
        1,
        "CommandError: A public key cannot sign. Sign with a secret that sender and site share, such as one that begins with "
        "whsec_.",
        [],
    )


def test_no_kind(router: EventRouter) -> None:
    """The type of a CloudEvent is no kind of a webhook."""

    @router.on(ce_type="com.example/a")
    def keep(event: Event[Any]) -> None: ...

    assert run("com.example/a", "--as", "github") == (
        2,
        "CommandError: With --as, KIND must be a kind that a URL can contain, not the type of a CloudEvent. Give a kind.\n",
    )


@override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": []})
def test_no_provider(seen: list[Event[Any]]) -> None:
    """Without any provider in the settings, the message says how to add one."""
    assert run("webhook", "--as", "github", "--data", "{}") == (
        2,
        "CommandError: The endpoint has no authenticator of the name 'github', so nothing can sign as it does. "
        "Add one, such as gcp_event_router.auth.GitHub.\n",
    )
