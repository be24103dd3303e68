"""The subcommands of `manage.py outbox` that change what is stored: they retry and discard events, and delete old ones."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import OutputWrapper

from ... import conf
from ..._boxes.erasing import MATCH, YES, Match, print_erased
from ..._boxes.printing import DRY_RUN, KIND, PURGE, print_dry_run, print_number
from ...management.subcommands import FORMAT, argument, subcommand
from ..database import database
from ..erasure import erase
from ..purge import PURGED, purge
from ..retry import DISCARDED, RETRIED, discard, discardable, retriable, retry
from .listing import NOUNS, TOPIC, filters, selection


@subcommand("Make events that failed or were parked due at once.", *filters(RETRIED, "all but discarded"), DRY_RUN, *FORMAT)
def retry_events(out: OutputWrapper, *, dry_run: bool, json: bool, **options: Any) -> None:
    """Retry the selected events, except those that a relay is sending. Discarded ones only if `--state` says so."""
    events = selection(options, [state for state in RETRIED if state not in PURGED]).events()
    if dry_run:
        print_dry_run(out, "retry", retriable(events), NOUNS, json=json)
    else:
        print_number(out, "Retried", retry(events), NOUNS, json=json)


@subcommand("Discard events, so that nothing sends them.", *filters(DISCARDED), DRY_RUN, *FORMAT)
def discard_events(out: OutputWrapper, *, dry_run: bool, json: bool, **options: Any) -> None:
    """Discard the selected events, except those that a relay is sending."""
    events = selection(options, DISCARDED).events()
    if dry_run:
        print_dry_run(out, "discard", discardable(events), NOUNS, json=json)
    else:
        print_number(out, "Discarded", discard(events), NOUNS, json=json)


@subcommand(
    "Delete old events that were sent or discarded.",
    *PURGE,
    argument("--state", action="append", choices=list(map(str, PURGED)), help="repeatable (default: both)"),
    *(KIND, TOPIC),
    DRY_RUN,
    *FORMAT,
)
def purge_outgoing(out: OutputWrapper, *, older_than: timedelta | None, dry_run: bool, json: bool, **options: Any) -> None:
    """Delete events in batches."""
    globs = {name: options[name] or "" for name in ("kind", "topic")}
    limit = older_than or conf.current().OUTBOX.RETENTION
    deleted = purge(database(), limit, states=options["state"] or PURGED, batch=options["batch"], dry_run=dry_run, **globs)
    print_number(out, "Would purge" if dry_run else "Purged", sum(deleted), NOUNS, json=json)


@subcommand("Erase a person's payloads, and keep the fact that their events were sent.", MATCH, KIND, YES, *FORMAT)
def erase_outgoing(out: OutputWrapper, *, match: list[Match], kind: str | None, yes: bool, json: bool, **_: Any) -> None:
    """Erase the events that have all of the values, or only count them."""
    print_erased(out, erase(match, kind=kind or "", dry_run=not yes), NOUNS, done=yes, json=json)
