"""One PostgreSQL for all, and a database in it for each contestant."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier
from tests.support.postgres import server

from .processes import cpu, environment, python

SETTINGS = ("server_version", "fsync", "synchronous_commit", "wal_sync_method", "shared_buffers", "max_connections")


@dataclass
class Server:
    """A running PostgreSQL."""

    host: str

    @property
    def pid(self) -> int:
        """The process whose children are all others."""
        return int((Path(self.host) / "postmaster.pid").read_text().split()[0])

    def connect(self, name: str) -> psycopg.Connection[Any]:
        """Connect to one of its databases."""
        return psycopg.connect(host=self.host, user="postgres", dbname=name, autocommit=True)

    def cpu(self, *without: psycopg.Connection[Any]) -> float:
        """CPU seconds of all its processes but those of some connections."""
        return cpu(self.pid, *(connection.info.backend_pid for connection in without))

    def settings(self) -> dict[str, str]:
        """The settings that the figures depend on."""
        with self.connect("postgres") as connection:
            rows = connection.execute(
                "SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY(%s)", [list(SETTINGS)]
            )
            found = dict(rows.fetchall())
        return {name: found[name] for name in SETTINGS}


@dataclass
class Database:
    """A contestant's database; `source` is a checkout whose package the contestant uses."""

    server: Server
    name: str
    apps: Sequence[str]
    broker: str = ""
    source: Path | None = None

    @property
    def environ(self) -> dict[str, str]:
        """The environment of the contestant's processes."""
        bench = {"host": self.server.host, "name": self.name, "apps": self.apps, "broker": self.broker}
        return environment(json.dumps(bench), self.source)

    def create(self) -> None:
        """Create it with all its tables."""
        with self.server.connect("postgres") as connection:
            connection.execute(SQL("CREATE DATABASE {}").format(Identifier(self.name)))
        subprocess.run(python("django", "migrate", "--run-syncdb", "-v", "0"), env=self.environ, check=True)


@contextmanager
def postgresql() -> Generator[Server]:
    """Run the server as long as the block lasts."""
    with server() as host:
        yield Server(host)
