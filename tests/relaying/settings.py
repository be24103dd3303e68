"""The settings of the site: a PostgreSQL server of its own, and Google's emulator."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from typing import Any

from gcp_event_router import Backoff
from gcp_event_router.conf import RouterSettings

SECRET_KEY = "for tests only"
INSTALLED_APPS = ["gcp_event_router", "gcp_event_router.inbox", "gcp_event_router.outbox", "tests.effects", "tests.relaying"]
MIDDLEWARE: list[str] = []
SILENCED_SYSTEM_CHECKS = ["gcp_event_router.W011", "gcp_event_router.W026"]  # a short lease, and no engine but the workers
ROOT_URLCONF = "tests.urls"
ALLOWED_HOSTS = ["127.0.0.1"]
DATABASES: dict[str, dict[str, Any]] = {"default": json.loads(os.environ.get("EVENTS_DATABASE", "{}"))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
BASE_URL = "http://127.0.0.1"
GCP_EVENT_ROUTER: RouterSettings = {
    "AUTHENTICATION": [],
    "OUTBOX": {
        "TRANSPORT": {"BACKEND": "gcp_event_router.outbox.transports.PubSub"},  # the project is in the environment
        "LEASE": timedelta(seconds=5),
        "RETRY": Backoff(first=timedelta(milliseconds=200), cap=timedelta(seconds=1)),
        "MAX_ATTEMPTS": 10_000,
        "BATCH": 50,
    },
}
