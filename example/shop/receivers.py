"""The oldest part of the shop, written before it had handlers. It still works beside them."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from gcp_event_router.signals import event_received

from .models import AuditEntry


@receiver(event_received)
def write_audit(
    sender: object, event_kind: str, event_reference: str, event_payload: Any, event_parameters: dict[str, str]
) -> None:
    """Note each event about stock."""
    if event_kind.startswith("stock-"):
        AuditEntry.objects.create(kind=event_kind, reference=event_reference)
