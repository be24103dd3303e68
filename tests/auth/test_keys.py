"""Google's keys: when they are fetched, by whom, and which of them count. Row A8 of what a door has to stand.

`test_key_floods.py` has row A9, `test_key_outages.py` and `test_key_delays.py` have row A10.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from gcp_event_router import EventRouter
from gcp_event_router.auth.keys import BOUND, GOOGLE, INTERVAL, LIFETIME, LIMIT, TIMEOUT, key_set
from gcp_event_router.testing import TokenSigner

from ..conftest import Post
from ..support.issuers import Google, Issuer, fetchers, fresh, google, guarded, settled, status
from ..support.key_server import KeyServer, answered, chunked, documented, hanging, with_keys
from ..support.ports import reserved_port

NEW = Issuer("second")


@pytest.fixture
def world(router: EventRouter) -> Iterator[Google]:
    """OIDC guards the endpoint."""
    with google() as made:
        yield made


def test_how_often_and_how_long() -> None:
    """Seconds between fetches, of a fetch, until keys are refreshed and until they are dropped; bytes of a document."""
    assert (INTERVAL, TIMEOUT, LIFETIME, BOUND, LIMIT) == (10.0, 5.0, 3600.0, 24 * 3600.0, 256 * 1024)


def test_fetched_once(world: Google, post: Post) -> None:
    """Nothing is fetched before the first token comes; then all tokens are verified with what was fetched."""
    assert (post("/events/k/r").status_code, world.server.requests) == (401, 0)
    assert [status(post, token) for token in fresh(world.issuer, 20)] == [201] * 20
    assert world.server.requests == 1


def test_one_set_for_a_url(world: Google) -> None:
    """Whoever asks for the keys of one URL gets the same set, and those of another URL another one."""
    assert key_set(world.server.url) is key_set(world.server.url)
    assert key_set(world.server.url) is not key_set(f"{world.server.url}/other")


def test_a8_rotation(world: Google, post: Post) -> None:
    """A token with a new key's id has the keys fetched once; then it is accepted, and the old key's are still good."""
    assert status(post, world.issuer.token()) == 201
    world.server.mode = with_keys(world.issuer, NEW)
    world.steady.now += INTERVAL

    statuses = [status(post, token) for issuer in (NEW, world.issuer) for token in fresh(issuer, 3)]

    assert (statuses, world.server.requests) == ([201] * 6, 2)


def test_a8_rotation_within_the_interval(world: Google, post: Post) -> None:
    """A new key that comes within the interval is unknown until that is over, and costs no fetch."""
    assert status(post, world.issuer.token()) == 201
    world.server.mode = with_keys(world.issuer, NEW)

    for now, code, requests in ((INTERVAL - 0.25, 401, 1), (INTERVAL, 201, 2)):
        world.steady.now = 1000.0 + now
        assert (status(post, fresh(NEW)[0]), world.server.requests) == (code, requests)


def test_a8_removed_key(world: Google, post: Post) -> None:
    """Tokens of a key that the server has removed are refused after the next fetch, also those that were accepted before."""
    known = world.issuer.token()
    assert status(post, known) == 201
    world.server.mode = with_keys(NEW)
    world.steady.now += INTERVAL
    removed, more = fresh(world.issuer, 2)

    assert status(post, removed) == 201  # nobody has had a reason to ask
    assert [status(post, token) for token in (*fresh(NEW), more, known)] == [201, 401, 401]
    assert world.server.requests == 2


def test_a8_many_rotations(world: Google, post: Post) -> None:
    """Key after key is followed, each with one fetch, while two are served at a time."""
    issuers = [Issuer(f"number {number}", key=("first", "second")[number % 2]) for number in range(10)]
    statuses: list[int] = []
    for before, after in pairwise(issuers):
        world.server.mode = with_keys(before, after)
        world.steady.now += INTERVAL
        statuses += [status(post, token) for token in fresh(after) + fresh(before)]

    assert (statuses, world.server.requests) == ([201] * 18, 9)


def test_keys_are_refreshed(world: Google, post: Post) -> None:
    """Keys are fetched again when they are an hour old, without anybody waiting for it, and not sooner."""
    assert status(post, world.issuer.token()) == 201
    settled()
    world.server.mode = hanging(with_keys(NEW))

    world.steady.now += LIFETIME - 0.25
    assert (status(post, fresh(world.issuer)[0]), fetchers()) == (201, [])
    world.steady.now += 0.25
    assert [status(post, token) for token in fresh(world.issuer, 5)] == [201] * 5
    world.server.asked(2)
    assert len(fetchers()) == 1
    world.server.release()
    settled()

    assert [status(post, token) for token in fresh(NEW) + fresh(world.issuer)] == [201, 401]
    assert world.server.requests == 2


def curve() -> dict[str, Any]:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    return {**ECAlgorithm.to_jwk(key, as_dict=True), "kid": "curve", "alg": "ES256", "use": "sig"}


def without(jwk: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in jwk.items() if name not in names}


RSA = NEW.jwk()
#: Entries of a key set that verify nothing.
USELESS: dict[str, object] = {
    "an elliptic curve": curve(),
    "an elliptic curve by the id of a key": {**curve(), "kid": NEW.kid},
    "a secret": {"kty": "oct", "k": "c2VjcmV0", "kid": NEW.kid, "alg": "HS256"},
    "no id": without(RSA, "kid"),
    "an id that is null": {**RSA, "kid": None},
    "an id that is a number": {**RSA, "kid": 1},
    "an id that is a list": {**RSA, "kid": [NEW.kid]},
    "no modulus": without(RSA, "n"),
    "no exponent": without(RSA, "e"),
    "no type": without(RSA, "kty"),
    "an unknown type": {**RSA, "kty": "XYZ"},
    "a type that is a list": {**RSA, "kty": ["RSA"]},
    "a modulus that is a number": {**RSA, "n": 5},
    "a modulus that is null": {**RSA, "n": None},
    "a modulus that is empty": {**RSA, "n": ""},
    "a modulus that is no base64url": {**RSA, "n": "ü"},
    "a modulus of seven": {**RSA, "n": "Bw"},
    "an even exponent": {**RSA, "e": "Ag"},
    "another algorithm": {**RSA, "alg": "RS512"},
    "an unknown algorithm": {**RSA, "alg": "XYZ"},
    "an algorithm that is a list": {**RSA, "alg": ["RS256"]},
    "an algorithm that is an object": {**RSA, "alg": {"RS256": 1}},
    "for encryption": {**RSA, "use": "enc"},
    "empty": {},
    "null": None,
    "a list": [],
    "a text": "key",
    "a number": 1,
}


@pytest.mark.parametrize("entry", USELESS)
def test_useless_keys_are_passed_over(world: Google, post: Post, entry: str) -> None:
    """What is no RS256 key is passed over; the key beside it is used."""
    world.server.mode = documented({"keys": [USELESS[entry], world.issuer.jwk(), USELESS[entry]]})

    assert [status(post, token) for token in (world.issuer.token(), NEW.token())] == [201, 401]


@pytest.mark.parametrize("entry", USELESS)
def test_useless_keys_alone_are_none(world: Google, post: Post, entry: str) -> None:
    """A set without any RS256 key is not one to go by: the keys that were there before are."""
    assert status(post, world.issuer.token()) == 201
    world.server.mode = documented({"keys": [USELESS[entry]]})
    world.steady.now += LIFETIME

    assert status(post, fresh(world.issuer)[0]) == 201
    settled()
    assert [status(post, token) for token in fresh(world.issuer) + fresh(NEW)] == [201, 503]
    assert world.server.requests == 2


@pytest.mark.parametrize(
    "document",
    [
        {"keys": [without(RSA, "alg")]},
        {"keys": [without(RSA, "use")]},
        {"keys": [without(RSA, "alg", "use")]},
        {"keys": [{**RSA, "x5c": ["x"], "key_ops": ["verify"], "x": None}]},
        {"keys": [RSA, RSA]},
        {"keys": [RSA], "more": [1]},
    ],
)
def test_usable_keys(world: Google, post: Post, document: object) -> None:
    """An RSA key is used without a word on its algorithm or its use, and with whatever else is said of it."""
    world.server.mode = documented(document)

    assert status(post, NEW.token()) == 201


@pytest.mark.parametrize("send", [answered, chunked], ids=["announced", "in chunks"])
@pytest.mark.parametrize(("over", "code"), [(0, 201), (1, 503)])
def test_limit(
    world: Google, post: Post, monkeypatch: pytest.MonkeyPatch, send: Callable[[bytes], Any], over: int, code: int
) -> None:
    """A document of LIMIT bytes is read, and one of a byte more is not, whether or not its length is announced."""
    monkeypatch.setattr("gcp_event_router.auth.keys.LIMIT", 3000)
    world.server.mode = send(json.dumps({"keys": [RSA]}).encode().ljust(3000 + over))

    assert status(post, NEW.token()) == code


def test_no_proxy_leads_to_this_machine(world: Google, post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of this machine are fetched directly, even if the environment names a proxy."""
    monkeypatch.delenv("no_proxy", raising=False)
    with reserved_port() as port:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")

        assert status(post, world.issuer.token()) == 201


def test_each_url_has_its_keys(world: Google, post: Post) -> None:
    """The keys of one server do not verify what is to be verified with those of another."""
    with KeyServer(with_keys(NEW)) as other, guarded(world.backend(certs_url=other.url)):
        statuses = [status(post, token) for token in (NEW.token(), world.issuer.token())]
        settled()

    assert (statuses, other.requests, world.server.requests) == ([201, 401], 1, 0)


@pytest.mark.parametrize(
    ("certs_url", "whose"), [(GOOGLE, "Google's keys"), ("https://keys.example:8443/certs", "keys.example's keys")]
)
def test_the_log_says_whose_keys_are_meant(
    world: Google, post: Post, lines: Callable[[], list[str]], certs_url: str, whose: str
) -> None:
    """A token with a key that is not there is compared with those of `certs_url`, whose host the log names."""
    with TokenSigner(), guarded(world.backend(certs_url=certs_url)):
        assert status(post, NEW.token()) == 401

    assert lines() == [
        "WARNING Event of kind 'k' with reference 'r' (message None): unauthenticated: AuthenticationError, "
        f"the token is not signed with one of {whose}"
    ]
