"""System checks of the outbox."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, Final

from django.apps import apps
from django.core.checks import CheckMessage, Error, Info
from django.core.checks import Warning as Warn
from django.db import connections
from django.db.models import Exists, OuterRef

from .. import _check_ids as check_ids
from .. import conf
from .._boxes.clock import LONGEST, ago, now
from .._boxes.database_checks import BoxTerms, check_collation, check_rows, check_session, check_settings
from .._boxes.states import OPEN, State
from .._words import counted, duration_words
from ..exceptions import ConfigurationError
from ..management.output import age_text
from ..router import events
from .database import database
from .models import ORDERING, OUTGOING, RELAYS, OutgoingEvent
from .purge import PURGED
from .stats import first_due, last_relay
from .transports.configured import create_transport

_TERMS: Final = BoxTerms(
    name="outbox",
    uncommitted="relays fail",
    overlapping="transactions that publish",
    refused="fail",
    confused="`outbox retry --kind a` would send events of the kind `A`",
    misspelt="in a kind or a topic becomes a question mark, or publishing fails",
)
#: For how long due events may wait, if no relay was seen, and if one was.
_UNSEEN: Final = timedelta(minutes=5)
_LATE: Final = timedelta(hours=1)
#: How many kinds are named, and how many parked events are counted.
_NAMED: Final = 5
_MOST: Final = 1_000


def check_outbox(**_: Any) -> list[CheckMessage]:
    """Check the outbox's settings, and the topics of declared kinds."""
    shared = () if _is_with_inbox() else check_settings(database(), _TERMS)
    return [*shared, *_check_transport()]


def check_outbox_tables(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Check that the tables exist and store events exactly; for `check --deploy --database default`."""
    alias = database()
    if alias not in (databases or ()):
        return []
    tables = (OUTGOING, ORDERING, RELAYS)
    if set(tables) <= set(connections[alias].introspection.table_names()):
        if connections[alias].vendor != "mysql":
            return []
        sessions = () if _is_with_inbox() else check_session(alias, _TERMS)
        return [*check_collation(alias, _TERMS, tables), *sessions]
    return [
        Error(
            f"The outbox's tables are not in the database {alias!r}, so publishing fails.",
            hint=f"Run manage.py migrate --database {alias} gcp_event_outbox.",
            id=check_ids.OUTBOX_TABLES_MISSING,
        )
    ]


def check_events(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Check for events that need action; for `check --database default`."""
    return check_rows(database(), databases, _check_relays, _check_parked, _check_age)


def _is_with_inbox() -> bool:
    """Whether the inbox checks the same database."""
    settings = conf.current()
    return apps.is_installed("gcp_event_router.inbox") and settings.INBOX.DATABASE == settings.OUTBOX.DATABASE


def _check_transport() -> Iterator[CheckMessage]:
    try:
        transport = create_transport()
    except ConfigurationError as error:
        yield Error(
            str(error),
            hint='Correct GCP_EVENT_ROUTER["OUTBOX"]["TRANSPORT"]. Until then, nothing is sent.',
            id=check_ids.BROKEN_TRANSPORT,
        )
        return
    kinds = sorted(kind.name for kind in events.kinds.values() if not kind.topic)
    if transport.needs_topic and kinds:
        names = ", ".join(map(repr, kinds[:_NAMED])) + (f" and {len(kinds) - _NAMED} more" if len(kinds) > _NAMED else "")
        yield Info(
            f"{'Kinds are' if len(kinds) > 1 else 'A kind is'} declared without a topic ({names}), and the transport "
            f"{type(transport).__name__} needs one, so publish raises ValueError, unless each call gives a topic.",
            hint="Declare it: events.kind(..., topic='my-topic'). If nobody publishes these kinds here, silence this check.",
            id=check_ids.KIND_WITHOUT_TOPIC,
        )


def _check_relays(alias: str) -> Iterator[CheckMessage]:
    """Check for due events that no relay sends."""
    events_of = OutgoingEvent.objects.using(alias)
    parked = events_of.filter(order_key=OuterRef("order_key"), pk__lt=OuterRef("pk"), state=State.PARKED)
    first = first_due(events_of.filter(~Exists(parked), state__in=OPEN))  # W047 is about the others
    waiting = timedelta(0) if first is None else now(alias) - first
    if waiting < _UNSEEN:
        return
    seen = last_relay(alias)
    if seen is None or seen >= _UNSEEN:
        since = "no relay has been seen" if seen is None else f"the last relay was seen {age_text(seen)} ago"
        yield Warn(
            f"Events wait to be sent, the first one for {age_text(waiting)}, and {since}.",
            hint="Run manage.py outbox relay --loop beside the web server; or name an engine in TASKS that runs tasks later.",
            id=check_ids.NO_RELAY,
        )
    elif waiting >= _LATE:
        yield Warn(
            f"Events wait to be sent, the first one for {age_text(waiting)}, although a relay was seen {age_text(seen)} ago.",
            hint="See manage.py outbox list --state failed for errors; without any, run more relays.",
            id=check_ids.LATE_EVENTS,
        )


def _check_parked(alias: str) -> Iterator[CheckMessage]:
    number = OutgoingEvent.objects.using(alias).filter(state=State.PARKED).order_by()[: _MOST + 1].count()
    if number:
        text = f"More than {_MOST} events are" if number > _MOST else f"{counted(number, 'event is', 'events are')}"
        yield Warn(
            f"{text} parked: as many attempts failed as MAX_ATTEMPTS allows, or the policy gave up. "
            "They wait for a person, and so do later events with their ordering keys.",
            hint="See manage.py outbox list --state parked. Then run manage.py outbox retry, or manage.py outbox discard.",
            id=check_ids.PARKED_EVENTS,
        )


def _check_age(alias: str) -> Iterator[CheckMessage]:
    """Check for events that a daily purge would have deleted."""
    limit = min(conf.current().OUTBOX.RETENTION, LONGEST) + timedelta(days=1)
    past = ago(limit)
    if OutgoingEvent.objects.using(alias).filter(state__in=PURGED, created_at__lt=past, finished_at__lt=past).exists():
        yield Warn(
            f"The outbox has events that were sent or discarded more than {duration_words(limit)} ago, so nothing purges it, "
            "and it grows for ever.",
            hint="Run manage.py outbox purge every night, by Cloud Scheduler and a Cloud Run job, or by cron.",
            id=check_ids.OUTBOX_NOT_PURGED,
        )
