"""Sends a signal to all of its receivers, even if some fail."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from inspect import iscoroutine
from typing import Any

from .._concurrency import RAISED, as_failure, in_thread, is_meant, wait_for
from .._log import logger, trail
from ..exceptions import Answer
from .base import Receiver, Responses, receiver_name, unwrapped
from .kwargs_adapter import original


class Broadcast:
    """One call of `send`, which reaches all receivers, whatever the others raise."""

    def __init__(self, name: str, named: dict[str, Any]) -> None:
        #: The arguments of all receivers.
        self.named: dict[str, Any] = named
        self.responses: Responses = []
        self._name = name

    def run(self, blocking: Sequence[Receiver], awaited: Sequence[Receiver] = ()) -> None:
        """Call sync receivers, then await async ones, even if the caller's thread runs an event loop."""
        for receiver in blocking:
            self.call(receiver)
        if awaited:
            wait_for(partial(self.finish, awaited))

    async def arun(self, blocking: Sequence[Receiver], awaited: Sequence[Receiver]) -> None:
        """Call sync receivers in one thread, then await async ones."""
        if blocking:
            await in_thread(partial(self.run, blocking))
        await self.finish(awaited)

    async def finish(self, awaited: Sequence[Receiver]) -> None:
        """Await async receivers, all at once."""
        await asyncio.gather(*(self._await(receiver, partial(receiver, **self.named)) for receiver in awaited))

    def call(self, receiver: Receiver) -> None:
        """Call one sync receiver."""
        try:
            response = self._response(receiver)
        except RAISED as error:  # kept, so that the others run
            if is_meant(error):
                raise
            self._failed(receiver, as_failure(error))
        else:
            self._answered(receiver, response)

    def _response(self, receiver: Receiver) -> object:
        """Return what a sync receiver returns. Raises `TypeError` for a coroutine: nobody awaits it, and the event is lost."""
        response = receiver(**self.named)
        if iscoroutine(response):
            response.close()
            msg = (
                f"The receiver {receiver_name(receiver)!r} returned a coroutine, although it is not an async function, "
                "so nothing awaited it. Connect a function or a method that is declared with `async def`."
            )
            raise TypeError(msg)
        return response

    async def _await(self, receiver: Receiver, call: Callable[[], Awaitable[Any]]) -> None:
        task = asyncio.current_task()
        try:
            response = await call()
        except RAISED as error:  # as in call()
            if is_meant(error, task):
                raise
            self._failed(receiver, as_failure(error))
        else:
            self._answered(receiver, response)

    def _answered(self, receiver: Receiver, response: object) -> None:
        self.responses.append((original(unwrapped(receiver)), response))

    def _failed(self, receiver: Receiver, error: Exception) -> None:
        """Keep a failure, and log it."""
        self._answered(receiver, error)
        self._log_failure(receiver, error)

    def _log_failure(self, receiver: Receiver, error: Exception) -> None:
        name = receiver_name(receiver)
        level, ending = (logging.INFO, "answered") if isinstance(error, Answer) else (logging.ERROR, "failed")
        logger.log(level, "Receiver %s of %s %s: %s", name, self._name, ending, trail(error), extra={"handler": name})
        logger.debug("Receiver %s of %s failed", name, self._name, exc_info=error)
