"""The settings of a worker's process: those of the tests, on the database of the test that started it."""

from __future__ import annotations

import json
import os

import tests.settings as ours
from gcp_event_router.conf import RouterSettings

given = json.loads(os.environ["EVENTS_WORKER"])
SECRET_KEY = ours.SECRET_KEY
USE_TZ = True
DEFAULT_AUTO_FIELD = ours.DEFAULT_AUTO_FIELD
DATABASES = {"default": given["database"]}
TASKS = given["tasks"]
RQ_QUEUES = given["queues"]
INSTALLED_APPS = [*dict.fromkeys([*ours.INSTALLED_APPS, "tests.workers", *given["apps"]])]
SILENCED_SYSTEM_CHECKS = ours.SILENCED_SYSTEM_CHECKS
TEMPLATES = ours.TEMPLATES
GCP_EVENT_ROUTER: RouterSettings = {"AUTHENTICATION": []}
