"""Finds the endpoints in the URL patterns of the project."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from django.conf import settings
from django.urls import Resolver404, URLPattern, URLResolver, get_resolver, get_script_prefix, resolve
from django.utils.regex_helper import normalize

from ..auth import Authenticator, AuthenticatorChain, configured
from ..views import EventView


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One URL pattern that leads to an `EventView`."""

    #: A path that the pattern matches, such as `"/events/kind/reference"`.
    path: str
    #: The argument of `as_view(authentication=...)`; None if the settings decide.
    authentication: Sequence[Authenticator] | None


def endpoints() -> list[Endpoint]:
    """All endpoints in the project's URLs."""
    if not getattr(settings, "ROOT_URLCONF", None):
        return []
    return list(_endpoints_below(get_resolver().url_patterns, "/"))


def chain_at(path: str) -> AuthenticatorChain:
    """The authenticators of the endpoint at a path, which are those of the settings unless its view has its own.

    Raises `ConfigurationError` if the settings' cannot be created.
    """
    try:
        # requests have a path decoded, and below the site's own prefix
        view = resolve("/" + unquote(path).removeprefix(get_script_prefix())).func if path else None
    except Resolver404:
        view = None
    own: AuthenticatorChain | None = getattr(view, "view_initkwargs", {}).get("_own_chain")
    return configured() if own is None else own


def _endpoints_below(patterns: Sequence[URLPattern | URLResolver], prefix: str) -> Iterator[Endpoint]:
    for pattern in patterns:
        path = prefix + _sample(pattern)
        if isinstance(pattern, URLResolver):
            yield from _endpoints_below(pattern.url_patterns, path)
            continue
        view: Any = pattern.callback
        if issubclass(getattr(view, "view_class", object), EventView):
            chain = view.view_initkwargs.get("_own_chain")
            yield Endpoint(path, None if chain is None else chain.authenticators)


def _sample(pattern: URLPattern | URLResolver) -> str:
    """A part of a path that a pattern matches, as `reverse` would make it."""
    text: str = normalize(pattern.pattern.regex.pattern)[0][0]
    return re.sub(r"%(?!\()", "%%", text) % defaultdict(lambda: "x", event_kind="kind", event_reference="reference")
