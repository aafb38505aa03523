"""A terminal with a program in it, for tests: what a person types and sees.

    with Terminal(["bash", "--norc", "-i"], env=daemon.environment) as terminal:
        terminal.type("stty size\\r")
        terminal.expect(r"24 80")
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from typing import Any


class Terminal:
    def __init__(self, command: list[str], *, rows: int = 24, columns: int = 80, **options: Any) -> None:
        self.master, slave = pty.openpty()
        self.resize(rows, columns)
        self.seen = ""
        self._mark = 0
        self.before = termios.tcgetattr(self.master)

        def own_session() -> None:
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(command, stdin=options.pop("stdin", slave), stdout=options.pop("stdout", slave),
                                        stderr=options.pop("stderr", slave), preexec_fn=own_session, **options)
        os.close(slave)

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def read(self, seconds: float) -> bool:
        """Takes what is on the screen now; False at the end of the terminal."""
        if not select.select([self.master], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return False
        self.seen += data.decode(errors="replace")
        return bool(data)

    def expect(self, pattern: str, seconds: float = 60.0) -> re.Match[str]:
        """Waits for a match behind the last one; fails with what was seen."""
        deadline = time.monotonic() + seconds
        open_ = True
        while True:
            match = re.compile(pattern).search(self.seen, self._mark)
            if match:
                self._mark = match.end()
                return match
            if not open_ or time.monotonic() > deadline:
                raise AssertionError(f"did not see {pattern!r}; the terminal shows:\n{self.seen!r}")
            open_ = self.read(0.05)

    def is_raw(self) -> bool:
        """Whether keys go to the program at once and unechoed."""
        local = termios.tcgetattr(self.master)[3]
        return not local & (termios.ICANON | termios.ECHO)

    def mode_is_as_before(self) -> bool:
        return termios.tcgetattr(self.master) == self.before

    def wait(self, seconds: float = 60.0) -> int:
        """Exit status of the program in the terminal; -N for signal N."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            if time.monotonic() > deadline:
                raise AssertionError(f"did not end within {seconds} s; the terminal shows:\n{self.seen!r}")
            self.read(0.02)
        while select.select([self.master], [], [], 0)[0] and self.read(0):
            pass
        return self.process.returncode

    def hang_up(self) -> None:
        """The window is closed."""
        if self.master >= 0:
            os.close(self.master)
            self.master = -1

    def close(self) -> None:
        self.hang_up()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
