"""An HTTP/2 client in cleartext that knows beforehand what it is talking to (RFC 9113 §3.3), for one request a connection."""

from __future__ import annotations

import socket
from typing import Final

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, ResponseReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError

_READ: Final = 65536


class Exchange:
    """One POST: `send` as much of a body as wanted, then take the `answer`."""

    def __init__(self, client: socket.socket, path: str, headers: dict[str, str]) -> None:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # the server waits for each piece
        self._client = client
        self._connection = H2Connection(H2Configuration())
        self._connection.initiate_connection()
        self._status: int | None = None
        self._content = b""
        self._is_over = False
        pseudo = {":method": "POST", ":scheme": "http", ":authority": "127.0.0.1", ":path": path}
        self._connection.send_headers(1, [*pseudo.items(), *((name.lower(), value) for name, value in headers.items())])
        self._flush()

    def send(self, body: bytes, *, last: bool = True) -> None:
        """Send a part of the body, as the server makes room for it; no more once it has answered."""
        view = memoryview(body)
        while view and not self._is_over:
            room = min(self._connection.local_flow_control_window(1), self._connection.max_outbound_frame_size)
            if room <= 0:
                self._receive()
                continue
            self._connection.send_data(1, bytes(view[:room]))
            view = view[room:]
            self._flush()
        if last and not self._is_over:
            self._connection.end_stream(1)
            self._flush()

    def give_up(self) -> None:
        """End the request in the middle."""
        self._connection.reset_stream(1)
        self._flush()

    def answer(self) -> tuple[int, bytes] | None:
        """The status and the content; None where the server gives none."""
        while not self._is_over:
            self._receive()
        return None if self._status is None else (self._status, self._content)

    def _receive(self) -> None:
        try:
            data = self._client.recv(_READ)
            events = self._connection.receive_data(data)
        except (ConnectionError, ProtocolError):
            self._is_over = True
            return
        for event in events:
            if isinstance(event, ResponseReceived):
                self._status = int(dict(event.headers)[b":status"])
            elif isinstance(event, DataReceived):
                self._content += event.data
                self._connection.acknowledge_received_data(event.flow_controlled_length, 1)
            elif isinstance(event, (StreamEnded, StreamReset, ConnectionTerminated)):
                self._is_over = True
        self._is_over = self._is_over or not data
        self._flush()

    def _flush(self) -> None:
        try:
            self._client.sendall(self._connection.data_to_send())
        except ConnectionError:
            self._is_over = True
