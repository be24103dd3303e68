"""Shows on a running shop what the inbox does: a worker is killed, and an event is replayed."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException

from cases import Case, push
from servers import HERE, PATIENCE, Google, Shop

STOCKTAKING = Case("", "/events/stocktaking/B-2", push({"sku": "B-2", "quantity": 10}, "21"), 201, "take_stock")
ORDER = Case("", "/events/order-placed/99", push({"order_id": 99, "total": "1.00"}, "22"), 201, "record_order")
PAYMENT = Case("", "/events/payment-changed/99", b'{"state": "paid", "order_id": 99}', 201, "settle_payment")


@dataclass(frozen=True)
class Incident:
    """An incident in the shop, and the final state of its database."""

    title: str
    told: str
    found: object
    expected: object

    @property
    def as_expected(self) -> bool:
        """Whether nothing was lost or done twice."""
        return self.found == self.expected


def killed_worker(shop: Shop, google: Google) -> Incident:
    """Kill the server while a handler works, start another one, and deliver again until the event is acknowledged."""
    connection = HTTPConnection("127.0.0.1", shop.port, timeout=PATIENCE)
    with closing(connection):
        connection.request("POST", STOCKTAKING.path, STOCKTAKING.body, google.headers(STOCKTAKING))
        # the delivery itself may be done before anybody looks
        _wait(lambda: one(shop, "select count(*) from gcp_event_inbox_event where kind = 'stocktaking'") == 1)
        shop.server.process.kill()
        try:
            answers = [str(connection.getresponse().status)]
        except (HTTPException, OSError):
            answers = ["killed"]
    again = shop.restarted()
    try:
        until = time.monotonic() + PATIENCE
        while answers[-1] not in {"200", "201"} and time.monotonic() < until:
            status, wait = _deliver(STOCKTAKING, again, google)
            answers.append(status)
            time.sleep(wait)
    finally:
        again.server.stop()
    quantity = one(shop, "select quantity from shop_stocklevel where sku = 'B-2'")
    return Incident("a worker is killed while it counts ten pieces", ", ".join(answers), quantity, 10)


def replayed(shop: Shop, google: Google) -> Incident:
    """Send the shop the order for a rejected shipment, and replay the shipment."""
    again = shop.restarted()
    try:
        answers = [_deliver(case, again, google)[0] for case in (ORDER, PAYMENT)]
    finally:
        again.server.stop()
    command = [sys.executable, "manage.py", "inbox", "replay", "--state", "rejected", "--kind", "shipment-*"]
    subprocess.run(command, cwd=HERE, env=shop.environment, check=True, capture_output=True, timeout=120)
    shipped = one(shop, "select shipped from shop_order where id = 99")
    return Incident("the order is there now: replay its shipment", ", ".join([*answers, "inbox replay"]), shipped, 1)


INCIDENTS = (killed_worker, replayed)


def table(incidents: list[Incident], what: str = "the inbox", told: str = "answers") -> str:
    """Format the incidents."""
    lines = [("", what, told, "in the database")]
    for each in incidents:
        found = str(each.found) if each.as_expected else f"{each.found}, and not {each.expected}"
        lines.append(("ok" if each.as_expected else "NO", each.title, each.told, found))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)


def _deliver(case: Case, shop: Shop, google: Google) -> tuple[str, float]:
    """Deliver an event; returns the status, and the seconds in `Retry-After`."""
    with closing(HTTPConnection("127.0.0.1", shop.port, timeout=PATIENCE)) as connection:
        connection.request("POST", case.path, case.body, google.headers(case))
        response = connection.getresponse()
        return str(response.status), float(response.headers.get("Retry-After", 0))


def do(shop: Shop, statement: str) -> None:
    """Change the database."""
    with closing(sqlite3.connect(shop.database, timeout=PATIENCE)) as opened, opened:
        opened.execute(statement)


def one(shop: Shop, query: str) -> object:
    """The only value that a query returns."""
    with closing(sqlite3.connect(shop.database, timeout=PATIENCE)) as opened:
        row = opened.execute(query).fetchone()
        return row and row[0]


def _wait(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > until:
            raise RuntimeError("the shop does not begin its work")
        time.sleep(0.01)
