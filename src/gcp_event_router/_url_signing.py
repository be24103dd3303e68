"""The signature of an event's URL: `utils.get_event_url` makes it, `auth.SignedURL` verifies it.

It is one query parameter, `<expires>.<nonce>.<signature>`: seconds since 1970, or nothing; a random word for a URL that can
be used once, or nothing; and Django's HMAC of both with the path and all other parameters. `SECRET_KEY` is its key, and
`SECRET_KEY_FALLBACKS` verify older ones.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from time import time
from typing import Final
from urllib.parse import unquote

from django.core.signing import Signer
from django.http import QueryDict
from django.urls import get_script_prefix

__all__ = ["PARAMETER", "Terms", "make", "signed_query", "verified"]

#: The query parameter that holds the signature.
PARAMETER: Final = "signature"

_CLOCKS = 300
"""Seconds by which the clocks of workers may differ."""
_MAX_AGE: Final = timedelta(days=36_500)
_SALT = "gcp_event_router.signatures"
_FORM = re.compile(r"(\d{0,12})\.([\w-]{0,22})\.([\w-]{1,64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms a URL may be used."""

    #: Seconds since 1970; None for ever.
    expires: int | None
    #: What to remember of a URL that may be used once; None if it may be used again.
    once: str | None

    @property
    def seconds_to_remember(self) -> int | None:
        """How long to remember that it was used: as long as it is accepted, and some more, since clocks differ."""
        return None if self.expires is None else ceil(self.expires - time()) + _CLOCKS

    @property
    def expired(self) -> bool:
        """Whether it may not be used any more."""
        return self.expires is not None and self.expires <= time()


def signed_query(url: str, query: str, *, signed: bool, max_age: timedelta | None, single_use: bool) -> str:
    """The query of a URL, with its signature; for `utils.get_event_url`, which says what the arguments mean.

    Raises `ValueError` for terms on which a URL cannot be signed.
    """
    given = f"get_event_url() is given signed={signed}, max_age={max_age!r} and single_use={single_use}"
    parameters = dict(QueryDict(query, encoding="utf-8").lists())
    problem = None
    if not signed:
        problem = "of which the last two say something of signed URLs only. Write signed=True."
    elif not (max_age is None or _is_time(max_age)):
        problem = f"of which max_age is no timedelta, so its unit is unknown. Write timedelta(seconds={max_age!r})."
    elif max_age is not None and not timedelta(0) < max_age <= _MAX_AGE:
        problem = "with which it would never be accepted. Give a positive max_age of at most a hundred years."
    elif single_use and max_age is None:
        problem = "which would have to be remembered for ever. Give a max_age."
    elif PARAMETER in parameters:
        problem = f"but a parameter is called {PARAMETER!r} already. Choose another name for it."
    if problem is not None:
        msg = f"{given}, {problem}"
        raise ValueError(msg)
    path = unquote(url).removeprefix(get_script_prefix().rstrip("/"))
    return f"{query}&{PARAMETER}={make(path, parameters, max_age, single_use=single_use)}".lstrip("&")


def _is_time(value: object) -> bool:
    return isinstance(value, timedelta)


def make(path: str, parameters: Mapping[str, list[str]], max_age: timedelta | None, *, single_use: bool) -> str:
    """Sign a URL.

    Args:
        path: The path below the site's root, decoded.
        parameters: All values of each query parameter.
        max_age: How long the URL may be used.
        single_use: Whether the first use is the last.

    """
    terms = (
        f"{'' if max_age is None else ceil(time() + max_age.total_seconds())}.{secrets.token_urlsafe(16) if single_use else ''}"
    )
    signature = Signer(salt=_SALT).sign(_text(terms, path, parameters)).rpartition(":")[2]
    return f"{terms}.{signature}"


def verified(value: str, path: str, parameters: Mapping[str, list[str]]) -> Terms:
    """The terms of a signed URL.

    Raises:
        ValueError: The value is not of the form of a signature.
        BadSignature: It was not made by us, or for another URL.

    """
    form = _FORM.fullmatch(value)
    if form is None:
        msg = "not of the form of a signature"
        raise ValueError(msg)
    expires, nonce, signature = form.groups()
    Signer(salt=_SALT).unsign(f"{_text(f'{expires}.{nonce}', path, parameters)}:{signature}")
    return Terms(int(expires) if expires else None, f"{_SALT}:{nonce}" if nonce else None)


def _text(terms: str, path: str, parameters: Mapping[str, list[str]]) -> str:
    """What is signed: the path with or without a slash at its end, and the parameters in any order of their names."""
    return json.dumps([terms, path.removesuffix("/"), sorted(parameters.items())])
