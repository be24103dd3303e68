"""Typed handlers for the events that reach a Django site on Google Cloud."""

from __future__ import annotations

from .backoff import Backoff
from .event import Event, Principal
from .exceptions import EventRouterError
from .outcomes import Outcome, Reject, Retry
from .router import EventRouter, events

__all__ = ["Backoff", "Event", "EventRouter", "EventRouterError", "Outcome", "Principal", "Reject", "Retry", "events"]
