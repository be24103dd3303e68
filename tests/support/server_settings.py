"""The settings of the real servers that test_servers.py starts, and their WSGI and ASGI applications.

The handlers write what they were given to the file that the environment names, a line an event.
"""

from __future__ import annotations

import os
from pathlib import Path

from gcp_event_router.conf import RouterSettings

SECRET_KEY = "for tests only"
INSTALLED_APPS = ["gcp_event_router"]
MIDDLEWARE: list[str] = []
ROOT_URLCONF = "tests.support.server_urls"
ALLOWED_HOSTS = ["127.0.0.1"]
DATABASES: dict[str, dict[str, str]] = {}
USE_TZ = True
BASE_URL = "http://127.0.0.1"
DATA_UPLOAD_MAX_MEMORY_SIZE = 100
GCP_EVENT_ROUTER: RouterSettings = {"AUTHENTICATION": [], "MAX_BODY_SIZE": 13 * 1024 * 1024}
WRITTEN = Path(os.environ.get("EVENTS_WRITTEN_TO", os.devnull))
