"""Shows on a running shop what the outbox does: an event is committed with a row, and takes effect once."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from http.client import HTTPConnection

from incidents import Incident, do, one
from servers import HERE, PATIENCE, Shop

#: What the shop has refunded, and the letters that it has written about that.
_EFFECTS = """
select coalesce(sum(cents), 0) || ' cents, letters: ' || (select count(*) from shop_letter)
from shop_booking where cents < 0
"""


def returned(shop: Shop) -> Incident:
    """Bring an order back, twice: the second request is rolled back, and so is what it has published."""
    again = shop.restarted()
    try:
        answers = [bring_back(again, 1) for _ in range(2)]
    finally:
        again.server.stop()
    waiting = one(shop, "select count(*) from gcp_event_outbox_event where state = 'pending'")
    return Incident(
        "an order is returned, twice",
        ", ".join(answers),
        f"{waiting} event, {one(shop, _EFFECTS)}",
        "1 event, 0 cents, letters: 0",
    )


def relayed(shop: Shop) -> Incident:
    """Relay it: its handler books the refund, and publishes the next event, whose handler writes a letter."""
    relay(shop)
    return Incident("the relay runs", "outbox relay", one(shop, _EFFECTS), "-1250 cents, letters: 1")


def relayed_again(shop: Shop) -> Incident:
    """Send all of it a second time, as a relay does that was killed before it could note that it had sent it."""
    do(shop, "update gcp_event_outbox_event set state = 'pending', finished_at = null")
    relay(shop)
    return Incident("it was killed, and sends all again", "outbox relay", one(shop, _EFFECTS), "-1250 cents, letters: 1")


STEPS = (returned, relayed, relayed_again)


def bring_back(shop: Shop, order: int) -> str:
    """Bring an order back to the till, and return its answer."""
    with closing(HTTPConnection("127.0.0.1", shop.port, timeout=PATIENCE)) as connection:
        connection.request("POST", f"/orders/{order}/return")
        return str(connection.getresponse().status)


def relay(shop: Shop, **environment: str) -> None:
    """Send what is due."""
    command = [sys.executable, "manage.py", "outbox", "relay"]
    environment = {**shop.environment, **environment}
    subprocess.run(command, cwd=HERE, env=environment, check=True, capture_output=True, timeout=120)
