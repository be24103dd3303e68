"""The pages: the list with its search, and a page for each channel. They change nothing."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse

from .._contract.channels import channels, keys
from .._event_urls import configured_base_url
from ..checks.catalogue import APP_NAME
from ..router import events
from ..signals import event_received
from . import channel_list
from .channel_page import details_of, lately
from .permissions import StaffView
from .security import mounted

#: How many channels a page of the list has.
_ON_A_PAGE: Final = 100
#: Of a channel's page; the last one needs the inbox.
_SECTIONS: Final = (
    *(("handlers", "Handlers"), ("payload", "Payload"), ("example", "Example"), ("send", "Send it")),
    *(("security", "Who may send it"), ("lately", "Last deliveries")),
)
_TEMPLATES: Final = "gcp_event_router/catalogue"


class Page(StaffView):
    """The common part of both pages."""

    def answer(self, request: HttpRequest, template: str, status: int = 200, **context: Any) -> HttpResponse:
        """Render a page with the header of all pages."""
        user: Any = request.user
        namespace = request.resolver_match.namespace if request.resolver_match else APP_NAME
        top = {
            "site": _base_url(request).partition("://")[2],
            "user_name": user.get_username(),
            "admin_url": _first_url("admin:index"),
            "logout_url": _first_url("admin:logout", "logout"),
            # within another namespace, the app's name alone leads nowhere
            "list_url": reverse(f"{namespace}:list"),
            "channel_url": reverse(f"{namespace}:channel"),
        }
        html = render_to_string(f"{_TEMPLATES}/{template}.html", {**top, **context}, request)
        # a description may hold half a surrogate pair, which no answer can
        return HttpResponse(html.encode(errors="backslashreplace").decode(), status=status)


class ListView(Page):
    """All channels, or those that a search finds; the endpoints with their security; plain receivers."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Answer `?q=` and `?page=`, whatever they contain."""
        words = request.GET.get("q", "").strip()[: channel_list.LONGEST]
        found_keys = channel_list.search(events, words)
        page = Paginator(found_keys, _ON_A_PAGE).get_page(request.GET.get("page"))
        groups = channel_list.groups(events, page.object_list)
        receivers = [*map(channel_list.receiver_line, event_received.plain_receivers())]
        return self.answer(
            request,
            "list",
            jumps=[
                *((group.anchor, group.title) for group in groups),
                ("doors", "Who may send"),
                *([("receivers", "Plain receivers")] if receivers else []),
            ],
            words=words,
            longest=channel_list.LONGEST,
            number=len(found_keys),
            total=len(found_keys) if not words else len(keys(events)),
            page=page,
            groups=groups,
            endpoints=mounted(_base_url(request)),
            receivers=receivers,
        )


class ChannelView(Page):
    """One channel, named by `?kind=`, and by `&type=` and `&fallback=yes` if it has these."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Answer 404 if there is no such channel."""
        key = channel_list.key_of(request.GET)
        matching = channels(events, [key]) if key else ()
        if key is None or not matching:
            return self.answer(request, "missing", status=404, words=request.GET.get("kind", "")[: channel_list.LONGEST])
        (channel,) = matching
        last = lately(channel, request.user)
        return self.answer(
            request,
            "channel",
            jumps=_SECTIONS if last is not None else _SECTIONS[:-1],
            title=channel_list.title_of(key),
            channel=channel,
            handlers=[channel_list.handler_line(handler) for handler in channel.handlers],
            details=details_of(channel, _base_url(request), _here(request)),
            here=_here(request),
            lately=last,
        )


def _base_url(request: HttpRequest) -> str:
    """The URL of the site, from the settings or from the request."""
    return configured_base_url() or _here(request)


def _here(request: HttpRequest) -> str:
    """The URL of the server that shows the page."""
    return f"{request.scheme}://{request.get_host()}"


def _first_url(*names: str) -> str:
    """The URL with the first of some names that has one; "" without any."""
    for name in names:
        with suppress(NoReverseMatch):
            return reverse(name)
    return ""
