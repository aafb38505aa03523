"""What an agent is told unasked about its own run: see `Agent.on_pause`, `Agent.on_resume` and `Agent.on_override`."""
from __future__ import annotations

import logging
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Any, Callable, Deque, Dict, List, Mapping, Optional, Union

from ._link import PAUSE, Link

__all__ = ["Override", "Pause", "Resumed"]

MAX_KEPT = 64  # notices that nobody took
LONGEST_PAUSE = 2.0
LOG = logging.getLogger("ringfence")


@dataclass(frozen=True)
class Pause:
    """The governor, or a person, will freeze the run.

    `within`: seconds; it comes then at the latest, and sooner when the agent says that it is ready. `why`: words for a person.
    `limit`: below "limits." in the policy ("wall_time"); "" where it is none of the policy's.
    """

    within: float
    why: str
    limit: str = ""


@dataclass(frozen=True)
class Resumed:
    """The run goes on.

    `held`: for how many seconds it stood still; 0.0: a pause that was announced did not come. `why` it was held, and by whom:
    `held_by` is "person", "governor", "agent" (its own brake), "emergency-stop" or "daemon". `relief`: why it goes on; "": a
    person let it go on.
    """

    held: float
    why: str = ""
    held_by: str = ""
    relief: str = ""


@dataclass(frozen=True)
class Override:
    """Something that the run wanted to do was not done, or was done in another way.

    `op` and `target` as in `Agent.guard`. `outcome`: "rewritten", "forbidden" (by the policy), "denied", "expired", "stopped".
    `by`: "person", "rule", or "nobody" (time was over, or too much was asked). `say`: words of the person or of the rule.
    `count`: so many alike. `argv`, `path`, `host`: what was done in place of it; None where that was not changed.
    """

    op: str
    target: str
    outcome: str
    by: str
    say: str = ""
    rule: str = ""
    file_line: str = ""
    count: int = 1
    argv: Optional[List[str]] = None
    path: Optional[str] = None
    host: Optional[str] = None


Notice = Union[Pause, Resumed, Override]


def _text(fields: Mapping[str, Any], name: str) -> str:
    found = fields.get(name)
    return found if isinstance(found, str) else ""


def _number(fields: Mapping[str, Any], name: str) -> int:
    try:
        return max(0, int(fields.get(name, 0)))
    except (TypeError, ValueError):
        return 0


def notice_of(fields: Mapping[str, Any]) -> Optional[Notice]:
    """None: one of a kind that this version does not know."""
    pause, resume, override = fields.get("pause"), fields.get("resume"), fields.get("override")
    if isinstance(pause, dict):
        return Pause(_number(pause, "within_ms") / 1000, _text(pause, "why"), _text(pause, "limit"))
    if isinstance(resume, dict):
        return Resumed(_number(resume, "held_ms") / 1000, _text(resume, "why"), _text(resume, "held_by"), _text(resume, "relief"))
    if not isinstance(override, dict):
        return None
    argv = override.get("argv")
    path, host = override.get("path"), override.get("host")
    return Override(_text(override, "op"), _text(override, "target"), _text(override, "outcome"), _text(override, "by"),
                    _text(override, "say"), _text(override, "rule"), _text(override, "file_line"), _number(override, "count") or 1,
                    [str(word) for word in argv] if isinstance(argv, list) and argv else None,
                    path if isinstance(path, str) else None, host if isinstance(host, str) else None)


class NoticeLink(Link):
    """The connection on which an agent listens. `call` runs in the thread that dispatches: that of whoever polls, or the one
    that `read` starts."""

    def __init__(self, path: str, call: Callable[[str, Notice], None]) -> None:
        super().__init__(path)
        self._call_back = call
        self._words: List[str] = []
        self._thread: Optional[threading.Thread] = None
        self._closed = False
        self._queue: Deque[Notice] = deque()
        self.missed = 0
        """Notices that were dropped, here or by the daemon, because nobody took them."""
        self._is_made()

    def listen(self, word: str) -> None:
        """Asks for that kind as well."""
        with self._lock:
            self._closed = False
            if word not in self._words:
                self._words.append(word)
                if self._socket is not None:
                    self._say_what(self._socket)

    def read(self) -> None:
        """A thread of its own dispatches from now on."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="ringfence-notices", daemon=True)
                self._thread.start()

    def poll(self) -> int:
        """Dispatches what has come, and never waits; how many that were."""
        with self._lock:
            if self._words and not self._closed and (self._socket is not None or self._connect()):
                self._read_all()
            ready = list(self._queue)
            self._queue.clear()
        for notice in ready:
            self._call_back({Pause: "pause", Resumed: "resume", Override: "override"}[type(notice)], notice)
        return len(ready)

    def ready(self) -> None:
        """Says that a pause may come, without waiting for an answer; where that cannot be sent it comes at its end."""
        with self._lock:
            if self._socket is not None:
                try:
                    self._socket.send(self._packet("ready", {}), socket.MSG_DONTWAIT)
                except OSError:
                    pass  # The next poll says what it was.

    def close(self) -> None:
        """Ends the connection and the thread; nothing more is dispatched until the next `listen`."""
        with self._lock:
            self._closed = True
            self._drop("")

    def _forked(self) -> None:
        # The parent's thread and notices are its own as well.
        super()._forked()
        self._thread = None
        self._queue = deque()

    def _run(self) -> None:
        pause = PAUSE
        while not self._closed:
            self.poll()
            connected = self._socket
            if connected is None:
                time.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
                continue
            pause = PAUSE
            try:
                connected.setblocking(True)
                connected.recv(1, socket.MSG_PEEK)  # close() shuts it down.
            except OSError:
                pass  # The next poll says what it was.

    # ---- with the lock held

    def _begin(self, connecting: socket.socket) -> None:
        self._say_what(connecting)
        self.trouble = ""

    def _say_what(self, connected: socket.socket) -> None:
        try:
            connected.send(self._packet("listen", {"to": self._words}))
        except OSError:
            if connected is not self._socket:
                raise
            self._drop("the daemon closed the connection")

    def _drop(self, why: str) -> None:
        if self._socket is not None:
            try:
                self._socket.shutdown(socket.SHUT_RDWR)  # Who waits for it in another thread is woken.
            except OSError:
                pass  # The daemon was faster.
        super()._drop(why)

    def _take(self, message: Dict[str, Any]) -> None:
        error, notice = message.get("error"), message.get("notice")
        if isinstance(error, dict):
            # An older daemon does not know what was asked; it is asked again, seldom.
            self._drop(_text(error, "message"))
            self._connect_at = time.monotonic() + LONGEST_PAUSE
        if not isinstance(notice, dict):
            return
        self.missed += _number(notice, "missed")
        one = notice_of(notice)
        if one is None:
            return
        self._queue.append(one)
        while len(self._queue) > MAX_KEPT:
            self._queue.popleft()
            self.missed += 1
