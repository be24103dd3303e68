"""One row each time that a handler's work took effect; and the ledger of `relaying`, a site that sends to itself."""

from __future__ import annotations

from django.db import models


class Effect(models.Model):
    """What a handler did."""

    handler: models.CharField[str, str] = models.CharField(max_length=255)
    reference: models.CharField[str, str] = models.CharField(max_length=255, db_index=True)


class Account(models.Model):
    """What the events of one ordering key are about; each transaction locks its row, and so has a place in the order."""

    name: models.CharField[str, str] = models.CharField(max_length=32, primary_key=True)
    number: models.PositiveIntegerField[int, int] = models.PositiveIntegerField(default=0)


class Published(models.Model):
    """An event that a transaction has published, written in the same transaction."""

    account: models.CharField[str, str] = models.CharField(max_length=32)
    number: models.PositiveIntegerField[int, int] = models.PositiveIntegerField()


class Arrived(models.Model):
    """The effect of an event; the rows have the order of the effects of an account."""

    account: models.CharField[str, str] = models.CharField(max_length=32)
    number: models.PositiveIntegerField[int, int] = models.PositiveIntegerField()
