"""The settings of relays and senders that tests start as processes."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from typing import Any

from gcp_event_router.conf import RouterSettings

GIVEN: dict[str, Any] = json.loads(os.environ["EVENTS_RELAY"])
SECRET_KEY = "for tests only"
INSTALLED_APPS = ["gcp_event_router", "gcp_event_router.outbox", "tests.effects"]
DATABASES: dict[str, dict[str, Any]] = {"default": GIVEN["database"]}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
GCP_EVENT_ROUTER: RouterSettings = {
    "OUTBOX": {
        "TRANSPORT": {"BACKEND": "tests.support.sinks.FileSink", "OPTIONS": GIVEN["sink"]},
        "LEASE": timedelta(seconds=2),
        "BATCH": 20,
    }
}
