"""Row A10 of what a door has to stand: a key server that is slow in any way, and what else can hold a fetch of keys."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from threading import Event as Flag
from threading import Thread
from typing import Any

import pytest

from gcp_event_router import EventRouter
from gcp_event_router.auth.keys import BOUND, INTERVAL, LIFETIME

from ..conftest import Post
from ..support.issuers import FETCHER, Google, Issuer, fetchers, fresh, google, one, settled, status
from ..support.key_server import HEAD, PATIENCE, Mode, answered, dripping, hanging, in_turn, with_keys
from .test_access import UNAVAILABLE, whole

DOCUMENT = json.dumps({"keys": [Issuer("first").jwk()]}).encode()
SLOW: dict[str, Mode] = {
    "hangs": hanging(answered(DOCUMENT)),
    "drips its body": dripping(HEAD + b"\r\n"),
    "drips on after its body": dripping(HEAD + b"\r\n" + DOCUMENT),
}


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


def until_accepted(world: Google, post: Post) -> list[int]:
    """How good tokens are answered, an interval after each other, until one is accepted; twenty at most."""
    statuses = [one(world, post)]
    while statuses[-1] != 201 and len(statuses) < 20:
        world.steady.now += INTERVAL
        statuses.append(one(world, post))
    return statuses


@pytest.mark.proof
@pytest.mark.parametrize("slowness", SLOW)
def test_a10_slow_and_nothing_cached(
    world: Google, post: Post, logged: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch, slowness: str
) -> None:
    """A server that takes longer than the timeout has failed."""
    world.server.mode = SLOW[slowness]
    with monkeypatch.context() as patch:
        patch.setattr("gcp_event_router.auth.keys.TIMEOUT", 0.3)
        answers = [whole(post("/events/k/r", Authorization=f"Bearer {token}")) for token in fresh(world.issuer, 2)]
        settled()

    assert answers == [UNAVAILABLE] * 2
    assert logged() == [f"ERROR The keys at {world.server.url} cannot be fetched: TimeoutError"]
    assert world.server.requests == 1


@pytest.mark.proof
@pytest.mark.parametrize("slowness", SLOW)
def test_a10_slow_and_back(world: Google, post: Post, monkeypatch: pytest.MonkeyPatch, slowness: str) -> None:
    """When the server is itself again so are the answers, although the connection on which it was slow is as slow as before."""
    world.server.mode = in_turn(SLOW[slowness], with_keys(world.issuer))
    monkeypatch.setattr("gcp_event_router.auth.keys.TIMEOUT", 0.3)

    statuses = until_accepted(world, post)

    assert (statuses[0], statuses[-1]) == (503, 201)


class Silence:
    """A name server that holds the first fetch until it is told to answer, and none after it."""

    def __init__(self) -> None:
        self.answer = Flag()
        self.is_over = False
        self._resolve = socket.getaddrinfo
        self._held = iter([True])

    def resolve(self, *args: Any, **named: Any) -> Any:
        if next(self._held, False):
            self.answer.wait(PATIENCE)
            self.is_over = True
        return self._resolve(*args, **named)


@pytest.fixture
def silence(monkeypatch: pytest.MonkeyPatch) -> Iterator[Silence]:
    """The name server says nothing."""
    made = Silence()
    monkeypatch.setattr("gcp_event_router.auth.keys.TIMEOUT", 0.3)
    monkeypatch.setattr(socket, "getaddrinfo", made.resolve)
    yield made
    made.answer.set()


def test_a10_silent_name_server(world: Google, post: Post, silence: Silence) -> None:
    """A fetch that something else than the server holds, for however long, does not keep those after it from the keys."""
    statuses = until_accepted(world, post)

    assert (statuses[0], statuses[-1], silence.is_over) == (503, 201, False)


def test_a10_how_long_a_silent_fetch_holds_the_others(
    world: Google, post: Post, silence: Silence, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three timeouts; only then, the next one begins, even if the interval is shorter."""
    monkeypatch.setattr("gcp_event_router.auth.keys.INTERVAL", 0.5)
    began = world.steady.now

    statuses: list[int] = []
    for timeout, seconds in ((0.3, 0.0), (0.3, 0.8), (PATIENCE, 3 * PATIENCE + 0.1)):
        monkeypatch.setattr("gcp_event_router.auth.keys.TIMEOUT", timeout)
        world.steady.now = began + seconds
        statuses.append(one(world, post))

    assert statuses == [503, 503, 201]


@pytest.mark.proof
def test_a10_late_end_of_a_fetch(world: Google, post: Post, silence: Silence) -> None:
    """A fetch that ends after later ones have brought the keys takes nothing from them: what they do not hold is 401."""
    until_accepted(world, post)
    stranger = Issuer("second")
    before = status(post, fresh(stranger)[0])
    silence.answer.set()
    settled()

    assert (before, [status(post, token) for token in (*fresh(world.issuer), *fresh(stranger))]) == (401, [201, 401])


@pytest.mark.proof
@pytest.mark.parametrize("slowness", SLOW)
@pytest.mark.parametrize("age", [LIFETIME, BOUND - 1])
def test_a10_slow_and_cached(world: Google, post: Post, slowness: str, age: float) -> None:
    """Who has a key that can be used does not wait for a slow server, which is asked in the background."""
    assert one(world, post) == 201
    settled()
    world.server.mode = SLOW[slowness]
    world.steady.now += age

    assert {status(post, token) for token in fresh(world.issuer, 5)} == {201}
    world.server.asked(2)
    assert [each.name for each in fetchers()] == [FETCHER]
    assert one(world, post) == 201
    assert world.server.requests == 2
    world.server.release()
    settled()


@pytest.fixture
def threadless() -> Iterator[pytest.MonkeyPatch]:
    """Have the process reach its limit of threads whenever keys are to be fetched, until this is undone."""
    start = Thread.start

    def refused(self: Thread) -> None:
        if self.name == FETCHER:
            msg = "can't start new thread"
            raise RuntimeError(msg)
        start(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Thread, "start", refused)
        yield patch


@pytest.mark.proof
def test_a10_no_thread_and_nothing_cached(
    world: Google, post: Post, logged: Callable[[], list[str]], threadless: pytest.MonkeyPatch
) -> None:
    """Where no thread can be started that fetches keys, tokens are answered 503, until one can."""
    assert [one(world, post) for _ in range(3)] == [503] * 3
    assert [each.partition(": ")[0] for each in logged()] == [f"ERROR The keys at {world.server.url} cannot be fetched"]
    threadless.undo()
    world.steady.now += INTERVAL
    assert one(world, post) == 201


@pytest.mark.proof
def test_a10_no_thread_and_cached(
    world: Google, post: Post, logged: Callable[[], list[str]], request: pytest.FixtureRequest
) -> None:
    """Where no thread can be started that refreshes keys, those that are there are used."""
    assert one(world, post) == 201
    request.getfixturevalue("threadless")
    world.steady.now += LIFETIME

    assert [one(world, post) for _ in range(3)] == [201] * 3
    assert [each.partition(": ")[0] for each in logged()] == [f"WARNING The keys at {world.server.url} cannot be fetched"]
