"""Deliveries for unregistered handlers: workers pass over them, the log names them once, a check and a command deal with them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.core.checks import Warning as Warn
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.db import connections
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext

from gcp_event_router import Event, EventRouter
from gcp_event_router._boxes.selecting import idle
from gcp_event_router.inbox import names
from gcp_event_router.inbox.models import Delivery, State, StoredEvent
from gcp_event_router.inbox.renaming import rename
from gcp_event_router.inbox.tasks import run_delivery
from gcp_event_router.inbox.workers import process

from ..checks.test_checks import told
from ..conftest import post_wsgi
from ..support.deliveries import ahead, effects, push, rows, take_effect, with_databases

pytestmark = with_databases

WAIT = (
    "Deliveries wait for the handler 'old', which is not registered, so nobody runs them. If its name has changed, "
    "run `manage.py inbox rename old NEW`; if nobody needs them, discard them."
)
NO_MORE = (
    "Deliveries wait for the handler 'h', which does not handle events of kind 'k', so nobody runs them. If its name has "
    "changed, run `manage.py inbox rename h NEW`; if nobody needs them, discard them."
)


@pytest.fixture(autouse=True)
def _nothing_said() -> Iterator[None]:
    """Forget what was logged, as in a new process."""
    names.logged.clear()
    yield
    names.logged.clear()


def keep(alias: str, number: int, handler: str | Callable[[int], str], kind: str = "k", **columns: Any) -> list[int]:
    """Store some events, each with one deferred delivery, and return the deliveries' numbers."""
    events = [StoredEvent(key=uuid4(), kind=kind, reference=str(n), form="json", body=b"{}", digest=b"") for n in range(number)]
    StoredEvent.objects.using(alias).bulk_create(events, batch_size=500)
    columns = {"state": State.PENDING, "deferred": True, **columns}
    names = [handler if isinstance(handler, str) else handler(n) for n in range(number)]
    deliveries = [Delivery(event=event, handler=name, **columns) for event, name in zip(events, names, strict=True)]
    Delivery.objects.using(alias).bulk_create(deliveries, batch_size=500)
    new = Delivery.objects.using(alias).order_by("-pk").values_list("pk", flat=True)[:number]
    return sorted(new)


def register(router: EventRouter, alias: str, name: str = "h", *kinds: str, **options: Any) -> None:
    def work(event: Event[Any]) -> None:
        take_effect(alias, name, event.reference)

    router.on(*(kinds or ("k",)), name=name, deferred=True, **options)(work)


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("inbox", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def kept_warnings(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith("WARNING")]


@pytest.mark.proof
def test_a_sweep_passes_over_what_nobody_runs(inbox: str, router: EventRouter, lines: Callable[[], list[str]]) -> None:
    """Thousands of deliveries for an unregistered name cost a sweep few queries, and new events do not wait for them."""
    keep(inbox, 3_000, "old")
    register(router, inbox)
    keep(inbox, 1, "h")

    with CaptureQueriesContext(connections[inbox]) as captured:
        assert [delivery.handler for delivery, _ in process(inbox)] == ["h"]

    assert len(captured) < 20
    assert effects(inbox) == ["h"]
    assert kept_warnings(lines()) == [f"WARNING {WAIT}"]
    assert list(process(inbox)) == []
    assert len(kept_warnings(lines())) == 1


@pytest.mark.proof
def test_a_sweep_meets_many_names(inbox: str, router: EventRouter, lines: Callable[[], list[str]]) -> None:
    """The log names each unknown name, wherever it is in the queue; of very many, it names a thousand."""
    keep(inbox, 600, "old")
    keep(inbox, 1, "older")
    register(router, inbox)
    assert list(process(inbox)) == []
    assert [line.split("'")[1] for line in kept_warnings(lines())] == ["old", "older"]

    keep(inbox, 2_000, lambda n: f"old-{n}")
    keep(inbox, 1, "h")
    with CaptureQueriesContext(connections[inbox]) as captured:
        assert [delivery.handler for delivery, _ in process(inbox)] == ["h"]

    assert len(captured) < 20
    assert len(kept_warnings(lines())) == 1_000


@pytest.mark.proof
def test_a_thousand_handlers_and_names(inbox: str, router: EventRouter) -> None:
    """With a thousand handlers and as many unregistered names, deliveries that can run do."""
    for number in range(1_000):
        register(router, inbox, f"h{number}", f"k{number}")
    keep(inbox, 1_000, lambda n: f"old{n}")
    keep(inbox, 1, "h999", "k999")

    assert [delivery.handler for delivery, _ in process(inbox)] == ["h999"]


def test_a_kind_that_its_handler_takes_no_more(inbox: str, router: EventRouter, lines: Callable[[], list[str]]) -> None:
    """Workers also pass over a name that is registered for other kinds only, without reading its events one by one."""
    register(router, inbox, "h", "other-*")
    keep(inbox, 1_000, "h")

    with CaptureQueriesContext(connections[inbox]) as captured:
        assert list(process(inbox)) == []

    assert len(captured) < 10
    assert kept_warnings(lines()) == [f"WARNING {NO_MORE}"]


def test_a_type_that_its_handler_takes_no_more(inbox: str, router: EventRouter, lines: Callable[[], list[str]]) -> None:
    """Workers pass over an event whose type its handler no longer takes, and leave the delivery unchanged."""

    def work(event: Event[Any]) -> None: ...

    router.on("k", ce_type="com.example.*", name="h", deferred=True)(work)
    keep(inbox, 2, "h")

    assert list(process(inbox)) == []
    assert kept_warnings(lines()) == [f"WARNING {NO_MORE}"]
    assert rows(inbox) == [("h", "pending", 0)] * 2


def test_an_engine_says_it_too(inbox: str, router: EventRouter, lines: Callable[[], list[str]]) -> None:
    """A task whose handler is not registered leaves the delivery unchanged, and the log says so."""
    (pk,) = keep(inbox, 1, "old")

    task: Any = run_delivery
    task.func(pk)
    task.func(pk)

    assert kept_warnings(lines()) == [f"WARNING {WAIT}"]
    assert rows(inbox) == [("old", "pending", 0)]


def test_the_command_says_it_once(inbox: str, router: EventRouter) -> None:
    """`inbox process` names what it passes over in its first round only."""
    keep(inbox, 3, "old")

    assert run("process") == f"{WAIT}\nProcessed 0 deliveries.\n"
    assert run("process") == "Processed 0 deliveries.\n"


def test_w025_a_check_names_them(inbox: str, router: EventRouter) -> None:
    """`check --database` lists the unregistered names, and how many open deliveries wait for each."""
    register(router, inbox)
    keep(inbox, 3, "old")
    keep(inbox, 1, "h")
    keep(inbox, 1, "mod.<locals>.f")
    keep(inbox, 2, "older", state=State.DONE)
    keep(inbox, 2, "oldest", deferred=False)

    assert told(run_checks(tags=["database"], databases=[inbox])) == [
        (
            Warn,
            "gcp_event_router.W025",
            "If its name has changed, run manage.py inbox rename old NEW. "
            "If nobody needs them, run manage.py inbox discard --handler old.",
            "3 deliveries wait for the handler 'old', which is not registered, so nobody runs them.",
        ),
        (
            Warn,
            "gcp_event_router.W025",
            "If its name has changed, run manage.py inbox rename 'mod.<locals>.f' NEW. "
            "If nobody needs them, run manage.py inbox discard --handler 'mod.<locals>.f'.",
            "1 delivery waits for the handler 'mod.<locals>.f', which is not registered, so nobody runs them.",
        ),
    ]
    assert told(run_checks(tags=["database"], databases=[])) == []


def test_w025_of_many_names(inbox: str, router: EventRouter) -> None:
    """The check names ten of them, and counts the others."""
    keep(inbox, 12, lambda n: f"old{n}")

    said = told(run_checks(tags=["database"], databases=[inbox]))

    assert (len(said), said[-1][2:]) == (
        11,
        ("See manage.py inbox stats --format json.", "Deliveries wait for 2 further names that are not registered."),
    )


def test_rename(inbox: str, router: EventRouter) -> None:
    """All deliveries of the old name move, including done ones, so that a redelivered event is still a duplicate."""
    register(router, inbox, "old", "k")
    post_wsgi("/events/k/1", push(1))
    run("process")
    post_wsgi("/events/k/2", push(2))
    with router.isolated(empty=True):
        register(router, inbox, "new", "k")
        assert run("rename", "old", "new", "--dry-run") == "Would rename 2 deliveries: 1 done, 1 pending.\n"
        assert run("rename", "old", "new", "--dry-run", "--format", "json") == '{"done": 1, "pending": 1}\n'

        assert run("rename", "old", "new") == "Renamed 2 deliveries.\n"

        assert post_wsgi("/events/k/1", push(1)).status_code == 200
        assert run("process") == "Processed 1 delivery: 1 handled.\n"
        assert effects(inbox) == ["new", "old"]
        assert rows(inbox) == [("new", "done", 1)] * 2
        assert run("rename", "old", "new", "--json") == '{"renamed": 0}\n'


def test_rename_leaves_what_it_cannot_move(inbox: str, router: EventRouter) -> None:
    """A running delivery stays, and so does one whose event already has a delivery to the new name; the command says so."""
    register(router, inbox, "new", "k")
    pks = keep(inbox, 4, "old")
    deliveries = Delivery.objects.using(inbox)
    deliveries.filter(pk=pks[0]).update(state=State.RUNNING, lease_until=ahead(1))
    deliveries.filter(pk=pks[1]).update(state=State.RUNNING, lease_until=ahead(-1))
    deliveries.create(event=deliveries.get(pk=pks[2]).event, handler="new", state=State.DONE)

    out = io.StringIO()
    with pytest.raises(CommandError) as raised:
        call_command("inbox", "rename", "old", "new", stdout=out)

    assert out.getvalue() == "Renamed 2 deliveries.\n"
    assert (str(raised.value), raised.value.returncode) == (
        "1 left: their events already have a delivery to 'new'. Discard them. "
        "1 left: a worker is running them. Repeat the command later.",
        1,
    )
    assert list(deliveries.filter(handler="old").order_by("pk").values_list("pk", flat=True)) == [pks[0], pks[2]]


@pytest.mark.proof
def test_rename_of_many(inbox: str, router: EventRouter) -> None:
    """Thousands of deliveries move in bounded batches."""
    register(router, inbox, "new", "k")
    keep(inbox, 1_200, "old", state=State.DONE)

    with CaptureQueriesContext(connections[inbox]) as captured:
        assert run("rename", "old", "new") == "Renamed 1200 deliveries.\n"

    assert len(captured) < 30


def test_a_delivery_to_the_new_name_that_comes_meanwhile(
    inbox: str, router: EventRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If one event of a batch is delivered to the new name meanwhile, the others still move."""
    register(router, inbox, "new", "k")
    pks = keep(inbox, 3, "old")
    deliveries = Delivery.objects.using(inbox)
    asked: list[object] = []

    def late(rows: QuerySet[Delivery]) -> QuerySet[Delivery]:
        asked.append(rows)
        if len(asked) > 1:  # a batch was selected, and is about to be moved
            deliveries.get_or_create(event=deliveries.get(pk=pks[1]).event, handler="new")
        return idle(rows)

    monkeypatch.setattr("gcp_event_router.inbox.renaming.idle", late)

    assert rename(inbox, "old", "new") == 2
    assert deliveries.filter(handler="old").values_list("pk", flat=True).get() == pks[1]


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("old", "nwe", "No handler is registered as 'nwe', so nothing would run the deliveries. Did you mean 'new'?"),
        ("old", "x", "No handler is registered as 'x', so nothing would run the deliveries. See `events list`."),
        ("new", "new", "The handler 'new' is registered, and still gets deliveries. Rename it in the code first."),
        ("other", "new", "The handler 'other' is registered, and still gets deliveries. Rename it in the code first."),
    ],
)
def test_names_that_are_refused(inbox: str, router: EventRouter, old: str, new: str, text: str) -> None:
    """The command takes nothing from a registered handler, and moves nothing to an unregistered one."""
    register(router, inbox, "new", "k")
    register(router, inbox, "other", "k")

    with pytest.raises(CommandError) as raised:
        run("rename", old, new)

    assert (str(raised.value), raised.value.returncode) == (text, 2)


def test_stats_name_them(inbox: str, router: EventRouter) -> None:
    """The figures separate deliveries that wait for a worker from those that no worker runs."""
    register(router, inbox)
    keep(inbox, 2, "old")
    keep(inbox, 1, "h")

    lines = run("stats").splitlines()
    assert lines[-2:] == [
        "Waiting for a worker: 3.",
        "Waiting for a handler that is not registered: 2 for old.",
    ]
    figures = json.loads(run("stats", "--format", "json"))
    assert (figures["waiting_for_worker"], figures["unregistered"]) == (3, {"old": 2})
