"""Compares what handlers read with the models of Google's own events, by the types of CloudEvents that they name."""

from __future__ import annotations

import re
from typing import Final

from mypy.nodes import TypeInfo
from mypy.types import Instance, Type, get_proper_type

from ..envelopes import MESSAGE_PUBLISHED
from ..google.catalogue import place_of
from ._call import Call
from ._codes import EVENT_PAYLOAD
from ._comparison import unreadable
from ._names import GOOGLE_MODEL
from ._on_call import OnCall
from ._types import text

_TYPE: Final = re.compile(r"[\"'](google\.[\w.]+)[\"']")


def is_googles(ce_type: str | None) -> bool:
    """Whether a type of CloudEvents is one of Google's whose payload has a model. What Pub/Sub carries is the project's own."""
    return ce_type is not None and ce_type != MESSAGE_PUBLISHED and place_of(ce_type) is not None


def modules_named(source: str) -> set[str]:
    """The modules with the models of the types that a source names."""
    return {place[0] for ce_type in _TYPE.findall(source) if is_googles(ce_type) and (place := place_of(ce_type))}


def check_google_type(call: Call, on_call: OnCall, payload: Type, reader: str) -> None:
    """Report a handler that cannot read what Google sends as a type. The arguments are those of `check_payload`."""
    place = None if on_call.google_type is None else place_of(on_call.google_type)
    model = None if place is None else call.instance(".".join(place))
    if model is None:
        return
    reason = _unreadable(call, model, payload)
    if reason is not None:
        carried = f'events of "{on_call.google_type}" carry {text(model)} ({model.type.module_name})'
        call.fail(f"{reader}, but {carried}: {reason}", EVENT_PAYLOAD)


def _unreadable(call: Call, model: Instance, payload: Type) -> str | None:
    read = get_proper_type(payload)
    if isinstance(read, Instance) and read.type.has_base(GOOGLE_MODEL):  # which requires no field
        is_same = read.type.has_base(model.type.fullname) or model.type.has_base(read.type.fullname)
        return None if is_same else f"{text(payload)} is the model of other events"
    classes: set[TypeInfo] = set()
    # a handler cannot require a field that Google may add one day
    reason = unreadable(call.project, model, payload, classes, is_complete=True)
    call.depend_on_classes(classes)
    return reason
