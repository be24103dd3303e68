"""The settings of the real servers that test_inbox_processes.py starts, on the tests' own database."""

from __future__ import annotations

import json
import os
from typing import Any

from gcp_event_router.conf import RouterSettings

SECRET_KEY = "for tests only"
INSTALLED_APPS = ["gcp_event_router", "gcp_event_router.inbox", "tests.effects"]
MIDDLEWARE: list[str] = []
ROOT_URLCONF = "tests.urls"
ALLOWED_HOSTS = ["127.0.0.1"]
DATABASES: dict[str, dict[str, Any]] = {"default": json.loads(os.environ.get("EVENTS_DATABASE", "{}"))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
BASE_URL = "http://127.0.0.1"
GCP_EVENT_ROUTER: RouterSettings = {"AUTHENTICATION": []}
GATE = os.environ.get("EVENTS_GATE", os.devnull)
