"""Authenticates a secret that sender and site share, in a header or in the query: for webhooks that cannot sign."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Never, overload

from django.core.checks import CheckMessage
from django.core.checks import Warning as Warn
from django.http import HttpRequest
from django.http.request import HttpHeaders
from django.utils.crypto import constant_time_compare

from .. import _check_ids as check_ids
from ..event import Principal
from ..exceptions import AuthenticationError, ConfigurationError
from .base import CurlHint, bearer, check_query_credentials, query

_MIN_LENGTH = 16
#: Without underscores: servers drop headers with underscores, since X_A and X-A are the same to them.
_HEADER = re.compile(r"[A-Za-z0-9-]+")


class SharedToken:
    """Accepts requests with one of your tokens.

    Prefer the header: every server on the way may log the URL.

    Args:
        tokens: The tokens; several, while one replaces another.
        header: The header with the token, such as `"X-Gitlab-Token"`; `"Authorization"` contains `Bearer` and the token.
        parameter: The query parameter with the token, instead of a header. Handlers do not see it.

    Raises:
        ConfigurationError: An option is invalid. The error does not quote tokens.

    """

    # The defaults are for the message at run time: to type checkers, the tokens and one of the names are required.
    @overload
    def __init__(self, *, tokens: list[str] | tuple[str, ...], header: str, parameter: None = ...) -> None: ...

    @overload
    def __init__(self, *, tokens: list[str] | tuple[str, ...], header: None = ..., parameter: str) -> None: ...

    def __init__(self, *, tokens: Sequence[str] = (), header: str | None = None, parameter: str | None = None) -> None:
        if not isinstance(tokens, (list, tuple)) or not tokens:
            is_list = isinstance(tokens, (list, tuple))
            what = "is empty" if is_list else f"is of type {type(tokens).__name__}"
            _refuse(f"needs a list of at least one token, and tokens {what}", 'Write "tokens": [os.environ["SHOP_TOKEN"]].')
        for number, token in enumerate(tokens):
            if not _is_name(token):  # the message must not quote it
                problem = f"cannot use tokens[{number}], which is not a string of printable ASCII without spaces around it"
                _refuse(problem, "Is an environment variable empty, or does a file end in a newline?")
        is_header = parameter is None and header is not None and _HEADER.fullmatch(header)
        if not is_header and not (header is None and _is_name(parameter)):
            problem = f"needs the name of either a header or a parameter, not header={header!r} and parameter={parameter!r}"
            _refuse(problem, 'Write "header": "X-Shop-Token".')
        self._tokens = tuple(tokens)
        self.header: str | None = header
        #: The header's key in `request.META`; empty if the header has more than the token, or if there is no header.
        self._key = "" if header is None or header.lower() == "authorization" else HttpHeaders.to_wsgi_name(header)
        self.parameter: str | None = parameter
        self.secret_parameters: tuple[str, ...] = () if parameter is None else (parameter,)
        self.secret_headers: tuple[str, ...] = () if header is None else (header,)

    def authenticate(self, request: HttpRequest) -> Principal | None:
        """Return a principal for a request with one of the tokens; None without any. Raises `AuthenticationError` for another."""
        request_token: str | None = request.META.get(self._key) if self._key else self._read(request)
        if request_token is None:
            return None
        # all are compared, so that the time does not reveal which one it is
        if not sum(constant_time_compare(request_token, token) for token in self._tokens):
            raise AuthenticationError(reason="the shared token is not one of ours")
        return Principal("shared-token")

    async def aauthenticate(self, request: HttpRequest) -> Principal | None:
        """Do the same as `authenticate` on the event loop, since it does not block."""
        return self.authenticate(request)

    def security_scheme(self) -> tuple[str, dict[str, Any]]:
        """Describe the token for the AsyncAPI document."""
        place = {"in": "header", "name": self.header} if self.header else {"in": "query", "name": self.parameter}
        return "sharedToken", {"type": "httpApiKey", **place, "description": "A secret that sender and site share."}

    def public_facts(self) -> Iterator[tuple[str, str]]:
        """Return the name of the header or parameter for the catalogue."""
        yield ("header", self.header) if self.header is not None else ("query parameter", self.parameter or "")

    def curl_hint(self, _: str) -> CurlHint:
        """Show where `$TOKEN` goes."""
        scheme = "Bearer " if (self.header or "").lower() == "authorization" else ""
        header = f"{self.header}: {scheme}$TOKEN" if self.header else ""
        return CurlHint(
            "with a shared token", "TOKEN is one of the tokens in the settings: TOKEN=…", header, self.parameter or ""
        )

    def check_deployment(self) -> Iterator[CheckMessage]:
        """Check that the token is encrypted on its way, and long enough."""
        if self.parameter is not None:
            yield from check_query_credentials(self)
        if any(len(token) < _MIN_LENGTH for token in self._tokens):
            yield Warn(
                f"A token of SharedToken has fewer than {_MIN_LENGTH} characters, so it can be guessed.",
                hint="Make a longer one: python -c 'import secrets; print(secrets.token_urlsafe())'.",
                id=check_ids.GUESSABLE_CREDENTIAL,
            )

    def _read(self, request: HttpRequest) -> str | None:
        if self.parameter is None:
            return bearer(request)
        values = query(request).get(self.parameter)
        if values is None:
            return None
        if len(values) > 1:
            raise AuthenticationError(reason="the shared token occurs more than once")
        return values[0]


def _refuse(problem: str, advice: str) -> Never:
    msg = f"SharedToken {problem}. {advice}"
    raise ConfigurationError(msg)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and value.isprintable() and value == value.strip() and bool(value)
