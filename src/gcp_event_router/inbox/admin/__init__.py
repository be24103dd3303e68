"""The inbox in Django's admin. `admin.autodiscover` imports it."""

from __future__ import annotations

from django.contrib import admin

from ..models import StoredEvent
from .model_admin import StoredEventAdmin

__all__ = ["StoredEventAdmin"]

admin.site.register(StoredEvent, StoredEventAdmin)
