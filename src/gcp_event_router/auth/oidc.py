"""Authenticates Google's service accounts by identity tokens: Pub/Sub, Eventarc, Cloud Scheduler and Cloud Tasks send them.

Needs the extra `oidc`. `id_token` reads tokens, `keys` fetches the keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from hashlib import sha256
from shlex import quote
from threading import Lock
from time import time
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Never, TypeAlias, TypeGuard, overload
from urllib.parse import unquote, urlsplit

from django.core.checks import CheckMessage, Error
from django.http import HttpRequest
from jwt import PyJWK

from .. import _check_ids as check_ids
from .._event_urls import configured_base_url
from .._flow import Flow, arun, run
from ..event import Principal
from ..exceptions import AuthenticationError, ConfigurationError, ForbiddenError
from .base import CurlHint, bearer
from .id_token import claims_of, key_id
from .keys import GOOGLE, is_acceptable, key_set

#: The audience that stands for the event's own URL: `BASE_URL` and the path of the request.
EVENT_URL: Final = "event-url"

Strings: TypeAlias = list[str] | tuple[str, ...]
#: A time, or seconds.
Leeway: TypeAlias = timedelta | float

#: The most characters that a token may have; Google's have about 900.
_MAX_LENGTH = 8192
#: How many accepted tokens are remembered; Pub/Sub sends each token for up to an hour.
_REMEMBERED = 1024
_MAX_LEEWAY = 300.0
#: The most seconds that a token may be valid. Google's last an hour; its client libraries accept up to a day.
_MAX_LIFETIME = 24 * 3600
#: The most characters of an account or an audience in the log.
_MAX_LOGGED = 255
#: An address, without the prefix that IAM policies and Terraform write.
_ACCOUNT = re.compile(r"[^@:*\s]+@[^:*\s]+")


class OIDC:
    """Accepts requests with a token that Google signed for one of your service accounts and your audience.

    Anybody can get a token signed by Google, so both options are required.

    Args:
        service_accounts: The addresses of the accounts that may send.
        audience: The audience with which the senders are configured; one or several. `"event-url"` is the event's own URL,
            with or without its query, built from `BASE_URL`.
        leeway: How much clocks may differ, as a `timedelta` or in seconds; at most five minutes, by default ten seconds.
        certs_url: The URL of the keys, a JWK set, by default Google's; on your machine, that of `manage.py events issuer`.

    Raises:
        ConfigurationError: An option is missing or invalid, or the extra `oidc` is not installed.

    """

    # The defaults are for the message at run time: to type checkers, both options are required.
    @overload
    def __init__(self, *, service_accounts: Strings, audience: str, leeway: Leeway = ..., certs_url: str = ...) -> None: ...

    @overload
    def __init__(self, *, service_accounts: Strings, audience: Strings, leeway: Leeway = ..., certs_url: str = ...) -> None: ...

    def __init__(
        self,
        *,
        service_accounts: Sequence[str] = (),
        audience: str | Sequence[str] = (),
        leeway: Leeway = 10.0,
        certs_url: str = GOOGLE,
    ) -> None:
        self.service_accounts: frozenset[str] = _accounts(service_accounts)
        self.audience: tuple[str, ...] = _audience(audience)
        self._fixed = frozenset(self.audience) - {EVENT_URL}  # a token must not contain this word
        self._by_url = EVENT_URL in self.audience
        self.leeway: float = _leeway(leeway)
        self.certs_url: str = _certs_url(certs_url)
        #: Accepted tokens by their digest, the oldest first.
        self._accepted: dict[bytes, _Accepted] = {}
        self._lock = Lock()

    def authenticate(self, request: HttpRequest) -> Principal | None:
        """Return the sender of a request with a Google token; raises as `Authenticator.authenticate`.

        Waits at most five seconds for keys.
        """
        token = _token(request)
        if token is None:
            return None
        return self._recall(token, request) or run(self._verify(token, request))

    async def aauthenticate(self, request: HttpRequest) -> Principal | None:
        """Do the same as `authenticate` without blocking the event loop."""
        token = _token(request)
        if token is None:
            return None
        return self._recall(token, request) or await arun(self._verify(token, request))

    def security_scheme(self) -> tuple[str, dict[str, Any]]:
        """Describe the tokens for the AsyncAPI document."""
        description = f"A token that Google signed, for the audience {' or '.join(self.audience)}."
        return "oidc", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": description}

    def public_facts(self) -> Iterator[tuple[str, str]]:
        """Return the options that the catalogue shows."""
        yield "audience", ", ".join(self.audience)
        yield "service accounts", ", ".join(sorted(self.service_accounts))

    def curl_hint(self, url: str) -> CurlHint:
        """Show how gcloud makes a token. Without `--include-email`, it would lack the account's address."""
        account, audience = min(self.service_accounts), url if self.audience[0] == EVENT_URL else self.audience[0]
        options = f"--impersonate-service-account={quote(account)} --include-email --audiences={quote(audience)}"
        header = f"Authorization: Bearer $(gcloud auth print-identity-token {options})"
        return CurlHint("with a token of Google's", "You have to be allowed to impersonate that service account.", header)

    def check_deployment(self) -> Iterator[CheckMessage]:
        """Check that every audience is an https URL, and that the keys are not this machine's."""
        if urlsplit(self.certs_url).scheme == "http":
            yield Error(
                f"OIDC takes the keys from this machine, at {self.certs_url}, so whoever listens there can sign tokens.",
                hint="Leave certs_url out in production, to use Google's keys.",
                id=check_ids.LOCAL_KEYS,
            )
        for audience in self.audience:
            url = configured_base_url() if audience == EVENT_URL else audience
            if not (url and url.startswith("https://")):
                which = f", which is {url!r}," if audience == EVENT_URL else ""
                yield Error(
                    f"The audience {audience!r} of OIDC{which} is not an https URL.",
                    hint="Send events and their tokens to an https URL, or silence this check.",
                    id=check_ids.AUDIENCE_NOT_HTTPS,
                )

    def _recall(self, token: str, request: HttpRequest, key: PyJWK | None = None) -> Principal | None:
        """Return the sender of a token that was accepted before, if the key that verified it is still in the key set.

        `key` is the token's key if it was just fetched; otherwise, it must not be due for fetching.
        """
        accepted = self._accepted.get(_digest(token))
        if accepted is None or (key or key_set(self.certs_url).current(accepted.kid)) is not accepted.key:
            return None
        self._require_now_and_here(accepted.principal.claims, request)
        return accepted.principal

    def _verify(self, token: str, request: HttpRequest) -> Flow[Principal]:
        """Return the sender of a token, and remember the token."""
        kid, keys = key_id(token), key_set(self.certs_url)
        key = keys.current(kid) or (yield from keys.find(kid))
        if key is None:
            raise AuthenticationError(reason=f"the token is not signed with one of {_owner(self.certs_url)} keys")
        if (recalled := self._recall(token, request, key)) is not None:
            return recalled
        claims = claims_of(token, key)
        if claims["exp"] - claims["iat"] > _MAX_LIFETIME:
            raise AuthenticationError(reason=f"the token is valid for longer than a day: {_describe(claims)}")
        self._require_now_and_here(claims, request)
        email = claims.get("email")
        if not isinstance(email, str) or email not in self.service_accounts:
            raise ForbiddenError(reason=f"the token's account is not in service_accounts: {_describe(claims)}")
        if claims.get("email_verified") is not True:
            raise ForbiddenError(reason=f"the token's address is not verified: {_describe(claims)}")
        principal = Principal("oidc", email, claims.get("sub"), MappingProxyType(claims))
        with self._lock:
            while len(self._accepted) >= _REMEMBERED:
                del self._accepted[next(iter(self._accepted))]
            self._accepted[_digest(token)] = _Accepted(principal, str(key.key_id), key)
        return principal

    def _require_now_and_here(self, claims: Any, request: HttpRequest) -> None:
        """Raise `AuthenticationError` unless a verified token is valid now and for this audience."""
        now = time()
        if claims["exp"] + self.leeway <= now:
            raise AuthenticationError(reason=f"the token has expired: {_describe(claims)}")
        if max(claims["iat"], claims.get("nbf", 0)) - self.leeway > now:
            raise AuthenticationError(reason=f"the token is not valid yet; do the clocks differ? {_describe(claims)}")
        audience = claims["aud"]
        if audience not in self._fixed and not (self._by_url and _is_event_url(audience, request)):
            expected = " or ".join(map(repr, self.audience))
            raise AuthenticationError(reason=f"the token is for another audience than {expected}: {_describe(claims)}")


class _Accepted(NamedTuple):
    """An accepted token: its sender, and the key that verified it."""

    principal: Principal
    kid: str
    key: PyJWK


def _describe(claims: Any) -> str:
    """The account and the audience of a verified token, for the reason of a refusal."""
    email = claims.get("email")
    account = f"account {_shorten(email)}" if isinstance(email, str) else "no account"
    return f"it has {account} and audience {_shorten(claims['aud'])}"


def _shorten(text: str) -> str:
    return repr(text if len(text) <= _MAX_LOGGED else f"{text[:_MAX_LOGGED]}...")


def _token(request: HttpRequest) -> str | None:
    """Return the bearer token of a request; None without one. Raises `AuthenticationError` for one that cannot be a JWT."""
    token = bearer(request)
    if token is not None and not (0 < len(token) <= _MAX_LENGTH and token.isascii()):
        raise AuthenticationError(reason="the token is not a JWT")
    return token


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()


def _is_event_url(url: str, request: HttpRequest) -> bool:
    """Whether `url` is the URL of a request below `BASE_URL`; the request's own host is ignored."""
    base = (configured_base_url() or "").rstrip("/")
    path, has_query, query = url.removeprefix(base).partition("?")
    if not base or not url.startswith(base) or unquote(path) != request.path:
        return False
    return not has_query or query == request.META.get("QUERY_STRING", "")


def _refuse(option: str, problem: str, advice: str) -> Never:
    msg = f"OIDC's {option} {problem}. {advice}"
    raise ConfigurationError(msg)


def _is_strings(value: Sequence[object]) -> TypeGuard[Sequence[str]]:
    return isinstance(value, (list, tuple)) and bool(value) and all(isinstance(item, str) for item in value)


def _accounts(value: Sequence[object]) -> frozenset[str]:
    if not _is_strings(value) or not all(map(_ACCOUNT.fullmatch, value)):
        advice = 'List the addresses of the senders without a prefix, such as ["pubsub@my-project.iam.gserviceaccount.com"].'
        _refuse(f"service_accounts={value!r}", "is not a list of addresses", advice)
    return frozenset(value)


def _audience(value: str | Sequence[object]) -> tuple[str, ...]:
    option = f"audience={value!r}"
    values = (value,) if isinstance(value, str) else value
    if not _is_strings(values) or not all(values):
        advice = 'Give the audience of your senders, such as "https://shop.example", or "event-url" for each event\'s own URL.'
        _refuse(option, "is neither a string nor a list of strings", advice)
    if EVENT_URL in values and not configured_base_url():
        _refuse(option, "needs BASE_URL, which is not set", 'Write BASE_URL = "https://your-server.example" in your settings.')
    return tuple(values)


def _leeway(value: object) -> float:
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds <= _MAX_LEEWAY:
        advice = "Give a timedelta, or seconds from 0 to 300."
        _refuse(f"leeway={value!r}", "is not a time of at most five minutes", advice)
    return float(seconds)


def _owner(certs_url: str) -> str:
    """Whose keys a URL has, in the genitive."""
    return "Google's" if certs_url == GOOGLE else f"{urlsplit(certs_url).hostname}'s"


def _certs_url(value: object) -> str:
    if not isinstance(value, str) or not is_acceptable(value):
        advice = f"Leave it out to use Google's keys at {GOOGLE}."
        _refuse(f"certs_url={value!r}", "is not an https URL, so anybody on the way could replace the keys", advice)
    return value
