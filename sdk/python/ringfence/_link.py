"""A connection to the agents' own socket that nobody waits for: it is made anew when it was lost. What guards and notices
stand on; not part of the promise of this package."""
from __future__ import annotations

import errno
import json
import socket
import threading
import time
from typing import Any, Dict, Optional

from ._forks import OfOneProcess, close_inherited

MAX_PACKET = 64 * 1024  # bytes
PAUSE = 0.1  # seconds, until a connection or a request is tried again


class Link(OfOneProcess):
    """Shared by threads. Whoever derives from it says what is said first and takes what comes."""

    pause = PAUSE
    """Seconds between two tries to connect."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._socket: Optional[socket.socket] = None
        self._connect_at = 0.0
        self._call = 0
        self.trouble = ""

    def fileno(self) -> int:
        """-1: no connection now."""
        connected = self._socket
        return -1 if connected is None else connected.fileno()

    def _forked(self) -> None:
        self._lock = threading.Lock()
        inherited, self._socket = self._socket, None
        close_inherited(inherited)
        self._connect_at = 0.0
        self.trouble = ""

    # ---- with the lock held

    def _connect(self) -> bool:
        now = time.monotonic()
        if now < self._connect_at:
            return False
        self._connect_at = now + self.pause
        connecting = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            connecting.setblocking(False)
            connecting.connect(self._path)
            connecting.send(self._packet("hello", {"protocol": 1}))
            self._begin(connecting)
        except OSError as error:
            connecting.close()
            self.trouble = f"connecting to {self._path}: {error}"
            return False
        self._socket = connecting
        return True

    def _packet(self, verb: str, body: Dict[str, Any]) -> bytes:
        """The next request, whose number is `_call` then."""
        self._call += 1
        return json.dumps({"id": self._call, verb: body}).encode()

    def _begin(self, connecting: socket.socket) -> None:
        """What is said right behind the greeting. May raise OSError."""

    def _take(self, message: Dict[str, Any]) -> None:
        """One packet. Where it is none of the contract: ValueError, AttributeError, KeyError or TypeError."""
        raise NotImplementedError

    def _drop(self, why: str) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self.trouble = why

    def _read_all(self) -> None:
        while self._socket is not None:
            try:
                packet = self._socket.recv(MAX_PACKET + 1, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno == errno.ECONNRESET:
                    continue  # Said once by a socket that was closed before all was read.
                self._drop(f"the daemon did not answer: {error}")
                return
            if not packet:
                self._drop("the daemon closed the connection")
                return
            try:
                self._take(json.loads(packet))
            except (ValueError, AttributeError, KeyError, TypeError):
                self._drop("the daemon sent no answer")
