"""The settings of the tests: as few as the library needs."""

from __future__ import annotations

from gcp_event_router.conf import RouterSettings

SECRET_KEY = "for tests only"
# auth is here for its checks, which run wherever a test has imported it
INSTALLED_APPS = ["gcp_event_router", "django.contrib.auth", "django.contrib.contenttypes"]
MIDDLEWARE: list[str] = []
ROOT_URLCONF = "tests.urls"
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
# every view that is not exempt would open a transaction, and an async one would fail
DATABASES = {
    alias: {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:", "ATOMIC_REQUESTS": True} for alias in ("default", "other")
}
USE_TZ = True
BASE_URL = "https://shop.example"
GCP_EVENT_ROUTER: RouterSettings = {"AUTHENTICATION": []}
