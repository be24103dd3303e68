"""The endpoint: its views, its URLs and what surrounds them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path
from typing_extensions import assert_type, override

from gcp_event_router.asgi import guard_bodies
from gcp_event_router.auth import Authenticator, SharedToken
from gcp_event_router.formatters import CloudLoggingFormatter, EventContextFilter
from gcp_event_router.views import AsyncEventView, EventView

AUTHENTICATION: list[Authenticator] = [SharedToken(tokens=["secret"], header="X-A")]


class OwnView(EventView):
    authentication = AUTHENTICATION


class TypedView(EventView):
    authentication: Sequence[Authenticator] | None = (SharedToken(tokens=["secret"], header="X-A"),)


class OpenView(AsyncEventView):
    authentication = ()


class CountingView(EventView):
    count = 0

    @override
    def post(
        self, request: HttpRequest, event_kind: object = None, event_reference: object = None, **more: object
    ) -> HttpResponse:
        response = super().post(request, event_kind, event_reference, **more)
        assert_type(response, HttpResponse)
        return response


class SettledView(EventView):
    http_method_names = ("post", "options")


urlpatterns: list[URLPattern | URLResolver] = [
    path("events/", include("gcp_event_router.urls")),
    path("own/<event_kind>/<event_reference>", OwnView.as_view(), name="own"),
    path("open/<event_kind>/<event_reference>", OpenView.as_view(authentication=[])),
    path("none/<event_kind>/<event_reference>", EventView.as_view(authentication=None)),
    path("counting/<event_kind>/<event_reference>", CountingView.as_view(count=1)),
]
application = guard_bodies(get_asgi_application())


async def serves(scope: dict[str, Any], receive: Any, send: Any) -> None:
    assert_type(await application(scope, receive, send), None)


handler = logging.StreamHandler()
handler.setFormatter(CloudLoggingFormatter(project="my-project"))
handler.setFormatter(CloudLoggingFormatter())
handler.addFilter(EventContextFilter())

# --- bad


class WrongAuthentication(EventView):
    authentication = ["shop.auth.ByToken"]  # bad: an authenticator's path in a view


class SingleAuthentication(EventView):
    authentication = SharedToken(tokens=["secret"], header="X-A")  # bad: an authenticator without a list in a view


class WrongMethods(EventView):
    http_method_names = 5  # bad: a number of methods


class WrongPost(EventView):
    def post(self, request: str) -> HttpResponse:  # bad: an override of post that takes text
        return HttpResponse(request)


class WrongResult(EventView):
    def post(self, request: HttpRequest, *_: object, **__: object) -> str:  # bad: a text as a response
        return "done"


guard_bodies("shop.asgi.application")  # bad: an application by path
guard_bodies()  # bad: no application
guard_bodies(print)  # bad: an application that is sync
CloudLoggingFormatter(projects="my-project")  # bad: a misspelt argument of the formatter
CloudLoggingFormatter(1)  # bad: a number as a project
handler.setFormatter(EventContextFilter())  # bad: a filter as a formatter
EventView.authentication[0]  # bad: authenticators that may be missing
EventView().get(HttpRequest())  # bad: a method that a view lacks
