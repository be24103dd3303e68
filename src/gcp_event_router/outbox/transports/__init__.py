"""The transports: where the relay sends events. `GCP_EVENT_ROUTER["OUTBOX"]["TRANSPORT"]` names one by its dotted path."""

from __future__ import annotations

from .base import HeldBackError, NotAcknowledgedError, Transport
from .google_pubsub import PubSub
from .local import Local

__all__ = ["HeldBackError", "Local", "NotAcknowledgedError", "PubSub", "Transport"]
