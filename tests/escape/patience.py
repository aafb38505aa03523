"""How long the daemon lets others wait, and how much it works, while somebody does their worst."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from pathlib import Path
from typing import Any

from model import Result
from world import SLOWER

LONGEST = 0.05  # seconds; of ninety-nine answers in a hundred
PINGS = 100  # at least, before and meanwhile


class Pings:
    """Asks one thing after the other from here on, on one connection, until it is asked for what it measured."""

    def __init__(self, daemon: Any) -> None:
        self._peer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._peer.settimeout(30 * SLOWER)
        self._peer.connect(str(daemon.run_dir / "control.sock"))
        self._took: list[float] = []
        self._number = 0
        self._ask({"hello": {"protocol": 1}})
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._go_on, daemon=True)
        self._thread.start()

    def _ask(self, request: dict[str, Any]) -> None:
        self._number += 1
        self._peer.send(json.dumps({"id": str(self._number), **request}).encode())
        self._peer.recv(1 << 17)

    def _go_on(self) -> None:
        while not self._enough.wait(0.005):
            began = time.monotonic()
            try:
                self._ask({"list": {}})
            except OSError:
                self._took.append(float("inf"))
                return
            self._took.append(time.monotonic() - began)

    def slowest(self) -> float:
        """Seconds that all but one in a hundred took at most, when there were enough of them."""
        deadline = time.monotonic() + 30 * SLOWER
        while len(self._took) < PINGS and self._thread.is_alive() and time.monotonic() < deadline:
            time.sleep(0.02)
        self._enough.set()
        self._thread.join()
        self._peer.close()
        took = sorted(self._took)
        return took[len(took) * 99 // 100] if len(took) >= PINGS else float("inf")


def waited(idle: float, meanwhile: float) -> Result:
    """Against what it was before: the machine may have others to serve."""
    bound = max(LONGEST * SLOWER, 4 * idle)
    return Result("waiting", meanwhile > bound, f"{meanwhile * 1000:.1f} ms, before {idle * 1000:.1f} ms", "none", "is about the daemon")


NOBODY_WAITS = Result("waiting", None, "", "none", "is about the daemon")


def processor_seconds(pid: int) -> float:
    """0 for a process that is gone."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
