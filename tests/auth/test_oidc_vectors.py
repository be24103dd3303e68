"""Some hundred bearer headers, good, forged and broken, and how each is answered.

They are in `data/oidc_vectors.json`, which `data/make_oidc_vectors.py` makes.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, TypedDict

import pytest
from django.http import HttpResponse
from django.test import override_settings
from typing_extensions import override

from gcp_event_router import Event, EventRouter
from gcp_event_router.auth.keys import key_set
from gcp_event_router.signals import event_received

from ..conftest import Post
from ..endpoint.test_properties import recorded

pytestmark = pytest.mark.proof


class Vector(TypedDict):
    name: str
    authorization: str
    status: int


class Document(TypedDict):
    now: int
    audience: str
    service_account: str
    jwks: dict[str, list[dict[str, str]]]
    vectors: list[Vector]


DOCUMENT: Document = json.loads(Path(__file__).parents[1].joinpath("data", "oidc_vectors.json").read_bytes())
VECTORS = DOCUMENT["vectors"]
JSON = {"Content-Type": "application/json"}
ANSWERS: dict[int, tuple[bytes, dict[str, str]]] = {
    201: (b"{}", JSON),
    401: (b'{"error": "Unauthorized"}', {**JSON, "WWW-Authenticate": "Bearer"}),
    403: (b'{"error": "Forbidden"}', JSON),
}
LENGTH = 12  # bytes of a token that occur by chance nowhere else


@contextmanager
def key_server(document: bytes) -> Generator[str]:
    """The URL of a server that has a document of keys."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(document)))
            self.end_headers()
            self.wfile.write(document)

        @override
        def log_message(self, format: str, *args: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/certs"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def verifier(document: bytes, now: float) -> Generator[None]:
    """Let in the vectors' service account, by the keys of `document`, at a time that stands still."""
    with key_server(document) as url, pytest.MonkeyPatch.context() as patch:
        options = {
            "service_accounts": [DOCUMENT["service_account"]],
            "audience": DOCUMENT["audience"],
            "certs_url": url,
        }
        entry = {"BACKEND": "gcp_event_router.auth.OIDC", "OPTIONS": options}
        patch.setattr("gcp_event_router.auth.oidc.time", lambda: now)
        key_set.cache_clear()
        with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [entry]}):
            yield
        key_set.cache_clear()


@pytest.fixture(scope="module", autouse=True)
def _verifier() -> Iterator[None]:
    with verifier(json.dumps(DOCUMENT["jwks"]).encode(), DOCUMENT["now"]):
        yield


@pytest.fixture
def called(router: EventRouter) -> list[str]:
    """Who was called with an event: the receiver, the handler."""
    names: list[str] = []

    @router.on("*")
    def handler(event: Event[Any]) -> None:
        assert event.principal is not None
        names.append(f"handler, sent by {event.principal.email}")

    def receiver(event_kind: str) -> None:
        names.append("receiver")

    event_received.connect(receiver, weak=False)  # conftest.py disconnects it
    return names


def answer(response: HttpResponse) -> tuple[int, bytes, dict[str, str]]:
    return response.status_code, response.content, dict(response.headers)


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_each_header_has_its_answer(post: Post, called: list[str], vector: Vector) -> None:
    """A good token of the service account is let in; whatever else is in the header is 401 or 403, and calls nobody."""
    response = post("/events/k/r", b"{}", "application/json", Authorization=vector["authorization"])

    assert answer(response) == (vector["status"], *ANSWERS[vector["status"]])
    everybody = ["handler, sent by " + DOCUMENT["service_account"], "receiver"]
    assert sorted(called) == (everybody if vector["status"] == 201 else [])


def test_what_was_answered_once_is_answered_again(post: Post) -> None:
    """One authenticator gives each header the same answer a second time, whatever it has accepted and refused meanwhile."""
    wanted = [(vector["name"], vector["status"]) for vector in VECTORS]
    again = [*VECTORS, *reversed(VECTORS)]

    statuses = [(each["name"], post("/events/k/r", Authorization=each["authorization"]).status_code) for each in again]

    assert statuses == [*wanted, *reversed(wanted)]


def test_no_part_of_a_token_is_logged(post: Post) -> None:
    """At INFO and above the log holds no twelve characters in a row of a header, or of what its token holds when decoded.

    But for an account and an audience that Google has signed, which a refusal names.
    """
    with recorded() as log:
        for vector in VECTORS:
            post("/events/k/r", Authorization=vector["authorization"])

    text = re.sub(r"it has (no account|account '.*?') and audience '.*?'", "", log.text)
    logged = parts(text.replace(DOCUMENT["audience"], ""))  # which the settings name, and a refusal may tell
    told = {each["name"]: logged & (parts(each["authorization"]) | parts(decoded(each["authorization"]))) for each in VECTORS}
    assert log.text.count("gcp_event_router Event of kind 'k'") == len(VECTORS)
    assert {name: found for name, found in told.items() if found} == {}


def parts(text: str) -> set[str]:
    return {text[start : start + LENGTH] for start in range(len(text) - LENGTH + 1)}


def decoded(authorization: str) -> str:
    """What base64url makes of the segments of a token, where it makes something of them."""
    texts: list[str] = []
    for segment in authorization.split("."):
        with suppress(ValueError):
            texts.append(base64.urlsafe_b64decode(segment.removeprefix("Bearer ") + "==").decode("latin-1"))
    return " ".join(texts)


def test_the_vectors_are_many() -> None:
    """The file has hundreds of headers, each with a name of its own, and of every status some."""
    assert len(VECTORS) >= 400
    assert len({vector["name"] for vector in VECTORS}) == len(VECTORS)
    assert {vector["status"] for vector in VECTORS} == set(ANSWERS)


def test_no_private_key_is_in_the_file() -> None:
    """The keys in the file are public: they have a modulus and an exponent, and nothing that signs."""
    assert {frozenset(key) for key in DOCUMENT["jwks"]["keys"]} == {frozenset({"kid", "kty", "use", "alg", "n", "e"})}
