"""Runs sync code in threads and coroutines from sync code, and tells real cancellations from stray ones.

A handler, receiver, listener or authenticator may raise a `CancelledError` or `GeneratorExit` although nobody cancelled it. That
must not end a worker, so code that calls them asks `is_meant`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import ContextVar, Token, copy_context
from typing import Any, Final, TypeAlias, TypeVar, cast

from asgiref.sync import async_to_sync, iscoroutinefunction, sync_to_async

from ._log import logger
from .exceptions import ConfigurationError, StrayCancellationError

T = TypeVar("T")
#: A result or an exception.
_Ended: TypeAlias = tuple[T, None] | tuple[None, Exception]

#: Raised by stray code, besides any `Exception`, without the intention to end its task or process. A group may contain them.
STRAYS: Final = (asyncio.CancelledError, GeneratorExit, BaseExceptionGroup)
#: All possible failures: catch these, ask `is_meant`, and keep the result of `as_failure`.
RAISED: Final = (Exception, *STRAYS)

#: The attribute of an exception that means to end the task or the process, for the thread that waits for its event loop.
_MEANT: Final = "_gcp_event_router_is_meant"

#: The task that waits for this thread's code; emptied when it stops waiting, since the context may live on.
_waiting: ContextVar[list[asyncio.Task[Any] | None] | None] = ContextVar("gcp_event_router.waiting", default=None)


def is_meant(error: BaseException, task: asyncio.Task[Any] | None = None) -> bool:
    """Whether an exception means to end the task or the process, so that it has to be raised again.

    Args:
        error: The exception that a handler, receiver, listener or authenticator raised.
        task: The task in which that code was first awaited.

    """
    if isinstance(error, Exception):
        return False
    loop = _running_loop()
    if loop is None and hasattr(error, _MEANT):
        return True
    current = (loop and asyncio.current_task(loop)) or next(iter(_waiting.get() or ()), None)
    is_closed = task is not None and current is not task  # from outside, as the garbage collector does
    return not _is_stray(error) or is_closed or (current is not None and current.cancelling() > 0)


def _is_stray(error: BaseException) -> bool:
    """Whether it contains neither SystemExit and the like, nor an exception with which a library unwinds its threads."""
    if isinstance(error, BaseExceptionGroup):
        return cast("BaseExceptionGroup[BaseException]", error).split(RAISED[:-1])[1] is None
    return isinstance(error, STRAYS)


def as_failure(error: BaseException) -> Exception:
    """Turn a stray exception into an ordinary one; returns an ordinary one as it is."""
    if isinstance(error, Exception):
        return error
    failure = StrayCancellationError(type(error).__qualname__).with_traceback(error.__traceback__)
    failure.__cause__ = error
    return failure


def call_guarded(function: Callable[..., T], *arguments: Any) -> T:
    """Call sync code that may raise a stray exception, which becomes an ordinary one."""
    try:
        return function(*arguments)
    except STRAYS as error:
        if isinstance(error, Exception) or is_meant(error):
            raise
        raise as_failure(error) from error


async def await_guarded(function: Callable[..., Awaitable[T]], *arguments: Any) -> T:
    """Do the same with async code."""
    task = asyncio.current_task()
    try:
        return await function(*arguments)
    except STRAYS as error:
        if isinstance(error, Exception) or is_meant(error, task):
            raise
        raise as_failure(error) from error
    finally:
        del task  # which refers to the exception, whose traceback refers to this frame


async def in_thread(function: Callable[[], T]) -> T:
    """Run sync code in a thread, and return its result or raise its exception.

    Code there counts as cancelled if the task that waits for it is. Its exceptions do not pass through asgiref, whose frames
    refer to them: they and the locals of their tracebacks would stay in memory until a garbage collection.
    """
    ended: list[_Ended[T]] = []

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
        reset(token)
    return _result(ended)


def reset(token: Token[Any]) -> None:
    """Reset a context variable, unless the garbage collector closes an abandoned coroutine, which it does in another context."""
    with suppress(ValueError):
        token.var.reset(token)


def _result(ended: list[_Ended[T]]) -> T:
    """Return the result or raise the exception, and keep no reference to it: its traceback refers to this frame."""
    if ended[0][1] is None:
        return cast("T", ended.pop()[0])
    raise cast("Exception", ended.pop()[1])


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def wait_for(start: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end from sync code, even if the caller's thread runs an event loop.

    As with `in_thread`, exceptions do not pass through asgiref. Raises `ConfigurationError` if gevent has patched threads.
    """
    if _threads_are_greenlets():
        msg = f"An async handler, receiver or authenticator cannot be awaited in this process: {NOT_WITH_GEVENT}"
        logger.error(msg)
        raise ConfigurationError(msg)
    ended: list[_Ended[T]] = []

    async def run() -> None:
        try:
            ended.append((await start(), None))
        except Exception as error:  # noqa: BLE001 -- raised below
            ended.append((None, error))
        except BaseException as error:
            setattr(error, _MEANT, True)  # since it was let through on the loop; this thread cannot know
            raise

    if _running_loop() is not None:
        with ThreadPoolExecutor(1) as executor:  # send() on a loop blocks it, but must not fail
            executor.submit(copy_context().run, lambda: asyncio.run(run())).result()
    else:
        async_to_sync(run)()
    return _result(ended)


NOT_WITH_GEVENT: Final = (
    "gevent runs all requests in one thread, where each would find the event loop of another. Serve events with gunicorn's "
    'gthread workers ("--worker-class gthread") or under ASGI, or write "def" in place of "async def".'
)


def is_served_by_gevent() -> bool:
    """Whether gunicorn serves this process with gevent workers; known before gevent patches anything."""
    return "gunicorn.workers.ggevent" in sys.modules


def _threads_are_greenlets() -> bool:
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


#: Whether calling a function returns something to await; unlike inspect's before Python 3.12, it sees what is only marked so.
is_async_function: Final = iscoroutinefunction  # pyright: ignore[reportDeprecated] -- from Python 3.12 on

#: A body of this many bytes takes about as long to parse as a call to a thread; longer ones are parsed in a thread.
LONG: Final = 65536
