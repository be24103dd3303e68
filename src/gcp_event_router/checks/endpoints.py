"""Where the project mounts the endpoint: read from its URL patterns."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.regex_helper import normalize

from ..auth import Authenticator
from ..views import EventView


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One URL pattern that leads to an `EventView`."""

    #: Such as `"/events/kind/reference"`, a path that the pattern matches.
    path: str
    #: What `as_view(authentication=...)` was given; None where the settings say who may send.
    authentication: Sequence[Authenticator] | None


def endpoints() -> list[Endpoint]:
    """All that are mounted in the project's URLs."""
    if not getattr(settings, "ROOT_URLCONF", None):
        return []
    return list(_found(get_resolver().url_patterns, "/"))


def _found(patterns: Sequence[URLPattern | URLResolver], prefix: str) -> Iterator[Endpoint]:
    for each in patterns:
        path = prefix + _sample(each)
        if isinstance(each, URLResolver):
            yield from _found(each.url_patterns, path)
            continue
        view: Any = each.callback
        if issubclass(getattr(view, "view_class", object), EventView):
            chain = view.view_initkwargs.get("_own_chain")
            yield Endpoint(path, None if chain is None else chain.authenticators)


def _sample(pattern: URLPattern | URLResolver) -> str:
    """A part of a path that a pattern matches, as `reverse` would make it."""
    text: str = normalize(pattern.pattern.regex.pattern)[0][0]
    return re.sub(r"%(?!\()", "%%", text) % defaultdict(lambda: "x", event_kind="kind", event_reference="reference")
