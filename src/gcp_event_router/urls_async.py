"""The URLs of the endpoint for projects on ASGI: `include("gcp_event_router.urls_async")` instead of `urls`."""

from __future__ import annotations

from django.urls import URLPattern

from .urls import event_patterns
from .views import AsyncEventView

__all__ = ["urlpatterns"]

urlpatterns: list[URLPattern] = event_patterns(AsyncEventView.as_view())
