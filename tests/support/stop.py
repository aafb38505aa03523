"""The emergency stop of a daemon's run directory, spoken to directly: ringfence-stop, over its own socket.

    with Stop(daemon) as stop:
        receipt = stop.ask("stop")
        assert receipt["verified"]
"""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from typing import Any

from tests.support.daemon import Daemon, eventually


class Stop:
    """Uses the one that serves the directory; where there is none, starts one and ends it on exit."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.path = str(daemon.run_dir / "stop.sock")
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Stop":
        if not self.is_there():
            self.start()
        return self

    def start(self) -> None:
        daemon = self.daemon
        self.process = subprocess.Popen(
            [str(daemon.bin / "ringfence-stop"), "--run-dir", str(daemon.run_dir), "--state-dir", str(daemon.state_dir),
             "--cgroup-root", daemon.cgroup_root], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert eventually(self.is_there), "ringfence-stop does not answer"

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)

    def connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        connection.settimeout(60)
        try:
            connection.connect(self.path)
        except OSError:
            connection.close()
            raise
        return connection

    def is_there(self) -> bool:
        try:
            self.connect().close()
            return True
        except OSError:
            return False

    def ask(self, request: str) -> dict[str, Any]:
        with self.connect() as connection:
            connection.send(request.encode())
            answer = json.loads(connection.recv(1 << 16))
        assert isinstance(answer, dict), answer
        return answer
