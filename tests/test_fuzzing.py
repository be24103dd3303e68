"""The targets of the fuzzers: what they find valid, what hundreds of changed inputs come to, and that each would notice a fault.

`make fuzz` makes a million inputs.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator
from typing import Any

import pytest

from gcp_event_router import Event, Principal, events
from gcp_event_router._globs.glob import Glob
from gcp_event_router.auth import AuthenticatorChain
from gcp_event_router.inbox import serialization

from .support import fuzzing
from .support.fuzzing import CANARY, Target, targets

NAMES = ["endpoint", "globs", "signatures", "stored", "tokens", "urls"]
#: What becomes of the seeds.
VERDICTS = {
    "endpoint": ["201", "400", "201", "201", "201", "201", "201", "201", "400", "400"],
    "globs": ["matched"] * 4,
    "signatures": ["accepted"] * 17,
    "stored": [
        "pubsub",
        "pubsub",
        "plain",
        "pubsub-unwrapped",
        "cloudevents-structured",
        "cloudevents-structured",
        "cloudevents-binary",
        "cloudevents-binary",
        "cloud-task",
        "scheduler-job",
    ],
    "tokens": ["accepted", "refused", "refused", "refused"] * 2,
    "urls": ["accepted"] * 3,
}


@pytest.fixture
def known() -> Iterator[dict[str, Target]]:
    """All targets."""
    with targets() as known:
        yield known


def test_seeds(known: dict[str, Target]) -> None:
    """Each seed is taken as what it is."""
    assert {name: [target.take(seed) for seed in target.seeds] for name, target in known.items()} == VERDICTS


@pytest.mark.parametrize("name", NAMES)
def test_changed_inputs(known: dict[str, Target], name: str) -> None:
    """None of 500 inputs with a few other bytes breaks a promise."""
    target = known[name]
    chance = random.Random(1)
    for _ in range(500):
        target.take(_changed(bytearray(chance.choice(target.seeds)), chance))


def _changed(data: bytearray, chance: random.Random) -> bytes:
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(data))
        match chance.randrange(3):
            case 0:
                data[place] ^= 1 << chance.randrange(8)
            case 1:
                data.insert(place, chance.randrange(256))
            case _:
                copied = chance.randrange(len(data))
                data[place:place] = data[copied : copied + 20]
    return bytes(data)


def _tell_payload(event: Event[Any]) -> None:
    logging.getLogger("gcp_event_router").info("%s", event.payload)


def test_the_log_tells_a_payload(known: dict[str, Target]) -> None:
    """The target of the endpoint finds a payload in the log."""
    events.on("order-placed")(_tell_payload)

    with pytest.raises(AssertionError, match=CANARY):
        known["endpoint"].take(known["endpoint"].seeds[0])


def test_another_answer(known: dict[str, Target], monkeypatch: pytest.MonkeyPatch) -> None:
    """The target of the endpoint finds an answer that the contract does not have."""
    monkeypatch.setattr(fuzzing, "ANSWERS", frozenset({200}))

    with pytest.raises(AssertionError, match="201"):
        known["endpoint"].take(known["endpoint"].seeds[0])


#: What nobody signed: a part of a token, a body and a parameter that are a little longer.
FORGED = {"tokens": (b".", b"x."), "signatures": (b"Hello", b"HHello"), "urls": (b"signature", b"x=y&signature")}


@pytest.mark.parametrize("name", list(FORGED))
def test_whoever_is_let_in(known: dict[str, Target], name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The targets of the authenticators find that something is accepted which nobody signed."""

    def accept(*_: object) -> Principal:
        return Principal("nobody")

    monkeypatch.setattr(AuthenticatorChain, "authenticate", accept)

    with pytest.raises(AssertionError):
        known[name].take(known[name].seeds[0].replace(*FORGED[name], 1))


def test_globs_that_match_everything(known: dict[str, Target], monkeypatch: pytest.MonkeyPatch) -> None:
    """The target of globs finds a glob that matches what fnmatch does not."""

    def match(*_: object) -> bool:
        return True

    monkeypatch.setattr(Glob, "matches", match)

    with pytest.raises(AssertionError):
        known["globs"].take(b"order-*\n*\nother")


def test_events_that_come_back_otherwise(known: dict[str, Target], monkeypatch: pytest.MonkeyPatch) -> None:
    """The target of stored events finds that one is read with other metadata than it came with."""

    def forget(*_: object) -> dict[str, str]:
        return {}

    monkeypatch.setattr(serialization, "storable_headers", forget)

    with pytest.raises(AssertionError):
        known["stored"].take(known["stored"].seeds[3])
