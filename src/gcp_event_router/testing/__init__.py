"""What the tests of a project need. Nothing in it turns a check off, unless a test asks for that by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .client import PushOptions, apush, push
from .cloudevent_messages import CloudEventMessage, CloudEventRequest, batch
from .isolation import isolated
from .messages import FORMS, EventMessage, Form
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
    """Import `examples` when a test asks for it: few do, and it needs hypothesis."""
    if name != "examples":
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    from .strategies import examples  # noqa: PLC0415 -- as the docstring says

    return examples
