"""Identity tokens of Google's service accounts: Pub/Sub push, Eventarc, Cloud Scheduler and Cloud Tasks send them.

The one authenticator that needs the extra `oidc`. `id_token` reads what a token claims, `keys` has the keys.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from hashlib import sha256
from shlex import quote
from threading import Lock
from time import time
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Never, TypeGuard
from urllib.parse import unquote

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.http import HttpRequest
from jwt import PyJWK

from .._flow import Flow, arun, run
from ..event import Principal
from ..exceptions import AuthenticationError, ConfigurationError, ForbiddenError
from .base import CurlHint, bearer
from .id_token import claims_of, key_id
from .keys import GOOGLE, is_acceptable, key_set

__all__ = ["EVENT_URL", "OIDC"]

#: As an audience, the event's own URL: `BASE_URL` and the path of the request.
EVENT_URL: Final = "event-url"

_LENGTH = 8192
"""Characters of the longest token that is looked at; Google's have about 900."""
_REMEMBERED = 1024
"""Tokens that are known to be good; Pub/Sub sends each for up to an hour."""
_MAX_LEEWAY = 300.0
_LIFETIME = 24 * 3600
"""Seconds that a token may be made for. Google's last an hour; its client libraries take those of up to a day."""
_TOLD = 255
"""Characters that the log shows of an account or an audience."""


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
        #: Who was accepted by which key, by the digest of the token, the oldest first.
        self._accepted: dict[bytes, _Accepted] = {}
        self._lock = Lock()

    def authenticate(self, request: HttpRequest) -> Principal | None:
        """Return who sent a request with a token of Google's. Called under WSGI; waits five seconds for keys at most."""
        return run(self._verify(request))

    async def aauthenticate(self, request: HttpRequest) -> Principal | None:
        """Do the same without blocking the event loop."""
        return await arun(self._verify(request))

    def _verify(self, request: HttpRequest) -> Flow[Principal | None]:
        token = self._token(request)
        if token is None:
            return None
        accepted = self._accepted.get(_digest(token))
        kid = key_id(token) if accepted is None else accepted.kid
        keys = key_set(self.certs_url)
        key = keys.current(kid) or (yield from keys.find(kid))
        return self._judge(token, key, accepted, request)

    def security_scheme(self) -> tuple[str, dict[str, Any]]:
        """Called by `asyncapi`."""
        told = f"A token that Google signed, for the audience {' or '.join(self.audience)}."
        return "oidc", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": told}

    def public_facts(self) -> Iterator[tuple[str, str]]:
        """Called by the catalogue."""
        yield "audience", ", ".join(self.audience)
        yield "service accounts", ", ".join(sorted(self.service_accounts))

    def curl_hint(self, url: str) -> CurlHint:
        """Called by the catalogue. The token of a service account lacks its address, unless gcloud is told to include it."""
        account, audience = min(self.service_accounts), url if self.audience[0] == EVENT_URL else self.audience[0]
        options = f"--impersonate-service-account={quote(account)} --include-email --audiences={quote(audience)}"
        header = f"Authorization: Bearer $(gcloud auth print-identity-token {options})"
        return CurlHint("with a token of Google's", "You have to be allowed to impersonate that service account.", header)

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

    def _judge(self, token: str, key: PyJWK | None, accepted: _Accepted | None, request: HttpRequest) -> Principal:
        """Who sent a token. One that was accepted is not verified again while its key stays in the key set."""
        if key is None:
            raise AuthenticationError(reason="the token is not signed with a key of Google's")
        if accepted is not None and accepted.key is key:
            self._require_now_and_here(accepted.principal.claims, request)
            return accepted.principal
        claims = claims_of(token, key)
        if claims["exp"] - claims["iat"] > _LIFETIME:
            raise AuthenticationError(reason=f"the token is made for longer than a day: {_told(claims)}")
        self._require_now_and_here(claims, request)
        email = claims.get("email")
        if not isinstance(email, str) or email not in self.service_accounts:
            raise ForbiddenError(reason=f"the token is of an account that is not among service_accounts: {_told(claims)}")
        if claims.get("email_verified") is not True:
            raise ForbiddenError(reason=f"the token's address is not verified: {_told(claims)}")
        principal = Principal("oidc", email, claims.get("sub"), MappingProxyType(claims))
        accepted = _Accepted(principal, str(key.key_id), key)
        with self._lock:
            while len(self._accepted) >= _REMEMBERED:
                del self._accepted[next(iter(self._accepted))]
            self._accepted[_digest(token)] = accepted
        return principal

    def _require_now_and_here(self, claims: Any, request: HttpRequest) -> None:
        """Raise `AuthenticationError` unless a token is valid at this time and for this audience; it has been verified."""
        now = time()
        if claims["exp"] + self.leeway <= now:
            raise AuthenticationError(reason=f"the token has expired: {_told(claims)}")
        if max(claims["iat"], claims.get("nbf", 0)) - self.leeway > now:
            raise AuthenticationError(reason=f"the token is not valid yet; do the clocks differ? {_told(claims)}")
        audience = claims["aud"]
        if audience not in self._fixed and not (self._by_url and _is_event_url(audience, request)):
            wanted = " or ".join(map(repr, self.audience))
            raise AuthenticationError(reason=f"the token is for another audience than {wanted}: {_told(claims)}")


class _Accepted(NamedTuple):
    """A token that was accepted: who sent it, and the key that verified it."""

    principal: Principal
    kid: str
    key: PyJWK


def _told(claims: Any) -> str:
    """What a refusal says of a token, once its signature is verified: the account and the audience that Google signed."""
    email, audience = claims.get("email"), claims["aud"]
    account = f"account {_quoted(email)}" if isinstance(email, str) else "no account"
    return f"it has {account} and audience {_quoted(audience)}"


def _quoted(text: str) -> str:
    return repr(text if len(text) <= _TOLD else f"{text[:_TOLD]}...")


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
