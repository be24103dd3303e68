"""A secret that sender and site share, in a header or in the query: for webhooks that cannot sign."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Never

from django.core.checks import CheckMessage
from django.core.checks import Warning as Warn
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from ..event import Principal
from ..exceptions import AuthenticationError, ConfigurationError
from .base import CurlHint, bearer, check_query_credentials, query

__all__ = ["SharedToken"]

_SHORT = 16
_HEADER = re.compile(r"[A-Za-z0-9-]+")
"""Without underscores: servers drop headers that have some, since to them X_A and X-A are one."""


class SharedToken:
    """Accepts requests that hold one of some tokens.

    Prefer the header: a URL is written into the logs of every server that it passes.

    Args:
        tokens: The tokens; several while one replaces another.
        header: The header that holds it, such as `"X-Gitlab-Token"`; `"Authorization"` holds `Bearer` and the token.
        parameter: The query parameter that holds it, in place of a header. Handlers do not see it.

    Raises:
        ConfigurationError: One of them cannot be used. The error quotes no token.

    """

    def __init__(self, *, tokens: Sequence[str] = (), header: str | None = None, parameter: str | None = None) -> None:
        self._tokens = _checked(tokens)
        advice = 'Give one, such as header="X-Shop-Token".'
        if (header is None) == (parameter is None):
            _refuse(f"header={header!r} and parameter={parameter!r}, of which exactly one has to name where the token is", advice)
        if header is not None and not _HEADER.fullmatch(header):
            _refuse(f"header={header!r}, which is no header's name", advice)
        if parameter is not None and not _is_name(parameter):
            _refuse(f"parameter={parameter!r}, which is no parameter's name", 'Give one, such as parameter="token".')
        self.header: str | None = header
        self.parameter: str | None = parameter
        self.secret_parameters: tuple[str, ...] = () if parameter is None else (parameter,)
        self.secret_headers: tuple[str, ...] = () if header is None else (header,)

    def authenticate(self, request: HttpRequest) -> Principal | None:
        """Called by the door of the sync view."""
        given = self._given(request)
        if given is None:
            return None
        # each is compared, so that the time does not tell which
        if not sum(constant_time_compare(given, token) for token in self._tokens):
            raise AuthenticationError(reason="the shared token is not one of ours")
        return Principal("shared-token")

    async def aauthenticate(self, request: HttpRequest) -> Principal | None:
        """Do the same on the event loop: there is nothing to wait for."""
        return self.authenticate(request)

    def security_scheme(self) -> tuple[str, dict[str, Any]]:
        """Called by `asyncapi`."""
        place = {"in": "header", "name": self.header} if self.header else {"in": "query", "name": self.parameter}
        return "sharedToken", {"type": "httpApiKey", **place, "description": "A secret that sender and site share."}

    def public_facts(self) -> Iterator[tuple[str, str]]:
        """Called by the catalogue; none is of a token."""
        yield ("header", self.header) if self.header is not None else ("query parameter", self.parameter or "")

    def curl_hint(self, _: str) -> CurlHint:
        """Called by the catalogue."""
        scheme = "Bearer " if (self.header or "").lower() == "authorization" else ""
        header = f"{self.header}: {scheme}$TOKEN" if self.header else ""
        return CurlHint(
            "with a shared token", "TOKEN is one of the tokens in the settings: TOKEN=…", header, self.parameter or ""
        )

    def check_deployment(self) -> Iterator[CheckMessage]:
        """Called by `manage.py check --deploy`."""
        if self.parameter is not None:
            yield from check_query_credentials(self)
        if any(len(token) < _SHORT for token in self._tokens):
            yield Warn(
                f"SharedToken is given a token of less than {_SHORT} characters, which can be guessed.",
                hint="Make a longer one: python -c 'import secrets; print(secrets.token_urlsafe())'.",
                id="gcp_event_router.W007",
            )

    def _given(self, request: HttpRequest) -> str | None:
        if self.header is None:
            values = query(request).get(self.parameter or "")
            if values is None:
                return None
            if len(values) > 1:
                raise AuthenticationError(reason="the shared token is given more than once")
            return values[0]
        if self.header.lower() == "authorization":
            return bearer(request)
        return request.headers.get(self.header)


def _refuse(problem: str, advice: str) -> Never:
    msg = f"SharedToken is given {problem}. {advice}"
    raise ConfigurationError(msg)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and value.isprintable() and value == value.strip() and bool(value)


def _checked(tokens: Sequence[object]) -> tuple[str, ...]:
    """The tokens, none of which a message may quote."""
    advice = 'Write them as a list, such as "tokens": [os.environ["SHOP_TOKEN"]].'
    if not isinstance(tokens, (list, tuple)) or not tokens:
        _refuse(f"tokens of type {type(tokens).__name__}, which is no list of at least one token", advice)
    return tuple(_checked_one(f"tokens[{number}]", token, advice) for number, token in enumerate(tokens))


def _checked_one(place: str, token: object, advice: str) -> str:
    if not isinstance(token, str):
        _refuse(f"{place} of type {type(token).__name__}, which is no string", advice)
    if not token:
        _refuse(f"{place} that is empty, which would let everybody in", "Is an environment variable not set?")
    if not _is_name(token):
        advice = "Use printable ASCII without spaces around it. Does it come from a file that ends in a newline? strip() it."
        _refuse(f"{place} with characters that do not pass a header", advice)
    return token
