"""Shows the catalogue to the staff only. Others are redirected to log in, or get 403, before anything is looked up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import connections, transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import NoReverseMatch, reverse
from django.views.decorators.cache import never_cache
from django.views.generic import View
from typing_extensions import override

from ..exceptions import ConfigurationError


class StaffView(View):
    """A page for the staff that changes nothing, and that caches do not store."""

    http_method_names: Sequence[str] = ["get", "head"]

    @override
    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponseBase]:
        """Create the view function, outside `ATOMIC_REQUESTS`, so that a missing table does not fail the page."""
        view = never_cache(super().as_view(**initkwargs))
        for alias in connections:
            view = transaction.non_atomic_requests(using=alias)(view)
        return view

    @override
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Check the user first, for every method. Raises `PermissionDenied` for users who are not staff."""
        user: Any = getattr(request, "user", None)
        if user is None:
            msg = (
                "The catalogue is for staff only, but requests have no user, so nobody can see it. Add SessionMiddleware and "
                "AuthenticationMiddleware to MIDDLEWARE: manage.py check says what else is missing."
            )
            raise ConfigurationError(msg)
        if not user.is_authenticated:
            return _log_in(request.get_full_path())
        if not (user.is_active and getattr(user, "is_staff", False)):  # which `AbstractBaseUser` does not have
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)


def _log_in(path: str) -> HttpResponseBase:
    """Redirect to the admin's login if the admin is in the URLs, and to `LOGIN_URL` otherwise."""
    from django.contrib.auth.views import redirect_to_login  # noqa: PLC0415 -- needs the app of users

    try:
        return redirect_to_login(path, reverse("admin:login"))
    except NoReverseMatch:
        try:
            return redirect_to_login(path)
        except NoReverseMatch as error:  # which W021 reports
            raise PermissionDenied from error
