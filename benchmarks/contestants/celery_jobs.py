"""Celery's jobs: one acknowledged before it runs, which is the default, and one afterwards."""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "contestants.settings")

from typing import Any

from celery import Celery


def early(reference: str, customer: str) -> None:
    """Write the row; models cannot be imported before Celery has set Django up."""
    from .models import write

    write(reference, customer)


app: Any = Celery("contestants")
app.config_from_object("django.conf:settings", namespace="CELERY")
acknowledged_early = app.task(early, name="early")
acknowledged_late = app.task(early, name="late", acks_late=True, reject_on_worker_lost=True)
