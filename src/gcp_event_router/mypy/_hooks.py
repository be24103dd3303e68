"""Which hook sees which call, by the full name of the function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from mypy.types import Type

from ._answers import answer
from ._call import Call
from ._handlers import of_payload, on_kind, registered
from ._names import (
    ANSWERS,
    ASSERTIONS,
    DJANGO_RECEIVER,
    EVENT_SIGNAL,
    GET_EVENT_URL,
    HANDLER_DECORATOR,
    KIND,
    LIFECYCLE_SIGNAL,
    PAYLOAD_DECORATOR,
    PUSHERS,
    PUSHES,
    RECEIVER_DECORATOR,
    ROUTERS,
    SELECTION,
)
from ._receivers import connected, received, receiver
from ._routers import explain, fallback, include, kind, kinds_item, on
from ._senders import get_event_url, push, selection

Hook: TypeAlias = Callable[[Call], Type]

FUNCTION_HOOKS: Final[Mapping[str, Hook]] = {
    SELECTION: selection,
    DJANGO_RECEIVER: receiver,
    **dict.fromkeys(ANSWERS, answer),
    **dict.fromkeys(GET_EVENT_URL, get_event_url),
    **dict.fromkeys(PUSHES, push),
}
METHOD_HOOKS: Final[Mapping[str, Hook]] = {
    **{f"{router}.{hook.__name__}": hook for router in ROUTERS for hook in (kind, include, on, fallback, explain)},
    f"{HANDLER_DECORATOR}.__call__": registered,
    f"{PAYLOAD_DECORATOR}.__call__": of_payload,
    f"{KIND}.on": on_kind,
    # the type of `router.kinds`
    "typing.Mapping.__getitem__": kinds_item,
    **{f"{pusher}.__call__": push for pusher in PUSHERS},
    f"{RECEIVER_DECORATOR}.__call__": received,
    f"{EVENT_SIGNAL}.connect": connected,
    f"{LIFECYCLE_SIGNAL}.connect": connected,
}
#: The methods that take the options of a handler.
TAKING_OPTIONS: Final = frozenset({f"{KIND}.on"} | {f"{router}.{name}" for router in ROUTERS for name in ("on", "fallback")})


def takes_dicts(fullname: str) -> bool:
    """Whether a function or a method of tests takes a payload beside its kind, or its handler."""
    name = fullname.rpartition(".")[2]
    return fullname in PUSHES or name in ASSERTIONS or fullname in {f"{pusher}.__call__" for pusher in PUSHERS}
