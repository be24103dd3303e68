"""The hooks of functions that name a kind without handling it."""

from __future__ import annotations

from mypy.types import Type

from ._call import Call
from ._kind_names import check_glob, check_kind
from ._names import EVENTS
from ._payloads import check_pushed


def get_event_url(call: Call) -> Type:
    """Check the kind."""
    name = call.argument("event_kind")
    if name is not None:
        check_kind(call, name, EVENTS)
    return call.type


def selection(call: Call) -> Type:
    """Check the glob of kinds."""
    glob = call.argument("kind")
    if glob is not None and glob.literal:
        check_glob(call, glob, EVENTS)
    return call.type


def push(call: Call) -> Type:
    """Check the kind, and that a model is not that of another kind."""
    kind, payload = call.argument("kind"), call.argument("payload")
    if kind is None or kind.literal is None:
        return call.type
    check_kind(call, kind, EVENTS)
    if payload is not None:
        check_pushed(call, kind.literal, payload.type)
    return call.type
