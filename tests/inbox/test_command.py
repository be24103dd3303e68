"""`manage.py inbox`: what it prints, how it ends, and what it does to the inbox."""

from __future__ import annotations

import io
import json
import re
import signal
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, ProgrammingError, connections
from django.db.models import DateTimeField, ExpressionWrapper
from django.db.models.functions import Now
from django.test import override_settings
from pydantic import BaseModel
from typing_extensions import override

from gcp_event_router import Event, EventRouter, Reject
from gcp_event_router.inbox.models import Delivery, State, StoredEvent
from gcp_event_router.management.output import Progress

from ..conftest import post_wsgi
from ..support.deliveries import effects, end_leases, on_sqlite, push, rows, take_effect, with_databases

pytestmark = with_databases

#: The messages' ids begin here, far beyond any number that a test's database gives to a delivery.
MESSAGE = 2_070_443_601_311_500


class Order(BaseModel):
    order_id: int


class Shop:
    """A handler that fails as long as `broken` is not empty, and what its orders are."""

    def __init__(self, alias: str, router: EventRouter) -> None:
        self.alias = alias
        self.broken: list[type[Exception]] = []
        router.on("order-*", name="shop.record", max_attempts=1)(self.record)

    def record(self, event: Event[Order]) -> None:
        if self.broken:
            raise self.broken[0]
        take_effect(self.alias, "shop.record", event.reference)

    def order(self, number: int, payload: object = None, **broken: type[Exception]) -> None:
        self.broken = list(broken.values())
        post_wsgi(f"/events/order-placed/{number}", push(MESSAGE + number, payload or {"order_id": number}))
        self.broken = []


@pytest.fixture
def shop(inbox: str, router: EventRouter) -> Shop:
    """A done, a parked, a rejected and an invalid order."""
    found = Shop(inbox, router)
    found.order(1)
    found.order(2, error=RuntimeError)
    found.order(3, error=Reject)
    found.order(4, {"order_id": "four"})
    Delivery.objects.using(inbox).update(error="at a place in the code")
    return found


def run(*arguments: str) -> str:
    """What the command prints, with the numbers of deliveries as if the tables were new."""
    out = io.StringIO()
    call_command("inbox", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def number(alias: str, reference: str) -> int:
    return Delivery.objects.using(alias).values_list("pk", flat=True).get(event__reference=reference)


def test_list(shop: Shop) -> None:
    """Deliveries are listed with what tells them apart, the newest first; as JSON with all that is known."""
    first = number(shop.alias, "1")
    lines = run("list").splitlines()
    pattern = r"\d+ +(\w+) +(\d+ of \d+) +\d+ s +(\S+) +(\S+) +(.*)"
    assert lines[0].split() == ["id", "state", "attempts", "age", "event", "handler", "error"]
    assert [match.groups() for each in lines[1:] if (match := re.fullmatch(pattern, each))] == [
        ("rejected", "1 of 1", "order-placed/4", "shop.record", "InvalidEventError"),
        ("rejected", "1 of 1", "order-placed/3", "shop.record", "Reject"),
        ("parked", "1 of 1", "order-placed/2", "shop.record", "RuntimeError"),
        ("done", "1 of 1", "order-placed/1", "shop.record", "at a place in the code"),
    ]
    found = json.loads(run("list", "--json", "--state", "done"))
    times = {name: found.pop(name) is not None for name in list(found) if name.endswith("_at")}
    assert times == {"created_at": True, "started_at": True, "finished_at": True, "received_at": True, "erased_at": False}
    assert found == {
        "id": first,
        "state": "done",
        "handler": "shop.record",
        "deferred": False,
        "attempts": 1,
        "lost": 0,
        "max_attempts": 1,
        "sender_attempt": None,
        "once_key": "",
        "duplicate_of": None,
        "order_key": "",
        "error_type": "",
        "error": "at a place in the code",
        "lease_until": None,
        "not_before": None,
        "event": str(StoredEvent.objects.using(shop.alias).get(reference="1").key),
        "kind": "order-placed",
        "reference": "1",
        "message_id": str(MESSAGE + 1),
    }


def test_list_is_bounded(shop: Shop) -> None:
    """It says that there are more; and that there are none."""
    assert run("list", "--limit", "2").splitlines()[-1] == "There are more; these are the newest 2."
    assert run("list", "--kind", "invoice-*") == "No deliveries.\n"
    assert len(run("list", "--limit", "2", "--json").splitlines()) == 2


@override_settings(USE_TZ=False)
def test_without_time_zones(shop: Shop) -> None:
    """A site whose times have no zone has its lists, its events and its replays as any other."""
    pk = number(shop.alias, "4")
    assert len(run("list").splitlines()) == 5
    assert f"delivery {pk} to shop.record: rejected" in run("show", str(pk))
    with pytest.raises(CommandError, match=r"1 of 3 are not done\."):
        run("replay")


@pytest.mark.parametrize("by", ["id", "message_id", "key"])
def test_show(shop: Shop, by: str) -> None:
    """An event is shown by its delivery's number, its message id or its key: facts, deliveries, the payload."""
    event = StoredEvent.objects.using(shop.alias).get(reference="4")
    pk = number(shop.alias, "4")
    Delivery.objects.using(shop.alias).filter(pk=pk).update(
        error='[{"loc": ["order_id"], "msg": "not a number", "type": "int_parsing"}]', error_text="the text"
    )

    shown = run("show", {"id": str(pk), "message_id": str(MESSAGE + 4), "key": str(event.key)}[by])

    assert re.sub(r"received      .*", "received      ...", shown) == (
        "order-placed/4\n"
        "  form          pubsub\n"
        f"  key           {event.key}\n"
        "  received      ...\n"
        f"  message id    {MESSAGE + 4}\n"
        "  subscription  projects/p/subscriptions/s\n"
        "\n"
        f"delivery {pk} to shop.record: rejected, attempt 1 of 1\n"
        "  gcp_event_router.exceptions.InvalidEventError\n"
        "    order_id: not a number (int_parsing)\n"
        "  text and traceback\n"
        "    the text\n"
        "\n"
        "payload: JSON, 20 bytes\n"
        "  {\n"
        '    "order_id": "four"\n'
        "  }\n"
    )


@pytest.mark.parametrize("inbox", ["sqlite"], indirect=True)
def test_show_has_the_whole_envelope(inbox: str, router: EventRouter) -> None:
    """Attributes, ordering key, subscription and publish time are shown, and all that a CloudEvent says of itself."""
    attributes = {
        "ce-id": "7",
        "ce-source": "//shop.example/orders",
        "ce-specversion": "1.0",
        "ce-type": "example.order.placed",
        "ce-subject": "orders/4711",
        "ce-tenant": "north",
        "region": "eu\x1b[2J",
    }
    message = {"data": "e30=", "messageId": "17", "publishTime": "2026-03-09T12:00:00.5Z", "orderingKey": "customer-1"}
    body = {"message": {**message, "attributes": attributes}, "subscription": "projects/p/subscriptions/orders"}

    @router.on("order-placed", name="shop.record")
    def record(event: Event[Any]) -> None: ...

    post_wsgi("/events/order-placed/1?a=1", json.dumps(body).encode())

    shown = run("show", str(Delivery.objects.using(inbox).get().pk))

    assert re.sub(r"\n  (key|received) .*", r"\n  \1 ...", shown.partition("delivery")[0]) == (
        "order-placed/1\n"
        "  form          cloudevents-pubsub\n"
        "  key ...\n"
        "  received ...\n"
        "  message id    7\n"
        "  subscription  projects/p/subscriptions/orders\n"
        "  published     2026-03-09T12:00:00.500000+00:00\n"
        "  ordering key  customer-1\n"
        '  parameters    {"a": ["1"]}\n'
        "\n"
        "cloudevent\n"
        "  id            7\n"
        "  source        //shop.example/orders\n"
        "  specversion   1.0\n"
        "  type          example.order.placed\n"
        "  subject       orders/4711\n"
        "  tenant        north\n"
        "\n"
        "attributes\n"
        "  ce-id           7\n"
        "  ce-source       //shop.example/orders\n"
        "  ce-specversion  1.0\n"
        "  ce-subject      orders/4711\n"
        "  ce-tenant       north\n"
        "  ce-type         example.order.placed\n"
        "  region          eu\\u001b[2J\n"
        "\n"
    )


@pytest.mark.parametrize("inbox", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("changed", "form", "headers"),
    [
        ({"meta": "{"}, "pubsub, which can no longer be read", "headers\n                {\n"),
        ({"meta": "[1]"}, "pubsub, which can no longer be read", "headers\n                [1]\n"),
        ({"principal": "x"}, "pubsub, which can no longer be read", ""),
        ({"principal": "{}"}, "pubsub, which can no longer be read", ""),
        ({"form": "unread"}, "could not be read", ""),
    ],
)
def test_show_says_what_cannot_be_read(shop: Shop, changed: dict[str, Any], form: str, headers: str) -> None:
    """A row that cannot be read as it stands, as after a change by hand, is shown as far as it goes, and says so."""
    StoredEvent.objects.using(shop.alias).filter(reference="1").update(**changed)

    shown = run("show", str(number(shop.alias, "1")))

    assert f"  form          {form}\n" in shown
    assert headers in shown
    assert "payload: JSON, " in shown


def test_show_nothing(shop: Shop) -> None:
    """What the inbox does not have is said."""
    with pytest.raises(CommandError) as raised:
        run("show", str(MESSAGE))
    assert str(raised.value) == (
        f"The inbox has no delivery with the number '{MESSAGE}', and no event with that message id or key. See `inbox list`."
    )


def test_show_prints_nothing_that_a_terminal_obeys(inbox: str, router: EventRouter) -> None:
    """Escape sequences of a sender are shown as they are written in JSON; an unreadable body is shown as it came."""
    body = b'{"message": {"data": "#\xc2\x9b2J"}, "subscription": "s", "more": "' + b"x" * 70_000 + b'"}'
    post_wsgi("/events/k/r", body)

    shown = run("show", str(Delivery.objects.using(inbox).get().pk))

    assert (r'"data": "#\u009b2J"' in shown, "\x9b" in shown) == (True, False)
    assert re.search(r"^  form +could not be read$", shown, re.MULTILINE)
    assert shown.splitlines()[-1].startswith("  ... and ")


def test_replay(shop: Shop) -> None:
    """Everything but what is done is run again; what is not done then has a line, and the command fails."""
    second, last = number(shop.alias, "2"), number(shop.alias, "4")
    assert run("replay", "--dry-run") == "Would replay 3 deliveries: 1 parked, 2 rejected.\n"
    assert run("replay", "--dry-run", "--json") == '{"parked": 1, "rejected": 2}\n'
    assert run("replay", "--dry-run", "--json", "--reference", "nowhere") == "{}\n"

    out = io.StringIO()
    with pytest.raises(CommandError) as raised:
        call_command("inbox", "replay", stdout=out)

    assert out.getvalue() == (f"{last} order-placed/4 to shop.record: rejected\nReplayed 3 deliveries: 2 handled, 1 rejected.\n")
    assert (str(raised.value), raised.value.returncode) == ("1 of 3 are not done.", 1)
    assert effects(shop.alias) == ["shop.record"] * 3
    lines = run("replay", "--force", "--reference", "2", "--json").splitlines()
    key = StoredEvent.objects.using(shop.alias).get(reference="2").key
    assert [json.loads(each) for each in lines] == [
        {
            "id": second,
            "event": str(key),
            "kind": "order-placed",
            "reference": "2",
            "handler": "shop.record",
            "outcome": "handled",
        }
    ]


def test_discard(shop: Shop) -> None:
    """Filters say which deliveries are given up."""
    assert run("discard", "--error", "Reject", "--dry-run") == "Would discard 1 delivery: 1 rejected.\n"
    assert run("discard", "--error", "Reject", "--kind", "order-*", "--older-than", "1s", "--newer-than", "1s") == (
        "Discarded 0 deliveries.\n"
    )
    assert run("discard", "--error", "Reject") == "Discarded 1 delivery.\n"
    assert [state for _, state, _ in rows(shop.alias)] == ["done", "parked", "discarded", "rejected"]


def test_discard_of_what_is_running(shop: Shop) -> None:
    """What is running is counted and given up once its lease is over, and not before."""
    ahead = ExpressionWrapper(Now() + timedelta(hours=1), output_field=DateTimeField())
    Delivery.objects.using(shop.alias).update(state=State.RUNNING, lease_until=ahead)

    assert run("discard", "--dry-run") == "Would discard 0 deliveries.\n"
    assert run("discard", "--state", "running") == "Discarded 0 deliveries.\n"
    end_leases(shop.alias)
    assert run("discard", "--reference", "1", "--dry-run") == "Would discard 1 delivery: 1 running.\n"
    assert run("discard", "--state", "running") == "Discarded 4 deliveries.\n"


def test_purge(shop: Shop) -> None:
    """By default what is finished and older than the setting; the age and the states can be said."""
    assert run("purge") == "Purged 0 events.\n"
    StoredEvent.objects.using(shop.alias).update(received_at="2020-01-01T00:00:00Z")
    assert run("purge", "--older-than", "2w", "--state", "parked", "--dry-run") == "Would purge 1 event.\n"
    assert run("purge") == "Purged 1 event.\n"
    assert run("purge", "--state", "rejected", "--state", "parked", "--batch", "1") == "Purged 3 events.\n"


@override_settings(TASKS={"default": {"BACKEND": "django_tasks.backends.dummy.DummyBackend"}})
def test_process(inbox: str, router: EventRouter) -> None:
    """What is deferred and due is run, and its numbers are printed."""
    router.on("k", deferred=True)(lambda_handler(inbox))
    post_wsgi("/events/k/1", push(1))
    post_wsgi("/events/k/2", push(2))

    assert run("process") == "Processed 2 deliveries: 2 handled.\n"
    assert run("process") == "Processed 0 deliveries.\n"
    assert effects(inbox) == ["h", "h"]


def lambda_handler(alias: str) -> Any:
    def work(event: Event[Any]) -> None:
        take_effect(alias, "h", event.reference)

    return work


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("list", "--older-than", "3 days"), "argument --older-than: '3 days' is not an age. Write a number and a unit, "),
        (("list", "--older-than", "99999999w"), "argument --older-than: '99999999w' is not an age."),
        (("list", "--limit", "0"), "argument --limit: '0' is not a positive whole number of at most 12 digits."),
        (("discard", "--state", "done"), "argument --state: invalid choice: 'done'"),
        (("purge", "--state", "running"), "argument --state: invalid choice: 'running'"),
        (("list", "--limit", "00010000009999"), "argument --limit: '00010000009999' is not a positive whole number"),
        (("list", "--kind", "order-["), "argument --kind: The glob 'order-[' opens a '[' that is never closed"),
        (("discard", "--kind", ""), "argument --kind: The glob '' is empty"),
        (("discard", "--handler", ""), "argument --handler: The glob '' is empty"),
        (("discard", "--reference", ""), "argument --reference: '' must be one or more printable characters."),
        (("discard", "--error", ""), "argument --error: '' must be one or more printable characters."),
        (("list", "--reference", "\udcff"), r"argument --reference: '\udcff' must be one or more printable characters."),
        (("show", "\udcff"), r"argument id: '\udcff' must be one or more printable characters."),
        (
            ("replay", "--state", "done"),
            "Deliveries that are done are replayed only with --force. Their effects then happen twice.",
        ),
        ((), "the following arguments are required: ACTION"),
    ],
)
def test_wrong_arguments(inbox: str, arguments: tuple[str, ...], text: str) -> None:
    """Each is refused with what was given and what can be written."""
    with pytest.raises(CommandError) as raised:
        run(*arguments)
    assert text in str(raised.value)


@pytest.mark.parametrize("action", ["list", "replay", "process"])
def test_without_a_database(inbox: str, action: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so in one line, and what to do."""

    def fail(*_: object) -> None:
        raise OperationalError

    monkeypatch.setattr("django.db.backends.utils.CursorWrapper.execute", fail)
    with pytest.raises(CommandError) as raised:
        run(action)
    monkeypatch.undo()
    assert str(raised.value) == (
        f"The database {inbox!r} is unavailable (OperationalError). Start it, or correct DATABASES[{inbox!r}]."
    )


@on_sqlite
@pytest.mark.parametrize(
    ("lacks_tables", "problem"),
    [
        (True, "lacks the tables of the inbox. Create them: manage.py migrate gcp_event_inbox --database sqlite"),
        (
            False,
            "refuses a statement (ProgrammingError). Let its user write, and apply all migrations: "
            "manage.py showmigrations gcp_event_inbox",
        ),
    ],
)
def test_database_that_refuses(inbox: str, monkeypatch: pytest.MonkeyPatch, lacks_tables: bool, problem: str) -> None:
    """If the database is there, the message says whether the tables are."""

    def fail(*_: object) -> None:
        raise ProgrammingError

    monkeypatch.setattr("gcp_event_router.inbox.management.reports.stats", fail)
    if lacks_tables:
        monkeypatch.setattr(connections[inbox].introspection, "table_names", list)

    with pytest.raises(CommandError) as raised:
        run("stats")

    assert str(raised.value) == f"The database 'sqlite' {problem}"


@on_sqlite
def test_database_that_is_locked(inbox: str, shop: Shop) -> None:
    """The message says that it may pass, and does not blame the user's permissions or the migrations."""
    shop.order(1, problem=ValueError)
    connection = connections[inbox]
    with closing(sqlite3.connect(connection.get_connection_params()["database"], uri=True)) as other:
        other.execute("BEGIN IMMEDIATE")
        connection.cursor().execute("PRAGMA busy_timeout = 0")
        with pytest.raises(CommandError) as raised:
            run("discard")
    connection.close()  # and its timeout

    assert str(raised.value) == (
        "The database 'sqlite' cannot run a statement now (OperationalError, SQLITE_BUSY): it is locked, full or read-only, or "
        "the connection broke. Run the command again."
    )


class Terminal(io.StringIO):
    @override
    def isatty(self) -> bool:
        return True


def test_progress_on_a_terminal(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks at a terminal sees a bar, which leaves its line to what is printed."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    run("replay", "--state", "parked")

    assert terminal.getvalue() == f"\r[{'#' * 30}] 1 of 1\r\x1b[K"
    half = Terminal()
    progress = Progress(4, half)
    progress.step()
    progress.step()
    assert half.getvalue().rpartition("\r")[2] == f"[{'#' * 15}{'.' * 15}] 2 of 4"


def test_what_a_killed_replay_left_is_finished(shop: Shop) -> None:
    """A delivery whose worker is gone is replayed once its lease is over, and left alone before."""
    Delivery.objects.using(shop.alias).filter(event__reference="2").update(
        state=State.RUNNING, lease_until="2999-01-01T00:00:00Z", deferred=True
    )
    assert run("replay", "--reference", "2") == "Replayed 0 deliveries.\n"
    end_leases(shop.alias)
    assert run("replay", "--reference", "2") == "Replayed 1 delivery: 1 handled.\n"


def test_a_loop_outlives_its_database(inbox: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the database is away, the sweeper says so and tries again; it ends when it is told to."""
    rounds = [OperationalError(), None]

    def process(*_: object) -> Iterator[Any]:
        if (error := rounds.pop(0)) is not None:
            raise error
        signal.raise_signal(signal.SIGTERM)
        yield from ()

    monkeypatch.setattr("gcp_event_router.inbox.management.changes.process", process)

    assert run("process", "--loop", "--interval", "1s") == (
        f"The database {inbox!r} is unavailable (OperationalError); trying again.\n"
    )


@pytest.mark.proof
@on_sqlite
@pytest.mark.parametrize("other", ["postgresql"])
@override_settings(TASKS={"default": {"BACKEND": "django_tasks.backends.dummy.DummyBackend"}})
def test_a_loop_outlives_a_handlers_own_connection(inbox: str, other: str, router: EventRouter) -> None:
    """A connection of a handler's that broke is closed before the next round, which has a new one."""
    statements = ["SELECT pg_terminate_backend(pg_backend_pid())", "SELECT 1"]

    def work(event: Event[Any]) -> None:
        if len(statements) == 1:
            signal.raise_signal(signal.SIGTERM)
        with connections[other].cursor() as cursor:
            cursor.execute(statements.pop(0))

    router.on("k", deferred=True)(work)
    post_wsgi("/events/k/1", push(1))

    lines = run("process", "--loop", "--interval", "1s").splitlines()
    assert [each.rpartition(": ")[2] for each in lines] == ["unavailable", "1 unavailable.", "1 handled."]
