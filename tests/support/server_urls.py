"""The endpoint of the real servers, and a view that nobody may use."""

from __future__ import annotations

from django.urls import path

from gcp_event_router.auth import SharedToken
from gcp_event_router.views import AsyncEventView

from ..urls import urlpatterns as endpoints

closed = [SharedToken(header="X-Token", tokens=["a token that nobody knows"])]
urlpatterns = [*endpoints, path("closed", AsyncEventView.as_view(authentication=closed))]
