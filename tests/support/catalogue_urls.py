"""The endpoint, one with an authenticator of its own, and the catalogue."""

from __future__ import annotations

from django.urls import include, path

from gcp_event_router.auth import SharedToken
from gcp_event_router.views import EventView

own = EventView.as_view(authentication=[SharedToken(tokens=["the secret of the endpoint"], header="X-Own")])

urlpatterns = [
    path("catalogue/", include("gcp_event_router.catalogue.urls")),
    path("own/<event_kind>/<event_reference>", own),
    path("", include("gcp_event_router.urls")),
]
