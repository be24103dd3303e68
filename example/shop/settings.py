"""The settings of the shop; those for events are at the end."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from gcp_event_router.conf import RouterSettings

ROOT = Path(__file__).resolve().parent.parent

SECRET_KEY = "an example has no secrets"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "testserver"]
ROOT_URLCONF = "shop.urls"
USE_TZ = True
TIME_ZONE = "UTC"
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
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "loggers": {"gcp_event_router": {"handlers": ["console"], "level": "INFO"}},
}

# for the staff: the admin, and the catalogue of events
DJANGO_APPS = [f"django.contrib.{name}" for name in ("admin", "auth", "contenttypes", "messages", "sessions", "staticfiles")]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
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
STATIC_URL = "static/"

EVENT_APPS = ["gcp_event_router", *(f"gcp_event_router.{name}" for name in ("catalogue", "inbox", "outbox"))]
INSTALLED_APPS = [*EVENT_APPS, "shop", *DJANGO_APPS]
BASE_URL = "https://shop.example"
GCP_EVENT_ROUTER: RouterSettings = {
    "AUTHENTICATION": [
        {
            "BACKEND": "gcp_event_router.auth.OIDC",  # Pub/Sub
            "OPTIONS": {
                "service_accounts": ["pubsub@shop.iam.gserviceaccount.com"],
                "audience": BASE_URL,
                # leave this out: only the demo has its own keys
                "certs_url": os.environ.get("SHOP_CERTS_URL", "https://www.googleapis.com/oauth2/v3/certs"),
            },
        },
        {
            "BACKEND": "gcp_event_router.auth.SharedToken",  # senders that cannot sign, and people with curl
            "OPTIONS": {"header": "X-Shop-Token", "tokens": [os.environ.get("SHOP_TOKEN", "open sesame")]},
        },
        {
            "BACKEND": "gcp_event_router.auth.GitHub",
            "OPTIONS": {"secrets": [os.environ.get("SHOP_GITHUB_SECRET", "5f8b1d0c3e7a49264b0d8e1f6c2a9735")]},
        },
        {
            "BACKEND": "gcp_event_router.auth.Stripe",
            "OPTIONS": {"secrets": [os.environ.get("SHOP_STRIPE_SECRET", "whsec_Zk3vQ8tLw1XyR6nBs0JdHc7MfPq2Ga5U")]},
        },
        {"BACKEND": "gcp_event_router.auth.SignedURL"},  # parcel services, which get a URL for each parcel
    ],
    "INBOX": {"LEASE": timedelta(seconds=float(os.environ.get("SHOP_LEASE", "60")))},
    # the shop's own handlers get what it publishes; the demo with Google's emulator sends it there
    "OUTBOX": {"TRANSPORT": {"BACKEND": os.environ.get("SHOP_TRANSPORT", "gcp_event_router.outbox.transports.Local")}},
    "SOURCE_URL": "https://git.shop.example/shop/blob/main/{path}#L{line}",
}
# the demo kills a worker, and should not wait a minute for its lease to expire
SILENCED_SYSTEM_CHECKS = ["gcp_event_router.W011"] if "SHOP_LEASE" in os.environ else []
