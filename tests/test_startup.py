"""What a process imports at start; `make bench` prints how long that takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import gcp_event_router
from gcp_event_router import auth

from .public import PUBLIC

INBOX, OUTBOX = "gcp_event_router.inbox", "gcp_event_router.outbox"
#: The parts of the package that a start needs, of all that it has.
NEEDED = {
    "_backends", "_check_ids", "_concurrency", "_database_errors", "_dispatch", "_flow", "_frames", "_globs", "_late",
    "_log", "_receivers", "_schema", "_words", "apps", "auth", "backoff", "conf", "envelopes", "event", "exceptions", "kinds",
    "lifecycle", "outcomes", "router", "signals",
}  # fmt: skip
#: Packages of others that take long, and that most processes never need.
OTHERS = {
    "google", "opentelemetry", "cryptography", "jwt", "hypothesis", "pytest", "grpc", "requests", "urllib3", "django_tasks",
    "sqlite3",
}  # fmt: skip
#: What only a server needs of Django: it imports templates, too.
SERVING = "django.core.handlers"

START = """
import json, sys
import django
from django.conf import settings
settings.configure(
    SECRET_KEY="not secret",
    INSTALLED_APPS=sys.argv[1:],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
)
django.setup()
from gcp_event_router import Event, events
@events.on("order-placed")
def handle(event: Event[bytes]) -> None: ...
print(json.dumps(sorted(sys.modules)))
"""
ALONE = """
import os, sys
import django, pydantic
from django.conf import settings
settings.configure(SECRET_KEY="not secret")
for name in sys.argv[1:]:
    child = os.fork()
    if not child:
        try:
            __import__(name)
        except BaseException as error:
            print(name, repr(error), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""


def run(source: str, *arguments: str) -> str:
    done = subprocess.run([sys.executable, "-c", source, *arguments], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stderr == ""
    return done.stdout


def imported(*apps: str) -> set[str]:
    """The modules that a project with these apps and a handler has imported at start."""
    return set(json.loads(run(START, "gcp_event_router", *apps)))


def parts(names: set[str]) -> set[str]:
    """The parts of this package among modules."""
    return {name.split(".")[1] for name in names if name.startswith("gcp_event_router.")}


def modules_of(part: str, names: set[str]) -> set[str]:
    """The modules of a part."""
    prefix = f"gcp_event_router.{part}."
    return {name.removeprefix(prefix) for name in names if name.startswith(prefix)}


@pytest.mark.proof
def test_a_start() -> None:
    """A project with a handler imports no form of an envelope, no check, no authenticator, and nothing that publishes."""
    names = imported()
    assert parts(names) == NEEDED
    assert modules_of("auth", names) == {"base", "chain", "loading"}
    assert modules_of("envelopes", names) == {"base"}
    assert names & {*OTHERS, SERVING} == set()


@pytest.mark.proof
def test_a_start_with_both_boxes() -> None:
    """The boxes import neither their checks, their admin, their commands nor a transport, nor what is for tests."""
    names = imported(INBOX, OUTBOX)
    unneeded = {
        "management",
        "catalogue",
        "checks",
        "testing",
        "google",
        "_contract",
        "_messages",
        "mypy",
        "asgi",
        "pulling",
        "views",
    }
    assert parts(names) & unneeded == set()
    boxes = {tuple(name.split(".")[1:3]) for name in names if name.startswith((f"{INBOX}.", f"{OUTBOX}."))}
    rare = {"checks", "admin", "management", "purge", "replay", "retry", "stats", "selections", "workers", "for_tests", "relay"}
    rare |= {"history", "relatives", "outgoing_relatives"}
    assert {part for _, part in boxes} & rare == set()
    assert {name for name in names if name.startswith(f"{OUTBOX}.transports.")} <= {
        f"{OUTBOX}.transports.base",
        f"{OUTBOX}.transports.configured",
    }
    assert names & {*OTHERS, SERVING} == set()


@pytest.mark.proof
def test_each_module_first() -> None:
    """Each public module can be the first one that a project imports, before Django has started."""
    with_models = ("inbox", "outbox", "testing", "urls")
    names = [f"gcp_event_router.{name}".rstrip(".") for name in PUBLIC if not name.startswith(with_models)]
    assert run(ALONE, *names) == ""


@pytest.mark.parametrize("name", ["gcp_event_router", "gcp_event_router.auth", "gcp_event_router.outbox.transports"])
def test_names_that_are_imported_late(name: str) -> None:
    """Whatever a package exports is there, and listed, whether or not it is imported yet; another name is not."""
    module = import_module(name)
    exported: list[str] = module.__all__
    assert [each for each in exported if not hasattr(module, each) or each not in dir(module)] == []
    with pytest.raises(AttributeError, match=f"^module '{name}' has no attribute 'Nothing'$"):
        _ = module.Nothing


def test_star() -> None:
    """`import *` gets all exported names."""
    namespace: dict[str, object] = {}
    exec("from gcp_event_router.auth import *", namespace)
    assert set(auth.__all__) - namespace.keys() == set()


def test_the_list_is_whole() -> None:
    """The parts that a start needs exist."""
    here = Path(gcp_event_router.__file__ or "").parent
    assert {part for part in NEEDED if not list(here.glob(f"{part}*"))} == set()
