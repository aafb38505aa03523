"""Services outside that count who reaches them."""

from __future__ import annotations

import array
import os
import select
import socket
import threading
from typing import Optional


def name_of(address: str) -> str:
    """What the kernel calls the address."""
    return "\0" + address[1:] if address.startswith("@") else address


def pass_on(peer: socket.socket, descriptor: int) -> None:
    peer.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))])


class Listener:
    """Listens at a path, "@name", "tcp" or "udp" (loopback, a free port). `accepted` is how many came.

    `passes` is a descriptor that every visitor is handed (SCM_RIGHTS); with `passes_connection_to` that is a new
    connection to the service at that address.
    """

    def __init__(
        self, address: str, uid: int, passes: Optional[int] = None, passes_connection_to: str = ""
    ) -> None:
        self.address, self.accepted, self.port = address, 0, 0
        self._passes, self._service = passes, passes_connection_to
        self._wake, self._waker = os.pipe()
        self._socket = self._bind(address, uid)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _bind(self, address: str, uid: int) -> socket.socket:
        if address in ("tcp", "udp"):
            made = socket.socket(socket.AF_INET, socket.SOCK_STREAM if address == "tcp" else socket.SOCK_DGRAM)
            made.bind(("127.0.0.1", 0))
            self.port = made.getsockname()[1]
        else:
            made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            made.bind(name_of(address))
            if not address.startswith("@"):
                os.chmod(address, 0o777)
                os.chown(address, uid, uid)
        if address != "udp":
            made.listen(64)
        return made

    def _serve(self) -> None:
        while True:
            ready, _, _ = select.select([self._socket, self._wake], [], [])
            if self._wake in ready:
                return
            if self.address == "udp":
                self._socket.recv(4096)
                self.accepted += 1
                continue
            peer, _ = self._socket.accept()
            self.accepted += 1
            try:
                if self._service:
                    with socket.socket(socket.AF_UNIX) as connection:
                        connection.connect(name_of(self._service))
                        pass_on(peer, connection.fileno())
                elif self._passes is not None:
                    os.lseek(self._passes, 0, os.SEEK_SET)
                    pass_on(peer, self._passes)
                else:
                    peer.sendall(b"welcome")
            except OSError:
                pass
            peer.close()

    def close(self) -> None:
        os.write(self._waker, b"x")
        self._thread.join()
        self._socket.close()
        os.close(self._wake)
        os.close(self._waker)
