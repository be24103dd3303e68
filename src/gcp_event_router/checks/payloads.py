"""Whether handlers can read what is known to be sent: payloads of declared kinds, and of Google's own types."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, cast

from django.core.checks import CheckMessage, Error
from pydantic import BaseModel, TypeAdapter
from pydantic.errors import PydanticUserError

from ..declarations import type_text
from ..envelopes import MESSAGE_PUBLISHED
from ..exceptions import ConfigurationError
from ..google.base import Model
from ..google.catalogue import model_of
from ..handlers import Handler
from ..router import EventRouter
from ..schemas import Schema, conflict, read_schema, written_schema

__all__ = ["check_payloads"]

#: What reads anything, or is not read from JSON.
_ANYTHING: Final[frozenset[object]] = frozenset({bytes, str, object, type(None), Any})


def check_payloads(router: EventRouter) -> list[CheckMessage]:
    """What is wrong with the payloads that a router's handlers declare; called by `check_router`."""
    readers: dict[Handler, Schema | None] = {}
    return [*_kinds(router, readers), *_types(router, readers)]


def _kinds(router: EventRouter, readers: dict[Handler, Schema | None]) -> Iterator[CheckMessage]:
    for name, kind in router.kinds.items():
        for handler in (each for handlers in router.find(name) for each in handlers):
            reader = _reader(handler, readers)
            if reader is None or handler.payload_type == kind.payload_type:
                continue
            reason = conflict(written_schema(kind.adapter), reader)
            if reason is not None:
                yield Error(
                    f"{handler} handles {name!r}, and reads {type_text(handler.payload_type)}; the kind is declared with "
                    f"{type_text(kind.payload_type)}, which that never is: {reason}.",
                    hint=f"Declare Event[{type_text(kind.payload_type)}], or register the handler for other kinds.",
                    obj=handler.name,
                    id="gcp_event_router.E010",
                )


def _types(router: EventRouter, readers: dict[Handler, Schema | None]) -> Iterator[CheckMessage]:
    for handler in (each.handler for each in router):
        if handler.ce_type is None or not handler.ce_type.is_literal or handler.ce_type.pattern == MESSAGE_PUBLISHED:
            continue
        model = model_of(handler.ce_type.pattern)
        reader = _reader(handler, readers)
        if model is None or reader is None:
            continue
        reason = _disagrees(handler.payload_type, model, reader)
        if reason is not None:
            yield Error(
                f"{handler} handles {handler.ce_type.pattern!r}, and reads {type_text(handler.payload_type)}, "
                f"which that never is: {reason}.",
                hint=f"Declare Event[{model.__name__}], of {model.__module__}.",
                obj=handler.name,
                id="gcp_event_router.E011",
            )


def _disagrees(declared: object, model: type[Model], reader: Schema) -> str | None:
    """Why a type reads nothing of what Google's model says is sent; None if it may."""
    if isinstance(declared, type) and issubclass(declared, Model):  # of which no field is required
        return None if issubclass(declared, model) else "it is the model of other events"
    # what Google may add one day is not what anybody requires today
    return conflict({**written_schema(TypeAdapter(model)), "additionalProperties": False}, reader)


def _reader(handler: Handler, readers: dict[Handler, Schema | None]) -> Schema | None:
    """The schema of what a handler reads; None for what reads anything, and for what another check complains of."""
    if handler not in readers:
        readers[handler] = None
        try:
            declared = handler.payload_type
            if declared not in _ANYTHING:
                readers[handler] = read_schema(TypeAdapter(cast("type[BaseModel]", declared)), declared)
        except (ConfigurationError, PydanticUserError, NameError, TypeError):
            pass
    return readers[handler]
