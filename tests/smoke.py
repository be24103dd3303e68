"""What has to work wherever the library is installed: every module is imported, the checks pass, one push arrives.

`wheel.py` does this with the wheel alone, and `matrix.py` with other versions of Python and Django.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

#: A project that uses what the package has beside code: templates, styles, migrations, commands.
SETTINGS: Final = """\
SECRET_KEY = "for this run only"
DEBUG = True
ALLOWED_HOSTS = ["testserver"]
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.admin",
    "gcp_event_router",
    "gcp_event_router.catalogue",
    "gcp_event_router.inbox",
    "gcp_event_router.outbox",
    "shop",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
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
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3", "OPTIONS": {"transaction_mode": "IMMEDIATE"}}
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "shop.urls"
LOGIN_URL = "admin:login"
STATIC_URL = "static/"
BASE_URL = "https://shop.example"
GCP_EVENT_ROUTER = {"AUTHENTICATION": []}
"""
URLS: Final = """\
from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("gcp_event_router.urls")),
    path("catalogue/", include("gcp_event_router.catalogue.urls")),
    path("admin/", admin.site.urls),
]
"""
HANDLERS: Final = """\
from pydantic import BaseModel

from gcp_event_router import Event, events


class OrderPlaced(BaseModel):
    order_id: int


@events.on("order-placed")
def record_order(event: Event[OrderPlaced]) -> None:
    print("order", event.payload.order_id)
"""
#: What a new project does; each module is imported, unless it says that an extra is missing.
SCRIPT: Final = """\
import importlib
import pkgutil

import django
from django.contrib.auth import get_user_model
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.test import Client

django.setup()
import gcp_event_router
from public import missing

EXTRAS = {"jwt", "mypy", "cryptography", "django_tasks", "google", "opentelemetry", "pytest", "hypothesis"}
for module in pkgutil.walk_packages(gcp_event_router.__path__, "gcp_event_router."):
    try:
        importlib.import_module(module.name)
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in EXTRAS:
            raise
assert missing(EXTRAS) == [], missing(EXTRAS)

call_command("check", fail_level="WARNING")
call_command("migrate", verbosity=0)
call_command("events", "send", "order-placed")
user = get_user_model().objects.create_superuser("staff")
client = Client()
client.force_login(user)
for page in ("/catalogue/", "/admin/gcp_event_inbox/storedevent/"):
    answer = client.get(page)
    assert answer.status_code == 200, (page, answer.status_code)
    assert b"order-placed" in answer.content, page
for style in ("gcp_event_router/catalogue.css", "gcp_event_router/boxes.css"):
    assert finders.find(style), style
"""


def smoke(python: str) -> subprocess.CompletedProcess[str]:
    """Write a new project and use it with an interpreter that has the library; any warning is an error."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        (project / "shop").mkdir()
        (project / "shop" / "__init__.py").touch()
        (project / "shop" / "event_handlers.py").write_text(HANDLERS)
        (project / "shop" / "urls.py").write_text(URLS)
        (project / "site_settings.py").write_text(SETTINGS)
        (project / "use.py").write_text(SCRIPT)
        shutil.copy(Path(__file__).with_name("public.py"), project)
        return subprocess.run(
            [python, "-W", "error", "use.py"],
            cwd=project,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "site_settings"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=300,
        )
