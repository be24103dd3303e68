"""What the tests of a project need. Nothing in it turns a check off, unless a test asks for that by name."""

from __future__ import annotations

from .cases import EventTestMixin
from .cloudevents import CloudEventMessage, CloudEventRequest, batch
from .isolation import isolated
from .pushed import Pushed
from .pushes import PushOptions, apush, push
from .recording import Delivery, Recording, Rejection, record
from .requests import FORMS, EventMessage, Form
from .strategies import examples
from .tokens import TokenSigner

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
