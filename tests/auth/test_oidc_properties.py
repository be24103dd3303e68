"""Whatever bytes a sender writes into the header `Authorization`: only the token that Google signed lets it in."""

from __future__ import annotations

import json
import string
from collections.abc import Iterator
from typing import Any, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ..conftest import Post, post_asgi, post_wsgi
from ..data.make_oidc_vectors import ACCOUNT, AUDIENCE, CLAIMS, HEADER, LAST, NOW, Key, b64, written
from .test_oidc_vectors import ANSWERS, answer, verifier

pytestmark = pytest.mark.proof

LEEWAY = 10
CLAIMED: dict[str, Any] = json.loads(written(CLAIMS))
ISSUERS = ["https://accounts.google.com", "accounts.google.com"]

both = pytest.mark.parametrize("send", [post_wsgi, post_asgi], ids=["wsgi", "asgi"])
examples = settings(max_examples=150)


@pytest.fixture(scope="module")
def key() -> Iterator[Key]:
    """The one key of the key server."""
    made = Key.make("first")
    with verifier(json.dumps({"keys": [made.jwk()]}).encode(), NOW):
        yield made


def status(send: Post, authorization: bytes) -> int:
    """The status of the answer, which is one of the three that there are."""
    response = send("/events/k/r", Authorization=authorization.decode("latin-1"))
    assert answer(response) == (response.status_code, *ANSWERS[response.status_code])
    return response.status_code


def documents(leaf: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.recursive(leaf, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)


scalars: st.SearchStrategy[object] = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()
)
json_values = documents(scalars)
#: What Python writes and reads for JSON, and others do not.
lax_values = documents(st.one_of(scalars, st.floats(), st.text(st.characters()), st.sampled_from(["\ud800", 10**4000, 1e308])))


@st.composite
def segments(draw: st.DrawFn) -> bytes:
    """What may stand between two dots: bytes, or a document that comes near a header, or near claims."""
    changes = draw(st.dictionaries(st.sampled_from([*HEADER, *CLAIMS, "crit", "b64", "jwk"]), lax_values, max_size=3))
    right: dict[str, object] = draw(st.sampled_from([json.loads(written(HEADER)), CLAIMED, {}]))
    document = json.dumps(draw(st.one_of(lax_values, st.just({**right, **changes}))), ensure_ascii=draw(st.booleans()))
    content = draw(
        st.one_of(
            st.binary(), st.just(document.encode("utf-8", "surrogatepass")), st.just(document.encode("utf-16", "surrogatepass"))
        )
    )
    return draw(st.one_of(st.just(b64(content)), st.just(content)))


@st.composite
def headers(draw: st.DrawFn) -> bytes:
    """The value of a header, from bytes to what looks like a token, and is not signed."""
    dots = draw(st.sampled_from([2, 2, 2, 0, 1, 3]))
    token = b".".join([draw(segments()) for _ in range(dots + 1)])
    return draw(st.one_of(st.binary(), st.binary().map(b"Bearer ".__add__), st.just(b"Bearer " + token)))


@both
@examples
@given(headers())
@example(b"")
@example(b"Bearer " + b64(written(HEADER)) + b"." + b64(written(CLAIMS)) + b".")
@example(b"Bearer " + b64(b'{"a":' * 1000) + b"..")
def test_bytes_that_nobody_signed_let_nobody_in(send: Post, key: Key, authorization: bytes) -> None:
    """Any bytes in the header, and any three segments behind `Bearer`, are answered 401."""
    assert status(send, authorization) == 401


#: At a place, so many bytes make room for these.
Edit = tuple[int, int, bytes]

places = st.integers(0, 2000)
edits = st.one_of(
    st.tuples(places, st.just(1), st.binary(min_size=1, max_size=1)),
    st.tuples(places, st.integers(1, 50), st.just(b"")),
    st.tuples(places, st.just(0), st.binary(min_size=1, max_size=5)),
    st.tuples(places, st.just(0), st.sampled_from([b"=", b"==", b".", b" ", b",", b"A"])),
)


@both
@examples
@given(st.permutations([0, 1, 2]), st.lists(edits, max_size=3))
@example([0, 1, 2], [])
@example([0, 1, 2], [(0, 1, b"b")])
@example([0, 1, 2], [(-1, 0, b"=")])
@example([0, 1, 2], [(-1, 0, b"==")])
@example([0, 1, 2], [(-1, 0, b" ")])
def test_a_changed_token_lets_nobody_in(send: Post, key: Key, order: list[int], made: list[Edit]) -> None:
    """A good token in which bytes are replaced, cut or added, or segments change places, is answered 401; the whole one 201."""
    good = key.bearer()[7:]
    parts = good.split(b".")
    value = b"Bearer " + b".".join(parts[each] for each in order)
    for at, length, by in made:
        start = at % (len(value) + 1)
        value = value[:start] + by + value[start + length :]
    scheme, _, token = value.partition(b" ")

    answered = status(send, value)

    if scheme.lower() == b"bearer" and token.strip(b" ") == good:
        assert answered == 201 or token != good  # spaces around a value are the server's to remove
    else:
        assert answered == 401


@both
def test_a_signature_has_one_spelling(send: Post, key: Key) -> None:
    """Of the 64 letters that a token may end with, sixteen of which stand for the same bits, only the right one is accepted."""
    good = key.bearer()
    letters = (string.ascii_letters + string.digits + "-_").encode()

    accepted = [letter for letter in letters if status(send, good[:-1] + bytes([letter])) == 201]

    assert accepted == [good[-1]]


DAY = 86_400
NEAR: dict[str, list[object]] = {
    "iss": [*ISSUERS, "https://accounts.google.com/", [ISSUERS[0]]],
    "aud": [AUDIENCE, f"{AUDIENCE}/", AUDIENCE[:-1], [AUDIENCE]],
    "exp": [*range(NOW - 12, NOW - 7), *range(NOW + DAY - 62, NOW + DAY - 57), LAST, LAST + 1, NOW + 0.5, str(NOW + 60)],
    "iat": [*range(NOW + 8, NOW + 13), 0, -1, True, str(NOW), float(NOW)],
    "nbf": [*range(NOW + 8, NOW + 13), 0, -1, None, False, str(NOW), float(NOW)],
    "sub": ["", "x", None, 1],
    "email": [f"{ACCOUNT} ", ACCOUNT.upper(), [ACCOUNT], None],
    "email_verified": [False, "true", 1, None],
}


@st.composite
def claim_sets(draw: st.DrawFn) -> dict[str, object]:
    """Right claims, of which a few are left out, or near the right ones, or anything; and one of the sender's own."""
    claims = {**CLAIMED, "x": draw(json_values)}
    for name in draw(st.lists(st.sampled_from(sorted(NEAR)), max_size=2)):
        if draw(st.integers(0, 4)):
            claims[name] = draw(st.one_of(st.sampled_from(NEAR[name]), st.sampled_from(NEAR[name]), json_values))
        else:
            claims.pop(name, None)
    return claims


def wanted(claims: dict[str, object]) -> int:
    """The status by the rules as they are documented, read without any of the code that is tested."""

    def is_time(name: str, first: int, last: int) -> bool:
        value = claims[name]
        return type(value) is int and 0 <= value <= LAST and first <= value <= last

    latest = NOW + LEEWAY
    right = [
        {"iss", "aud", "exp", "iat"} <= set(claims),
        claims.get("iss") in ISSUERS,
        claims.get("aud") == AUDIENCE,
        "exp" in claims and is_time("exp", NOW - LEEWAY + 1, LAST),
        "iat" in claims and is_time("iat", 0, latest),
        "nbf" not in claims or is_time("nbf", 0, latest),
        "sub" not in claims or isinstance(claims["sub"], str),
    ]
    if not all(right) or cast("int", claims["exp"]) - cast("int", claims["iat"]) > DAY:
        return 401
    return 201 if claims.get("email") == ACCOUNT and claims.get("email_verified") is True else 403


@both
@examples
@given(claim_sets(), json_values)
@example({**CLAIMED, "email": None, "exp": NOW - LEEWAY}, None)
@example({**CLAIMED, "iat": True}, None)
def test_claims_are_judged_by_the_rules_alone(send: Post, key: Key, claims: dict[str, object], field: object) -> None:
    """Properly signed, a token lets in exactly if its claims are right: 401 if they are not, 403 if somebody else's."""
    header = {"alg": "RS256", "kid": "first", "x": field}

    assert status(send, key.bearer(json.dumps(claims).encode(), json.dumps(header).encode())) == wanted(claims)
