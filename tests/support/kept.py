"""What the tests of people's work with the outbox share: events in every state."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any

from django.core.management import CommandError, call_command
from django.db.models import DateTimeField, ExpressionWrapper
from django.db.models.functions import Now

from gcp_event_router.outbox.models import OutgoingEvent, State
from gcp_event_router.outbox.store import order_key_of

#: The states that an outgoing event can have.
STATES = (State.PENDING, State.RUNNING, State.FAILED, State.DONE, State.PARKED, State.DISCARDED)


def from_now(time: timedelta) -> Any:
    """A time by the database's clock."""
    return ExpressionWrapper(Now() + time, output_field=DateTimeField())


def keep(alias: str, state: State = State.PENDING, ordering_key: str = "", age: timedelta | None = None, **columns: Any) -> int:
    """Store an event in a state, which was published some time ago; a running one has a lease. Returns its number."""
    metadata = columns.pop("metadata", {}) | ({"ordering_key": ordering_key} if ordering_key else {})
    if state is State.RUNNING:
        columns = {"lease_until": from_now(timedelta(hours=1)), **columns}
    if state in {State.DONE, State.PARKED, State.DISCARDED}:
        columns = {"finished_at": from_now(-(age or timedelta(0))), **columns}
    event = OutgoingEvent.objects.using(alias).create(
        kind=columns.pop("kind", "order-placed"),
        topic=columns.pop("topic", "projects/p/topics/orders"),
        data=columns.pop("data", b'{"order_id": 1}'),
        metadata=json.dumps(metadata) if metadata else "",
        order_key=order_key_of(ordering_key) if ordering_key else None,
        state=state,
    )
    if age is not None:
        columns["created_at"] = from_now(-age)
    if columns:
        OutgoingEvent.objects.using(alias).filter(pk=event.pk).update(**columns)
    return event.pk


def states_of(alias: str) -> dict[int, str]:
    """The state of each event."""
    return dict(OutgoingEvent.objects.using(alias).order_by("pk").values_list("pk", "state"))


def run(*arguments: str) -> str:
    """What `manage.py outbox` prints."""
    out = io.StringIO()
    call_command("outbox", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def failure(*arguments: str) -> tuple[str, str, int]:
    """What `manage.py outbox` prints, why it fails, and its exit code."""
    out = io.StringIO()
    try:
        call_command("outbox", *arguments, stdout=out, stderr=out)
    except CommandError as error:
        return out.getvalue(), str(error), error.returncode
    return out.getvalue(), "", 0
