"""What the daemon should hold, in the fewest words: runs, questions, grants and the latch, and what agents were told.

Pure: each operation changes this state as it says, or returns the code of the error that its client must get. What the
daemon may decide either way (a kill in the middle) is said by whoever asks: as several states, of which one must be met.
"""

from __future__ import annotations

import copy
import errno
from dataclasses import dataclass, field

ROOT = 0
MOST_OPEN = 10        # open questions of a run; what comes on top is refused
MOST_ENDED = 300      # that are looked at again; the daemon knows 1,000
MOST_CLOSED = 256     # settled questions that are known as settled
BY_STOP = "emergency stop"
REFUSED, POLICY = errno.EPERM, errno.EACCES
CUT_OFF = -1  # allowed, and whoever did it died meanwhile: it is done, or the agent hears one of these
# Where the warden dies in the very moment in which it hands over the descriptor, the kernel has the call answered already and
# no descriptor for it: the open returns 0, the agent's own input, which takes no bytes.
NOT_DONE = (errno.EIO, errno.EBADF)

Window = tuple[float, float]  # seconds of CLOCK_BOOTTIME: something ends not before and not after


@dataclass
class Terms:
    """What a kind of run is started with."""

    patience: float = 600.0  # seconds that a question waits
    per_minute: int = 1000   # questions that have a card of their own
    unattended: bool = False
    egress: bool = False


@dataclass
class Run:
    name: str
    owner: int
    workspace: str
    kind: str
    terms: Terms
    attached: bool
    began: float
    held: str = ""    # who holds it: "" while it runs
    asked: int = 0    # questions so far
    refused: int = 0  # since it began or was resumed
    orphaned: bool = False  # its launcher died: of a kill nobody sees the signal


@dataclass
class Question:
    number: int
    run: str
    path: str
    asks: list[int]
    batch: int       # 0: a card of its own
    ends: Window


@dataclass
class Grant:
    number: int
    scope: str       # run, project, always
    owner: int
    run: str
    workspace: str
    path: str
    by: int
    ends: Window | None


@dataclass
class Reference:
    runs: dict[str, Run] = field(default_factory=dict)
    ended: dict[str, tuple[str, int]] = field(default_factory=dict)  # how ("": unknown, "?": perhaps it never was), and whose it was
    questions: dict[int, Question] = field(default_factory=dict)
    grants: dict[int, Grant] = field(default_factory=dict)
    closed: dict[int, int] = field(default_factory=dict)     # whose it was
    last_question: int = 0
    last_grant: int = 0
    latched: bool = False
    stopped_by: int | None = None                             # of the first stop
    met: frozenset[int] = frozenset()                         # whose runs the stop met
    sizes: dict[str, int] = field(default_factory=dict)       # bytes of files: how often each was opened and written
    unsure: dict[str, int] = field(default_factory=dict)      # bytes that may have come on top, of runs that ended
    said: dict[tuple[str, int], tuple[int, str]] = field(default_factory=dict)  # what agents must say, and did, since the last look
    owed: dict[tuple[str, int], tuple[int, str]] = field(default_factory=dict)  # what frozen ones will say, and do
    early: dict[tuple[str, int], bool] = field(default_factory=dict)  # of those, who may have heard just before they were frozen
    anew: dict[tuple[str, int], bool] = field(default_factory=dict)   # and whose next warden judges anew, with the grants that are there by then

    def copied(self) -> "Reference":
        other = copy.copy(self)
        other.runs = {name: copy.copy(run) for name, run in self.runs.items()}
        other.questions = {number: copy.copy(one) for number, one in self.questions.items()}
        for one in other.questions.values():
            one.asks = list(one.asks)
        for name in ("ended", "closed", "grants", "sizes", "unsure", "said", "owed", "early", "anew"):
            setattr(other, name, dict(getattr(self, name)))
        return other

    # ---- who

    def sees(self, uid: int, owner: int) -> bool:
        return uid in (ROOT, owner)

    def run_for(self, uid: int, name: str) -> Run | None:
        run = self.runs.get(name)
        return run if run is not None and self.sees(uid, run.owner) else None

    def card(self, question: Question) -> list[Question]:
        if question.batch == 0:
            return [question]
        return [one for number, one in sorted(self.questions.items()) if one.run == question.run and one.batch == question.batch]

    def is_for(self, grant: Grant, run: Run) -> bool:
        if grant.owner != run.owner:
            return False
        return {"run": grant.run == run.name, "project": grant.workspace == run.workspace, "always": True}[grant.scope]

    # ---- runs

    def launch(self, run: Run) -> str | None:
        if self.latched:
            return "unavailable"
        self.runs[run.name] = run
        return None

    def act(self, uid: int, verb: str, name: str) -> str | None:
        run = self.run_for(uid, name)
        if run is None:
            return "invalid" if name in self.ended and self.sees(uid, self.ended[name][1]) else "not-found"
        if verb == "freeze":
            if run.held:
                return "invalid"
            run.held = "person"
        elif verb == "resume":
            if not run.held:
                return "invalid"
            if self.latched:
                return "unavailable"
            self.go_on(run)
        else:
            self.end(name, "signal 9" if verb == "kill" else "signal 15")
        return None

    def suits(self, uid: int, verb: str) -> list[str]:
        return [name for name, run in self.runs.items()
                if self.sees(uid, run.owner) and (verb in ("stop", "kill") or bool(run.held) == (verb == "resume"))]

    def go_on(self, run: Run) -> None:
        run.held, run.refused = "", 0
        for key in [key for key in self.owed if key[0] == run.name]:
            code, path = self.owed.pop(key)
            self.tell(run, key[1], code, path)

    def end(self, name: str, how: str) -> None:
        for number in [number for number, one in self.questions.items() if one.run == name]:
            self.close(number, name)
        run = self.runs.pop(name)
        self.ended[name] = ("" if run.orphaned and how == "signal 9" else how, run.owner)
        self.grants = {number: one for number, one in self.grants.items() if (one.scope, one.run) != ("run", name)}
        if len(self.ended) > MOST_ENDED:
            del self.ended[next(iter(self.ended))]
        # What it was told and had no time to say: it may have written, or not.
        for key in [key for key in self.said if key[0] == name]:
            code, path = self.said.pop(key)
            if code == 0:
                self.sizes[path] -= 1
            if code in (0, CUT_OFF):
                self.unsure[path] = self.unsure.get(path, 0) + 1
        for key in [key for key in self.owed if key[0] == name]:
            code, path = self.owed.pop(key)
            if code in (0, CUT_OFF):
                self.unsure[path] = self.unsure.get(path, 0) + 1

    def end_all(self) -> None:
        for name in list(self.runs):
            self.end(name, "")

    # ---- questions

    def ask(self, name: str, number: int, path: str, now: float) -> str:
        """What becomes of it: allowed, joined, refused, expired or asked."""
        run = self.runs[name]
        if any(self.is_for(grant, run) and grant.path == path for grant in self.grants.values()):
            self.tell(run, number, 0, path)
            return "allowed"
        if first := self.asked_for(name, path):
            first.asks.append(number)
            return "joined"
        if sum(one.run == name for one in self.questions.values()) >= MOST_OPEN:
            run.refused += 1
            self.tell(run, number, REFUSED, path)
            return "refused"
        self.last_question += 1
        run.asked += 1
        if run.terms.unattended:
            self.close(self.last_question, name)
            self.tell(run, number, POLICY, path)
            return "expired"
        batch = 0
        if run.asked > run.terms.per_minute:
            batch = next((one.batch for one in self.questions.values() if one.run == name and one.batch), self.last_question)
        ends = (now + run.terms.patience - 0.2, now + run.terms.patience + 1.0)
        self.questions[self.last_question] = Question(self.last_question, name, path, [number], batch, ends)
        return "asked"

    def asked_for(self, name: str, path: str) -> Question | None:
        """The open question of that run about that file."""
        return next((one for one in self.questions.values() if (one.run, one.path) == (name, path)), None)

    def judged_anew(self, names: set[str]) -> "Reference":
        """Open questions of those runs that a grant has answered since: nobody need be asked."""
        state = self.copied()
        for one in list(state.questions.values()):
            if one.run in names and any(grant.path == one.path and self.is_for(grant, state.runs[one.run]) for grant in state.grants.values()):
                state.settle(one, 0)
        return state

    def close(self, number: int, run: str) -> None:
        self.questions.pop(number, None)
        self.closed[number] = self.runs[run].owner
        if len(self.closed) > MOST_CLOSED:
            del self.closed[next(iter(self.closed))]

    def tell(self, run: Run, ask: int, code: int, path: str) -> None:
        if run.held:
            self.owed[run.name, ask] = (code, path)
            return
        self.said[run.name, ask] = (code, path)
        if code == 0:
            self.sizes[path] = self.sizes.get(path, 0) + 1

    def cut_off(self, name: str, before: "Reference") -> None:
        """The warden of that run died while it did what was allowed since."""
        for told, told_before in ((self.said, before.said), (self.owed, before.owed)):
            for key, (code, path) in list(told.items()):
                if key[0] == name and code == 0 and key not in told_before:
                    told[key] = (CUT_OFF, path)
                    if told is self.said:
                        self.sizes[path] -= 1

    def lose_wardens(self, names: set[str], before: "Reference") -> None:
        self.anew.update({key: True for key in self.owed if key[0] in names})
        # What was allowed while the run is held is begun, and handed over when it goes on: a file may be made by then.
        for key, (code, path) in before.owed.items():
            if key[0] not in names or code != 0:
                continue
            if self.owed.get(key) == (0, path):
                self.owed[key] = (CUT_OFF, path)
            elif self.said.get(key) == (0, path):
                self.said[key] = (CUT_OFF, path)
                self.sizes[path] -= 1

    def hear(self, name: str, ask: int, code: int) -> None:
        """What became of one that was cut off, or that heard in time."""
        if code == POLICY and self.early.get((name, ask)) and (name, ask) in self.owed:
            self.said[name, ask] = self.owed.pop((name, ask))
        told, path = self.said.get((name, ask), (0, ""))
        if code == 0 and told in (REFUSED, POLICY) and (name, ask) in self.anew and any(
                grant.path == path and self.is_for(grant, self.runs[name]) for grant in self.grants.values()):
            self.tell(self.runs[name], ask, 0, path)
        if code in (0, *NOT_DONE) and self.said.get((name, ask), (0, ""))[0] == CUT_OFF:
            path = self.said[name, ask][1]
            self.said[name, ask] = (code, path)
            if code == 0:
                self.sizes[path] = self.sizes.get(path, 0) + 1

    def settle(self, question: Question, code: int, path: str | None = None) -> None:
        self.close(question.number, question.run)
        for ask in question.asks:
            self.tell(self.runs[question.run], ask, code, path or question.path)

    def answer(self, uid: int, number: int, verdict: str, *, whole: bool = False, scope: str = "once", ends: Window | None = None,
               path: str | None = None) -> str | None:
        """`whole`: with the digest of its card."""
        question = self.questions.get(number)
        if question is None or not self.sees(uid, self.runs[question.run].owner):
            return "gone" if number in self.closed and self.sees(uid, self.closed[number]) else "not-found"
        run = self.runs[question.run]
        card = self.card(question) if whole or verdict == "deny" else [question]
        if verdict == "rewrite" and len(card) != 1:
            return "invalid"
        for one in card:
            if scope != "once":
                self.last_grant += 1
                self.grants[self.last_grant] = Grant(self.last_grant, scope, run.owner, run.name if scope == "run" else "",
                                                     run.workspace if scope == "project" else "", one.path, uid, ends)
            self.settle(one, REFUSED if verdict == "deny" else 0, path)
        return None

    def expire(self, number: int) -> None:
        question = self.questions[number]
        self.early.update({(question.run, ask): True for ask in question.asks})
        self.settle(question, POLICY)

    # ---- grants, the latch

    def revoke(self, uid: int, number: int) -> str | None:
        grant = self.grants.get(number)
        if grant is None or not self.sees(uid, grant.owner):
            return "not-found"
        del self.grants[number]
        return None

    def stop_all(self, uid: int | None, at: float) -> None:
        if not self.latched:
            self.stopped_by, self.met = uid, frozenset(run.owner for run in self.runs.values())
        self.latched = True
        for run in self.runs.values():
            run.held = BY_STOP
        for question in list(self.questions.values()):
            if question.ends[0] <= at:
                self.expire(question.number)
            else:
                self.settle(question, POLICY)

    def rearm(self, uid: int) -> str | None:
        """It was the stop of every run; nothing goes on by it."""
        if not self.latched:
            return "invalid"
        if uid != ROOT and self.met != {uid} and (self.met or self.stopped_by != uid):
            return "denied"
        self.latched = False
        return None
