"""Posts pushes to one URL over connections that stay open, as fast as they are answered: a process of its own.

Run with a port, a path, the seconds, the number of connections, and the first message id; it prints a JSON object. Each message
has its own id. It reads nothing of an answer but its status and where it ends.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from base64 import b64encode
from time import perf_counter, process_time

from typing_extensions import override

from contestants.orders import ORDER

ID = b"0" * 19
ANSWER = re.compile(rb"HTTP/1\.1 (\d{3})[^\r]*\r\n(?:[^\r]+\r\n)*?\r\n", re.DOTALL)
LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)


def body() -> bytes:
    """The body of a push; a message's id replaces `ID`."""
    data = b64encode(json.dumps(ORDER).encode()).decode()
    message = {"data": data, "messageId": ID.decode(), "publishTime": "2026-11-29T14:00:00Z"}
    return json.dumps({"message": message, "subscription": "projects/shop/subscriptions/orders"}).encode()


def request(port: int, path: str) -> bytes:
    """A whole request."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body())}\r\n\r\n".encode() + body()


class Load:
    """What all connections share."""

    def __init__(self, port: int, path: str, first: int, seconds: float) -> None:
        self.request = request(port, path)
        self.number = first
        self.end = perf_counter() + seconds
        self.answered = 0
        self.wrong: list[str] = []

    def next(self) -> bytes:
        """The next push."""
        self.number += 1
        return self.request.replace(ID, b"%019d" % self.number)


class Sender(asyncio.Protocol):
    """One connection, on which one request is open at a time; `done` is set when it is closed."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.received = b""
        self.done = asyncio.get_running_loop().create_future()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self.load.next())

    @override
    def data_received(self, data: bytes) -> None:
        self.received += data
        head = ANSWER.match(self.received)
        if head is None:
            return
        length = LENGTH.search(head[0])
        assert length, head[0]
        if len(self.received) < head.end() + int(length[1]):
            return
        self.received = b""
        self.load.answered += 1
        if head[1] != b"201":
            self.load.wrong.append(head[1].decode())
        if perf_counter() > self.load.end or b"close" in head[0].lower():
            self.transport.close()
        else:
            self.transport.write(self.load.next())

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if self.received:
            self.load.wrong.append("an unfinished answer")
        self.done.set_result(None)


async def send(port: int, load: Load) -> None:
    """Keep one connection open, or open the next one if the server closes it after each answer."""
    while perf_counter() < load.end:
        _, sender = await asyncio.get_running_loop().create_connection(lambda: Sender(load), "127.0.0.1", port)
        await sender.done


async def main(port: int, path: str, seconds: float, connections: int, first: int) -> None:
    """Send, and print how often the server answered."""
    start, cpu = perf_counter(), process_time()
    load = Load(port, path, first, seconds)
    await asyncio.gather(*(send(port, load) for _ in range(connections)))
    spent = {"seconds": perf_counter() - start, "cpu": process_time() - cpu}
    print(json.dumps({"answered": load.answered, "wrong": load.wrong, **spent}))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])))
