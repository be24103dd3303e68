"""The settings of the tests: as few as the library needs."""

from __future__ import annotations

import os
import tempfile
from typing import Any

from gcp_event_router.conf import RouterSettings

from .support import mariadb

SECRET_KEY = "for tests only"
# auth is here for its checks, which run wherever a test has imported it
INSTALLED_APPS = [
    "gcp_event_router",
    "gcp_event_router.catalogue",
    # conftest takes both boxes out of the way of tests that do not ask for them
    "gcp_event_router.inbox",
    "gcp_event_router.outbox",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.admin",  # without middleware, which the tests of the admin bring
    "tests.effects",
    "django_tasks_db",
]
MIDDLEWARE: list[str] = []
SILENCED_SYSTEM_CHECKS = ["admin.E408", "admin.E409", "admin.E410"]
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
STATIC_URL = "static/"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
ROOT_URLCONF = "tests.urls"
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
# every view that is not exempt would open a transaction, and an async one would fail
DATABASES: dict[str, dict[str, Any]] = {
    alias: {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": ":memory:",
        "ATOMIC_REQUESTS": True,
        "OPTIONS": {"transaction_mode": "IMMEDIATE"},
    }
    for alias in ("default", "other")
}
# in a file, so that threads and processes share it
DATABASES["sqlite"] = {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": ":memory:",
    "TEST": {"NAME": f"{tempfile.gettempdir()}/gcp_event_router_{os.getpid()}.sqlite3"},
    "ATOMIC_REQUESTS": True,
    "OPTIONS": {
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
    },
}
# conftest starts it, and says where
DATABASES["postgresql"] = {
    "ENGINE": "django.db.backends.postgresql",
    "NAME": "events",
    "USER": "postgres",
    "ATOMIC_REQUESTS": True,
}
# as above, where it can be had; conftest takes it out again where no test asks for it
if not mariadb.missing():
    DATABASES["mariadb"] = {
        "ENGINE": "django.db.backends.mysql",
        "NAME": mariadb.DATABASE,
        "USER": "root",
        "TEST": {"CHARSET": "utf8mb4"},
        "ATOMIC_REQUESTS": True,
        "OPTIONS": {"charset": "utf8mb4", "init_command": "SET sql_mode = 'STRICT_TRANS_TABLES', time_zone = '+00:00'"},
    }
# the tables of others are created at once, instead of in dozens of steps
MIGRATION_MODULES = dict.fromkeys(["auth", "contenttypes", "admin", "django_tasks_database"])
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
BASE_URL = "https://shop.example"
GCP_EVENT_ROUTER: RouterSettings = {"AUTHENTICATION": []}
