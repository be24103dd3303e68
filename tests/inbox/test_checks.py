"""The system checks of the inbox: one test for each id."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.checks import Error, run_checks
from django.core.checks import Warning as Warn
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connections
from django.test import modify_settings, override_settings

from gcp_event_router import Backoff, Event, EventRouter, conf
from gcp_event_router._dispatch.options import Keyed
from gcp_event_router.inbox.models import Delivery, StoredEvent

from ..checks.test_checks import told
from .test_deferred import DATABASE_ENGINE


def inbox(**settings: Any) -> Any:
    return override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [], "INBOX": settings})


def handler(event: Event[Any]) -> None: ...


class Shelf:
    """Has a method that handles events."""

    def put(self, event: Event[Any]) -> None: ...


def test_okay(router: EventRouter) -> None:
    """Correct handlers and settings get no message."""
    router.on("a", lease=timedelta(seconds=10), deferred=True)(handler)
    router.on("b")(handler)
    router.on("a", name="one")(Shelf().put)
    router.on("a", name="two")(Shelf().put)
    router.on("a", once=False)(Shelf().put)

    with inbox(RETENTION=timedelta(days=7)), override_settings(TASKS=DATABASE_ENGINE):
        assert told(run_checks()) == []


def tables_said() -> list[tuple[type, str, str | None, str]]:
    """The messages of `check --deploy --database default --database other` about tables."""
    said = told(run_checks(include_deployment_checks=True, databases=["default", "other"]))
    return [each for each in said if each[1] == "gcp_event_router.E008"]


@pytest.mark.django_db(databases=["default", "other"], transaction=True)
def test_e008_tables_are_missing() -> None:
    """`check --deploy --database` says where the tables are missing, and how to create them; `migrate` still works."""
    with inbox(DATABASE="other"):
        assert tables_said() == []
        with connections["other"].schema_editor() as editor:
            editor.delete_model(Delivery)
            editor.delete_model(StoredEvent)
        said = tables_said()
        assert told(run_checks(databases=["other"])) == []
        with connections["other"].schema_editor() as editor:
            editor.create_model(StoredEvent)
            editor.create_model(Delivery)

    assert said == [
        (
            Error,
            "gcp_event_router.E008",
            "Run manage.py migrate --database other gcp_event_inbox.",
            "The inbox's tables are not in the database 'other', so the endpoint answers 503 to every event.",
        )
    ]


def test_e009_two_handlers_of_one_name(router: EventRouter) -> None:
    """The same method of two objects needs a name for each."""
    for _ in range(2):
        router.on("a")(Shelf().put)
    one = str(next(iter(router)).handler)

    assert told(run_checks()) == [
        (
            Error,
            "gcp_event_router.E009",
            'Name them: events.on(..., name="...").',
            f"{one} and {one} have the same name, so the inbox cannot tell their deliveries apart.",
        )
    ]


def test_names_that_differ_only_in_case(router: EventRouter) -> None:
    """Names that differ only in case are two names on every database."""
    router.on("a", name="Shop.put")(handler)
    router.on("a", name="shop.put")(Shelf().put)

    assert told(run_checks()) == []


def test_w009_retention() -> None:
    """An event that is purged while Pub/Sub may still deliver it would be handled again."""
    with inbox(RETENTION=timedelta(days=6)):
        assert told(run_checks()) == [
            (
                Warn,
                "gcp_event_router.W009",
                "Write timedelta(days=8) or more.",
                'GCP_EVENT_ROUTER["INBOX"]["RETENTION"] is 6 days, but Pub/Sub delivers again for seven '
                "days: a redelivery of a purged event is handled once more.",
            )
        ]


def test_e013_autocommit(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """With Django's `AUTOCOMMIT = False`, nobody commits what the inbox writes."""
    monkeypatch.setitem(settings.DATABASES["default"], "AUTOCOMMIT", False)

    assert told(run_checks()) == [
        (
            Error,
            "gcp_event_router.E013",
            "Remove AUTOCOMMIT from DATABASES['default'].",
            "Autocommit is off for the database 'default', so nobody commits what the inbox writes, and every event fails.",
        )
    ]


def test_w010_sqlite_without_immediate_transactions(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """A check warns about a SQLite database whose transactions do not lock at once."""
    monkeypatch.setitem(settings.DATABASES["default"], "OPTIONS", {})

    assert told(run_checks()) == [
        (
            Warn,
            "gcp_event_router.W010",
            'Write "OPTIONS": {"transaction_mode": "IMMEDIATE"} in DATABASES[\'default\'].',
            "The inbox is in the SQLite database 'default' without IMMEDIATE transactions, "
            "so of several events at once, some get 503 immediately instead of waiting for the others.",
        )
    ]


def short(what: str) -> tuple[type[Warn], str, str, str]:
    return (
        Warn,
        "gcp_event_router.W011",
        "Choose a lease that is longer than the longest run, and at least 10 seconds.",
        f"{what}, which ends before Pub/Sub's shortest ack deadline: a run that takes longer is begun again elsewhere, "
        "and undone here.",
    )


def test_w011_short_lease(router: EventRouter) -> None:
    """A check warns about a lease that ends while the sender still waits: for each handler, and once for the settings."""
    router.on("a", lease=timedelta(seconds=9))(handler)
    router.on("b", lease=timedelta(seconds=10))(handler)
    own = short(f"{next(iter(router)).handler} has a lease of 0:00:09")
    assert told(run_checks()) == [own]

    with inbox(LEASE=timedelta(seconds=9)):
        assert told(run_checks()) == [own]
        router.on("c")(handler)
        router.on("d")(handler)
        assert told(run_checks()) == [own, short('GCP_EVENT_ROUTER["INBOX"]["LEASE"] is 0:00:09')]


def test_w012_no_framework(router: EventRouter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a task framework, a check says that only `inbox process` runs deferred handlers."""
    monkeypatch.setattr("gcp_event_router.inbox.checks.framework", lambda: None)
    router.on("a", deferred=True)(handler)

    assert told(run_checks()) == [
        (
            Warn,
            "gcp_event_router.W012",
            "pip install 'gcp-event-router[tasks]', or run manage.py inbox process --loop.",
            "Handlers are deferred, but no task framework is installed to run them.",
        )
    ]


@modify_settings(INSTALLED_APPS={"remove": "gcp_event_router.inbox"})
def test_w013_not_installed(router: EventRouter) -> None:
    """A check warns about options that need the inbox if it is not installed."""
    hint = 'Add "gcp_event_router.inbox" to INSTALLED_APPS, and run manage.py migrate.'
    why = "asks for the inbox, which is not installed, so that events are handled as often as they are delivered."
    with inbox(MAX_ATTEMPTS=3):
        said = [each for each in told(run_checks()) if each[1] == "gcp_event_router.W013"]
    assert said == [(Warn, "gcp_event_router.W013", hint, f'GCP_EVENT_ROUTER["INBOX"] {why}')]

    asks: list[Keyed[Any]] = [
        {"deferred": True},
        {"max_attempts": 3},
        {"lease": timedelta(minutes=1)},
        {"retry": Backoff()},
        {"once_key": lambda event: event.reference},
    ]
    for options in asks:
        with router.isolated(empty=True):
            router.on("a", payload=object, **options)(handler)
            said = [each for each in told(run_checks()) if each[1] == "gcp_event_router.W013"]
            assert said == [(Warn, "gcp_event_router.W013", hint, f"{next(iter(router)).handler} {why}")]


@modify_settings(INSTALLED_APPS={"remove": "gcp_event_router.inbox"})
def test_events_are_to_be_kept_without_the_inbox() -> None:
    """`UNHANDLED: "keep"` without the inbox has nowhere to keep anything, and stops the start."""
    with override_settings(GCP_EVENT_ROUTER={"UNHANDLED": "keep"}), pytest.raises(ImproperlyConfigured) as caught:
        conf.current()

    assert str(caught.value) == 'GCP_EVENT_ROUTER["UNHANDLED"]: \'keep\' needs "gcp_event_router.inbox" in INSTALLED_APPS.'


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], '["INBOX"] is of type list, but must be a dict. Write {"LEASE": timedelta(minutes=5)}.'),
        (
            {"LEASES": 1},
            '["INBOX"]["LEASES"] does not exist. Did you mean \'LEASE\'? Choose from DATABASE, DEFERRED, ERROR_TEXT, '
            "KEEP_HEADERS, LEASE, MAX_ATTEMPTS, MAX_LOST, MAX_WAIT, NOTIFY, RETENTION, RETRY.",
        ),
        (
            {"DATABASE": "replica"},
            '["INBOX"]["DATABASE"] is \'replica\', but must be one of ALIASES.',
        ),
        (
            {"LEASE": 60},
            '["INBOX"]["LEASE"] is 60, but must be a timedelta. Write timedelta(minutes=5).',
        ),
        ({"MAX_ATTEMPTS": 0}, '["INBOX"]["MAX_ATTEMPTS"] is 0, but must be greater than or equal to 1. Write 10.'),
        ({"MAX_ATTEMPTS": 40_000}, '["INBOX"]["MAX_ATTEMPTS"] is 40000, but must be less than or equal to 32767. Write 10.'),
        ({"MAX_ATTEMPTS": True}, '["INBOX"]["MAX_ATTEMPTS"] is True, but must be an integer. Write 10.'),
        (
            {"DEFERRED": "yes"},
            '["INBOX"]["DEFERRED"] is of type str, but must be True or False.',
        ),
    ],
)
def test_settings_that_cannot_be_used(given: Any, message: str) -> None:
    """A mistake in the settings stops the start."""
    with override_settings(GCP_EVENT_ROUTER={"INBOX": given}), pytest.raises(ImproperlyConfigured) as caught:
        conf.current()

    assert str(caught.value) == f"GCP_EVENT_ROUTER{message}".replace("ALIASES", ", ".join(map(repr, connections)))


@pytest.mark.django_db
def test_migrations_are_complete() -> None:
    """The models have not changed since the last migration."""
    call_command("makemigrations", "gcp_event_inbox", check=True, dry_run=True, verbosity=0)
