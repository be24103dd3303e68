"""The rows A2 to A4 of what a door has to stand, by number: forged tokens, hostile ones, and claims of wrong types.

`test_oidc_vectors.py` has hundreds more.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Iterator
from math import inf, nan
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gcp_event_router import EventRouter

from ..conftest import Post
from ..support.issuers import AUDIENCE, NOW, Google, Issuer, b64, google, listening, status
from .test_access import UNAUTHORIZED, whole


@pytest.fixture
def world() -> Iterator[Google]:
    """OIDC guards the endpoint."""
    with google() as made:
        yield made


@pytest.fixture
def called(router: EventRouter) -> list[str]:
    """Who was called with an event."""
    return listening(router)


def pem(issuer: Issuer) -> bytes:
    return issuer.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def forged(issuer: Issuer, header: dict[str, Any], secret: bytes | None = None, digest: str = "sha256") -> str:
    """A token that the key has not signed: nobody has, or a secret that everybody knows."""
    message = f"{b64(json.dumps({'kid': issuer.kid, **header}).encode())}.{b64(json.dumps(issuer.claims()).encode())}"
    return f"{message}.{'' if secret is None else b64(hmac.digest(secret, message.encode(), digest))}"


def headed(issuer: Issuer, header: dict[str, Any]) -> str:
    """A token that the key has signed, with another header."""
    return issuer.signed(json.dumps(issuer.claims()).encode(), json.dumps({"kid": issuer.kid, **header}).encode())


#: What makes a token.
Make = Callable[[Issuer], str]


def unsigned(alg: str | None) -> Make:
    return lambda issuer: forged(issuer, {"alg": alg})


def signed(**header: Any) -> Make:
    return lambda issuer: headed(issuer, header)


def keyed(alg: str, secret: Callable[[Issuer], bytes], digest: str = "sha256") -> Make:
    return lambda issuer: forged(issuer, {"alg": alg}, secret(issuer), digest)


def by(alg: str) -> Make:
    return lambda issuer: issuer.token(algorithm=alg)


STRANGER = Issuer("first", key="a stranger's")
FORGERIES: dict[str, Make] = {
    **{f"{alg!r}, not signed": unsigned(alg) for alg in ("none", "nOnE", "None", "NONE", "", None, "RS256")},
    **{f"{alg!r}, signed": signed(alg=alg) for alg in ("none", "nOnE", "NONE", "", "rs256", "RS256 ", "ES256", "HS256")},
    **{f"alg is {alg!r}": signed(alg=alg) for alg in (None, ["RS256"], ["none", "RS256"], {"RS256": 1}, 256, True)},
    "alg is missing": signed(),
    "HS256, the PEM as secret": keyed("HS256", pem),
    "HS256, the PEM without its end": keyed("HS256", lambda issuer: pem(issuer).strip()),
    "HS512, the PEM as secret": keyed("HS512", pem, "sha512"),
    "HS256, the modulus as secret": keyed("HS256", lambda issuer: issuer.jwk()["n"].encode()),
    "HS256, the JWK as secret": keyed("HS256", lambda issuer: json.dumps(issuer.jwk()).encode()),
    "HS256, no secret": keyed("HS256", lambda issuer: b""),
    "RS256, signed as HS256": keyed("RS256", pem),
    **{f"{alg}, signed": by(alg) for alg in ("RS384", "RS512", "PS256", "PS384", "PS512")},
    "ES256, signed by its own": lambda issuer: jwt.encode(
        issuer.claims(), ec.generate_private_key(ec.SECP256R1()), "ES256", headers={"kid": issuer.kid}
    ),
    "a stranger's key": lambda issuer: STRANGER.token(),
    "a stranger's key in the header": lambda issuer: STRANGER.token(fields={"jwk": STRANGER.jwk()}),
    "claims of one, signature of another": lambda issuer: ".".join(
        [*issuer.token().split(".")[:2], issuer.token(x=1).split(".")[2]]
    ),
    "kid is missing": lambda issuer: issuer.signed(json.dumps(issuer.claims()).encode(), b'{"alg": "RS256"}'),
    "kid is unknown": lambda issuer: issuer.token(fields={"kid": "second"}),
    "kid is a path": lambda issuer: issuer.token(fields={"kid": "../../first"}),
    **{f"kid is {kid!r}": signed(alg="RS256", kid=kid) for kid in (["first"], {"first": 1}, 1, True, None)},
    "a critical field": signed(alg="RS256", crit=["x"], x=1),
    "a critical field that libraries know": signed(alg="RS256", crit=["b64"], b64=True),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a2_forged(world: Google, called: list[str], post: Post, forgery: str) -> None:
    """Only RS256 with a key of the server's is a signature, whatever the token's header says."""
    response = post("/events/k/r", Authorization=f"Bearer {FORGERIES[forgery](world.issuer)}")

    assert (whole(response), called) == (UNAUTHORIZED, [])


def header(text: bytes) -> Make:
    return lambda issuer: issuer.signed(b"{}", text)


def payload(text: bytes) -> Make:
    return lambda issuer: issuer.signed(text)


def claim(name: str, value: bytes) -> Make:
    """The right claims, one of them written as these bytes."""
    return lambda issuer: issuer.signed(json.dumps(issuer.claims(**{name: "<value>"})).encode().replace(b'"<value>"', value))


def whole_claims(change: Callable[[str], bytes]) -> Make:
    return lambda issuer: issuer.signed(change(json.dumps(issuer.claims())))


def with_header(text: bytes) -> Make:
    return lambda issuer: issuer.signed(json.dumps(issuer.claims()).encode(), text)


def nested(depth: int, left: bytes = b"[", right: bytes = b"]") -> bytes:
    return left * depth + right * depth


SCALARS = ("null", "[]", "1", '"x"', "true", "{}")
HEADER = b'{"alg": "RS256", "kid": "first", "x": %b}'
HOSTILE: dict[str, Make] = {
    **{f"header of {depth} arrays": header(nested(depth)) for depth in (1000, 2900, 100_000)},
    **{f"header with {depth} arrays": header(HEADER % nested(depth)) for depth in (1000, 2800)},
    **{f"{depth} arrays": payload(nested(depth)) for depth in (1000, 2700, 100_000)},
    "4000 arrays without an end": payload(nested(4000, right=b"")),
    "900 objects": payload(nested(900, b'{"a":', b"}").replace(b":}", b":1}")),
    "claims with 2500 arrays": claim("x", nested(2500)),
    "an aud of 2500 arrays": claim("aud", nested(2500)),
    "an exp of 5000 digits": claim("exp", b"9" * 5000),
    "an iat of 5000 digits": claim("iat", b"-" + b"9" * 5000),
    "an exp of 400 digits": claim("exp", b"9" * 400),
    "an exp of 1e400": claim("exp", b"1e400"),
    "an alg of 5000 digits": header(b'{"alg": %b, "kid": "first"}' % (b"9" * 5000)),
    "a header that is no UTF-8": header(HEADER % b'"\xff"'),
    "a header with a lone surrogate": header(HEADER % rb'"\ud800"'),
    "claims that are no UTF-8": claim("x", b'"\xff"'),
    "claims with a lone surrogate": claim("x", rb'"\ud800"'),
    "claims in UTF-16": whole_claims(lambda text: text.encode("utf-16")),
    "claims behind a byte order mark": whole_claims(lambda text: b"\xef\xbb\xbf" + text.encode()),
    "claims and more": whole_claims(lambda text: text.encode() + b"x"),
    **{f"claims with {text}": claim("x", text.encode()) for text in ("NaN", "Infinity", "-Infinity")},
    **{f"a header with {text}": with_header(HEADER % text.encode()) for text in ("NaN", "Infinity", "-Infinity")},
    "a sub that is a lone surrogate": claim("sub", rb'"\udfff"'),
    "a kid that is a lone surrogate": header(rb'{"alg": "RS256", "kid": "\ud800"}'),
    "NUL": payload(b"\0"),
    "empty header": header(b""),
    "no claims": payload(b""),
    **{f"claims are {text}": payload(text.encode()) for text in SCALARS},
    **{f"header is {text}": header(text.encode()) for text in SCALARS},
}


@pytest.mark.parametrize("token", HOSTILE)
def test_a3_hostile(world: Google, called: list[str], post: Post, token: str) -> None:
    """What no parser is made for is answered 401, also if the key has signed it."""
    response = post("/events/k/r", Authorization=f"Bearer {HOSTILE[token](world.issuer)}")

    assert (whole(response), called) == (UNAUTHORIZED, [])


TIMES: list[Any] = [str(NOW), f"{NOW}.0", float(NOW), NOW + 0.5, inf, -inf, nan, True, False, -1, 253_402_300_800, [NOW], {}, ""]
TYPES: dict[str, list[Any]] = {
    "exp": TIMES,
    "iat": TIMES,
    "nbf": TIMES,
    "iss": [["https://accounts.google.com"], "https://accounts.google.com/", "http://accounts.google.com", "", 1, True, {}],
    "aud": [[AUDIENCE], [AUDIENCE, "https://other.example"], {AUDIENCE: 1}, 1, True, ""],
    "sub": [1, ["x"], {}, True],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in TYPES.items() for value in values])
def test_a4_wrong_type(world: Google, called: list[str], post: Post, name: str, value: Any) -> None:
    """A claim of another type than Google's is not read as if it were of the right one."""
    token = world.issuer.signed(json.dumps(world.issuer.claims(**{name: value})).encode())

    assert (whole(post("/events/k/r", Authorization=f"Bearer {token}")), called) == (UNAUTHORIZED, [])


@pytest.mark.parametrize("name", TYPES)
def test_a4_null(world: Google, called: list[str], post: Post, name: str) -> None:
    """A claim that is null is not one that is left out."""
    token = world.issuer.signed(json.dumps({**world.issuer.claims(), name: None}).encode())

    assert (whole(post("/events/k/r", Authorization=f"Bearer {token}")), called) == (UNAUTHORIZED, [])


@pytest.mark.parametrize(("name", "code"), [("exp", 401), ("iat", 401), ("iss", 401), ("aud", 401), ("nbf", 201), ("sub", 201)])
def test_a4_missing(world: Google, router: EventRouter, post: Post, name: str, code: int) -> None:
    """A token without one of the claims that Google always makes is refused; `nbf` and `sub` may be left out."""
    changes: dict[str, Any] = {name: None}

    assert status(post, world.issuer.token(**changes)) == code


#: What is wrong with a token, as the log says it.
REASONS: list[tuple[str, Make]] = [
    ("the token is not a JWT", lambda issuer: issuer.token() + "="),
    ("the token is not a JWT", lambda issuer: "a.b.c"),
    ("the token is not a JWT", lambda issuer: "a" * 8193),
    ("the token's header is not that of a Google token", header(b"[]")),
    ("the token's header is not that of a Google token", signed(alg="RS256", crit=["x"], x=1)),
    ("the token does not name its key", signed(alg="RS256", kid=1)),
    ("the token's signature is invalid", lambda issuer: STRANGER.token()),
    ("the token's signature is invalid", by("RS512")),
    ("the token's claims are not those of a Google token", payload(b"[]")),
    ("the token's claims are not those of a Google token", payload(b'{"exp": NaN}')),
    (
        "Cloud Run took the signature off the token; see the guide to authentication on Cloud Run",
        lambda issuer: issuer.token().rpartition(".")[0] + ".SIGNATURE_REMOVED_BY_GOOGLE",
    ),
]


@pytest.mark.parametrize(("reason", "make"), REASONS)
def test_the_log_says_what_is_wrong_with_a_token(
    world: Google, router: EventRouter, post: Post, lines: Callable[[], list[str]], reason: str, make: Make
) -> None:
    """Each way in which a token can be wrong has its reason in the log; the answer has none."""
    response = post("/events/k/r", Authorization=f"Bearer {make(world.issuer)}")

    assert whole(response) == UNAUTHORIZED
    assert [line.partition("AuthenticationError, ")[2] for line in lines()] == [reason]
