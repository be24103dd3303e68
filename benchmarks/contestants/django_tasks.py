"""The job of django-tasks-db."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from .models import write

if TYPE_CHECKING or not find_spec("django.tasks"):  # Django 5.2
    from django_tasks import task
else:
    from django.tasks import task


@task()
def django_task(reference: str, customer: str) -> None:
    """Write the row."""
    write(reference, customer)
