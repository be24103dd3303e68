"""Real servers whose workers stop where a test wants them to, to be killed, stalled or let through."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from .deliveries import PATIENCE, push

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = {
    "gunicorn": "gunicorn tests.support.inbox_server:wsgi --preload --bind fd://{fd} --workers 2 --threads 8"
    " --log-level critical",
    # by default, it kills workers that do not answer within five seconds
    "uvicorn": "uvicorn tests.support.inbox_server:asgi --fd {fd} --workers 2 --log-level critical"
    " --timeout-worker-healthcheck 30",
}
_KEPT = ("ENGINE", "NAME", "HOST", "USER", "OPTIONS", "ATOMIC_REQUESTS")


@dataclass(frozen=True)
class Stopped:
    """A worker that stopped at a point."""

    pid: int
    point: str
    _connection: socket.socket

    def go_on(self) -> None:
        self._connection.close()

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self._connection.close()

    @contextmanager
    def stalled(self) -> Generator[None]:
        """Have the whole process stand still in the block, and go on after it."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)
            self.go_on()

    def wait_until_it_gives_up(self) -> None:
        """Wait until it stops no more, although nobody let it go on."""
        assert self._connection.recv(1) == b""
        self._connection.close()


class Gate:
    """Where workers tell that they stopped."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen()
        self._listening.settimeout(PATIENCE)

    def stopped(self) -> Stopped:
        """The next worker that stops."""
        connection, _ = self._listening.accept()
        connection.settimeout(PATIENCE)
        line = b""
        while not line.endswith(b"\n"):
            part = connection.recv(1024)
            assert part
            line += part
        pid, _, point = line.decode().strip().partition(" ")
        return Stopped(int(pid), point, connection)

    def passed(self) -> str:
        """The point where the next worker was that does not stop."""
        worker = self.stopped()
        worker.go_on()
        return worker.point

    def close(self) -> None:
        self._listening.close()


@dataclass(frozen=True)
class Server:
    """A running server of two worker processes, its gate, and the alias by which the tests know its database."""

    name: str
    alias: str
    port: int
    gate: Gate

    def request(self, kind: str, message: object = 17, stop: str = "") -> tuple[str, bytes, dict[str, str]]:
        """The path, body and headers of a push."""
        headers = {"Content-Type": "application/json", "X-Stop": stop}
        return f"{'' if self.name == 'gunicorn' else '/async'}/events/{kind}/{message}", push(message), headers

    def post(self, kind: str, message: object = 17, stop: str = "") -> int | None:
        """The status of the answer to a push; None if the connection ends without one."""
        path, body, headers = self.request(kind, message, stop)
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("POST", path, body, headers)
            return connection.getresponse().status
        except ConnectionError:
            return None
        finally:
            connection.close()

    @contextmanager
    def hanging_up(self, kind: str, stop: str) -> Generator[None]:
        """Send a push, and hang up at the end of the block, without having read an answer."""
        path, body, headers = self.request(kind, stop=stop)
        lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as client:
            client.sendall("\r\n".join([*lines, "", ""]).encode() + body)
            yield


@contextmanager
def serve(name: str, alias: str, database: dict[str, Any], folder: Path) -> Generator[Server]:
    """Run a server. It is given a socket that listens already, so whoever connects waits until it serves."""
    gate = Gate(folder / "gate")
    kept = {key: value for key, value in database.items() if key in _KEPT}
    kept["CONN_MAX_AGE"] = 60 if name == "gunicorn" else 0  # under ASGI each request has a thread of its own
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        fd = listening.fileno()
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.support.inbox_server_settings",
            "EVENTS_DATABASE": json.dumps(kept, default=str),
            "EVENTS_GATE": str(gate.path),
            "XDG_RUNTIME_DIR": str(folder),  # where gunicorn puts its control socket
        }
        command = [sys.executable, "-m", *COMMANDS[name].format(fd=fd).split()]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, pass_fds=[fd])
        port: int = listening.getsockname()[1]
    try:
        yield Server(name, alias, port, gate)
    finally:
        gate.close()
        process.send_signal(signal.SIGINT)  # at once, and not when all connections are idle
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
