"""Settings for mypy's Django plugin alone: it must know the models of both boxes and of the shop."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "example"))
SECRET_KEY = "for type checks only"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "gcp_event_router",
    "gcp_event_router.catalogue",
    "gcp_event_router.inbox",
    "gcp_event_router.outbox",
    "shop",
    "tests.effects",
]
