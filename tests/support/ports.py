"""Ports for servers that are told where to listen, and for those that a test stops and starts."""

from __future__ import annotations

import socket
import sys
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def reserved_port() -> Generator[int]:
    """A port at which nobody listens until a server is told of it.

    Linux gives a port that is bound to nobody who asks for any, and to a server that asks for this one with SO_REUSEADDR.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        port: int = holder.getsockname()[1]
        if sys.platform != "linux":
            holder.close()
        yield port
