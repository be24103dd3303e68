"""The row A5 of what a door has to stand: whom a token is for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.checks import Error
from django.test import RequestFactory, override_settings

from gcp_event_router import EventRouter
from gcp_event_router.auth import OIDC
from gcp_event_router.exceptions import ConfigurationError
from gcp_event_router.utils import get_event_url

from ..conftest import Post, post_wsgi
from ..support.issuers import ACCOUNT, AUDIENCE, Google, checked, google, guarded, listening, status, url_of
from .test_access import UNAUTHORIZED, whole


@pytest.fixture
def world() -> Iterator[Google]:
    """OIDC guards the endpoint."""
    with google() as made:
        yield made


@pytest.fixture
def called(router: EventRouter) -> list[str]:
    """Who was called with an event."""
    return listening(router)


OTHERS = [
    "https://other.example",
    f"{AUDIENCE}/",
    f"{AUDIENCE}/events/k/r",
    AUDIENCE[:-1],
    AUDIENCE[1:],
    AUDIENCE.upper(),
    AUDIENCE.replace("https", "http"),
    f" {AUDIENCE}",
    f"{AUDIENCE}#",
    f"{AUDIENCE}:443",
    f"{AUDIENCE},{AUDIENCE}",
    "event-url",
    "",
]


@pytest.mark.parametrize("audience", OTHERS)
def test_a5_other_audience(world: Google, called: list[str], post: Post, audience: str) -> None:
    """A token for anybody else, of however similar a name, is refused."""
    token = world.issuer.token(aud=audience)

    assert (whole(post("/events/k/r", Authorization=f"Bearer {token}")), called) == (UNAUTHORIZED, [])


def test_a5_several_audiences(world: Google, router: EventRouter, post: Post) -> None:
    """A token for any one of the audiences is accepted."""
    audiences = [AUDIENCE, "https://shop-abc123-ew.a.run.app"]
    wanted = {**dict.fromkeys(audiences, 201), "https://shop": 401, ",".join(audiences): 401}

    with guarded(world.backend(audience=audiences)):
        assert {each: status(post, world.issuer.token(aud=each)) for each in wanted} == wanted


PATH = "/events/k/r"


@pytest.mark.parametrize(
    ("audience", "code"),
    [
        ("{url}", 201),
        ("{url}?a=1&b=%C3%BC", 201),
        ("event-url", 401),
        ("{url}?a=1", 401),
        ("{url}?b=%C3%BC&a=1", 401),
        ("{url}?a=1&b=%C3%BC&c", 401),
        ("{url}?a=1&b=ü", 401),
        ("{url}#", 401),
        ("{url}/", 401),
        ("{url}/more", 401),
        ("{url}x", 401),
        ("{url}/../r", 401),
        ("{path}", 401),
        ("http://shop.example{path}", 401),
        ("https://testserver{path}", 401),
        ("https://other.example{path}", 401),
        ("https://shop.example.evil.example{path}", 401),
        ("https://shop.example@evil.example{path}", 401),
        ("https://shop.example:443{path}", 401),
        ("https://shop.example/{path}", 401),
        ("https://shop.example/events/k/other", 401),
        ("https://shop.example", 401),
        ("https://shop.example/", 401),
        ("", 401),
    ],
)
def test_a5_event_url(world: Google, called: list[str], post: Post, audience: str, code: int) -> None:
    """With "event-url", a token is for the one URL of BASE_URL and the path, with its query or without; `Host` is not asked."""
    url = url_of(post, PATH)
    token = world.issuer.token(aud=audience.format(url=url, path=url.removeprefix("https://shop.example")))

    with guarded(world.backend(audience="event-url")):
        response = post(f"{PATH}?a=1&b=%C3%BC", Authorization=f"Bearer {token}", Host="testserver")

    assert (response.status_code, called != []) == (code, code == 201)


#: The test client of Django's async door writes other letters in the place of these.
NOT_ASCII = ["ü", "日本"]


@pytest.mark.parametrize("reference", ["r", "a b", "100%", "a+b", "a%2Bb", "a:b@c", "~-._!$&'()*,;=", *NOT_ASCII])
@pytest.mark.parametrize("base_url", ["https://shop.example", "https://shop.example/"])
def test_a5_whatever_url_is_made_is_the_event_url(
    world: Google, router: EventRouter, post: Post, reference: str, base_url: str
) -> None:
    """A sender that is given a URL by `get_event_url`, and writes it as the audience, is let in at it."""
    send = post_wsgi if reference in NOT_ASCII else post

    with override_settings(BASE_URL=base_url), guarded(world.backend(audience="event-url")):
        path, url = (get_event_url("k", reference, {"a": "1 ü&=%"}, base_url=each) for each in ("", None))
        url = url.replace("https://shop.example/events/", url_of(send, "/events/"))
        statuses = [status(send, world.issuer.token(aud=each), path) for each in (url, url.partition("?")[0])]

    assert statuses == [201, 201]


def test_a5_absent_query(world: Google) -> None:
    """A WSGI server may leave an empty query out, as PEP 3333 allows."""
    oidc = OIDC(service_accounts=[ACCOUNT], audience="event-url", certs_url=world.server.url)
    token = world.issuer.token(aud="https://shop.example/events/k/r?")
    request = RequestFactory().post("/events/k/r", headers={"Authorization": f"Bearer {token}"})
    del request.META["QUERY_STRING"]

    with override_settings(BASE_URL="https://shop.example"):
        principal = oidc.authenticate(request)

    assert principal is not None
    assert principal.email == ACCOUNT


def test_a5_no_audience() -> None:
    """An authenticator without an audience is not made, and the check at the start says so."""
    with pytest.raises(ConfigurationError) as caught:
        OIDC(service_accounts=[ACCOUNT])  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue] -- which is tested

    with guarded({"BACKEND": "gcp_event_router.auth.OIDC", "OPTIONS": {"service_accounts": [ACCOUNT]}}):
        said = checked()
    assert said == [(Error, "gcp_event_router.E002", "Until then, every request fails.", str(caught.value))]
