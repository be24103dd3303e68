"""Runs the shop on a real server, sends it one event of each sort over HTTP, and shows what became of them.

    python demo.py            send the events, print the table, leave nothing behind
    python demo.py --serve    leave the server running until Ctrl-C

`make demo` and `make serve` call it. The column "handled by" is read from the server's own log and
database.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import queue
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from types import FrameType

HERE = Path(__file__).resolve().parent
SECRET = "open sesame"
PATIENCE = 30.0
"""Seconds to wait for something that the server should do at once."""
ACKNOWLEDGED = {102, 200, 201, 202, 204}
"""What Pub/Sub takes as done, by its documentation."""


@dataclass(frozen=True)
class Case:
    """One event, and what should become of it."""

    title: str
    path: str
    body: bytes
    status: int
    handlers: str
    headers: Mapping[str, str] = field(default_factory=lambda: {"X-Shop-Secret": SECRET, "Content-Type": "application/json"})
    #: A query on the shop's database, and the rows that it should find.
    query: str = ""
    rows: tuple[tuple[object, ...], ...] = ()

    @property
    def reference(self) -> str:
        """The event's reference: no two cases share one."""
        return self.path.partition("?")[0].rstrip("/").rpartition("/")[2]


@dataclass(frozen=True)
class Result:
    """What became of a case."""

    case: Case
    status: int
    handlers: str
    rows: tuple[tuple[object, ...], ...]

    @property
    def as_expected(self) -> bool:
        """Whether it is what the case said."""
        return (self.status, self.handlers, self.rows) == (self.case.status, self.case.handlers, self.case.rows)


def push(data: object) -> bytes:
    """A wrapped Pub/Sub push, as Pub/Sub sends it."""
    encoded = base64.b64encode(json.dumps(data).encode()).decode()
    time = "2026-01-02T03:04:05.678Z"
    message = {"data": encoded, "messageId": "17", "message_id": "17", "publishTime": time, "publish_time": time}
    return json.dumps({"message": message, "subscription": "projects/shop/subscriptions/events"}).encode()


def unwrapped(subscription: str) -> dict[str, str]:
    """The headers of an unwrapped push with metadata."""
    return {
        "X-Shop-Secret": SECRET,
        "Content-Type": "application/octet-stream",
        "x-goog-pubsub-subscription-name": f"projects/shop/subscriptions/{subscription}",
        "x-goog-pubsub-message-id": "18",
        "x-goog-pubsub-publish-time": "2026-01-02T03:04:05.678Z",
    }


CASES = (
    Case(
        "a wrapped Pub/Sub push",
        "/events/order-placed/one",
        push({"order_id": 1, "total": "12.50"}),
        201,
        "record_order",
        query="select id, total from shop_order",
        rows=((1, 12.5),),
    ),
    Case(
        "an unwrapped push, binary",
        "/events/label-printed/two",
        b"\x89PNG\x00\xff",
        201,
        "keep_label",
        headers=unwrapped("labels"),
        query="select parcel, image from shop_label",
        rows=(("two", b"\x89PNG\x00\xff"),),
    ),
    Case(
        "a plain webhook",
        "/events/newsletter-signup/three/",
        b'{"email": "reader@example.com"}',
        201,
        "subscribe",
        query="select email from shop_subscriber",
        rows=(("reader@example.com",),),
    ),
    Case(
        "a shipment too early: Retry",
        "/events/shipment-ready/four",
        push({"order_id": 1}),
        503,
        "ship",
        query="select paid, shipped from shop_order",
        rows=((0, 0),),
    ),
    Case(
        "an async handler, a union",
        "/events/payment-changed/five",
        b'{"state": "paid", "order_id": 1}',
        201,
        "settle_payment",
        query="select paid, shipped from shop_order",
        rows=((1, 0),),
    ),
    Case(
        "two handlers and a plain receiver",
        "/events/stock-received/six?warehouse=3",
        push({"sku": "A-1", "quantity": 5}),
        201,
        "count_stock, wake_backorders, write_audit",
        query="select reference, warehouse, quantity, shipped from shop_auditentry, shop_stocklevel, shop_order",
        rows=(("six", 3, 5, 1),),
    ),
    Case(
        "a bad payload",
        "/events/order-placed/seven",
        push({"order_id": "two", "total": "12.50"}),
        400,
        "none: invalid for record_order",
        query="select count(*) from shop_order",
        rows=((1,),),
    ),
    Case(
        "an order that is not there: Reject",
        "/events/shipment-ready/eight",
        push({"order_id": 99}),
        200,
        "ship",
        query="select id, shipped from shop_order",
        rows=((1, 1),),
    ),
    Case(
        "a kind that nothing handles",
        "/events/weather-changed/nine",
        push({"wind": 7}),
        201,
        "no handler",
        query="select count(*) from shop_auditentry",
        rows=((1,),),
    ),
    Case(
        "a stranger",
        "/events/order-placed/ten",
        push({"order_id": 3, "total": "0.01"}),
        401,
        "no handler",
        headers={"Content-Type": "application/json"},
        query="select count(*) from shop_order",
        rows=((1,),),
    ),
)


class Server:
    """The shop on a real server, as a child process."""

    STARTED = re.compile(r"Uvicorn running on http://127\.0\.0\.1:(\d+)")
    EVENT = re.compile(r"Event of kind '.*?' with reference '(.*?)' .*?: ([\w ]+) by (.*?) in [\d.]+ ms")
    #: uvicorn's own line, the last one of every request, whatever became of it.
    ANSWERED = re.compile(r'"POST \S+ HTTP/1\.1" \d{3}')

    def __init__(self, environment: Mapping[str, str], port: int = 0) -> None:
        command = [sys.executable, "-m", "uvicorn", "shop.asgi:application", "--host", "127.0.0.1", "--port", str(port)]
        command += ["--workers", "1"]  # whatever WEB_CONCURRENCY says
        self.process = subprocess.Popen(
            command, cwd=HERE, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self.lines.put(line)
        self.lines.put(None)

    def lines_until(self, pattern: re.Pattern[str]) -> list[str]:
        """The next lines up to one that matches, or a `RuntimeError` with all that the server said instead."""
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

    def port(self) -> int:
        """The port on which it listens, once it does."""
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


@contextmanager
def running(database: Path, port: int = 0) -> Generator[tuple[Server, int]]:
    """A migrated database and a server on it; yields the server and its port."""
    environment = {**os.environ, "SHOP_DATABASE": str(database), "SHOP_SECRET": SECRET, "DJANGO_SETTINGS_MODULE": "shop.settings"}
    subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=HERE, env=environment, check=True)
    server = Server(environment, port)
    try:
        yield server, server.port()
    finally:
        server.stop()


def send(case: Case, server: Server, port: int, database: Path) -> Result:
    """Send one event, and look at the answer, at the server's log and at the database."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        connection.request("POST", case.path, case.body, dict(case.headers))
        status = connection.getresponse().status
    said = [found.groups() for line in server.lines_until(Server.ANSWERED) if (found := Server.EVENT.search(line))]
    handlers = " and ".join(_who(case, *event) for event in said) or "nothing in the log"
    with closing(sqlite3.connect(database)) as opened:
        rows = tuple(opened.execute(case.query)) if case.query else ()
        # plain receivers are not in the event's line; this one leaves a row
        if opened.execute("select 1 from shop_auditentry where reference = ?", [case.reference]).fetchone():
            handlers += ", write_audit"
    return Result(case, status, handlers.replace("shop.event_handlers.", ""), rows)


def _who(case: Case, reference: str, outcome: str, handlers: str) -> str:
    """Who handled an event, by the server's line of it."""
    if reference != case.reference:
        return f"somebody else's event, {reference}"
    # the line names the handlers whose event it was; one whose payload was invalid was never called
    return f"none: invalid for {handlers}" if outcome == "invalid" else handlers


def table(results: list[Result]) -> str:
    """The results for people; what is not as expected is said below them."""
    lines = [("", "event", "handled by", "status", "Pub/Sub reads")]
    for each in results:
        read = "done" if each.status in ACKNOWLEDGED else "send again"
        lines.append(("ok" if each.as_expected else "NO", each.case.title, each.handlers, str(each.status), read))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    for each in results:
        if not each.as_expected:
            wanted = (each.case.status, each.case.handlers, each.case.rows)
            text.append(f"{each.case.title}: expected {wanted}, got {(each.status, each.handlers, each.rows)}")
    return "\n".join(text)


def demo() -> int:
    """Send all cases; 0 if each is as expected."""
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "db.sqlite3"
        with running(database) as (server, port):
            print(f"The shop listens on http://127.0.0.1:{port}\n")
            results = [send(case, server, port, database) for case in CASES]
    print(table(results))
    failed = sum(not each.as_expected for each in results)
    print(f"\n{len(results) - failed} of {len(results)} events as expected")
    return 1 if failed else 0


def curl(port: int) -> str:
    """The command that sends the shop its first order."""
    return (
        f"curl -i http://127.0.0.1:{port}/events/order-placed/1 \\\n"
        f"  -H 'X-Shop-Secret: {SECRET}' -H 'Content-Type: application/json' \\\n"
        '  -d \'{"message": {"data": "eyJvcmRlcl9pZCI6IDEsICJ0b3RhbCI6ICIxMi41MCJ9", "messageId": "17"}, '
        '"subscription": "projects/p/subscriptions/s"}\''
    )


def serve(port: int) -> int:
    """Leave the server running until Ctrl-C."""
    try:
        with running(Path(os.environ.get("SHOP_DATABASE", HERE / "db.sqlite3")).resolve(), port) as (server, listening):
            print(
                f"The shop listens on http://127.0.0.1:{listening}; Ctrl-C ends it. Send it an order:\n\n{curl(listening)}\n",
                flush=True,
            )
            while (line := server.lines.get()) is not None:
                print(line, end="", flush=True)
    except KeyboardInterrupt:
        print("\nThe shop is closed.")
        return 0
    except RuntimeError as error:
        print(error, file=sys.stderr)
        if "address already in use" in str(error):
            print(f"Port {port} is taken. Choose another: python example/demo.py --serve --port 8001", file=sys.stderr)
        return 1
    print("The server stopped by itself.", file=sys.stderr)
    return 1


def _leave(signum: int, frame: FrameType | None) -> None:
    """Leave by way of every `finally`, so that the server ends, too."""
    sys.exit(128 + signum)


def main() -> int:
    """Read the command line."""
    signal.signal(signal.SIGTERM, _leave)
    parser = argparse.ArgumentParser(description="Run the example shop.")
    parser.add_argument("--serve", action="store_true", help="leave the server running until Ctrl-C")
    parser.add_argument("--port", type=int, default=8000, help="where --serve listens (8000)")
    arguments = parser.parse_args()
    return serve(arguments.port) if arguments.serve else demo()


if __name__ == "__main__":
    sys.exit(main())
