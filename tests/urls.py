"""The endpoint, sync and async."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("", include("gcp_event_router.urls")),
    path("async/", include(("gcp_event_router.urls_async", "gcp_event_router"), namespace="async")),
]
