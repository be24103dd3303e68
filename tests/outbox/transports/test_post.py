"""The transport that posts events: each envelope and each way to authenticate at real endpoints, and servers that misbehave."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.client import BadStatusLine, HTTPException, RemoteDisconnected
from pathlib import Path
from ssl import SSLError
from threading import Barrier
from time import monotonic
from typing import Any, get_args
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from gcp_event_router import Event, EventRouter, Principal
from gcp_event_router.envelopes import CloudEvent, read
from gcp_event_router.exceptions import ConfigurationError
from gcp_event_router.inbox.models import StoredEvent
from gcp_event_router.outbox.models import OutgoingEvent
from gcp_event_router.outbox.transports import HTTP, NotAcknowledgedError, keep_alive
from gcp_event_router.outbox.transports.keep_alive import Reply
from gcp_event_router.outbox.transports.post import OutgoingForm
from gcp_event_router.outbox.transports.written import as_cloudevent, as_structured_cloudevent

from ...effects.models import Effect
from ...support.deliveries import PATIENCE, with_databases
from ...support.issuers import ACCOUNT, AUDIENCE, google
from ...support.loopback_endpoint import serving
from ...support.outgoing import CREATED, KEY, TRACE, outgoing
from ...support.own_postgres import until
from ...support.ports import reserved_port
from ...support.scripted_server import OK, Act, ScriptedServer, status

SECRET = "whsec_" + b64encode(b"a secret of at least 24 bytes").decode()
WEBHOOKS = {"BACKEND": "gcp_event_router.auth.StandardWebhooks", "OPTIONS": {"secrets": [SECRET]}}
each_envelope = pytest.mark.parametrize("envelope", get_args(OutgoingForm))


def options_of(envelope: OutgoingForm) -> dict[str, Any]:
    """The options that an envelope needs."""
    if envelope == "standard-webhooks":
        return {"envelope": envelope, "secret": SECRET}
    return {"envelope": envelope, "source": "//shop"} if envelope.startswith("cloudevents") else {"envelope": envelope}


@contextmanager
def endpoint(*backends: dict[str, Any], **settings: Any) -> Generator[str]:
    """The endpoint of this process, with these authenticators; yields its URL."""
    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": list(backends), **settings}), serving() as url:
        yield url


@contextmanager
def posting(url: str, **options: Any) -> Generator[HTTP]:
    transport = HTTP(url=url, timeout=options.pop("timeout", timedelta(seconds=PATIENCE)), **options)
    try:
        yield transport
    finally:
        transport.close()


@each_envelope
def test_what_arrives(router: EventRouter, envelope: OutgoingForm) -> None:
    """A handler gets the payload, the id and the time, and what else each envelope carries."""
    got: list[Event[Any]] = []

    @router.on("order placed")
    def keep(event: Event[Any]) -> None:
        got.append(event)

    attributes = {"colour": "r\xf6t", "traceparent": TRACE}
    event = outgoing(kind="order placed", attributes=attributes, ordering_key="c-1", cause="c-17")
    backends = [WEBHOOKS] if envelope == "standard-webhooks" else []
    with endpoint(*backends) as url, posting(f"{url}/events/{{kind}}/{{id}}", **options_of(envelope)) as transport:
        assert transport.send(event) == ""

    (arrived,) = got
    read = arrived.envelope
    assert (arrived.payload, arrived.reference, read.message_id, read.body and read.data) == ({"a": 1}, KEY, KEY, b'{"a": 1}')
    identity = {"cloudevents": ("cloudevents", "//shop", KEY), "standard-webhooks": ("webhook", "standard-webhooks", KEY)}
    assert read.identity == identity.get(envelope.removesuffix("-structured"), ("outbox", KEY))
    if envelope != "standard-webhooks":
        assert (read.cause, read.routed["colour"], read.publish_time) == ("c-17", "r\xf6t", CREATED)
    if isinstance(read, CloudEvent):
        assert (read.type, read.extensions["partitionkey"], read.extensions["traceparent"]) == ("order placed", "c-1", TRACE)
    elif envelope != "standard-webhooks":
        assert (read.ordering_key, read.outbox_id) == ("c-1", KEY)


@with_databases
@each_envelope
def test_twice_to_an_inbox(inbox: str, router: EventRouter, envelope: OutgoingForm) -> None:
    """An event that is posted twice takes effect once, in every envelope."""

    @router.on("k")
    def record(event: Event[Any]) -> None:
        Effect.objects.using(inbox).create(handler="record", reference=event.reference)

    backends = [WEBHOOKS] if envelope == "standard-webhooks" else []
    options = options_of(envelope)
    with endpoint(*backends, INBOX={"DATABASE": inbox}) as url, posting(f"{url}/events/{{kind}}/{{id}}", **options) as transport:
        for key in (KEY, KEY, str(uuid4()), KEY):
            transport.send(outgoing(key=key))
    assert Effect.objects.using(inbox).count() == StoredEvent.objects.using(inbox).count() == 2
    assert StoredEvent.objects.using(inbox).filter(message_id=KEY).count() == 1


def test_an_endpoint_without_a_kind(router: EventRouter) -> None:
    """A CloudEvent posted to the root of the endpoint has its kind for its type."""
    got: list[tuple[str, str]] = []

    @router.on("order-placed")
    def keep(event: Event[Any]) -> None:
        got.append((event.kind, event.reference))

    with endpoint() as url, posting(f"{url}/events/", envelope="cloudevents", source="//shop") as transport:
        transport.send(outgoing(kind="order-placed"))
    assert got == [("order-placed", KEY)]


@pytest.fixture
def principals(router: EventRouter) -> list[Principal | None]:
    """Who sent each event of the kind `k`."""
    got: list[Principal | None] = []

    @router.on("k")
    def keep(event: Event[Any]) -> None:
        got.append(event.principal)

    return got


def test_signed_urls(principals: list[Principal | None]) -> None:
    """The URL is signed for an hour, anew for each attempt, with the parameters that it has."""
    with endpoint({"BACKEND": "gcp_event_router.auth.SignedURL"}) as url:
        with posting(f"{url}/events/{{kind}}/{{id}}?a=1&b={{id}}", signed=True) as transport:
            transport.send(outgoing())
        with posting(f"{url}/events/{{kind}}/{{id}}") as transport, pytest.raises(NotAcknowledgedError) as caught:
            transport.send(outgoing())
    assert str(caught.value) == "answered 401"
    assert principals == [Principal("signed-url")]


def test_further_headers(principals: list[Principal | None]) -> None:
    """Headers of the options travel with each event."""
    token = {"BACKEND": "gcp_event_router.auth.SharedToken", "OPTIONS": {"header": "X-Token", "tokens": ["a token of ours"]}}
    with endpoint(token) as url, posting(f"{url}/events/k/1", headers={"X-Token": "a token of ours"}) as transport:
        transport.send(outgoing())
    assert principals == [Principal("shared-token")]


def test_oidc_tokens(principals: list[Principal | None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The token of a service account is fetched once, before the first event, and sent with each."""
    with google() as world, serving() as url:
        body = json.dumps({"id_token": world.issuer.token()}).encode()
        answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        with ScriptedServer(Act(answer)) as tokens:
            account(monkeypatch, tmp_path, tokens.url, world.issuer.private)
            with posting(f"{url}/events/k/1", audience=AUDIENCE) as transport:
                transport.open()
                transport.send(outgoing())
                transport.send(outgoing())
            assert len(tokens.requests) == 1
    assert [principal and principal.email for principal in principals] == [ACCOUNT, ACCOUNT]


def test_no_credentials_for_tokens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without credentials, the relay learns so before the first event."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "missing.json"))
    with posting("https://other.example", audience=AUDIENCE) as transport, pytest.raises(ConfigurationError) as caught:
        transport.open()
    assert str(caught.value) == (
        "HTTP(audience='https://shop.example') needs Google credentials that issue tokens, and there are none. Run on "
        "Google Cloud with a service account, or name a service account's key file in GOOGLE_APPLICATION_CREDENTIALS."
    )


def account(monkeypatch: pytest.MonkeyPatch, folder: Path, url: str, key: Any) -> None:
    """Write the key file of a service account, whose tokens come from a URL."""
    file = folder / "account.json"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    info = {"type": "service_account", "client_email": ACCOUNT, "private_key": private, "token_uri": url}
    file.write_text(json.dumps(info))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))


@pytest.mark.parametrize("code", [102, 200, 201, 202, 204])
def test_answers_that_acknowledge(code: int) -> None:
    """The answers are read as Pub/Sub reads them, and the next event is posted, whatever follows an interim one."""
    with ScriptedServer(status(code, body=b"" if code == 204 else b"{}")) as server, posting(server.url) as transport:
        assert [transport.send(outgoing()) for _ in range(2)] == ["", ""]
    assert len(server.requests) == 2


@pytest.mark.parametrize("code", [203, 205, 206, 301, 302, 307, 308, 400, 401, 404, 409, 413, 429, 500, 503])
def test_answers_that_do_not(code: int) -> None:
    """Any other answer is a failed attempt; a redirect is not followed, and the connection stays open."""
    with ScriptedServer(status(code, "Location: /elsewhere")) as server, posting(server.url) as transport:
        with pytest.raises(NotAcknowledgedError) as caught:
            transport.send(outgoing())
        transport.send(outgoing())
    assert (str(caught.value), caught.value.after) == (f"answered {code}", None)
    assert (len(server.requests), {head.split(" ")[1] for _, head, _ in server.requests}) == (2, {"/"})


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("3601", 3600),
        ("9" * 40, 3600),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Fri, 01 Jan 2100 00:00:00 GMT", 3600),
        ("-5", None),
        ("1.5", None),
        ("\xb2", None),
        ("soon", None),
        ("", None),
        ("Fri, 99 Jan 99999 00:00:00 GMT", None),
    ],
)
def test_retry_after(text: str, after: int | None) -> None:
    """`Retry-After` is seconds or a date, and at most an hour."""
    answer = b"HTTP/1.1 503 No\r\nContent-Length: 0\r\nRetry-After: " + text.encode("latin-1") + b"\r\n\r\n"
    assert wait(Act(answer)) == (None if after is None else timedelta(seconds=after))


def test_retry_after_a_date() -> None:
    """A date in the future is as far away as it is."""
    text = format_datetime(datetime.now(UTC) + timedelta(minutes=30), usegmt=True)
    assert timedelta(minutes=25) < (wait(status(429, f"Retry-After: {text}")) or timedelta()) <= timedelta(minutes=30)


def wait(act: Act) -> timedelta | None:
    """How long to wait after an answer that does not acknowledge."""
    with ScriptedServer(act) as server, posting(server.url) as transport, pytest.raises(NotAcknowledgedError) as caught:
        transport.send(outgoing())
    return caught.value.after


def test_one_connection() -> None:
    """The events of a thread share a connection, whatever the answers are."""
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    acts = [Act(), Act(chunked), status(200, body=b"a" * 65536), status(204, body=b""), Act()]
    with ScriptedServer(*acts) as server, posting(server.url) as transport:
        for _ in acts:
            transport.send(outgoing())
    assert server.connections == [1, 1, 1, 1, 1]


@pytest.mark.parametrize(
    "act",
    [
        Act(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}", closes=True),
        Act(b"HTTP/1.0 200 OK\r\n\r\nto the end", closes=True),
        Act(OK, closes=True),
        Act(OK, drips=True),
        status(200, body=b"a" * 65537),
        Act(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", closes=True),
        Act(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno chunk", closes=True),
    ],
)
def test_connections_that_cannot_go_on(act: Act) -> None:
    """After a closed connection, or an answer with no end or more than one, the next event gets a connection of its own."""
    with ScriptedServer(act, status(503)) as server, posting(server.url) as transport:
        transport.send(outgoing())
        if act.closes:
            assert server.has_closed.wait(PATIENCE)
        if act.drips:
            assert server.has_dripped.wait(PATIENCE)
        with pytest.raises(NotAcknowledgedError, match=r"^answered 503$"):
            transport.send(outgoing())
    assert server.connections == [1, 2]


@pytest.mark.parametrize("stray", [b"?", b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"])
def test_more_than_an_answer(stray: bytes) -> None:
    """What comes right after an answer is never read as the answer to the next event."""
    with ScriptedServer(Act(OK + stray), status(503)) as server, posting(server.url) as transport:
        transport.send(outgoing())
        with pytest.raises(NotAcknowledgedError, match=r"^answered 503$"):
            transport.send(outgoing())


def test_a_connection_that_closes_too_late() -> None:
    """A request that meets a closing connection is posted once more over a new one, since no answer has begun."""
    with ScriptedServer(Act(), Act(b"", closes=True), Act()) as server, posting(server.url) as transport:
        transport.send(outgoing())
        transport.send(outgoing(key=str(uuid4())))
    assert server.connections == [1, 1, 2]
    assert server.requests[1][2] == server.requests[2][2] != server.requests[0][2]


def test_a_new_connection_that_closes() -> None:
    """A server that never answers is tried once for each attempt."""
    with ScriptedServer(*[Act(b"", closes=True)] * 3) as server, posting(server.url) as transport:
        for _ in range(2):
            with pytest.raises(RemoteDisconnected):
                transport.send(outgoing())
        assert server.connections == [1, 2]
        with pytest.raises(RemoteDisconnected):
            transport.send(outgoing())
        transport.send(outgoing())


@pytest.mark.parametrize(
    ("act", "error"),
    [
        (Act(b""), TimeoutError),
        (Act(b"HTTP/1.1 200 OK\r\n"), TimeoutError),
        (Act(b"HTTP/1.1 200", drips=True), TimeoutError),
        (Act(b"HTTP/1.1 200 OK\r\nX-A: ", drips=True), TimeoutError),
        (Act(b"SSH-2.0-OpenSSH_9.2\r\n", closes=True), BadStatusLine),
        (Act(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 101 + b"\r\n"), HTTPException),
        (Act(b"HTTP/1.1 200 " + b"a" * 65537), HTTPException),
    ],
)
def test_servers_that_misbehave(act: Act, error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that hangs, drips or answers something else fails the attempt within the timeout, and not the next one."""
    passed = iter([PATIENCE - 0.5] if error is TimeoutError else [])  # the first attempt alone has half a second
    monkeypatch.setattr(keep_alive, "monotonic", lambda: monotonic() - next(passed, 0))
    with ScriptedServer(act) as server, posting(server.url) as transport:
        with pytest.raises(error):
            transport.send(outgoing())
        until(lambda: server.connections == [1])  # so that the second one is answered as such
        transport.send(outgoing())
    assert server.connections == [1, 2]


def test_a_body_that_drips(monkeypatch: pytest.MonkeyPatch) -> None:
    """The status has arrived, so the rest of an answer cannot undo it, however long it takes."""
    drips = Act(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", drips=True)
    passed = [0.0]

    def reply(*args: Any) -> Reply:
        passed.append(passed[-1] + PATIENCE)  # before the rest is read
        return Reply(*args)

    monkeypatch.setattr(keep_alive, "monotonic", lambda: monotonic() + passed[-1])
    monkeypatch.setattr(keep_alive, "Reply", reply)
    with ScriptedServer(drips) as server, posting(server.url) as transport:
        transport.send(outgoing())
        transport.send(outgoing())
    assert server.connections == [1, 2]


def test_no_server() -> None:
    """A server that is not there, or that speaks no TLS, has not taken the event."""
    with serving() as url, posting(url.replace("http:", "https:")) as transport, pytest.raises(SSLError):
        transport.send(outgoing())
    with reserved_port() as port, posting(f"http://127.0.0.1:{port}") as transport, pytest.raises(ConnectionRefusedError):
        transport.send(outgoing())


def test_lines() -> None:
    """Lines are sent at once, the events of each in order, over one connection for each thread; a failure holds back its line."""
    barrier = Barrier(2)

    class Together(HTTP):
        @override
        def send(self, event: OutgoingEvent) -> str:
            if event.ordering_key:
                barrier.wait(PATIENCE)
            return super().send(event)

    with ScriptedServer() as server:
        transport = Together(url=f"{server.url}/{{id}}", concurrency=2, timeout=timedelta(seconds=PATIENCE))
        lines = [[outgoing(key=str(uuid4()), ordering_key=key) for _ in range(5)] for key in "ab"]
        futures = [list(transport.submit(line)) for line in lines]
        assert [future.result(PATIENCE) for line in futures for future in line] == [""] * 10
        assert set(server.connections) == {1, 2}
        arrived = [head.split(" ")[1].strip("/") for _, head, _ in server.requests]
        assert [sorted(map(str, (event.key for event in line)), key=arrived.index) for line in lines] == [
            [str(event.key) for event in line] for line in lines
        ]
        transport.close()
    with ScriptedServer(status(500)) as server, posting(server.url) as other:
        failed: list[Future[str]] = list(other.submit([outgoing(key=str(uuid4())) for _ in range(3)]))
        errors = [type(future.exception(PATIENCE)).__name__ for future in failed]
        assert errors == ["NotAcknowledgedError", "HeldBackError", "HeldBackError"]
    assert len(server.requests) == 1


def test_what_headers_cannot_carry() -> None:
    """Attributes that no header can carry, or that would be taken for other headers, stay away; the event is sent."""
    attributes = {
        "good": "yes",
        "broken": "a\r\nX-Evil: 1",
        "host": "evil",
        "content-length": "1",
        "na\r\nme": "a",
        "na me": "a",
        "\xe4": "a",
        "x-forwarded-for": "a",
        "padded": " a",
    }
    with ScriptedServer() as server, posting(server.url, envelope="json") as transport:
        transport.send(outgoing(attributes=attributes, ordering_key="a\nb", trace={"traceparent": "a\nb"}))
    ((_, head, body),) = server.requests
    names = [line.split(":")[0].lower() for line in head.splitlines()[1:]]
    assert sorted(names) == [
        "accept-encoding",
        "content-length",
        "content-type",
        "event-router-id",
        "good",
        "host",
        "user-agent",
        "x-goog-pubsub-message-id",
        "x-goog-pubsub-publish-time",
        "x-goog-pubsub-subscription-name",
    ]
    assert body == b'{"a": 1}'


def test_a_trace_that_is_none() -> None:
    """A publisher's own `traceparent` does not keep its event from being sent, whatever it contains."""
    with ScriptedServer() as server, posting(server.url) as transport:
        transport.send(outgoing(attributes={"traceparent": "\u03a9"}))
    assert len(server.requests) == 1


@pytest.mark.hypothesis
@given(st.binary() | st.sampled_from([b"1.10", b'{"a":1, "a": 2}', b'"\\ud800"', b"1e999", b"[NaN]", b" {} ", b'"a"']))
def test_payloads_of_cloudevents(data: bytes) -> None:
    """Both modes carry every payload byte for byte."""
    for write in (as_cloudevent, as_structured_cloudevent):
        written = write(outgoing(data), "//shop")
        headers = {f"HTTP_{name.upper().replace('-', '_')}": text for name, text in written.headers.items()}
        envelope = read(written.body, {"CONTENT_TYPE": written.content_type, **headers})
        assert (envelope.message_id, envelope.data.strip(b" \t\r\n")) == (KEY, data.strip(b" \t\r\n"))


def written_to(url: str) -> Callable[..., str]:
    def target(**options: Any) -> str:
        with ScriptedServer() as server, posting(server.url + url, **options) as transport:
            transport.send(outgoing(kind="a b?#\xe4%"))
        return server.requests[0][1].split(" ")[1]

    return target


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("", "/"),
        ("/", "/"),
        ("/in?kind={kind}&id={id}", f"/in?kind=a%20b%3F%23%C3%A4%25&id={KEY}"),
        ("/events/{kind}/{id}/", f"/events/a%20b%3F%23%C3%A4%25/{KEY}/"),
        ("/constant%20path?a=b#fragment", "/constant%20path?a=b"),
    ],
)
def test_urls(url: str, target: str) -> None:
    """The kind and the id are escaped in the URL."""
    assert written_to(url)() == target


@pytest.mark.parametrize(
    ("options", "message"),
    [
        *(
            (
                {"url": url},
                'HTTP cannot post to its url. Write "url": "https://other.example/events/{kind}/{id}", '
                "without other braces, a user or a password.",
            )
            for url in (
                "ftp://a.example",
                "https://",
                "https://user:password@a.example",
                "https://{kind}.example",
                "https://a.example/{topic}",
                "https://a.example/{kind",
                "https://a.example/a b",
                "https://a.example/\xe4",
                "https://a.example:0",
                5,
            )
        ),
        (
            {"envelope": "xml"},
            "HTTP cannot use envelope='xml', which is unknown. "
            "Choose from 'pubsub', 'cloudevents', 'cloudevents-structured', 'json', 'standard-webhooks'.",
        ),
        ({"concurrency": 0}, "HTTP cannot use concurrency=0, which is not a positive number. Leave it out."),
        ({"audience": None}, "HTTP needs a printable text for audience, not what is there. Is an environment variable wrong?"),
        (
            {"url": "http://a.example", "audience": "a"},
            "HTTP cannot use audience with a URL of http, which anybody on the way can read. Write https://.",
        ),
        (
            {"url": "http://a.example", "signed": True},
            "HTTP cannot use signed with a URL of http, which anybody on the way can read. Write https://.",
        ),
        ({"signed": "secret"}, "HTTP cannot use signed of the type str. Write True or False."),
        ({"signed": 1}, "HTTP cannot use signed of the type int. Write True or False."),
        (
            {"url": "https://a.example/?signature=1", "signed": True},
            "HTTP cannot sign a URL that has the parameter 'signature'. Leave it out, or leave signed out.",
        ),
        (
            {"secret": SECRET},
            'HTTP has no use for a secret with envelope=\'pubsub\'. Write "envelope": "standard-webhooks".',
        ),
        ({"source": "a"}, 'HTTP has no use for a source with envelope=\'pubsub\'. Write "envelope": "cloudevents".'),
        (
            {"envelope": "cloudevents"},
            'HTTP needs a source for CloudEvents, and BASE_URL is not set. Write "source": "https://shop.example".',
        ),
        (
            {"envelope": "standard-webhooks"},
            "HTTP cannot use its secret to sign (StandardWebhooks cannot use secrets[0], which is empty, has spaces around it, "
            "or is not a printable string. Is an environment variable empty, or does a file end in a newline?). "
            'Write "secret": os.environ["WEBHOOK_SECRET"], which begins with whsec_.',
        ),
        (
            {"envelope": "standard-webhooks", "secret": "whpk_" + b64encode(bytes(32)).decode()},
            "HTTP cannot use its secret to sign (A public key cannot sign. Sign with a secret that sender and site share, such "
            'as one that begins with whsec_.). Write "secret": os.environ["WEBHOOK_SECRET"], which begins with whsec_.',
        ),
        ({"headers": 5}, 'HTTP needs a dict of headers. Write "headers": {"X-Token": os.environ["TOKEN"]}.'),
        (
            {"headers": {"Host": "a"}},
            "HTTP cannot send the header 'Host', which it writes itself. Leave it out.",
        ),
        (
            {"headers": {"X Token": "a"}},
            "HTTP cannot send the header 'X Token', which is not the name of one. "
            'Write "headers": {"X-Token": os.environ["TOKEN"]}.',
        ),
        (
            {"headers": {"X-Token": "a secret\n"}},
            "HTTP cannot send the value of the header 'X-Token'. Write printable ASCII characters.",
        ),
        (
            {"headers": {"authorization": "Bearer a"}, "audience": "a"},
            "HTTP cannot send both an Authorization header and a token for its audience. Leave one of them out.",
        ),
    ],
)
@override_settings(BASE_URL=None)
def test_options(options: dict[str, Any], message: str) -> None:
    """Each option says what it takes, and quotes no secret."""
    options = {"url": "https://other.example/", **options}
    with pytest.raises(ConfigurationError) as caught:
        HTTP(**options)
    assert str(caught.value) == message
