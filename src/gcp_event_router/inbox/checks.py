"""System checks of the inbox."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from shlex import quote
from typing import Any, Final

from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as Warn
from django.db import connections

from .. import _check_ids as check_ids
from .. import conf
from .._boxes.clock import LONGEST, ago
from .._boxes.database_checks import BoxTerms, check_collation, check_rows, check_session, check_settings
from .._boxes.exact_text import variables
from .._boxes.task_backend import IMMEDIATE, framework, idle_engine
from .._dispatch.handler import Handler
from .._globs.glob import escape
from .._words import duration_words
from ..router import events
from . import claims_mysql as mysql
from .database import database
from .models import DELIVERIES, EVENTS, KEYS, Delivery, StoredEvent
from .names import unregistered
from .purge import PURGED

_TERMS: Final = BoxTerms(
    name="inbox",
    uncommitted="every event fails",
    overlapping="events",
    refused="get 503",
    confused="`inbox replay --kind a` would run events of the kind `A`, and two handlers may share one delivery",
    misspelt="in a kind or a reference becomes a question mark, or the endpoint answers 503",
)
#: Pub/Sub's shortest ack deadline: a handler may take at least this long.
_SHORTEST_DEADLINE: Final = timedelta(seconds=10)
#: How long Pub/Sub redelivers a message by default.
_REDELIVERY: Final = timedelta(days=7)
#: How many of the oldest events are read.
_OLDEST: Final = 500
#: How many names have their own warning.
_MAX_NAMES: Final = 10


def check_inbox(**_: Any) -> list[CheckMessage]:
    """Check the inbox's settings, and the options of its handlers."""
    return [*_check_settings(), *_check_handlers()]


def check_tables(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Check that the tables exist and store events exactly; for `check --deploy --database default`."""
    alias = database()
    if alias not in (databases or ()):
        return []
    if {EVENTS, DELIVERIES, KEYS} <= set(connections[alias].introspection.table_names()):
        return [*_check_mysql(alias)] if connections[alias].vendor == "mysql" else []
    return [
        Error(
            f"The inbox's tables are not in the database {alias!r}, so the endpoint answers 503 to every event.",
            hint=f"Run manage.py migrate --database {alias} gcp_event_inbox.",
            id=check_ids.INBOX_TABLES_MISSING,
        )
    ]


def check_deliveries(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Check for deliveries and events that need action; for `check --database default`."""
    return check_rows(database(), databases, _check_names, _check_purge)


def _check_settings() -> Iterator[CheckMessage]:
    alias, retention = database(), conf.current().INBOX.RETENTION
    if retention < _REDELIVERY:
        yield Warn(
            f'GCP_EVENT_ROUTER["INBOX"]["RETENTION"] is {duration_words(retention)}, but Pub/Sub delivers again for seven days: '
            "a redelivery of a purged event is handled once more.",
            hint="Write timedelta(days=8) or more.",
            id=check_ids.SHORT_RETENTION,
        )
    yield from check_settings(alias, _TERMS)


def _check_handlers() -> Iterator[CheckMessage]:
    inbox = conf.current().INBOX
    names: dict[str, Handler] = {}
    handlers = [registration.handler for registration in events if registration.handler.options.once]
    for handler in handlers:
        other = names.setdefault(handler.name, handler)
        if other.key != handler.key:
            yield Error(
                f"{handler} and {other} have the same name, so the inbox cannot tell their deliveries apart.",
                hint='Name them: events.on(..., name="...").',
                obj=handler.name,
                id=check_ids.SAME_HANDLER_NAME,
            )
        if handler.options.lease is not None and handler.options.lease < _SHORTEST_DEADLINE:
            yield _short_lease(f"{handler} has a lease of {handler.options.lease}", handler.name)
    if inbox.LEASE < _SHORTEST_DEADLINE and any(handler.options.lease is None for handler in handlers):
        yield _short_lease(f'GCP_EVENT_ROUTER["INBOX"]["LEASE"] is {inbox.LEASE}')
    if any(inbox.DEFERRED if handler.options.deferred is None else handler.options.deferred for handler in handlers):
        yield from _check_engine()


def _short_lease(problem: str, name: str | None = None) -> CheckMessage:
    return Warn(
        f"{problem}, which ends before Pub/Sub's shortest ack deadline: a run that takes longer is begun again elsewhere, "
        "and undone here.",
        hint="Choose a lease that is longer than the longest run, and at least 10 seconds.",
        obj=name,
        id=check_ids.SHORT_LEASE,
    )


def _check_engine() -> Iterator[CheckMessage]:
    """Check that an engine runs deferred deliveries."""
    if framework() is None:
        yield Warn(
            "Handlers are deferred, but no task framework is installed to run them.",
            hint="pip install 'gcp-event-router[tasks]', or run manage.py inbox process --loop.",
            id=check_ids.NO_TASKS_FRAMEWORK,
        )
        return
    try:
        engine = idle_engine()
    except Exception:  # noqa: BLE001 -- the framework has checks of its own
        return
    if engine is not None:
        problem = "would run them within the request" if engine == IMMEDIATE else "never runs anything"
        yield Warn(
            f"Handlers are deferred, and the engine in TASKS is {engine}, which {problem}. "
            "It gets no tasks, and the deliveries wait for manage.py inbox process.",
            hint="Run manage.py inbox process --loop, and silence this check; or name another engine in TASKS.",
            id=check_ids.IMMEDIATE_TASKS,
        )


def _check_names(alias: str) -> Iterator[CheckMessage]:
    """Check for deliveries whose handler is not registered."""
    numbers = unregistered(alias)
    for name, number in list(numbers.items())[:_MAX_NAMES]:
        yield Warn(
            f"{number} {'delivery waits' if number == 1 else 'deliveries wait'} for the handler {name!r}, "
            "which is not registered, so nobody runs them.",
            hint=f"If its name has changed, run manage.py inbox rename {quote(name)} NEW. "
            f"If nobody needs them, run manage.py inbox discard --handler {quote(escape(name))}.",
            obj=name,
            id=check_ids.WAITING_FOR_NOBODY,
        )
    if len(numbers) > _MAX_NAMES:
        yield Warn(
            f"Deliveries wait for {len(numbers) - _MAX_NAMES} further names that are not registered.",
            hint="See manage.py inbox stats --format json.",
            id=check_ids.WAITING_FOR_NOBODY,
        )


def _check_purge(alias: str) -> Iterator[CheckMessage]:
    """Check for events that a daily purge would have deleted."""
    limit = min(conf.current().INBOX.RETENTION, LONGEST) + timedelta(days=1)
    old = StoredEvent.objects.using(alias).filter(received_at__lt=ago(limit)).order_by("received_at")
    oldest = list(old.values_list("pk", flat=True)[:_OLDEST])
    left = Delivery.objects.using(alias).filter(event__in=oldest).exclude(state__in=PURGED).values_list("event_id", flat=True)
    if set(oldest) - set(left):
        yield Warn(
            f"The inbox has finished events that are older than {duration_words(limit)}, so nothing purges it, "
            "and it grows for ever.",
            hint="Run manage.py inbox purge every night, by Cloud Scheduler and a Cloud Run job, or by cron.",
            id=check_ids.NOTHING_PURGED,
        )


def _check_mysql(alias: str) -> Iterator[CheckMessage]:
    """Check that MySQL or MariaDB stores each event exactly."""
    yield from check_collation(alias, _TERMS, (EVENTS, DELIVERIES, KEYS))
    yield from check_session(alias, _TERMS)
    packet = variables(alias)[2]
    largest, wanted = mysql.largest_body(packet), conf.current().MAX_BODY_SIZE
    if largest < wanted:
        yield Warn(
            f'A body may have {wanted} bytes (GCP_EVENT_ROUTER["MAX_BODY_SIZE"]), and the max_allowed_packet of the database '
            f"{alias!r} is {packet}, so a body of more than {max(largest, 0)} bytes cannot be stored, and gets 413.",
            hint=f"Set max_allowed_packet to {max(wanted + mysql.FREE, 2 * mysql.PART + mysql.FREE)} or more on the server, "
            "or set a lower MAX_BODY_SIZE.",
            id=check_ids.MYSQL_PACKET,
        )
