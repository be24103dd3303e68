"""`manage.py inbox stats`: how many deliveries are in each state, how old the oldest is, and an exit code for alerts."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db.models import DateTimeField, ExpressionWrapper
from django.db.models.functions import Now
from django.test import override_settings

from gcp_event_router.inbox.models import Delivery, State, StoredEvent

from ..support.deliveries import with_databases

pytestmark = with_databases


def keep(alias: str, state: State, age: timedelta, **columns: object) -> None:
    """Keep an event with a delivery that was noted some time ago."""
    event = StoredEvent.objects.using(alias).create(key=uuid4(), kind="k", reference="r", body=b"", digest=b"")
    delivery = Delivery.objects.using(alias).create(event=event, handler="h", state=state)
    past = ExpressionWrapper(Now() - age, output_field=DateTimeField())
    Delivery.objects.using(alias).filter(pk=delivery.pk).update(created_at=past, **columns)


@pytest.fixture
def kept(inbox: str) -> str:
    """Two parked deliveries, an open one, and older ones that are done or discarded."""
    keep(inbox, State.PARKED, timedelta(hours=3))
    keep(inbox, State.PARKED, timedelta(hours=2))
    keep(inbox, State.FAILED, timedelta(minutes=20))
    keep(inbox, State.DONE, timedelta(days=3))
    keep(inbox, State.DISCARDED, timedelta(days=4))
    return inbox


def run(*arguments: str) -> tuple[str, str, int]:
    """What it prints, why it fails, and its exit code."""
    out = io.StringIO()
    try:
        call_command("inbox", "stats", *arguments, stdout=out, stderr=out)
    except CommandError as error:
        return out.getvalue(), str(error), error.returncode
    return out.getvalue(), "", 0


TABLE = """\
state      deliveries  oldest
pending    0           -
running    0           -
failed     1           20 min
done       1           -
rejected   0           -
parked     2           3 h
discarded  1           -
unhandled  0           -
"""


def test_text(kept: str) -> None:
    """A line for each state; the age of the oldest where there is something left to do."""
    assert run() == (TABLE, "", 0)


def test_json(kept: str) -> None:
    """The same for scripts, with ages in seconds."""
    figures = json.loads(run("--format", "json")[0])
    assert json.loads(run("--json")[0]).keys() == figures.keys()
    ages = {state: count.pop("oldest") for state, count in figures["states"].items()}
    oldest = figures.pop("oldest_open")

    assert {state: None if age is None else int(age // 60) for state, age in ages.items()} == {
        **dict.fromkeys(State.values, None),
        "failed": 20,
        "parked": 180,
    }
    assert int(oldest // 60) == 20
    assert figures == {
        "states": {
            state: {"deliveries": {"parked": 2, "failed": 1, "done": 1, "discarded": 1}.get(state, 0)} for state in State.values
        },
        "waiting_for_worker": 0,
        "unregistered": {},
    }


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--fail-parked", "3", "--fail-age", "21m"], ""),
        (["--fail-parked", "2"], "2 deliveries are parked."),
        (["--fail-age", "19m"], "The oldest open delivery is 20 min old."),
        (["--fail-parked", "1", "--fail-age", "15m"], "2 deliveries are parked. The oldest open delivery is 20 min old."),
    ],
)
@pytest.mark.parametrize("form", ["text", "json"])
def test_alerts(kept: str, arguments: list[str], why: str, form: str) -> None:
    """It exits with 1 if so many are parked, or if an open delivery is older; its figures are printed all the same."""
    out, said, code = run(*arguments, "--format", form)

    assert (said, code) == (why, 1 if why else 0)
    assert out == TABLE if form == "text" else "states" in json.loads(out)


def test_nothing_is_kept(inbox: str) -> None:
    """An empty inbox alerts nobody."""
    assert run("--fail-parked", "1", "--fail-age", "1s")[1:] == ("", 0)


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
def test_without_time_zones(inbox: str, zone: str) -> None:
    """Django's documentation, "Time zones": with `USE_TZ = False` times are naive, in `TIME_ZONE`; the ages are the same."""
    with override_settings(USE_TZ=False, TIME_ZONE=zone):
        keep(inbox, State.PENDING, timedelta(minutes=7))
        assert run("--fail-age", "8m")[1:] == ("", 0)
        assert run("--fail-age", "6m")[1:] == ("The oldest open delivery is 7 min old.", 1)


@pytest.mark.parametrize(
    "arguments", [("--fail-parked", "0"), ("--fail-parked", "-1"), ("--fail-age", "15"), ("--format", "xml")]
)
def test_wrong_arguments(inbox: str, arguments: tuple[str, str]) -> None:
    """A limit that is none is refused."""
    with pytest.raises(CommandError) as raised:
        call_command("inbox", "stats", *arguments)
    assert f"argument {arguments[0]}: " in str(raised.value)
