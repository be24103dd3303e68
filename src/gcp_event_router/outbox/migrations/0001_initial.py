from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar
from uuid import uuid4

import django.db.models.functions.datetime
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import StateApps

from ..._boxes.exact_text import compare_exactly
from ..models import BLOCKING, ORDERING, OUTGOING, RELAYS, OpenOutgoing, OutgoingEvent


def compare_text_exactly(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    compare_exactly(schema_editor.connection, (OUTGOING, ORDERING, RELAYS))


def index_blocking_events(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """With old statistics, PostgreSQL may search all of an index for earlier events of a key; this one is small."""
    if schema_editor.connection.vendor == "postgresql":
        condition = models.Q(state__in=BLOCKING)
        schema_editor.add_index(
            OutgoingEvent, models.Index(fields=["order_key", "id"], name="gcp_event_outbox_blocking", condition=condition)
        )


class Migration(migrations.Migration):
    initial: ClassVar[bool | None] = True

    dependencies: ClassVar[Sequence[tuple[str, str]]] = []

    operations: ClassVar[Sequence[Operation]] = [
        migrations.CreateModel(
            name="OutgoingEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.UUIDField(default=uuid4, editable=False, unique=True)),
                ("kind", models.CharField(max_length=255)),
                ("topic", models.CharField(blank=True, max_length=255)),
                ("data", models.BinaryField()),
                ("metadata", models.TextField(blank=True)),
                ("order_key", models.UUIDField(blank=True, editable=False, null=True)),
                ("cause", models.CharField(blank=True, max_length=255)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "pending"),
                            ("running", "running"),
                            ("failed", "failed"),
                            ("done", "done"),
                            ("rejected", "rejected"),
                            ("parked", "parked"),
                            ("discarded", "discarded"),
                            ("unhandled", "no handler"),
                        ],
                        default="pending",
                        max_length=16,
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("token", models.UUIDField(blank=True, null=True)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("not_before", models.DateTimeField(blank=True, null=True)),
                ("error_type", models.CharField(blank=True, max_length=255)),
                ("error", models.TextField(blank=True)),
                ("error_text", models.TextField(blank=True)),
                ("message_id", models.CharField(blank=True, max_length=255)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("erased_at", models.DateTimeField(blank=True, editable=False, null=True)),
            ],
            options={
                "verbose_name": "outgoing event",
                "verbose_name_plural": "outgoing events",
                "db_table": "gcp_event_outbox_event",
                "ordering": ("-pk",),
                "permissions": (
                    ("retry_outgoingevent", "Can send events again"),
                    ("discard_outgoingevent", "Can give events up"),
                    ("view_personal", "Can see personal fields of events"),
                ),
                "indexes": [
                    OpenOutgoing(fields=["state", "id"], name="gcp_event_outbox_open"),
                    OpenOutgoing(fields=["order_key", "state", "id"], name="gcp_event_outbox_order"),
                    models.Index(fields=["cause"], name="gcp_event_outbox_cause"),
                    models.Index(fields=["created_at"], name="gcp_event_outbox_created"),
                ],
            },
        ),
        migrations.CreateModel(
            name="OrderingKey",
            fields=[
                ("digest", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("used_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
            options={
                "db_table": "gcp_event_outbox_orderingkey",
                "default_permissions": (),
                "indexes": [models.Index(fields=["used_at"], name="gcp_event_outbox_key_used")],
            },
        ),
        migrations.CreateModel(
            name="SeenRelay",
            fields=[
                ("name", models.CharField(max_length=255, primary_key=True, serialize=False)),
                ("seen_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
            options={"db_table": "gcp_event_outbox_relay", "default_permissions": ()},
        ),
        migrations.RunPython(compare_text_exactly, migrations.RunPython.noop),
        migrations.RunPython(index_blocking_events, migrations.RunPython.noop, hints={"model_name": "outgoingevent"}),
    ]
