"""The event that is being handled, for code that a handler calls."""

from __future__ import annotations

from ._dispatch.context import CurrentEvent, current_event

__all__ = ["CurrentEvent", "current_event"]
