"""Hides personal fields of stored payloads from people who may not see them. It fails closed.

The types that handlers and declared kinds give a payload say what is personal. A payload that one of them refuses is hidden as a
whole; and so is one that no handler takes, while another one of its kind has personal fields, or while the handlers that got it
are gone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final, NamedTuple, cast
from weakref import WeakKeyDictionary

from pydantic import TypeAdapter
from pydantic_core import from_json

from .._dispatch.handler import Handler
from .._dispatch.lookup import LISTENING, Registration, find_everywhere, registered_everywhere
from .._dispatch.payload import payload_reader
from .._schema.personal import HIDDEN, Redactor, hide, redactor_of
from ..envelopes import Envelope
from ..event import UNKNOWN
from ..kinds import Kind

#: The name of the permission to see personal fields.
VIEW_PERSONAL: Final = "view_personal"


class _Redactors(NamedTuple):
    payload: Redactor | None
    parameters: Redactor | None


#: The columns with texts that may quote a payload.
_QUOTING: Final = ("error_text", "text_beginning", "once_key", "order_key")
_known: WeakKeyDictionary[Handler, _Redactors] = WeakKeyDictionary()
_of_kinds: WeakKeyDictionary[Kind[Any], Redactor | None] = WeakKeyDictionary()


def conceal(rows: Iterable[Any], kind: str) -> bool:
    """Hide the texts that may quote a personal field, such as those of errors and keys, in rows that are about to be shown.

    The rows are of one event, and are not to be saved. Returns whether a handler or a declaration of its kind has such fields.
    """
    shown = list(rows)
    is_declared = any(redact is not None for _, redact in _declared(kind))
    of_kind = (one.handler for one in registered_everywhere() if not one.is_fallback and _may_take(one, kind, None))
    is_personal = is_declared or any(map(_is_personal, of_kind)) or _got_personal(getattr(row, "handler", "") for row in shown)
    if is_personal:
        for row in shown:
            values: dict[str, Any] = row.__dict__  # without the columns that were not read
            values.update({name: HIDDEN for name in _QUOTING if isinstance(values.get(name), str) and values[name]})
    return is_personal


def shown_payload(kind: str, envelope: Envelope | None, data: bytes, handlers: Iterable[str] = ()) -> bytes:
    """Return a payload without what is personal in it. `handlers` are those of its deliveries, which may be gone by now."""
    found = _found(kind, envelope)
    personal = [handler for handler in found if _redactors(handler).payload is not None]
    if not data or not (personal or _is_personal_elsewhere(kind, envelope, found, handlers)):
        return data
    try:
        value: Any = from_json(data) if personal else HIDDEN
        for handler in personal:
            handler.prepare()[0](data)
            value = (_redactors(handler).payload or hide)(value)
    except Exception:  # noqa: BLE001 -- whatever refuses it; a validator of the project may raise anything
        value = HIDDEN
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


def shown_outgoing(kind: str, data: bytes) -> bytes:
    """Return the payload of a published event without what is personal in it."""
    personal = [(declared, redact) for declared, redact in _declared(kind) if redact is not None]
    if not data or not (personal or _is_personal_elsewhere(kind, None, [])):
        return data
    try:
        value: Any = from_json(data) if personal else HIDDEN
        for declared, redact in personal:
            payload_reader(declared.adapter, declared.payload_type)(data)
            value = redact(value)
    except Exception:  # noqa: BLE001 -- as above
        value = HIDDEN
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


def _declared(kind: str) -> list[tuple[Kind[Any], Redactor | None]]:
    """The declarations of a kind, with their redactors."""
    routers: list[Any] = list(LISTENING)
    found: list[Kind[Any]] = [router.kinds[kind] for router in routers if kind in router.kinds]
    for declared in found:
        if declared not in _of_kinds:
            try:
                _of_kinds[declared] = redactor_of(declared.adapter)
            except Exception:  # noqa: BLE001 -- as in _compile()
                _of_kinds[declared] = hide
    return [(declared, _of_kinds[declared]) for declared in found]


def shown_parameters(kind: str, envelope: Envelope | None, text: str, handlers: Iterable[str] = ()) -> str:
    """Return the parameters of a URL, as JSON, without what is personal in them."""
    found = _found(kind, envelope)
    changes = [change for handler in found if (change := _redactors(handler).parameters) is not None]
    if not text or not (changes or _is_personal_elsewhere(kind, envelope, found, handlers)):
        return text
    try:
        value: Any = json.loads(text) if changes else HIDDEN
        for change in changes:
            value = change(value)
    except ValueError:
        value = HIDDEN
    return json.dumps(value if isinstance(value, dict) else {HIDDEN: HIDDEN})


def _is_personal_elsewhere(kind: str, envelope: Envelope | None, found: list[Handler], handlers: Iterable[str] = ()) -> bool:
    """Whether none of the handlers of an event has personal fields, but another one of its kind has, or had."""
    if any(map(_is_personal, found)):
        return False
    ce_type = None if envelope is None else envelope.type
    others = (one for one in registered_everywhere() if not (found and one.is_fallback) and _may_take(one, kind, ce_type))
    return any(_is_personal(one.handler) for one in others) or (not found and _got_personal(handlers))


def _got_personal(names: Iterable[str]) -> bool:
    """Whether a handler with one of these names has personal fields; or any handler, if one of these is gone."""
    wanted, registered = set(names) - {""}, [one.handler for one in registered_everywhere()]
    own = [handler for handler in registered if any(name.startswith(handler.name) for name in wanted)]
    is_gone = any(not any(name.startswith(handler.name) for handler in own) for name in wanted)
    return any(map(_is_personal, registered if is_gone else own))


def _may_take(one: Registration, kind: str, ce_type: str | None) -> bool:
    """Whether a registration may take events of a kind, with other attributes."""
    if kind == UNKNOWN:
        return True
    is_of_kind = not one.globs or one.matching(kind) is not None
    return is_of_kind and (one.ce_type is None or one.ce_type.matches(ce_type or kind))


def _found(kind: str, envelope: Envelope | None) -> list[Handler]:
    """The handlers of an event; none if it cannot be read."""
    routers = [] if envelope is None else find_everywhere(kind, envelope)
    return [handler for handlers in routers for group in handlers for handler in group]


def _is_personal(handler: Handler) -> bool:
    return any(_redactors(handler))


def _redactors(handler: Handler) -> _Redactors:
    """Compile the types of a handler, once; everything is hidden if they cannot be resolved."""
    known = _known.get(handler)
    if known is None:
        known = _known[handler] = _compile(handler)
    return known


def _compile(handler: Handler) -> _Redactors:
    try:
        payload = redactor_of(handler.adapter)
        is_typed = handler.parameters_type != dict[str, str]
        parameters = redactor_of(TypeAdapter(cast("type[Any]", handler.parameters_type))) if is_typed else None
    except Exception:  # noqa: BLE001 -- whatever pydantic, or a schema of the project's own, raises for a type
        return _Redactors(hide, hide)
    reads_data = getattr(handler.payload_type, "__reads_body__", False) is not True
    return _Redactors(payload if reads_data or payload is None else hide, parameters)
