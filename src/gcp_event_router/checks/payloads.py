"""Whether handlers can read what is known to be sent: payloads of declared kinds, of Google's own types, and what others read."""

from __future__ import annotations

from collections.abc import Iterator

from django.core.checks import CheckMessage, Error

from .._dispatch.handler import Handler
from .._dispatch.payload import reads_json
from .._schema.type_names import type_text
from ..envelopes import MESSAGE_PUBLISHED
from ..google.base import Model
from ..google.catalogue import model_of
from ..router import EventRouter
from .conflicts import Readers, check_exclusions, names_of
from .core_schema import sent_shape
from .json_shape import OBJECT, Field, Form, conflict

__all__ = ["check_payloads"]


def check_payloads(router: EventRouter) -> Iterator[CheckMessage]:
    """What is wrong with the payloads that a router's handlers declare; called by `check_router`."""
    readers = Readers()
    wrong: set[Handler] = set()
    yield from _kinds(router, readers, wrong)
    yield from _types(router, readers, wrong)
    yield from check_exclusions(router, readers, wrong)


def _kinds(router: EventRouter, readers: Readers, wrong: set[Handler]) -> Iterator[CheckMessage]:
    for name, kind in router.kinds.items():
        if not reads_json(kind.payload_type):
            continue
        sent = sent_shape(kind.adapter)
        for handler in (each for handlers in router.find(name) for each in handlers):
            reader = readers.shape(handler)
            if reader is None or handler.payload_type == kind.payload_type:
                continue
            reason = conflict(sent, reader, names_of(kind.payload_type, handler.payload_type))
            if reason is not None:
                wrong.add(handler)
                yield Error(
                    f"{handler} handles {name!r}, and reads {type_text(handler.payload_type)}; the kind is declared with "
                    f"{type_text(kind.payload_type)}, which that never is: {reason}.",
                    hint=f"Declare Event[{type_text(kind.payload_type)}], or register the handler for other kinds.",
                    obj=handler.name,
                    id="gcp_event_router.E010",
                )


def _types(router: EventRouter, readers: Readers, wrong: set[Handler]) -> Iterator[CheckMessage]:
    for handler in dict.fromkeys(each.handler for each in router):
        if handler.ce_type is None or not handler.ce_type.is_literal or handler.ce_type.pattern == MESSAGE_PUBLISHED:
            continue
        model = model_of(handler.ce_type.pattern)
        if model is None or readers.shape(handler) is None:
            continue
        reason = _disagrees(handler, model, readers)
        if reason is not None:
            wrong.add(handler)
            yield Error(
                f"{handler} handles {handler.ce_type.pattern!r}, and reads {type_text(handler.payload_type)}, "
                f"which that never is: {reason}.",
                hint=f"Declare Event[{model.__name__}], of {model.__module__}.",
                obj=handler.name,
                id="gcp_event_router.E011",
            )


def _disagrees(handler: Handler, model: type[Model], readers: Readers) -> str | None:
    """Why a handler reads nothing of what Google's model says is sent; None if it may."""
    if _is_model(handler.payload_type, Model):  # of which no field is required
        return None if _is_model(handler.payload_type, model) else "it is the model of other events"
    # what Google may add one day is not what anybody requires today
    names = (field.alias or name for name, field in model.model_fields.items())
    sent = Form(OBJECT.name, OBJECT.types, fields=dict.fromkeys(names, Field(None, required=False)), closed=True)
    return conflict((sent,), readers.shape(handler), names_of(model, handler.payload_type))


def _is_model(declared: object, model: type[Model]) -> bool:
    return isinstance(declared, type) and issubclass(declared, model)
