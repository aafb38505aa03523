"""The control socket as any program speaks it: one JSON object a packet, as the user who connects."""

from __future__ import annotations

import base64
import contextlib
import copy
import json
import os
import socket
from typing import Any, Iterator

PACKET = 1 << 17
IN_MEMFD = b"\x03"


class Gone(Exception):
    """The daemon closed the connection, or is not there."""


def text(value: str | bytes) -> str:
    """As bytes are written in JSON."""
    return base64.b64encode(os.fsencode(value)).decode()


def plain(value: str) -> str:
    return os.fsdecode(base64.b64decode(value))


@contextlib.contextmanager
def acting_as(uid: int) -> Iterator[None]:
    """Who connects is looked at once, at connect(2)."""
    os.setegid(uid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


class Connection:
    def __init__(self, address: str, uid: int) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(30)
        self.number = 0
        try:
            with acting_as(uid):
                self.socket.connect(address)
        except OSError as error:
            raise Gone(str(error)) from error
        assert "hello" in self.ask(hello={"protocol": 1})

    def kept(self) -> "Connection":
        """The same connection, when this end of it is closed."""
        other = copy.copy(self)
        other.socket = self.socket.dup()
        return other

    def send(self, fds: list[int] | None = None, **request: object) -> int:
        self.number += 1
        packet = json.dumps({"id": self.number, **request}).encode()
        try:
            if fds:
                socket.send_fds(self.socket, [packet], fds)
            else:
                self.socket.send(packet)
        except OSError as error:
            raise Gone(str(error)) from error
        return self.number

    def receive(self) -> dict[str, Any]:
        try:
            packet, fds, _, _ = socket.recv_fds(self.socket, PACKET, 8)
        except TimeoutError:
            raise
        except OSError as error:
            raise Gone(str(error)) from error
        if not packet:
            raise Gone("closed")
        if packet == IN_MEMFD:
            packet = os.pread(fds[0], os.fstat(fds[0]).st_size, 0)
        for fd in fds:
            os.close(fd)
        return json.loads(packet)

    def answers(self, number: int) -> list[dict[str, Any]]:
        """All answers to that request; it must be the oldest one."""
        found = []
        while True:
            packet = self.receive()
            if int(packet.get("id", 0)) != number:
                continue  # of a request before, whose answer nobody waited for
            found.append(packet)
            if packet.get("last"):
                return found

    def ask(self, fds: list[int] | None = None, **request: object) -> dict[str, Any]:
        """The last answer."""
        return self.answers(self.send(fds, **request))[-1]

    def close(self) -> None:
        self.socket.close()


def ask_stop(address: str, uid: int, words: str) -> dict[str, Any]:
    """The socket of ringfence-stop: a few words, one JSON object back."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as peer:
        peer.settimeout(30)
        try:
            with acting_as(uid):
                peer.connect(address)
            peer.send(words.encode())
            packet = peer.recv(PACKET)
        except OSError as error:
            raise Gone(str(error)) from error
    if not packet:
        raise Gone("closed")
    return json.loads(packet)
