"""What several test modules share: an empty router, and the endpoint's two doors."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.contenttypes.management import create_contenttypes
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connections
from django.db.models.signals import post_migrate
from django.http import HttpResponse
from django.test import AsyncClient, Client, override_settings
from django.urls import clear_script_prefix
from hypothesis import HealthCheck, Phase, settings
from pytest_django import DjangoDbBlocker

from gcp_event_router import Backoff, EventRouter, events
from gcp_event_router._dispatch.dispatch import warned
from gcp_event_router._dispatch.lookup import LISTENING
from gcp_event_router._dispatch.store import set_store
from gcp_event_router.auth.chain import warn_that_all_may_send
from gcp_event_router.inbox.store import InboxStore
from gcp_event_router.lifecycle import event_rejected, handler_finished, handler_started
from gcp_event_router.outbox.store import OutboxStore
from gcp_event_router.publishing import set_outbox
from gcp_event_router.signals import event_received

from .support import mariadb, postgres

if TYPE_CHECKING:
    from local_pubsub import Emulator

Post = Callable[..., HttpResponse]
#: The inbox's policy in tests: what has failed may run again at once.
AT_ONCE = Backoff(first=timedelta(0))
#: The outbox's policy in tests: however long one takes, what has failed is not due again.
LATER = Backoff(first=timedelta(hours=1), cap=timedelta(hours=1), jitter=0)

# A busy machine may take as long as it needs. The examples of a test are the same in each run, so that no run fails by bad luck;
# `--hypothesis-profile=random` draws others. `make test` draws few of them, and `make proofs` as many as hypothesis would.
settings.register_profile("random", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", settings.get_profile("random"), derandomize=True)
settings.register_profile("few", settings.get_profile("same"), max_examples=25)
# a mutant that fails need not fail in the shortest way
settings.register_profile("mutants", settings.get_profile("few"), phases=[Phase.explicit, Phase.generate])
settings.load_profile("same")


def pytest_configure(config: pytest.Config) -> None:
    """Have hypothesis draw no constants of imported modules, which differ with each commit, and with a worker's other tests."""
    if config.getoption("hypothesis_profile") != "random":
        with suppress(ImportError, AttributeError):  # Hypothesis has no setting for this, so another release may lack these names
            providers: Any = import_module("hypothesis.internal.conjecture.providers")
            none = providers._local_constants
            providers._get_local_constants = lambda: none


gc.disable()  # until all tests are collected: hardly anything of theirs is garbage

#: Each test that is named after one of these is kept from the others, which then need not be emptied after it.
SHARED = frozenset({"sqlite", "postgresql", "mariadb"})


#: Files of few tests that take a minute or more.
LONGEST = frozenset(
    {
        "test_chaos.py",
        "test_demo.py",
        "test_edits.py",
        "test_order_processes.py",
        "test_outbox_chaos.py",
        "test_relay_chaos.py",
        "test_typing.py",
    }
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave MariaDB to the proofs, and let workers begin with long files, so that none is left with one at the end."""
    for item in items:
        if isinstance(item, pytest.Function) and "mariadb" in _words(item) and not item.get_closest_marker("proof"):
            item.add_marker("mariadb")
            item.add_marker("proof")
    if hasattr(config, "workerinput"):
        counts = Counter(item.path for item in items)
        items.sort(key=lambda item: (item.path.name not in LONGEST, -counts[item.path]))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Choose the databases of each test; without any on MariaDB, its server is not started."""
    gc.freeze()  # a collection need not look at what was imported for the tests
    gc.enable()
    lacks = mariadb.missing()
    is_wanted = False
    for item in session.items:
        if not isinstance(item, pytest.Function):
            continue
        named = SHARED & _words(item)
        if "mariadb" in named and lacks:
            item.add_marker(pytest.mark.skip(reason=lacks))
            continue
        is_wanted |= "mariadb" in named
        marker = item.get_closest_marker("django_db")
        # the admin's pages have ATOMIC_REQUESTS, and so begin with every database
        if named and marker and marker.kwargs.get("databases") == "__all__" and "admin_site" not in item.fixturenames:
            databases = [alias for alias in connections if alias in named or alias not in SHARED]
            item.add_marker(pytest.mark.django_db(**{**marker.kwargs, "databases": databases}), append=False)
    if not is_wanted and not lacks:
        connections.settings.pop("mariadb", None)  # mutmut collects tests several times in one process


def _words(item: pytest.Function) -> set[str]:
    """The words in the parameters of a test."""
    values = item.callspec.params.values() if hasattr(item, "callspec") else ()
    return {word for value in values if isinstance(value, str) for word in value.split()}


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> Iterator[None]:
    """Start the servers before pytest-django makes the test databases; MariaDB's only for tests that ask for it."""
    with ExitStack() as stack:
        connections["postgresql"].settings_dict["HOST"] = stack.enter_context(postgres.server(durable=False))
        if "mariadb" in connections:
            host = os.environ.get(mariadb.RUNNING) or stack.enter_context(mariadb.server(durable=False)).host
            connections["mariadb"].settings_dict["HOST"] = host
        yield


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """At the end, close what threads and event loops left open: the tests' database cannot be dropped before.

    Until then, no test waits for the permissions of every model in every database: those that need some create them.
    """
    post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")
    post_migrate.disconnect(create_contenttypes)
    yield
    if not connections["postgresql"].settings_dict["NAME"].startswith("test_"):  # no test asked for it
        return
    with django_db_blocker.unblock(), connections["postgresql"].cursor() as cursor:
        others = "datname = current_database() AND pid <> pg_backend_pid()"
        cursor.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")


@pytest.fixture(scope="session", autouse=True)
def _json_is_known() -> None:
    """Answer for SQLite what Django 6.1's own checks would ask it, also in tests that may not use a database."""
    for connection in connections.all():
        if connection.vendor == "sqlite":
            connection.features.supports_json_field = True  # what Django remembers, once it has asked


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    """Google's Pub/Sub emulator; what asks for it is skipped where there is none."""
    import local_pubsub  # noqa: PLC0415 -- Google's client takes a second, which most tests need not wait

    try:
        local_pubsub.command()
    except local_pubsub.NoEmulatorError as error:
        pytest.skip(f"no emulator: {error}")
    with local_pubsub.running() as found:
        yield found


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def inbox(request: pytest.FixtureRequest, transactional_db: None) -> Iterator[str]:
    """Every event is kept in a database; yields its alias. The test has to be marked for all databases."""
    alias: str = request.param
    set_store(InboxStore())
    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [], "INBOX": {"DATABASE": alias, "RETRY": AT_ONCE}}):
        yield alias


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def outbox(request: pytest.FixtureRequest, transactional_db: None) -> Iterator[str]:
    """Store what a test publishes in a database, and yield its alias. The test has to be marked for all databases."""
    alias: str = request.param
    set_outbox(OutboxStore())
    with override_settings(GCP_EVENT_ROUTER={"AUTHENTICATION": [], "OUTBOX": {"DATABASE": alias, "RETRY": LATER}}):
        yield alias


@pytest.fixture
def admin_site() -> Iterator[None]:
    """The endpoint and the admin, with the middleware that the admin needs."""
    names = (
        "sessions.middleware.SessionMiddleware",
        "auth.middleware.AuthenticationMiddleware",
        "messages.middleware.MessageMiddleware",
    )
    with override_settings(ROOT_URLCONF="tests.support.admin_urls", MIDDLEWARE=[f"django.contrib.{name}" for name in names]):
        yield


@pytest.fixture
def connections_stay() -> Iterator[None]:
    """As Django's test clients do: requests here close no connection of the tests' database."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def router() -> Iterator[EventRouter]:
    """`events` without any registration; what a test registers is gone after it."""
    with events.isolated(empty=True) as scope:
        yield scope


@pytest.fixture(autouse=True)
def _isolation() -> Iterator[None]:
    """Undo what a test changes in this process.

    Without a fixture of its own, no test has an inbox or an outbox, and each one is the first to log what is logged once.
    The receivers that it connects to our signals are removed after it, even if something still refers to them, and so
    are its routers.
    """
    warned.clear()
    warn_that_all_may_send.cache_clear()
    clear_script_prefix()  # Django's handlers leave that of the last request
    set_store(None)
    set_outbox(None)
    signals = (event_received, handler_started, handler_finished, event_rejected)
    before = [list(signal.receivers) for signal in signals]
    listening = set(LISTENING)
    yield
    set_store(None)
    set_outbox(None)
    LISTENING.clear()  # a router and its receiver refer to each other, and so outlive their test for a while
    LISTENING.update(listening)
    for signal, receivers in zip(signals, before, strict=True):
        signal.receivers[:] = receivers
    for signal in signals:
        signal.disconnect(dispatch_uid="nobody")  # the signal looks at its receivers again


@pytest.fixture(params=["wsgi", "asgi"])
def post(request: pytest.FixtureRequest) -> Post:
    """Post a body to a path, through Django's WSGI handler and the sync view, and through the ASGI handler and the async view."""
    if request.param == "wsgi":
        return post_wsgi
    return post_asgi


def post_wsgi(path: str, body: bytes = b"{}", content_type: str = "application/json", **headers: str) -> HttpResponse:
    """Post to the sync view."""
    response = Client().generic("POST", path, body, content_type, headers={n.replace("_", "-"): v for n, v in headers.items()})
    assert isinstance(response, HttpResponse)
    return response


def post_asgi(
    path: str, body: bytes = b"{}", content_type: str = "application/json", *, prefix: str = "/async", **headers: str
) -> HttpResponse:
    """Post to the async view, which `tests.urls` has below a prefix."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}

    async def send() -> HttpResponse:
        response = await AsyncClient().generic("POST", f"{prefix}{path}", body, content_type, headers=sent)
        assert isinstance(response, HttpResponse)
        return response

    return asyncio.run(send())


@pytest.fixture
def unraisable(monkeypatch: pytest.MonkeyPatch) -> list[BaseException | None]:
    """The exceptions that Python can raise to nobody, such as those of the garbage collector."""
    errors: list[BaseException | None] = []

    def keep(error: sys.UnraisableHookArgs) -> None:
        errors.append(error.exc_value)

    monkeypatch.setattr(sys, "unraisablehook", keep)
    return errors


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """The lines of this package's log at INFO or above, each with its level, formatted in full."""
    caplog.set_level(logging.DEBUG, "gcp_event_router")
    formatter = logging.Formatter("%(levelname)s %(message)s")
    return lambda: [
        formatter.format(record) for record in caplog.records if record.levelno >= logging.INFO and "gcp_event" in record.name
    ]
