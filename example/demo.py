"""Runs the shop on a real server, sends it one event of each kind over HTTP, and shows the results.

    python demo.py            send the events, print the table, and clean up
    python demo.py --serve    leave the server running until Ctrl-C

`make demo` and `make serve` call it. The column "handled by" is read from the server's own log and
database.
"""

from __future__ import annotations

import argparse
import os
import signal
import sqlite3
import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from types import FrameType

import incidents
import outgoing
from cases import CASES, TOKEN, Case
from servers import HERE, PATIENCE, STAFF, Google, Server, Shop, running

ACKNOWLEDGED = {102, 200, 201, 202, 204}
"""The statuses that acknowledge a message, by Pub/Sub's documentation."""


@dataclass(frozen=True)
class Result:
    """The result of a case."""

    case: Case
    status: int
    handlers: str
    rows: tuple[tuple[object, ...], ...]

    @property
    def as_expected(self) -> bool:
        """Whether the result is the expected one."""
        return (self.status, self.handlers, self.rows) == (self.case.status, self.case.handlers, self.case.rows)


def send(case: Case, shop: Shop, google: Google, signature: str) -> Result:
    """Send one event, and read the answer, the server's log and the database."""
    with closing(HTTPConnection("127.0.0.1", shop.port, timeout=PATIENCE)) as connection:
        connection.request("POST", case.path.format(signature=signature), case.body, google.headers(case))
        status = connection.getresponse().status
    found = map(Server.EVENT.search, shop.server.lines_until(Server.ANSWERED))
    said = [line.groups("no handler") for line in found if line]
    handlers = " and ".join(_who(case, *event) for event in said) or "nothing in the log"
    with closing(sqlite3.connect(shop.database)) as opened:
        rows = tuple(opened.execute(case.query)) if case.query else ()
        # the event's line does not name plain receivers; this one adds a row
        if opened.execute("select 1 from shop_auditentry where reference = ?", [case.reference]).fetchone():
            handlers += ", write_audit"
    return Result(case, status, handlers.replace("shop.event_handlers.", ""), rows)


def _who(case: Case, reference: str, outcome: str, handlers: str) -> str:
    """The handlers of an event, by its line in the server's log."""
    if reference != case.reference:
        return f"somebody else's event, {reference}"
    return handlers if outcome in {"handled", "unhandled", "unauthenticated", "forbidden"} else f"{handlers}: {outcome}"


def table(results: list[Result]) -> str:
    """Format the results, and list unexpected ones below them."""
    lines = [("", "event", "handled by", "status", "sender reads")]
    for result in results:
        read = "done" if result.status in ACKNOWLEDGED else "send again"
        lines.append(("ok" if result.as_expected else "NO", result.case.title, result.handlers, str(result.status), read))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    for result in results:
        if not result.as_expected:
            expected = (result.case.status, result.case.handlers, result.case.rows)
            text.append(f"{result.case.title}: expected {expected}, got {(result.status, result.handlers, result.rows)}")
    return "\n".join(text)


def demo() -> int:
    """Send all cases. Returns 0 if all results are as expected."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Google() as google,
        running(Path(folder) / "db.sqlite3", certs_url=google.url) as shop,
    ):
        print(f"The shop listens on http://127.0.0.1:{shop.port}\n", flush=True)
        signature = shop.signature()
        results = [send(case, shop, google, signature) for case in CASES]
        print(table(results))
        happened = [incident(shop, google) for incident in incidents.INCIDENTS]
        if happened:
            print(f"\n{incidents.table(happened)}")
        returned = [step(shop) for step in outgoing.STEPS]
        if returned:
            print(f"\n{incidents.table(returned, 'the outbox', 'answers')}")
    expected = [each.as_expected for each in results] + [each.as_expected for each in (*happened, *returned)]
    failed = expected.count(False)
    print(f"\n{len(expected) - failed} of {len(expected)} as expected")
    return 1 if failed else 0


def guide(site: str) -> str:
    """What the shop at an address has for people, and a command that sends it its first order."""
    return f"""\
The shop listens on {site}; Ctrl-C ends it.

  {site}/           says what there is
  {site}/catalogue/ shows the events that it takes, with commands that send them
  {site}/admin/     shows what became of them: the inbox and the outbox

Log in as {STAFF.name} with the password {STAFF.password}, which only this shop knows.

Send it an order:

{curl(site)}
"""


def curl(site: str) -> str:
    """The command that sends the shop its first order."""
    return (
        f"curl -i {site}/events/order-placed/1 \\\n"
        f"  -H 'X-Shop-Token: {TOKEN}' -H 'Content-Type: application/json' \\\n"
        '  -d \'{"message": {"data": "eyJvcmRlcl9pZCI6IDEsICJ0b3RhbCI6ICIxMi41MCJ9", "messageId": "17"}, '
        '"subscription": "projects/p/subscriptions/s"}\''
    )


def serve(port: int) -> int:
    """Leave the server running until Ctrl-C."""
    try:
        with running(Path(os.environ.get("SHOP_DATABASE", HERE / "db.sqlite3")).resolve(), port) as shop:
            shop.add_staff()
            print(guide(f"http://127.0.0.1:{shop.port}"), flush=True)
            while (line := shop.server.lines.get()) is not None:
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


def leave(signum: int, frame: FrameType | None) -> None:
    """Exit through every `finally`, so that the server ends, too."""
    sys.exit(128 + signum)


def main() -> int:
    """Read the command line."""
    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells let background processes ignore it
    parser = argparse.ArgumentParser(description="Run the example shop.")
    parser.add_argument("--serve", action="store_true", help="leave the server running until Ctrl-C")
    parser.add_argument("--port", type=int, default=8000, help="where --serve listens (8000)")
    arguments = parser.parse_args()
    return serve(arguments.port) if arguments.serve else demo()


if __name__ == "__main__":
    sys.exit(main())
