"""Reads Google's identity tokens (OpenID Connect): the id of the key, the signature and the claims.

RS256 only, whatever a token's header says. A token is hostile until its signature is verified.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, Literal, NotRequired, cast

import jwt
from pydantic import ConfigDict, Field, TypeAdapter, with_config
from pydantic_core import from_json
from typing_extensions import TypedDict

from ..exceptions import AuthenticationError

#: Seconds since 1970, up to the year 9999.
_Time = Annotated[int, Field(ge=0, le=253_402_300_799)]


@with_config(ConfigDict(strict=True, extra="allow"))
class Claims(TypedDict):
    """The claims of a token. Others that Google's OpenID Connect reference names are kept unvalidated."""

    iss: Literal["https://accounts.google.com", "accounts.google.com"]
    aud: str
    exp: _Time
    iat: _Time
    nbf: NotRequired[_Time]
    sub: NotRequired[str]
    #: Checked last, since another address means another sender, not an invalid token.
    email: NotRequired[object]
    email_verified: NotRequired[object]


#: Google's front ends replace the signature of a token that they verify, so that nobody can use it again.
_REMOVED = ".SIGNATURE_REMOVED_BY_GOOGLE"

_CLAIMS = TypeAdapter(Claims)
_JWS = jwt.PyJWS()
_SHAPE = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)


def key_id(token: str) -> str:
    """Return the id of the key that a token names. Raises `AuthenticationError`.

    Stricter than PyJWT, whose leniency differs between releases: a token has one spelling, and its header is JSON.
    """
    if token.endswith(_REMOVED):
        raise AuthenticationError(
            reason="Cloud Run took the signature off the token; see the guide to authentication on Cloud Run"
        )
    if not _SHAPE.fullmatch(token):
        raise AuthenticationError(reason="the token is not a JWT")
    try:
        header, _, _ = (_decode(segment) for segment in token.split("."))
        fields = from_json(header, allow_inf_nan=False)
    except ValueError as error:
        raise AuthenticationError(reason="the token is not a JWT") from error
    if not isinstance(fields, dict) or "crit" in fields:
        raise AuthenticationError(reason="the token's header is not that of a Google token")
    kid = cast("dict[str, object]", fields).get("kid")
    if not isinstance(kid, str):
        raise AuthenticationError(reason="the token does not name its key")
    return kid


def claims_of(token: str, key: jwt.PyJWK) -> Claims:
    """Verify a token's signature, and return its claims. Raises `AuthenticationError`."""
    try:
        payload = _JWS.decode(token, key, algorithms=["RS256"])
    except (jwt.PyJWTError, RecursionError) as error:
        raise AuthenticationError(reason="the token's signature is invalid") from error
    try:
        return _CLAIMS.validate_python(from_json(payload, allow_inf_nan=False))
    except ValueError as error:  # pydantic's ValidationError is one
        raise AuthenticationError(reason="the token's claims are not those of a Google token") from error


def _decode(segment: str) -> bytes:
    """Decode a segment, if it has the canonical spelling of its bytes. Raises `ValueError`."""
    decoded = urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    if urlsafe_b64encode(decoded).decode().rstrip("=") != segment:
        msg = "not canonical base64url"
        raise ValueError(msg)
    return decoded
