"""The rows A1, A6, A7, A12 and A13 of what a door has to stand, by number.

The others: `test_forgeries.py` has A2 to A4, `test_audiences.py` A5, `test_keys.py` and its neighbours A8 to A10,
`test_accepted_tokens.py` A11.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.checks import Error
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext

from gcp_event_router import Event, EventRouter
from gcp_event_router.auth.keys import GOOGLE

from ..conftest import Post
from ..support.deliveries import PUSH, with_databases
from ..support.issuers import ACCOUNT, HOUR, NOW, Google, Issuer, checked, google, guarded, listening, settled, status, url_of
from .test_access import ACCEPTED, FORBIDDEN, UNAUTHORIZED, whole

PATH = "/events/k/r"


@pytest.fixture
def world() -> Iterator[Google]:
    """OIDC guards the endpoint."""
    with google() as made:
        yield made


@pytest.fixture
def called(router: EventRouter) -> list[str]:
    """Who was called with an event."""
    return listening(router)


def padded(issuer: Issuer, length: int) -> str:
    """A good token of this length, or of the next one that is possible."""
    empty = len(issuer.token(x=""))
    return next(
        token for more in range(length) if len(token := issuer.token(x="x" * ((length - empty) * 3 // 4 + more))) >= length
    )


#: What is wrong with each is its form alone: the token in it is good.
FORMS: dict[str, Callable[[Issuer], str | None]] = {
    "no header": lambda issuer: None,
    "empty": lambda issuer: "",
    "Basic": lambda issuer: "Basic c2VuZGVyOnNlY3JldA==",
    "a token as Basic": lambda issuer: f"Basic {issuer.token()}",
    "a token as Token": lambda issuer: f"Token {issuer.token()}",
    "a token alone": lambda issuer: issuer.token(),
    "a token, Bearer": lambda issuer: f"{issuer.token()} Bearer",
    "Bearer": lambda issuer: "Bearer",
    "Bearer and spaces": lambda issuer: "Bearer   ",
    "Bearer and a tab": lambda issuer: f"Bearer \t{issuer.token()}",
    "Bearer twice": lambda issuer: f"Bearer Bearer {issuer.token()}",
    "two tokens": lambda issuer: f"Bearer {issuer.token()} {issuer.token()}",
    "two headers": lambda issuer: f"Bearer {issuer.token()}, Bearer {issuer.token()}",
    "two headers as one server joins them": lambda issuer: f"Bearer {issuer.token()},Bearer {issuer.token()}",
    "a token in quotes": lambda issuer: f'Bearer "{issuer.token()}"',
    "over 8 KB": lambda issuer: f"Bearer {padded(issuer, 8193)}",
}
OVERSIZE = b'"' + b"x" * 100 + b'"'


@pytest.mark.django_db
@pytest.mark.parametrize("body", [b'{"a": ', OVERSIZE], ids=["broken body", "body over the limit"])
@pytest.mark.parametrize("form", FORMS)
def test_a1_no_token(world: Google, called: list[str], post: Post, form: str, body: bytes) -> None:
    """Without one good token the answer is 401: no query is run, nobody called, no key fetched, and no body looked at."""
    header = FORMS[form](world.issuer)
    headers = {} if header is None else {"Authorization": header}
    limited = override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [world.backend()], "MAX_BODY_SIZE": 100})

    with limited, CaptureQueriesContext(connection) as queries:
        response = post("/events/k/r", body, **headers)

    assert whole(response) == UNAUTHORIZED
    assert (queries.captured_queries, called, world.server.requests) == ([], [], 0)


class Unreadable:
    """A body that must not be read."""

    def __init__(self) -> None:
        self.reads = 0

    def read(self, size: int = -1) -> bytes:
        self.reads += 1
        return b""

    readline = read


def test_a1_the_body_is_not_read(world: Google, called: list[str]) -> None:
    """Under WSGI, where a body is read when it is asked for, no byte of it is taken from the server."""
    body = Unreadable()
    environ: dict[str, Any] = {"wsgi.input": body, "CONTENT_LENGTH": "2", "CONTENT_TYPE": "application/json"}

    refused = Client().generic("POST", "/events/k/r", b"{}", **environ)

    assert (refused.status_code, body.reads, called) == (401, 0, [])
    headers = {"Authorization": f"Bearer {world.issuer.token()}"}
    assert Client().generic("POST", "/events/k/r", b"{}", headers=headers, **environ).status_code == 400
    assert body.reads > 0


def test_a1_up_to_8_kb(world: Google, called: list[str], post: Post) -> None:
    """The longest token that is accepted has 8,192 characters; in any case of the letters, the scheme is Bearer."""
    longest = next(
        token for length in range(8180, 8193) if len(token := padded(world.issuer, length)) in {8191, 8192}
    )  # base64 has no text for each length

    assert [post("/events/k/r", Authorization=f"{each} {longest}").status_code for each in ("Bearer", "bearer", "BEARER")] == [
        201
    ] * 3


@pytest.mark.parametrize(
    "changes",
    [
        {"email": None},
        {"email": ""},
        {"email": "other@my-project.iam.gserviceaccount.com"},
        {"email": "sender@other-project.iam.gserviceaccount.com"},
        {"email": ACCOUNT.upper()},
        {"email": f"{ACCOUNT} "},
        {"email": f"serviceAccount:{ACCOUNT}"},
        {"email": ACCOUNT.rpartition("@")[2]},
        {"email": f"x{ACCOUNT}"},
        {"email": [ACCOUNT]},
        {"email": {ACCOUNT: 1}},
        {"email": 1},
        {"email": True},
        {"email_verified": None},
        {"email_verified": False},
        {"email_verified": "true"},
        {"email_verified": "True"},
        {"email_verified": 1},
        {"email_verified": 1.0},
        {"email_verified": [True]},
    ],
)
def test_a6_other_account(world: Google, called: list[str], post: Post, changes: dict[str, Any]) -> None:
    """A good token of somebody else, or of nobody for sure, is answered 403, whatever the body is."""
    token = world.issuer.token(**changes)

    assert (whole(post(PATH, b"{", Authorization=f"Bearer {token}")), called) == (FORBIDDEN, [])


@pytest.mark.parametrize(
    "changes",
    [{"exp": NOW - 10}, {"iat": NOW + 11}, {"nbf": NOW + 11}, {"aud": "https://other.example"}, {"iss": "x"}, {"sub": 1}],
)
def test_a6_a_bad_token_of_somebody_else_is_bad(world: Google, router: EventRouter, post: Post, changes: dict[str, Any]) -> None:
    """403 tells who holds a token that nothing else is wrong with it; of any other it says 401."""
    assert status(post, world.issuer.token(email="other@example.com", **changes)) == 401


@pytest.mark.parametrize(
    ("options", "leeway"),
    [
        ({}, 10),
        ({"leeway": 0}, 0),
        ({"leeway": timedelta(0)}, 0),
        ({"leeway": timedelta(minutes=2)}, 120),
        ({"leeway": 0.5}, 0.5),
        ({"leeway": 300}, 300),
    ],
)
@pytest.mark.parametrize(
    ("changes", "time", "side"),
    [
        ({"exp": NOW + HOUR}, NOW + HOUR, 1),
        ({"iat": NOW - 1000}, NOW - 1000, -1),
        ({"iat": NOW - 1000, "nbf": NOW}, NOW, -1),
        ({"iat": NOW, "nbf": NOW - 1000}, NOW, -1),
    ],
    ids=["exp", "iat", "nbf", "iat after nbf"],
)
def test_a7_edges(
    world: Google,
    router: EventRouter,
    post: Post,
    options: dict[str, Any],
    leeway: float,
    changes: dict[str, Any],
    time: int,
    side: int,
) -> None:
    """A token is good before `exp`, and from `iat` and `nbf` on, give and take the leeway; also one that was accepted before."""
    edge = time + side * leeway
    known = world.issuer.token(**changes)
    expected = {edge - side * 0.25: 201, edge: 401 if side > 0 else 201, edge + side * 0.25: 401}

    with guarded(world.backend(**options)):
        for now, code in expected.items():
            world.wall.now = now
            fresh = world.issuer.token(**changes, jti=str(now))
            assert (now, status(post, known), status(post, fresh)) == (now, code, code)


def test_a12_captured_request(world: Google, router: EventRouter, post: Post) -> None:
    """A captured request is worth nothing once its token has expired, and for "event-url" nothing at another URL either."""
    seen: list[str] = []

    @router.on("*")
    def handler(event: Event[Any]) -> None:
        seen.append(f"{event.kind} {event.reference}")

    with guarded(world.backend(audience="event-url")):
        token = world.issuer.token(aud=url_of(post, PATH))
        paths = [PATH, PATH, "/events/k/other", "/events/other/r", f"{PATH}/", PATH]
        statuses = [status(post, token, path) for path in paths]
        world.wall.now = NOW + HOUR + 10
        statuses.append(status(post, token, PATH))

    assert statuses == [201, 201, 401, 401, 401, 201, 401]
    assert seen == ["k r"] * 3


@with_databases
def test_a12_captured_message(inbox: str, world: Google, called: list[str], post: Post) -> None:
    """With an inbox, a captured push is a duplicate, which is answered 200 and not handled, until its token has expired."""
    kept = {"AUTHENTICATION": [world.backend()], "INBOX": {"DATABASE": inbox}}
    headers = {"Authorization": f"Bearer {world.issuer.token()}"}

    with override_settings(GCP_EVENT_ROUTER=kept):
        statuses = [post(PATH, PUSH, **headers).status_code for _ in range(3)]
        world.wall.now = NOW + HOUR + 10
        statuses.append(post(PATH, PUSH, **headers).status_code)

    assert (statuses, called.count("handler")) == ([201, 200, 200, 401], 1)


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        (None, UNAUTHORIZED),
        ({"exp": NOW - HOUR}, UNAUTHORIZED),
        ({"aud": "https://other.example"}, UNAUTHORIZED),
        ({"email": "other@example.com"}, FORBIDDEN),
        ({}, ACCEPTED),
    ],
)
@pytest.mark.parametrize("unhandled", ["accept", "error"])
def test_a13_unknown_kind(
    world: Google, called: list[str], post: Post, changes: dict[str, Any] | None, answer: object, unhandled: str
) -> None:
    """Whoever is refused cannot tell a kind that is handled from one that is not."""
    headers = {} if changes is None else {"Authorization": f"Bearer {world.issuer.token(**changes)}"}

    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [world.backend()], "UNHANDLED": unhandled}):
        known, unknown = (whole(post(path, **headers)) for path in (PATH, "/events/unknown/r"))

    assert known == answer
    assert (known == unknown) is (answer != ACCEPTED or unhandled == "accept")


def test_a13_unknown_kind_without_keys(world: Google, called: list[str], post: Post) -> None:
    """While the keys are away, the answers differ in nothing but the kind that was asked for."""
    world.server.die()

    answers = [whole(post(f"/events/{kind}/r", Authorization=f"Bearer {world.issuer.token()}")) for kind in ("k", "u")]
    settled()

    assert answers[0][0] == 503
    assert answers[1] == (503, answers[0][1].replace(b"kind k ", b"kind u "), answers[0][2])
    assert called == []


@pytest.mark.parametrize(
    ("settings", "said"), [({}, ["gcp_event_router.E003"]), ({"AUTHENTICATION": []}, ["gcp_event_router.E004"]), (None, [])]
)
def test_a13_no_verification(world: Google, settings: dict[str, Any] | None, said: list[str]) -> None:
    """`check --deploy` calls an endpoint that is guarded by nobody an error, and says nothing of one that OIDC guards."""
    given = {"AUTHENTICATION": [world.backend(certs_url=GOOGLE)]} if settings is None else settings

    with override_settings(GCP_EVENT_ROUTER=given, DEBUG=False):
        found = checked(deploy=True)

    assert [(kind, name) for kind, name, _, _ in found] == [(Error, each) for each in said]


DAY = 24 * HOUR


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({"exp": NOW + DAY}, 201),
        ({"exp": NOW + DAY + 1}, 401),
        ({"iat": NOW + HOUR - DAY}, 201),
        ({"iat": NOW + HOUR - DAY - 1}, 401),
        ({"exp": 253_402_300_799}, 401),
        ({"iat": 0}, 401),
        ({"iat": NOW + 10, "exp": NOW + 10}, 201),
    ],
)
def test_a6_no_token_is_made_for_longer_than_a_day(
    world: Google, router: EventRouter, post: Post, changes: dict[str, Any], answer: int
) -> None:
    """Google's tokens last an hour, and its client libraries take none of more than a day (MAX_TOKEN_LIFETIME_SECS)."""
    assert [status(post, world.issuer.token(**changes)) for _ in range(2)] == [answer] * 2


IT_HAS = "it has account 'sender@my-project.iam.gserviceaccount.com' and audience 'https://shop.example'"


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"email": "other@example.com"},
            "forbidden: ForbiddenError, the token's account is not in service_accounts: "
            "it has account 'other@example.com' and audience 'https://shop.example'",
        ),
        (
            {"email": None},
            "forbidden: ForbiddenError, the token's account is not in service_accounts: "
            "it has no account and audience 'https://shop.example'",
        ),
        (
            {"email": [ACCOUNT]},
            "forbidden: ForbiddenError, the token's account is not in service_accounts: "
            "it has no account and audience 'https://shop.example'",
        ),
        (
            {"email_verified": False},
            f"forbidden: ForbiddenError, the token's address is not verified: {IT_HAS}",
        ),
        (
            {"aud": "https://other.example/\nERROR forged"},
            "unauthenticated: AuthenticationError, the token is for another audience than 'https://shop.example': "
            f"it has account '{ACCOUNT}' and audience 'https://other.example/\\nERROR forged'",
        ),
        (
            {"aud": "x" * 1000, "email": "y" * 1000},
            "unauthenticated: AuthenticationError, the token is for another audience than 'https://shop.example': "
            f"it has account '{'y' * 255}...' and audience '{'x' * 255}...'",
        ),
        (
            {"aud": "x" * 255},
            "unauthenticated: AuthenticationError, the token is for another audience than 'https://shop.example': "
            f"it has account '{ACCOUNT}' and audience '{'x' * 255}'",
        ),
        ({"exp": NOW - 10}, f"unauthenticated: AuthenticationError, the token has expired: {IT_HAS}"),
        (
            {"iat": NOW + 11},
            f"unauthenticated: AuthenticationError, the token is not valid yet; do the clocks differ? {IT_HAS}",
        ),
        ({"iat": 0}, f"unauthenticated: AuthenticationError, the token is valid for longer than a day: {IT_HAS}"),
        (
            {"iss": "https://issuer.example", "email": "other@example.com"},
            "unauthenticated: AuthenticationError, the token's claims are not those of a Google token",
        ),
    ],
)
def test_a_refusal_names_the_account_and_the_audience(
    world: Google, router: EventRouter, post: Post, caplog: pytest.LogCaptureFixture, changes: dict[str, Any], line: str
) -> None:
    """The log says which account and which audience Google signed, on one bounded line; the answer says nothing of them."""
    response = post("/events/k/r", Authorization=f"Bearer {world.issuer.token(**changes)}")

    (record,) = caplog.records
    assert re.sub(r" in \d+\.\d ms", "", record.getMessage()) == f"Event of kind 'k' with reference 'r' (message None): {line}"
    assert whole(response) == {401: UNAUTHORIZED, 403: FORBIDDEN}[response.status_code]


def test_a_forged_token_is_not_quoted(world: Google, router: EventRouter, post: Post, caplog: pytest.LogCaptureFixture) -> None:
    """What a token claims is told only where Google signed it: anybody can write anything into one."""
    head, _, signature = world.issuer.token().split(".")
    forged = world.issuer.token(email="forged@example.com", aud="https://forged.example").split(".")[1]

    for token in (f"{head}.{forged}.{signature}", Issuer("first", "second").token(email="forged@example.com")):
        assert status(post, token) == 401

    assert "forged" not in caplog.text
