"""A Unix socket of packets that a test serves, each connection in a thread of its own.

    server = PacketServer(path, serve)     # serve(peer): the connection is closed when it returns
    …
    server.close()
"""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Callable, Union


class PacketServer:
    def __init__(self, path: Union[str, Path], serve: Callable[[socket.socket], None]) -> None:
        self.connections = 0  # until now
        self._serve = serve
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(path))
        self._listener.listen(16)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._talk, args=(peer,), daemon=True).start()

    def _talk(self, peer: socket.socket) -> None:
        with peer:
            self._serve(peer)

    def close(self) -> None:
        """Nobody connects any more; who is connected stays, and so does the file."""
        try:
            self._listener.shutdown(socket.SHUT_RDWR)  # Else the thread that accepts keeps it.
        except OSError:
            return  # It is closed already.
        self._thread.join()
        self._listener.close()
