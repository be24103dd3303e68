"""Signs the URL of an event, for `utils.get_event_url`, and verifies it, for `auth.SignedURL`.

The signature is one query parameter, `<expires>.<nonce>.<signature>`: seconds since 1970, or nothing; a random text if the URL
can be used once, or nothing; and Django's HMAC of both, the path and all other parameters, with `SECRET_KEY` or one of
`SECRET_KEY_FALLBACKS`.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from datetime import timedelta
from math import ceil
from time import time
from typing import Final, NamedTuple
from urllib.parse import unquote

from django.core.signing import Signer
from django.http import QueryDict
from django.urls import get_script_prefix

#: The query parameter that holds the signature.
PARAMETER: Final = "signature"

#: Seconds by which the clocks of workers may differ.
_CLOCK_SKEW: Final = 300
_MAX_AGE: Final = timedelta(days=36_500)
_SALT = "gcp_event_router.signatures"
_FORM = re.compile(r"(\d{0,12})\.([\w-]{0,22})\.([\w-]{1,64})", re.ASCII)


class Terms(NamedTuple):
    """How long, and how often, a URL may be used."""

    #: Seconds since 1970; None if it never expires.
    expires: int | None
    #: The key under which a use is remembered; None if the URL may be used again.
    once: str | None

    @property
    def seconds_to_remember(self) -> int | None:
        """How long to remember a use: until the URL expires by every worker's clock."""
        return None if self.expires is None else ceil(self.expires - time()) + _CLOCK_SKEW

    @property
    def expired(self) -> bool:
        """Whether the URL has expired."""
        return self.expires is not None and self.expires <= time()


def signed_query(url: str, query: str, *, signed: bool, max_age: timedelta | None, single_use: bool) -> str:
    """Add a signature to a query; see `utils.get_event_url`. Raises `ValueError` for terms that exclude each other."""
    parameters = dict(QueryDict(query, encoding="utf-8").lists())
    problem = None
    if not signed:
        problem = "max_age and single_use apply to signed URLs only. Write signed=True."
    elif max_age is not None and not _is_age(max_age):
        problem = f"max_age must be a positive timedelta of at most a hundred years, not {max_age!r}. Write timedelta(hours=1)."
    elif single_use and max_age is None:
        problem = "single_use needs max_age, which limits how long the site remembers the URL. Add max_age=timedelta(hours=1)."
    elif PARAMETER in parameters:
        problem = f"event_parameters contains {PARAMETER!r}, the name of the signature's parameter. Choose another name."
    if problem is not None:
        raise ValueError(problem)
    path = unquote(url).removeprefix(get_script_prefix().rstrip("/"))
    return f"{query}&{PARAMETER}={sign(path, parameters, max_age, single_use=single_use)}".lstrip("&")


def _is_age(value: object) -> bool:
    return isinstance(value, timedelta) and timedelta(0) < value <= _MAX_AGE


def sign(path: str, parameters: Mapping[str, list[str]], max_age: timedelta | None, *, single_use: bool) -> str:
    """Make the signature of a decoded path below the site's root and all values of each query parameter."""
    expires = "" if max_age is None else ceil(time() + max_age.total_seconds())
    terms = f"{expires}.{secrets.token_urlsafe(16) if single_use else ''}"
    signature = Signer(salt=_SALT).sign(_text(terms, path, parameters)).rpartition(":")[2]
    return f"{terms}.{signature}"


def verify(value: str, path: str, parameters: Mapping[str, list[str]]) -> Terms:
    """Verify a signature, and return its terms. Raises `ValueError` if it is malformed, `BadSignature` if it is not ours."""
    form = _FORM.fullmatch(value)
    if form is None:
        msg = "the signature is malformed"
        raise ValueError(msg)
    expires, nonce, signature = form.groups()
    Signer(salt=_SALT).unsign(f"{_text(f'{expires}.{nonce}', path, parameters)}:{signature}")
    return Terms(int(expires) if expires else None, f"{_SALT}:{nonce}" if nonce else None)


def _text(terms: str, path: str, parameters: Mapping[str, list[str]]) -> str:
    """The signed text, which ignores a slash at the end of the path and the order of the parameters."""
    return json.dumps([terms, path.removesuffix("/"), sorted(parameters.items())])
