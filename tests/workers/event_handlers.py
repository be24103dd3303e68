"""The registrations of a worker's process."""

from __future__ import annotations

from gcp_event_router import events

from .handlers import convert, mail

events.on("video-*", deferred=True)(convert)
events.on("video-*", deferred=True)(mail)
