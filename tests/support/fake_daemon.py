"""A control socket that answers what a test says: for looking at the command line with things that a daemon says rarely.

    with FakeDaemon(path) as daemon:
        daemon.on("pending", lambda request: [message(16, ITEM), last(message(9))])

A message is bytes of protobuf: `field(number, value)` for an int, a str, bytes or a list of them. The numbers are those
of sdk/proto/control.proto.
"""

from __future__ import annotations

import array
import os
import socket
from pathlib import Path
from typing import Callable, Optional, Union

from tests.support.packet_server import PacketServer

Value = Union[int, str, bytes]

REQUESTS = {2: "hello", 3: "run", 5: "show", 16: "signal", 18: "detach", 19: "pending", 20: "answer", 21: "grants",
            22: "revoke_grant", 23: "why"}
PACKET = 65536


def varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def field(number: int, value: Value) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def fields(data: bytes) -> dict[int, list[Value]]:
    """Every field of a message, in order."""
    found: dict[int, list[Value]] = {}

    def number(at: int) -> tuple[int, int]:
        result = shift = 0
        while True:
            result |= (data[at] & 127) << shift
            shift += 7
            at += 1
            if data[at - 1] < 128:
                return result, at

    at = 0
    while at < len(data):
        key, at = number(at)
        value, at = number(at)
        if key & 7 == 2:
            found.setdefault(key >> 3, []).append(data[at:at + value])
            at += value
        else:
            found.setdefault(key >> 3, []).append(value)
    return found


class Connection:
    """One client: what it asked, and how to answer."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def send(self, request: int, answer: bytes, last: bool = False, fds: Optional[list[int]] = None) -> None:
        packet = b"\x01" + field(1, request) + (field(2, 1) if last else b"") + answer
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.sock.sendmsg([packet], ancillary)


Handler = Callable[[Connection, int, dict[int, list[Value]]], None]


class FakeDaemon:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.requests: list[str] = []  # names, in the order of arrival
        self._handlers: dict[str, Handler] = {}
        self._server = PacketServer(path, self._serve)

    def __enter__(self) -> "FakeDaemon":
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()
        self.path.unlink()

    def on(self, request: str, handler: Handler) -> None:
        self._handlers[request] = handler

    def _serve(self, sock: socket.socket) -> None:
        connection = Connection(sock)
        while True:
            try:
                packet, descriptors, _, _ = socket.recv_fds(sock, PACKET, 8)
            except OSError:
                return
            for descriptor in descriptors:
                os.close(descriptor)
            if not packet:
                return
            try:
                self._handle(connection, fields(packet[1:]))
            except OSError:
                return  # It went away: that is a client's right.

    def _handle(self, connection: Connection, message: dict[int, list[Value]]) -> None:
        request = message[1][0]
        assert isinstance(request, int)
        number = next(key for key in message if key > 1)
        name = REQUESTS[number]
        if name == "hello":
            connection.send(request, field(4, field(1, 1)), last=True)
            return
        self.requests.append(name)
        body = message[number][0]
        assert isinstance(body, bytes)
        self._handlers[name](connection, request, fields(body))
