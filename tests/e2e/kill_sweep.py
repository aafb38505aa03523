#!/usr/bin/env python3
"""One program is killed at each system call that it makes in a scripted life of a run: it is launched, asks and is allowed,
asks and is denied, is frozen and resumed, gets a grant that is taken back, and ends.

    kill_sweep.py --build DIR --who daemon|launcher|warden|egress|stop [--points N] [--seed S] [--verbose]

With `stop` the scenario is one of ringfence-stop: everything is stopped, re-armed and resumed.

First the scenario is recorded once, then it is played for each call with a kill where that call begins (or for N of them,
spread evenly from a random one on; 0: all). After each step what is seen must be what the model has: what was acknowledged holds, what was not
has happened or not, nothing happens that nobody decided, each agent is adopted or has ended and is named, and whoever was
killed is back.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.e2e.model.operations import Mismatch, Operations  # noqa: E402
from tests.e2e.model.reference import ROOT, Question, Reference, Run  # noqa: E402
from tests.e2e.model.trial import Trial  # noqa: E402
from tests.e2e.model.wire import Connection, Gone, ask_stop  # noqa: E402
from tests.e2e.model.world import TERMS, USERS, World, daemon_of, now  # noqa: E402
from tests.support.daemon import eventually, is_alive  # noqa: E402

# Leaving, and what is told of a call that was interrupted; and what changes nothing that anybody else can see: killed there,
# it leaves what it leaves at the call before.
NEVER = {"exit", "exit_group", "restart_syscall"}
SILENT = {"pread64", "lseek", "fstat", "newfstatat", "statx", "stat", "lstat", "getdents64", "readlink", "readlinkat", "access", "faccessat",
          "faccessat2", "poll", "clock_gettime", "clock_nanosleep", "nanosleep", "getpid", "gettid", "getuid", "geteuid", "getsockopt",
          "mmap", "munmap", "mprotect", "brk", "madvise", "rt_sigprocmask", "rt_sigaction", "sched_yield", "futex"}
UID = USERS[0]
NAME_SERVICE_PAUSE = 10.5  # seconds: a daemon waits for ten after a look-up that failed
Point = tuple[str, int]  # a call, and how many-th of its name on its thread
Did = tuple[str, list[Reference]]


class Strace:
    """Attached to those processes. `who`: a guard makes threads as it needs them, and they are followed; the daemon has all of
    its threads, and what it and the others start is somebody else."""

    def __init__(self, pids: list[int], who: str, *options: str) -> None:
        if who == "daemon":
            pids = [int(thread.name) for pid in pids for thread in Path(f"/proc/{pid}/task").iterdir()]
        follow = who in ("warden", "egress")
        words = [word for pid in pids for word in ("-p", str(pid))]
        self.process = subprocess.Popen(["strace", "-q", *(["-f"] if follow else []), *words, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(lambda: all(self.holds(pid, follow) for pid in pids), 10, 0.002)

    def holds(self, pid: int, follow: bool) -> bool:
        try:
            threads = Path(f"/proc/{pid}/task").iterdir() if follow else [Path(f"/proc/{pid}")]
            return all(int(re.findall(r"TracerPid:\s+(\d+)", (thread / "status").read_text())[0]) == self.process.pid for thread in threads)
        except (OSError, IndexError):
            return True  # It has ended.

    def detach(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class SweptOperations(Operations):
    """The victim dies by itself, at a moment that nobody here knows."""

    pids: list[int] = []
    is_back = False
    began = 0.0  # seconds of the wall clock: the launcher of before was ready

    def dead(self) -> bool:
        return any(not is_alive(pid) for pid in self.pids)

    def deliver(self, uid: int, fds: list[int] | None = None, client: Connection | None = None, **request: object) -> str | None:
        try:
            return super().deliver(uid, fds, client, **request)
        except Gone:  # It died before it could be sent.
            self.revive_dead()
            return None

    def revive_dead(self) -> None:
        """Somebody found the daemon gone: that must be its death."""
        if self.victim != "daemon" or not eventually(self.dead, 5, 0.001):
            raise Mismatch("the daemon closed a connection")
        self.revive()

    def strike(self, heard: Connection | None) -> str:
        if heard is None:
            return ""
        eventually(lambda: self.dead() or select.select([heard.socket], [], [], 0.001)[0], 30, 0)
        self.revive()
        return ""

    def revive(self) -> None:
        if not self.dead() or self.is_back:
            return
        process = self.world.daemon.process
        began, self.is_back = time.monotonic(), True
        if self.victim == "daemon" and process is not None:
            process.wait()
            self.world.daemon.start()
            self.world.connect()
        elif self.victim == "launcher" and not self.world.has_launcher_since(self.began):
            raise Mismatch("no new launcher")
        elif self.victim == "stop" and not self.world.has_stop_since(self.pids[0]):
            raise Mismatch("no new stop")
        self.world.pauses.append((self.victim, time.monotonic() - began))


class SweptTrial(Trial):
    pause = 0.01  # What it takes part in by being looked at is no part of the scenario.

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.operations: SweptOperations = SweptOperations(world)

    def settle(self, states: list[Reference]) -> None:
        while True:
            try:
                return super().settle(states)
            except Gone:
                self.operations.revive_dead()


class Scenario:
    """Played once; each step until it has happened, for what nobody acknowledged may not have."""

    def __init__(self, trial: SweptTrial, who: str) -> None:
        self.trial, self.who = trial, who
        self.operations = trial.operations
        self.name = ""

    def play(self, attach: Callable[[str], list[int]]) -> None:
        """`attach`: to the victim, which is of that run where it is a guard of one; returns its processes."""
        operations = self.operations
        operations.pids, operations.is_back, operations.victim, operations.began = [], False, "", time.time()
        if self.who == "stop":
            return self.play_stop(attach)
        if self.who in ("daemon", "launcher"):
            self.begin(attach(""))
        self.until(lambda: self.name in self.model.runs, self.launch)
        if self.who not in ("daemon", "launcher"):
            operations.victim_of = self.name
            self.begin(attach(self.name))
        self.asked_and("allow")
        self.asked_and("deny")
        self.until(lambda: bool(self.run.held), lambda: self.act("freeze"))
        self.until(lambda: not self.run.held, lambda: self.act("resume"))
        self.do(lambda: operations.write(random.Random(1)))
        self.granted_and_revoked()
        self.do(lambda: operations.leave_with(self.run, 7))
        operations.revive()

    def play_stop(self, attach: Callable[[str], list[int]]) -> None:
        self.until(lambda: self.name in self.model.runs, self.launch)
        self.begin(attach(""))
        self.until(lambda: self.model.latched, self.stop_everything)
        self.until(lambda: not self.model.latched, self.rearm)
        assert self.run.held, "what was stopped goes on without a resume"
        self.until(lambda: not self.run.held, lambda: self.act("resume"))
        self.do(lambda: self.operations.write(random.Random(1)))
        self.do(lambda: self.operations.leave_with(self.run, 7))
        self.operations.revive()

    def stop_everything(self) -> Did:
        after = self.model.copied()
        after.stop_all(UID, now())
        try:
            receipt = ask_stop(self.trial.world.stop_address, UID, "stop by the sweep")
        except Gone:
            return self.after_death("stops everything, and nobody answers", [after, self.model.copied()])
        assert receipt.get("latched") and receipt.get("verified"), f"a stop was answered with {receipt}"
        return f"uid {UID} stops everything", [after]

    def rearm(self) -> Did:
        after = self.model.copied()
        wanted = after.rearm(ROOT)
        code = self.operations.deliver(ROOT, rearm={})
        if code == "unavailable" and not wanted:
            return self.after_death("re-arms, and is told that ringfence-stop is away", [after, self.model.copied()])
        return "root re-arms", self.operations.follows(code, wanted, [after])

    def after_death(self, what: str, states: list[Reference]) -> Did:
        """Of the one that did not answer. The next one and the daemon agree, and the kernel with them."""
        if self.operations.victim != "stop" or not eventually(self.operations.dead, 5, 0.001):
            raise Mismatch(f"{what}, although nobody died")
        self.operations.revive()
        if not eventually(self.trial.world.agrees_on_stop, 20, 0.002):
            raise Mismatch("ringfence-stop, the daemon and the kernel do not agree on whether everything is stopped")
        return what, states

    def begin(self, pids: list[int]) -> None:
        self.operations.pids, self.operations.victim = pids, self.who

    @property
    def model(self) -> Reference:
        return self.operations.model

    @property
    def run(self) -> Run:
        return self.model.runs[self.name]

    def do(self, step: Callable[[], Did | None]) -> None:
        was_dead = self.operations.dead() if self.operations.pids else False
        if was_dead:
            self.operations.revive()
            self.operations.victim = ""  # From here on nothing may be lost.
        did = step()
        assert did is not None
        self.trial.trace.append(did[0] + (" (after the kill)" if was_dead else ""))
        self.trial.settle(did[1])

    def until(self, happened: Callable[[], bool], step: Callable[[], Did | None]) -> None:
        for _ in range(3):
            self.do(step)
            if happened():
                return
            if "the name service" in self.operations.why:  # It is slow where others compute, and is not asked again before that.
                time.sleep(NAME_SERVICE_PAUSE)
        raise Mismatch(f"a step did not happen although nobody died any more; the last answer: {self.operations.why or 'none'}")

    def launch(self) -> Did:
        self.name = f"agent-{self.operations.next()}"
        kind = "egress" if self.who == "egress" else "plain"
        return self.operations.launch_run(Run(self.name, UID, str(self.trial.world.workspaces(UID)[0]), kind, TERMS[kind], False, now()))

    def act(self, verb: str) -> Did:
        return self.operations.act_on(UID, verb, self.name, self.name)

    def ask(self, path: str) -> Question:
        self.do(lambda: self.operations.wants(self.run, path))
        return max(self.model.questions.values(), key=lambda one: one.number)

    def answer(self, question: Question, verdict: str, **said: str) -> None:
        request = {"id": question.number, "verdict": f"VERDICT_{verdict.upper()}", **({"scope": f"SCOPE_{said.get('scope', 'once').upper()}"} if verdict == "allow" else {})}
        self.until(lambda: question.number not in self.model.questions,
                   lambda: self.operations.answer_as(UID, self.model.questions[question.number], request, verdict, dict(said)))

    def asked_and(self, verdict: str) -> None:
        self.answer(self.ask(str(self.trial.world.asked(UID) / f"new-{self.operations.next()}")), verdict)

    def granted_and_revoked(self) -> None:
        path = str(self.trial.world.shared(UID)[0])
        self.answer(self.ask(path), "allow", scope="run")
        grant = self.model.last_grant
        self.do(lambda: self.operations.wants(self.run, path))
        self.until(lambda: grant not in self.model.grants, lambda: self.operations.revoked(UID, grant))


def victims(world: World, who: str, name: str) -> list[int]:
    if who == "daemon":
        assert world.daemon.process is not None
        return [world.daemon.process.pid]
    if who == "launcher":
        return [eventually(world.daemon.launcher_pid, 10)]
    if who == "stop":
        return [eventually(world.daemon.stop_pid, 10)]
    return eventually(lambda: world.guards(name, who), 10)


def record(trial: SweptTrial, who: str) -> list[Point]:
    trace = trial.world.daemon.base / "trace"
    held: list[Strace] = []

    def attach(name: str) -> list[int]:
        held.append(Strace(victims(trial.world, who, name), who, "-o", str(trace)))
        return []

    Scenario(trial, who).play(attach)
    held[0].detach()
    counts: dict[tuple[str, str], int] = {}
    points: dict[Point, None] = {}
    for line in trace.read_text(errors="replace").splitlines():
        found = re.match(r"(?:(\d+) +)?(\w+)\(", line)
        if not found or found[2] in NEVER:
            continue
        key = (found[1] or "", found[2])
        counts[key] = counts.get(key, 0) + 1
        reads = found[2] in SILENT or " EAGAIN " in line or (found[2] == "openat" and "O_CREAT" not in line)
        if not reads:
            points[found[2], counts[key]] = None
    return list(points)


def kill_at(trial: SweptTrial, who: str, point: Point) -> bool:
    """Whether it died there."""
    held: list[Strace] = []
    call, number = point

    def attach(name: str) -> list[int]:
        pids = victims(trial.world, who, name)
        held.append(Strace(pids, who, "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={number}"))
        return pids

    try:
        Scenario(trial, who).play(attach)
    finally:
        for strace in held:
            strace.detach()
    trial.operations.revive()  # What it does when a run is over can come after the scenario, and its death with it.
    return trial.operations.dead()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True)
    parser.add_argument("--who", choices=["daemon", "launcher", "warden", "egress", "stop"], required=True)
    parser.add_argument("--points", type=int, default=int(os.environ.get("RINGFENCE_SWEEP_POINTS", "15")))
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30), help="of the first point")
    parser.add_argument("--verbose", action="store_true", help="one line a point")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    problems: list[str] = []
    deaths = 0
    with daemon_of(options.build) as daemon:
        trial = SweptTrial(World(daemon))
        points = record(trial, options.who)
        count = options.points if 0 < options.points < len(points) else len(points)
        first = random.Random(options.seed).randrange(len(points))
        for point in [points[(first + i * len(points) // count) % len(points)] for i in range(count)]:
            where = f"{point[0]} number {point[1]}"
            del trial.trace[:]
            try:
                died = kill_at(trial, options.who, point)
            except (Mismatch, Gone, AssertionError, RuntimeError, OSError) as wrong:
                problems.append(f"{where}: {type(wrong).__name__}: {wrong}\n  " + "\n  ".join(trial.trace))
                print(f"kill sweep: {problems[-1]}\n--- the daemon said:\n{daemon.log()[-2000:]}---", flush=True)
                break  # The model does not know any more what is there.
            deaths += died
            if options.verbose:
                print(f"{where}: {'killed' if died else 'was not reached'}", flush=True)
        if daemon.cli("verify").returncode != 0:
            problems.append("the chain does not verify")
    problems += daemon.leftovers()
    if deaths == 0:
        problems.append("nobody was killed")
    print(f"kill sweep: {options.who} killed at {deaths} of {count} calls ({len(points)} known), {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
