"""What strangers may send, as functions that take any bytes and raise if a promise is broken; fuzzers look for such bytes.

Called by test_fuzzing.py and by `make fuzz`. Where an input is a request, it is written as HTTP writes one: a line with the URL
below `/events/`, lines with headers, an empty line and the body.
"""

from __future__ import annotations

import fnmatch
import json
import logging
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from typing import Any, Final, NamedTuple
from unittest.mock import patch

from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.http import HttpResponse, QueryDict
from django.test import override_settings
from pydantic import BaseModel
from typing_extensions import override

from gcp_event_router import Event, events
from gcp_event_router._dispatch.bodies import read_raw_events
from gcp_event_router._dispatch.store import event_store, set_store
from gcp_event_router._globs.glob import Glob, GlobIndex
from gcp_event_router._globs.overlaps import KINDS, covers, intersects
from gcp_event_router.auth import OIDC, AuthenticatorChain, SignedURL
from gcp_event_router.auth.signatures import hmac_signature
from gcp_event_router.event import UNKNOWN
from gcp_event_router.exceptions import AuthenticationError, ForbiddenError, GlobError
from gcp_event_router.inbox.serialization import raw_event_of, row_of, unread_row
from gcp_event_router.signals import event_received
from gcp_event_router.testing import TokenSigner
from gcp_event_router.utils import get_event_url

from .signatures import EXAMPLES

#: A text in payloads, which no answer and no log may contain.
CANARY: Final = "canary-5b1f0c"
ANSWERS: Final = frozenset({200, 201, 400, 404, 413, 415})
"""The statuses of an open endpoint whose handlers do not fail."""


class Target(NamedTuple):
    """Something that takes bytes from outside."""

    #: Takes an input and says what became of it; raises `AssertionError`, or anything, if a promise is broken.
    take: Callable[[bytes], str]
    #: Inputs to begin with, which are valid.
    seeds: tuple[bytes, ...]
    #: How long an input may be.
    longest: int


class Order(BaseModel):
    """A payload of several types."""

    order_id: int
    total: float | None = None
    lines: list[dict[str, str]] = []


class _Told(logging.Handler):
    """Keeps what is logged at INFO and above."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def _request(data: bytes) -> WSGIRequest:
    """Read an input as a request, without lines that are no header and those that a server refuses."""
    head, _, body = data.partition(b"\n\n")
    target, *lines = head.decode("latin-1").split("\n")
    path, _, query = target.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": f"/events/{path}",
        "QUERY_STRING": query,
        "CONTENT_LENGTH": str(len(body)),
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "wsgi.input": BytesIO(body),
        "wsgi.url_scheme": "http",
    }
    for line in lines:
        name, found, value = line.partition(":")
        key = name.strip().upper().replace("-", "_")
        if found and key and value.isprintable():
            environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value.strip()
    return WSGIRequest(environ)


def _push(data: object, **fields: object) -> bytes:
    message = {"data": b64encode(json.dumps(data).encode()).decode(), "messageId": "17", **fields}
    return json.dumps({"message": message, "subscription": "projects/p/subscriptions/s"}).encode()


_PAYLOAD = {"order_id": 1, "total": 2.5, "lines": [{"text": CANARY}]}
_CLOUDEVENT = {"specversion": "1.0", "id": "1", "source": "//s", "type": "order-placed", "data": _PAYLOAD}
REQUESTS: Final = (
    b"order-placed/1\nContent-Type: application/json\n\n" + _push(_PAYLOAD),
    b"order-placed/1?a=1&a=2\nContent-Type: application/json\n\n"
    + _push({"order_id": CANARY}, attributes={"a": CANARY, "googclient_schemaencoding": "JSON"}, orderingKey="k"),
    b"order-placed/1\nContent-Type: application/json; charset=utf-8\n\n" + json.dumps(_PAYLOAD).encode(),
    b"order-placed/1\nx-goog-pubsub-message-id: 1\nx-goog-pubsub-subscription-name: projects/p/subscriptions/s\n"
    b"x-goog-pubsub-publish-time: 2026-01-01T00:00:00Z\nContent-Type: application/json\n\n" + json.dumps(_PAYLOAD).encode(),
    b"\nContent-Type: application/cloudevents+json\n\n" + json.dumps(_CLOUDEVENT).encode(),
    b"\nContent-Type: application/cloudevents-batch+json\n\n" + json.dumps([_CLOUDEVENT, _CLOUDEVENT]).encode(),
    b"\nce-specversion: 1.0\nce-id: 1\nce-source: //s\nce-type: order-placed\nce-subject: a/b\nce-time: 2026-01-01T00:00:00Z\n"
    b"Content-Type: application/json\n\n" + json.dumps(_PAYLOAD).encode(),
    b"\nce-specversion: 1.0\nce-id: 1\nce-source: //pubsub\nce-type: google.cloud.pubsub.topic.v1.messagePublished\n"
    b"Content-Type: application/json\n\n" + _push(_PAYLOAD),
    b"order-placed/1\nx-cloudtasks-taskname: t\nx-cloudtasks-taskretrycount: 3\nx-cloudtasks-queuename: q\n\n" + CANARY.encode(),
    b"order-placed/1\nx-cloudscheduler: true\nx-cloudscheduler-jobname: j\n\n",
)


class _Endpoint:
    """Sends a request to the endpoint, which has a typed handler, one of all payloads and a plain receiver."""

    def __init__(self) -> None:
        self._handler = WSGIHandler()
        self._told = _Told()
        self._labels: list[str] = []

    @contextmanager
    def open(self) -> Generator[None]:
        """Register the handlers and listen to the log."""
        log = logging.getLogger("gcp_event_router")
        level = log.level
        with (
            events.isolated(empty=True),
            override_settings(ROOT_URLCONF="gcp_event_router.urls", ALLOWED_HOSTS=["*"], DEBUG=False),
            override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [], "MAX_BODY_SIZE": 8192, "MAX_BATCH": 20}),
        ):
            before = event_store()
            set_store(None)
            events.on("order-*")(_take_order)
            events.on("*")(self._take_anything)
            event_received.connect(self._receive)
            log.addHandler(self._told)
            log.setLevel(logging.INFO)
            try:
                yield
            finally:
                log.setLevel(level)
                log.removeHandler(self._told)
                event_received.disconnect(self._receive)
                set_store(before)

    def take(self, data: bytes) -> str:
        """The answer is one of the contract, and neither it nor the log tells what a payload says."""
        self._told.lines.clear()
        self._labels.clear()
        response = self._handler.get_response(_request(data))
        assert isinstance(response, HttpResponse)
        content = response.content
        assert response.status_code in ANSWERS, (response.status_code, content)
        assert response.status_code == 404 or isinstance(json.loads(content), dict), content
        # the log names kinds, references and ids, which an event may have in its body
        if not any(CANARY in label for label in [*self._labels, data.partition(b"\n\n")[0].decode("latin-1")]):
            assert CANARY.encode() not in content, content
            assert not any(CANARY in line for line in self._told.lines), self._told.lines
        return str(response.status_code)

    def _take_anything(self, event: Event[Any]) -> None:
        self._labels.append(event.envelope.message_id or "")

    def _receive(self, event_kind: str, event_reference: str, event_payload: object, **_: object) -> None:
        self._labels += [event_kind, event_reference]


def _take_order(event: Event[Order]) -> None:
    assert type(event.payload.order_id) is int


def _take_stored(data: bytes) -> str:
    """An event that the inbox stores is read again as it was, whether it can be read or not."""
    request = _request(data)
    query = dict(QueryDict(request.META["QUERY_STRING"]).lists())
    forms: list[str] = []
    labels = ("k", "r") if request.path_info != "/events/" else (UNKNOWN, UNKNOWN)
    for kind, reference, event in read_raw_events(request.body, request.META, *labels, query):
        row = (row_of if event.problem is None else unread_row)(kind, reference, event)
        forms.append(row.form)
        assert all(text.isascii() for text in (row.message_id, row.parameters, row.meta, row.principal)), row
        if event.problem is not None:
            continue
        again = raw_event_of(row)
        assert (again.envelope.data, dict(again.query)) == (event.envelope.data, query)
        assert again.envelope.identity == event.envelope.identity
        assert type(again.envelope) is type(event.envelope)
        assert again.envelope.type == event.envelope.type
    return " ".join(sorted(set(forms)))


def _take_globs(data: bytes) -> str:
    """A glob means what fnmatch means; overlaps are true; the index finds what trying each finds."""
    pattern, other_pattern, kind = [*data.decode("utf-8", "replace").split("\n"), "", ""][:3]
    try:
        glob, other = Glob(pattern), Glob(other_pattern)
    except GlobError:
        return "refused"
    is_match = glob.matches(kind)
    assert is_match == fnmatch.fnmatchcase(kind, pattern)
    assert GlobIndex([(glob, 1), (other, 2)]).find(kind) == [1] * is_match + [2] * other.matches(kind)
    both = intersects(glob, other)
    assert both is None or (glob.matches(both) and other.matches(both)), both
    if KINDS.hold(kind):
        assert both is not None or not (is_match and other.matches(kind))
        assert not covers(glob, other) or is_match or not other.matches(kind)
    return "matched" if is_match else "unmatched"


class _Tokens:
    """Shows a header to `OIDC`, which accepts only what Google has signed; or a token's parts, each in a line, before base64."""

    def __init__(self) -> None:
        self._signer = TokenSigner()
        email, audience = "sender@my-project.iam.gserviceaccount.com", "https://shop.example"
        self._chain = AuthenticatorChain([OIDC(service_accounts=[email], audience=audience)])
        self._valid = self._signer.token(email=email, audience=audience, expires_in=timedelta(hours=23))
        others = [
            self._signer.token(email=email, audience="https://other.example", expires_in=timedelta(hours=23)),
            self._signer.token(email=email, audience=audience, expires_in=-timedelta(hours=1)),
            self._signer.token(email="other@my-project.iam.gserviceaccount.com", audience=audience),
        ]
        tokens = (self._valid, *others)
        parts = [b"\n".join(urlsafe_b64decode(part + "==") for part in token.split(".")) for token in tokens]
        self.seeds = (*(f"Bearer {token}".encode() for token in tokens), *parts)

    @contextmanager
    def open(self) -> Generator[None]:
        """Serve the keys."""
        with self._signer:
            yield

    def take(self, data: bytes) -> str:
        """Only the valid token, whose last letter may have other unused bits, gets a principal."""
        if data.startswith(b"{"):  # the signature may have line breaks
            data = b"Bearer " + b".".join(urlsafe_b64encode(part).rstrip(b"=") for part in data.split(b"\n", 2))
        header = data.decode("latin-1")
        request = WSGIRequest({"REQUEST_METHOD": "POST", "PATH_INFO": "/", "wsgi.input": BytesIO(), "HTTP_AUTHORIZATION": header})
        try:
            principal = self._chain.authenticate(request)
        except (AuthenticationError, ForbiddenError):
            return "refused"
        assert principal is not None
        assert header.split()[-1].rpartition(".")[0] == self._valid.rpartition(".")[0]
        return "accepted"


class _Signatures:
    """Shows a request to the authenticator of one of the providers."""

    def __init__(self) -> None:
        self._chains = [
            AuthenticatorChain([example.authenticator(tolerance=timedelta(days=36_500))])
            if example.authenticator().scheme.timestamp
            else AuthenticatorChain([example.authenticator()])
            for example in EXAMPLES
        ]
        self.seeds = tuple(
            b"".join([bytes([number]), *(f"{name}: {value}\n".encode("latin-1") for name, value in example.headers.items())])
            + b"\n"
            + example.body
            for number, example in enumerate(EXAMPLES)
        )

    @contextmanager
    def open(self) -> Generator[None]:
        """Stop the clock of signatures at the time of the examples."""
        with patch.object(hmac_signature, "time", lambda: EXAMPLES[0].at):
            yield

    def take(self, data: bytes) -> str:
        """Only the example's own body is accepted. Twilio signs what a form says, and not how it says it."""
        number = data[0] % len(EXAMPLES) if data else 0
        example, chain = EXAMPLES[number], self._chains[number]
        head, _, body = data[1:].partition(b"\n\n")
        pairs = (line.partition(":") for line in head.decode("latin-1").split("\n"))
        headers = {name.strip(): value.strip() for name, _, value in pairs if name.strip().replace("-", "").isalnum()}
        try:
            principal = chain.authenticate(replace(example, body=body, headers=headers).request())
        except (AuthenticationError, ForbiddenError):
            return "refused"
        assert principal is not None
        assert body == example.body or example.provider == "Twilio", example.provider
        return "accepted"


class _URLs:
    """Shows a query to `SignedURL`."""

    def __init__(self) -> None:
        self._chain = AuthenticatorChain([SignedURL()])
        parameters: list[dict[str, Any]] = [{}, {"a": "1"}, {"a": ["1", "2"], "ü": "%&=+ "}]
        self._signed = parameters
        self.seeds = tuple(
            get_event_url("k", "r", each, base_url="", signed=True).partition("?")[2].encode() for each in parameters
        )
        self._accepted = [_lists(seed.decode()) for seed in self.seeds]

    def take(self, data: bytes) -> str:
        """Only the parameters that were signed are accepted."""
        query = data.decode("latin-1")
        request = WSGIRequest(
            {"REQUEST_METHOD": "POST", "PATH_INFO": "/events/k/r", "QUERY_STRING": query, "wsgi.input": BytesIO()}
        )
        try:
            principal = self._chain.authenticate(request)
        except (AuthenticationError, ForbiddenError):
            return "refused"
        assert principal is not None
        assert _lists(query) in self._accepted
        return "accepted"


def _lists(query: str) -> dict[str, list[str]]:
    lists = dict(QueryDict(query).lists())
    del lists["signature"]
    lists.pop("__GCP_CloudEventsMode", None)
    return lists


@contextmanager
def targets() -> Generator[dict[str, Target]]:
    """Set up all that a target needs."""
    endpoint, tokens, signatures, urls = _Endpoint(), _Tokens(), _Signatures(), _URLs()
    globs = (b"order-*\n*-placed\norder-placed", b"[a-z]?[!x]*\n*\nabc", b"[]]\n[[]\n]", "é*\n?\né".encode())
    with ExitStack() as until_end:
        until_end.enter_context(endpoint.open())
        until_end.enter_context(tokens.open())
        until_end.enter_context(signatures.open())
        yield {
            "endpoint": Target(endpoint.take, REQUESTS, 9000),
            "stored": Target(_take_stored, REQUESTS, 2000),
            "globs": Target(_take_globs, globs, 60),
            "tokens": Target(tokens.take, tokens.seeds, 2000),
            "signatures": Target(signatures.take, signatures.seeds, 3000),
            "urls": Target(urls.take, urls.seeds, 400),
        }
