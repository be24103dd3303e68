"""`manage.py events issuer`: signs tokens on this machine, in place of Google."""

from __future__ import annotations

from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, parse_qs, urljoin, urlsplit

from django.conf import settings
from django.core.management.base import CommandError, OutputWrapper
from typing_extensions import override

from .._shutdown import stop_flag
from ..testing import TokenSigner
from .arguments import refuse
from .identity import configured_oidc, local_url
from .subcommands import subcommand

if TYPE_CHECKING:
    from ..auth import OIDC

_ADVICE = 'On this machine only, add "certs_url": "http://127.0.0.1:8099/certs" to the OPTIONS of auth.OIDC.'


@subcommand("Sign tokens on this machine, for requests with curl to a development server that takes its keys from here.")
def issuer(out: OutputWrapper, **_: Any) -> None:
    """Serve a key and its tokens until SIGTERM or Ctrl-C."""
    oidc, place = _local_oidc()
    try:
        server = _Issuer(oidc, place)
    except OSError as error:
        msg = f"The issuer cannot listen at OIDC's certs_url {oidc.certs_url}: {error.strerror}. Write another port there."
        raise CommandError(msg) from error
    with server, stop_flag() as stop:
        thread = Thread(target=server.serve_forever, args=[0.1])
        thread.start()
        try:
            out.write(f"Serving the key at {oidc.certs_url}, and tokens at {server.token_url}; Ctrl-C stops. A request with one:")
            out.write(f'  curl -H "Authorization: Bearer $(curl -s {server.token_url})" ...')
            stop.wait()
        finally:
            server.shutdown()
            thread.join()


def _local_oidc() -> tuple[OIDC, SplitResult]:
    """Return the authenticator, and the URL of its keys. Raises `CommandError` unless both are for development."""
    if not settings.DEBUG:
        refuse("DEBUG is off, and the issuer is for development: anybody on this machine gets its tokens. Set DEBUG = True.")
    oidc = configured_oidc()
    if oidc is None:
        refuse(f"AUTHENTICATION has no auth.OIDC, so nothing reads tokens. Name it there. {_ADVICE}")
    place = local_url(oidc)
    if place is None:
        refuse(f"OIDC takes its keys from {oidc.certs_url}, so it would refuse the issuer's tokens. {_ADVICE}")
    return oidc, place


class _Issuer(ThreadingHTTPServer):
    """Serves the keys at their URL, and tokens at `token` beside it."""

    daemon_threads = True

    def __init__(self, oidc: OIDC, place: SplitResult) -> None:
        self.oidc = oidc
        self.signer = TokenSigner()
        self.certs_path: str = place.path or "/"
        self.token_url: str = urljoin(oidc.certs_url, "token")
        super().__init__((place.hostname or "", place.port or 80), _Answer)


class _Answer(BaseHTTPRequestHandler):
    """Answers GET requests: `/certs`, and `/token?account=...&audience=...`."""

    server: _Issuer  # pyright: ignore[reportIncompatibleVariableOverride] -- this server's own handler

    def do_GET(self) -> None:
        """Answer with the key set, with a token, or with what is wrong."""
        parts = urlsplit(self.path)
        if parts.path == urlsplit(self.server.token_url).path:
            self._send_token({name: values[-1] for name, values in parse_qs(parts.query).items()})
        elif parts.path == self.server.certs_path:
            self._send(HTTPStatus.OK, self.server.signer.jwks(), "application/json")
        else:
            self._send(HTTPStatus.NOT_FOUND, f"There is nothing here. Tokens are at {self.server.token_url}\n".encode())

    def _send_token(self, query: dict[str, str]) -> None:
        oidc = self.server.oidc
        unknown = query.keys() - {"account", "audience"}
        audience = query.get("audience") or oidc.audience[0]
        if unknown or audience == "event-url":
            reason = f"There is no parameter {min(unknown)!r}" if unknown else "The audience is each event's own URL"
            text = f"{reason}. Write {self.server.token_url}?account=ACCOUNT&audience=AUDIENCE, with one of these or both.\n"
            self._send(HTTPStatus.BAD_REQUEST, text.encode())
            return
        token = self.server.signer.token(email=query.get("account") or min(oidc.service_accounts), audience=audience)
        self._send(HTTPStatus.OK, token.encode())

    def _send(self, status: HTTPStatus, body: bytes, content_type: str = "text/plain; charset=utf-8") -> None:
        self.send_response_only(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: a line for each token would only disturb."""
