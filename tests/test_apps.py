"""Start-up: imports, autodiscovery and errors."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

import gcp_event_router
from gcp_event_router import auth
from gcp_event_router.conf import AuthenticatorSetting
from gcp_event_router.exceptions import ConfigurationError

ROOT = Path(__file__).resolve().parent.parent


def python(source: str, *path: Path) -> subprocess.CompletedProcess[str]:
    """Run a program in a separate Python without settings."""
    program = f"import sys; sys.path[:0] = {[str(each) for each in path]!r}\n{source}"
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False, timeout=120
    )


def configured(settings: str, then: str) -> str:
    """Make a program that configures Django and continues."""
    return f"import django\nfrom django.conf import settings\nsettings.configure({settings})\ndjango.setup()\n{then}"


def test_face() -> None:
    """The package's root is a list of names, and all of them are there."""
    assert gcp_event_router.__all__ == [
        "Backoff",
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


@pytest.mark.proof
def test_import_needs_no_settings() -> None:
    """The package, its signal and its utilities can be imported before Django knows its settings."""
    run = python("import gcp_event_router, gcp_event_router.signals, gcp_event_router.utils, gcp_event_router.auth")

    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.proof
def test_event_handlers_are_found(tmp_path: Path) -> None:
    """Django imports event_handlers.py of every installed app when it starts, and its handlers get events."""
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


@pytest.mark.proof
def test_wrong_setting_stops_the_start() -> None:
    """A typo in GCP_EVENT_ROUTER is an ImproperlyConfigured when Django starts."""
    run = python(configured("INSTALLED_APPS=['gcp_event_router'], GCP_EVENT_ROUTER={'UNHANDELED': 'error'}", ""))

    assert run.returncode == 1
    assert run.stderr.splitlines()[-1] == (
        'gcp_event_router.exceptions.ConfigurationError: GCP_EVENT_ROUTER["UNHANDELED"] does not exist. '
        "Did you mean 'UNHANDLED'? Choose from AUTHENTICATION, FAILURE_STATUS, INBOX, MAX_BATCH, MAX_BODY_SIZE, OUTBOX, SIGNALS, "
        "SOURCE_URL, TRACING, UNHANDLED, WEBHOOK_ORIGINS."
    )


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "a wrong option": (
        {"BACKEND": "gcp_event_router.auth.SharedToken", "OPTIONS": {"token": "s3cr3t", "header": "X"}},
        "The authenticator 'gcp_event_router.auth.SharedToken' cannot be created with its OPTIONS (header, token): "
        "it has no option 'token'. Did you mean 'tokens'? It takes tokens, header, parameter.",
    ),
    "a value that cannot be used": (
        {"BACKEND": "gcp_event_router.auth.OIDC", "OPTIONS": {"service_accounts": ["serviceAccount:a@b.c"], "audience": "x"}},
        "OIDC's service_accounts=['serviceAccount:a@b.c'] is not a list of addresses. List the addresses of the senders "
        'without a prefix, such as ["pubsub@my-project.iam.gserviceaccount.com"].',
    ),
    "no such module": (
        {"BACKEND": "nowhere.PartnerKey"},
        "The authenticator 'nowhere.PartnerKey' cannot be imported: No module named 'nowhere'. "
        "Give the dotted path of a class as its BACKEND.",
    ),
    "no such name": (
        {"BACKEND": "gcp_event_router.auth.OAuth"},
        "The authenticator 'gcp_event_router.auth.OAuth' cannot be imported: "
        'Module "gcp_event_router.auth" does not define a "OAuth" attribute/class. '
        "Give the dotted path of a class as its BACKEND.",
    ),
    "a module that imports what is not there": (
        {"BACKEND": "missing.PartnerKey"},
        "The authenticator 'missing.PartnerKey' cannot be imported: No module named 'nowhere_to_be_found'. "
        "Give the dotted path of a class as its BACKEND.",
    ),
    "a module that is no Python": (
        {"BACKEND": "wrong.PartnerKey"},
        "The authenticator 'wrong.PartnerKey' cannot be imported: its module raised SyntaxError. "
        "Give the dotted path of a class as its BACKEND.",
    ),
    "an authenticator that raises": (
        {"BACKEND": "own.Raising", "OPTIONS": {"key": "s3cr3t"}},
        "The authenticator 'own.Raising' cannot be created with its OPTIONS (key): it raised KeyError. It takes key.",
    ),
    "no authenticator": (
        {"BACKEND": "own.Nothing"},
        "The authenticator 'own.Nothing' has no method authenticate(request). Give it one that returns a Principal or None.",
    ),
}


def project(folder: Path, entry: dict[str, Any], **more: Any) -> dict[str, str]:
    """Make a project whose AUTHENTICATION is one entry; returns the environment that its programs need."""
    (folder / "missing.py").write_text("import nowhere_to_be_found\n")
    (folder / "wrong.py").write_text("def\n")
    (folder / "own.py").write_text(
        "class Raising:\n    def __init__(self, key):\n        raise KeyError('why')\nclass Nothing: ...\n"
    )
    settings = {
        "INSTALLED_APPS": ["gcp_event_router"],
        "GCP_EVENT_ROUTER": {"AUTHENTICATION": [entry]},
        "ROOT_URLCONF": "gcp_event_router.urls",
        "BASE_URL": "https://shop.example",
        "SECRET_KEY": "x",
        "DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        **more,
    }
    (folder / "settings.py").write_text("".join(f"{name} = {value!r}\n" for name, value in settings.items()))
    return {**os.environ, "DJANGO_SETTINGS_MODULE": "settings", "PYTHONPATH": str(folder)}


@pytest.mark.parametrize("name", BROKEN)
def test_an_authenticator_that_cannot_be_made_is_told_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The error says which authenticator failed, why, and what to do, without quoting a secret."""
    entry, message = BROKEN[name]
    project(tmp_path, entry)
    monkeypatch.setattr("sys.path", [str(tmp_path), *sys.path])
    for each in ("missing", "wrong", "own"):
        monkeypatch.delitem(sys.modules, each, raising=False)

    with pytest.raises(ConfigurationError) as caught:
        auth.load([cast("AuthenticatorSetting", entry)])

    assert str(caught.value) == message


@pytest.mark.proof
@pytest.mark.parametrize(("server", "name"), [("wsgi", "an authenticator that raises"), ("asgi", "a wrong option")])
def test_an_authenticator_that_cannot_be_made_stops_the_start(tmp_path: Path, server: str, name: str) -> None:
    """A server whose authenticator cannot be created does not start; the error says what to correct, and quotes no option."""
    entry, message = BROKEN[name]
    source = f"from django.core.{server} import get_{server}_application\nget_{server}_application()\nprint('started')"
    run = subprocess.run(
        [sys.executable, "-c", source], env=project(tmp_path, entry), capture_output=True, text=True, check=False, timeout=120
    )

    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.splitlines()[-1] == f"gcp_event_router.exceptions.ConfigurationError: {message}"
    assert "s3cr3t" not in run.stderr


@pytest.mark.proof
@pytest.mark.parametrize(
    ("command", "debug"), [("check", False), ("migrate", True), ("test", False), ("runserver --noreload 127.0.0.1:0", True)]
)
def test_commands_say_which_authenticator_cannot_be_made(tmp_path: Path, command: str, debug: bool) -> None:
    """A command that checks the project reports the authenticator in words, and exits with 1."""
    entry, message = BROKEN["no authenticator"]
    more = {"DEBUG": debug, "ALLOWED_HOSTS": ["*"]}
    run = subprocess.run(
        [sys.executable, "-m", "django", *command.split()],
        env=project(tmp_path, entry, **more),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert run.returncode == 1
    assert f"(gcp_event_router.E002) {message}\n\tHINT: Until then, every request fails.\n" in run.stderr


@pytest.mark.proof
def test_other_commands_do_without_authenticators(tmp_path: Path) -> None:
    """A command without checks, such as collectstatic in an image's build, runs without the site's secrets."""
    entry, _ = BROKEN["an authenticator that raises"]
    run = subprocess.run(
        [sys.executable, "-m", "django", "shell", "-c", "print('started')"],
        env=project(tmp_path, entry),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert (run.returncode, run.stdout.splitlines()[-1:]) == (0, ["started"])


@pytest.mark.proof
def test_urls_without_the_app_are_refused() -> None:
    """Including the URLs without installing the app would lose every event, so it raises."""
    run = python(configured("INSTALLED_APPS=[]", "import gcp_event_router.urls"))

    assert run.returncode == 1
    assert run.stderr.splitlines()[-1] == (
        "gcp_event_router.exceptions.ConfigurationError: The URLs of gcp_event_router are included, but the app is not "
        'installed, so no handler would ever be called. Add "gcp_event_router" to INSTALLED_APPS.'
    )


@pytest.mark.proof
def test_authenticators_of_ours_need_no_extra() -> None:
    """Without PyJWT everything but OIDC works; importing or configuring OIDC says what to install."""
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
    """A missing name of the package is an ordinary AttributeError."""
    with pytest.raises(AttributeError, match=r"^module 'gcp_event_router\.auth' has no attribute 'OAuth'$"):
        getattr(auth, "OAuth")  # noqa: B009 -- a checker would refuse the attribute
