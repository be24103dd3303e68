from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import StateApps

from ..._boxes.exact_text import compare_exactly
from ..models import DELIVERIES, EVENTS, KEYS, OneRunning, OpenDeferred, OpenOrdered


def compare_text_exactly(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    compare_exactly(schema_editor.connection, (EVENTS, DELIVERIES, KEYS))


class Migration(migrations.Migration):
    initial: ClassVar[bool | None] = True

    dependencies: ClassVar[Sequence[tuple[str, str]]] = []

    operations: ClassVar[Sequence[Operation]] = [
        migrations.CreateModel(
            name="StoredEvent",
            fields=[
                ("key", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=255)),
                ("reference", models.CharField(max_length=255)),
                ("message_id", models.CharField(blank=True, max_length=255)),
                ("parameters", models.TextField(blank=True)),
                ("body", models.BinaryField()),
                ("form", models.CharField(max_length=32)),
                ("meta", models.TextField(blank=True)),
                ("principal", models.TextField(blank=True)),
                ("digest", models.BinaryField(max_length=32)),
                ("received_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ("erased_at", models.DateTimeField(blank=True, editable=False, null=True)),
            ],
            options={
                "verbose_name": "event",
                "verbose_name_plural": "events",
                "db_table": "gcp_event_inbox_event",
                "ordering": ("-received_at",),
                "permissions": (("view_personal", "Can see personal fields of events"),),
                "indexes": [
                    models.Index(fields=["-received_at"], name="gcp_event_inbox_received"),
                    models.Index(fields=["kind", "-received_at"], name="gcp_event_inbox_kind"),
                    models.Index(fields=["reference"], name="gcp_event_inbox_reference"),
                    models.Index(fields=["message_id"], name="gcp_event_inbox_message"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("handler", models.CharField(blank=True, max_length=255)),
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
                        max_length=10,
                    ),
                ),
                ("deferred", models.BooleanField(default=False)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("lost", models.PositiveSmallIntegerField(default=0)),
                ("max_attempts", models.PositiveSmallIntegerField(default=1)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("token", models.UUIDField(blank=True, null=True)),
                ("not_before", models.DateTimeField(blank=True, null=True)),
                ("sender_attempt", models.PositiveIntegerField(blank=True, null=True)),
                ("error_type", models.CharField(blank=True, max_length=255)),
                ("error", models.TextField(blank=True)),
                ("error_text", models.TextField(blank=True)),
                ("waiting_since", models.DateTimeField(blank=True, null=True)),
                ("once_key", models.CharField(blank=True, max_length=255)),
                ("duplicate_of", models.BigIntegerField(blank=True, null=True)),
                ("order_key", models.CharField(blank=True, max_length=255)),
                ("order_digest", models.UUIDField(blank=True, editable=False, null=True)),
                ("running_digest", models.UUIDField(blank=True, editable=False, null=True)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                (
                    "event",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deliveries",
                        to="gcp_event_inbox.storedevent",
                    ),
                ),
            ],
            options={
                "verbose_name": "delivery",
                "verbose_name_plural": "deliveries",
                "db_table": "gcp_event_inbox_delivery",
                "permissions": (("replay_delivery", "Can run deliveries again"), ("discard_delivery", "Can give deliveries up")),
                "indexes": [
                    OpenDeferred(fields=["deferred", "state", "id"], name="gcp_event_inbox_open"),
                    models.Index(fields=["state", "-id"], name="gcp_event_inbox_state"),
                    OpenOrdered(fields=["order_digest", "handler", "state", "id"], name="gcp_event_inbox_order"),
                    OneRunning(fields=["running_digest", "handler"], name="gcp_event_inbox_one_running"),
                ],
                "constraints": [models.UniqueConstraint(fields=("event", "handler"), name="gcp_event_inbox_once")],
            },
        ),
        migrations.CreateModel(
            name="OnceKey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("handler", models.CharField(max_length=255)),
                ("digest", models.UUIDField(editable=False)),
                ("text", models.CharField(max_length=255)),
                ("delivery", models.BigIntegerField()),
                ("token", models.UUIDField(blank=True, null=True)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("done_at", models.DateTimeField(blank=True, null=True)),
                ("kept_until", models.DateTimeField()),
            ],
            options={
                "verbose_name": "business key",
                "verbose_name_plural": "business keys",
                "db_table": "gcp_event_inbox_oncekey",
                "default_permissions": (),
                "indexes": [
                    models.Index(fields=["delivery"], name="gcp_event_inbox_key_delivery"),
                    models.Index(fields=["kept_until"], name="gcp_event_inbox_key_until"),
                ],
                "constraints": [models.UniqueConstraint(fields=("digest", "handler"), name="gcp_event_inbox_key_once")],
            },
        ),
        migrations.RunPython(compare_text_exactly, migrations.RunPython.noop),  # before foreign keys, which Django makes last
    ]
