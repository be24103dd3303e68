"""`manage.py events send`: in this process, and over HTTP to a real server."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from base64 import urlsafe_b64decode
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import Annotated, Any
from urllib.parse import parse_qs
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.types import StartResponse, WSGIApplication

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import CommandError, call_command
from django.http import HttpRequest
from django.test import override_settings
from pydantic import BaseModel, Discriminator, Field, Tag, field_validator
from typing_extensions import override

from gcp_event_router import Event, EventRouter, Principal, Reject, Retry
from gcp_event_router._messages import FORMS
from gcp_event_router.envelopes import CloudEvent
from gcp_event_router.exceptions import UnavailableError
from gcp_event_router.inbox.models import Delivery, State
from gcp_event_router.signals import event_received
from gcp_event_router.testing import TokenSigner

from ..support.deliveries import on_sqlite, with_databases

ROOT = Path(__file__).parents[2]
ACCOUNT = "sender@shop.iam.gserviceaccount.com"
OIDC = {"BACKEND": "gcp_event_router.auth.OIDC", "OPTIONS": {"service_accounts": [ACCOUNT], "audience": "https://shop.example"}}


class Order(BaseModel):
    order_id: int
    total: float = 12.5


@pytest.fixture
def seen(router: EventRouter) -> list[Event[Any, Any]]:
    """The events that a handler of `order-*` gets, and other handlers that answer otherwise."""
    found: list[Event[Any, Any]] = []

    @router.on("order-*", name="shop.store")
    def store(event: Event[Order]) -> None:
        found.append(event)

    @router.on("later", name="shop.later")
    def later(event: Event[Order]) -> None:
        raise Retry(after=timedelta(seconds=7))

    @router.on("never", name="shop.never")
    async def never(event: Event[None]) -> None:
        raise Reject

    @router.on("broken", name="shop.broken")
    def broken(event: Event[Any]) -> None:
        msg = "out of order"
        raise RuntimeError(msg)

    @router.on("label", name="shop.label")
    def label(event: Event[bytes]) -> None:
        found.append(event)

    return found


def run(*arguments: str) -> tuple[int, str]:
    """The exit code, and what is printed, without times and places."""
    out, code = io.StringIO(), 0
    try:
        call_command("events", "send", *arguments, stdout=out, stderr=out)
    except CommandError as error:
        out.write(f"CommandError: {error}\n")
        code = error.returncode
    text = re.sub(r"\d+\.\d+ ms", "0.0 ms", out.getvalue())
    return code, re.sub(rf"{re.escape(__file__)}:\d+", "file.py:0", re.sub(r"127\.0\.0\.1:\d+", "localhost:0", text))


def test_example(seen: list[Event[Any, Any]]) -> None:
    """Without a payload, an example is sent that the handler reads; as a push, and with a new id each time."""
    code, printed = run("order-placed")

    assert (code, printed) == (
        0,
        "An example of order-placed, since there is no --data or --file:\n"
        '  {"order_id": 1, "total": 12.5}\n'
        "This process answered 201 Created: Pub/Sub would not send the event again.\n"
        "  shop.store: handled in 0.0 ms\n",
    )
    run("order-placed")
    first, second = seen
    assert first.payload == Order(order_id=1)
    assert (first.kind, first.reference, first.envelope.form) == ("order-placed", "1", "pubsub")
    assert first.envelope.message_id != second.envelope.message_id


@override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [OIDC]})
def test_no_authentication_here(seen: list[Event[Any, Any]]) -> None:
    """In this process no authenticator is asked: whoever may run commands may send."""
    assert run("order-placed")[0] == 0
    assert [event.principal for event in seen] == [None]


class Needed(BaseModel):
    shop: str
    tags: list[str] = Field(min_length=2)
    page: int = 1


class Ours(BaseModel):
    number: int = Field(examples=["x"])

    @field_validator("number")
    @classmethod
    def is_ours(cls, number: int) -> int:
        if number != 4711:
            raise ValueError
        return number


@pytest.fixture
def needy(router: EventRouter) -> list[Event[Any, Any]]:
    """The events that handlers get which require parameters, or have no example."""
    found: list[Event[Any, Any]] = []

    @router.on("needed", name="shop.needed")
    def needed(event: Event[Order, Needed]) -> None:
        found.append(event)

    @router.on("ours", name="shop.ours")
    def ours(event: Event[Ours]) -> None:
        found.append(event)

    @router.on("lost", name="shop.lost")
    def lost(event: Event[Order, Ours]) -> None:
        found.append(event)

    return found


def test_example_of_parameters(needy: list[Event[Any, Any]]) -> None:
    """Parameters that a handler requires are in the URL, unless some are given; those that may be left out are not."""
    code, printed = run("needed")

    assert (code, printed) == (
        0,
        "An example of needed, since there is no --data or --file:\n"
        '  {"order_id": 1, "total": 12.5}\n'
        "An example of its URL's parameters, since there is no --parameter:\n"
        "  shop=shop&tags=tags&tags=tags\n"
        "This process answered 201 Created: Pub/Sub would not send the event again.\n"
        "  shop.needed: handled in 0.0 ms\n",
    )
    assert run("needed", "--data", '{"order_id": 2}')[0] == 0
    assert run("needed", "--parameter", "shop=a")[0] == 1
    assert run("needed", "--parameter", "shop=a", "--parameter", "tags=b", "--parameter", "tags=c")[0] == 0
    assert [event.parameters for event in needy] == [Needed(shop="shop", tags=["tags", "tags"])] * 2 + [
        Needed(shop="a", tags=["b", "c"])
    ]


DECLARE = "Declare one: Field(examples=[...]) at the field, or Annotated[..., Field(examples=[...])] around the type."


def test_no_example(needy: list[Event[Any, Any]]) -> None:
    """Where no example can be made, nothing is sent, and what to give or to declare is said."""
    why = "the first try fails at number: The value was refused by a validator"
    assert run("ours") == (
        2,
        f"CommandError: Cannot make an example of the payload that Ours reads: {why}. {DECLARE} "
        "Or give the payload: --data or --file.\n",
    )
    assert run("lost") == (
        2,
        f"CommandError: Cannot make an example of the URL's parameters that Ours reads: {why}. {DECLARE} "
        "Or give them: --parameter NAME=VALUE.\n",
    )
    assert needy == []
    assert run("ours", "--data", '{"number": 4711}')[0] == 0
    assert run("lost", "--data", '{"order_id": 1}')[0] == 1
    assert run("lost", "--parameter", "number=4711")[0] == 0


class Declared(BaseModel):
    number: int = Field(examples=["x", 7])


def test_declared_example_that_is_refused(router: EventRouter) -> None:
    """A declared example that its own type refuses is not sent, and that is said."""

    @router.on("declared", name="shop.declared")
    def declared(event: Event[Declared]) -> None: ...

    assert run("declared")[1].startswith(
        "An example of declared, since there is no --data or --file:\n"
        '  {"number": 7}\n'
        "An example that is declared for Declared.number is left out: its type refuses it (int_parsing).\n"
    )


def test_invalid(seen: list[Event[Any, Any]]) -> None:
    """What is wrong with a payload is listed, by its place."""
    assert run("order-placed", "7", "--data", '{"order_id": "x"}') == (
        1,
        "This process answered 400 Bad Request: Pub/Sub would send the event again.\n"
        "  shop.store: invalid in 0.0 ms\n"
        "    The declared type rejects the event's payload:\n"
        "    order_id: Input should be a valid integer, unable to parse string as an integer (int_parsing)\n"
        "CommandError: Expected handled, but got invalid.\n",
    )
    assert seen == []


class Where(BaseModel):
    shelf: int


def test_invalid_parameters(router: EventRouter) -> None:
    """The message about parameters names them."""

    @router.on("counted", name="shop.counted")
    def counted(event: Event[Any, Where]) -> None: ...

    assert (
        "    The declared type rejects the event's parameters:\n"
        "    shelf: Input should be a valid integer, unable to parse string as an integer (int_parsing)\n"
    ) in run("counted", "--data", "1", "--parameter", "shelf=x")[1]


def test_other_answers(seen: list[Event[Any, Any]]) -> None:
    """Each outcome is told, with how Pub/Sub reads it."""
    assert run("later", "--data", '{"order_id": 1}') == (
        1,
        "This process answered 503 Service Unavailable: Pub/Sub would send the event again, after 7 s.\n"
        "  shop.later: retry in 0.0 ms\n"
        "    Retry at file.py:0 in later\n"
        "CommandError: Expected handled, but got retry.\n",
    )
    assert run("never") == (
        1,
        "An example of never, since there is no --data or --file:\n  (no payload)\n"
        "This process answered 200 OK: Pub/Sub would not send the event again.\n"
        "  shop.never: rejected in 0.0 ms\n"
        "    Reject at file.py:0 in never\n"
        "CommandError: Expected handled, but got rejected. To expect that, give --expect rejected.\n",
    )


@pytest.mark.parametrize("debug", [False, True])
def test_failure(seen: list[Event[Any, Any]], *, debug: bool) -> None:
    """A handler's exception is told with its text and place, since only who runs the command sees it; also with DEBUG."""
    with override_settings(DEBUG=debug):
        assert run("broken", "--data", "1") == (
            1,
            "This process answered 400 Bad Request: Pub/Sub would send the event again.\n"
            "  shop.broken: failed in 0.0 ms\n"
            "    RuntimeError at file.py:0 in broken: out of order\n"
            "CommandError: Expected handled, but got failed.\n",
        )


def test_attributes_that_handlers_want(router: EventRouter) -> None:
    """An event without the attributes that its handlers want needs them, and with them gets their example of a payload."""
    router.on("gcs-*", attributes={"eventType": "OBJECT_*"}, payload=dict[str, int])(lambda event: None)

    assert run("gcs-a") == (
        2,
        "CommandError: No handler takes 'gcs-a', so there is no example of its payload. Its handlers want attributes, such as "
        "eventType=OBJECT_*: give --attribute NAME=VALUE. Give --data or --file.\n",
    )
    assert run("gcs-a", "--attribute", "eventType=OBJECT_X")[0] == 0
    assert run("gcs-a", "--data", "{}", "--expect", "unhandled") == (
        0,
        "This process answered 201 Created: Pub/Sub would not send the event again.\n"
        "  Its handlers want attributes, such as eventType=OBJECT_*: give --attribute NAME=VALUE.\n",
    )


def test_nobody(seen: list[Event[Any, Any]], tmp_path: Path) -> None:
    """For a kind that nothing handles a payload has to be given, and that nobody was called is told."""
    plain: list[object] = []
    assert run("order_placed") == (
        2,
        "CommandError: No handler takes 'order_placed', so there is no example of its payload. Give --data or --file.\n",
    )
    assert run("labl")[1].endswith("Did you mean 'label'? Give --data or --file.\n")
    unhandled = (
        "This process answered 201 Created: Pub/Sub would not send the event again.\n"
        "CommandError: Expected handled, but got unhandled. To expect that, give --expect unhandled.\n"
    )
    assert run("other", "--data", "1") == (1, unhandled)
    assert "\n  Did you mean 'label'?\nCommandError: " in run("labl", "--data", "1")[1]

    def receiver(sender: object, event_payload: Any, **_: object) -> None:
        plain.append(event_payload)

    event_received.connect(receiver)
    assert run("other", "--data", "1", "--envelope", "plain") == (1, unhandled)
    assert plain == [1]


def test_misspelt_handler(seen: list[Event[Any, Any]]) -> None:
    """The glob that the kind resembles is named."""
    assert run("labl", "--data", "1") == (
        1,
        "This process answered 201 Created: Pub/Sub would not send the event again.\n"
        "  Did you mean 'label'?\n"
        "CommandError: Expected handled, but got unhandled. To expect that, give --expect unhandled.\n",
    )


@pytest.mark.parametrize("form", FORMS)
def test_envelopes(seen: list[Event[Any, Any]], form: str) -> None:
    """Each form is sent, with what it has a place for."""
    options = ["--envelope", form, "--message-id", "17", "--attribute", "region=eu"]

    code, _ = run("order-placed", "4711", "--data", '{"order_id": 3}', "--parameter", "a=1", "--parameter", "a=2", *options)

    (event,) = seen
    assert code == 0
    assert (event.envelope.form, event.payload.order_id, event.reference) == (form, 3, "4711")
    assert event.parameters == {"a": "2"}


def test_bytes_from_a_file(seen: list[Event[Any, Any]], tmp_path: Path) -> None:
    """A file's bytes are sent as they are."""
    file = tmp_path / "label.png"
    file.write_bytes(b"\x89PNG\xff")

    assert run("label", "--file", str(file))[0] == 0
    assert run("label")[0] == 0

    assert [event.payload for event in seen] == [b"\x89PNG\xff", b"something"]


@pytest.mark.proof
def test_stdin() -> None:
    """`--file -` reads what is piped in, also bytes; what is printed is told apart from errors."""
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    command = [sys.executable, "-m", "django", "events", "send", "any", "--file", "-", "--format", "json", "--no-color"]
    command += ["--expect", "unhandled"]

    ended = subprocess.run(command, cwd=ROOT, env=environment, input=b"\xff\x00", capture_output=True, check=False, timeout=120)

    assert (ended.returncode, json.loads(ended.stdout)["status"]) == (0, 201), ended.stderr


def test_json(seen: list[Event[Any, Any]]) -> None:
    """The same for scripts."""
    code, printed = run("order-placed", "--data", "[]", "--format", "json")

    found = json.loads(printed.partition("\nCommandError")[0])
    found["handlers"][0]["duration_ms"] = 0.0
    error: dict[str, object] = {"loc": [], "msg": "Input should be an object", "type": "model_type"}
    assert (code, found) == (
        1,
        {
            "place": "this process",
            "status": 400,
            "acknowledged": False,
            "retry_after": None,
            "error": "Unable to handle event of kind order-placed with reference 1",
            "errors": [error],
            "handlers": [
                {
                    "handler": "shop.store",
                    "outcome": "invalid",
                    "duration_ms": 0.0,
                    "problem": "The declared type rejects the event's payload:",
                    "errors": [error],
                }
            ],
            "problem": "",
            "outcome": "invalid",
        },
    )


@contextmanager
def site(application: WSGIApplication | None = None) -> Generator[str]:
    """The project, or something else, on a real server, in a thread; yields its URL."""

    class Quiet(WSGIRequestHandler):
        @override
        def log_message(self, format: str, *args: Any) -> None:
            pass

    with make_server("127.0.0.1", 0, application or WSGIHandler(), handler_class=Quiet) as running:
        thread = Thread(target=running.serve_forever, args=[0.01])
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_port}"
        finally:
            running.shutdown()
            thread.join()


@override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": []})
def test_over_http(seen: list[Event[Any, Any]]) -> None:
    """Over HTTP the status is all that is known, and what the endpoint says of errors."""
    with site() as url:
        assert run("order-placed", "4711", "--data", '{"order_id": 3}', "--url", url) == (
            0,
            "http://localhost:0/events/order-placed/4711 answered 201 Created: Pub/Sub would not send the event again.\n",
        )
        assert run("order-placed", "a b", "--data", "{}", "--url", f"{url}/") == (
            1,
            "http://localhost:0/events/order-placed/a%20b answered 400 Bad Request: "
            "Pub/Sub would send the event again.\n"
            "  Unable to handle event of kind order-placed with reference a b\n"
            "  order_id: Field required (missing)\n"
            "CommandError: Expected handled, but got invalid or failed.\n",
        )
        assert run("order-placed", "--data", "{}", "--url", f"{url}/elsewhere")[1].startswith(
            "http://localhost:0/elsewhere answered 404 Not Found: Pub/Sub would send the event again.\n"
            "  The body is not the events endpoint's: is something else at that URL?\n"
        )
    assert run("order-placed", "--url", url, "--data", "{}") == (
        1,
        "CommandError: No answer from http://localhost:0/events/order-placed/1: ConnectionRefusedError. "
        "Is a server running there?\n",
    )
    assert [event.payload.order_id for event in seen] == [3]


def test_failure_of_several_lines(router: EventRouter) -> None:
    """An exception of several lines stays below its handler, and the terminal obeys none of it."""

    @router.on("broken", name="shop.broken")
    def broken(event: Event[Any]) -> None:
        msg = "out\n\x1b[2Jof order"
        raise RuntimeError(msg)

    assert run("broken", "--data", "1")[1].splitlines()[2:] == [
        "    RuntimeError at file.py:0 in broken: out",
        "    ?[2Jof order",
        "CommandError: Expected handled, but got failed.",
    ]


def test_unknown_name(router: EventRouter) -> None:
    """Of a handler whose annotation cannot be resolved, what to do is told, and not where we found it out."""

    @router.on("lost", name="shop.lost")
    def lost(event: Event[Unknown]) -> None: ...  # type: ignore[name-defined]  # noqa: F821  # pyright: ignore[reportUndefinedVariable, reportUnknownParameterType] -- the point

    assert run("lost", "--data", "1")[1].splitlines()[2] == (
        "    shop.lost (file.py:0) annotates its parameter Event[Unknown], but the name 'Unknown' is not known in its module. "
        "Import it there, outside `if TYPE_CHECKING`, or leave the annotation out and pass the type as `payload=`."
    )


def test_status_without_a_name() -> None:
    """A status that HTTP does not name stands alone."""
    with raw(b"HTTP/1.0 999\r\n\r\n") as url:
        assert run("k", "--data", "{}", "--url", f"{url}/x")[1].splitlines()[0] == (
            "http://localhost:0/x answered 999: Pub/Sub would send the event again."
        )


ELSE = "  The body is not the events endpoint's: is something else at that URL?\n"
FOREIGN = {
    b'["a list"]': ELSE,
    b"[" * 60_000: ELSE,
    rb'{"error": "\u001b[2Jgone", "errors": [{"loc": ["\u0007"], "msg": "a\nb", "type": "1"}]}': "  ?[2Jgone\n  ?: a?b (1)\n",
    b'{"error": [], "errors": "none"}': ELSE,
    b'{"error": null, "errors": {"a": 1}}': ELSE,
}


@pytest.mark.parametrize("body", FOREIGN)
def test_foreign_answer(body: bytes, seen: list[Event[Any, Any]]) -> None:
    """Whatever a server answers, it is told in lines that no terminal obeys."""

    def answer(_: object, start: StartResponse) -> list[bytes]:
        start("400 Bad Request", [("Content-Type", "application/json")])
        return [body]

    with site(answer) as url:
        assert run("order-placed", "--data", "{}", "--url", url) == (
            1,
            "http://localhost:0/events/order-placed/1 answered 400 Bad Request: "
            f"Pub/Sub would send the event again.\n{FOREIGN[body]}CommandError: Expected handled, but got invalid or failed.\n",
        )
    assert seen == []


@contextmanager
def raw(answer: bytes) -> Generator[str]:
    """A server that answers each request so, whatever that is; yields its URL."""

    class Raw(BaseRequestHandler):
        @override
        def handle(self) -> None:
            while (read := self.request.recv(65536)) and b"}" not in read:  # the end of the event
                pass
            self.request.sendall(answer)

    with ThreadingTCPServer(("127.0.0.1", 0), Raw) as running:
        thread = Thread(target=running.serve_forever, args=[0.01])
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_address[1]}"
        finally:
            running.shutdown()
            thread.join()


def test_no_http() -> None:
    """Where something else than HTTP answers, or not in https, that is what is asked about."""
    with raw(b"SSH-2.0-OpenSSH_9.6\r\n") as url:
        assert run("k", "--data", "{}", "--url", f"{url}/x")[1] == (
            "CommandError: No answer from http://localhost:0/x: BadStatusLine. Is a server running there?\n"
        )
    with site() as url:
        assert run("k", "--data", "{}", "--url", f"{url.replace('http', 'https')}/x")[1] == (
            "CommandError: No answer from https://localhost:0/x: SSLError. "
            "Is it https there, with a certificate that this machine trusts?\n"
        )


SHARED = {
    "BACKEND": "gcp_event_router.auth.SharedToken",
    "OPTIONS": {"header": "X-Shop-Token", "tokens": ["a long secret token"]},
}


class Away:
    """An authenticator that cannot decide."""

    def authenticate(self, request: HttpRequest) -> Principal | None:
        raise UnavailableError


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"AUTHENTICATION": [SHARED]}, "unauthenticated. Authenticate as a sender of the site: --identity, --header or --as."),
        ({}, "forbidden."),
        ({"AUTHENTICATION": [{"BACKEND": f"{__name__}.Away"}]}, "retry or unavailable."),
    ],
)
def test_not_let_in(seen: list[Event[Any, Any]], settings: dict[str, Any], said: str) -> None:
    """One whom the site does not let in is told what authenticates a sender, and where the reason is."""
    with override_settings(GCP_EVENT_ROUTER=settings), site() as url:
        code, printed = run("order-placed", "--data", '{"order_id": 3}', "--url", url)

    assert (code, printed.splitlines()[-1]) == (
        1,
        f"CommandError: Expected handled, but got {said} The log of the site says why.",
    )


@override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [SHARED]})
def test_headers(seen: list[Event[Any, Any]]) -> None:
    """A header that is given opens the door, and without it the door is closed."""
    with site() as url:
        assert run("order-placed", "--data", '{"order_id": 3}', "--url", url)[0] == 1
        assert (
            run("order-placed", "--data", '{"order_id": 3}', "--url", url, "--header", "X-Shop-Token: a long secret token")[0]
            == 0
        )
    assert len(seen) == 1


@override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": []})
def test_header_of_the_envelope(seen: list[Event[Any, Any]]) -> None:
    """A header that is given stands for the envelope's own, in whatever letters; it is not sent beside it."""
    send = ["label", "--data", "x", "--envelope", "cloud-task"]
    with site() as url:
        assert run(*send, "--url", url, "--header", "x-cloudtasks-taskname: 17")[0] == 0
    (event,) = seen
    assert event.envelope.message_id == "17"


@override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [{"BACKEND": "gcp_event_router.auth.SignedURL"}]})
def test_signed(seen: list[Event[Any, Any]]) -> None:
    """Where the settings name signed URLs, the URL is signed."""
    with site() as url:
        assert run("order-placed", "--data", '{"order_id": 3}', "--url", url, "--parameter", "a=1")[0] == 0
    assert [event.parameters for event in seen] == [{"a": "1"}]


@contextmanager
def token_server(signer: TokenSigner) -> Generator[str]:
    """What Google's token endpoint does: gives an identity token for whom the assertion says; yields its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            claims = form["assertion"][0].split(".")[1]
            wanted = json.loads(urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
            body = json.dumps({"id_token": signer.token(email=wanted["iss"], audience=wanted["target_audience"])}).encode()
            self.send_response_only(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        @override
        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = Thread(target=running.serve_forever, args=[0.01])
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_address[1]}/token"
        finally:
            running.shutdown()
            thread.join()


@override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [OIDC]})
def test_identity(seen: list[Event[Any, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service account's key file is exchanged for a token, which the endpoint accepts; for another audience it does not."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    file = tmp_path / "account.json"
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    send = ["order-placed", "--data", '{"order_id": 3}', "--identity", "--url"]
    with TokenSigner() as signer, token_server(signer) as token_uri, site() as url:
        account = {"type": "service_account", "client_email": ACCOUNT, "private_key": pem, "token_uri": token_uri}
        file.write_text(json.dumps(account))

        assert run(*send, url)[0] == 0
        assert run(*send, url, "--audience", "https://other.example")[0] == 1
    assert [event.principal and event.principal.email for event in seen] == [ACCOUNT]

    file.write_text("{}")
    code, printed = run(*send, "http://127.0.0.1:9")
    assert (code, printed.partition(". ")[0]) == (
        1,
        "CommandError: Google issues no token for the audience 'https://shop.example' (DefaultCredentialsError)",
    )


NO_HEADER = (
    "An id, a key, an attribute or a header contains characters that HTTP headers cannot carry. "
    "Write it in ASCII, or choose --envelope pubsub."
)
NO_URL = "--header, --identity and --audience need --url. Without it, the handlers run in this process."


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--header", "a: b"], NO_URL),
        (["--identity"], NO_URL),
        (["--audience", "a"], NO_URL),
        (
            ["--file", "missing.json"],
            "The file 'missing.json' cannot be read: No such file or directory. Name another, or - for the standard input.",
        ),
        (["--attribute", "x"], "Error: argument --attribute: 'x' has no name or no '='. Write NAME=VALUE."),
        (
            ["--url", "http://a..b"],
            "The URL cannot be posted to. Write http:// or https://, a host without a name or a password, "
            "and a port if it has one: http://localhost:8000",
        ),
        *(
            (["--url", "http://127.0.0.1:9", "--data", "{}", "--envelope", "pubsub-unwrapped", name, value], NO_HEADER)
            for name, value in (("--message-id", "a\nb"), ("--ordering-key", "\u65e5"), ("--attribute", "\u00e9=1"))
        ),
        (
            ["--header", "secret"],
            "Error: argument --header: write 'NAME: VALUE'. This message does not repeat the text, since it may be a secret.",
        ),
        (
            ["--url", "http://127.0.0.1:9", "--identity"],
            "The settings have no auth.OIDC, so the token has no audience. Give --audience.",
        ),
    ],
)
def test_refused(seen: list[Event[Any, Any]], arguments: list[str], message: str) -> None:
    """Arguments that mean nothing are refused before anything is sent, with what to write."""
    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": []}), pytest.raises(CommandError) as raised:
        call_command("events", "send", "order-placed", *arguments, stdout=io.StringIO())

    assert str(raised.value) == message
    assert seen == []


def test_bad_url(seen: list[Event[Any, Any]]) -> None:
    """A URL that cannot be posted to is refused, and a password in one is not repeated."""
    assert run("order-placed", "--url", "localhost") == (
        2,
        "CommandError: The URL cannot be posted to. Write http:// or https://, a host without a name or a password, "
        "and a port if it has one: http://localhost:8000\n",
    )
    for url in (
        "http://me:geheim@localhost",
        "me:geheim@localhost",
        "http://me:geheim@localhost:99999",
        "http://me:geheim@[localhost",
        "http://no host/?signature=geheim",
    ):
        assert "geheim" not in run("order-placed", "--url", url)[1]


def test_empty_url(seen: list[Event[Any, Any]]) -> None:
    """An empty URL, as of a variable that is not set, is refused; no handler here is called instead."""
    assert run("order-placed", "--url", "")[0] == 2
    assert seen == []


class Old(BaseModel):
    total: int


class New(BaseModel):
    total: float

    @field_validator("total")
    @classmethod
    def check(cls, value: float) -> float:
        message = f"{value} is not the price"
        raise ValueError(message)


def version(payload: Any) -> str:
    return "v2" if "version" in payload else "v1"


def test_errors_in_full(router: EventRouter) -> None:
    """The command shows tags of unions and the words of validators, which the answer to a sender hides."""
    union = Annotated[Annotated[Old, Tag("v1")] | Annotated[New, Tag("v2")], Discriminator(version)]
    router.on("order", name="shop.h", payload=union)(lambda event: None)

    lines = [run("order", "--data", data)[1].splitlines()[3] for data in ('{"total": "x"}', '{"total": 3, "version": 2}')]

    assert lines == [
        "    v1.total: Input should be a valid integer, unable to parse string as an integer (int_parsing)",
        "    v2.total: Value error, 3.0 is not the price (value_error)",
    ]


TYPE = "google.cloud.storage.object.v1.finalized"


@pytest.fixture
def uploads(router: EventRouter) -> list[Event[Any, Any]]:
    """The events that a handler of a CloudEvents type gets."""
    found: list[Event[Any, Any]] = []

    @router.on(ce_type="google.cloud.storage.object.v1.*", name="shop.upload")
    def upload(event: Event[dict[str, Any]]) -> None:
        found.append(event)

    @router.on("*", name="shop.audit")
    def audit(event: Event[Any]) -> None: ...

    return found


def test_type(uploads: list[Event[Any, Any]]) -> None:
    """A type that `list` shows is sent as Eventarc sends it: a CloudEvent in binary mode, whose type is its kind."""
    code, printed = run(TYPE, "objects/cats/1.jpg", "--data", "{}")

    assert (code, printed.splitlines()[1:]) == (0, ["  shop.upload: handled in 0.0 ms", "  shop.audit: handled in 0.0 ms"])
    (event,) = uploads
    assert (event.kind, event.reference, event.envelope.form, event.envelope.type) == (
        TYPE,
        "objects/cats/1.jpg",
        "cloudevents-binary",
        TYPE,
    )


def test_eventarc(uploads: list[Event[Any, Any]], router: EventRouter) -> None:
    """Without a kind, the options have the names of the CloudEvent's attributes, and those select handlers."""
    source = "//storage.googleapis.com/projects/_/buckets/photos"
    router.on(ce_type=TYPE, attributes={"source": "*/buckets/photos"}, name="shop.photo", payload=object)(lambda event: None)

    code, printed = run("--ce-type", TYPE, "--source", source, "--subject", "objects/cats/1.jpg", "--data", "{}")

    handled = ["shop.upload", "shop.audit", "shop.photo"]
    assert (code, printed.splitlines()[1:]) == (0, [f"  {name}: handled in 0.0 ms" for name in handled])
    (event,) = uploads
    assert isinstance(event.envelope, CloudEvent)
    assert (event.kind, event.reference, event.envelope.source) == (TYPE, "objects/cats/1.jpg", source)


def test_subject_beside_a_kind(uploads: list[Event[Any, Any]]) -> None:
    """At `/events/KIND/REFERENCE`, a CloudEvent has a subject beside the reference."""
    assert run("photo", "7", "--ce-type", TYPE, "--subject", "objects/cats/1.jpg", "--data", "{}")[0] == 0
    (event,) = uploads
    assert isinstance(event.envelope, CloudEvent)
    assert (event.kind, event.reference, event.envelope.subject) == ("photo", "7", "objects/cats/1.jpg")


@override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [{"BACKEND": "gcp_event_router.auth.SignedURL"}]})
def test_type_over_http(uploads: list[Event[Any, Any]]) -> None:
    """It is posted to `/events/`, signed where the settings say so."""
    with site() as url:
        code, printed = run(TYPE, "a/b", "--data", "{}", "--url", url, "--envelope", "cloudevents-structured")

    assert (code, printed) == (
        0,
        "http://localhost:0/events answered 201 Created: Pub/Sub would not send the event again.\n",
    )
    assert [event.reference for event in uploads] == ["a/b"]


def test_what_no_url_holds(router: EventRouter) -> None:
    """It is a type, whose events at `/events/` have it as their kind (CloudEvents, spec.md, "type"): any handler may take it."""
    router.on("com.example/*", name="shop.thing", payload=dict[str, int])(lambda event: None)

    assert run("com.example/thing")[1].splitlines()[:2] == [
        "An example of com.example/thing, since there is no --data or --file:",
        '  {"key": 1}',
    ]
    assert run("com.example/thing")[1].splitlines()[-1] == "  shop.thing: handled in 0.0 ms"


def test_kind_before_type(uploads: list[Event[Any, Any]], router: EventRouter) -> None:
    """Where a handler is registered for a kind of that name, a kind it is; and `--ce-type` gives it a type."""
    router.on("google.cloud.storage.*", name="shop.kinds", payload=object)(lambda event: None)

    assert run(TYPE, "1", "--data", "{}")[1].splitlines()[1:] == [
        "  shop.audit: handled in 0.0 ms",
        "  shop.kinds: handled in 0.0 ms",
    ]
    assert run("photo", "1", "--data", "{}", "--ce-type", TYPE)[0] == 0
    assert [(event.kind, event.envelope.form) for event in uploads] == [("photo", "cloudevents-binary")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["k", "--ce-type", "a.b", "--envelope", "pubsub"],
            "The envelope pubsub cannot carry the CloudEvents type 'a.b'. Omit --envelope, or choose a cloudevents one.",
        ),
        (
            [TYPE, "--envelope", "cloud-task"],
            f"The envelope cloud-task cannot carry the CloudEvents type {TYPE!r}. Omit --envelope, or choose a cloudevents one.",
        ),
        (["k", "a/b"], "'a/b' cannot be part of an event's URL. Write 1 to 255 printable characters without a slash."),
        ([], "There is no KIND. Write one, such as order-placed; or --ce-type for a CloudEvent whose type is its kind."),
        (
            ["k", "--subject", "a/b"],
            "The envelope pubsub has no --subject or --source. Name the type of a CloudEvent with --ce-type, or leave them out.",
        ),
        (
            [TYPE, "a", "--subject", "b"],
            "The subject of a CloudEvent that is sent to /events/ is its REFERENCE, but there are two: 'a' and 'b'. "
            "Leave one out.",
        ),
        (
            ["a/b", "--ce-type", "c.d"],
            "'a/b' cannot be part of an event's URL, so it must be the type of a CloudEvent, but --ce-type is another type. "
            "Omit --ce-type, or write a kind of at most 255 characters without a slash.",
        ),
        (
            ["a\nb"],
            "Error: argument KIND: 'a\\nb' must be one or more printable characters.",
        ),
        (
            ["k", ""],
            "Error: argument REFERENCE: '' must be one or more printable characters.",
        ),
        (
            ["k", "--expect", "success"],
            "Error: argument --expect: invalid choice: 'success' (choose from 'handled', 'deferred', 'unhandled', 'duplicate', "
            "'rejected', 'parked', 'invalid', 'unsupported', 'busy', 'retry', 'unavailable', 'failed', 'too large', 'forbidden', "
            "'unauthenticated')",
        ),
    ],
)
def test_type_refused(uploads: list[Event[Any, Any]], arguments: list[str], message: str) -> None:
    """A type without a CloudEvent around it, and what cannot stand in a URL, are refused."""
    with pytest.raises(CommandError) as raised:
        call_command("events", "send", *arguments, "--data", "{}", stdout=io.StringIO())

    assert str(raised.value).replace("'", "") == message.replace("'", "")  # Python 3.12 quotes choices in another way
    assert uploads == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["order-placed", "--data", '{"order_id": 1}', "--expect", "handled"], 0),
        (["order-placed", "--data", '{"order_id": 1}', "--expect", "duplicate"], 1),
        (["order-placed", "--data", "{}", "--expect", "invalid"], 0),
        (["later", "--data", '{"order_id": 1}', "--expect", "retry"], 0),
        (["later", "--data", '{"order_id": 1}', "--expect", "rejected"], 1),
        (["never", "--expect", "rejected"], 0),
        (["broken", "--data", "1", "--expect", "failed"], 0),
        (["nobody", "--data", "1", "--expect", "unhandled"], 0),
    ],
)
@pytest.mark.parametrize("over_http", [False, True], ids=["here", "http"])
def test_expected(seen: list[Event[Any, Any]], arguments: list[str], code: int, *, over_http: bool) -> None:
    """The exit code says whether the outcome is the expected one; over HTTP, whether the status is one that says it."""
    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": []}), site() as url:
        assert run(*arguments, *(["--url", url] if over_http else []))[0] == code


@override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": []})
def test_nobody_over_http(seen: list[Event[Any, Any]]) -> None:
    """Over HTTP, 200 tells that no handler did the work; 201 may mean that none is registered."""
    with site() as url:
        assert run("never", "--url", url)[1].endswith(
            "CommandError: Expected handled, but got duplicate or rejected or parked. To expect that, give --expect duplicate.\n"
        )


def test_foreign_acknowledgement() -> None:
    """A URL at which something else answers need only acknowledge the event."""

    def answer(_: object, start: StartResponse) -> list[bytes]:
        start("204 No Content", [])
        return []

    with site(answer) as url:
        assert run("k", "--data", "{}", "--url", f"{url}/function")[0] == 0


@override_settings(
    GCP_EVENT_ROUTER={"AUTHENTICATION": [OIDC, SHARED, {"BACKEND": "gcp_event_router.auth.SignedURL"}]},
)
@pytest.mark.parametrize(
    ("header", "is_signed"),
    [("Authorization: Bearer x", False), ("authorization: x", False), ("x-shop-token: x", False), ("X-Other: x", True)],
)
def test_one_proof(header: str, *, is_signed: bool) -> None:
    """A request with a header that proves who sends it has no signature beside it, which would open the door instead."""
    queries: list[str] = []

    def answer(environ: dict[str, Any], start: StartResponse) -> list[bytes]:
        queries.append(environ["QUERY_STRING"])
        start("201 Created", [])
        return [b"{}"]

    with site(answer) as url:
        run("k", "--data", "{}", "--url", url, "--header", header)

    assert [query.startswith("signature=") for query in queries] == [is_signed]


@with_databases
@on_sqlite
def test_waiting(router: EventRouter, inbox: str) -> None:
    """A deferred handler does its work later: the command says who is waited for, and what an event is that came before."""
    router.on("later", name="shop.later", deferred=True, payload=object)(lambda event: None)
    send = ["later", "--data", "1", "--message-id", "17"]

    assert run(*send) == (
        1,
        "This process answered 201 Created: Pub/Sub would not send the event again.\n"
        "CommandError: Expected handled, but got deferred. To expect that, give --expect deferred.\n",
    )
    assert run(*send)[1].splitlines()[1:] == [
        "CommandError: Expected handled, but got duplicate. To expect that, give --expect duplicate.",
    ]
    Delivery.objects.using(inbox).update(state=State.PARKED)
    assert run(*send, "--expect", "parked") == (0, "This process answered 200 OK: Pub/Sub would not send the event again.\n")
