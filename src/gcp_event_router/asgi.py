"""Wraps a project's ASGI application, so that strangers cannot fill its disk.

Under ASGI, Django receives the whole body of a request, and writes it to the disk, before it calls any view. Without
credentials, a sender can fill the disk with an endless body.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from django.core.handlers.asgi import get_script_prefix
from django.urls import resolve

from ._endpoint.pending_body import PendingBody
from .views import reads_nothing_first

__all__ = ["guard_bodies"]

_BODY_HEADERS: Final = frozenset({b"content-length", b"transfer-encoding"})


def guard_bodies(application: Callable[..., Awaitable[None]]) -> Callable[[Any, Any, Any], Awaitable[None]]:
    """Receive the body of an event only after its method, its sender and its length are accepted.

    ```python
    # asgi.py
    application = guard_bodies(get_asgi_application())
    ```

    A body is cut off as soon as it is longer than `MAX_BODY_SIZE`, and is held in memory, not on the disk. This applies to the
    views of this package, with their own authentication. It does not apply to other URLs, nor to views with an overridden
    `setup`, `dispatch` or `post` or with a decorator, which may read the body first. Middleware that reads `request.body`
    finds it empty before the view, and complete after it.

    Args:
        application: The project's ASGI application, or a wrapper of it.

    Returns:
        An ASGI application.

    """

    async def guarded(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if not _is_for_events(scope):
            await application(scope, receive, send)
            return
        scope = dict(scope)
        pending = PendingBody(scope, receive)

        async def answer(message: Any) -> None:
            pending.drop()
            await send(message)

        await application(scope, pending.receive, answer)

    return guarded


def _is_for_events(scope: dict[str, Any]) -> bool:
    """Whether a request may have a body and goes to a view of events."""
    if scope["type"] != "http":
        return False
    if scope.get("http_version", "").startswith("1") and _BODY_HEADERS.isdisjoint(name.lower() for name, _ in scope["headers"]):
        return False
    path: str = scope["path"]
    try:
        view = resolve(path.removeprefix(get_script_prefix(scope))).func
    except Exception:  # noqa: BLE001 -- no such URL, or no URLs: Django reports it
        return False
    return reads_nothing_first(view)
