"""Google's public keys: fetched when they are needed, by one thread at a time, and kept while Google cannot be reached.

`oidc` asks for the key of each token, also of those that it has accepted before. Google rotates its keys about daily, and
publishes a new one before it signs with it.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from concurrent.futures import Future, wait
from functools import cache
from math import inf
from threading import Lock, Thread
from time import monotonic

from jwt import PyJWK

from ..exceptions import UnavailableError
from ..logs import logger
from .jwks import fetch

__all__ = ["BOUND", "INTERVAL", "LIFETIME", "LIMIT", "TIMEOUT", "KeySet", "key_set"]

#: All in seconds. Keys are not fetched more often than this, whatever the reason: strangers can name any key.
INTERVAL = 10.0
#: Keys of this age are fetched again, while they go on being used.
LIFETIME = 3600.0
#: Keys of this age are not used any more.
BOUND = 24 * 3600.0
#: How long a request waits for keys, and how long their server may be silent. Pub/Sub waits 10 s for an answer by default.
TIMEOUT = 5.0
#: In bytes; Google's document has about 1,500.
LIMIT = 256 * 1024


class KeySet:
    """The keys that a URL serves, by their ids. Fetches nothing before the first is asked for."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._lock = Lock()
        self._keys: Mapping[str, PyJWK] = {}
        self._fetched = -inf
        self._tried = -inf
        self._failed = False
        #: What is on its way, if anything is; it ends without a result, when there is something to look at.
        self._flight: Future[None] | None = None

    def find(self, kid: str) -> PyJWK | None:
        """The key of an id, or None if the server has none. Raises `UnavailableError` where that cannot be known."""
        key, flight = self._look(kid)
        if flight is not None:
            wait([flight], TIMEOUT)
        return key or self._look_again(kid)

    async def afind(self, kid: str) -> PyJWK | None:
        """Do what `find` does, without blocking the event loop, nor taking a thread of its pool."""
        key, flight = self._look(kid)
        if flight is not None:
            arrival = asyncio.wrap_future(flight)
            try:
                await asyncio.wait([arrival], timeout=TIMEOUT)
            finally:
                arrival.cancel()  # the flight itself goes on; the loop may end before it
        return key or self._look_again(kid)

    def _current(self, kid: str) -> PyJWK | None:
        """Return a key that need not be fetched again yet, without the lock: `_fetch` writes the keys before their time."""
        return self._keys.get(kid) if monotonic() - self._fetched < LIFETIME else None

    def _look(self, kid: str) -> tuple[PyJWK | None, Future[None] | None]:
        """The key, if there is one to use; else what to wait for, if waiting can help."""
        key = self._current(kid)
        if key is not None:
            return key, None
        with self._lock:
            key = self._usable(kid)
            if monotonic() - self._tried > max(INTERVAL, 3 * TIMEOUT):
                self._flight = None  # a proxy or a name server holds it
            flight = self._flight or self._start()
            return key, flight if key is None else None

    def _look_again(self, kid: str) -> PyJWK | None:
        with self._lock:
            key = self._usable(kid)
            if key is None and (self._failed or self._flight is not None):
                raise UnavailableError(reason="the keys that verify tokens cannot be fetched")
            return key

    def _usable(self, kid: str) -> PyJWK | None:
        return self._keys.get(kid) if self._fresh() else None

    def _fresh(self) -> bool:
        return monotonic() - self._fetched < BOUND

    def _start(self) -> Future[None] | None:
        """Have a thread fetch the keys, unless that was tried just now. A thread, since a name server may be silent, too."""
        now = monotonic()
        if now - self._tried < INTERVAL:
            return None
        self._tried = now
        flight: Future[None] = Future()
        flight.set_running_or_notify_cancel()  # whoever ceases to wait does not cancel it for the others
        try:
            Thread(target=self._fetch, args=[flight], name="gcp_event_router.keys", daemon=True).start()
        except RuntimeError as error:  # no more threads, or the interpreter ends
            self._failed = True
            self._complain(error)
            return None
        self._flight = flight
        return flight

    def _fetch(self, flight: Future[None]) -> None:
        keys: Mapping[str, PyJWK] | None = None
        try:
            keys = fetch(self.url, timeout=TIMEOUT, limit=LIMIT)
        except Exception as error:  # noqa: BLE001 -- whatever it is, there are no keys
            self._complain(error)
        finally:  # nobody may wait in vain
            with self._lock:
                if self._flight is flight:  # and not abandoned for a later one
                    self._flight = None
                    self._failed = keys is None
                    if keys is not None:
                        self._keys, self._fetched = _renewed(self._keys, keys), monotonic()
            flight.set_result(None)

    def _complain(self, error: Exception) -> None:
        level = logging.WARNING if self._fresh() else logging.ERROR
        logger.log(level, "The keys at %s cannot be fetched: %s", self.url, type(error).__name__)
        logger.debug("The keys cannot be fetched", exc_info=error)


def _renewed(known: Mapping[str, PyJWK], fetched: Mapping[str, PyJWK]) -> Mapping[str, PyJWK]:
    """The keys that were fetched; one that was known before stays the same object, by which `oidc` knows it again."""
    return {kid: known[kid] if kid in known and known[kid].key == key.key else key for kid, key in fetched.items()}


@cache
def key_set(url: str) -> KeySet:
    """The one key set of a URL in this process, whoever asks."""
    return KeySet(url)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=key_set.cache_clear)  # the child has not the thread that may be fetching
