"""The demo's servers: the shop on a real server, and a key server that replaces Google's."""

from __future__ import annotations

import json
import os
import queue
import re
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple, Self

from typing_extensions import override

from cases import TOKEN, Case
from gcp_event_router.testing import TokenSigner

HERE = Path(__file__).resolve().parent
AUDIENCE = "https://shop.example"
PATIENCE = 60.0
"""Seconds to wait for an immediate reaction of the server."""


class Login(NamedTuple):
    """A user's name and password."""

    name: str
    password: str


STAFF = Login("staff", "local")
"""For shops on this machine, which nobody else reaches."""


class Server:
    """The shop on a real server, as a child process."""

    STARTED = re.compile(r"Uvicorn running on http://127\.0\.0\.1:(\d+)")
    EVENT = re.compile(r"Event of kind '.*?' with reference '(.*?)' .*?: ([\w ]+?)(?: by (.*?) in [\d.]+ ms)?(?::|$)")
    #: uvicorn's own line, the last one of every request.
    ANSWERED = re.compile(r'"POST \S+ HTTP/1\.1" \d{3}')

    def __init__(self, environment: Mapping[str, str], port: int = 0) -> None:
        # unbuffered, so that prints of handlers appear at once
        command = [sys.executable, "-u", "-m", "uvicorn", "shop.asgi:application", "--host", "127.0.0.1", "--port", str(port)]
        command += ["--workers", "1"]  # overrides WEB_CONCURRENCY
        self.process = subprocess.Popen(
            command, cwd=HERE, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.lines: queue.Queue[str | None] = queue.Queue()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self.lines.put(line)
        self.lines.put(None)

    def lines_until(self, pattern: re.Pattern[str]) -> list[str]:
        """The next lines up to one that matches. Raises `RuntimeError` with the server's lines if none does."""
        said: list[str] = []
        while not said or not pattern.search(said[-1]):
            try:
                line = self.lines.get(timeout=PATIENCE)
            except queue.Empty:
                raise RuntimeError(f"the server says no more after {PATIENCE:.0f} s:\n" + "".join(said)) from None
            if line is None:
                raise RuntimeError("the server stopped:\n" + "".join(said))
            said.append(line)
        return said

    def outcome(self, reference: str) -> str:
        """The outcome of an event, by the next line about it."""
        pattern = re.compile(rf"Event of kind '.*?' with reference '{re.escape(reference)}' .*?: ([\w ]+) by ")
        found = pattern.search(self.lines_until(pattern)[-1])
        assert found is not None
        return found.group(1)

    def port(self) -> int:
        """Wait for the server, and return its port."""
        found = self.STARTED.search(self.lines_until(self.STARTED)[-1])
        assert found is not None
        return int(found.group(1))

    def stop(self) -> None:
        """End the process and wait for it."""
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        if self.process.stdout:
            self.process.stdout.close()


class Google(ThreadingHTTPServer):
    """Signs the demo's tokens, and serves the public key, as Google does."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Keys)
        self.signer = TokenSigner()
        self.url = f"http://127.0.0.1:{self.server_address[1]}/certs"

    def headers(self, case: Case) -> dict[str, str]:
        """The headers of a case, with a token if an account sends it, or a signature."""
        signature = case.sign(case.body) if case.sign else dict[str, str]()
        if case.account is None:
            return {**case.headers, **signature}
        return {**case.headers, **self.signer.headers(email=case.account, audience=AUDIENCE)}

    @override
    def __enter__(self) -> Self:
        Thread(target=self.serve_forever, daemon=True).start()
        return self

    @override
    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class Keys(BaseHTTPRequestHandler):
    """Answers every GET with the key set."""

    def do_GET(self) -> None:
        assert isinstance(self.server, Google)
        body = self.server.signer.jwks()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing, since the demo shows the shop's lines."""


@dataclass(frozen=True)
class Shop:
    """A migrated database, and a server on it."""

    server: Server
    port: int
    database: Path
    environment: Mapping[str, str]

    def restarted(self) -> Shop:
        """Start another server on the same database, after this one has ended."""
        self.server.stop()
        server = Server(self.environment)
        return Shop(server, server.port(), self.database, self.environment)

    def add_staff(self) -> None:
        """Let `STAFF` see everything, also in a database of an earlier start."""
        script = (
            "import django, sys; django.setup(); from django.contrib.auth.models import User; "
            "user, _ = User.objects.update_or_create("
            "username=sys.argv[1], defaults={'is_active': True, 'is_staff': True, 'is_superuser': True}); "
            "user.set_password(sys.argv[2]); user.save()"
        )
        command = [sys.executable, "-c", script, *STAFF]
        subprocess.run(command, cwd=HERE, env=self.environment, check=True, timeout=120)

    def signature(self) -> str:
        """Sign the URL for the label of parcel twelve, for an hour."""
        return self.signed_urls(("label-printed", "twelve"))[0].rpartition("=")[2]

    def signed_urls(self, *events: tuple[str, str]) -> list[str]:
        """Sign the URLs for events of some kinds and references, for an hour."""
        script = (
            "import django, json, sys; django.setup(); from datetime import timedelta; "
            "from gcp_event_router.utils import get_event_url; "
            "print(json.dumps([get_event_url(kind, reference, base_url=sys.argv[1], signed=True, max_age=timedelta(hours=1)) "
            "for kind, reference in json.loads(sys.argv[2])]))"
        )
        command = [sys.executable, "-c", script, f"http://127.0.0.1:{self.port}", json.dumps(events)]
        said = subprocess.run(
            command, cwd=HERE, env=self.environment, check=True, capture_output=True, text=True, timeout=120
        ).stdout
        urls: list[str] = json.loads(said)
        return urls


@contextmanager
def running(database: Path, port: int = 0, certs_url: str | None = None, transport: str = "") -> Generator[Shop]:
    """Run the shop during the `with` block."""
    environment = {**os.environ, "SHOP_DATABASE": str(database), "SHOP_TOKEN": TOKEN, "DJANGO_SETTINGS_MODULE": "shop.settings"}
    if certs_url is not None:  # the demo cannot wait for a minute
        environment |= {"SHOP_CERTS_URL": certs_url, "SHOP_LEASE": "3"}
    if transport:
        environment["SHOP_TRANSPORT"] = transport
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=HERE, env=environment, check=True, timeout=120
    )
    server = Server(environment, port)
    try:
        yield Shop(server, server.port(), database, environment)
    finally:
        server.stop()
