"""Makes the URLs of the endpoint: `utils.get_event_url`, and the parts that others need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from types import NoneType
from typing import Any
from uuid import UUID

from django.conf import settings
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.http import urlencode

from . import _url_signing
from .event import LABEL_LENGTH, is_label
from .exceptions import ConfigurationError


def get_event_url(
    event_kind: str,
    event_reference: str | int | UUID,
    event_parameters: Mapping[str, Any] | None = None,
    url_namespace: str = "gcp-events",
    base_url: str | None = None,
    *,
    signed: bool = False,
    max_age: timedelta | None = None,
    single_use: bool = False,
) -> str:
    """Return the URL to which events of a kind and a reference are sent.

    Args:
        event_kind: At most 255 printable characters, without a slash. The same applies to the reference.
        event_reference: A constant part of a push subscription's URL; or the id of the thing that a signed URL is about.
        event_parameters: The query string. A list or tuple adds a parameter for each item; a model of parameters gets all of them
            in a field of type `list[...]`, `dict[str, str]` and plain receivers get the last one.
        url_namespace: The name of the URL pattern, if the project has its own.
        base_url: The beginning of the URL, instead of `settings.BASE_URL`; `""` makes the URL relative.
        signed: Add a signature of the kind, the reference and every parameter, for `auth.SignedURL`.
        max_age: How long a signed URL is accepted, at most a hundred years; by default for ever.
        single_use: Have a signed URL accepted only once; needs `max_age`. Not for senders that try again, such as Pub/Sub.

    Raises:
        ConfigurationError: `BASE_URL` is not set or not a string, or no URL pattern has the name.
        ValueError: The kind, the reference or a parameter does not fit into the URL, or the terms of the signature exclude each
            other.
        TypeError: A parameter is None.
        NoReverseMatch: `url_namespace` names a namespace of URLs that does not exist.

    """
    if base_url is None:
        base_url = configured_base_url()
        if base_url is None:
            msg = "settings.BASE_URL is not set, so the URL has no beginning. Set it, or pass base_url='' for a relative URL."
            raise ConfigurationError(msg)
    for part, value in (("event_kind", event_kind), ("event_reference", event_reference)):
        if not _is_part(value):
            msg = (
                f"{part} must fit into a URL, which {value!r} does not. "
                f"Give 1 to {LABEL_LENGTH} printable characters, without a slash."
            )
            raise ValueError(msg)
    url = reverse_pattern(url_namespace, event_kind, event_reference)
    url = add_query(url, event_parameters, signed=signed, max_age=max_age, single_use=single_use)
    return base_url.rstrip("/") + url


def configured_base_url() -> str | None:
    """Return `settings.BASE_URL`, which may be lazy; None if it is not set. Raises `ConfigurationError` if it is not a string."""
    url: object = getattr(settings, "BASE_URL", None)
    if isinstance(url, str | Promise):
        return str(url)
    if isinstance(url, NoneType):  # also a lazy object of None
        return None
    msg = f'settings.BASE_URL is {url!r}, which is not a string. Write BASE_URL = "https://your-server.example".'
    raise ConfigurationError(msg)


def reverse_pattern(name: str, *args: object) -> str:
    """Return the path of a URL pattern. Raises `ConfigurationError` if no pattern has the name."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch as error:
        if ":" in name:  # Django names the namespace that is missing
            raise
        msg = f"No URL pattern has the name {name!r}. Add path('', include('gcp_event_router.urls')) to your urlpatterns."
        raise ConfigurationError(msg) from error


def add_query(
    url: str, parameters: Mapping[str, Any] | None, *, signed: bool, max_age: timedelta | None, single_use: bool
) -> str:
    """Add parameters and a signature to the path of a URL, as `get_event_url` does."""
    flat: dict[str, Any] = {}
    for name, value in dict(parameters or {}).items():  # a QueryDict then gives all values of a name
        kind = type(value).__name__
        flat[name] = [*value] if _has_items(value) else value
        if isinstance(value, Mapping) or (_has_items(value) and any(map(_has_items, flat[name]))):
            msg = (
                f"The parameter {name!r} of type {kind} does not fit into a query string. "
                f"Give a text, a number or a list of these; or JSON: {{{name!r}: json.dumps(...)}}."
            )
            raise ValueError(msg)
    query = urlencode(flat, doseq=True)
    if signed or max_age is not None or single_use:
        query = _url_signing.signed_query(url, query, signed=signed, max_age=max_age, single_use=single_use)
    return f"{url}?{query}" if query else url


def _has_items(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes)


def _is_part(value: object) -> bool:
    return value is not None and is_label(str(value))  # None is the key of an unsaved row
