"""`manage.py events issuer`: tokens of this machine, which a development server accepts."""

from __future__ import annotations

import io
import socket
from collections.abc import Generator
from contextlib import contextmanager
from threading import Thread
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, build_opener

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings
from typing_extensions import override

from gcp_event_router import Event, EventRouter
from gcp_event_router._shutdown import StopFlag
from gcp_event_router.auth.keys import key_set

from ..conftest import Post
from ..support.issuers import status
from ..support.key_server import PATIENCE
from ..support.ports import reserved_port
from .test_send_command import run, site

ACCOUNT = "sender@shop.iam.gserviceaccount.com"


def oidc(certs_url: str, **options: Any) -> dict[str, Any]:
    """Settings with OIDC, which takes its keys from a URL."""
    given = {"service_accounts": [ACCOUNT], "audience": "https://shop.example", "certs_url": certs_url, **options}
    return {"AUTHENTICATION": [{"BACKEND": "gcp_event_router.auth.OIDC", "OPTIONS": given}]}


class Lines(io.StringIO):
    """An output that counts its lines."""

    def __init__(self) -> None:
        super().__init__()
        self.first_two = StopFlag()

    @override
    def write(self, text: str) -> int:
        written = super().write(text)
        if self.getvalue().count("\n") > 1:
            self.first_two.set()
        return written


@contextmanager
def issuing(**options: Any) -> Generator[tuple[str, Lines]]:
    """Run the command in a thread, under DEBUG; yields the URL of its tokens, and what it prints."""
    stop, out = StopFlag(), Lines()
    with (
        reserved_port() as port,
        pytest.MonkeyPatch.context() as patch,
        override_settings(DEBUG=True, GCP_EVENT_ROUTER=oidc(f"http://127.0.0.1:{port}/certs", **options)),
    ):

        @contextmanager
        def flag() -> Generator[StopFlag]:
            yield stop

        patch.setattr("gcp_event_router.management.issuer.stop_flag", flag)
        thread = Thread(target=call_command, args=["events", "issuer"], kwargs={"stdout": out})
        thread.start()
        try:
            assert out.first_two.wait(PATIENCE)
            yield f"http://127.0.0.1:{port}/token", out
        finally:
            stop.set()
            thread.join()
            key_set.cache_clear()


def get(url: str, **parameters: str) -> str:
    query = f"?{urlencode(parameters)}" if parameters else ""
    with build_opener(ProxyHandler({})).open(f"{url}{query}", timeout=PATIENCE) as response:
        return str(response.read(), "ascii")


def test_tokens(router: EventRouter, post: Post) -> None:
    """The endpoint accepts tokens of the issuer, by default for the settings' account and audience; and no others."""
    senders: list[str | None] = []

    @router.on("order-*")
    def store(event: Event[Any]) -> None:
        senders.append(event.principal.email if event.principal else None)

    with issuing() as (url, out):
        statuses = [
            status(post, get(url, **parameters), "/events/order-placed/1")
            for parameters in ({}, {"account": "other@shop.example"}, {"audience": "https://other.example"})
        ]

    assert (statuses, senders) == ([201, 403, 401], [ACCOUNT])
    assert out.getvalue() == (
        f"Serving the key at {url.removesuffix('token')}certs, and tokens at {url}; Ctrl-C stops. A request with one:\n"
        f'  curl -H "Authorization: Bearer $(curl -s {url})" ...\n'
    )


def test_identity(router: EventRouter) -> None:
    """`events send --identity` gets its token from the issuer of the settings."""
    senders: list[str | None] = []

    @router.on("order-*")
    def store(event: Event[Any]) -> None:
        senders.append(event.principal.email if event.principal else None)

    with issuing(), site() as url:
        assert run("order-placed", "--data", "{}", "--identity", "--url", url)[0] == 0

    assert senders == [ACCOUNT]


@pytest.mark.parametrize(
    ("path", "code", "text"),
    [
        (
            "/token?acount=a",
            400,
            "There is no parameter 'acount'. Write {url}?account=ACCOUNT&audience=AUDIENCE, with one of these or both.\n",
        ),
        (
            "/token",
            400,
            "The audience is each event's own URL. Write {url}?account=ACCOUNT&audience=AUDIENCE, with one of these or both.\n",
        ),
        ("/tokens", 404, "There is nothing here. Tokens are at {url}\n"),
    ],
)
@override_settings(BASE_URL="http://127.0.0.1:8000")
def test_wrong_requests(path: str, code: int, text: str) -> None:
    """The answer to a wrong request says what to write."""
    with issuing(audience="event-url") as (url, _), pytest.raises(HTTPError) as caught:
        get(f"{url.removesuffix('/token')}{path}")

    assert (caught.value.code, caught.value.read().decode()) == (code, text.format(url=url))
    caught.value.close()


ADVICE = 'On this machine only, add "certs_url": "http://127.0.0.1:8099/certs" to the OPTIONS of auth.OIDC.'
GOOGLE = "https://www.googleapis.com/oauth2/v3/certs"


@pytest.mark.parametrize(
    ("debug", "authentication", "message"),
    [
        (
            False,
            oidc("http://127.0.0.1:1/certs"),
            "DEBUG is off, and the issuer is for development: anybody on this machine gets its tokens. Set DEBUG = True.",
        ),
        (True, {"AUTHENTICATION": []}, f"AUTHENTICATION has no auth.OIDC, so nothing reads tokens. Name it there. {ADVICE}"),
        (True, oidc(GOOGLE), f"OIDC takes its keys from {GOOGLE}, so it would refuse the issuer's tokens. {ADVICE}"),
    ],
)
def test_refused(debug: bool, authentication: dict[str, Any], message: str) -> None:
    """The command runs for development only, and says what to write into the settings."""
    with (
        override_settings(DEBUG=debug, GCP_EVENT_ROUTER=authentication),
        pytest.raises(CommandError) as raised,
    ):
        call_command("events", "issuer", stdout=io.StringIO())

    assert (str(raised.value), raised.value.returncode) == (message, 2)


def test_port_in_use() -> None:
    """A port that another process has is an error that says where to change it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/certs"
        with override_settings(DEBUG=True, GCP_EVENT_ROUTER=oidc(url)), pytest.raises(CommandError) as raised:
            call_command("events", "issuer", stdout=io.StringIO())

    assert str(raised.value) == (
        f"The issuer cannot listen at OIDC's certs_url {url}: Address already in use. Write another port there."
    )


def test_no_issuer(router: EventRouter) -> None:
    """`--identity` says that the issuer of the settings has to be started."""
    with reserved_port() as port, override_settings(GCP_EVENT_ROUTER=oidc(f"http://127.0.0.1:{port}/certs")):
        printed = run("order-placed", "--data", "{}", "--identity", "--url", "http://127.0.0.1:9")

    assert printed == (
        1,
        "CommandError: The issuer of OIDC's certs_url http://localhost:0/certs gives no token (URLError). Start it in another "
        "terminal: manage.py events issuer.\n",
    )
