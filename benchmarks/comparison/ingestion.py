"""Ingestion: pushes over loopback to real servers, and the CPU time that the server and PostgreSQL spend on each."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any

from .databases import Database, Server
from .processes import answers, cpu, environment, free_port, python, started, wait_until
from .work import INBOX

CONNECTIONS = 8
PROCESSES = "2"
GUNICORN = ["gunicorn", "--workers", PROCESSES, "--bind", "127.0.0.1:{port}", "--log-level", "warning", "contestants.wsgi"]
GRANIAN = ["granian", "--interface", "wsgi", "--workers", PROCESSES, "--port", "{port}", "--log-level", "warning"]
SERVERS = {
    "gunicorn sync": GUNICORN,
    "gunicorn gthread": [*GUNICORN, "--threads", "4"],
    "granian WSGI": [*GRANIAN, "contestants.wsgi:application"],
}


@dataclass(frozen=True)
class Endpoint:
    """A contestant; `group` says to what it is compared."""

    name: str
    path: str
    apps: Sequence[str]
    group: str


@dataclass(frozen=True)
class Requests:
    """What one endpoint did in one round; CPU seconds of the server, PostgreSQL and the load generator."""

    endpoint: str
    group: str
    server: str
    round: int
    load: float
    requests: int
    seconds: float
    server_cpu: float
    database_cpu: float
    client_cpu: float


PARSED = "The handler does nothing"
ROW = "The handler writes a row"
KEPT = "Each message takes effect once"


def endpoints() -> list[Endpoint]:
    """All contestants that can run here; those with the same apps share a server."""
    router = ("gcp_event_router",)
    found = [
        Endpoint("handwritten typed view", "/hand/events/order-seen/4711", router, PARSED),
        Endpoint("this package", "/ours/events/order-seen/4711", router, PARSED),
        Endpoint("django-gcp", "/django-gcp/events/order-seen/4711", router, PARSED),
        Endpoint("handwritten typed view", "/hand/events/order-placed/4711", router, ROW),
        Endpoint("this package", "/ours/events/order-placed/4711", router, ROW),
        Endpoint("django-gcp", "/django-gcp/events/order-placed/4711", router, ROW),
        Endpoint("handwritten, own table of message ids", "/once/events/order-placed/4711", router, KEPT),
        Endpoint("this package, inbox", "/ours/events/order-placed/4711", INBOX, KEPT),
        Endpoint("this package, inbox, deferred", "/ours/events/order-deferred/4711", INBOX, KEPT),
    ]
    # django-gcp's releases that import need Python 3.12
    return [each for each in found if each.name != "django-gcp" or find_spec("django_gcp")]


class Ingestion:
    """All contestants; those without an inbox share a database, and those with it."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._endpoints = endpoints()
        plain = self._endpoints[0].apps
        self._databases = {plain: Database(server, "plain", plain), INBOX: Database(server, "kept", INBOX)}
        for database in self._databases.values():
            database.create()

    def measure(self, number: int, seconds: float) -> Iterator[dict[str, Any]]:
        """Send to each contestant on each server once."""
        for name, command in SERVERS.items():
            for apps, database in self._databases.items():
                port = free_port()
                with started(python(*(part.format(port=port) for part in command)), database.environ) as process:
                    wait_until(partial(answers, port))
                    for endpoint in (each for each in self._endpoints if each.apps == apps):
                        _send(port, endpoint, 0.5)  # imports, connections
                        run = _run(self._server, process.pid, port, endpoint, name, number, seconds)
                        _print(run)
                        yield asdict(run)


def _run(server: Server, pid: int, port: int, endpoint: Endpoint, name: str, number: int, seconds: float) -> Requests:
    load = os.getloadavg()[0]
    used, spent = cpu(pid), server.cpu()
    sent = _send(port, endpoint, seconds)
    return Requests(
        endpoint.name,
        endpoint.group,
        name,
        number,
        load,
        sent["answered"],
        sent["seconds"],
        cpu(pid) - used,
        server.cpu() - spent,
        sent["cpu"],
    )


def _send(port: int, endpoint: Endpoint, seconds: float) -> dict[str, Any]:
    command = python("comparison.load", str(port), endpoint.path, str(seconds), str(CONNECTIONS), str(time.time_ns()))
    answer: dict[str, Any] = json.loads(subprocess.run(command, env=environment(""), check=True, stdout=subprocess.PIPE).stdout)
    if answer["wrong"]:
        msg = f"{endpoint.name}: {set(answer['wrong'])} instead of 201"
        raise RuntimeError(msg)
    return answer


def _print(run: Requests) -> None:
    each = run.server_cpu / run.requests * 1e6
    print(
        f"{run.round} {run.load:>5.1f} {run.server:<18} {run.endpoint:<40} {each:>6.0f} µs {run.requests / run.seconds:>7.0f}/s",
        flush=True,
    )
