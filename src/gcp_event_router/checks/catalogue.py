"""Checks what the catalogue needs if the project's URLs include it. It finds the URLs by name, so it does not import the app."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from inspect import isclass
from typing import Final
from urllib.parse import urlsplit

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as Warn
from django.core.exceptions import ImproperlyConfigured
from django.shortcuts import resolve_url
from django.template import TemplateDoesNotExist
from django.template.loader import get_template
from django.urls import NoReverseMatch, Resolver404, URLPattern, URLResolver, get_resolver, get_script_prefix, resolve, reverse
from django.utils.module_loading import import_string

from .. import _check_ids as check_ids

#: The `app_name` of the catalogue's URLs.
APP_NAME: Final = "gcp-catalogue"
_APP: Final = "gcp_event_router.catalogue"
_MIDDLEWARE: Final = (
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
)
_TEMPLATE: Final = "gcp_event_router/catalogue/list.html"


def check_catalogue() -> Iterator[CheckMessage]:
    """Called by `check_project`."""
    if not getattr(settings, "ROOT_URLCONF", None) or not _is_mounted(get_resolver().url_patterns):
        return
    if apps.is_installed(_APP):
        yield from _users()
        yield from _page()
        yield from _login()
    else:
        yield _unusable(
            f"The URLs of {_APP} are included, but the app is not installed, so Django does not find its templates.",
            hint=f'Add "{_APP}" to INSTALLED_APPS, or take {_APP}.urls out of the URLs.',
        )


def _is_mounted(patterns: Sequence[URLPattern | URLResolver]) -> bool:
    resolvers = [resolver for resolver in patterns if isinstance(resolver, URLResolver)]
    return any(resolver.app_name == APP_NAME or _is_mounted(resolver.url_patterns) for resolver in resolvers)


def _users() -> Iterator[CheckMessage]:
    """Check that requests can have a user."""
    missing = [] if apps.is_installed("django.contrib.auth") else ["'django.contrib.auth' in INSTALLED_APPS"]
    missing += [f"{path!r} in MIDDLEWARE" for path in _MIDDLEWARE if not _has(path)]
    if missing:
        yield Error(
            f"The catalogue requires a staff login, and users cannot be identified without {' and '.join(missing)}.",
            hint="Add it, or take gcp_event_router.catalogue.urls out of the URLs.",
            id=check_ids.CATALOGUE_LOGIN,
        )


def _page() -> Iterator[CheckMessage]:
    """Check that Django finds templates and styles."""
    try:
        get_template(_TEMPLATE)
    except (TemplateDoesNotExist, ImproperlyConfigured):
        yield _unusable(
            f"Django does not find the catalogue's template {_TEMPLATE}, so its pages fail.",
            hint="Write a DjangoTemplates backend with APP_DIRS = True into TEMPLATES.",
        )
    if not apps.is_installed("django.contrib.staticfiles"):
        yield Warn(
            "The catalogue's style is served by 'django.contrib.staticfiles', which is not installed.",
            hint="Add it to INSTALLED_APPS; or silence this check, if STATIC_URL has the files from elsewhere.",
            id=check_ids.NO_STATIC_FILES,
        )


def _unusable(text: str, hint: str) -> CheckMessage:
    return Error(text, hint=hint, id=check_ids.CATALOGUE_NOT_INSTALLED)


def _login() -> Iterator[CheckMessage]:
    """Check that there is a login page."""
    try:
        reverse("admin:login")
    except NoReverseMatch:
        pass
    else:
        return
    url: object = settings.LOGIN_URL
    try:
        url = resolve_url(settings.LOGIN_URL)
        parts = urlsplit(url)
        if not parts.netloc and parts.path.startswith("/"):
            resolve("/" + parts.path.removeprefix(get_script_prefix()).lstrip("/"))
    except (NoReverseMatch, Resolver404):
        shown = f" ({url!r})" if isinstance(url, str) else ""  # a lazy URL has no text before it is resolved
        yield Warn(
            f"The catalogue redirects anonymous users to LOGIN_URL{shown}, but no URL pattern matches it.",
            hint="Put the admin into the URLs, or set LOGIN_URL to a page of your own.",
            id=check_ids.LOGIN_URL,
        )


def _has(path: str) -> bool:
    """Whether a middleware or a subclass of it is installed. It is compared by name: without its app, it cannot be imported."""
    classes = [middleware for middleware in map(_imported, settings.MIDDLEWARE) if isclass(middleware)]
    return any(f"{base.__module__}.{base.__qualname__}" == path for middleware in classes for base in middleware.__mro__)


def _imported(path: str) -> object:
    try:
        imported: object = import_string(path)
    except Exception:  # noqa: BLE001 -- starting the site reports it
        return None
    return imported
