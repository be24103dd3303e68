"""Procrastinate's job; the setting PROCRASTINATE_IMPORT_PATHS names this module."""

from __future__ import annotations

from procrastinate.contrib.django import app

from .models import write

procrastinate_task = app.task(name="write")(write)
