"""URLs that prove themselves: whoever holds one that `get_event_url(..., signed=True)` made may send to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.cache import caches
from django.core.cache.backends.base import BaseCache, InvalidCacheBackendError
from django.core.cache.backends.db import DatabaseCache
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.filebased import FileBasedCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.checks import CheckMessage
from django.core.checks import Warning as Warn
from django.core.signing import BadSignature
from django.http import HttpRequest

from .._flow import Flow, arun, either, run
from .._url_signing import PARAMETER, Terms, verified
from ..envelopes import EVENTARC_MODE
from ..event import Principal
from ..exceptions import AuthenticationError, ConfigurationError, UnavailableError
from .base import CurlHint, check_query_credentials, query

__all__ = ["SignedURL"]

#: Caches of Django's in which a URL for a single use can be used more often.
_FORGETFUL: dict[type[BaseCache], str] = {
    LocMemCache: "other processes do not see, so that a URL can be used once in each",
    DummyCache: "remembers nothing, so that no URL for a single use is ever accepted",
    FileBasedCache: "lets several add the same at once, so that a URL can be used more often",
    DatabaseCache: "drops entries when it has MAX_ENTRIES, so that a URL can be used again",
}


class SignedURL:
    """Accepts requests to a URL with our signature, which covers its kind, its reference and every parameter.

    Args:
        cache: The alias of the cache that remembers which URLs for a single use have been used.

    Raises:
        ConfigurationError: There is no such cache.

    """

    secret_parameters: tuple[str, ...] = (PARAMETER,)

    def __init__(self, *, cache: str = "default") -> None:
        try:
            caches[cache]
        except InvalidCacheBackendError as error:
            msg = f"SignedURL is given cache={cache!r}, which is not one of CACHES. Choose from {', '.join(map(repr, caches))}."
            raise ConfigurationError(msg) from error
        self.cache: str = cache

    def authenticate(self, request: HttpRequest) -> Principal | None:
        """Return who sent a request whose URL is signed. Called under WSGI."""
        return run(self._verify(request))

    async def aauthenticate(self, request: HttpRequest) -> Principal | None:
        """Do the same without blocking the event loop."""
        return await arun(self._verify(request))

    def _verify(self, request: HttpRequest) -> Flow[Principal | None]:
        terms = _terms(request)
        if terms is None:
            return None
        if terms.once:
            cache = caches[self.cache]
            try:
                is_first: bool = yield either(cache.add, cache.aadd, terms.once, True, terms.seconds_to_remember)
                is_known = is_first or (yield either(cache.get, cache.aget, terms.once)) is not None
            except Exception as error:
                raise UnavailableError(reason="the cache of used URLs is away") from error
            if not is_known:  # some caches, such as the database's, do not raise when they cannot write
                raise UnavailableError(reason="the cache of used URLs does not remember")
            if not is_first:
                raise AuthenticationError(reason="the signed URL was for a single use, and has been used")
        return Principal("signed-url")

    def security_scheme(self) -> tuple[str, dict[str, Any]]:
        """Called by `asyncapi`."""
        told = "A signature of the whole URL, which the site makes."
        return "signedUrl", {"type": "httpApiKey", "in": "query", "name": PARAMETER, "description": told}

    def public_facts(self) -> Iterator[tuple[str, str]]:
        """Called by the catalogue."""
        yield "query parameter", PARAMETER

    def curl_hint(self, _: str) -> CurlHint:
        """Called by the catalogue, and by `PushClient`."""
        text = "The URL is signed by the site itself, for an hour: run this where manage.py is."
        return CurlHint("with a signed URL", text, is_signed=True)

    def check_deployment(self) -> Iterator[CheckMessage]:
        """Called by `manage.py check --deploy`."""
        yield from check_query_credentials(self)
        problem = _FORGETFUL.get(type(caches[self.cache]))
        if problem is not None:
            yield Warn(
                f"SignedURL remembers used URLs in the cache {self.cache!r}, which {problem}.",
                hint="Name a cache that all share, such as Redis; or silence this check, if no URL is for a single use.",
                id="gcp_event_router.W008",
            )


def _terms(request: HttpRequest) -> Terms | None:
    """What a signature says, once it is verified; None for a URL without one. Raises `AuthenticationError`."""
    parameters = query(request)
    signatures = parameters.pop(PARAMETER, None)
    parameters.pop(EVENTARC_MODE, None)  # added by Eventarc to the URL that it was given
    if signatures is None:
        return None
    try:
        (signature,) = signatures
        terms = verified(signature, request.path_info, parameters)
    except (ValueError, BadSignature) as error:
        raise AuthenticationError(reason="the URL's signature is not right for it") from error
    if terms.expired:
        raise AuthenticationError(reason="the signed URL has expired")
    return terms
