"""The output of `manage.py inbox` works in terminals and pipes of all sorts."""

from __future__ import annotations

import subprocess
from contextlib import AbstractContextManager

import pytest

from gcp_event_router.inbox.models import Delivery, State, StoredEvent

from ..support.commands import keep, start
from ..support.deliveries import PATIENCE, on_sqlite, with_databases

pytestmark = [with_databases, on_sqlite, pytest.mark.proof]


def unread(command: AbstractContextManager[subprocess.Popen[str]], after: int) -> tuple[int, str]:
    """Run a command, read some lines of its output, and close the pipe; return its exit code and its errors."""
    with command as process:
        assert process.stdout
        assert process.stderr
        for _ in range(after):
            process.stdout.readline()
        process.stdout.close()
        return process.wait(PATIENCE), process.stderr.read()


def test_characters_that_a_terminal_lacks(inbox: str) -> None:
    """Characters that the terminal lacks are escaped, and the rest of a list or a replay follows."""
    keep(inbox, 2, State.PARKED, "\u00f1\U0001f600")
    Delivery.objects.using(inbox).update(handler="gone")

    with start(inbox, "list", PYTHONIOENCODING="ascii") as listing:
        shown, error = listing.communicate(timeout=PATIENCE)
    assert (listing.returncode, error) == (0, "")
    assert [each.split()[-2] for each in shown.splitlines()[1:]] == [rf"video-up/\xf1\U0001f600{number}" for number in (1, 0)]

    with start(inbox, "replay", PYTHONIOENCODING="ascii") as replaying:
        shown, error = replaying.communicate(timeout=PATIENCE)
    assert (replaying.returncode, error) == (1, "CommandError: 2 of 2 are not done.\n")
    assert shown.splitlines()[-1] == "Replayed 2 deliveries: 2 unhandled."


def test_long_names(inbox: str) -> None:
    """A CloudEvents type may have any length (CloudEvents, spec.md, "type"): a list shows its beginning, JSON the whole."""
    keep(inbox, 1, State.PARKED)
    kind, reference = "com.example/" + "k" * 200, "r" * 200
    StoredEvent.objects.using(inbox).update(kind=kind, reference=reference)

    with start(inbox, "list") as listing:
        shown, _ = listing.communicate(timeout=PATIENCE)
    assert f"  {kind[:61]}.../{reference[:61]}...  " in shown

    with start(inbox, "list", "--json") as listing:
        shown, _ = listing.communicate(timeout=PATIENCE)
    assert kind in shown


@pytest.mark.parametrize("arguments", [["list"], ["list", "--json"]])
def test_a_reader_who_has_read_enough(inbox: str, arguments: list[str]) -> None:
    """`inbox list | head` ends without a message."""
    keep(inbox, 500, State.PARKED)

    assert unread(start(inbox, *arguments, "--limit", "500"), 0) == (1, "")


def test_a_replay_that_nobody_reads(inbox: str) -> None:
    """It ends after a delivery, and leaves none running; the same command does the rest."""
    keep(inbox, 300, State.PARKED)
    code, error = unread(start(inbox, "replay", "--json"), 5)

    states = list(Delivery.objects.using(inbox).values_list("state", flat=True))
    assert (code, error) == (1, "")
    assert set(states) == {"done", "parked"}
    assert states.count("done") < 300
