"""The hooks of functions that name a kind without handling it."""

from __future__ import annotations

from mypy.nodes import TypeInfo
from mypy.types import Instance, Type, get_proper_type

from ._call import Call
from ._codes import EVENT_PAYLOAD
from ._declarations import kinds_of
from ._kind_names import check_glob, check_kind
from ._names import BASE_MODEL, EVENTS
from ._payloads import unreadable
from ._types import text


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
    declared = kinds_of(call, EVENTS).by_name.get(kind.literal)
    given = None if payload is None else get_proper_type(payload.type)
    # a test may send an invalid dict on purpose; a model of another kind is a mistake
    if declared and isinstance(declared.type, Instance) and isinstance(given, Instance) and given.type.has_base(BASE_MODEL):
        classes: set[TypeInfo] = set()
        reason = unreadable(given, declared.type.args[0], classes)
        call.depend_on_classes(classes)
        if reason:
            carried = text(declared.type.args[0])
            call.fail(
                f'The kind "{kind.literal}" carries {carried} ({declared.module}), and the payload is {text(given)}: {reason}',
                EVENT_PAYLOAD,
            )
    return call.type
