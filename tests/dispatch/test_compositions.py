"""OIDC beside other authenticators, in the settings and in a view's own list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import AsyncClient, override_settings
from django.urls import path

from gcp_event_router import Event, EventRouter
from gcp_event_router.auth import OIDC, SharedToken
from gcp_event_router.utils import get_event_url
from gcp_event_router.views import AsyncEventView, EventView

from ..auth.test_access import ACCEPTED, FORBIDDEN, UNAUTHORIZED, UNAVAILABLE, whole
from ..conftest import Post, post_asgi
from ..support.issuers import ACCOUNT, AUDIENCE, NOW, Google, google, guarded, settled

SECRET = "a token of thirty-two characters"
SHARED = {"BACKEND": "gcp_event_router.auth.SharedToken", "OPTIONS": {"tokens": [SECRET], "header": "Authorization"}}
HEADER = {**SHARED, "OPTIONS": {"tokens": [SECRET], "header": "X-Shop-Token"}}
SIGNED = {"BACKEND": "gcp_event_router.auth.SignedURL"}


@pytest.fixture
def world() -> Iterator[Google]:
    """OIDC guards the endpoint."""
    with google() as issuer:
        yield issuer


@pytest.fixture
def methods(router: EventRouter) -> list[str | None]:
    """Return how each event was authenticated."""
    methods: list[str | None] = []

    @router.on("*")
    def handler(event: Event[Any]) -> None:
        methods.append(event.principal.method if event.principal else None)

    return methods


def headers(world: Google, sent: str) -> dict[str, str]:
    """The headers of a sender."""
    written: dict[str, dict[str, str]] = {
        "nothing": {},
        "token": {"Authorization": f"Bearer {world.issuer.token()}"},
        "old token": {"Authorization": f"Bearer {world.issuer.token(exp=NOW - 10)}"},
        "other's token": {"Authorization": f"Bearer {world.issuer.token(email='other@example.com')}"},
        "secret": {"Authorization": f"Bearer {SECRET}"},
        "secret in a header of its own": {"X-Shop-Token": SECRET},
        "token and secret": {"Authorization": f"Bearer {world.issuer.token()}", "X-Shop-Token": SECRET},
        "other's token and secret": {
            "Authorization": f"Bearer {world.issuer.token(email='other@example.com')}",
            "X-Shop-Token": SECRET,
        },
        "token and wrong secret": {"Authorization": f"Bearer {world.issuer.token()}", "X-Shop-Token": "x"},
    }
    return written[sent]


@pytest.mark.parametrize("reverse", [False, True], ids=["OIDC first", "OIDC second"])
@pytest.mark.parametrize(
    ("shared", "sent", "answer", "method"),
    [
        (SHARED, "nothing", UNAUTHORIZED, None),
        (SHARED, "token", ACCEPTED, "oidc"),
        (SHARED, "old token", UNAUTHORIZED, None),
        (SHARED, "other's token", FORBIDDEN, None),
        (SHARED, "secret", ACCEPTED, "shared-token"),
        (HEADER, "nothing", UNAUTHORIZED, None),
        (HEADER, "token", ACCEPTED, "oidc"),
        (HEADER, "other's token", FORBIDDEN, None),
        (HEADER, "secret in a header of its own", ACCEPTED, "shared-token"),
        (HEADER, "other's token and secret", ACCEPTED, "shared-token"),
        (HEADER, "token and wrong secret", ACCEPTED, "oidc"),
    ],
)
def test_one_that_accepts_is_enough(
    world: Google,
    methods: list[str | None],
    post: Post,
    reverse: bool,
    shared: dict[str, Any],
    sent: str,
    answer: object,
    method: str | None,
) -> None:
    """A good token or the secret is enough, in either order; without both, the worst refusal counts."""
    backends = [shared, world.backend()] if reverse else [world.backend(), shared]

    with guarded(*backends):
        response = post("/events/k/r", **headers(world, sent))

    assert (whole(response), methods) == (answer, [method] if method else [])


@pytest.mark.parametrize(("reverse", "method"), [(False, "oidc"), (True, "shared-token")])
def test_the_first_that_accepts_wins(world: Google, methods: list[str | None], post: Post, reverse: bool, method: str) -> None:
    """If two authenticators accept a request, the handler sees the first one's principal."""
    backends = [HEADER, world.backend()] if reverse else [world.backend(), HEADER]

    with guarded(*backends):
        response = post("/events/k/r", **headers(world, "token and secret"))

    assert (whole(response), methods) == (ACCEPTED, [method])


@pytest.mark.parametrize("reverse", [False, True], ids=["OIDC first", "OIDC second"])
@pytest.mark.parametrize(
    ("sent", "answer", "method"),
    [
        ("nothing", UNAUTHORIZED, None),
        ("token", UNAVAILABLE, None),
        ("other's token", UNAVAILABLE, None),
        ("secret in a header of its own", ACCEPTED, "shared-token"),
        ("token and secret", ACCEPTED, "shared-token"),
        ("token and wrong secret", UNAVAILABLE, None),
    ],
)
def test_without_keys(
    world: Google, methods: list[str | None], post: Post, reverse: bool, sent: str, answer: object, method: str | None
) -> None:
    """Without Google's keys, the secret is still accepted, and a sender with only a token has to try again."""
    world.server.die()
    backends = [HEADER, world.backend()] if reverse else [world.backend(), HEADER]

    with guarded(*backends):
        response = post("/events/k/r", **headers(world, sent))
    settled()

    assert (whole(response), methods) == (answer, [method] if method else [])


def test_beside_a_signed_url(world: Google, methods: list[str | None], post: Post) -> None:
    """A signed URL needs no token, a token needs no signature, and a wrong signature does not spoil a token."""
    name = "async:gcp-events" if post is post_asgi else "gcp-events"
    signed = get_event_url("k", "r", url_namespace=name, base_url="", signed=True).removeprefix("/async")
    token = headers(world, "token")

    with guarded(world.backend(), SIGNED):
        requests: list[tuple[str, dict[str, str]]]
        requests = [(signed, {}), ("/events/k/r", token), (f"{signed}x", token), (f"{signed}x", {}), ("/events/k/r", {})]
        statuses = [post(url, **sent).status_code for url, sent in requests]

    assert statuses == [201, 201, 201, 401, 401]
    assert methods == ["signed-url", "oidc", "oidc"]


def test_two_for_two_senders(world: Google, methods: list[str | None], post: Post) -> None:
    """Each of two OIDC has its own accounts for its own audience, and keys that are fetched once."""
    two = [("one@example.com", "https://one.example"), ("two@example.com", "https://two.example")]
    backends = [world.backend(service_accounts=[account], audience=audience) for account, audience in two]
    tokens = [world.issuer.token(email=account, aud=audience) for account, _ in two for _, audience in two]

    with guarded(*backends):
        answers = [whole(post("/events/k/r", Authorization=f"Bearer {token}")) for token in tokens]

    assert answers == [ACCEPTED, FORBIDDEN, FORBIDDEN, ACCEPTED]
    assert world.server.requests == 1


@pytest.mark.parametrize("view", [EventView, AsyncEventView])
async def test_a_view_of_its_own(world: Google, methods: list[str | None], view: type[EventView]) -> None:
    """`as_view(authentication=[OIDC(...)])` replaces the settings for its view, sync or async, and for no other."""
    own = OIDC(service_accounts=[ACCOUNT], audience=AUDIENCE, certs_url=world.server.url)
    either = [own, SharedToken(tokens=[SECRET], header="X-Shop-Token")]
    route = "<event_kind>/<event_reference>"
    patterns = (
        path(f"own/{route}", view.as_view(authentication=[own])),
        path(f"either/{route}", view.as_view(authentication=either)),
        path(f"settings/{route}", view.as_view()),
    )
    sent = ["nothing", "token", "secret in a header of its own"]

    async def asked(prefix: str) -> list[int]:
        statuses: list[int] = []
        for sender in sent:
            response = await AsyncClient().generic("POST", f"/{prefix}/k/r", b"", headers=headers(world, sender))
            statuses.append(response.status_code)
        return statuses

    with guarded(HEADER), override_settings(ROOT_URLCONF=patterns):
        statuses = {prefix: await asked(prefix) for prefix in ("own", "either", "settings")}

    assert statuses == {"own": [401, 201, 401], "either": [401, 201, 201], "settings": [401, 401, 201]}
