"""What the tests of a project need. Nothing in it turns a check off, unless a test asks for that by name."""

from __future__ import annotations

from .client import PushOptions, apush, push
from .cloudevent_messages import CloudEventMessage, CloudEventRequest, batch
from .isolation import isolated
from .messages import FORMS, EventMessage, Form
from .mixin import EventTestMixin
from .recording import Delivery, Recording, Rejection, record
from .result import Pushed
from .strategies import examples
from .token_signer import TokenSigner

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
