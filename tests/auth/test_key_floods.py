"""Row A9 of what a door has to stand, and what else happens when many ask for keys at once: one asks the server for all."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Barrier

import pytest

from gcp_event_router import EventRouter
from gcp_event_router.auth.keys import INTERVAL, LIFETIME

from ..conftest import post_asgi, post_wsgi
from ..support.issuers import Google, Issuer, asend, fetchers, fresh, google, settled, status
from ..support.key_server import PATIENCE, hanging, with_keys

pytestmark = pytest.mark.proof

CROWD = 100


@pytest.fixture
def world(router: EventRouter) -> Iterator[Google]:
    """OIDC guards the endpoint."""
    with google() as made:
        yield made


@cache
def strangers() -> list[str]:
    """Tokens with ids of keys that nobody has."""
    return [Issuer(f"random {number}", key="a stranger's").token() for number in range(CROWD)]


def at_once(tokens: list[str]) -> list[int]:
    """How tokens are answered that are sent to the sync view by as many threads, all at once."""
    barrier = Barrier(len(tokens))

    def send(token: str) -> int:
        barrier.wait(PATIENCE)
        return status(post_wsgi, token)

    with ThreadPoolExecutor(len(tokens)) as pool:
        return list(pool.map(send, tokens))


async def statuses(*tokens: str) -> list[int]:
    """How tokens are answered that are sent to the async view at once, on the loop that runs."""
    return [each.status_code for each in await asyncio.gather(*map(asend, tokens))]


def test_a9_threads(world: Google) -> None:
    """A hundred threads with random ids of keys cause one fetch an interval, and are all answered 401."""
    for number in (1, 2, 3):
        assert at_once(strangers()) == [401] * CROWD
        assert world.server.requests == number
        assert at_once(strangers()) == [401] * CROWD
        assert world.server.requests == number
        world.steady.now += INTERVAL


async def test_a9_loop(world: Google) -> None:
    """So do a hundred requests on one event loop."""
    for number in (1, 2, 3):
        assert await statuses(*strangers(), *strangers()) == [401] * 2 * CROWD
        assert world.server.requests == number
        world.steady.now += INTERVAL


def test_a9_threads_while_the_server_hangs(world: Google) -> None:
    """Threads with random ids wait for the one fetch, while good tokens with a known one go on."""
    assert status(post_wsgi, world.issuer.token()) == 201
    world.server.mode = hanging(with_keys(world.issuer))
    world.steady.now += INTERVAL

    with ThreadPoolExecutor(1) as pool:
        flood = pool.submit(at_once, strangers())
        world.server.asked(2)
        good = [status(send, token) for send in (post_wsgi, post_asgi) for token in fresh(world.issuer, 5)]
        was_waiting = not flood.done()
        world.server.release()

    assert (good, was_waiting, flood.result()) == ([201] * 10, True, [401] * CROWD)
    assert world.server.requests == 2


async def test_a9_loop_while_the_server_hangs(world: Google) -> None:
    """A hundred requests wait for keys on a loop that they do not block, and whose threads they do not take."""
    assert await statuses(world.issuer.token()) == [201]
    world.server.mode = hanging(with_keys(world.issuer))
    world.steady.now += INTERVAL

    flood = [asyncio.create_task(asend(token)) for token in strangers()]
    await asyncio.to_thread(world.server.asked, 2)
    good = await statuses(*fresh(world.issuer, 5), "")
    free = await asyncio.to_thread(int, "1")
    waiting = [not each.done() for each in flood]
    world.server.release()

    assert ([each.status_code for each in await asyncio.gather(*flood)], waiting) == ([401] * CROWD, [True] * CROWD)
    assert (good, free, world.server.requests) == ([*[201] * 5, 401], 1, 2)


def test_first_requests_in_threads(world: Google) -> None:
    """The first tokens, which come at once, wait for one fetch and are all accepted."""
    assert at_once(fresh(world.issuer, CROWD)) == [201] * CROWD
    assert world.server.requests == 1


async def test_first_requests_on_the_loop(world: Google) -> None:
    """So do the first on one event loop; what needs no keys is answered meanwhile."""
    world.server.mode = hanging(with_keys(world.issuer))
    first = [asyncio.create_task(asend(token)) for token in fresh(world.issuer, CROWD)]
    await asyncio.to_thread(world.server.asked, 1)
    meanwhile = await statuses("", "x.y.z", "x")
    waiting = [not each.done() for each in first]
    world.server.release()

    assert ([each.status_code for each in await asyncio.gather(*first)], waiting) == ([201] * CROWD, [True] * CROWD)
    assert (meanwhile, world.server.requests) == ([401] * 3, 1)


async def test_refresh_on_the_loop(world: Google) -> None:
    """Keys that are refreshed are used meanwhile, by many at once, with one thread that fetches."""
    assert await statuses(world.issuer.token()) == [201]
    settled()
    world.server.mode = hanging(with_keys(world.issuer))
    world.steady.now += LIFETIME

    assert await statuses(*fresh(world.issuer, CROWD)) == [201] * CROWD
    await asyncio.to_thread(world.server.asked, 2)
    assert (len(fetchers()), world.server.requests) == (1, 2)
    world.server.release()


async def test_whoever_goes_leaves_the_others_waiting(world: Google) -> None:
    """A request whose sender hangs up while it waits takes no keys from the others, on this loop or in threads."""
    world.server.mode = hanging(with_keys(world.issuer))
    leaving, staying = (asyncio.create_task(asend(token)) for token in fresh(world.issuer, 2))
    await asyncio.to_thread(world.server.asked, 1)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    world.server.release()

    assert (await staying).status_code == 201
    assert await asyncio.to_thread(status, post_wsgi, fresh(world.issuer)[0]) == 201
    assert world.server.requests == 1


def test_loops_and_threads_share_a_fetch(world: Google) -> None:
    """Requests on several event loops and in threads wait for the same keys."""
    world.server.mode = hanging(with_keys(world.issuer))
    senders = [post_wsgi, post_asgi] * 5

    with ThreadPoolExecutor(len(senders)) as pool:
        answers = [pool.submit(status, send, token) for send, token in zip(senders, fresh(world.issuer, 10), strict=True)]
        world.server.asked(1)
        world.server.release()

    assert [each.result() for each in answers] == [201] * 10
    assert world.server.requests == 1


def test_a_loop_that_ends_before_the_keys_come(world: Google, router: EventRouter, caplog: pytest.LogCaptureFixture) -> None:
    """Keys that come when the event loop of who asked for them is closed are there for the next, and nobody complains."""
    router.on("k", payload=object)(lambda event: None)
    world.server.mode = hanging(with_keys(world.issuer))

    async def leave() -> None:
        leaving = asyncio.create_task(asend(world.issuer.token()))
        await asyncio.to_thread(world.server.asked, 1)
        leaving.cancel()
        await asyncio.wait([leaving])

    asyncio.run(leave())
    world.server.release()
    settled()

    assert [status(send, fresh(world.issuer)[0]) for send in (post_wsgi, post_asgi)] == [201, 201]
    assert world.server.requests == 1
    assert [each.getMessage() for each in caplog.records if each.levelno > logging.INFO] == []
