"""Start-up: what is imported, found and refused then."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import gcp_event_router
from gcp_event_router import auth

ROOT = Path(__file__).resolve().parent.parent


def python(source: str, *path: Path) -> subprocess.CompletedProcess[str]:
    """Run a program in a Python of its own, which knows no settings."""
    program = f"import sys; sys.path[:0] = {[str(each) for each in path]!r}\n{source}"
    return subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)


def configured(settings: str, then: str) -> str:
    """A program that configures Django and goes on."""
    return f"import django\nfrom django.conf import settings\nsettings.configure({settings})\ndjango.setup()\n{then}"


def test_face() -> None:
    """The package's root is a list of names, and all of them are there."""
    assert gcp_event_router.__all__ == [
        "Event",
        "EventRouter",
        "EventRouterError",
        "Outcome",
        "Principal",
        "Reject",
        "Retry",
        "events",
    ]
    assert all(hasattr(gcp_event_router, name) for name in gcp_event_router.__all__)


def test_import_needs_no_settings() -> None:
    """The package, its signal and its utilities can be imported before Django knows its settings."""
    run = python("import gcp_event_router, gcp_event_router.signals, gcp_event_router.utils, gcp_event_router.auth")

    assert (run.returncode, run.stderr) == (0, "")


def test_event_handlers_are_found(tmp_path: Path) -> None:
    """event_handlers.py of every installed app is imported when Django starts, and its handlers hear events."""
    app = tmp_path / "blog"
    app.mkdir()
    (app / "__init__.py").touch()
    (app / "event_handlers.py").write_text(
        "from gcp_event_router import Event, events\n"
        "@events.on('post-*')\n"
        "def show(event: Event[int]) -> None:\n"
        "    print(event.kind, event.payload)\n"
    )
    then = (
        "from gcp_event_router.signals import event_received\n"
        "event_received.send(None, event_kind='post-liked', event_reference='1', event_payload=5, event_parameters={})\n"
        "print(len(event_received.receivers))"
    )

    run = python(configured("INSTALLED_APPS=['gcp_event_router', 'blog']", then), tmp_path)

    assert (run.stdout, run.stderr) == ("post-liked 5\n1\n", "")


def test_wrong_setting_stops_the_start() -> None:
    """A typo in GCP_EVENT_ROUTER is an ImproperlyConfigured when Django starts."""
    run = python(configured("INSTALLED_APPS=['gcp_event_router'], GCP_EVENT_ROUTER={'UNHANDELED': 'error'}", ""))

    assert run.returncode == 1
    assert run.stderr.splitlines()[-1] == (
        "gcp_event_router.exceptions.ConfigurationError: GCP_EVENT_ROUTER has the key 'UNHANDELED', which does not exist. "
        "Did you mean 'UNHANDLED'? Choose from AUTHENTICATION, FAILURE_STATUS, INBOX, MAX_BODY_SIZE, SIGNALS, "
        "SOURCE_URL, TRACING, UNHANDLED."
    )


def test_urls_without_the_app_are_refused() -> None:
    """Including the URLs without installing the app would lose every event, so it is refused."""
    run = python(configured("INSTALLED_APPS=[]", "import gcp_event_router.urls"))

    assert run.returncode == 1
    assert run.stderr.splitlines()[-1] == (
        "gcp_event_router.exceptions.ConfigurationError: The URLs of gcp_event_router are included, but the app is not "
        'installed, so no handler would ever be called. Add "gcp_event_router" to INSTALLED_APPS.'
    )


def test_authenticators_of_ours_need_no_extra() -> None:
    """Without PyJWT everything but OIDC can be used; whoever asks for OIDC is told what to install, also by the settings."""
    program = configured(
        "",
        "for name in ('jwt', 'cryptography'): sys.modules[name] = None\n"
        "from gcp_event_router import auth, testing\n"
        "auth.SharedToken(tokens=['a'], header='X'), auth.SignedURL()\n"
        "for ask in (lambda: auth.OIDC, lambda: auth.load([{'BACKEND': 'gcp_event_router.auth.OIDC'}])):\n"
        "    try: ask()\n"
        "    except auth.ConfigurationError as error: print(error)",
    )
    run = python(program)

    message = "gcp_event_router.auth.OIDC needs jwt, which is not installed. pip install 'gcp-event-router[oidc]'."
    assert (run.stdout.splitlines(), run.stderr) == ([message, message], "")


def test_a_name_that_auth_has_not() -> None:
    """Asking the package for what it does not have is an ordinary AttributeError."""
    with pytest.raises(AttributeError, match=r"^module 'gcp_event_router\.auth' has no attribute 'OAuth'$"):
        getattr(auth, "OAuth")  # noqa: B009 -- a checker would refuse the attribute
