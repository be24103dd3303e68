"""The endpoint, the admin and the catalogue."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import include, path


def favicon(request: HttpRequest) -> HttpResponse:
    """What browsers ask for by themselves."""
    return HttpResponse(status=204)


urlpatterns = [
    path("admin/", admin.site.urls),
    path("catalogue/", include("gcp_event_router.catalogue.urls")),
    path("favicon.ico", favicon),
    path("", include("tests.urls")),
]
