"""Authenticates signed URLs: whoever has one from `get_event_url(..., signed=True)` may send to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.cache import caches
from django.core.cache.backends.base import InvalidCacheBackendError
from django.core.checks import CheckMessage
from django.core.checks import Warning as Warn
from django.core.signing import BadSignature
from django.http import HttpRequest

from .. import _check_ids as check_ids
from .._flow import Flow, arun, either, run
from .._url_signing import PARAMETER, Terms, verify
from ..envelopes import EVENTARC_MODE
from ..event import Principal
from ..exceptions import AuthenticationError, ConfigurationError, UnavailableError
from .base import CurlHint, check_query_credentials, query

#: Django's caches with which a URL for a single use does not work reliably, by their modules.
_FORGETFUL = {
    "locmem": "other processes do not share, so a URL can be used once in each",
    "dummy": "remembers nothing, so URLs for a single use are never accepted",
    "filebased": "lets several processes add the same key at once, so a URL can be used several times",
    "db": "drops entries when it has MAX_ENTRIES, so a URL can be used again",
}


class SignedURL:
    """Accepts requests to a URL with our signature, which covers its kind, its reference and every parameter.

    Args:
        cache: The alias of the cache that remembers the used URLs, if they are for a single use.

    Raises:
        ConfigurationError: CACHES does not have the alias.

    """

    secret_parameters: tuple[str, ...] = (PARAMETER,)

    def __init__(self, *, cache: str = "default") -> None:
        try:
            caches[cache]
        except InvalidCacheBackendError as error:
            msg = f"SignedURL's cache={cache!r} is not one of CACHES. Choose from {', '.join(map(repr, caches))}."
            raise ConfigurationError(msg) from error
        self.cache: str = cache

    def authenticate(self, request: HttpRequest) -> Principal | None:
        """Return a principal for a request whose URL is signed; None without a signature.

        Raises:
            AuthenticationError: The signature is invalid or has expired, or the URL was for a single use, and has been used.
            UnavailableError: The cache of used URLs fails.

        """
        return run(self._verify(request))

    async def aauthenticate(self, request: HttpRequest) -> Principal | None:
        """Do the same as `authenticate` without blocking the event loop."""
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
                raise UnavailableError(reason="the cache of used URLs is unavailable") from error
            if not is_known:  # some caches, such as the database's, do not raise if they cannot write
                raise UnavailableError(reason="the cache of used URLs does not store anything")
            if not is_first:
                raise AuthenticationError(reason="the signed URL was for a single use, and has been used")
        return Principal("signed-url")

    def security_scheme(self) -> tuple[str, dict[str, Any]]:
        """Describe the signature for the AsyncAPI document."""
        description = "A signature of the whole URL, which the site makes."
        return "signedUrl", {"type": "httpApiKey", "in": "query", "name": PARAMETER, "description": description}

    def public_facts(self) -> Iterator[tuple[str, str]]:
        """Return the name of the parameter for the catalogue."""
        yield "query parameter", PARAMETER

    def curl_hint(self, _: str) -> CurlHint:
        """Say that the site signs the URL; `PushClient` reads it, too."""
        text = "The URL is signed by the site itself, for an hour: run this where manage.py is."
        return CurlHint("with a signed URL", text, is_signed=True)

    def check_deployment(self) -> Iterator[CheckMessage]:
        """Check that the URL is encrypted on its way, and that its cache remembers used URLs."""
        yield from check_query_credentials(self)
        package, _, module = type(caches[self.cache]).__module__.rpartition(".")
        problem = _FORGETFUL.get(module) if package == "django.core.cache.backends" else None
        if problem is not None:
            yield Warn(
                f"SignedURL remembers used URLs in the cache {self.cache!r}, which {problem}.",
                hint="Name a cache that all processes share, such as Redis; or silence this check if all URLs may be used again.",
                id=check_ids.FORGETFUL_CACHE,
            )


def _terms(request: HttpRequest) -> Terms | None:
    """Verify the signature of a request, and return its terms; None if it has none. Raises `AuthenticationError`."""
    parameters = query(request)
    signatures = parameters.pop(PARAMETER, None)
    parameters.pop(EVENTARC_MODE, None)  # Eventarc adds it to the URL
    if signatures is None:
        return None
    try:
        (signature,) = signatures
        terms = verify(signature, request.path_info, parameters)
    except (ValueError, BadSignature) as error:
        raise AuthenticationError(reason="the URL's signature is invalid") from error
    if terms.expired:
        raise AuthenticationError(reason="the signed URL has expired")
    return terms
