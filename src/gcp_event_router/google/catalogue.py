"""Which type of CloudEvents carries which model.

`checks` asks for the model of a type that a handler names. Nothing is imported before it is asked for.

Facts: the options `cloud_event_type` in the events.proto of each product, of googleapis/google-cloudevents.
"""

from __future__ import annotations

from importlib import import_module

from ._types import MODELS
from .base import Model

__all__ = ["model_of", "place_of", "types"]


def types() -> frozenset[str]:
    """All types whose model is known."""
    return frozenset(MODELS)


def place_of(event_type: str) -> tuple[str, str] | None:
    """The module and the name of a type's model, or None for a type that is not known."""
    place = MODELS.get(event_type)
    return None if place is None else (f"{__package__}.{place[0]}", place[1])


def model_of(event_type: str) -> type[Model] | None:
    """The model of a type's payload in JSON, or None for a type that is not known."""
    place = place_of(event_type)
    if place is None:
        return None
    module, name = place
    model: type[Model] = getattr(import_module(module), name)
    return model
