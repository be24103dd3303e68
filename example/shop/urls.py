"""The shop's events, its till, and two pages for its staff: the catalogue of events, and the admin with inbox and outbox."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from .views import take_back, what_there_is

urlpatterns = [
    # for ASGI, as in asgi.py; under WSGI it is "gcp_event_router.urls"
    path("", include("gcp_event_router.urls_async")),
    path("", what_there_is),
    path("orders/<int:order_id>/return", take_back),
    path("catalogue/", include("gcp_event_router.catalogue.urls")),
    path("admin/", admin.site.urls),
]
