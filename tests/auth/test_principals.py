"""What a handler is told of who sent an event with a token."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest

from gcp_event_router import Event, EventRouter, Principal

from ..conftest import Post
from ..support.issuers import ACCOUNT, AUDIENCE, NOW, Google, google, guarded, status

SUBJECT = "106501184722563409817"


@pytest.fixture
def world() -> Iterator[Google]:
    """OIDC guards the endpoint."""
    with google() as made:
        yield made


@pytest.fixture(params=["sync handler", "async handler"])
def seen(request: pytest.FixtureRequest, router: EventRouter) -> list[Principal]:
    """Who sent the events, as a handler is told."""
    principals: list[Principal] = []

    def handler(event: Event[Any]) -> None:
        assert event.principal is not None
        principals.append(event.principal)

    async def ahandler(event: Event[Any]) -> None:
        handler(event)

    router.on("k")(handler if request.param == "sync handler" else ahandler)
    return principals


def test_everything_is_told(world: Google, seen: list[Principal], post: Post) -> None:
    """The handler is told the way of proof, the address, the subject and all claims, those too that nobody knows."""
    own: dict[str, Any] = {
        "azp": "4711",
        "nbf": NOW,
        "google": {"compute_engine": {"zone": "europe-west1-b"}},
        "x": [1, None, "ü"],
    }

    assert status(post, world.issuer.token(**own)) == 201
    (principal,) = seen
    assert (principal.method, principal.email, principal.subject) == ("oidc", ACCOUNT, SUBJECT)
    assert dict(principal.claims) == world.issuer.claims(**own)
    assert principal == Principal("oidc", ACCOUNT, SUBJECT, world.issuer.claims(**own))


def test_no_subject(world: Google, seen: list[Principal], post: Post) -> None:
    """A token without `sub` has no subject."""
    assert status(post, world.issuer.token(sub=None)) == 201
    assert [(each.subject, "sub" in each.claims) for each in seen] == [(None, False)]


@pytest.mark.parametrize("issuer", ["https://accounts.google.com", "accounts.google.com"])
def test_both_names_of_google(world: Google, seen: list[Principal], post: Post, issuer: str) -> None:
    """Both names that Google gives itself are accepted, and told as they are written."""
    assert status(post, world.issuer.token(iss=issuer)) == 201
    assert [each.claims["iss"] for each in seen] == [issuer]


def test_several_accounts(world: Google, seen: list[Principal], post: Post) -> None:
    """The address is that of the token, whichever of the accounts it is."""
    accounts = [ACCOUNT, "scheduler@my-project.iam.gserviceaccount.com"]

    with guarded(world.backend(service_accounts=accounts)):
        assert [status(post, world.issuer.token(email=each)) for each in [*accounts, "other@example.com"]] == [201, 201, 403]
    assert [each.email for each in seen] == accounts


def test_claims_cannot_be_changed(world: Google, seen: list[Principal], post: Post) -> None:
    """A handler can neither set nor remove a claim, so the next event with the same token is told all of them."""
    token = world.issuer.token()
    assert status(post, token) == 201
    claims = cast("dict[str, Any]", seen[0].claims)

    for change in ("update", "pop", "popitem", "clear", "setdefault"):
        assert not hasattr(claims, change)
    with pytest.raises(TypeError):
        claims["aud"] = "other"
    with pytest.raises(TypeError):
        del claims["aud"]
    with pytest.raises(AttributeError):
        seen[0].email = "other@example.com"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue] -- which is what is tested

    assert status(post, token) == 201
    assert dict(seen[1].claims) == world.issuer.claims()


def test_claims_are_not_shown(world: Google, seen: list[Principal], post: Post, lines: Any) -> None:
    """Neither the repr of the event's sender nor the log has the claims, or any part of the token."""
    token = world.issuer.token(x="a secret of the sender")

    assert status(post, token) == 201
    assert repr(seen[0]) == f"Principal(method='oidc', email='{ACCOUNT}', subject='{SUBJECT}')"
    logged = "\n".join(lines())
    assert [each for each in (*token.split("."), "a secret", AUDIENCE, SUBJECT, ACCOUNT) if each in logged] == []


def test_whatever_else_the_header_says(world: Google, seen: list[Principal], post: Post) -> None:
    """Fields of a token's header that nobody knows do not count, nor does a type other than JWT."""
    assert status(post, world.issuer.token(fields={"x": {"y": [1]}, "typ": "at+jwt", "cty": "z", "x5t": "z"})) == 201
    assert len(seen) == 1
