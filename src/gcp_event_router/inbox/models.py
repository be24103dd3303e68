"""What the inbox keeps: one row an event, and one row for each handler that it is delivered to.

Text from outside is kept as bytes, or as JSON in ASCII: PostgreSQL's text and jsonb take no NUL, and SQLite's length limits
are none. All times are the database's.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from django.db import models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.ddl_references import Statement
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

__all__ = ["DELIVERIES", "EVENTS", "OPEN", "SETTLED", "Delivery", "OpenDeferred", "State", "StoredEvent"]

#: The names of the tables, which `claims_postgresql` writes into its statement.
EVENTS: Final = "gcp_event_inbox_event"
DELIVERIES: Final = "gcp_event_inbox_delivery"


class State(models.TextChoices):
    """Where a delivery stands. The first three are open: they wait for a worker, or have one."""

    PENDING = "pending", _("pending")
    RUNNING = "running", _("running")
    FAILED = "failed", _("failed")
    DONE = "done", _("done")
    REJECTED = "rejected", _("rejected")
    PARKED = "parked", _("parked")
    DISCARDED = "discarded", _("discarded")
    UNHANDLED = "unhandled", _("no handler")


#: The states of deliveries that are nobody's to run, unless they are replayed.
SETTLED: Final = frozenset({State.DONE, State.REJECTED, State.PARKED, State.DISCARDED, State.UNHANDLED})


#: The states of deliveries that wait for a worker or have one. In this order they are in the index of open deferred ones.
OPEN: Final = (State.PENDING, State.RUNNING, State.FAILED)


class OpenDeferred(models.Index):
    """The index by which workers find what is theirs, however many deliveries are settled.

    PostgreSQL and SQLite keep only deferred deliveries in it, PostgreSQL only open ones. MySQL and MariaDB have no partial
    indexes, so there it has all.
    """

    @override
    def create_sql(
        self, model: type[models.Model], schema_editor: BaseDatabaseSchemaEditor, using: str = "", **kwargs: Any
    ) -> Statement:
        if not schema_editor.connection.features.supports_partial_indexes:
            return super().create_sql(model, schema_editor, using, **kwargs)
        # SQLite recognizes this condition in a query only if it holds no values, which the ORM sends as parameters
        is_listed = models.Q(deferred=True)
        if schema_editor.connection.vendor == "postgresql":
            is_listed &= models.Q(state__in=OPEN)
        partial = models.Index(fields=["state", "id"], name=self.name, condition=is_listed)
        return partial.create_sql(model, schema_editor, using, **kwargs)


class StoredEvent(models.Model):
    """One event, with all that is needed to read it again. Its key is made of what all its deliveries have in common."""

    key: models.UUIDField[UUID, UUID] = models.UUIDField(primary_key=True, editable=False)
    kind: models.CharField[str, str] = models.CharField(max_length=255)
    reference: models.CharField[str, str] = models.CharField(max_length=255)
    #: Pub/Sub's id of the message, or its like, for people who look for it.
    message_id: models.CharField[str, str] = models.CharField(max_length=255, blank=True)
    #: All values of all query parameters, as JSON.
    parameters: models.TextField[str, str] = models.TextField(blank=True)
    body: models.BinaryField[bytes, bytes | memoryview] = models.BinaryField()
    #: The name of the envelope's form, such as `"pubsub"`.
    form: models.CharField[str, str] = models.CharField(max_length=32)
    #: What the envelope's form is read from beside the body, as JSON; never `Authorization`.
    meta: models.TextField[str, str] = models.TextField(blank=True)
    #: Who sent it, as JSON.
    principal: models.TextField[str, str] = models.TextField(blank=True)
    #: SHA-256 of the payload, so that another payload under the same key is seen.
    digest: models.BinaryField[bytes, bytes | memoryview] = models.BinaryField(max_length=32)
    received_at: models.DateTimeField[datetime, datetime] = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        """Listed from the newest; found by kind, by reference and by the sender's id."""

        db_table: ClassVar[str] = EVENTS
        verbose_name: ClassVar[str] = "event"
        verbose_name_plural: ClassVar[str] = "events"
        ordering: ClassVar[tuple[str, ...]] = ("-received_at",)
        # no db_index: on PostgreSQL that would be two indexes for each text, and one is enough
        indexes: ClassVar[tuple[models.Index, ...]] = (
            models.Index(fields=["-received_at"], name="gcp_event_inbox_received"),
            models.Index(fields=["kind", "-received_at"], name="gcp_event_inbox_kind"),
            models.Index(fields=["reference"], name="gcp_event_inbox_reference"),
            models.Index(fields=["message_id"], name="gcp_event_inbox_message"),
        )

    @override
    def __str__(self) -> str:
        return f"{self.kind}/{self.reference}"


class Delivery(models.Model):
    """One event on its way to one handler."""

    event: models.ForeignKey[StoredEvent, StoredEvent] = models.ForeignKey(
        StoredEvent, models.CASCADE, related_name="deliveries", db_index=False
    )
    #: The handler's name; empty for an event that could not be read, or that nothing handled when it came.
    handler: models.CharField[str, str] = models.CharField(max_length=255, blank=True)
    state: models.CharField[str, str] = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    #: Whether workers run it, and not the sender's requests.
    deferred: models.BooleanField[bool, bool] = models.BooleanField(default=False)
    #: How often it was begun; what ended in `Retry`, or for want of the database, is not counted.
    attempts: models.PositiveSmallIntegerField[int, int] = models.PositiveSmallIntegerField(default=0)
    #: How many of them ended without a word, as its worker was killed, or could not reach the database to note how it ended.
    lost: models.PositiveSmallIntegerField[int, int] = models.PositiveSmallIntegerField(default=0)
    max_attempts: models.PositiveSmallIntegerField[int, int] = models.PositiveSmallIntegerField(default=1)
    #: Until when the worker that holds `token` has it for itself.
    lease_until: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(null=True, blank=True)
    #: Known to the one worker that may end this run.
    token: models.UUIDField[UUID | None, UUID | None] = models.UUIDField(null=True, blank=True)
    #: Before when it is not to be tried again, where the handler said so.
    not_before: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(null=True, blank=True)
    #: How often the sender had tried by the last run, where it says.
    sender_attempt: models.PositiveIntegerField[int | None, int | None] = models.PositiveIntegerField(null=True, blank=True)
    #: Of the last run that did not end well: the exception's type, and what is safe to keep of it.
    error_type: models.CharField[str, str] = models.CharField(max_length=255, blank=True)
    error: models.TextField[str, str] = models.TextField(blank=True)
    #: Its text and a bounded traceback, which may quote the payload; empty unless `ERROR_TEXT` is on.
    error_text: models.TextField[str, str] = models.TextField(blank=True)
    #: Since when each run has ended in `Retry`, or for want of a database; None unless the last one did.
    waiting_since: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(null=True, blank=True)
    created_at: models.DateTimeField[datetime, datetime] = models.DateTimeField(db_default=Now(), editable=False)
    #: When the handler was last begun; a claim of several deliveries begins none of them.
    started_at: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(null=True, blank=True)
    finished_at: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(null=True, blank=True)

    class Meta:
        """One an event and handler; found by state, and by workers if it is open and deferred."""

        db_table: ClassVar[str] = DELIVERIES
        verbose_name: ClassVar[str] = "delivery"
        verbose_name_plural: ClassVar[str] = "deliveries"
        constraints: ClassVar[tuple[models.BaseConstraint, ...]] = (
            models.UniqueConstraint(fields=["event", "handler"], name="gcp_event_inbox_once"),
        )
        indexes: ClassVar[tuple[models.Index, ...]] = (
            OpenDeferred(fields=["deferred", "state", "id"], name="gcp_event_inbox_open"),
            models.Index(fields=["state", "-id"], name="gcp_event_inbox_state"),
        )
        permissions: ClassVar[tuple[tuple[str, str], ...]] = (
            ("replay_delivery", "Can run deliveries again"),
            ("discard_delivery", "Can give deliveries up"),
        )

    @override
    def __str__(self) -> str:
        return f"{self.event} to {self.handler or 'no handler'}"

    @property
    def counted(self) -> int:
        """How many of its runs count: all but those that were lost."""
        return max(0, self.attempts - self.lost)

    @property
    def limit(self) -> int:
        """How many may count; one more for each time that a person replayed it after that."""
        return max(self.max_attempts, self.counted)
