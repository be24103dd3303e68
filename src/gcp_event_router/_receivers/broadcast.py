"""Sends a signal to all of its receivers, even if some fail."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from .._concurrency import RAISED, as_failure, is_meant
from .._log import logger, trail
from .base import Receiver, Responses
from .kwargs_adapter import original


class Broadcast:
    """One call of `send`: it reaches all receivers, whatever the others raise."""

    #: The exceptions that receivers raise on purpose.
    _answers: tuple[type[Exception], ...] = ()

    def __init__(self, name: str, named: dict[str, Any]) -> None:
        #: The arguments of all receivers.
        self.named: dict[str, Any] = named
        #: Pairs of a receiver and its response or exception.
        self.responses: Responses = []
        self._name = name

    def run(self, receivers: list[Receiver]) -> None:
        """Call sync receivers."""
        for receiver in receivers:
            self.call(receiver)

    async def finish(self, receivers: list[Receiver]) -> None:
        """Await async receivers, all at once."""
        await asyncio.gather(*(self._await(receiver, partial(receiver, **self.named)) for receiver in receivers))

    def call(self, receiver: Receiver) -> None:
        """Call one sync receiver."""
        try:
            response = receiver(**self.named)
        except RAISED as error:  # kept, so that the others run
            if is_meant(error):
                raise
            self._failed(receiver, as_failure(error))
        else:
            self._answered(receiver, response)

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
        self.responses.append((self._connected(receiver), response))

    def _taken(self) -> Responses:
        """Give away the responses."""
        responses, self.responses = self.responses, []
        return responses

    def _failed(self, receiver: Receiver, error: Exception) -> None:
        """Keep a failure, and log it."""
        self._answered(receiver, error)
        name = getattr(self._connected(receiver), "__qualname__", type(receiver).__qualname__)
        level, what = (logging.INFO, "answered") if isinstance(error, self._answers) else (logging.ERROR, "failed")
        logger.log(level, "Receiver %s of %s %s: %s", name, self._name, what, trail(error), extra={"handler": name})
        logger.debug("Receiver %s of %s failed", name, self._name, exc_info=error)

    def _connected(self, receiver: Receiver) -> Receiver:
        """The connected receiver, without its adapter."""
        return original(receiver)
