"""The agent's own socket: see `Agent`."""
from __future__ import annotations

import contextlib
import json
import logging
import os
import time
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence

from ._calls import CallLink
from .errors import Refused
from .guard import Guarded, GuardLink, PendingVerdict, Verdict, body_of
from .interruption import MAX_HOLD, InterruptionCost, cost_of, redo_of
from .lease import Lease
from .notices import Notice, NoticeLink, Override, Pause, Resumed

__all__ = ["Agent", "Denial", "Identity", "Refused", "Totals"]

MAX_WORDS = 1024  # bytes of what an agent says
LOG = logging.getLogger("ringfence")


@dataclass(frozen=True)
class Identity:
    """The run that this program is in."""

    run: str
    name: str
    policy_name: str
    policy_hash: str


@dataclass(frozen=True)
class Totals:
    """What the run has reported so far. `cost_usd` and the limits are None where they are not known.

    US dollars; `cost_estimated`: some of `cost_usd` is list prices times tokens, where a report told no cost.
    """

    input_tokens: int
    output_tokens: int
    reports: int
    cost_usd: Optional[float]
    tokens_limit: Optional[int]
    counted_before: bool
    cost_limit_usd: Optional[float] = None
    cost_estimated: bool = False

    @property
    def tokens_left(self) -> Optional[int]:
        """Until the limit of the policy; None where there is none."""
        if self.tokens_limit is None:
            return None
        return max(0, self.tokens_limit - self.input_tokens - self.output_tokens)


@dataclass(frozen=True)
class Denial:
    """What was denied last, or which limit was reached. `fields` is the whole line, as $RINGFENCE_DENIALS has it."""

    op: str
    target: str
    outcome: str
    say: str
    next: List[str]
    fields: Mapping[str, Any]


class Agent:
    """The run that this program is in, as its daemon sees it. May be shared by threads; after a fork each process has its
    own connection.

    No call blocks for longer than `timeout` seconds (the time in which the run itself is frozen does not count), and none
    raises because the daemon is away: it returns None or False then, and `trouble` says why. A lost connection is tried anew at
    most four times a second, and calls between return at once; a daemon that is silent is waited for once, and until it says
    something again calls return at once. `whoami`, `stop` and `flush` alone wait and try for all of their time. A report that was
    not answered is kept (1024 of them) and goes with the next call; the daemon counts each once. `Refused` is raised for what is
    wrong with a call itself.
    """

    def __init__(self, path: Optional[str] = None, timeout: float = 2.0, *, unfenced: str = "deny", callbacks: str = "thread") -> None:
        """`path`: of the socket; $RINGFENCE_AGENT_SOCKET without it. `timeout`: seconds. `unfenced`: what `guard` says outside
        a fence, where nobody can be asked: "deny" or "allow". `callbacks`: where those of `on_pause`, `on_resume` and
        `on_override` run: "thread" (one of this package's, one after the other) or "poll" (in `poll`, in whatever thread calls it).
        Raises ValueError for other words."""
        if unfenced not in ("deny", "allow"):
            raise ValueError(f"unfenced is 'deny' or 'allow', not {unfenced!r}")
        if callbacks not in ("thread", "poll"):
            raise ValueError(f"callbacks is 'thread' or 'poll', not {callbacks!r}")
        self._in_thread = callbacks == "thread"
        self._callbacks: Dict[str, List[Callable[[Any], Any]]] = {}
        self._unfenced_allowed = unfenced == "allow"
        self._path = path if path is not None else os.environ.get("RINGFENCE_AGENT_SOCKET", "")
        self._timeout = timeout
        self._guards = GuardLink(self._path)
        self._notices = NoticeLink(self._path, self._tell)
        self._calls = CallLink(self._path, timeout)
        self._told: set[str] = set()
        self.trouble = ""
        """Why the last call was not answered; empty: it was."""

    # ---- what is there

    @property
    def absent(self) -> str:
        """Why there is nobody to talk to at all; empty inside a fence. Then every call does nothing."""
        if not self._path:
            return "this program is in no fence: RINGFENCE_AGENT_SOCKET is not set"
        if not os.path.exists(self._path):
            return f"there is no socket at {self._path}"
        return ""

    def whoami(self) -> Optional[Identity]:
        """The run that this program is in; None: nobody answered."""
        answer = self._ask("whoami", {}, patient=True)
        if answer is None:
            return None
        return Identity(answer["run"], answer["name"], answer["policy_name"], answer["policy_hash"])

    # ---- what it used

    def report_usage(self, model: str, input_tokens: int, output_tokens: int, *, cost_usd: Optional[float] = None,
                     counters: Optional[Mapping[str, int]] = None, id: Optional[str] = None, wait: bool = True) -> Optional[Totals]:
        """Counts what one call to a model used against `limits.tokens` of the policy.

        `model`: at most 64 bytes. Tokens: 0 to 10^12. `cost_usd`: None is not known, not 0. `counters`: at most 8 numbers,
        named with a to z, 0 to 9 and _. `id`: 1 to 64 bytes; a report with one that was counted already is not counted again
        (a step that runs twice reports once); without it every call counts. `wait`: False sends it and does not wait for the answer,
        whatever the daemon does; where it cannot be sent now, the next call of any kind sends it.

        Returns the totals when the report can be lost no more; None when nobody answered, or nobody was waited for: it is kept and
        sent again.
        """
        report: Dict[str, Any] = {"model": model, "input_tokens": int(input_tokens), "output_tokens": int(output_tokens)}
        if cost_usd is not None:
            report["cost_usd"] = float(cost_usd)
        if counters:
            report["counters"] = {str(name): int(count) for name, count in counters.items()}
        if self._says_absent():
            return None
        report["id"] = id if id is not None else self._calls.number()
        kept = self._calls.keep(report)
        if not wait:
            self._calls.push()
            return None
        answer = self._calls.counted(kept)
        self.trouble = self._calls.trouble
        return None if answer is None else _totals_of(answer)

    @property
    def lost_reports(self) -> int:
        """Reports that were given up: more than 1024 waited, or one for which nobody waited was refused as wrong."""
        return self._calls.lost_reports

    def flush(self) -> bool:
        """Sends what is kept of earlier reports, and waits for that. True: nothing is left. Best called before the program ends."""
        if self._says_absent():
            return False
        done = self._calls.flush()
        self.trouble = self._calls.trouble
        return done

    # ---- what it does

    def say(self, text: str, percent: Optional[int] = None) -> bool:
        """Tells people what it does now; they see it as the agent's own words. Cut at 1 KiB; "" takes it back. `percent`: how much
        of it is done, 0 to 100 (what is beyond is cut); None: not told. False: nobody heard it."""
        body: Dict[str, Any] = {"text": text.encode("utf-8", "replace")[:MAX_WORDS].decode("utf-8", "ignore")}
        if percent is not None:
            body["percent"] = min(100, max(0, int(percent)))
        return self._ask("say", body) is not None

    def stop(self, why: str) -> bool:
        """The brake: freezes the whole run where it stands, this program included, until the person that owns it lets it go
        on. Returns True then. False: nobody heard it, and the program goes on: it should end itself if it must not.
        """
        words = why.encode("utf-8", "replace")[:MAX_WORDS].decode("utf-8", "ignore")
        began = time.monotonic()
        if self._ask("stop", {"why": words}, patient=True) is not None:
            return True
        # Whoever stood still for longer than any wait of this module was frozen; the daemon that did it may be another now.
        return not self.absent and time.monotonic() - began > self._timeout + 1

    def safe_point(self, redo: float = 0.0) -> bool:
        """What was done so far is kept: to be ended now costs nothing, or `redo` seconds of work that would have to be done again
        all the same (a model that is loaded anew). Whoever must choose among runs goes by it, and a pause that was announced comes
        at once. `redo` is believed up to what would have been lost without this safe point. False: nobody heard it."""
        return self._ask("safe_point", {"redo_seconds": redo_of(redo)} if redo > 0 else {}) is not None

    def ready(self) -> bool:
        """A pause that was announced may come at once; what was done is not safe for all that. False: nobody heard it."""
        return self._ask("ready", {}) is not None

    @contextlib.contextmanager
    def critical_section(self, seconds: int, redo: Optional[float] = None) -> Iterator[float]:
        """For so many seconds at most a hold of the governor, or a person's freeze, is put off, as `priority.preempt_grace` of the
        policy allows. Yields for how many it is, 0.0 for not at all. Memory that runs out and the emergency stop wait for nothing.

        `redo`: how many seconds of work a hold within would have to be done again; None: not told. As long as the section is
        granted whoever must choose among runs goes by it, up to what was done since the last safe point. Where it is less than
        the time that is left, a hold comes at once.
        """
        body: Dict[str, Any] = {"seconds": max(0, int(seconds))}
        if redo is not None:
            body["redo_seconds"] = redo_of(redo)
        answer = self._ask("critical_section", body)
        granted = int(answer["milliseconds"]) / 1000 if answer is not None else 0.0
        try:
            yield granted
        finally:
            if granted > 0:
                self._ask("critical_section", {"seconds": 0})

    def interruption_cost(self, hold: float = 10.0) -> Optional[InterruptionCost]:
        """What an interruption of the run would cost now, with a hold of so many seconds (at most a day), as it is predicted by
        whoever has to choose among runs. None: nobody answered, or nobody knows yet (then `trouble` says so)."""
        try:
            answer = self._ask("interruption_cost", {"hold_ms": int(min(max(hold, 0.0), MAX_HOLD) * 1000)})
        except Refused as refusal:
            if refusal.code != "unavailable":
                raise
            self.trouble = str(refusal)
            return None
        return None if answer is None else cost_of(answer)

    def why(self) -> Optional[Denial]:
        """What was denied last, or which limit was reached; None: nothing, or nobody answered (then `trouble` says so)."""
        answer = self._ask("why", {})
        if answer is None or not answer["json"]:
            return None
        try:
            fields = json.loads(answer["json"])
        except ValueError:
            return None
        if not isinstance(fields, dict):
            return None
        after = fields.get("next")
        return Denial(str(fields.get("op", "")), str(fields.get("target", "")), str(fields.get("outcome", "")),
                      str(fields.get("say", "")), [str(one) for one in after] if isinstance(after, list) else [], fields)

    # ---- what it is told unasked

    def on_pause(self, callback: Callable[[Pause], Any]) -> Callable[[Pause], Any]:
        """Calls it with a `Pause` before the governor or a person freezes the run, where its policy has a `priority.preempt_grace`.
        When all of them have returned the run is frozen at once; where one returns False, or raises, when the agent says `ready` or
        `safe_point`, and at the end of the grace in any case. Not called before memory that runs out, the emergency stop, and a
        person who wants it at once. A decorator, too; returns `callback`. For where it runs see `callbacks` of `Agent`.
        """
        return self._on("pause", callback)

    def on_resume(self, callback: Callable[[Resumed], Any]) -> Callable[[Resumed], Any]:
        """Calls it with a `Resumed` when the run goes on after any hold, or when a pause that was announced does not come."""
        return self._on("resume", callback)

    def on_override(self, callback: Callable[[Override], Any]) -> Callable[[Override], Any]:
        """Calls it with an `Override` when something of the run was denied or done in another way by a person or a rule. What the
        fence's walls refuse by themselves is not among it: the call that failed says so (and `why`)."""
        return self._on("override", callback)

    def poll(self) -> int:
        """With `callbacks="poll"`: calls those for whom something came, here; how many notices that were. Never waits. Now and then
        as well, as it makes a lost connection anew."""
        if self._says_absent():
            return 0
        self._calls.push()
        return self._notices.poll()

    def notices_fileno(self) -> int:
        """Readable when `poll` has something, for a loop of one's own; -1: no connection now."""
        return self._notices.fileno()

    @property
    def missed_notices(self) -> int:
        """That came faster than they were taken (64 are kept), and were dropped."""
        return self._notices.missed

    def _on(self, word: str, callback: Callable[[Any], Any]) -> Callable[[Any], Any]:
        self._callbacks.setdefault(word, []).append(callback)
        if not self._says_absent():
            self._notices.listen(word)
            (self._notices.read if self._in_thread else self._notices.poll)()
        return callback

    def _tell(self, word: str, notice: Notice) -> None:
        is_ready = word == "pause" and bool(self._callbacks.get(word))
        for callback in list(self._callbacks.get(word, [])):
            try:
                is_ready = callback(notice) is not False and is_ready
            except Exception:  # It is the agent's own, and the next notice must still be told.
                LOG.exception("a callback for %s failed", word)
                is_ready = False
        if is_ready:
            self._notices.ready()

    # ---- accelerators

    def lease(self, device: str, wait: float = 0.0) -> Lease:
        """A turn on what the run has of that kind: "npu" (`limits.npu` of its policy) or "gpu" (`limits.gpu`). Waits for at
        most `wait` seconds (0 to 3600) for others to end theirs. Returns a `Lease`, which is true where it is held and else says
        why not; raises ValueError for another word, and nothing because the daemon is away."""
        if device not in ("npu", "gpu"):
            raise ValueError(f"a lease is of 'npu' or 'gpu', not {device!r}")
        lease = Lease(device)
        if self._says_absent():
            lease.why = self.absent
        else:
            lease._take(self._path, min(max(wait, 0.0), 3600.0), self._timeout)
        return lease

    # ---- what it may do

    def guard(self, op: str, target: str, *, argv: Optional[Sequence[str]] = None,
              input: Optional[Mapping[str, Any]] = None, words: str = "", id: Optional[str] = None,
              patience: float = 600.0) -> Verdict:
        """Asks before something is done. What the policy of the run allows or forbids it says at once; what it asks about
        waits for a person, for `patience` seconds at most.

        `op`: "read" or "write" (`target`: a path), "exec" (a program, looked for on $PATH; `argv`: all words of the command),
        "connect" ("host:port"), "call" (the name of a tool; `input`: what it is called with, as JSON at most 16 KiB).
        `words`: why, for the person, who is told that they are the agent's own; cut at 1 KiB. `id`: 1 to 64 bytes; asked
        again with it, the same thing has the same answer, and nobody is asked twice.

        Returns a verdict that is true where it is allowed; never raises because nobody answers: it says no then. Raises
        ValueError for an unknown `op` and TypeError for input that JSON cannot hold. To be allowed gives no right: the walls
        judge what is really done.
        """
        return self.start_guard(op, target, argv=argv, input=input, words=words, id=id).wait(patience)

    def start_guard(self, op: str, target: str, *, argv: Optional[Sequence[str]] = None,
                    input: Optional[Mapping[str, Any]] = None, words: str = "",
                    id: Optional[str] = None) -> PendingVerdict:
        """The same without waiting, for a loop of one's own: poll what it returns, which never blocks."""
        body = body_of(op, target, argv, input, words)
        number = self._calls.number()
        if self._says_absent():
            allowed = self._unfenced_allowed and not self._path
            return PendingVerdict(None, id or number, Verdict(allowed, "absent", self.absent))
        self._guards.start(id or number, body)
        return PendingVerdict(self._guards, id or number)

    def guarded(self, op: str, target: Optional[str] = None, **arguments: Any) -> Guarded:
        """`guard` as a context manager, and as a decorator of a function. Raises `Denied` where it is not allowed.

            with agent.guarded("write", "/srv/config", words="a new port") as verdict:
                write(verdict.path or "/srv/config")

            @agent.guarded("call")
            def deploy(target, count=1): ...

        Takes what `guard` does. A function that is guarded as a "call" is asked about under its own name, unless `target` is
        another, with its arguments as the input; with what a person puts in the place of some it is called instead.
        """
        return Guarded(self.guard, op, target, arguments)

    def close(self) -> None:
        """Closes the connections; the next call makes others. What was asked and not answered ends in 5 s. Nothing more is
        told unasked, until the next `on_…`."""
        self._guards.close()
        self._notices.close()
        self._calls.close()

    # ---- how

    def _says_absent(self) -> bool:
        why = self.absent
        if not why:
            return False
        self.trouble = why
        if why not in self._told:
            self._told.add(why)
            LOG.warning("%s: nothing is told to a daemon", why)
        return True

    def _ask(self, verb: str, body: Mapping[str, Any], patient: bool = False) -> Optional[Dict[str, Any]]:
        if self._says_absent():
            return None
        answer = self._calls.ask(verb, body, patient)
        self.trouble = self._calls.trouble
        return answer


def _totals_of(answer: Mapping[str, Any]) -> Totals:
    cost, limit, cost_limit = (answer.get(name) for name in ("cost_usd", "tokens_limit", "cost_limit_usd"))
    return Totals(int(answer["input_tokens"]), int(answer["output_tokens"]), int(answer["reports"]), None if cost is None else float(cost),
                  None if limit is None else int(limit), bool(answer["counted_before"]), None if cost_limit is None else float(cost_limit),
                  bool(answer.get("cost_estimated", False)))
