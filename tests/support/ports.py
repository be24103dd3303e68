"""Ports for servers that are told where to listen, for those that a test stops and starts, and for none."""

from __future__ import annotations

import socket
import sys
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def reserved_port() -> Generator[int]:
    """Reserve a port of this machine. Connections are refused until a server listens at it.

    Linux gives no bound port to a process that asks for any. A server that asks for this one gets it, if it sets SO_REUSEADDR.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        port: int = holder.getsockname()[1]
        if sys.platform != "linux":
            holder.close()
        yield port
