"""Google's Pub/Sub emulator, its client and a real server: events pushed and pulled, redelivered and given up."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from typing import Any

import pytest

import local_pubsub
from local_pubsub import PATIENCE, Emulator
from servers import HERE, Shop, running

_number = count(1)


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """The emulator, where there is one."""
    try:
        local_pubsub.command()
    except local_pubsub.NoEmulatorError as error:
        pytest.skip(str(error))
    with local_pubsub.running() as found:
        yield found


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, emulator: Emulator) -> Iterator[Shop]:
    """The shop on a real server, to which the emulator may push."""
    with running(tmp_path_factory.mktemp("shop") / "db.sqlite3") as found:
        yield found


@pytest.fixture
def topic(emulator: Emulator) -> str:
    """A topic of the test's own."""
    return emulator.topic(f"topic-{next(_number)}")


def subscription(emulator: Emulator, topic: str, **more: Any) -> str:
    return emulator.subscription(f"subscription-{next(_number)}", topic, **more)


def query(shop: Shop, text: str, *values: object) -> list[Any]:
    with closing(sqlite3.connect(shop.database, timeout=PATIENCE)) as opened:
        return opened.execute(text, values).fetchall()


def said_of(shop: Shop, reference: str) -> str:
    """The server's next line about an event."""
    pattern = re.compile(rf"Event of kind '\S+' with reference '{reference}' ")
    return shop.server.lines_until(pattern)[-1].rstrip()


def command(shop: Shop, emulator: Emulator, *arguments: str) -> subprocess.Popen[str]:
    """The shop's `manage.py events pull`, in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "manage.py", "events", "pull", *arguments],
        cwd=HERE,
        env={**shop.environment, **emulator.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def pulled(shop: Shop, emulator: Emulator, *arguments: str) -> list[str]:
    """What the command prints, but for the durations; it has to succeed, and to complain of nothing."""
    with command(shop, emulator, *arguments) as process:
        out, error = process.communicate(timeout=PATIENCE)
    assert (process.returncode, error) == (0, "")
    return re.sub(r"in [\d.]+ ms", "in a moment", out).splitlines()


def test_probe(emulator: Emulator, shop: Shop, topic: str) -> None:
    name = subscription(emulator, topic)
    number = emulator.publish(topic, b'{"order_id": 1, "total": "12.50"}')
    print("\n".join(pulled(shop, emulator, name, "--kind", "order-placed", "--limit", "1")))
    print(query(shop, "select * from shop_order"))
    assert 0, number
