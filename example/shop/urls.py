"""The shop has one URL: that of its events."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    # for ASGI, as in asgi.py; under WSGI it is "gcp_event_router.urls"
    path("", include("gcp_event_router.urls_async")),
]
