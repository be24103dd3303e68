"""Google's Pub/Sub emulator and its client, and the shop on a real server: pushed, pulled, redelivered, given up, forwarded."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from itertools import count
from typing import Any

import pytest
from pydantic import BaseModel

from gcp_event_router import EventRouter
from gcp_event_router.publishing import _client as client_of  # pyright: ignore[reportPrivateUsage] -- is made but once
from local_pubsub import PATIENCE, Emulator
from servers import HERE, Shop, running

pytestmark = pytest.mark.proof

_numbers = count(1)
#: The shop takes a tenth of a second to count each, so even a busy machine has the time to stop it in the middle.
PIECES = 40


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, emulator: Emulator) -> Iterator[Shop]:
    """The shop on a real server, to which the emulator may push."""
    with running(tmp_path_factory.mktemp("shop") / "db.sqlite3") as found:
        yield found


@pytest.fixture
def topic(emulator: Emulator) -> str:
    return new_topic(emulator)


def new_topic(emulator: Emulator) -> str:
    return emulator.topic(f"topic-{next(_numbers)}")


def new_subscription(emulator: Emulator, topic: str, endpoint: str = "", **more: Any) -> str:
    return emulator.subscription(f"subscription-{next(_numbers)}", topic, endpoint, **more)


def query(shop: Shop, text: str, *values: object) -> list[Any]:
    with closing(sqlite3.connect(shop.database, timeout=PATIENCE)) as opened, opened:
        return opened.execute(text, values).fetchall()


def kept(shop: Shop, message_id: str) -> list[dict[str, Any]]:
    """What the inbox keeps of a message, each time that it came as an event of its own."""
    found = query(shop, "select form, body from gcp_event_inbox_event where message_id = ? order by rowid", message_id)
    return [{"form": form, "body": body} for form, body in found]


def signed(shop: Shop, kind: str, reference: str) -> str:
    return shop.signed_urls((kind, reference))[0]


def pay(shop: Shop, order_id: int) -> None:
    """Pay an order, five minutes after its shipment was asked for."""
    query(shop, f"update shop_order set paid = true where id = {order_id}")
    query(shop, "update gcp_event_inbox_delivery set not_before = null")


@contextmanager
def pulling(shop: Shop, emulator: Emulator, *arguments: str) -> Generator[subprocess.Popen[str]]:
    """The shop's `manage.py events pull`, in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "events", "pull", *arguments],
        cwd=HERE,
        env={**shop.environment, **emulator.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def ended(process: subprocess.Popen[str]) -> list[str]:
    """What the command says and logs until it ends, but for the durations; it has to succeed."""
    out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, out
    return re.sub(r"in [\d.]+ ms", "in a moment", out).splitlines()


def test_wrapped_push(emulator: Emulator, shop: Shop, topic: str) -> None:
    """A message is pushed in its wrapper, handled, and kept with its attributes, its id and its subscription."""
    subscription = new_subscription(emulator, topic, signed(shop, "order-placed", "pushed"))

    message_id = emulator.publish(topic, b'{"order_id": 101, "total": "12.50"}', origin="web")

    assert shop.server.outcome("pushed") == "handled"
    assert query(shop, "select total from shop_order where id = 101") == [(12.5,)]
    [event] = kept(shop, message_id)
    body = json.loads(event["body"])
    assert (event["form"], body["subscription"], body["message"]["attributes"]) == ("pubsub", subscription, {"origin": "web"})


def test_unwrapped_push(emulator: Emulator, shop: Shop, topic: str) -> None:
    """A message is pushed as it is, with its metadata in headers, handled, and kept under its id."""
    push = {"no_wrapper": {"write_metadata": True}}
    new_subscription(emulator, topic, signed(shop, "label-printed", "unwrapped"), push=push)

    message_id = emulator.publish(topic, b"a label")

    assert shop.server.outcome("unwrapped") == "handled"
    assert query(shop, "select image from shop_label where parcel = 'unwrapped'") == [(b"a label",)]
    assert kept(shop, message_id) == [{"form": "pubsub-unwrapped", "body": b"a label"}]


def test_retry_is_redelivered(emulator: Emulator, shop: Shop, topic: str) -> None:
    """What a handler asks to be sent again comes again, until it is handled; it is one event all the while."""
    query(shop, "insert into shop_order values (102, 1, false, false)")
    new_subscription(emulator, topic, signed(shop, "shipment-ready", "unpaid"))

    message_id = emulator.publish(topic, b'{"order_id": 102}')

    assert shop.server.outcome("unpaid") == "retry"
    pay(shop, 102)
    while (outcome := shop.server.outcome("unpaid")) == "retry":
        pass
    assert (outcome, query(shop, "select shipped from shop_order where id = 102")) == ("handled", [(1,)])
    assert len(kept(shop, message_id)) == 1


def test_dead_letter_after_five_attempts(emulator: Emulator, shop: Shop, topic: str) -> None:
    """What is never handled is pushed five times, and parked when its copy comes from the dead-letter topic."""
    query(shop, "insert into shop_order values (103, 1, false, false)")
    dead = new_topic(emulator)
    dead_letters = new_subscription(emulator, dead)
    subscription = new_subscription(emulator, topic, signed(shop, "shipment-ready", "never"), dead_letters=dead)

    emulator.publish(topic, b'{"order_id": 103}', origin="web")

    assert [shop.server.outcome("never") for _ in range(5)] == ["retry"] * 5
    event = "gcp_event_inbox_event e on e.key = d.event_id where reference = 'never'"
    state = f"select state, attempts, sender_attempt, error from gcp_event_inbox_delivery d join {event}"
    with pulling(shop, emulator, dead_letters, "--kind", "shipment-ready", "--reference", "never", "--limit", "1") as process:
        assert "INVALID" not in ended(process)
    [(*found, error)] = query(shop, state)
    assert found == ["parked", 0, 5]
    assert error.startswith(f"{subscription} gave it up after 5 deliveries: ")


def test_pull_by_the_command(emulator: Emulator, shop: Shop, topic: str) -> None:
    """The command handles messages as the endpoint does, acknowledges them, and logs what it did."""
    subscription = new_subscription(emulator, topic)
    short = subscription.rpartition("/")[2]
    first = emulator.publish(topic, b'{"order_id": 104, "total": "1"}')

    with pulling(shop, emulator, short, "--kind", "order-placed", "--limit", "1") as process:
        assert ended(process) == [
            f"Pulling events of kind 'order-placed' from {subscription}; Ctrl-C stops.",
            f"Event of kind 'order-placed' with reference '{first}' (message '{first}'): "
            "handled by shop.event_handlers.record_order in a moment",
            f"Stopped pulling from {subscription}: 1 acknowledged, 0 given back.",
        ]
    assert query(shop, "select total from shop_order where id = 104") == [(1,)]


def test_pull_for_some_time(emulator: Emulator, shop: Shop, topic: str) -> None:
    """Where nothing comes, the command ends after the time that it is given, at once."""
    subscription = new_subscription(emulator, topic)

    with pulling(shop, emulator, subscription, "--kind", "order-placed", "--timeout", "1s") as process:
        assert ended(process)[1:] == [f"Stopped pulling from {subscription}: 0 acknowledged, 0 given back."]


def test_pushed_and_pulled(emulator: Emulator, shop: Shop, topic: str) -> None:
    """Two subscriptions of one topic are two events, of one kind and reference even, whichever way they come."""
    new_subscription(emulator, topic, signed(shop, "order-placed", "twice"))
    subscription = new_subscription(emulator, topic)

    message_id = emulator.publish(topic, b'{"order_id": 105, "total": "1"}')

    assert shop.server.outcome("twice") == "handled"
    with pulling(shop, emulator, subscription, "--kind", "order-placed", "--reference", "twice", "--limit", "1") as process:
        assert ": handled by" in ended(process)[1]
    assert [event["form"] for event in kept(shop, message_id)] == ["pubsub", "pubsub"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_in_a_handler(emulator: Emulator, shop: Shop, topic: str, number: signal.Signals) -> None:
    """Told to stop, the command finishes and acknowledges what it is at, begins nothing else, and ends well."""
    subscription = new_subscription(emulator, topic)
    skus = [f"{number.name}-{each}" for each in range(3)]
    for sku in skus:
        emulator.publish(topic, json.dumps({"sku": sku, "quantity": PIECES}).encode())
    running_now = "select count(*) from gcp_event_inbox_delivery where state = 'running'"

    with pulling(shop, emulator, subscription, "--kind", "stocktaking", "--workers", "1") as process:
        until = time.monotonic() + PATIENCE
        while query(shop, running_now) == [(0,)]:
            assert time.monotonic() < until
            time.sleep(0.01)
        process.send_signal(number)
        assert ended(process)[-1] == f"Stopped pulling from {subscription}: 1 acknowledged, 0 given back."
    assert query(shop, "select sku, quantity from shop_stocklevel where sku in (?, ?, ?)", *skus) == [(skus[0], PIECES)]


def test_forward(emulator: Emulator, shop: Shop, topic: str) -> None:
    """Each message is posted to another server as a push, by a signed URL, and acknowledged as that answers."""
    query(shop, "insert into shop_order values (106, 1, false, false)")
    subscription = new_subscription(emulator, topic)
    url = f"http://127.0.0.1:{shop.port}"
    message_id = emulator.publish(topic, b'{"order_id": 106}')

    with pulling(shop, emulator, subscription, "--kind", "shipment-ready", "--forward", url, "--limit", "2") as process:
        assert shop.server.outcome(message_id) == "retry"
        pay(shop, 106)
        assert shop.server.outcome(message_id) == "handled"
        assert ended(process)[1:] == [
            f"Forwarded an event to '{url}/events/shipment-ready/{message_id}': answered 503",
            f"Forwarded an event to '{url}/events/shipment-ready/{message_id}': answered 201",
            f"Stopped pulling from {subscription}: 1 acknowledged, 1 given back.",
        ]


class Count(BaseModel):
    sku: str


async def test_publish_by_kind(emulator: Emulator, topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind publishes through Google's own client, with attributes and an ordering key; the future has the message's id."""
    for name, value in emulator.environment.items():
        monkeypatch.setenv(name, value)
    subscription = new_subscription(emulator, topic, enable_message_ordering=True)
    counted = EventRouter().kind("stock-counted", Count)

    client_of.cache_clear()  # made for this emulator
    try:
        first = counted.publish(topic, Count(sku="A"), attributes={"origin": "shop"}, ordering_key="k").result(PATIENCE)
        second = await counted.apublish(topic, Count(sku="B"), ordering_key="k")
        client_of(os.getpid()).stop()
    finally:
        client_of.cache_clear()

    found: list[Any] = []
    subscriber: Any = emulator.subscriber  # of whose methods the stubs have few
    while len(found) < 2:
        answer = subscriber.pull(subscription=subscription, max_messages=2, timeout=PATIENCE)
        found += [each.message for each in answer.received_messages]
    assert [(each.data, dict(each.attributes), each.ordering_key, each.message_id) for each in found] == [
        (b'{"sku":"A"}', {"origin": "shop"}, "k", first),
        (b'{"sku":"B"}', {}, "k", second),
    ]
