"""The outbox in Django's admin. `admin.autodiscover` imports it."""

from __future__ import annotations

from django.contrib import admin

from ..models import OutgoingEvent
from .outgoing_admin import OutgoingEventAdmin

__all__ = ["OutgoingEventAdmin"]

admin.site.register(OutgoingEvent, OutgoingEventAdmin)
