"""What is said at start-up of a catalogue that lacks something: one test for each id."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.checks import run_checks
from django.test import modify_settings, override_settings
from django.urls import clear_script_prefix, reverse_lazy, set_script_prefix

from gcp_event_router import EventRouter

from .test_checks import told

ROOT = Path(__file__).resolve().parents[2]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
WITHOUT_ADMIN = "tests.catalogue.test_permissions"
ADDED = modify_settings(INSTALLED_APPS={"append": "django.contrib.staticfiles"})


class Session:
    """A middleware that is no class of Django's."""


def function(get_response: Any) -> Any:
    return get_response


@pytest.fixture(autouse=True)
def _mounted(router: EventRouter) -> Any:
    with ADDED, override_settings(ROOT_URLCONF="tests.support.admin_urls", MIDDLEWARE=MIDDLEWARE):
        yield


def ids() -> list[tuple[str, str, str | None]]:
    return [(name, message, hint) for _, name, hint, message in told(run_checks())]


def test_okay() -> None:
    """A catalogue that has all that it needs is not heard of, and neither is one that is not in the URLs."""
    assert ids() == []
    for urls in ("tests.urls", None):
        with override_settings(ROOT_URLCONF=urls, MIDDLEWARE=[]):
            assert [name for name, *_ in ids()] == []


E020 = (
    "The catalogue requires a staff login, and users cannot be identified without {}"
    "'django.contrib.sessions.middleware.SessionMiddleware' in MIDDLEWARE and "
    "'django.contrib.auth.middleware.AuthenticationMiddleware' in MIDDLEWARE."
)


@override_settings(MIDDLEWARE=[f"{__name__}.function", f"{__name__}.Session"])
def test_e020_without_users() -> None:
    """Without sessions and users, nobody of the staff could be known."""
    hint = "Add it, or take gcp_event_router.catalogue.urls out of the URLs."

    assert ids() == [("gcp_event_router.E020", E020.format(""), hint)]


@pytest.mark.proof
def test_e020_in_a_small_project() -> None:
    """In a project that has no users at all, it is this check that says so, and nothing fails before."""
    code = """
from django.conf import settings
apps = ["gcp_event_router", "gcp_event_router.catalogue"]
settings.configure(INSTALLED_APPS=apps, ROOT_URLCONF="tests.support.catalogue_urls", BASE_URL="https://shop.example")
import django; django.setup()
from django.core.checks import run_checks
print([(each.id, each.msg) for each in run_checks()][0])
"""
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)

    said = E020.format("'django.contrib.auth' in INSTALLED_APPS and ")
    assert run.stdout == f"{('gcp_event_router.E020', said)}\n"


@pytest.mark.parametrize("templates", [[], [{**settings.TEMPLATES[0], "APP_DIRS": False}]])
def test_e021_without_templates(templates: list[Any]) -> None:
    """Without a backend that finds the apps' templates, its pages fail."""
    with override_settings(TEMPLATES=templates):
        found = ids()

    assert found == [
        (
            "gcp_event_router.E021",
            "Django does not find the catalogue's template gcp_event_router/catalogue/list.html, so its pages fail.",
            "Write a DjangoTemplates backend with APP_DIRS = True into TEMPLATES.",
        )
    ]


@modify_settings(INSTALLED_APPS={"remove": "gcp_event_router.catalogue"})
def test_e021_without_the_app() -> None:
    """If its URLs are included but its app is not installed, the check says only that Django does not find its templates."""
    assert ids() == [
        (
            "gcp_event_router.E021",
            "The URLs of gcp_event_router.catalogue are included, but the app is not installed, so Django does not find its "
            "templates.",
            'Add "gcp_event_router.catalogue" to INSTALLED_APPS, or take gcp_event_router.catalogue.urls out of the URLs.',
        )
    ]


@modify_settings(INSTALLED_APPS={"remove": "django.contrib.staticfiles"})
def test_w020_without_static_files() -> None:
    """Without staticfiles, nothing may serve its style."""
    assert ids() == [
        (
            "gcp_event_router.W020",
            "The catalogue's style is served by 'django.contrib.staticfiles', which is not installed.",
            "Add it to INSTALLED_APPS; or silence this check, if STATIC_URL has the files from elsewhere.",
        )
    ]


@override_settings(ROOT_URLCONF=WITHOUT_ADMIN)
def test_w021_without_a_login() -> None:
    """Without the admin, LOGIN_URL has to lead somewhere; what is on another host is trusted to."""
    assert ids() == [
        (
            "gcp_event_router.W021",
            "The catalogue redirects anonymous users to LOGIN_URL ('/accounts/login/'), but no URL pattern matches it.",
            "Put the admin into the URLs, or set LOGIN_URL to a page of your own.",
        )
    ]
    for url in ("login-here", "/in/?from=catalogue", "https://login.example/"):
        with override_settings(LOGIN_URL=url):
            assert ids() == []


@override_settings(ROOT_URLCONF=WITHOUT_ADMIN)
@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("no-such-name", " ('no-such-name')"),
        ("", " ('')"),
        (reverse_lazy("no-such-name"), ""),
        ("/accounts/login/#form", " ('/accounts/login/#form')"),
    ],
)
def test_w021_of_a_name(url: object, told: str) -> None:
    """A LOGIN_URL that names no page is told of as one that leads to none, and does not break the check."""
    with override_settings(LOGIN_URL=url):
        found = ids()

    assert [message for _, message, _ in found] == [
        f"The catalogue redirects anonymous users to LOGIN_URL{told}, but no URL pattern matches it."
    ]


@override_settings(ROOT_URLCONF=WITHOUT_ADMIN)
@pytest.mark.parametrize("url", ["login-here", "/shop/in/#form", "//login.example/in/"])
def test_no_w021_below_a_prefix(url: str) -> None:
    """A login below the site's own prefix is there, and one of another host is trusted to."""
    set_script_prefix("/shop/")
    try:
        with override_settings(LOGIN_URL=url):
            assert ids() == []
    finally:
        clear_script_prefix()


@override_settings(MIDDLEWARE=["nowhere.Nothing", *MIDDLEWARE])
def test_middleware_that_cannot_be_imported() -> None:
    """A middleware that is not there is not ours to tell, and does not break the check."""
    assert ids() == []
