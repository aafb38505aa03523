"""Asking before something is done: see `Agent.guard`."""
from __future__ import annotations

import functools
import inspect
import json
import os
import select
import shutil
import socket
import time
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence

from ._link import MAX_PACKET, PAUSE, Link

__all__ = ["Denied", "Guarded", "PendingVerdict", "Verdict"]

MAX_WORDS = 1024  # bytes
SLICE = 0.05  # seconds: another thread may have taken the answer from the connection
OPERATIONS = ("read", "write", "exec", "connect", "call")


@dataclass(frozen=True)
class Verdict:
    """What was said to something that an agent is about to do. True where it is allowed.

    Words alone: to be allowed gives no right, and the walls judge what is really done.

    `outcome`: "allowed", "rewritten" (allowed, with what is not None below in place of what was asked), "forbidden" (by the
    policy), "denied" (by a person), "expired", "stopped"; "unanswered" (nobody said anything yet), "absent" (there is nobody
    to ask), "invalid" (see `say`).
    """

    allowed: bool
    outcome: str
    say: str = ""
    rule: str = ""
    file_line: str = ""
    argv: Optional[List[str]] = None
    path: Optional[str] = None
    host: Optional[str] = None
    content: Optional[str] = None
    input: Optional[Dict[str, Any]] = None

    def __bool__(self) -> bool:
        return self.allowed


class Denied(Exception):
    """What was guarded may not be done; `verdict` says why."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(f"{verdict.outcome}: {verdict.say or verdict.rule or 'no'}")
        self.verdict = verdict


def body_of(op: str, target: str, argv: Optional[Sequence[str]], input: Optional[Mapping[str, Any]],
            words: str) -> Dict[str, Any]:
    """The request, without its id. Raises ValueError for an unknown `op`, TypeError for input that JSON cannot hold."""
    if op not in OPERATIONS:
        raise ValueError(f"{op!r} is none of {', '.join(OPERATIONS)}")
    body: Dict[str, Any] = {"op": op, "target": _target_of(op, target)}
    if op == "exec":
        body["argv"] = [str(word) for word in (argv if argv is not None else [target])]
    if op == "call" and input is not None:
        body["input_json"] = json.dumps(dict(input), ensure_ascii=False)
    if words:
        body["words"] = words.encode("utf-8", "replace")[:MAX_WORDS].decode("utf-8", "ignore")
    return body


def _target_of(op: str, target: str) -> str:
    if op in ("read", "write"):
        return os.path.abspath(target)
    if op == "exec":
        return os.path.abspath(target if "/" in target else shutil.which(target) or target)
    return target


def _verdict_of(answer: Mapping[str, Any]) -> Verdict:
    argv = answer.get("argv")
    rewritten = None
    if answer.get("input_json") is not None:
        rewritten = json.loads(answer["input_json"])
        if not isinstance(rewritten, dict):
            return Verdict(False, "invalid", "the input to use instead is no object")

    def text(name: str) -> Optional[str]:
        found = answer.get(name)
        return found if isinstance(found, str) else None

    return Verdict(answer.get("allowed") is True, str(answer.get("outcome", "")), str(answer.get("say", "")),
                   str(answer.get("rule", "")), str(answer.get("file_line", "")),
                   [str(word) for word in argv] if isinstance(argv, list) and argv else None, text("path"), text("host"),
                   text("content"), rewritten)


@dataclass
class _Asked:
    body: Dict[str, Any]
    call: int = 0  # 0: to be sent
    send_at: float = 0.0
    verdict: Optional[Verdict] = None


class GuardLink(Link):
    """The connection over which is asked. Shared by threads; nothing blocks but `wait`."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._asked: Dict[str, _Asked] = {}
        self._is_made()

    def start(self, id: str, body: Dict[str, Any]) -> None:
        """Asks; what is asked already goes on waiting."""
        with self._lock:
            self._asked.setdefault(id, _Asked(dict(body, id=id)))
            self._pump()

    def poll(self, id: str) -> Optional[Verdict]:
        """The answer, until it is forgotten; None: not yet."""
        with self._lock:
            self._pump()
            asked = self._asked.get(id)
            if asked is None or asked.verdict is None:
                return None
            return asked.verdict

    def forget(self, id: str) -> None:
        """It was answered, and whoever asked has that."""
        with self._lock:
            self._asked.pop(id, None)

    def wait(self, until: float) -> None:
        """Until something may have come, or that moment of time.monotonic()."""
        left = max(0.0, min(until - time.monotonic(), SLICE if self.fileno() >= 0 else PAUSE))
        fd = self.fileno()
        if fd < 0:
            time.sleep(left)
            return
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        poll.poll(int(left * 1000) + 1)

    def close(self) -> None:
        """Ends the connection; what is asked is asked again over the next."""
        with self._lock:
            self._drop("")

    def _forked(self) -> None:
        super()._forked()
        self._asked = {}  # The parent's questions are its own as well.

    # ---- with the lock held

    def _pump(self) -> None:
        if self._socket is None and not self._connect():
            return
        self._send_all()
        self._read_all()

    def _begin(self, connecting: socket.socket) -> None:
        self._ask_anew()

    def _drop(self, why: str) -> None:
        super()._drop(why)
        self._ask_anew()

    def _ask_anew(self) -> None:
        for asked in self._asked.values():
            asked.call = 0

    def _send_all(self) -> None:
        now = time.monotonic()
        for id, asked in list(self._asked.items()):
            if asked.call != 0 or asked.verdict is not None or asked.send_at > now or self._socket is None:
                continue
            packet = self._packet("guard", asked.body)
            if len(packet) > MAX_PACKET:
                asked.verdict = Verdict(False, "invalid", f"the question is longer than {MAX_PACKET} bytes")
                continue
            try:
                self._socket.send(packet)
            except BlockingIOError:
                asked.send_at = now + PAUSE
                return
            except OSError:
                return  # It may have said why before it closed.
            asked.call = self._call

    def _take(self, message: Dict[str, Any]) -> None:
        call = int(message.get("id", 0))
        error = message.get("error")
        for asked in self._asked.values():
            if asked.call == 0 or asked.call != call:
                continue
            if error is not None and error.get("code") in ("busy", "unavailable"):
                self.trouble = str(error.get("message", ""))
                asked.call, asked.send_at = 0, time.monotonic() + PAUSE
            elif error is not None:
                # The daemon closes the connection after that; the others are asked again over another.
                asked.verdict = Verdict(False, "invalid", str(error.get("message", "")))
            else:
                asked.verdict = _verdict_of(message["verdict"])
                self.trouble = ""
            return
        if error is not None:
            self._drop(str(error.get("message", "")))


class PendingVerdict:
    """A question that was put and need not be waited for: of `Agent.start_guard`."""

    def __init__(self, link: Optional[GuardLink], id: str, verdict: Optional[Verdict] = None) -> None:
        self.id = id
        """Asked again with it, the same thing has the same answer."""
        self._link = link
        self._verdict = verdict

    def poll(self) -> Optional[Verdict]:
        """The verdict, or None: not yet. Never blocks."""
        if self._verdict is None and self._link is not None:
            self._verdict = self._link.poll(self.id)
            if self._verdict is not None:
                self._link.forget(self.id)
        return self._verdict

    def wait(self, patience: float) -> Verdict:
        """The verdict; after `patience` seconds one that is "unanswered". The question goes on then."""
        until = time.monotonic() + patience
        while True:
            # Looked at once more when the time is over: it may have been over while the run was frozen.
            is_last = time.monotonic() >= until
            verdict = self.poll()
            if verdict is not None:
                return verdict
            if is_last or self._link is None:
                why = self._link.trouble if self._link is not None else ""
                return Verdict(False, "unanswered", why or "nobody answered in time")
            self._link.wait(until)

    def fileno(self) -> int:
        """Readable when `poll` may have something, for a loop of one's own; -1: no connection now, poll makes one. Poll now
        and then as well: a connection that was lost is made anew by that."""
        return self._link.fileno() if self._link is not None else -1


class Guarded:
    """Of `Agent.guarded`: a context manager, or a decorator of a function."""

    def __init__(self, ask: Callable[..., Verdict], op: str, target: Optional[str], arguments: Dict[str, Any]) -> None:
        self._ask = ask
        self._op = op
        self._target = target
        self._arguments = arguments

    def __enter__(self) -> Verdict:
        if self._target is None:
            raise ValueError("what is guarded has no target")
        verdict = self._ask(self._op, self._target, **self._arguments)
        if not verdict:
            raise Denied(verdict)
        return verdict

    def __exit__(self, *unused: object) -> None:
        return None

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(function)
        target = self._target if self._target is not None else function.__name__

        @functools.wraps(function)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            arguments = dict(self._arguments)
            if self._op != "call":
                with Guarded(self._ask, self._op, target, arguments):
                    return function(*args, **kwargs)
            bound = signature.bind(*args, **kwargs)
            told = json.loads(json.dumps(bound.arguments, default=repr))
            arguments.setdefault("input", told)
            with Guarded(self._ask, self._op, target, arguments) as verdict:
                # What was left as it was keeps its value, which JSON may not hold.
                for name, value in (verdict.input or {}).items():
                    if name not in signature.parameters:
                        raise Denied(Verdict(False, "invalid", f"{target} takes no {name!r}, which it was to be called with"))
                    if name not in told or told[name] != value:
                        bound.arguments[name] = value
                return function(*bound.args, **bound.kwargs)

        return guarded
