"""Turns on accelerators: see `Agent.lease`."""
from __future__ import annotations

import json
import os
import socket
import time
from typing import Any, Dict, List, Optional

from ._forks import OfOneProcess, close_inherited

__all__ = ["Lease"]

MAX_PACKET = 64 * 1024  # bytes
LAST_LOOK = 0.05  # seconds


class Lease(OfOneProcess):
    """A turn on the accelerators that the run has by its policy, or why there is none. True while it is held.

        with agent.lease("npu", wait=30) as lease:
            if lease:
                infer(lease.devices)

    While it is held no other program that asked, of any run, has one on the same device. It ends with `release` or the block,
    with this process, and when the run is frozen: look at it again before work that must not be shared. A child of a fork does
    not have it, and neither keeps nor ends it. It gives no right: what the run may open, and how much of it it may use, is its
    policy's. Not for several threads at once.
    """

    def __init__(self, device: str) -> None:
        self.device = device
        """What was asked for: "npu" or "gpu"."""
        self.devices: List[str] = []
        """What it is a turn on, as `ringfence top` calls them; [] where it was never held."""
        self.percent = 0
        """Of each device, that the run may use by its policy."""
        self.why = ""
        """Why it is not held: "busy: …", "unavailable: …", or that it was lost or released; "" while it is."""
        self._socket: Optional[socket.socket] = None
        self._pid = os.getpid()
        self._is_made()

    def __bool__(self) -> bool:
        self._look()
        return self._socket is not None

    def __enter__(self) -> "Lease":
        return self

    def __exit__(self, *unused: object) -> None:
        self.release()

    def fileno(self) -> int:
        """Readable when it was lost, for a loop of one's own; -1: it is not held."""
        return -1 if self._socket is None else self._socket.fileno()

    def release(self) -> None:
        """Ends it; one that is over already stays so."""
        if self._socket is not None:
            self._end("it was released")

    # ---- how

    def _take(self, path: str, wait: float, timeout: float) -> None:
        """Asks, and waits for at most `wait` seconds and what an answer takes."""
        self._pid = os.getpid()
        until = time.monotonic() + wait + timeout
        asking = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket = asking
        try:
            asking.settimeout(max(timeout, LAST_LOOK))
            asking.connect(path)
            asking.send(json.dumps({"id": 1, "hello": {"protocol": 1}}).encode())
            asking.send(json.dumps({"id": 2, "lease": {"device": self.device, "wait_ms": int(wait * 1000)}}).encode())
            while True:
                # Also when the time is over: it may have been over while the run was frozen.
                asking.settimeout(max(until - time.monotonic(), LAST_LOOK))
                message = self._packet(asking.recv(MAX_PACKET + 1))
                error, leased = message.get("error"), message.get("leased")
                if isinstance(error, dict):
                    return self._end(f"{error.get('code', '')}: {error.get('message', '')}")
                if isinstance(leased, dict):
                    self.devices = [str(one) for one in leased.get("devices", [])]
                    self.percent = int(leased.get("percent", 0))
                    self.why = ""
                    asking.setblocking(False)
                    return None
        except (OSError, ValueError, TypeError) as error:
            return self._end(f"the daemon did not answer: {error}")

    @staticmethod
    def _packet(packet: bytes) -> Dict[str, Any]:
        if not packet:
            raise ConnectionError("it closed the connection")
        message = json.loads(packet)
        if not isinstance(message, dict):
            raise ValueError("it sent no answer")
        return message

    def _forked(self) -> None:
        inherited, self._socket = self._socket, None
        if inherited is not None:
            close_inherited(inherited)
            self.why = "it is held by the process that forked this one"

    def _look(self) -> None:
        if self._socket is None:
            return
        try:
            message = self._packet(self._socket.recv(MAX_PACKET + 1))
        except BlockingIOError:
            return
        except (OSError, ValueError) as error:
            return self._end(f"it was lost: {error}")
        notice = message.get("notice")
        lost = notice.get("lease_lost") if isinstance(notice, dict) else None
        if isinstance(lost, dict):
            self._end(f"it was lost: {lost.get('why', '')}")

    def _end(self, why: str) -> None:
        if self._socket is not None:
            if self._pid == os.getpid():
                try:
                    self._socket.shutdown(socket.SHUT_RDWR)  # Whatever children have it, too.
                except OSError:
                    pass  # It never was connected, or the daemon was faster.
            self._socket.close()
            self._socket = None
        self.why = why
