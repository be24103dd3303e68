"""The security in force, as the catalogue tells it: who is let in where, and nothing that would let somebody in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.http import HttpRequest
from django.test import override_settings
from django.urls import clear_script_prefix, path, set_script_prefix

from gcp_event_router import Principal
from gcp_event_router.catalogue.security import Guard, Security, at_path, mounted
from gcp_event_router.views import EventView

SECRET = "a-secret-that-nobody-may-see"
OIDC = {
    "BACKEND": "gcp_event_router.auth.OIDC",
    "OPTIONS": {
        "service_accounts": ["b@p.iam.gserviceaccount.com", "a@p.iam.gserviceaccount.com"],
        "audience": ["https://shop.example"],
    },
}
TOKEN = {"BACKEND": "gcp_event_router.auth.SharedToken", "OPTIONS": {"header": "X-Shop-Token", "tokens": [SECRET]}}
IN_QUERY = {"BACKEND": "gcp_event_router.auth.SharedToken", "OPTIONS": {"parameter": "token", "tokens": [SECRET]}}
SIGNED = {"BACKEND": "gcp_event_router.auth.SignedURL"}


class Own:
    """An authenticator of a project's own, which says nothing of itself."""

    secret = SECRET

    def authenticate(self, request: HttpRequest) -> Principal | None:
        return None


class Failing(Own):
    def public_facts(self) -> Iterator[tuple[str, str]]:
        yield "one", "1"
        raise RuntimeError(SECRET)


class Talking(Own):
    def public_facts(self) -> list[tuple[str, object]]:
        return [("ports", 443)]


@pytest.mark.parametrize(
    ("entry", "guard"),
    [
        (
            OIDC,
            Guard(
                "OIDC",
                (
                    ("audience", "https://shop.example"),
                    ("service accounts", "a@p.iam.gserviceaccount.com, b@p.iam.gserviceaccount.com"),
                ),
            ),
        ),
        (TOKEN, Guard("SharedToken", (("header", "X-Shop-Token"),))),
        (IN_QUERY, Guard("SharedToken", (("query parameter", "token"),))),
        (SIGNED, Guard("SignedURL", (("query parameter", "signature"),))),
        (
            {"BACKEND": "gcp_event_router.auth.GitHub", "OPTIONS": {"secrets": [SECRET]}},
            Guard(
                "GitHub",
                (("provider", "github"), ("header", "X-Hub-Signature-256"), ("signed", "{body}")),
                "In the repository's Settings, Webhooks, Add webhook: the payload URL is https://shop.example/events/a/1, the "
                "content type application/json, and the secret one of those in the settings.",
            ),
        ),
        ({"BACKEND": f"{__name__}.Own"}, Guard("Own", ())),
        ({"BACKEND": f"{__name__}.Failing"}, Guard("Failing", ())),
        ({"BACKEND": f"{__name__}.Talking"}, Guard("Talking", (("ports", "443"),))),
    ],
)
def test_guards(entry: Any, guard: Guard) -> None:
    """Each authenticator is told by its class, and by what it says of itself; never by its secrets."""
    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [entry]}):
        found = at_path("/events/a/1", "https://shop.example/")

    assert (found.standing, found.guards) == ("guarded", (guard,))
    assert found.summary == "Open to senders that this authenticator accepts."
    assert SECRET not in str(found)


@pytest.mark.parametrize(
    ("settings", "standing", "summary"),
    [
        ({"AUTHENTICATION": []}, "open", "Open to everybody: no authenticator is configured."),
        ({}, "closed", 'Closed: GCP_EVENT_ROUTER["AUTHENTICATION"] is not set.'),
        (
            {"AUTHENTICATION": [{"BACKEND": "nowhere.None"}]},
            "closed",
            "Closed: the authenticators cannot be created. manage.py check says why.",
        ),
        ({"AUTHENTICATION": [TOKEN, SIGNED]}, "guarded", "Open to senders that one of the authenticators accepts."),
    ],
)
def test_standing(settings: Any, standing: str, summary: str) -> None:
    """An endpoint that is open or closed says so in a word and a sentence."""
    with override_settings(GCP_EVENT_ROUTER=settings):
        found = at_path("/events/a/1")

    assert (found.standing, found.summary) == (standing, summary)


@override_settings(GCP_EVENT_ROUTER={}, DEBUG=True)
def test_debug() -> None:
    """Under DEBUG, an endpoint for which nothing is configured is open."""
    found = at_path("/events/a/1")

    assert (found.standing, found.summary) == (
        "open",
        'Open to everybody while DEBUG is on: GCP_EVENT_ROUTER["AUTHENTICATION"] is not set.',
    )


@override_settings(ROOT_URLCONF="tests.support.catalogue_urls")
def test_endpoint_of_its_own() -> None:
    """An endpoint with authenticators of its own is told by those; those that have the settings' stand together."""
    own = Guard("SharedToken", (("header", "X-Own"),))

    assert at_path("/own/a/1").guards == (own,)
    assert at_path("/events/a/1").standing == at_path("/nowhere").standing == "open"
    assert [(each.paths, each.standing, each.guards) for each in mounted()] == [
        (("/own/kind/reference",), "guarded", (own,)),
        (("/events/kind/reference", "/events"), "open", ()),
    ]


@override_settings(ROOT_URLCONF="tests.support.catalogue_urls")
def test_endpoint_below_a_prefix() -> None:
    """Where the whole site lies below a prefix, a path that `get_event_url` made leads to its endpoint all the same."""
    set_script_prefix("/shop/")
    try:
        found = at_path("/shop/own/%C3%A4/1")
    finally:
        clear_script_prefix()

    assert (found.paths, found.standing) == (("/shop/own/%C3%A4/1",), "guarded")


@dataclass
class Unhashable(Own):
    """As a dataclass is that may change."""

    ports: int = 443


first, second = Unhashable(), Unhashable()
urlpatterns = [
    path(f"{name}/<event_kind>/<event_reference>", EventView.as_view(authentication=[each]))
    for name, each in (("a", first), ("b", second), ("c", first))
]


@override_settings(ROOT_URLCONF=__name__)
def test_authenticators_without_a_hash() -> None:
    """Endpoints are told together if they have the same authenticators, whether or not these can be hashed."""
    assert [(each.paths, each.guards) for each in mounted()] == [
        (("/a/kind/reference", "/c/kind/reference"), (Guard("Unhashable", ()),)),
        (("/b/kind/reference",), (Guard("Unhashable", ()),)),
    ]


@override_settings(ROOT_URLCONF=None)
def test_no_urls() -> None:
    """A project without URLs has no endpoint."""
    assert mounted() == list[Security]()
