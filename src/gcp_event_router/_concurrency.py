"""Tells a real cancellation from a `CancelledError` or `GeneratorExit` that somebody's code merely raised.

`_dispatch` and `_receivers` ask it about what handlers, receivers and listeners raise: nobody may end a worker by mistake.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from typing import Any, Final, TypeVar, cast

from asgiref.sync import async_to_sync, sync_to_async

from ._log import logger
from .exceptions import ConfigurationError, StrayCancellationError

__all__ = [
    "LONG",
    "NOT_WITH_GEVENT",
    "RAISED",
    "STRAYS",
    "as_failure",
    "in_thread",
    "is_meant",
    "is_served_by_gevent",
    "wait_for",
]

T = TypeVar("T")

#: What code that does not mean to end its task or process may raise, beside any `Exception`. A group may hold such.
STRAYS: Final = (asyncio.CancelledError, GeneratorExit, BaseExceptionGroup)
#: All that can be a failure: catch these, ask `is_meant`, and keep what `as_failure` returns.
RAISED: Final = (Exception, *STRAYS)

#: The task that waits for the code of a thread, as long as it does: the context of that code may live on.
_waiting: ContextVar[list[asyncio.Task[Any] | None] | None] = ContextVar("gcp_event_router.waiting", default=None)


def is_meant(error: BaseException, task: asyncio.Task[Any] | None = None) -> bool:
    """Whether what somebody's code raised ends the task or the process, so that whoever caught it has to raise it again.

    Args:
        error: What was raised.
        task: The task in which a coroutine began to await that code.

    """
    if isinstance(error, Exception):
        return False
    current = _current_task() or next(iter(_waiting.get() or ()), None)
    is_closed = task is not None and current is not task  # from outside, as the garbage collector does
    return not _is_stray(error) or is_closed or (current is not None and current.cancelling() > 0)


def _is_stray(error: BaseException) -> bool:
    """Whether nothing in it is meant as it is, as SystemExit is, and what libraries unwind a thread of theirs with."""
    if isinstance(error, BaseExceptionGroup):
        return cast("BaseExceptionGroup[BaseException]", error).split(RAISED[:-1])[1] is None
    return isinstance(error, STRAYS)


def as_failure(error: BaseException) -> Exception:
    """What is not meant, as an ordinary exception: itself if it is one."""
    if isinstance(error, Exception):
        return error
    failure = StrayCancellationError(type(error).__qualname__).with_traceback(error.__traceback__)
    failure.__cause__ = error
    return failure


async def in_thread(function: Callable[[], T]) -> T:
    """Run sync code in a thread, and return or raise what it does.

    Code there is cancelled if the task that waits for it is. Its exceptions do not pass asgiref, whose frames refer to what
    they raise: that would be kept, with all that its traceback holds, until a garbage collection.
    """
    ended: list[tuple[T, None] | tuple[None, Exception]] = []

    def run() -> None:
        try:
            ended.append((function(), None))
        except Exception as error:  # noqa: BLE001 -- raised below
            ended.append((None, error))

    waiting = [asyncio.current_task()]
    token = _waiting.set(waiting)
    try:
        await sync_to_async(run)()
    finally:
        waiting.clear()
        _waiting.reset(token)
    result, error = ended.pop()
    if error is None:
        return cast("T", result)
    try:
        raise error
    finally:
        del error


def _current_task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:  # no event loop runs in this thread
        return None


def wait_for(start: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end from sync code, also where the caller's thread runs an event loop.

    Raises `ConfigurationError` where gevent has patched threads.
    """
    if _threads_are_greenlets():
        msg = f"An async handler, receiver or authenticator cannot be awaited in this process: {NOT_WITH_GEVENT}"
        logger.error(msg)
        raise ConfigurationError(msg)
    if not _is_looping():
        return async_to_sync(start)()
    with ThreadPoolExecutor(1) as executor:  # send() inside a loop blocks it in any case; this at least does not fail
        return executor.submit(copy_context().run, lambda: asyncio.run(start())).result()


#: Why nothing is awaited there, and what to do instead.
NOT_WITH_GEVENT: Final = (
    "gevent runs all requests in one thread, where each would find the event loop of another. Serve events with gunicorn's "
    'gthread workers ("--worker-class gthread") or under ASGI, or write "def" in place of "async def".'
)


def is_served_by_gevent() -> bool:
    """Whether gunicorn serves this process with gevent workers; it says so before it patches anything."""
    return "gunicorn.workers.ggevent" in sys.modules


def _threads_are_greenlets() -> bool:
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


def _is_looping() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


#: Bytes that take so long to parse that an event loop has better things to do: about as long as a thread takes to be asked.
LONG: Final = 65536
