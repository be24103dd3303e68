"""The endpoint of the real servers, and a view that nobody may use."""

from __future__ import annotations

from django.urls import path

from gcp_event_router.auth import GitHub, SharedToken
from gcp_event_router.views import AsyncEventView, EventView

from ..urls import urlpatterns as endpoints

closed = [SharedToken(header="X-Token", tokens=["a token that nobody knows"])]
#: Verifies what senders sign, and has the secret that the tests know.
github = GitHub(secrets=["a secret that the tests know"])
urlpatterns = [
    *endpoints,
    path("closed", AsyncEventView.as_view(authentication=closed)),
    path("signed/<event_kind>/<event_reference>", EventView.as_view(authentication=[github])),
    path("async/signed/<event_kind>/<event_reference>", AsyncEventView.as_view(authentication=[github])),
]
