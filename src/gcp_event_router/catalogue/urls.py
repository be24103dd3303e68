"""The URLs of the catalogue, for `include("gcp_event_router.catalogue.urls")` in the project's `urlpatterns`.

A kind stands in the query and not in the path: it may hold `%`, `?` and `#`, which some proxies decode in a path.
"""

from __future__ import annotations

from django.urls import URLPattern, path

from ..checks.catalogue import APP_NAME
from .views import ChannelView, ListView

__all__ = ["app_name", "urlpatterns"]

app_name: str = APP_NAME

urlpatterns: list[URLPattern] = [
    path("", ListView.as_view(), name="list"),
    path("channel/", ChannelView.as_view(), name="channel"),
]
