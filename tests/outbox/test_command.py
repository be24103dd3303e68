"""`manage.py outbox`: what it prints, how it ends, and what it does to the outbox."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Annotated, Any

import pytest
from django.core.management import CommandError
from django.db import ProgrammingError
from django.test import override_settings
from pydantic import BaseModel

from gcp_event_router import EventRouter
from gcp_event_router.outbox.models import OutgoingEvent, SeenRelay, State
from gcp_event_router.privacy import Personal

from ..support.kept import STATES, failure, from_now, keep, run, states_of
from ..support.outboxes import end_leases, on_sqlite, with_outboxes

pytestmark = with_outboxes
HOUR = timedelta(hours=1)


class Signup(BaseModel):
    email: Annotated[str, Personal()]


def test_list(outbox: str) -> None:
    """Events are listed with what tells them apart, the newest first."""
    keep(outbox, State.DONE, attempts=1)
    keep(outbox, State.FAILED, "customer-1", attempts=3, error_type="a.b.Timeout", not_before=from_now(2 * HOUR))
    keep(outbox, topic="", kind="k" * 50, age=3 * HOUR)

    lines = run("list").splitlines()

    assert re.split(r"  +", lines[0]) == ["id", "state", "attempts", "age", "due", "kind", "topic", "ordering key", "error"]
    assert [re.split(r"  +", re.sub(r"\d+ s", "- s", line))[1:] for line in lines[1:]] == [
        ["pending", "0 of 50", "3 h", "now", f"{'k' * 37}...", "-", "-"],
        ["failed", "3 of 50", "- s", "in 1 h", "order-placed", "orders", "customer-1", "Timeout"],
        ["done", "1 of 50", "- s", "-", "order-placed", "orders", "-"],
    ]


def test_events_that_wait_for_others(outbox: str) -> None:
    """An event that has to wait for an earlier one of its ordering key names the first of these."""
    keep(outbox, State.DONE, "customer-1")
    first = keep(outbox, State.PARKED, "customer-1")
    keep(outbox, State.PENDING, "customer-1")
    last = keep(outbox, State.PENDING, "customer-1")
    keep(outbox, State.PENDING, "customer-2")
    keep(outbox)

    assert [re.split(r"  +", line)[4] for line in run("list").splitlines()[1:]] == [
        *("now", "now", f"after {first}", f"after {first}", "-", "-")
    ]
    assert f"  waits for     event {first}, which has the same ordering key\n" in run("show", str(last))


def test_list_as_json(outbox: str) -> None:
    """Scripts get everything but the payload and the text of the error."""
    number = keep(outbox, State.PARKED, "customer-1", attempts=50, metadata={"attributes": {"tenant": "north"}}, cause="17")
    event = OutgoingEvent.objects.using(outbox).get()

    found = json.loads(run("list", "--json"))

    times = {name: found.pop(name) is not None for name in ("created_at", "not_before", "lease_until", "finished_at")}
    assert times == {"created_at": True, "not_before": False, "lease_until": False, "finished_at": True}
    assert found == {
        "id": number,
        "key": str(event.key),
        "kind": "order-placed",
        "topic": "projects/p/topics/orders",
        "ordering_key": "customer-1",
        "attributes": {"tenant": "north"},
        "cause": "17",
        "state": "parked",
        "attempts": 50,
        "error_type": "",
        "error": "",
        "message_id": "",
        "erased_at": None,
    }


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--state", "parked"], [2]),
        (["--state", "parked", "--state", "done"], [2, 1]),
        (["--kind", "order-*"], [2, 1]),
        (["--kind", "invoice-sent"], [3]),
        (["--topic", "*/orders"], [3, 1]),
        (["--ordering-key", "customer-1"], [2]),
        (["--error", "Timeout"], [2]),
        (["--error", "too slow"], [2]),
        (["--older-than", "2h"], [1]),
        (["--newer-than", "2h"], [3, 2]),
        (["--limit", "1"], [3]),
    ],
)
def test_options(outbox: str, arguments: list[str], found: list[int]) -> None:
    """Each option narrows the list."""
    keep(outbox, State.DONE, age=3 * HOUR)
    keep(outbox, State.PARKED, "customer-1", topic="bills", error_type="a.Timeout", error="too slow")
    keep(outbox, kind="invoice-sent")
    numbers = {number: place for place, number in enumerate(states_of(outbox), 1)}

    assert [numbers[json.loads(line)["id"]] for line in run("list", "--json", *arguments).splitlines()] == found


def test_list_is_bounded(outbox: str) -> None:
    """It says that there are more; and that there are none."""
    assert run("list") == "No events.\n"
    keep(outbox)
    keep(outbox)

    assert run("list", "--limit", "1").splitlines()[-1] == "There are more; these are the newest 1."


@pytest.mark.parametrize("by", ["number", "id"])
def test_show(outbox: str, by: str) -> None:
    """An event is shown by its number or its id: facts, attributes, trace, the error and the payload."""
    metadata = {"attributes": {"tenant": "north\x1b[2J"}, "trace": {"traceparent": "00-1"}}
    number = keep(
        outbox,
        State.PARKED,
        "customer-1",
        metadata=metadata,
        cause="17",
        attempts=50,
        error_type="a.Timeout",
        error_text="the text",
    )
    event = OutgoingEvent.objects.using(outbox).get()

    shown = run("show", str(number) if by == "number" else str(event.key))

    assert re.sub(r"(published|parked)  .*", r"\1  ...", shown) == (
        f"order-placed/{event.key}\n"
        f"  number        {number}\n"
        f"  id            {event.key}\n"
        "  topic         projects/p/topics/orders\n"
        "  ordering key  customer-1\n"
        "  cause         17\n"
        "  published  ...\n"
        "  parked  ...\n"
        "\n"
        "attributes\n"
        "  tenant        north\\u001b[2J\n"
        "\n"
        "trace\n"
        "  traceparent   00-1\n"
        "\n"
        "parked, attempt 50 of 50\n"
        "  a.Timeout\n"
        "  text and traceback\n"
        "    the text\n"
        "\n"
        "payload: JSON, 15 bytes\n"
        "  {\n"
        '    "order_id": 1\n'
        "  }\n"
    )


def test_show_nothing(outbox: str) -> None:
    """It says that there is no such event."""
    assert failure("show", "4711") == (
        "",
        "The outbox has no event with the number or the id '4711'. It may have been purged. See `outbox list`.",
        1,
    )


def test_retry(outbox: str) -> None:
    """Failed and parked events are due at once, with all their attempts and under their ids; others stay as they are."""
    for state in STATES:
        keep(outbox, state, attempts=7, not_before=from_now(HOUR), error_type="a.Timeout")
    before = dict(OutgoingEvent.objects.using(outbox).values_list("pk", "key"))

    assert run("retry", "--dry-run") == "Would retry 2 events: 1 failed, 1 parked.\n"
    assert run("retry", "--dry-run", "--json") == '{"failed": 1, "parked": 1}\n'
    assert run("retry") == "Retried 2 events.\n"
    rows = OutgoingEvent.objects.using(outbox).order_by("pk")
    assert [(row.state, row.attempts, row.not_before is None, row.finished_at is None) for row in rows] == [
        ("pending", 7, False, True),
        ("running", 7, False, True),
        ("pending", 0, True, True),
        ("done", 7, False, False),
        ("pending", 0, True, True),
        ("discarded", 7, False, False),
    ]
    assert dict(rows.values_list("pk", "key")) == before
    assert run("retry", "--json") == '{"retried": 0}\n'


def test_retry_what_was_discarded(outbox: str) -> None:
    """Discarded events are retried if the option says so."""
    keep(outbox, State.DISCARDED)
    keep(outbox, State.PARKED)

    assert run("retry", "--state", "discarded") == "Retried 1 event.\n"
    assert list(states_of(outbox).values()) == ["pending", "parked"]


def test_discard(outbox: str) -> None:
    """Events that have not been sent are given up; those that a relay is sending once their lease is over."""
    for state in STATES:
        keep(outbox, state)

    assert run("discard", "--dry-run") == "Would discard 3 events: 1 failed, 1 parked, 1 pending.\n"
    assert run("discard") == "Discarded 3 events.\n"
    assert list(states_of(outbox).values()) == ["discarded", "running", "discarded", "done", "discarded", "discarded"]
    end_leases(outbox)
    assert run("discard", "--state", "running", "--dry-run") == "Would discard 1 event: 1 running.\n"
    assert run("discard", "--json") == '{"discarded": 1}\n'


def test_purge(outbox: str) -> None:
    """By default, events that were sent or discarded before the setting's time are deleted; options narrow that."""
    for state in STATES:
        keep(outbox, state, age=timedelta(days=8))
    keep(outbox, State.DONE, age=timedelta(days=6), kind="invoice-sent")

    assert run("purge", "--dry-run") == "Would purge 2 events.\n"
    assert run("purge", "--kind", "invoice-*") == "Purged 0 events.\n"
    assert run("purge", "--state", "done", "--topic", "*/orders", "--batch", "1") == "Purged 1 event.\n"
    assert run("purge") == "Purged 1 event.\n"
    assert run("purge", "--older-than", "5d", "--json") == '{"purged": 1}\n'
    assert list(states_of(outbox).values()) == ["pending", "running", "failed", "parked"]


TABLE = """\
state      events  oldest
pending    1       5 min
running    0       -
failed     1       20 min
done       1       -
parked     2       3 h
discarded  0       -
"""


@pytest.fixture
def kept(outbox: str) -> str:
    """Events in several states; one of them is not due yet."""
    keep(outbox, State.PARKED, age=3 * HOUR)
    keep(outbox, State.PARKED, age=2 * HOUR)
    keep(outbox, State.FAILED, age=timedelta(minutes=20))
    keep(outbox, State.DONE, age=timedelta(days=3))
    keep(outbox, age=timedelta(hours=9), metadata={"delay": (9 * HOUR - timedelta(minutes=5)).total_seconds()})
    return outbox


def test_stats(kept: str) -> None:
    """A line for each state, with the time for which the oldest event has been due, and when a relay was seen."""
    assert run("stats") == f"{TABLE}No relay has been seen.\n"
    SeenRelay.objects.using(kept).create(name="a")
    SeenRelay.objects.using(kept).update(seen_at=from_now(-timedelta(minutes=4)))
    assert run("stats") == f"{TABLE}A relay was seen 4 min ago.\n"


def test_stats_as_json(kept: str) -> None:
    """The same for scripts, with ages in seconds."""
    figures = json.loads(run("stats", "--json"))
    ages = {state: count.pop("oldest") for state, count in figures["states"].items()}
    oldest = figures.pop("oldest_open")

    assert {state: age and int(age // 60) for state, age in ages.items()} == {
        **dict.fromkeys(map(str, STATES), None),
        "pending": 5,
        "failed": 20,
        "parked": 180,
    }
    assert int(oldest // 60) == 20
    assert figures == {
        "states": {
            state.value: {"events": {"pending": 1, "parked": 2, "failed": 1, "done": 1}.get(state.value, 0)} for state in STATES
        },
        "relay_seen": None,
    }


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--fail-parked", "3", "--fail-age", "21m"], ""),
        (["--fail-parked", "2"], "2 events are parked."),
        (["--fail-age", "19m"], "The oldest open event is 20 min old."),
        (["--fail-parked", "1", "--fail-age", "15m"], "2 events are parked. The oldest open event is 20 min old."),
    ],
)
def test_alerts(kept: str, arguments: list[str], why: str) -> None:
    """It exits with 1 if so many are parked, or if an open event has been due for longer; it prints its figures all the same."""
    assert failure("stats", *arguments) == (f"{TABLE}No relay has been seen.\n", why, 1 if why else 0)


def test_delayed_events_alert_nobody(outbox: str) -> None:
    """An event that is not due yet is not late, however long ago it was published."""
    keep(outbox, age=9 * HOUR, not_before=from_now(HOUR), metadata={"delay": 36_000})

    assert failure("stats", "--fail-age", "1s")[1:] == ("", 0)


@on_sqlite
@override_settings(USE_TZ=False, TIME_ZONE="Asia/Tokyo")
def test_without_time_zones(outbox: str) -> None:
    """A site whose times have no zone has the same figures."""
    number = keep(outbox, State.FAILED, age=timedelta(minutes=7), not_before=from_now(HOUR))

    assert failure("stats", "--fail-age", "8m")[1:] == ("", 0)
    assert failure("stats", "--fail-age", "6m")[1:] == ("The oldest open event is 7 min old.", 1)
    assert re.search(r"failed +0 of 50 +7 min +in (59 min|1 h)", run("list"))
    assert "failed, attempt 0 of 50" in run("show", str(number))


@on_sqlite
@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("list", "--state", "rejected"), "argument --state: invalid choice: 'rejected'"),
        (("list", "--kind", "order-["), "argument --kind: The glob 'order-[' opens a '[' that is never closed"),
        (("list", "--ordering-key", ""), "argument --ordering-key: '' must be one or more printable characters."),
        (("retry", "--state", "done"), "argument --state: invalid choice: 'done'"),
        (("discard", "--state", "done"), "argument --state: invalid choice: 'done'"),
        (("purge", "--state", "parked"), "argument --state: invalid choice: 'parked'"),
        (("stats", "--fail-age", "15"), "argument --fail-age: '15' is not an age."),
    ],
)
def test_wrong_arguments(outbox: str, arguments: tuple[str, ...], text: str) -> None:
    """An option that cannot be meant is refused."""
    with pytest.raises(CommandError) as raised:
        run(*arguments)
    assert text in str(raised.value)


@on_sqlite
def test_without_a_transport(outbox: str) -> None:
    """It says what is wrong with a setting, in a line."""
    wrong = {"DATABASE": outbox, "TRANSPORT": {"BACKEND": "gcp_event_router.outbox.transports.HTTP"}}
    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [], "OUTBOX": wrong}):
        assert failure("relay") == (
            "",
            "The transport 'gcp_event_router.outbox.transports.HTTP' cannot be created with its OPTIONS (none): it needs 'url'. "
            "It takes url, envelope, audience, secret, signed, headers, source, timeout, concurrency.",
            1,
        )


@on_sqlite
def test_without_a_database(outbox: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says that the database refuses."""

    def fail(*_: Any) -> Any:
        raise ProgrammingError

    monkeypatch.setattr("gcp_event_router.outbox.management.listing.stats", fail)

    assert failure("stats") == (
        "",
        "The database 'sqlite' refuses a statement (ProgrammingError). Let its user write, and apply all migrations: "
        "manage.py showmigrations gcp_event_outbox",
        1,
    )


def test_personal_fields_are_hidden(outbox: str, router: EventRouter) -> None:
    """`show` has them if it is asked to."""
    router.kind("signed-up", Signup)
    number = str(keep(outbox, kind="signed-up", data=b'{"email": "ada@example.org"}', error_text="no ada@example.org"))

    assert '"email": "[personal]"' in run("show", number)
    assert "ada@example.org" not in run("show", number)
    assert run("show", number, "--personal").count("ada@example.org") == 2
