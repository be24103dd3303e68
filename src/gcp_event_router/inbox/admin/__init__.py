"""The inbox in Django's admin: what came, what became of it, and replaying or discarding it.

Found by `admin.autodiscover`, so it is imported only where the admin is installed.
"""

from __future__ import annotations

from django.contrib import admin

from ..models import StoredEvent
from .model_admin import StoredEventAdmin

__all__ = ["StoredEventAdmin"]

admin.site.register(StoredEvent, StoredEventAdmin)
