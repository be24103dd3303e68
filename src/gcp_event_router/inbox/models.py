"""The inbox's tables: a row for each event, for each delivery of an event to a handler, and for each business key of a handler.

Text from outside is stored as bytes, or as JSON in ASCII, since PostgreSQL's text and jsonb refuse NUL. All times are the
database's.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from django.db import models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.ddl_references import Statement
from django.db.models.functions import Now
from typing_extensions import override

from .._boxes.states import OPEN, State

__all__ = ["DELIVERIES", "EVENTS", "KEYS", "Delivery", "OnceKey", "OpenDeferred", "State", "StoredEvent"]

#: The names of the tables.
EVENTS: Final = "gcp_event_inbox_event"
DELIVERIES: Final = "gcp_event_inbox_delivery"
KEYS: Final = "gcp_event_inbox_oncekey"


class OpenDeferred(models.Index):
    """The index with which workers find due deliveries, however many are settled.

    It contains open deferred deliveries on PostgreSQL, deferred ones on SQLite, and all on MySQL and MariaDB, which have no
    partial indexes.
    """

    @override
    def create_sql(
        self, model: type[models.Model], schema_editor: BaseDatabaseSchemaEditor, using: str = "", **kwargs: Any
    ) -> Statement:
        if not schema_editor.connection.features.supports_partial_indexes:
            return super().create_sql(model, schema_editor, using, **kwargs)
        # SQLite uses the index only if its condition has no values, which the ORM sends as parameters
        is_listed = models.Q(deferred=True)
        if schema_editor.connection.vendor == "postgresql":
            is_listed &= models.Q(state__in=OPEN)
        partial = models.Index(fields=["state", "id"], name=self.name, condition=is_listed)
        return partial.create_sql(model, schema_editor, using, **kwargs)


class OpenOrdered(models.Index):
    """The index with which a delivery finds the earlier open ones of its key, however many are settled.

    It contains open ordered deliveries on PostgreSQL, ordered ones on SQLite, and all on MySQL and MariaDB.
    """

    @override
    def create_sql(
        self, model: type[models.Model], schema_editor: BaseDatabaseSchemaEditor, using: str = "", **kwargs: Any
    ) -> Statement:
        if not schema_editor.connection.features.supports_partial_indexes:
            return super().create_sql(model, schema_editor, using, **kwargs)
        is_listed = models.Q(order_digest__isnull=False)
        if schema_editor.connection.vendor == "postgresql":  # as in OpenDeferred
            is_listed &= models.Q(state__in=OPEN)
        partial = models.Index(fields=[*self.fields], name=self.name, condition=is_listed)
        return partial.create_sql(model, schema_editor, using, **kwargs)


class OneRunning(models.Index):
    """The unique index of the keys of running deliveries; other deliveries have none, and are in it on MySQL and MariaDB only.

    Django would create no unique constraint with a condition there.
    """

    @override
    def create_sql(
        self, model: type[models.Model], schema_editor: BaseDatabaseSchemaEditor, using: str = "", **kwargs: Any
    ) -> Statement:
        is_partial = schema_editor.connection.features.supports_partial_indexes
        is_listed = models.Q(running_digest__isnull=False) if is_partial else None
        plain = models.Index(fields=[*self.fields], name=self.name, condition=is_listed)
        statement = plain.create_sql(model, schema_editor, using, **kwargs)
        statement.template = statement.template.replace("CREATE INDEX", "CREATE UNIQUE INDEX")
        return statement


class StoredEvent(models.Model):
    """One event, with everything to read it again. Its key is a hash of its identity, which all its deliveries share."""

    key: models.UUIDField[UUID, UUID] = models.UUIDField(primary_key=True, editable=False)
    kind: models.CharField[str, str] = models.CharField(max_length=255)
    reference: models.CharField[str, str] = models.CharField(max_length=255)
    #: The id from the sender's outbox, Pub/Sub's id of the message, or a similar one, for people who search for it.
    message_id: models.CharField[str, str] = models.CharField(max_length=255, blank=True)
    #: All values of all query parameters, as JSON.
    parameters: models.TextField[str, str] = models.TextField(blank=True)
    body: models.BinaryField[bytes, bytes | memoryview] = models.BinaryField()
    #: The name of the envelope's form, such as `"pubsub"`.
    form: models.CharField[str, str] = models.CharField(max_length=32)
    #: The headers with which the envelope is read again, as JSON; never `Authorization`.
    meta: models.TextField[str, str] = models.TextField(blank=True)
    #: The sender, as JSON.
    principal: models.TextField[str, str] = models.TextField(blank=True)
    #: SHA-256 of the payload, to detect another payload under the same key.
    digest: models.BinaryField[bytes, bytes | memoryview] = models.BinaryField(max_length=32)
    received_at: models.DateTimeField[datetime, datetime] = models.DateTimeField(db_default=Now(), editable=False)
    #: When a person's data was erased: then the body, the parameters, the headers, the sender and the digest are empty.
    erased_at: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(
        null=True, blank=True, editable=False
    )

    class Meta:
        """Sorted from the newest; indexed by time, kind, reference and the sender's id."""

        db_table: ClassVar[str] = EVENTS
        verbose_name: ClassVar[str] = "event"
        verbose_name_plural: ClassVar[str] = "events"
        ordering: ClassVar[tuple[str, ...]] = ("-received_at",)
        permissions: ClassVar[tuple[tuple[str, str], ...]] = (("view_personal", "Can see personal fields of events"),)
        # no db_index, which would create two indexes for each text on PostgreSQL
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
    """The delivery of an event to a handler."""

    event: models.ForeignKey[StoredEvent, StoredEvent] = models.ForeignKey(
        StoredEvent, models.CASCADE, related_name="deliveries", db_index=False
    )
    #: The handler's name; empty for an unreadable event, and for one that had no handler.
    handler: models.CharField[str, str] = models.CharField(max_length=255, blank=True)
    state: models.CharField[str, str] = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    #: Whether workers run it, instead of the sender's requests.
    deferred: models.BooleanField[bool, bool] = models.BooleanField(default=False)
    #: The number of runs, without those that ended in `Retry` or without a database.
    attempts: models.PositiveSmallIntegerField[int, int] = models.PositiveSmallIntegerField(default=0)
    #: How many of them were lost: their worker was killed, or could not reach the database at the end.
    lost: models.PositiveSmallIntegerField[int, int] = models.PositiveSmallIntegerField(default=0)
    max_attempts: models.PositiveSmallIntegerField[int, int] = models.PositiveSmallIntegerField(default=1)
    #: Until when the worker that holds `token` may run it.
    lease_until: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(null=True, blank=True)
    #: Held by the only worker that may end this run.
    token: models.UUIDField[UUID | None, UUID | None] = models.UUIDField(null=True, blank=True)
    #: The earliest time of the next run, if any.
    not_before: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(null=True, blank=True)
    #: The sender's number of the last delivery, if known.
    sender_attempt: models.PositiveIntegerField[int | None, int | None] = models.PositiveIntegerField(null=True, blank=True)
    #: The type of the last exception, and its safe description.
    error_type: models.CharField[str, str] = models.CharField(max_length=255, blank=True)
    error: models.TextField[str, str] = models.TextField(blank=True)
    #: Its text and a bounded traceback, which may quote the payload; empty if `ERROR_TEXT` is off.
    error_text: models.TextField[str, str] = models.TextField(blank=True)
    #: Since when all runs have ended in `Retry` or without a database; None if the last one did not.
    waiting_since: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(null=True, blank=True)
    #: The event's business key for people, once a run of a handler with `once_key` has ended.
    once_key: models.CharField[str, str] = models.CharField(max_length=255, blank=True)
    #: The number of the delivery that was done with this key before; no foreign key, since that one may be purged.
    duplicate_of: models.BigIntegerField[int | None, int | None] = models.BigIntegerField(null=True, blank=True)
    #: The key by which a handler with `order_by` orders its deliveries, for people.
    order_key: models.CharField[str, str] = models.CharField(max_length=255, blank=True)
    #: The beginning of the key's SHA-256; None without a key.
    order_digest: models.UUIDField[UUID | None, UUID | None] = models.UUIDField(null=True, blank=True, editable=False)
    #: The same while the delivery runs, since only one may run with a key and a handler.
    running_digest: models.UUIDField[UUID | None, UUID | None] = models.UUIDField(null=True, blank=True, editable=False)
    created_at: models.DateTimeField[datetime, datetime] = models.DateTimeField(db_default=Now(), editable=False)
    #: When the last run began; a claim of several deliveries begins none of them.
    started_at: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(null=True, blank=True)
    finished_at: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(null=True, blank=True)

    class Meta:
        """Unique for an event and a handler; with indexes for states, for workers and for order."""

        db_table: ClassVar[str] = DELIVERIES
        verbose_name: ClassVar[str] = "delivery"
        verbose_name_plural: ClassVar[str] = "deliveries"
        constraints: ClassVar[tuple[models.BaseConstraint, ...]] = (
            models.UniqueConstraint(fields=["event", "handler"], name="gcp_event_inbox_once"),
        )
        indexes: ClassVar[tuple[models.Index, ...]] = (
            OpenDeferred(fields=["deferred", "state", "id"], name="gcp_event_inbox_open"),
            models.Index(fields=["state", "-id"], name="gcp_event_inbox_state"),
            OpenOrdered(fields=["order_digest", "handler", "state", "id"], name="gcp_event_inbox_order"),
            OneRunning(fields=["running_digest", "handler"], name="gcp_event_inbox_one_running"),
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
        """The number of runs without lost ones."""
        return max(0, self.attempts - self.lost)

    @property
    def limit(self) -> int:
        """The highest number of such runs; each replay after that adds one."""
        return max(self.max_attempts, self.counted)


class OnceKey(models.Model):
    """A business key of a handler: the delivery that holds it, or that is done with it.

    It names the delivery by its number, without a foreign key: a purge of the event does not free the key.
    """

    #: The handler's name.
    handler: models.CharField[str, str] = models.CharField(max_length=255)
    #: The beginning of the key's SHA-256.
    digest: models.UUIDField[UUID, UUID] = models.UUIDField(editable=False)
    #: The beginning of the key in ASCII, for people.
    text: models.CharField[str, str] = models.CharField(max_length=255)
    delivery: models.BigIntegerField[int, int] = models.BigIntegerField()
    #: The token of the delivery's claim, while it runs.
    token: models.UUIDField[UUID | None, UUID | None] = models.UUIDField(null=True, blank=True)
    #: Until when it may run.
    lease_until: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(null=True, blank=True)
    #: When it was done; None until then.
    done_at: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(null=True, blank=True)
    #: Until when other deliveries are its duplicates.
    kept_until: models.DateTimeField[datetime, datetime] = models.DateTimeField()

    class Meta:
        """Unique for a key and a handler; with indexes for a delivery's key and for a purge."""

        db_table: ClassVar[str] = KEYS
        verbose_name: ClassVar[str] = "business key"
        verbose_name_plural: ClassVar[str] = "business keys"
        default_permissions: ClassVar[tuple[str, ...]] = ()
        constraints: ClassVar[tuple[models.BaseConstraint, ...]] = (
            models.UniqueConstraint(fields=["digest", "handler"], name="gcp_event_inbox_key_once"),
        )
        indexes: ClassVar[tuple[models.Index, ...]] = (
            models.Index(fields=["delivery"], name="gcp_event_inbox_key_delivery"),
            models.Index(fields=["kept_until"], name="gcp_event_inbox_key_until"),
        )

    @override
    def __str__(self) -> str:
        return f"{self.text} of {self.handler}"
