"""Row A10 of what a door has to stand: a key server that is down, or wrong in any way, and that comes back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.error import HTTPError

import pytest

from gcp_event_router import EventRouter
from gcp_event_router.auth.keys import BOUND, INTERVAL, LIFETIME, LIMIT

from ..conftest import Post
from ..support.issuers import Google, Issuer, fresh, google, one, settled, status
from ..support.key_server import Mode, answered, chunked, cut, documented, raw, with_keys
from .test_access import UNAVAILABLE, whole

KEYS = Issuer("first").jwk()
DOCUMENT = json.dumps({"keys": [KEYS]}).encode()
HUGE = DOCUMENT.ljust(LIMIT + 1)
REDIRECT = {"Location": "/certs/moved", "Content-Type": "application/json"}
#: Each way to fail, and the type of the error that the log names for it; None where nothing listens.
FAILURES: dict[str, tuple[Mode | None, str]] = {
    "down": (None, "URLError"),
    "hangs up": (raw(b""), "RemoteDisconnected"),
    "no HTTP": (raw(b"SSH-2.0-OpenSSH_9.6\r\n"), "BadStatusLine"),
    "500": (answered(DOCUMENT, 500), "HTTPError"),
    "503": (answered(b"", 503), "HTTPError"),
    "404": (answered(DOCUMENT, 404), "HTTPError"),
    "401": (answered(DOCUMENT, 401, {"WWW-Authenticate": "Basic"}), "HTTPError"),
    "301": (answered(DOCUMENT, 301, REDIRECT), "HTTPError"),
    "302": (answered(DOCUMENT, 302, REDIRECT), "HTTPError"),
    "307": (answered(DOCUMENT, 307, REDIRECT), "HTTPError"),
    "308": (answered(DOCUMENT, 308, REDIRECT), "HTTPError"),
    "304": (answered(b"", 304), "HTTPError"),
    "HTML": (answered(b"<!doctype html><title>Welcome</title>", 200, {"Content-Type": "text/html"}), "ValidationError"),
    "empty": (answered(b""), "ValidationError"),
    "cut off": (cut(DOCUMENT), "ValidationError"),
    "chunks cut off": (chunked(DOCUMENT[:900], end=False), "IncompleteRead"),
    "no UTF-8": (answered(b'\xff{"keys": []}'), "ValidationError"),
    "nested": (answered(b"[" * 10_000), "ValidationError"),
    **{text: (answered(text.encode()), "ValidationError") for text in ("null", "[]", "{}", "1", '"keys"', '{"keys": null}')},
    **{text: (answered(text.encode()), "ValidationError") for text in ('{"keys": {}}', '{"keys": "x"}', '{"keys": 1}')},
    "a list of keys": (documented([KEYS]), "ValidationError"),
    "one key": (documented(KEYS), "ValidationError"),
    "keys by their ids": (documented({"keys": {"first": KEYS}}), "ValidationError"),
    "no keys": (documented({"keys": []}), "PyJWKSetError"),
    "no key of use": (documented({"keys": [{**KEYS, "kty": "EC"}, {"kty": "oct", "k": "YQ", "kid": "first"}]}), "PyJWKSetError"),
    "huge": (answered(HUGE), "ValueError"),
    "huge, in chunks": (chunked(HUGE), "ValueError"),
}


def rare_but(*usual: str, of: Iterable[str] = FAILURES) -> list[Any]:
    """Failures, all of which but some are left to the proofs."""
    return [pytest.param(failure, marks=() if failure in usual else pytest.mark.proof) for failure in of]


@pytest.fixture
def world(router: EventRouter) -> Iterator[Google]:
    """OIDC guards the endpoint."""
    with google() as made:
        yield made


@pytest.fixture
def logged(lines: Callable[[], list[str]]) -> Callable[[], list[str]]:
    """The lines of the log that are about keys."""

    def about_keys() -> list[str]:
        settled()
        return [line for line in lines() if "Event of kind" not in line]

    return about_keys


def fail(world: Google, mode: Mode | None) -> None:
    """Have the server fail from now on."""
    if mode is None:
        world.server.die()
    else:
        world.server.mode = mode


def recover(world: Google) -> None:
    """Have the server work again."""
    world.server.die()
    world.server.mode = with_keys(world.issuer)
    world.server.revive()


@pytest.mark.parametrize("failure", rare_but("down", "500", "HTML"))
def test_a10_nothing_cached(world: Google, post: Post, logged: Callable[[], list[str]], failure: str) -> None:
    """Without any keys, good tokens are answered 503; the keys are asked for once an interval, and there when they are back."""
    mode, error = FAILURES[failure]
    fail(world, mode)

    answers = [whole(post("/events/k/r", Authorization=f"Bearer {token}")) for token in fresh(world.issuer, 3)]

    assert answers == [UNAVAILABLE] * 3
    assert logged() == [f"ERROR The keys at {world.server.url} cannot be fetched: {error}"]
    assert world.server.requests == (0 if mode is None else 1)
    recover(world)
    world.steady.now += INTERVAL - 0.25
    assert one(world, post) == 503
    world.steady.now += 0.25
    assert one(world, post) == 201


@pytest.mark.parametrize("failure", rare_but("down", "500", "HTML"))
def test_a10_cached(world: Google, post: Post, logged: Callable[[], list[str]], failure: str) -> None:
    """The last good keys are used until they are a day old, then 503 is the answer; until the server is back."""
    assert one(world, post) == 201
    mode, error = FAILURES[failure]
    fail(world, mode)
    statuses: list[int] = []
    for age in (LIFETIME, LIFETIME + INTERVAL, BOUND / 2, BOUND - 0.25, BOUND, BOUND + INTERVAL):
        world.steady.now = 1000.0 + age
        statuses.append(one(world, post))
        settled()

    assert statuses == [201, 201, 201, 201, 503, 503]
    problem = f"The keys at {world.server.url} cannot be fetched: {error}"
    assert logged() == [f"WARNING {problem}"] * 4 + [f"ERROR {problem}"]
    recover(world)
    world.steady.now += INTERVAL
    assert one(world, post) == 201


def test_a10_the_log_keeps_the_error_for_debugging(world: Google, post: Post, caplog: pytest.LogCaptureFixture) -> None:
    """Above DEBUG, only the type of the error is logged; the error itself keeps no connection open."""
    world.server.mode = answered(b"", 503)
    with caplog.at_level("DEBUG", "gcp_event_router"):
        assert one(world, post) == 503
        settled()

    shown, kept = [record for record in caplog.records if record.getMessage().startswith("The keys ")]
    assert (shown.levelname, shown.exc_info) == ("ERROR", None)
    assert (kept.levelname, kept.getMessage()) == ("DEBUG", "The keys cannot be fetched")
    error = kept.exc_info and kept.exc_info[1]
    assert isinstance(error, HTTPError)
    assert (str(error), error.closed) == ("HTTP Error 503: Service Unavailable", True)


@pytest.mark.parametrize("code", [201, 202, 203, 206])
def test_a10_other_kinds_of_success(world: Google, post: Post, code: int) -> None:
    """An answer other than 200 is not Google's, whatever it holds."""
    world.server.mode = answered(DOCUMENT, code)

    assert one(world, post) == 503


@pytest.mark.parametrize("failure", rare_but("500", of=["down", "500", "HTML", "null"]))
def test_a10_unknown_key(world: Google, post: Post, failure: str) -> None:
    """While the keys cannot be fetched, nobody can say whose an unknown one is: 503 for it, and the known one goes on."""
    assert one(world, post) == 201
    fail(world, FAILURES[failure][0])
    world.steady.now += INTERVAL
    stranger = Issuer("second")

    assert [status(post, token) for token in (*fresh(stranger, 3), *fresh(world.issuer, 3))] == [503] * 3 + [201] * 3
    recover(world)
    world.steady.now += INTERVAL
    assert [status(post, token) for token in (*fresh(stranger), *fresh(world.issuer))] == [401, 201]


@pytest.mark.parametrize("failure", rare_but("500", of=["500", "HTML", "no keys", "302"]))
def test_a10_once_an_interval(world: Google, post: Post, failure: str) -> None:
    """However many tokens come, a server that fails is asked once an interval."""
    fail(world, FAILURES[failure][0])
    for _ in range(4):
        assert {status(post, token) for token in fresh(world.issuer, 5)} == {503}
        world.steady.now += INTERVAL

    assert world.server.requests == 4
