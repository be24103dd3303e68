"""Helpers for the tests of projects. They turn no check off, unless a test asks for that by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._messages import FORMS, CloudEventMessage, CloudEventRequest, EventMessage, Form, batch
from .client import PushOptions
from .isolation import isolated
from .mixin import EventTestMixin
from .publications import Published, PublishedEvent, published, relay_now
from .recording import Delivery, Recording, Rejection, record
from .result import Pushed
from .token_signer import TokenSigner

if TYPE_CHECKING:
    from gcp_event_router_kinds import apush, push

    from .strategies import examples
else:
    from .client import apush, push

__all__ = [
    "FORMS",
    "CloudEventMessage",
    "CloudEventRequest",
    "Delivery",
    "EventMessage",
    "EventTestMixin",
    "Form",
    "Published",
    "PublishedEvent",
    "PushOptions",
    "Pushed",
    "Recording",
    "Rejection",
    "TokenSigner",
    "apush",
    "batch",
    "examples",
    "isolated",
    "published",
    "push",
    "record",
    "relay_now",
]


def __getattr__(name: str) -> Any:
    """Import `examples` on first use, since it needs hypothesis."""
    if name != "examples":
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    from .strategies import examples  # noqa: PLC0415 -- as the docstring says

    return examples
