"""The row that each event or job writes, and the table by which a handwritten view knows an event again."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Row(models.Model):
    """The effect of one event or job."""

    reference: models.CharField[str, str] = models.CharField(max_length=255)
    customer: models.CharField[str, str] = models.CharField(max_length=255)
    objects: ClassVar[models.Manager[Row]] = models.Manager()

    class Meta:
        app_label = "contestants"


class Seen(models.Model):
    """The id of a message that the handwritten view has handled."""

    message_id: models.CharField[str, str] = models.CharField(max_length=255, primary_key=True)
    received_at: models.DateTimeField[str, str] = models.DateTimeField(auto_now_add=True)
    objects: ClassVar[models.Manager[Seen]] = models.Manager()

    class Meta:
        app_label = "contestants"


def write(reference: str, customer: str) -> None:
    """What every contestant has to do."""
    Row.objects.create(reference=reference, customer=customer)
