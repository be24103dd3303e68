"""The endpoint of the tests' own process on the loopback, over real HTTP with connections that stay open."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from threading import Thread

from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.db import connections
from typing_extensions import override


class _Quiet(WSGIRequestHandler):
    @override
    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""

    @override
    def handle(self) -> None:
        try:
            super().handle()
        finally:
            connections.close_all()  # those of the thread that served this connection


@contextmanager
def serving() -> Generator[str]:
    """Serve the project of the tests during the `with` block; yields the URL of its root."""
    server = ThreadedWSGIServer(("127.0.0.1", 0), _Quiet)
    server.set_app(WSGIHandler())
    server.daemon_threads = False
    thread = Thread(target=server.serve_forever, args=[0.01])
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
