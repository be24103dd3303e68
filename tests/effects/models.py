"""One row each time that a handler's work took effect."""

from __future__ import annotations

from django.db import models


class Effect(models.Model):
    """What a handler did."""

    handler: models.CharField[str, str] = models.CharField(max_length=255)
    reference: models.CharField[str, str] = models.CharField(max_length=255, db_index=True)
