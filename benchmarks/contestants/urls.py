"""Each contestant's endpoint, below its name."""

from __future__ import annotations

from importlib.util import find_spec

from django.apps import apps
from django.urls import URLPattern, URLResolver, include, path

from . import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("hand/events/order-seen/<reference>", views.seen, {"kind": "order-seen"}),
    path("hand/events/order-placed/<reference>", views.placed, {"kind": "order-placed"}),
    path("once/events/order-placed/<reference>", views.placed_once, {"kind": "order-placed"}),
]
if apps.is_installed("gcp_event_router"):
    urlpatterns.append(path("ours/", include("gcp_event_router.urls")))
if find_spec("django_gcp"):  # it needs Python 3.12
    from django_gcp.events.views import GoogleCloudEventsView

    from . import django_gcp_receivers as django_gcp_receivers  # noqa: PLC0414 -- it registers them

    urlpatterns.append(path("django-gcp/events/<event_kind>/<event_reference>", GoogleCloudEventsView.as_view()))
