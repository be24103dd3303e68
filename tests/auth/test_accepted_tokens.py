"""The row A11 of what a door has to stand: what it remembers of the tokens that it has accepted."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client, override_settings
from django.urls import path
from jwt.algorithms import RSAAlgorithm

from gcp_event_router import Event, EventRouter, Principal
from gcp_event_router.auth import OIDC, oidc
from gcp_event_router.auth.keys import LIFETIME
from gcp_event_router.views import AsyncEventView, EventView

from ..conftest import Post
from ..support.issuers import ACCOUNT, AUDIENCE, HOUR, NOW, Google, Issuer, google, guarded, settled, status, url_of
from ..support.key_server import with_keys

REMEMBERED = 8
"""So few tokens are remembered here, and not 1,024, since each takes a while to sign."""


@pytest.fixture
def world() -> Iterator[Google]:
    """OIDC guards the endpoint."""
    with google() as made:
        yield made


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oidc, "_REMEMBERED", REMEMBERED)


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What signatures have been verified of."""
    messages: list[bytes] = []
    verify = RSAAlgorithm.verify

    def counted(self: RSAAlgorithm, msg: bytes, key: Any, sig: bytes) -> bool:
        messages.append(msg)
        return verify(self, msg, key, sig)

    monkeypatch.setattr(RSAAlgorithm, "verify", counted)
    return messages


def without_key(world: Google, post: Post) -> None:
    """Have the server forget the key that tokens are signed with, and the site learn of that."""
    other = Issuer("second")
    world.server.mode = with_keys(other)
    world.steady.now += LIFETIME
    status(post, other.token())
    settled()


def test_a11_verified_once(world: Google, router: EventRouter, post: Post, verified: list[bytes]) -> None:
    """The signature of a token that is sent again is not verified again, also after its key was fetched again."""
    token = world.issuer.token()

    assert [status(post, token) for _ in range(5)] == [201] * 5
    world.steady.now += LIFETIME
    assert status(post, token) == 201
    settled()
    assert (status(post, token), world.server.requests) == (201, 2)
    assert verified == [token.rpartition(".")[0].encode()]


def test_a11_a_token_ends_with_its_key(world: Google, router: EventRouter, post: Post) -> None:
    """A key that left the key set no longer opens the door: RFC 7517 and Google's rotation leave no other way to revoke it."""
    token, later = world.issuer.token(), world.issuer.token(jti="later")
    assert status(post, token) == 201

    without_key(world, post)

    assert (status(post, token), status(post, later)) == (401, 401)


def test_a11_the_token_alone_has_its_key_fetched_again(world: Google, router: EventRouter, post: Post) -> None:
    """Where the same token comes again and again, its key is looked up once it is an hour old, and the token ends with it."""
    token = world.issuer.token()
    assert status(post, token) == 201
    world.server.mode = with_keys(Issuer("second"))
    world.steady.now += LIFETIME

    assert status(post, token) == 201  # nobody waits for a key that is still there
    settled()
    assert status(post, token) == 401


def test_a11_another_key_under_the_same_id(world: Google, router: EventRouter, post: Post) -> None:
    """A key that took the place of the one that signed a token, under its id, does not verify it."""
    token, other = world.issuer.token(), Issuer("first", "second")
    assert status(post, token) == 201
    world.server.mode = with_keys(other)
    world.steady.now += LIFETIME
    status(post, token)
    settled()

    assert (status(post, token), status(post, other.token())) == (401, 201)


def test_a11_expiry_is_judged_each_time(world: Google, router: EventRouter, post: Post) -> None:
    """A token that was accepted is refused once it has expired; and before it was issued, if the clock is put back."""
    token = world.issuer.token()
    statuses: list[int] = []
    for now in (NOW, NOW + HOUR + 9.75, NOW + HOUR + 10, NOW + 10 * HOUR, NOW, NOW - 10, NOW - 10.25):
        world.wall.now = now
        statuses.append(status(post, token))

    assert statuses == [201, 201, 401, 401, 201, 201, 401]


def test_a11_audience_is_judged_each_time(world: Google, router: EventRouter, post: Post) -> None:
    """A token that was accepted at its URL is refused at any other."""
    paths = ["/events/k/r", "/events/k/r?a=1", "/events/k/other", "/events/k/r/", "/events/k/r"]
    with guarded(world.backend(audience="event-url")):
        token = world.issuer.token(aud=url_of(post, "/events/k/r"))
        asking = world.issuer.token(aud=url_of(post, "/events/k/r?a=1"))

        assert [status(post, token, each) for each in paths] == [201, 201, 401, 401, 201]
        assert [status(post, asking, each) for each in (*paths[1::-1], *paths[1:])] == [201, 401, 201, 401, 401, 401]


def test_a11_base_url_is_judged_each_time(world: Google, router: EventRouter, post: Post) -> None:
    """What BASE_URL was when a token was accepted does not count when it is sent again."""
    with guarded(world.backend(audience="event-url")):
        token = world.issuer.token(aud=url_of(post, "/events/k/r"))
        statuses = [status(post, token)]
        with override_settings(BASE_URL="https://other.example"):
            statuses.append(status(post, token))

    assert statuses == [201, 401]


def test_a11_bounded(world: Google, router: EventRouter, post: Post, verified: list[bytes]) -> None:
    """Of all tokens that are accepted only so many are remembered, among them the latest."""
    tokens = [world.issuer.token(jti=str(number)) for number in range(REMEMBERED + 4)]
    before = principals()

    assert {status(post, token) for token in tokens} == {201}
    assert principals() - before <= REMEMBERED
    verified.clear()
    assert {status(post, token) for token in tokens[-4:]} == {201}
    assert verified == []
    assert status(post, tokens[0]) == 201
    assert len(verified) == 1


def principals() -> int:
    """How many senders are remembered, by whatever part of the program."""
    gc.collect()
    return sum(type(each) is Principal for each in gc.get_objects())


@pytest.mark.proof
@pytest.mark.parametrize(
    ("changes", "code"),
    [({"iat": NOW + 60}, 401), ({"nbf": NOW + 60}, 401), ({"iat": NOW + 60, "email": "other@example.com"}, 401)],
)
def test_a11_refused_tokens_are_not_remembered(
    world: Google, router: EventRouter, post: Post, changes: dict[str, Any], code: int
) -> None:
    """A token that comes before its time is judged anew when its time has come."""
    token = world.issuer.token(**changes)
    before = status(post, token), principals()
    world.wall.now += 60

    assert before[0] == code
    assert status(post, token) == (403 if "email" in changes else 201)
    assert principals() - before[1] == ("email" not in changes)


def test_a11_refusals_take_no_room(world: Google, router: EventRouter, post: Post, verified: list[bytes]) -> None:
    """However many tokens are refused, the one that was accepted before is still remembered."""
    token = world.issuer.token()
    assert status(post, token) == 201
    before = principals()

    refused = [world.issuer.token(jti=str(number), email="other@example.com") for number in range(REMEMBERED + 1)]
    assert {status(post, each) for each in refused} == {403}
    verified.clear()
    assert status(post, token) == 201
    assert (principals(), verified) == (before, [])


def test_a11_a_token_is_remembered_as_a_whole(world: Google, router: EventRouter, post: Post) -> None:
    """What was accepted is no help to a token that differs from it in its claims, its signature or its spelling."""
    token = world.issuer.token()
    head, claims, signature = token.split(".")
    other = world.issuer.token(jti="other").split(".")

    statuses = [
        status(post, each) for each in (token, f"{head}.{other[1]}.{signature}", f"{head}.{claims}.{other[2]}", f"{token}=")
    ]

    assert statuses == [201, 401, 401, 401]


@pytest.mark.parametrize("view", [EventView, AsyncEventView])
def test_a11_what_one_accepts_is_unknown_to_another(world: Google, router: EventRouter, view: type[EventView]) -> None:
    """Of two authenticators, each judges for itself a token that the other has accepted."""
    doors = {
        "first": OIDC(service_accounts=[ACCOUNT], audience=AUDIENCE, certs_url=world.server.url),
        "audience": OIDC(service_accounts=[ACCOUNT], audience="https://other.example", certs_url=world.server.url),
        "account": OIDC(service_accounts=["other@example.com"], audience=AUDIENCE, certs_url=world.server.url),
        "same": OIDC(service_accounts=[ACCOUNT], audience=AUDIENCE, certs_url=world.server.url),
    }
    patterns = tuple(
        path(f"{name}/<event_kind>/<event_reference>", view.as_view(authentication=[each])) for name, each in doors.items()
    )
    headers = {"Authorization": f"Bearer {world.issuer.token()}"}

    with override_settings(ROOT_URLCONF=patterns):
        statuses = {name: Client().post(f"/{name}/k/r", headers=headers).status_code for name in doors}

    assert statuses == {"first": 201, "audience": 401, "account": 403, "same": 201}
    assert world.server.requests == 1


def test_a11_the_handler_is_told_the_same(world: Google, router: EventRouter, post: Post) -> None:
    """The sender of a token that is remembered is the one who sent it first, with all claims."""
    seen: list[Principal | None] = []

    @router.on("k")
    def handler(event: Event[Any]) -> None:
        seen.append(event.principal)

    tokens = [world.issuer.token(sub=sub) for sub in ("1", "2", "1")]

    assert [status(post, each) for each in tokens] == [201] * 3
    assert [each and each.subject for each in seen] == ["1", "2", "1"]
    assert seen[0] == seen[2]
