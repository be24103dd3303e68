"""Identity tokens of Google's service accounts: Pub/Sub push, Eventarc, Cloud Scheduler and Cloud Tasks send them.

The one authenticator that needs the extra `oidc`. `tokens` reads what a token claims, `keys` has the keys.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from hashlib import sha256
from threading import Lock
from time import time
from types import MappingProxyType
from typing import Any, Final, Never, TypeGuard
from urllib.parse import unquote

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.http import HttpRequest
from jwt import PyJWK

from ..event import Principal
from ..exceptions import AuthenticationError, ConfigurationError, ForbiddenError
from .base import bearer
from .jwks import GOOGLE, is_acceptable
from .keys import KeySet, key_set
from .tokens import claims_of, key_id

__all__ = ["EVENT_URL", "OIDC"]

#: As an audience, the event's own URL: `BASE_URL` and the path of the request.
EVENT_URL: Final = "event-url"

_LENGTH = 8192
"""Characters of the longest token that is looked at; Google's have about 900."""
_REMEMBERED = 1024
"""Tokens that are known to be good; Pub/Sub sends each for up to an hour."""
_MAX_LEEWAY = 300.0


class OIDC:
    """Accepts requests with a token that Google signed for one of your service accounts, and for you.

    Anybody can have Google sign a token. So both have to be given: who may send, and whom a token has to be for.

    Args:
        service_accounts: The addresses of those who may send.
        audience: Whom tokens are for, as their sender is configured; one or several. `"event-url"` is the event's own URL,
            with or without its query, made from `BASE_URL`.
        leeway: By how much clocks may differ, as a `timedelta` or in seconds; at most five minutes.
        certs_url: Where the keys are, as a JWK set.

    Raises:
        ConfigurationError: One of them is missing, or cannot be used.

    """

    def __init__(
        self,
        *,
        service_accounts: Sequence[str] = (),
        audience: str | Sequence[str] = (),
        leeway: timedelta | float = 10.0,
        certs_url: str = GOOGLE,
    ) -> None:
        self.service_accounts: frozenset[str] = _accounts(service_accounts)
        self.audience: tuple[str, ...] = _audience(audience)
        self._fixed = frozenset(self.audience) - {EVENT_URL}  # which no token may name itself
        self._by_url = EVENT_URL in self.audience
        self.leeway: float = _leeway(leeway)
        self.certs_url: str = _certs_url(certs_url)
        #: Who was accepted by which keys, by the digest of the token, the oldest first.
        self._accepted: dict[bytes, tuple[Principal, KeySet]] = {}
        self._lock = Lock()

    def authenticate(self, request: HttpRequest) -> Principal | None:
        """Called by the door of the sync view. Where the keys have to be fetched, it waits for them, five seconds at most."""
        token, keys = self._token(request), key_set(self.certs_url)
        if token is None:
            return None
        return self._recall(token, keys, request) or self._judge(token, keys.find(key_id(token)), keys, request)

    async def aauthenticate(self, request: HttpRequest) -> Principal | None:
        """Do what `authenticate` does, without blocking the event loop."""
        token, keys = self._token(request), key_set(self.certs_url)
        if token is None:
            return None
        return self._recall(token, keys, request) or self._judge(token, await keys.afind(key_id(token)), keys, request)

    def security_scheme(self) -> tuple[str, dict[str, Any]]:
        """Called by `asyncapi`."""
        told = f"A token that Google signed, for the audience {' or '.join(self.audience)}."
        return "oidc", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": told}

    def public_facts(self) -> Iterator[tuple[str, str]]:
        """Called by the catalogue."""
        yield "audience", ", ".join(self.audience)
        yield "service accounts", ", ".join(sorted(self.service_accounts))

    def check_deployment(self) -> Iterator[CheckMessage]:
        """Called by `manage.py check --deploy`."""
        for each in self.audience:
            url = getattr(settings, "BASE_URL", "") if each == EVENT_URL else each
            if not url.startswith("https://"):
                which = f", which is {url!r}" if each == EVENT_URL else ""
                yield Error(
                    f"OIDC is given audience={each!r}{which}, and that is not https.",
                    hint="Have events sent to an https URL, and their tokens made for one; or silence this check.",
                    id="gcp_event_router.E007",
                )

    def _token(self, request: HttpRequest) -> str | None:
        token = bearer(request)
        if token is not None and (len(token) > _LENGTH or not token.isascii()):
            raise AuthenticationError(reason="the token is not a JWT")
        return token

    def _recall(self, token: str, keys: KeySet, request: HttpRequest) -> Principal | None:
        """Who sent a token that these keys verified before, if it is still good, and good here."""
        principal, verified_by = self._accepted.get(_digest(token), (None, None))
        if principal is None or verified_by is not keys:
            return None
        self._require_now_and_here(principal.claims, request)
        return principal

    def _judge(self, token: str, key: PyJWK | None, keys: KeySet, request: HttpRequest) -> Principal:
        """Who sent a token that has not been accepted yet."""
        if key is None:
            raise AuthenticationError(reason="the token is not signed with a key of Google's")
        claims = claims_of(token, key)
        self._require_now_and_here(claims, request)
        email = claims.get("email")
        if not isinstance(email, str) or email not in self.service_accounts:
            raise ForbiddenError(reason="the token is of an account that is not among service_accounts")
        if claims.get("email_verified") is not True:
            raise ForbiddenError(reason="the token's address is not verified")
        principal = Principal("oidc", email, claims.get("sub"), MappingProxyType(claims))
        with self._lock:
            while len(self._accepted) >= _REMEMBERED:
                del self._accepted[next(iter(self._accepted))]
            self._accepted[_digest(token)] = principal, keys
        return principal

    def _require_now_and_here(self, claims: Any, request: HttpRequest) -> None:
        """Raise `AuthenticationError` unless a token is valid at this time and for this audience."""
        now = time()
        if claims["exp"] + self.leeway <= now:
            raise AuthenticationError(reason="the token has expired")
        if max(claims["iat"], claims.get("nbf", 0)) - self.leeway > now:
            raise AuthenticationError(reason="the token is not valid yet; do the clocks differ?")
        audience = claims["aud"]
        if audience not in self._fixed and not (self._by_url and _is_event_url(audience, request)):
            raise AuthenticationError(reason=f"the token is for another audience than {', '.join(self.audience)}")


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()


def _is_event_url(url: str, request: HttpRequest) -> bool:
    """Whether `url` is the URL of a request as `BASE_URL` has it, whatever the request says of its host."""
    base: str = (getattr(settings, "BASE_URL", None) or "").rstrip("/")
    path, asks, query = url.removeprefix(base).partition("?")
    if not base or not url.startswith(base) or unquote(path) != request.path:
        return False
    return not asks or query == request.META.get("QUERY_STRING", "")


def _refuse(option: str, problem: str, advice: str) -> Never:
    msg = f"OIDC is given {option} that {problem}. {advice}"
    raise ConfigurationError(msg)


def _is_strings(value: Sequence[object]) -> TypeGuard[Sequence[str]]:
    return isinstance(value, (list, tuple)) and bool(value) and all(isinstance(each, str) for each in value)


def _accounts(value: Sequence[object]) -> frozenset[str]:
    option = f"service_accounts={value!r}"
    advice = 'List the addresses of those who may send, such as ["pubsub@my-project.iam.gserviceaccount.com"].'
    if not _is_strings(value):
        _refuse(option, "is not a list of addresses", advice)
    for each in value:
        if ":" in each:  # as IAM policies and Terraform write members
            _refuse(option, f"has a prefix in {each!r}", f"Write {each.rpartition(':')[2]!r} alone.")
        if "@" not in each or "*" in each or each != each.strip():
            _refuse(option, f"has {each!r}, which is no address", advice)
    return frozenset(value)


def _audience(value: str | Sequence[object]) -> tuple[str, ...]:
    option = f"audience={value!r}"
    values = (value,) if isinstance(value, str) else value
    if not _is_strings(values) or not all(values):
        advice = (
            'Give what its senders are configured with, such as "https://shop.example", or "event-url" for each event\'s own URL.'
        )
        _refuse(option, "is neither a string nor a list of strings", advice)
    if EVENT_URL in values and not getattr(settings, "BASE_URL", ""):
        _refuse(option, "needs BASE_URL, which is not set", 'Write BASE_URL = "https://your-server.example" in your settings.')
    return tuple(values)


def _leeway(value: object) -> float:
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds <= _MAX_LEEWAY:
        advice = "Give a timedelta, or seconds from 0 to 300."
        _refuse(f"leeway={value!r}", "is not a time of at most five minutes", advice)
    return float(seconds)


def _certs_url(value: object) -> str:
    if not isinstance(value, str) or not is_acceptable(value):
        advice = f"Leave it out for Google's keys, which are at {GOOGLE}."
        _refuse(f"certs_url={value!r}", "is not an https URL, so that anybody on the way could change the keys", advice)
    return value
