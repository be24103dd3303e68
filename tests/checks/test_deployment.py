"""`manage.py check --deploy`: one test for each id."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.checks import Error, Tags, run_checks
from django.core.checks import Warning as Warn
from django.http import HttpRequest
from django.test import override_settings
from django.urls import URLPattern, URLResolver, include, path
from django.views import View

from gcp_event_router import EventRouter, Principal
from gcp_event_router.auth import OIDC, SharedToken, SignedURL
from gcp_event_router.views import EventView

from .test_checks import told

NAME_ONE = 'Name an authenticator: "AUTHENTICATION": [{"BACKEND": "gcp_event_router.auth.OIDC", "OPTIONS": {...}}].'
LONG = "a token of thirty-two characters"
ONLY_SLASH = "hooks/<event_kind>/<event_reference>/"


class Nobody:
    """Lets nobody in."""

    def authenticate(self, request: HttpRequest) -> Principal | None:
        return None


GUARDED = {"AUTHENTICATION": [{"BACKEND": f"{__name__}.Nobody"}]}


def deployed(*patterns: URLPattern | URLResolver, **settings: Any) -> list[tuple[type, str, str | None, str]]:
    """What our checks say of a deployment with these URLs, or those of the tests."""
    if patterns:
        settings["ROOT_URLCONF"] = patterns
    with override_settings(**{"GCP_EVENT_ROUTER": GUARDED, **settings}):
        return told(run_checks(tags=[Tags.security], include_deployment_checks=True))


def own(*authenticators: Any, route: str = "<event_kind>/<event_reference>") -> URLPattern:
    """An endpoint with authenticators of its own."""
    return path(route, EventView.as_view(authentication=authenticators))


def test_a_closed_door_is_okay() -> None:
    """Nothing is said of endpoints that are closed and reached over https."""
    closed = own(
        OIDC(service_accounts=["a@b.example"], audience=["https://shop.example", "event-url"]),
        SharedToken(tokens=[LONG], parameter="token"),
    )

    assert (deployed(), deployed(closed), deployed(closed, GCP_EVENT_ROUTER={})) == ([], [], [])


def test_e003_unconfigured_endpoint() -> None:
    """Nobody may send, where the settings do not say who."""
    message = "The events endpoint has no authentication, so it answers 403 to everybody."

    assert deployed(GCP_EVENT_ROUTER={}) == [(Error, "gcp_event_router.E003", NAME_ONE, message)]


def test_e004_open_endpoint() -> None:
    """Anybody may send, where the list is empty; also where no endpoint is found in the URLs."""
    message = 'The events endpoint is open: GCP_EVENT_ROUTER["AUTHENTICATION"] is empty, so anybody can send events.'
    expected = [(Error, "gcp_event_router.E004", NAME_ONE, message)]

    assert deployed(GCP_EVENT_ROUTER={"AUTHENTICATION": []}) == expected
    assert deployed(GCP_EVENT_ROUTER={"AUTHENTICATION": []}, ROOT_URLCONF=None) == expected


def test_e005_open_view() -> None:
    """Anybody may send to a view that says so itself, wherever it is mounted."""
    nested = path("in/", include([path("of/<slug:tenant>/", include([own(), own(Nobody(), route="closed/<event_kind>")]))]))

    assert deployed(nested) == [
        (
            Error,
            "gcp_event_router.E005",
            "Give as_view() an authenticator, or leave authentication out for the one in the settings.",
            "The events endpoint at /in/of/x/kind/reference is open: its view has authentication=[], so anybody can send events.",
        )
    ]


def test_w014_no_endpoint(router: EventRouter) -> None:
    """Handlers that nothing can be pushed to are told of, unless another endpoint's signal is heard; nothing without handlers."""
    elsewhere = path("elsewhere/", View.as_view())
    assert deployed(elsewhere) == []
    router.on("order-*", payload=bytes)(lambda event: None)

    assert deployed(elsewhere) == [
        (
            Warn,
            "gcp_event_router.W014",
            "Add path('', include('gcp_event_router.urls')) to your urlpatterns; or silence this check if you only pull events.",
            "Handlers are registered, but no URL leads to the events endpoint, so the site answers pushes with 404.",
        )
    ]
    heard = [f"{__name__}.another_signal", "gcp_event_router.signals.event_received"]
    assert deployed(elsewhere, GCP_EVENT_ROUTER={**GUARDED, "SIGNALS": heard}) == []
    assert deployed(ROOT_URLCONF=None) == []
    assert deployed() == []


@pytest.mark.parametrize("authenticator", [SharedToken(tokens=[LONG], parameter="token"), SignedURL()])
@pytest.mark.parametrize("base_url", ["http://shop.example", "", None])
def test_e006_credentials_in_the_query_over_http(authenticator: Any, base_url: str | None) -> None:
    """A token or a signature in the query can be read by everybody on the way, unless that is https."""
    said = [each for each in deployed(own(authenticator), BASE_URL=base_url) if each[1] != "gcp_event_router.W008"]

    assert said == [
        (
            Error,
            "gcp_event_router.E006",
            'Write BASE_URL = "https://your-server.example", and send events there only.',
            f"{type(authenticator).__name__} reads credentials from the query, "
            f"and BASE_URL is {base_url or ''!r}, which is not https.",
        )
    ]


@override_settings()
def test_e006_without_a_base_url() -> None:
    """A setting that is missing is like one that is empty."""
    del settings.BASE_URL  # type: ignore[misc]  # its plugin knows Django's own settings only

    assert "gcp_event_router.E006" in [check_id for _, check_id, _, _ in deployed(own(SignedURL()))]


@pytest.mark.parametrize(
    ("audience", "what"),
    [
        ("http://shop.example", "'http://shop.example' of OIDC"),
        ("shop", "'shop' of OIDC"),
        ("event-url", "'event-url' of OIDC, which is 'http://shop.example',"),
    ],
)
@override_settings(BASE_URL="http://shop.example")
def test_e007_audience_that_is_not_https(audience: str, what: str) -> None:
    """An audience that is not https is one that tokens are not to be made for."""
    assert deployed(own(OIDC(service_accounts=["a@b.example"], audience=audience))) == [
        (
            Error,
            "gcp_event_router.E007",
            "Send events and their tokens to an https URL, or silence this check.",
            f"The audience {what} is not an https URL.",
        )
    ]


def test_e016_keys_of_this_machine() -> None:
    """In production, nobody on the machine may be able to sign tokens, as `events issuer` does in development."""
    authenticator = OIDC(service_accounts=["a@b.example"], audience="https://shop.example", certs_url="http://[::1]:8099/certs")

    assert deployed(own(authenticator)) == [
        (
            Error,
            "gcp_event_router.E016",
            "Leave certs_url out in production, to use Google's keys.",
            "OIDC takes the keys from this machine, at http://[::1]:8099/certs, so whoever listens there can sign tokens.",
        )
    ]


SECURE = {"SECURE_SSL_REDIRECT": True, "MIDDLEWARE": ["django.middleware.security.SecurityMiddleware"]}


def test_w005_redirect_to_https() -> None:
    """SECURE_SSL_REDIRECT answers pushes with a redirect, where Django cannot know that they came over https."""
    assert deployed(own(Nobody()), **SECURE) == [
        (
            Warn,
            "gcp_event_router.W005",
            'On Google Cloud, write SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https").',
            "SECURE_SSL_REDIRECT answers events at /kind/reference with a redirect, if a proxy terminates TLS: "
            "without SECURE_PROXY_SSL_HEADER, Django cannot know that they came over https.",
        )
    ]


@pytest.mark.parametrize(
    "settings",
    [
        {"SECURE_SSL_REDIRECT": False},
        {"MIDDLEWARE": []},
        {"SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https")},
        {"SECURE_REDIRECT_EXEMPT": ["^kind/"]},
    ],
)
def test_no_w005_without_a_redirect(settings: dict[str, Any]) -> None:
    """Nothing is said where nothing is redirected."""
    assert deployed(own(Nobody()), **{**SECURE, **settings}) == []


APPENDS = {"APPEND_SLASH": True, "MIDDLEWARE": ["django.middleware.common.CommonMiddleware"]}


def test_w006_redirect_to_the_form_with_a_slash() -> None:
    """APPEND_SLASH answers pushes with a redirect, where a pattern takes the form with a slash only."""
    assert deployed(own(Nobody(), route=ONLY_SLASH), **APPENDS) == [
        (
            Warn,
            "gcp_event_router.W006",
            'Let the pattern match both: re_path(r"^...(?P<event_kind>[^/]+)/(?P<event_reference>[^/]+)/?\\Z", ...).',
            "APPEND_SLASH answers events at /hooks/kind/reference with a redirect to /hooks/kind/reference/.",
        )
    ]


def test_no_w006_where_both_forms_are_there() -> None:
    """Nothing is said of our own URLs, which have both forms, nor of two patterns, nor without APPEND_SLASH."""
    slash = own(Nobody(), route=ONLY_SLASH)

    assert deployed(**APPENDS) == []
    assert deployed(slash, own(Nobody(), route=ONLY_SLASH.rstrip("/")), **APPENDS) == []
    assert deployed(slash, **{**APPENDS, "APPEND_SLASH": False}) == []
    assert deployed(slash, **{**APPENDS, "MIDDLEWARE": []}) == []


def test_w007_short_token() -> None:
    """A token that can be guessed is warned of, and not quoted."""
    assert deployed(own(SharedToken(tokens=[LONG, "fifteen letters"], header="X-Token"))) == [
        (
            Warn,
            "gcp_event_router.W007",
            "Make a longer one: python -c 'import secrets; print(secrets.token_urlsafe())'.",
            "A token of SharedToken has fewer than 16 characters, so it can be guessed.",
        )
    ]


@pytest.mark.parametrize(
    ("backend", "problem"),
    [
        ("locmem.LocMemCache", "other processes do not share, so a URL can be used once in each"),
        ("dummy.DummyCache", "remembers nothing, so URLs for a single use are never accepted"),
        ("filebased.FileBasedCache", "lets several processes add the same key at once, so a URL can be used several times"),
        ("db.DatabaseCache", "drops entries when it has MAX_ENTRIES, so a URL can be used again"),
        ("redis.RedisCache", None),
    ],
)
def test_w008_cache_that_forgets(backend: str, problem: str | None, tmp_path: Path) -> None:
    """Used URLs are to be remembered where all processes see it, and until they expire."""
    location = "redis://urls" if "redis" in backend else str(tmp_path)
    caches = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    caches["urls"] = {"BACKEND": f"django.core.cache.backends.{backend}", "LOCATION": location}
    entry = {"BACKEND": "gcp_event_router.auth.SignedURL", "OPTIONS": {"cache": "urls"}}
    message = (
        Warn,
        "gcp_event_router.W008",
        "Name a cache that all processes share, such as Redis; or silence this check if all URLs may be used again.",
        f"SignedURL remembers used URLs in the cache 'urls', which {problem}.",
    )

    said = deployed(CACHES=caches, GCP_EVENT_ROUTER={"AUTHENTICATION": [entry]})
    assert said == ([] if problem is None else [message])


def test_a_route_with_a_percent_sign() -> None:
    """A route may hold what means something to formats."""
    assert deployed(own(route="50%/<event_kind>/<int:event_reference>"))[0][3].startswith("The events endpoint at /50%/kind/")


def test_an_authenticator_that_cannot_be_made_is_left_to_e002() -> None:
    """The deployment checks say nothing of what the ordinary ones say."""
    assert deployed(GCP_EVENT_ROUTER={"AUTHENTICATION": [{"BACKEND": "shop.Nowhere"}]}) == []


def test_a_project_without_urls_is_checked() -> None:
    """Without ROOT_URLCONF, as in a worker, the settings alone are judged."""
    assert deployed(ROOT_URLCONF=None) == []
