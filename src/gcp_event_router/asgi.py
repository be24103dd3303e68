"""What a project's asgi.py wraps around its application, so that no stranger fills its disk.

Under ASGI, Django receives the whole body of a request, and puts it onto the disk, before it asks any view. An endless body of
somebody without credentials is answered when the disk is full.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from django.core.asgi import get_asgi_application
from django.core.handlers.asgi import get_script_prefix
from django.core.handlers.wsgi import WSGIHandler
from django.urls import resolve

from ._endpoint.body import PendingBody
from .exceptions import ConfigurationError
from .views import reads_nothing_first

__all__ = ["guard_bodies"]

_BODY_HEADERS: Final = frozenset({b"content-length", b"transfer-encoding"})


def guard_bodies(application: Callable[..., Awaitable[None]]) -> Callable[[Any, Any, Any], Awaitable[None]]:
    """Have the bodies of events received only once their method, their sender and their length are accepted.

    ```python
    # asgi.py
    application = guard_bodies(get_asgi_application())
    ```

    A body is cut off as soon as it is over `MAX_BODY_SIZE`, and is held in memory, not on the disk. This is for the views of this
    package, each with its own authentication. Other URLs are left alone, and so are views whose `setup`, `dispatch` or `post` a
    project has overridden, or which it has wrapped in a decorator, since that may read the body first. Middleware that reads
    `request.body` before the view finds it empty, and finds the body after the view.

    Args:
        application: The project's ASGI application, or another one around it.

    Returns:
        An ASGI application.

    Raises:
        ConfigurationError: It is not an ASGI application.

    """
    _require_asgi(application)

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


def _require_asgi(given: object) -> None:
    if not callable(given) or given is get_asgi_application or isinstance(given, WSGIHandler):
        msg = f"guard_bodies() got {given!r}, which is not an ASGI application. Write guard_bodies(get_asgi_application())."
        raise ConfigurationError(msg)


def _is_for_events(scope: dict[str, Any]) -> bool:
    """Whether a request may have a body and goes to a view of events."""
    if scope["type"] != "http":
        return False
    if scope.get("http_version", "").startswith("1") and _BODY_HEADERS.isdisjoint(name.lower() for name, _ in scope["headers"]):
        return False
    path: str = scope["path"]
    try:
        view = resolve(path.removeprefix(get_script_prefix(scope))).func
    except Exception:  # noqa: BLE001 -- no such URL, or no URLs: Django says what it is
        return False
    return reads_nothing_first(view)
