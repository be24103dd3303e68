"""The transports: where the relay sends events. `GCP_EVENT_ROUTER["OUTBOX"]["TRANSPORT"]` names one by its dotted path."""

from __future__ import annotations

from .base import HeldBackError, NotAcknowledgedError, Transport
from .google_pubsub import PubSub
from .local import Local
from .post import HTTP

__all__ = ["HTTP", "HeldBackError", "Local", "NotAcknowledgedError", "PubSub", "Transport"]
