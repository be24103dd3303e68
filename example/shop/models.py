"""The shop's tables."""

# pyright: reportUnknownVariableType=false
# mypy's Django plugin knows the types of fields; pyright has no plugin

from __future__ import annotations

from django.db import models


class Order(models.Model):
    """An order, under the number that the web shop gave it."""

    total = models.DecimalField(max_digits=10, decimal_places=2)
    paid = models.BooleanField(default=False)
    shipped = models.BooleanField(default=False)


class StockLevel(models.Model):
    """The number of pieces of an article in a warehouse."""

    sku = models.CharField(max_length=40)
    warehouse = models.PositiveIntegerField()
    quantity = models.IntegerField(default=0)

    class Meta:
        """Unique for an article and a warehouse."""

        constraints = [models.UniqueConstraint(fields=["sku", "warehouse"], name="one_level_each")]


class Label(models.Model):
    """A printed label, as the printer sent it."""

    parcel = models.CharField(max_length=255, unique=True)
    image = models.BinaryField()


class Subscriber(models.Model):
    """Somebody who wants the newsletter."""

    email = models.EmailField(unique=True)


class Change(models.Model):
    """A line of the change log."""

    number = models.PositiveIntegerField()
    title = models.CharField(max_length=255)


class Booking(models.Model):
    """Money that arrived, or that was refunded."""

    order = models.ForeignKey(Order, models.CASCADE)
    cents = models.IntegerField()


class Return(models.Model):
    """An order that the customer brought back; nobody can bring it back twice."""

    order = models.OneToOneField(Order, models.CASCADE)


class Letter(models.Model):
    """A letter to a customer, which the printer prints."""

    order = models.ForeignKey(Order, models.CASCADE)
    text = models.TextField()


class AuditEntry(models.Model):
    """An event about stock, written by the shop's oldest receiver."""

    kind = models.CharField(max_length=255)
    reference = models.CharField(max_length=255)
