"""Helpers for the tests of projects. They turn no check off, unless a test asks for that by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .client import PushOptions, apush, push
from .isolation import isolated
from .messages import FORMS, CloudEventMessage, CloudEventRequest, EventMessage, Form, batch
from .mixin import EventTestMixin
from .recording import Delivery, Recording, Rejection, record
from .result import Pushed
from .token_signer import TokenSigner

if TYPE_CHECKING:
    from .strategies import examples

__all__ = [
    "FORMS",
    "CloudEventMessage",
    "CloudEventRequest",
    "Delivery",
    "EventMessage",
    "EventTestMixin",
    "Form",
    "PushOptions",
    "Pushed",
    "Recording",
    "Rejection",
    "TokenSigner",
    "apush",
    "batch",
    "examples",
    "isolated",
    "push",
    "record",
]


def __getattr__(name: str) -> Any:
    """Import `examples` on first use, since it needs hypothesis."""
    if name != "examples":
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    from .strategies import examples  # noqa: PLC0415 -- as the docstring says

    return examples
