"""Firebase Realtime Database: a reference whose data has changed.

Facts: google/events/firebase/database/v1/data.proto of googleapis/google-cloudevents.
"""

from __future__ import annotations

from pydantic import JsonValue

from .base import Model

__all__ = ["ReferenceEventData"]


class ReferenceEventData(Model):
    """What was there, and what changed."""

    #: Before the event; None where there was nothing.
    data: JsonValue = None
    #: What was written; None where it was deleted.
    delta: JsonValue = None
