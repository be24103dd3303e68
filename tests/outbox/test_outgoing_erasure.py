"""Erasing a person's payloads from the outbox: what was sent still counts as sent, and nothing is sent any more."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gcp_event_router._boxes.erasing import Erased, Match
from gcp_event_router._boxes.exact_text import ascii_text
from gcp_event_router._boxes.states import State
from gcp_event_router.outbox.erasure import erase
from gcp_event_router.outbox.models import OutgoingEvent
from gcp_event_router.outbox.retry import retry
from gcp_event_router.outbox.selections import OutgoingSelection

from ..support.kept import STATES, failure, keep, run, states_of
from ..support.outboxes import end_leases, with_outboxes

pytestmark = with_outboxes
EMAIL = "ada@example.org"
ADA = json.dumps({"customer": {"id": 42, "email": EMAIL}}).encode()


def dump(alias: str) -> str:
    """All that the table holds, as text."""
    found: list[tuple[Any, ...]] = list(OutgoingEvent.objects.using(alias).values_list())
    return repr([bytes(value) if isinstance(value, memoryview) else value for row in found for value in row])  # pyright: ignore[reportUnknownArgumentType] -- of any item


def test_nothing_of_a_person_is_left(outbox: str) -> None:
    """Whatever its state, an event is erased unless a relay is sending it; what was not sent is discarded."""
    for state in STATES:
        keep(outbox, state, data=ADA, error_text=EMAIL, metadata={"attributes": {"email": EMAIL}, "ordering_key": EMAIL})
    keep(outbox, data=b"{}")
    keep(outbox, data=b"\xff")

    would = "Would erase 5 events of 8. Would discard 3 events. 1 payload is not JSON, and could not be searched."
    in_use = "1 event matches, but is in use at this moment. Repeat the command later."
    assert failure("erase", "--match", "customer.id=42") == (f"{would} Repeat the command with --yes to erase.\n", in_use, 1)
    did = "Erased 5 events of 8. Discarded 3 events. 1 payload is not JSON, and could not be searched.\n"
    assert failure("erase", "--match", "customer.id=42", "--yes") == (did, in_use, 1)
    states = list(states_of(outbox).values())
    assert states == ["discarded", "running", "discarded", "done", "discarded", "discarded", "pending", "pending"]
    end_leases(outbox)
    assert erase([Match("email", EMAIL)], dry_run=False) == Erased(3, 1, 1, not_json=1)

    assert EMAIL not in dump(outbox)
    assert retry(OutgoingSelection().events()) == 0
    assert "done, erased" in run("list")
    assert json.loads(run("show", str(min(states_of(outbox))), "--json"))["erased_at"] is not None


def test_ids_with_a_value_are_erased(outbox: str) -> None:
    """The ids that others gave: that of the event which caused it, and the receiver's."""
    for text in ("welcome-ada", "\u00e9cole-ada", "adam"):
        keep(outbox, State.DONE, data=b'{"name": "ada"}', cause=ascii_text(text), message_id=ascii_text(text))

    assert erase([Match("name", "ada")], dry_run=False) == Erased(3, 3)

    found = OutgoingEvent.objects.using(outbox).order_by("pk").values_list("cause", "message_id")
    assert list(found) == [("", ""), ("", ""), ("adam", "adam")]


def test_a_kind_narrows_it_down(outbox: str) -> None:
    """Only events of matching kinds are read."""
    for kind in ("order-placed", "order-gone"):
        keep(outbox, kind=kind, data=ADA)

    assert erase([Match("customer.id", "42")], kind="*-gone") == Erased(1, 1, 1)


def test_everything_is_never_erased(outbox: str) -> None:
    """Without a match, nothing is read."""
    with pytest.raises(ValueError) as raised:
        erase([])

    assert str(raised.value) == "Say what the events to erase have in common: without a match, all events would be erased."
