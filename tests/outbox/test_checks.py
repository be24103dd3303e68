"""The system checks of the outbox: one test for each id."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.checks import CheckMessage, Error, Info, run_checks
from django.core.checks import Warning as Warn
from django.db import connections
from django.test import override_settings

from gcp_event_router import Event, EventRouter
from gcp_event_router.outbox.models import OrderingKey, OutgoingEvent, SeenRelay, State

from ..checks.test_checks import told
from ..support.kept import STATES, from_now, keep
from ..support.outboxes import on_mariadb, on_sqlite, with_outboxes

PUBSUB = {"BACKEND": "gcp_event_router.outbox.transports.PubSub"}


def outbox_settings(**settings: Any) -> Any:
    return override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [], "OUTBOX": settings})


def said(alias: str) -> list[tuple[type, str, str | None, str]]:
    """What `check --database` says about the outbox's events."""
    return told(run_checks(tags=["database"], databases=[alias]))


def handle(event: Event[Any]) -> None: ...


@with_outboxes
def test_okay(outbox: str, router: EventRouter) -> None:
    """An outbox in which everything has been sent, or waits for its time, gets no message."""
    keep(outbox, State.DONE)
    keep(outbox, State.DISCARDED, age=timedelta(days=7))
    keep(outbox, age=timedelta(minutes=4))
    keep(outbox, age=timedelta(hours=9), not_before=from_now(timedelta(hours=1)), metadata={"delay": 36_000})
    router.kind("order-placed", int).on(handle)

    assert said(outbox) == []


@pytest.mark.django_db(databases=["default", "other"], transaction=True)
def test_e014_tables_are_missing() -> None:
    """`check --deploy --database` says where the tables are missing, and how to create them; `migrate` still works."""
    models = (OutgoingEvent, OrderingKey, SeenRelay)
    with outbox_settings(DATABASE="other"):
        with connections["other"].schema_editor() as editor:
            for model in models:
                editor.delete_model(model)
        found = told(run_checks(include_deployment_checks=True, databases=["default", "other"]))
        assert told(run_checks(databases=["other"])) == []
        with connections["other"].schema_editor() as editor:
            for model in models:
                editor.create_model(model)

    assert [each for each in found if each[1] == "gcp_event_router.E014"] == [
        (
            Error,
            "gcp_event_router.E014",
            "Run manage.py migrate --database other gcp_event_outbox.",
            "The outbox's tables are not in the database 'other', so publishing fails.",
        )
    ]


@pytest.mark.parametrize(
    ("transport", "text"),
    [
        (
            {"BACKEND": "nowhere.Missing"},
            "The transport 'nowhere.Missing' cannot be imported: No module named 'nowhere'. "
            "Give the dotted path of a class as its BACKEND.",
        ),
        (
            {"BACKEND": "gcp_event_router.outbox.PubSub"},
            "The transport 'gcp_event_router.outbox.PubSub' cannot be imported: "
            'Module "gcp_event_router.outbox" does not define a "PubSub" attribute/class. '
            "Did you mean 'gcp_event_router.outbox.transports.PubSub'?",
        ),
        (
            {"BACKEND": "decimal.Decimal"},
            "The transport 'decimal.Decimal' is not a class that derives from Transport, so the relay cannot use it. "
            "Name one that does.",
        ),
    ],
)
def test_e015_transport(transport: dict[str, Any], text: str) -> None:
    """A transport that cannot be created sends nothing."""
    with outbox_settings(TRANSPORT=transport):
        assert told(run_checks()) == [
            (
                Error,
                "gcp_event_router.E015",
                'Correct GCP_EVENT_ROUTER["OUTBOX"]["TRANSPORT"]. Until then, nothing is sent.',
                text,
            )
        ]


def test_e015_options(router: EventRouter) -> None:
    """The values of options may be secrets, so the message has their names only."""
    with outbox_settings(TRANSPORT=PUBSUB | {"OPTIONS": {"secret": "hunter2"}}):
        ((_, number, _, text),) = told(run_checks())

    assert number == "gcp_event_router.E015"
    assert text.startswith(
        "The transport 'gcp_event_router.outbox.transports.PubSub' cannot be created with its OPTIONS (secret): "
    )
    assert "hunter2" not in text


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["a"], "A kind is declared without a topic ('a')"),
        (["a", "b"], "Kinds are declared without a topic ('a', 'b')"),
        (list("abcdefg"), "Kinds are declared without a topic ('a', 'b', 'c', 'd', 'e' and 2 more)"),
    ],
)
def test_i002_kinds_without_topics(router: EventRouter, names: list[str], text: str) -> None:
    """With a transport that needs topics, kinds without any cannot be published; with others, they can."""
    for name in names:
        router.kind(name, int).on(handle)
    router.kind("with-topic", int, topic="orders").on(handle)
    assert told(run_checks()) == []

    with outbox_settings(TRANSPORT=PUBSUB):
        assert told(run_checks()) == [
            (
                Info,
                "gcp_event_router.I002",
                "Declare it: events.kind(..., topic='my-topic'). If nobody publishes these kinds here, silence this check.",
                f"{text}, and the transport PubSub needs one, so publish raises ValueError, unless each call gives a topic.",
            )
        ]


def test_e013_autocommit(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """With Django's `AUTOCOMMIT = False`, nobody commits what the outbox writes; in the inbox's database, the inbox says so."""
    monkeypatch.setitem(settings.DATABASES["other"], "AUTOCOMMIT", False)
    assert told(run_checks()) == []

    with outbox_settings(DATABASE="other"):
        assert told(run_checks()) == [
            (
                Error,
                "gcp_event_router.E013",
                "Remove AUTOCOMMIT from DATABASES['other'].",
                "Autocommit is off for the database 'other', so nobody commits what the outbox writes, and relays fail.",
            )
        ]


def test_w010_sqlite(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """In an SQLite database without IMMEDIATE transactions, publishers do not wait for each other."""
    monkeypatch.setitem(settings.DATABASES["other"], "OPTIONS", {})

    with outbox_settings(DATABASE="other"):
        assert told(run_checks()) == [
            (
                Warn,
                "gcp_event_router.W010",
                'Write "OPTIONS": {"transaction_mode": "IMMEDIATE"} in DATABASES[\'other\'].',
                "The outbox is in the SQLite database 'other' without IMMEDIATE transactions, so of several transactions that "
                "publish at once, some fail immediately instead of waiting for the others.",
            )
        ]


@with_outboxes
@on_mariadb
def test_e012_collation(outbox: str) -> None:
    """On MariaDB, tables that another migration created ignore case."""

    def alter(collation: str) -> list[CheckMessage]:
        with connections[outbox].cursor() as cursor:
            cursor.execute(
                f"ALTER TABLE gcp_event_outbox_event MODIFY kind varchar(255) CHARACTER SET utf8mb4 COLLATE {collation} NOT NULL"
            )
        return run_checks(tags=["database"], include_deployment_checks=True, databases=[outbox])

    found = told(alter("utf8mb4_general_ci"))
    left = told(alter("utf8mb4_nopad_bin"))

    assert [each for each in left if each[1] == "gcp_event_router.E012"] == []
    assert [each for each in found if each[1] == "gcp_event_router.E012"] == [
        (
            Error,
            "gcp_event_router.E012",
            "Create the tables by the outbox's own migration, or convert them to utf8mb4 and the collation "
            "utf8mb4_nopad_bin (MariaDB) or utf8mb4_0900_bin (MySQL).",
            "In the database 'mariadb' the collation of gcp_event_outbox_event.kind ignores differences, such as case, "
            "so that `outbox retry --kind a` would send events of the kind `A`.",
        )
    ]


HINT = "Run manage.py outbox relay --loop beside the web server; or name an engine in TASKS that runs tasks later."


@with_outboxes
def test_w045_no_relay(outbox: str) -> None:
    """Events that are due, while no relay was seen for five minutes, wait for nobody."""
    keep(outbox, State.FAILED, age=timedelta(minutes=6))
    assert said(outbox) == [
        (Warn, "gcp_event_router.W045", HINT, "Events wait to be sent, the first one for 6 min, and no relay has been seen.")
    ]
    SeenRelay.objects.using(outbox).create(name="a")
    assert said(outbox) == []
    SeenRelay.objects.using(outbox).update(seen_at=from_now(-timedelta(minutes=8)))
    assert said(outbox) == [
        (
            Warn,
            "gcp_event_router.W045",
            HINT,
            "Events wait to be sent, the first one for 6 min, and the last relay was seen 8 min ago.",
        )
    ]


@with_outboxes
def test_w046_late_events(outbox: str) -> None:
    """Events that are due for more than an hour are late, although a relay runs."""
    SeenRelay.objects.using(outbox).create(name="a")
    SeenRelay.objects.using(outbox).update(seen_at=from_now(-timedelta(minutes=2)))
    keep(outbox, State.FAILED, age=timedelta(hours=3))
    keep(outbox, State.PENDING, age=timedelta(hours=2))

    assert said(outbox) == [
        (
            Warn,
            "gcp_event_router.W046",
            "See manage.py outbox list --state failed for errors; without any, run more relays.",
            "Events wait to be sent, the first one for 3 h, although a relay was seen 2 min ago.",
        )
    ]


@with_outboxes
def test_events_behind_a_parked_one(outbox: str) -> None:
    """Events that wait for a parked one are no relay's fault: only the parked one is reported."""
    keep(outbox, State.PARKED, "customer-1", age=timedelta(hours=3))
    keep(outbox, State.PENDING, "customer-1", age=timedelta(hours=2))

    assert [number for _, number, _, _ in said(outbox)] == ["gcp_event_router.W047"]


@with_outboxes
@pytest.mark.parametrize(("number", "text"), [(1, "1 event is"), (2, "2 events are"), (3, "More than 2 events are")])
def test_w047_parked_events(outbox: str, monkeypatch: pytest.MonkeyPatch, number: int, text: str) -> None:
    """Parked events wait for a person."""
    monkeypatch.setattr("gcp_event_router.outbox.checks._MOST", 2)
    for _ in range(number):
        keep(outbox, State.PARKED)

    assert said(outbox) == [
        (
            Warn,
            "gcp_event_router.W047",
            "See manage.py outbox list --state parked. Then run manage.py outbox retry, or manage.py outbox discard.",
            f"{text} parked: as many attempts failed as MAX_ATTEMPTS allows, or the policy gave up. "
            "They wait for a person, and so do later events with their ordering keys.",
        )
    ]


@with_outboxes
def test_w048_nothing_purges(outbox: str) -> None:
    """Events that a daily purge would have deleted say that there is none."""
    keep(outbox, State.DONE, age=timedelta(days=9))

    assert said(outbox) == [
        (
            Warn,
            "gcp_event_router.W048",
            "Run manage.py outbox purge every night, by Cloud Scheduler and a Cloud Run job, or by cron.",
            "The outbox has events that were sent or discarded more than 8 days ago, so nothing purges it, "
            "and it grows for ever.",
        )
    ]


@with_outboxes
@on_sqlite
def test_another_database(outbox: str) -> None:
    """Events are looked at only if `check` may use their database."""
    for state in STATES:
        keep(outbox, state, age=timedelta(days=9))

    assert said("default") == []
