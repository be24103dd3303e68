"""Runs the shop with Google's own Pub/Sub emulator: publishes, pushes and pulls messages, and shows the results.

`make demo-emulator` calls it. Without an emulator, it says so and succeeds.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import local_pubsub
from demo import leave
from incidents import Incident, do, one, table
from local_pubsub import Emulator
from outgoing import bring_back, relay
from servers import HERE, Shop, running


def wrapped(shop: Shop, emulator: Emulator) -> Incident:
    """Push an order, wrapped."""
    topic = _topic(shop, emulator, "orders", "order-placed")
    emulator.publish(topic, b'{"order_id": 1, "total": "12.50"}')
    return Incident(
        "pushed in its wrapper", _outcome(shop, "orders"), one(shop, "select total from shop_order where id = 1"), 12.5
    )


def unwrapped(shop: Shop, emulator: Emulator) -> Incident:
    """Push a label, unwrapped, with metadata in headers."""
    topic = _topic(shop, emulator, "labels", "label-printed", push={"no_wrapper": {"write_metadata": True}})
    emulator.publish(topic, b"a label")
    return Incident("pushed without one", _outcome(shop, "labels"), one(shop, "select image from shop_label"), b"a label")


def retried(shop: Shop, emulator: Emulator) -> Incident:
    """Push a shipment, which waits for its payment."""
    topic = _topic(shop, emulator, "shipments", "shipment-ready")
    emulator.publish(topic, b'{"order_id": 1}')
    told = [_outcome(shop, "shipments")]
    do(shop, "update shop_order set paid = true where id = 1")
    do(shop, "update gcp_event_inbox_delivery set not_before = null")  # as if the five minutes had passed
    while told[-1] == "retry":
        told.append(_outcome(shop, "shipments"))
    text = ", ".join(dict.fromkeys(told))
    return Incident("Retry, until the order is paid", text, one(shop, "select shipped from shop_order where id = 1"), 1)


def given_up(shop: Shop, emulator: Emulator) -> Incident:
    """Push a shipment that is never paid, until it is in the dead-letter topic, and park it when it comes from there."""
    do(shop, "insert into shop_order values (2, 1, false, false)")
    dead = emulator.topic("dead-letters")
    dead_letters = emulator.subscription("dead-letters", dead)
    emulator.publish(_topic(shop, emulator, "lost", "shipment-ready", dead_letters=dead), b'{"order_id": 2}')
    told = [_outcome(shop, "lost") for _ in range(5)]
    _pull(shop, emulator, dead_letters, "--kind", "shipment-ready", "--reference", "lost")
    event = "gcp_event_inbox_event e on e.key = d.event_id where reference = 'lost'"
    found = one(shop, f"select state from gcp_event_inbox_delivery d join {event}")
    return Incident("Retry, five times: a dead letter", f"{told.count('retry')} times retry, events pull", found, "parked")


def pulled(shop: Shop, emulator: Emulator) -> Incident:
    """Pull an order in another process."""
    topic = emulator.topic("pulled")
    subscription = emulator.subscription("pulled", topic)
    emulator.publish(topic, b'{"order_id": 3, "total": "7.00"}')
    _pull(shop, emulator, subscription, "--kind", "order-placed")
    return Incident("pulled", "events pull", one(shop, "select total from shop_order where id = 3"), 7)


def forwarded(shop: Shop, emulator: Emulator) -> Incident:
    """Pull an order, and post it to the server as a push."""
    topic = emulator.topic("forwarded")
    subscription = emulator.subscription("forwarded", topic)
    emulator.publish(topic, b'{"order_id": 4, "total": "8.00"}')
    url = f"http://127.0.0.1:{shop.port}"
    _pull(shop, emulator, subscription, "--kind", "order-placed", "--reference", "forwarded", "--forward", url)
    told = f"events pull --forward, {_outcome(shop, 'forwarded')}"
    return Incident("pulled for a server", told, one(shop, "select total from shop_order where id = 4"), 8)


def published(shop: Shop, emulator: Emulator) -> Incident:
    """Bring an order back in a request, and relay the event to Pub/Sub, whose push lets a handler publish the next one."""
    _topic(shop, emulator, "returns", "order-returned")
    _topic(shop, emulator, "refunds", "refund-booked")
    told = [bring_back(shop, 1)]
    for reference in ("returns", "refunds"):
        relay(shop, **emulator.environment)
        told.append(_outcome(shop, reference))
    found = one(shop, "select cents || ', ' || text from shop_booking, shop_letter")
    return Incident("from the outbox", ", ".join(told), found, "-1250, We have refunded 12.50 euros.")


STEPS = (wrapped, unwrapped, retried, given_up, pulled, forwarded, published)


def main() -> int:
    """Run all of it. Returns 0 if all results are as expected, or without an emulator."""
    signal.signal(signal.SIGTERM, leave)
    try:
        local_pubsub.command()
    except local_pubsub.NoEmulatorError as error:
        print(f"skipped: {error}")
        return 0
    with (
        tempfile.TemporaryDirectory() as folder,
        local_pubsub.running() as emulator,
        running(Path(folder) / "db.sqlite3", transport="gcp_event_router.outbox.transports.PubSub") as shop,
    ):
        print(
            f"The shop listens on http://127.0.0.1:{shop.port}, the emulator on {emulator.environment['PUBSUB_EMULATOR_HOST']}\n",
            flush=True,
        )
        happened = [step(shop, emulator) for step in STEPS]
    print(table(happened, "a message, published by Google's client", "outcomes"))
    failed = [each.as_expected for each in happened].count(False)
    print(f"\n{len(happened) - failed} of {len(happened)} as expected")
    return 1 if failed else 0


def _topic(shop: Shop, emulator: Emulator, name: str, kind: str, **more: Any) -> str:
    """Create a topic and a subscription that pushes to the shop; its name is the reference."""
    topic = emulator.topic(name)
    emulator.subscription(name, topic, shop.signed_urls((kind, name))[0], **more)
    return topic


def _outcome(shop: Shop, reference: str) -> str:
    return shop.server.outcome(reference)


def _pull(shop: Shop, emulator: Emulator, *arguments: str) -> None:
    """Pull one message."""
    command = [sys.executable, "manage.py", "events", "pull", *arguments, "--limit", "1", "--timeout", "30s"]
    environment = {**shop.environment, **emulator.environment}
    subprocess.run(command, cwd=HERE, env=environment, check=True, stdout=subprocess.DEVNULL, timeout=120)


if __name__ == "__main__":
    sys.exit(main())
