"""The connection on which an agent asks and reports: what `Agent` stands on; not part of the promise of this package."""
from __future__ import annotations

import contextlib
import itertools
import json
import logging
import os
import select
import socket
import threading
import time
from dataclasses import dataclass
from typing import Any, Dict, Iterator, Mapping, Optional

from ._link import MAX_PACKET, Link
from .errors import Refused

RETRY = 0.25  # seconds between two tries to connect
MAX_KEPT_REPORTS = 1024
WINDOW = 32  # reports that are sent and not answered; the daemon reads no further than 64 requests
LAST_LOOK = 0.05  # seconds; time may have been over while the run was frozen, and what came meanwhile is there
GIVE_UP = 10.0  # seconds without a word, after which another connection is tried
LOG = logging.getLogger("ringfence")


@dataclass
class _Report:
    body: Dict[str, Any]
    call: int = 0  # 0: to be sent
    is_awaited: bool = False
    totals: Optional[Dict[str, Any]] = None
    refused: Optional[Refused] = None


class CallLink(Link):
    """One connection, shared by threads; each call waits for its turn.

    A lost one is tried anew at most once in RETRY seconds, and calls between return at once, but those that are patient. One
    that is silent is waited for once: until it says something again, calls that are not patient return at once.
    """

    pause = RETRY

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__(path)
        self.timeout = timeout
        self.lost_reports = 0
        self._prefix = os.urandom(8).hex()
        self._numbers = itertools.count(1)
        self._kept: Dict[str, _Report] = {}
        self._sent: Dict[int, _Report] = {}
        self._answers: Dict[int, Dict[str, Any]] = {}
        self._awaited = 0  # the call that somebody waits for; 0: nobody does
        self._refusal: Optional[Refused] = None  # of nothing that was asked, or of all
        self._busy = ""
        self._silent_since: Optional[float] = None
        self._is_late = False  # a report was waited for in vain
        self._is_made()

    # ---- what is asked

    def number(self) -> str:
        """An id that no other process chooses."""
        return f"{self._prefix}-{os.getpid()}-{next(self._numbers)}"

    def ask(self, verb: str, body: Mapping[str, Any], patient: bool = False) -> Optional[Dict[str, Any]]:
        """The answer; None when nobody gave one, and `trouble` says why. `patient`: a lost connection is tried again until time is
        over. Raises `Refused`."""
        until = time.monotonic() + self.timeout
        with self._held(until) as held:
            if not held:
                return None
            answer = self._answer(verb, dict(body), until, patient)
            self._push()
            return answer

    def _answer(self, verb: str, body: Dict[str, Any], until: float, patient: bool) -> Optional[Dict[str, Any]]:
        while self._is_connected(until, patient):
            if self._silent_since is not None and not patient:
                return self._nothing("it was silent before")
            self._refusal = None
            call = self._awaited = self._send(verb, body)
            if call == 0 and self._socket is not None and not self._await(until, select.POLLOUT):
                return self._fell_silent()
            if call == 0:
                continue
            while self._socket is not None and call not in self._answers:
                if not self._await(until):
                    return self._fell_silent()
                self._read_all()
            self._awaited = 0
            refusal, self._refusal = self._refusal, None
            if call in self._answers:
                self.trouble = ""
                return self._content_of(self._answers.pop(call))
            if refusal is not None:
                raise refusal
        return None

    # ---- what is reported

    def keep(self, body: Dict[str, Any]) -> _Report:
        """From now on it is sent until it is counted, once by its `id`. Never waits."""
        kept = self._kept.setdefault(str(body["id"]), _Report(body))
        while len(self._kept) > MAX_KEPT_REPORTS:
            for oldest in list(self._kept)[:1]:
                self._kept.pop(oldest, None)
                self.lost_reports += 1
        return kept

    def push(self) -> None:
        """Sends what is kept and takes what was answered, as far as that goes without waiting; also for another thread's turn."""
        lock = self._lock
        if lock.acquire(blocking=False):
            try:
                self._push()
            finally:
                lock.release()

    def counted(self, report: _Report) -> Optional[Dict[str, Any]]:
        """Totals when that one, which is kept, can be lost no more; None: it is still kept. Raises `Refused` where it is wrong."""
        until = time.monotonic() + self.timeout
        report.is_awaited = True
        with self._held(until) as held:
            self._busy = ""
            while held:
                self._push()
                if report.refused is not None:
                    raise report.refused
                if report.totals is not None:
                    self.trouble = ""
                    return report.totals
                if self._busy:
                    self.trouble = self._busy
                    return None
                if self._socket is None or self._is_late:
                    return self._nothing("" if self._socket is None else "it was late before")
                if not self._await(until):
                    self._is_late = True
                    return self._nothing("not in time")
                self._read_all()
            return None

    def flush(self) -> bool:
        """Waits until nothing is kept any more. False: something is, and `trouble` says why."""
        until = time.monotonic() + self.timeout
        with self._held(until) as held:
            self._busy = ""
            while held and self._kept:
                if not self._is_connected(until, True):
                    return False
                self._push()
                if self._busy:
                    self.trouble = self._busy
                    return False
                if self._kept and self._socket is not None:
                    if not self._await(until):
                        self._nothing("not in time")
                        return False
                    self._read_all()
            return held

    def close(self) -> None:
        """The next call makes another connection."""
        with self._lock:
            self._drop("")
            self._connect_at = 0.0

    def _forked(self) -> None:
        # The parent's reports and ids are its own as well.
        super()._forked()
        self._prefix = os.urandom(8).hex()
        self._kept = {}
        self._sent = {}
        self._answers = {}
        self._awaited = 0
        self._refusal = None
        self._silent_since = None
        self._is_late = False

    # ---- with the lock held

    @contextlib.contextmanager
    def _held(self, until: float) -> Iterator[bool]:
        """The lock, or False when it was not free in time."""
        lock = self._lock  # It is another one in a child that is forked within.
        held = lock.acquire(timeout=max(0.0, until - time.monotonic()))
        if not held:
            self.trouble = "other threads kept the connection busy for too long"
        try:
            yield held
        finally:
            if held:
                self._awaited = 0
                self._answers.clear()
                lock.release()

    def _is_connected(self, until: float, patient: bool) -> bool:
        """Also looks at what came meanwhile, which may be that the connection is gone."""
        while True:
            now = time.monotonic()
            if self._silent_since is not None and now - self._silent_since > GIVE_UP:
                self._drop("it said nothing")
                self._silent_since = now  # Another one is believed when it answers.
            if self._socket is not None or self._connect():
                self._read_all()
                if self._socket is not None:
                    return True
            if not patient or now >= until:
                self._nothing("")
                return False
            if now < self._connect_at:
                time.sleep(max(0.0, min(self._connect_at, until) - now))

    def _nothing(self, why: str) -> Optional[Dict[str, Any]]:
        """None, of which `trouble` says why it is."""
        found = why or self.trouble
        prefix = "the daemon did not answer: "
        self.trouble = found if found.startswith(prefix) else prefix + found
        return None

    def _fell_silent(self) -> Optional[Dict[str, Any]]:
        self._silent_since = self._silent_since or time.monotonic()
        return self._nothing("not in time")

    def _await(self, until: float, what: int = select.POLLIN) -> bool:
        """Until something came; False: nothing did in time."""
        assert self._socket is not None
        poll = select.poll()
        poll.register(self._socket, what)
        return bool(poll.poll(max(until - time.monotonic(), LAST_LOOK) * 1000))

    def _send(self, verb: str, body: Dict[str, Any]) -> int:
        """The number of the call; 0: it could not be sent now, or the connection is gone. Raises `Refused` for one that is too long."""
        assert self._socket is not None
        self._call += 1
        packet = json.dumps({"id": self._call, verb: body}, ensure_ascii=True, allow_nan=False).encode()
        if len(packet) > MAX_PACKET:
            raise Refused("invalid", f"{verb} is longer than {MAX_PACKET} bytes")
        try:
            self._socket.send(packet)
        except BlockingIOError:
            return 0
        except (BrokenPipeError, ConnectionResetError):
            self._read_all()  # It may have said why before it closed.
            self._drop(self.trouble)
            return 0
        except OSError as error:
            self._drop(str(error))
            return 0
        return self._call

    def _push(self) -> None:
        if not self._kept or not self._is_connected(0.0, False):
            return
        for id, report in list(self._kept.items()):
            if self._socket is None or len(self._sent) >= WINDOW or self._busy:
                return
            if report.call != 0:
                continue
            try:
                report.call = self._send("report_usage", report.body)
            except Refused as refusal:
                self._give_up(id, report, refusal)
                continue
            if report.call == 0:
                return
            self._sent[report.call] = report

    def _give_up(self, id: str, report: _Report, refusal: Refused) -> None:
        self._kept.pop(id, None)
        report.refused = refusal
        if not report.is_awaited:
            self.lost_reports += 1
            LOG.warning("a report of usage was refused: %s", refusal)

    def _content_of(self, message: Dict[str, Any]) -> Dict[str, Any]:
        error = message.get("error")
        if isinstance(error, dict):
            raise Refused(str(error.get("code", "")), str(error.get("message", "")))
        for kind, content in message.items():
            if isinstance(content, dict):
                return content
        raise AssertionError("unreachable: looked at when it came")

    def _drop(self, why: str) -> None:
        super()._drop(why)
        self._silent_since = None
        self._is_late = False
        self._sent.clear()
        for report in list(self._kept.values()):
            report.call = 0

    def _take(self, message: Dict[str, Any]) -> None:
        call, error = int(message.get("id", 0)), message.get("error")
        if not any(isinstance(content, dict) for content in message.values()):
            raise ValueError("an answer without content")
        self._silent_since = None
        refusal = None
        if isinstance(error, dict):
            refusal = Refused(str(error.get("code", "")), str(error.get("message", "")))
        report = self._sent.pop(call, None)
        if report is not None:
            self._is_late = False
            self._settle(report, message, refusal)
        elif call == self._awaited:
            self._answers[call] = message
        if refusal is not None and (call == 0 or refusal.code == "invalid"):
            self._refusal = refusal
            self._drop(str(refusal))  # It closes after that.
            if report is not None or call in self._answers:
                self._connect_at = 0.0  # The daemon is there.

    def _settle(self, report: _Report, message: Dict[str, Any], refusal: Optional[Refused]) -> None:
        id = str(report.body["id"])
        if refusal is None:
            report.totals = dict(message["totals"])
            self._kept.pop(id, None)
        elif refusal.code == "invalid":
            self._give_up(id, report, refusal)
        else:
            report.call = 0
            self._busy = str(refusal)  # It may be asked again later.
