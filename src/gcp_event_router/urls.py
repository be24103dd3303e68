"""The URLs of the endpoint, for `include("gcp_event_router.urls")` in the project's `urlpatterns`.

`urls_async` is the same for projects on ASGI. The name `gcp-events` is django-gcp's; `gcp-cloudevents` accepts CloudEvents,
whose type is their kind.
"""

from __future__ import annotations

from collections.abc import Callable

from django.apps import apps
from django.http.response import HttpResponseBase
from django.urls import URLPattern, re_path

from .exceptions import ConfigurationError
from .views import EventView

__all__ = ["event_patterns", "urlpatterns"]


def event_patterns(view: Callable[..., HttpResponseBase]) -> list[URLPattern]:
    """Make the patterns of a view, with and without a trailing slash, since a redirect would lose the body."""
    if not apps.is_installed("gcp_event_router"):
        msg = (
            "The URLs of gcp_event_router are included, but the app is not installed, so no handler would ever be called. "
            'Add "gcp_event_router" to INSTALLED_APPS.'
        )
        raise ConfigurationError(msg)
    # one pattern for both forms; reverse() gives the one without a slash
    return [
        re_path(r"^events/(?P<event_kind>[^/]+)/(?P<event_reference>[^/]+)/?\Z", view, name="gcp-events"),
        re_path(r"^events/?\Z", view, name="gcp-cloudevents"),
    ]


urlpatterns: list[URLPattern] = event_patterns(EventView.as_view())
