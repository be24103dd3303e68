"""gunicorn's gevent workers: sync handlers run there, async ones are refused in words."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from socket import create_server

import pytest

pytestmark = pytest.mark.proof

pytest.importorskip("gevent")
PATIENCE = 100.0
WHY = (
    "gevent runs all requests in one thread, where each would find the event loop of another. Serve events with gunicorn's "
    'gthread workers ("--worker-class gthread") or under ASGI, or write "def" in place of "async def".'
)
CANNOT = f"gunicorn's gevent workers cannot await it: {WHY}"
SITE = """
from django.conf import settings
from django.urls import include, path
settings.configure(
    INSTALLED_APPS=["gcp_event_router", "shop"], ROOT_URLCONF="site_of_shop", ALLOWED_HOSTS=["*"],
    GCP_EVENT_ROUTER={"AUTHENTICATION": []}, SECRET_KEY="for tests only",
)
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
urlpatterns = [path("", include("gcp_event_router.URLS"))]
"""
HANDLER = """
from time import sleep

from gcp_event_router import Event, events

@events.on("order-*")
DEF record_order(event: Event[dict[str, int]]) -> None:
    sleep(0.01)  # other requests come between
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A project with one sync handler, at the sync endpoint."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").touch()
    write(tmp_path, is_async=False)
    (tmp_path / "site_of_shop.py").write_text(SITE.replace("URLS", "urls"))
    return tmp_path


def write(site: Path, *, is_async: bool) -> None:
    (site / "shop" / "event_handlers.py").write_text(HANDLER.replace("DEF", "async def" if is_async else "def"))


def environment(site: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(site), "XDG_RUNTIME_DIR": str(site)}  # where gunicorn puts its control socket


def gunicorn(site: Path, fd: int, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "gunicorn", "site_of_shop", "--bind", f"fd://{fd}", "--worker-class", "gevent", *options]
    return subprocess.Popen(command, cwd=site, env=environment(site), pass_fds=[fd], stderr=subprocess.PIPE, text=True)


def post(port: int) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("POST", "/events/order-placed/1", b'{"order_id": 1}', {"Content-Type": "application/json"})
        return connection.getresponse().status
    finally:
        connection.close()


def served(site: Path, *options: str, requests: int = 1) -> tuple[list[int], str]:
    """The answers of gevent workers to some requests at once, and what gunicorn writes."""
    with create_server(("127.0.0.1", 0), backlog=requests) as listening:
        process = gunicorn(site, listening.fileno(), *options)
        try:
            with ThreadPoolExecutor(requests) as executor:
                statuses = list(executor.map(post, [listening.getsockname()[1]] * requests))
        finally:
            process.terminate()
            try:
                written = process.communicate(timeout=PATIENCE)[1]
            except subprocess.TimeoutExpired:
                process.kill()
                written = process.communicate()[1]
    return statuses, written


def test_sync_handlers_run(site: Path) -> None:
    """Sync handlers serve many requests at once under gevent workers."""
    assert served(site, requests=20)[0] == [201] * 20


def refused(site: Path, *options: str) -> str:
    """What gunicorn writes when it cannot start."""
    with create_server(("127.0.0.1", 0)) as listening:
        process = gunicorn(site, listening.fileno(), *options)
        try:
            written = process.communicate(timeout=PATIENCE)[1]
        finally:
            process.kill()
    assert process.returncode != 0
    return written


@pytest.mark.parametrize("options", [[], ["--preload"]])
def test_an_async_handler_stops_the_start(site: Path, options: list[str]) -> None:
    """A project with an async handler does not start under gevent workers, and is told why, at the handler's line."""
    write(site, is_async=True)

    handler = f"shop.event_handlers.record_order ({site / 'shop' / 'event_handlers.py'}:6)"
    assert f"gcp_event_router.exceptions.RegistrationError: {handler} is async, and {CANNOT}" in refused(site, *options)


def test_the_async_endpoint_is_refused(site: Path) -> None:
    """`urls_async` under gevent workers fails when the URLs are read, and says why."""
    (site / "site_of_shop.py").write_text(SITE.replace("URLS", "urls_async"))

    message = f"AsyncEventView is an async view, and {CANNOT}"
    assert f"gcp_event_router.exceptions.ConfigurationError: {message}" in refused(site)


def test_elsewhere_each_event_is_refused(site: Path) -> None:
    """Where something else has patched the process, an event for an async handler is refused, and the log says why."""
    write(site, is_async=True)
    program = (
        "from gevent import monkey; monkey.patch_all()\n"
        "import site_of_shop\n"
        "from django.test import Client\n"
        "print(Client().post('/events/order-placed/1', {'order_id': 1}, content_type='application/json').status_code)"
    )

    command = [sys.executable, "-c", program]
    run = subprocess.run(command, env=environment(site), capture_output=True, text=True, timeout=PATIENCE, check=False)

    message = f"An async handler, receiver or authenticator cannot be awaited in this process: {WHY}"
    assert (run.stdout, message in run.stderr) == ("400\n", True)
