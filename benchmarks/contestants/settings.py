"""The settings of every contestant. `BENCH` says as JSON which database it has, which further apps, and Celery's broker."""

from __future__ import annotations

import json
import os
from typing import Any

GIVEN: dict[str, Any] = json.loads(os.environ["BENCH"])
SECRET_KEY = "not secret"
ROOT_URLCONF = "contestants.urls"
ALLOWED_HOSTS = ["127.0.0.1"]
BASE_URL = "http://127.0.0.1"
# those of startproject that are not about people
MIDDLEWARE = ["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"]
SILENCED_SYSTEM_CHECKS = ["gcp_event_router.W026"]  # `inbox process` alone runs what is deferred
INSTALLED_APPS = ["contestants", *GIVEN["apps"]]
DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "USER": "postgres",
        "HOST": GIVEN["host"],
        "NAME": GIVEN["name"],
        "CONN_MAX_AGE": None,  # otherwise some contestants would connect anew for each job
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
# a line for each job would measure the terminal
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
}
GCP_EVENT_ROUTER: dict[str, Any] = {"AUTHENTICATION": []}
if "django_tasks_db" in INSTALLED_APPS:
    TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
PROCRASTINATE_IMPORT_PATHS = ["contestants.procrastinate_jobs"]
CELERY_BROKER_URL = GIVEN["broker"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_DB_REUSE_MAX = 1_000_000
"""Otherwise Celery closes the connection before and after each task, whatever CONN_MAX_AGE says."""
