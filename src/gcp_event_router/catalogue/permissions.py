"""Who may see the catalogue: the staff. Everybody else is told to log in, or 403, before anything is looked up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import connections, transaction
from django.http import HttpRequest, HttpResponseRedirect, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch, reverse
from django.views.decorators.cache import never_cache
from django.views.generic import View
from typing_extensions import override

from ..exceptions import ConfigurationError

__all__ = ["StaffView"]


class StaffView(View):
    """A page for the staff, which is read only and which nobody keeps a copy of."""

    http_method_names: Sequence[str] = ["get", "head"]

    @override
    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponseBase]:
        """Make the view function; it is kept out of `ATOMIC_REQUESTS`, so that a page is shown while a table is missing."""
        view = never_cache(super().as_view(**initkwargs))
        for alias in connections:
            view = transaction.non_atomic_requests(using=alias)(view)
        return view

    @override
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Ask who it is, whatever the method is. Raises `PermissionDenied` for who is logged in and not of the staff."""
        user: Any = getattr(request, "user", None)
        if user is None:
            msg = (
                "The catalogue is mounted, and requests have no user, so nobody could be let in. Add SessionMiddleware and "
                "AuthenticationMiddleware to MIDDLEWARE: manage.py check says what else is missing."
            )
            raise ConfigurationError(msg)
        if not user.is_authenticated:
            return HttpResponseRedirect(_login(request.get_full_path()))
        if not (user.is_active and getattr(user, "is_staff", False)):  # which `AbstractBaseUser` does not have
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)


def _login(path: str) -> str:
    """Where the staff logs in, and comes back from: at the admin's page where there is one, else at `LOGIN_URL`.

    As `redirect_to_login` makes it, which cannot be imported where the app of users is not installed. Raises `PermissionDenied`
    where there is no such page.
    """
    try:
        url = reverse("admin:login")
    except NoReverseMatch:
        try:
            url = resolve_url(settings.LOGIN_URL)
        except NoReverseMatch as error:  # which W021 tells
            raise PermissionDenied from error
    parts = urlsplit(url)
    query = QueryDict(parts.query, mutable=True)
    query["next"] = path
    return parts._replace(query=query.urlencode(safe="/")).geturl()
