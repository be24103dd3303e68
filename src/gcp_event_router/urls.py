"""The URL of the endpoint, for `include("gcp_event_router.urls")` in the project's `urlpatterns`.

`urls_async` is the same for projects on ASGI. The name `gcp-events` is django-gcp's.
"""

from __future__ import annotations

from collections.abc import Callable

from django.apps import apps
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, register_converter

from .event import is_label
from .exceptions import ConfigurationError
from .views import EventView

__all__ = ["event_patterns", "urlpatterns"]


class LabelConverter:
    """A kind or a reference in a URL, as `is_label` has it; others are a 404."""

    regex = "[^/]+"

    def to_python(self, value: str) -> str:
        """Read a part of a requested path."""
        if not is_label(value):
            raise ValueError(value)
        return value

    def to_url(self, value: object) -> str:
        """Write a part of a path; `reverse` finds no match for what `to_python` would refuse."""
        return self.to_python(str(value))


def event_patterns(view: Callable[..., HttpResponseBase]) -> list[URLPattern]:
    """Patterns that lead to `view` with and without a trailing slash, since a redirect would lose the body."""
    if not apps.is_installed("gcp_event_router"):
        msg = (
            "The URLs of gcp_event_router are included, but the app is not installed, so no handler would ever be called. "
            'Add "gcp_event_router" to INSTALLED_APPS.'
        )
        raise ConfigurationError(msg)
    route = "events/<gcp_event_label:event_kind>/<gcp_event_label:event_reference>"
    # reverse() takes the last one
    return [path(f"{route}/", view, name="gcp-events"), path(route, view, name="gcp-events")]


register_converter(LabelConverter, "gcp_event_label")

urlpatterns = event_patterns(EventView.as_view())
