"""The transports: where the relay sends events. `GCP_EVENT_ROUTER["OUTBOX"]["TRANSPORT"]` names one by its dotted path."""

from __future__ import annotations

from .base import HeldBackError, Transport

__all__ = ["HeldBackError", "Transport"]
