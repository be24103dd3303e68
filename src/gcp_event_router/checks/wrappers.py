"""Finds decorators above `@events.on`: they wrap the name in the module, not the registered function."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from django.core.checks import CheckMessage
from django.core.checks import Warning as Warn

from .. import _check_ids as check_ids
from .._dispatch.handler import Handler
from ..router import EventRouter

#: The most nested wrappers that are searched.
_DEPTH: Final = 10


def check_wrappers(router: EventRouter) -> Iterator[CheckMessage]:
    """Find handlers that are registered without a decorator which stands above `@events.on`; called by `check_router`."""
    for handler in dict.fromkeys(registration.handler for registration in router):
        wrapper = _named(handler)
        if wrapper is handler.function or isinstance(wrapper, staticmethod | classmethod):  # these two belong above
            continue
        if _wraps(wrapper, handler.function):
            yield Warn(
                f"{handler} has a decorator above the one that registers it, so events call the function without that decorator.",
                hint="Write @events.on(...) above all other decorators.",
                obj=handler.name,
                id=check_ids.DECORATOR_ABOVE,
            )


def _named(handler: Handler) -> object:
    """The object that now has the function's name in its module; None if there is none."""
    function: Any = handler.function
    value: object = sys.modules.get(getattr(function, "__module__", None) or "")
    for step in (getattr(function, "__qualname__", None) or "<lambda>").split("."):
        value = vars(value).get(step) if hasattr(value, "__dict__") else None
    return value


def _wraps(wrapper: object, function: object, depth: int = _DEPTH) -> bool:
    """Whether an object calls a function: decorators keep it in `__wrapped__`, a cell or an attribute."""
    if depth == 0:
        return False
    return any(part is function or _wraps(part, function, depth - 1) for part in _parts(wrapper))


def _parts(wrapper: object) -> Iterator[object]:
    wrapped = getattr(wrapper, "__wrapped__", None)
    if wrapped is not None:
        yield wrapped
        return
    if isinstance(wrapper, partial):
        yield wrapper.func
        return
    for cell in getattr(wrapper, "__closure__", None) or ():
        try:
            content: object = cell.cell_contents
        except ValueError:  # a name that is not bound yet
            continue
        if callable(content) and not isinstance(content, type):
            yield content
    if callable(wrapper) and not isinstance(wrapper, type):
        yield from (part for part in getattr(wrapper, "__dict__", {}).values() if callable(part) and not isinstance(part, type))
