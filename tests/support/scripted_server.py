"""A server on the loopback that answers each request as a test says, or not at all, and notes over which connection it came."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import Event as Flag
from threading import Lock, Thread
from types import TracebackType
from typing import Final, Self

from .deliveries import PATIENCE

OK: Final = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}"


@dataclass(frozen=True)
class Act:
    """What the server does with a request."""

    answer: bytes = OK
    #: Whether it then closes the connection.
    closes: bool = False
    #: Whether it then sends one more byte after the other, for as long as anybody reads.
    drips: bool = False


def status(code: int, *headers: str, body: bytes = b"{}") -> Act:
    """An answer with a status."""
    head = [f"HTTP/1.1 {code} Some words", f"Content-Length: {len(body)}", *headers]
    return Act("\r\n".join(head).encode() + b"\r\n\r\n" + body)


class ScriptedServer:
    """Does the next of its acts for each request, and answers 201 once there are none left; a with-block."""

    def __init__(self, *acts: Act) -> None:
        self._acts = list(acts)
        self._lock = Lock()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._threads: list[Thread] = []
        self._over = Flag()
        #: The number of the connection, the head and the body of each request.
        self.requests: list[tuple[int, str, bytes]] = []
        #: Set once the server has closed a connection, and once it has sent more than an answer.
        self.has_closed, self.has_dripped = Flag(), Flag()
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    @property
    def connections(self) -> list[int]:
        return [connection for connection, _, _ in self.requests]

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        for opened in (self._listening, *self._sockets):
            with suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
            opened.close()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = Thread(target=target, args=args)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while not self._over.is_set():
                client, _ = self._listening.accept()
                self._sockets.append(client)
                self._start(self._serve, client, len(self._sockets))

    def _serve(self, client: socket.socket, number: int) -> None:
        with suppress(OSError), client, client.makefile("rb") as reader:
            while first := reader.readline():
                head = first
                while (line := reader.readline()) not in {b"\r\n", b""}:
                    head += line
                length = next(int(line[15:]) for line in head.splitlines() if line.lower().startswith(b"content-length:"))
                body = reader.read(length)
                with self._lock:
                    self.requests.append((number, head.decode("latin-1"), body))
                    act = self._acts.pop(0) if self._acts else Act()
                client.sendall(act.answer)
                while act.drips and not self._over.wait(0.01):
                    client.sendall(b"a")
                    self.has_dripped.set()
                if act.closes:
                    client.shutdown(socket.SHUT_RDWR)
                    break
                if not act.answer and not act.closes:
                    self._over.wait(PATIENCE)
        self.has_closed.set()
