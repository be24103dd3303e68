"""The shop's events, and two pages for its staff: the catalogue of events, and the admin with the inbox."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    # for ASGI, as in asgi.py; under WSGI it is "gcp_event_router.urls"
    path("", include("gcp_event_router.urls_async")),
    path("catalogue/", include("gcp_event_router.catalogue.urls")),
    path("admin/", admin.site.urls),
]
