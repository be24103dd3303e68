"""Receivers of django-gcp's signal, as its documentation writes them, with the payload validated."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver
from django_gcp.events.signals import event_received
from django_gcp.events.utils import decode_pubsub_message

from .models import write
from .orders import Order


@receiver(event_received)
def receive(sender: object, event_kind: str, event_reference: str, event_payload: Any, **_: Any) -> None:
    """Write the row, twice if the message comes twice."""
    if event_kind not in {"order-placed", "order-seen"}:
        return
    order = Order.model_validate(decode_pubsub_message(event_payload)["data"])
    if event_kind == "order-placed":
        write(event_reference, order.customer)
