"""Compares what handlers read, and what tests push, with the payloads of declared kinds."""

from __future__ import annotations

from collections.abc import Collection

from mypy.nodes import TypeInfo
from mypy.types import Instance, Type, get_proper_type

from .._globs.glob import Glob
from ..exceptions import GlobError
from ._call import Call
from ._codes import EVENT_PART, EVENT_PAYLOAD
from ._comparison import unreadable, unreadable_part
from ._declarations import kinds_of
from ._names import BASE_MODEL, EVENTS
from ._on_call import OnCall
from ._types import text


def check_payload(call: Call, on_call: OnCall, payload: Type, reader: str) -> None:
    """Report each declared kind whose payload a handler cannot read.

    Args:
        call: The call that registers the handler.
        on_call: What the handler is registered for.
        payload: The type that the handler reads.
        reader: Who reads what, as the beginning of a sentence.

    """
    if on_call.router is None:
        return
    call.depend_on_kinds()
    kinds = kinds_of(call, on_call.router).by_name
    classes: set[TypeInfo] = set()
    for name, pattern in sorted(_matched(on_call, kinds).items()):
        module, declared = kinds[name].module, kinds[name].type
        if not isinstance(declared, Instance) or not declared.args:
            continue
        sent = declared.args[0]
        reason = unreadable(call.project, sent, payload, classes)
        part = unreadable_part(call.project, sent, payload, classes) if reason is None else None
        matched = "" if pattern == name else f', which "{pattern}" matches,'
        if reason is not None:
            call.fail(f'{reader}, but the kind "{name}"{matched} carries {text(sent)} ({module}): {reason}', EVENT_PAYLOAD)
        elif part is not None:
            carried = f"also carries {text(part[0])}"
            call.fail(f'{reader}, but the kind "{name}"{matched} {carried} ({module}): {part[1]}', EVENT_PART)
    call.depend_on_classes(classes)


def _matched(on_call: OnCall, names: Collection[str]) -> dict[str, str]:
    """The kinds that a handler is registered for, with the first glob that matches each."""
    matched: dict[str, str] = {}
    for pattern in on_call.globs:
        try:
            glob = None if pattern is None else Glob(pattern)
        except GlobError:
            continue
        if pattern is None or glob is None:
            continue
        only = glob.only_text
        for name in filter(glob.matches, names) if only is None else {only}.intersection(names):
            matched.setdefault(name, pattern)
    return matched


def check_pushed(call: Call, name: str, payload: Type) -> None:
    """Report a model that is pushed as a kind of another payload. A test may push an invalid dict on purpose."""
    declared = kinds_of(call, EVENTS).by_name.get(name)
    given = get_proper_type(payload)
    if declared is None or not isinstance(declared.type, Instance) or not isinstance(given, Instance):
        return
    classes: set[TypeInfo] = set()
    carried = declared.type.args[0]
    reason = unreadable(call.project, given, carried, classes) if given.type.has_base(BASE_MODEL) else None
    call.depend_on_classes(classes)
    if reason is not None:
        message = f'The test pushes {text(given)}, but the kind "{name}" carries {text(carried)} ({declared.module}): {reason}'
        call.fail(message, EVENT_PAYLOAD)
