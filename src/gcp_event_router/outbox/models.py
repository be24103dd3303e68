"""The outbox's tables: a row for each event that is to be sent, for each ordering key in use, and for each relay.

Text from outside is stored as bytes, or as JSON in ASCII, since PostgreSQL's text refuses NUL. All times are the database's.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from uuid import UUID, uuid4

from django.db import models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.ddl_references import Statement
from django.db.models.functions import Now
from typing_extensions import override

from .._boxes.states import OPEN, State
from ..envelopes.outbox_ids import CAUSE_ATTRIBUTE, ID_ATTRIBUTE

__all__ = ["ORDERING", "OUTGOING", "RELAYS", "OrderingKey", "OutgoingEvent", "SeenRelay", "State"]

#: The names of the tables.
OUTGOING: Final = "gcp_event_outbox_event"
ORDERING: Final = "gcp_event_outbox_orderingkey"
RELAYS: Final = "gcp_event_outbox_relay"
#: The states of events that have not been sent, and hold back later ones with their ordering key.
UNSENT: Final = (*OPEN, State.PARKED)
#: The states in which an event may block later ones with its ordering key, unless the relay takes them together.
BLOCKING: Final = (State.PARKED, State.FAILED, State.RUNNING)


class OpenOutgoing(models.Index):
    """The index with which relays find events in order, however many have been sent.

    It contains unsent events on PostgreSQL, and all events elsewhere, by their state. The one that begins with the state lacks
    parked events on PostgreSQL, which so cannot search it for those that block a key.
    """

    @override
    def create_sql(
        self, model: type[models.Model], schema_editor: BaseDatabaseSchemaEditor, using: str = "", **kwargs: Any
    ) -> Statement:
        if schema_editor.connection.vendor != "postgresql":
            return super().create_sql(model, schema_editor, using, **kwargs)
        is_of_states = self.fields[0] == "state"
        fields, states = (self.fields[1:], OPEN) if is_of_states else (self.fields, UNSENT)
        partial = models.Index(fields=fields, name=self.name, condition=models.Q(state__in=states))
        return partial.create_sql(model, schema_editor, using, **kwargs)


class OutgoingEvent(models.Model):
    """An event that a transaction has published. A relay sends it after the commit."""

    #: Travels with the event, so that an inbox recognises it however often it is sent.
    key: models.UUIDField[UUID, UUID] = models.UUIDField(default=uuid4, unique=True, editable=False)
    kind: models.CharField[str, str] = models.CharField(max_length=255)
    #: The topic as it was given; empty if the transport needs none.
    topic: models.CharField[str, str] = models.CharField(max_length=255, blank=True)
    #: The bytes of the payload.
    data: models.BinaryField[bytes, bytes | memoryview] = models.BinaryField()
    #: The attributes, the ordering key, the trace and the delay, as JSON; empty without any.
    metadata: models.TextField[str, str] = models.TextField(blank=True)
    #: A hash of the ordering key, if the event has one.
    order_key: models.UUIDField[UUID | None, UUID | None] = models.UUIDField(null=True, blank=True, editable=False)
    #: The id of the event whose handler has published this one, if any.
    cause: models.CharField[str, str] = models.CharField(max_length=255, blank=True)
    state: models.CharField[str, str] = models.CharField(max_length=16, choices=State.choices, default=State.PENDING)
    #: The number of attempts to send it.
    attempts: models.PositiveIntegerField[int, int] = models.PositiveIntegerField(default=0)
    #: Held by the only relay that may settle this attempt.
    token: models.UUIDField[UUID | None, UUID | None] = models.UUIDField(null=True, blank=True)
    #: Until when it may send.
    lease_until: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(null=True, blank=True)
    #: The earliest time of the next attempt, if any; of a pending event only if it has no ordering key.
    not_before: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(null=True, blank=True)
    #: The type of the last exception, and its safe description.
    error_type: models.CharField[str, str] = models.CharField(max_length=255, blank=True)
    error: models.TextField[str, str] = models.TextField(blank=True)
    #: Its text and a bounded traceback; empty if `ERROR_TEXT` is off.
    error_text: models.TextField[str, str] = models.TextField(blank=True)
    #: The id that the receiver gave it, such as Pub/Sub's.
    message_id: models.CharField[str, str] = models.CharField(max_length=255, blank=True)
    created_at: models.DateTimeField[datetime, datetime] = models.DateTimeField(db_default=Now(), editable=False)
    #: When it was sent, parked or discarded.
    finished_at: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(null=True, blank=True)
    #: When a person's data was erased: then the payload, the attributes and the keys are empty.
    erased_at: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(
        null=True, blank=True, editable=False
    )

    class Meta:
        """Sorted from the newest; with indexes for relays, order, causes and a purge."""

        db_table: ClassVar[str] = OUTGOING
        verbose_name: ClassVar[str] = "outgoing event"
        verbose_name_plural: ClassVar[str] = "outgoing events"
        ordering: ClassVar[tuple[str, ...]] = ("-pk",)
        indexes: ClassVar[tuple[models.Index, ...]] = (
            OpenOutgoing(fields=["state", "id"], name="gcp_event_outbox_open"),
            OpenOutgoing(fields=["order_key", "state", "id"], name="gcp_event_outbox_order"),
            models.Index(fields=["cause"], name="gcp_event_outbox_cause"),
            models.Index(fields=["created_at"], name="gcp_event_outbox_created"),
        )
        permissions: ClassVar[tuple[tuple[str, str], ...]] = (
            ("retry_outgoingevent", "Can send events again"),
            ("discard_outgoingevent", "Can give events up"),
            ("view_personal", "Can see personal fields of events"),
        )

    @override
    def __str__(self) -> str:
        return f"{self.kind}/{self.key}"

    @property
    def attributes(self) -> dict[str, str]:
        """The attributes that the publisher gave."""
        attributes: dict[str, str] = self._metadata("attributes", {})
        return attributes

    @property
    def ordering_key(self) -> str:
        """The ordering key; empty without one."""
        key: str = self._metadata("ordering_key", "")
        return key

    @property
    def trace(self) -> dict[str, str]:
        """The `traceparent` and `tracestate` in which the event was published; empty without a trace."""
        trace: dict[str, str] = self._metadata("trace", {})
        return trace

    @property
    def sent_attributes(self) -> dict[str, str]:
        """The attributes with which it travels: those that the publisher gave, its id, its cause, and its trace.

        The publisher's own `traceparent` takes precedence.
        """
        ids = {ID_ATTRIBUTE: str(self.key), **({CAUSE_ATTRIBUTE: self.cause} if self.cause else {})}
        attributes = self.attributes
        return {**({} if "traceparent" in attributes else self.trace), **attributes, **ids}

    @property
    def delay(self) -> timedelta:
        """How long after its publication the event was due for the first time."""
        return timedelta(seconds=self._metadata("delay", 0))

    def _metadata(self, name: str, default: Any) -> Any:
        return json.loads(self.metadata).get(name, default) if self.metadata else default


class OrderingKey(models.Model):
    """An ordering key on MySQL and MariaDB, whose row each transaction that publishes with the key locks until its commit."""

    #: The hash of the key, as in `OutgoingEvent.order_key`; primary, so that the lock does not include gaps.
    digest: models.UUIDField[UUID, UUID] = models.UUIDField(primary_key=True, editable=False)
    used_at: models.DateTimeField[datetime, datetime] = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        """Without permissions, since nobody edits it; with an index for a purge."""

        db_table: ClassVar[str] = ORDERING
        default_permissions: ClassVar[tuple[str, ...]] = ()
        indexes: ClassVar[tuple[models.Index, ...]] = (models.Index(fields=["used_at"], name="gcp_event_outbox_key_used"),)

    @override
    def __str__(self) -> str:
        return str(self.digest)


class SeenRelay(models.Model):
    """A process that has relayed events, and when it last looked for some."""

    #: The host and the number of the process.
    name: models.CharField[str, str] = models.CharField(max_length=255, primary_key=True)
    seen_at: models.DateTimeField[datetime, datetime] = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        """Without permissions, since nobody edits it."""

        db_table: ClassVar[str] = RELAYS
        default_permissions: ClassVar[tuple[str, ...]] = ()

    @override
    def __str__(self) -> str:
        return self.name
