"""The settings of the shop: what a project adds for its events stands at the end."""

from __future__ import annotations

import os
from pathlib import Path

from gcp_event_router.conf import RouterSettings

ROOT = Path(__file__).resolve().parent.parent

SECRET_KEY = "an example has no secrets"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "testserver"]
ROOT_URLCONF = "shop.urls"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("SHOP_DATABASE", ROOT / "db.sqlite3"),
        "OPTIONS": {"transaction_mode": "IMMEDIATE"},
    }
}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout"}},
    "loggers": {"gcp_event_router": {"handlers": ["console"], "level": "INFO"}},
}

INSTALLED_APPS = ["gcp_event_router", "shop"]
BASE_URL = "https://shop.example"
GCP_EVENT_ROUTER: RouterSettings = {
    "AUTHENTICATION": [
        {"BACKEND": "shop.auth.SharedSecret", "OPTIONS": {"secret": os.environ.get("SHOP_SECRET", "open sesame")}},
    ],
}
