"""What the tests of a project need. Nothing in it turns a check off."""

from __future__ import annotations

from .cloudevents import CloudEventMessage, CloudEventRequest, batch
from .requests import EventMessage, Form
from .tokens import TokenSigner

__all__ = ["CloudEventMessage", "CloudEventRequest", "EventMessage", "Form", "TokenSigner", "batch"]
