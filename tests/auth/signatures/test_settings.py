"""A project whose settings import `gcp_event_router.auth`, to write its own provider there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ...support.processes import LIMIT

SETTINGS = """
from gcp_event_router.auth import HMACSignature, Provider, SignatureScheme, StandardWebhooks, Twilio

class Courier(HMACSignature):
    scheme = SignatureScheme(header="X-Courier-Mac")
    provider = Provider(name="courier")

SECRET_KEY = "of this test"
INSTALLED_APPS = ["gcp_event_router"]
ROOT_URLCONF = "gcp_event_router.urls"
ALLOWED_HOSTS = ["*"]
OPTIONS = {"secrets": ["0c4a8a0c12a7b3c9f3d1f1f2b2e1a9d0"]}
GCP_EVENT_ROUTER = {"AUTHENTICATION": [
    {"BACKEND": "project_settings.Courier", "OPTIONS": OPTIONS},
    {"BACKEND": "gcp_event_router.auth.HMACSignature", "OPTIONS": {**OPTIONS, "scheme": SignatureScheme(header="X-Shop-Mac")}},
]}
"""
PROGRAM = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "project_settings"
import django
from django.test import Client
django.setup()
from gcp_event_router.auth import configured
for authenticator in configured().authenticators:
    headers = authenticator.sign(b"{}")
    print(*headers, Client().post("/events/k/r", b"{}", content_type="application/json", headers=headers).status_code)
"""


@pytest.mark.proof
def test_settings_that_import_auth(tmp_path: Path) -> None:
    """Both ways work: a class in the settings, and data in the OPTIONS."""
    (tmp_path / "project_settings.py").write_text(SETTINGS)
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert ended.stdout == "X-Courier-Mac 201\nX-Shop-Mac 201\n", ended.stderr
