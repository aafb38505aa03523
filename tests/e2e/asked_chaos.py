#!/usr/bin/env python3
"""Kills the daemon, the launcher or a warden at random moments while agents ask, and counts from outside what went wrong.

    asked_chaos.py --build DIR --victim daemon|warden|launcher|any [--kills N] [--seed S]

Agents make files in their workspace, make files in a folder whose changes are asked, and run commands that are asked;
each file and each command has a name of its own. An approver answers by the name: even numbers are allowed, odd ones
denied. Wrong is: an effect that nobody allowed, an effect that happened twice, a question that was asked twice, an
allowed one without its effect although the agent was told that it worked, and an agent that makes no step for two
seconds after everything is back (and longer than a step takes without a kill: the machine may be busy). One more agent
writes more at a time than there is room for before the daemon has recorded it; it only has to go on.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Callable

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.daemon import Daemon, eventually, is_alive  # noqa: E402

POLICY = """schema = 1
name = "trial"
extends = ["offline"]
[priority]
class = "interactive"
[files]
ask = ["{asked}"]
[prompt]
timeout = "10m"
per_minute = 100000
[[exec.rule]]
match = ["touch"]
decide = "ask"
"""

# Appends, so that an effect that happens twice shows. Each step's outcome is a line of its own.
AGENT = """
import os, subprocess, sys
name, asked, log = sys.argv[1], sys.argv[2], os.open(sys.argv[3], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
def told(kind, number, error):
    os.write(log, f"{kind} {number} {error}\\n".encode())
def append(path):
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    except OSError as error:
        return error.errno
    os.write(fd, b"x")
    os.close(fd)
    return 0
number = 0
while not os.path.exists("stop"):
    number += 1
    told("free", number, append(f"free-{name}-{number}"))
    told("asked", number, append(f"{asked}/file-{name}-{number}"))
    if number % 5 == 0:
        try:
            told("command", number, subprocess.run(["/usr/bin/touch", f"command-{name}-{number}"]).returncode)
        except OSError as error:
            told("command", number, error.errno)
"""

# More openings in a row than what is allowed has room for on its way to the log.
WRITER = """
import os, sys, time
while not os.path.exists("stop"):
    for _ in range(10_000):
        fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.write(fd, b"\\n")
        os.close(fd)
    time.sleep(0.2)
"""


class Approver(threading.Thread):
    """Answers what is pending, again and again; a daemon that is away is asked later."""

    def __init__(self, daemon: Daemon) -> None:
        super().__init__(daemon=True)
        self.daemon_under_test = daemon
        self.stop = threading.Event()
        self.allowed: set[str] = set()
        self.questions: dict[str, set[str]] = {}  # what is asked -> ids

    def run(self) -> None:
        while not self.stop.is_set():
            result = self.daemon_under_test.cli("pending", "--json")
            for line in result.stdout.splitlines():
                self.answer(json.loads(line))
            self.stop.wait(0.02)

    def answer(self, asked: dict[str, object]) -> None:
        action = asked["action"]
        assert isinstance(action, dict)
        words = [str(action["target"]), *map(str, action.get("argv") or [])]
        found = re.search(r"(file|command)-(\w+)-(\d+)", " ".join(words))
        if not found:
            self.questions.setdefault("strange: " + " ".join(words), set()).add(str(asked["id"]))
            return
        self.questions.setdefault(found[0], set()).add(str(asked["id"]))
        if int(found[3]) % 2 == 0:
            self.allowed.add(found[0])  # before it can take effect
            self.daemon_under_test.cli("allow", str(asked["id"]))
        else:
            self.daemon_under_test.cli("deny", str(asked["id"]))


def guards(daemon: Daemon, name: str) -> list[int]:
    found = []
    for pid in daemon.processes():
        try:
            if Path(f"/proc/{pid}/comm").read_text().strip() == name[:15]:
                found.append(pid)
        except OSError:
            continue
    return found


def steps_of(logs: list[Path]) -> list[int]:
    return [log.read_bytes().count(b"\n") if log.exists() else 0 for log in logs]


def next_step(progress: Callable[[], list[int]], seconds: float) -> float | None:
    """How long everything that must go on took to make one step more."""
    began, before = time.monotonic(), progress()
    gone_on = eventually(lambda: all(now > then for now, then in zip(progress(), before)), seconds)
    return time.monotonic() - began if gone_on else None


def too_long(stalls: list[float], calm: list[float]) -> list[str]:
    """Two seconds, and what a step took at worst on this machine when nothing had been killed."""
    return [f"{stall:.1f} s without a step, and {max(calm):.1f} s at most without a kill" for stall in stalls if stall > 2 + max(calm)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--victim", choices=["daemon", "warden", "launcher", "any"], required=True)
    parser.add_argument("--kills", type=int, default=int(os.environ.get("RINGFENCE_KILLS", "20")))
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    options = parser.parse_args()
    print(f"seed {options.seed}")
    chance = random.Random(options.seed)
    problems: list[str] = []
    stalls: list[float] = []
    calm: list[float] = []  # the same without a kill
    deaths: list[float] = []  # of wardens
    killed: Counter[str] = Counter()

    with Daemon(options.build) as daemon:
        project, asked = daemon.base / "project", daemon.base / "asked"
        project.mkdir()
        asked.mkdir()
        policy = daemon.base / "trial.toml"
        policy.write_text(POLICY.format(asked=asked))
        (project / "agent.py").write_text(AGENT)
        names = ["a", "b"]
        runs = [daemon.cli("run", "-d", "-p", str(policy), "-w", str(project), "--", "/usr/bin/python3", "agent.py", name, str(asked),
                           str(project / f"log-{name}")).stdout.strip() for name in names]
        logs = [project / f"log-{name}" for name in names]
        (project / "writer.py").write_text(WRITER)
        logs.append(project / "log-writer")
        runs.append(daemon.cli("run", "-d", "-p", str(policy), "-w", str(project), "--", "/usr/bin/python3", "writer.py", str(logs[-1])).stdout.strip())
        approver = Approver(daemon)
        approver.start()
        if not eventually(lambda: min(steps_of(logs)) > 4, 30):
            problems.append(f"the agents make no steps: {[daemon.cli('logs', run).stdout for run in runs]}")
        for kill in range(options.kills):
            time.sleep(chance.uniform(0.02, 0.4))
            who = chance.choice(["daemon", "launcher", "warden"]) if options.victim == "any" else options.victim
            if who == "daemon":
                daemon.kill_daemon()
                daemon.start()
            elif who == "launcher":
                old = daemon.kill_launcher()
                if not eventually(lambda: daemon.launcher_pid() not in (0, old), 10, 0.002):
                    problems.append(f"kill {kill}: no new launcher")
            else:
                # One whose guard dies five times in ten seconds is ended: nobody would be there to answer it.
                eventually(lambda: len(deaths) < 5 or time.monotonic() - deaths[-5] > 10.5, 20)
                deaths.append(time.monotonic())
                victim = chance.choice(guards(daemon, "ringfence-warden"))
                os.kill(victim, signal.SIGKILL)
                eventually(lambda pid=victim: not is_alive(pid), 5, 0.002)
                if not eventually(lambda: len(guards(daemon, "ringfence-warden")) >= len(runs), 5, 0.002):
                    problems.append(f"kill {kill}: no new warden")
            killed[who] += 1
            # One step may be a question that the approver has not seen yet: two are not.
            took = next_step(lambda: steps_of(logs), 30)
            if took is None:
                problems.append(f"kill {kill}: an agent makes no step any more: {steps_of(logs)}")
                break
            stalls.append(took)
            calm.append(next_step(lambda: steps_of(logs), 30) or 0.0)
        (project / "stop").touch()
        for run in runs:
            if not eventually(lambda one=run: daemon.json("show", one)["state"] == "ended", 20, 0.05):
                problems.append(f"{run} does not end")
        approver.stop.set()
        approver.join()
        problems += judge(daemon, approver, names, project, asked)
        problems += too_long(stalls, calm)
        steps = sum(steps_of(logs))
        if daemon.cli("verify").returncode != 0:
            problems.append("the chain does not verify")
    problems += daemon.leftovers()
    for problem in problems[:40]:
        print(f"asked: {problem}")
    ordered = sorted(stalls) or [0.0]
    print(f"asked: {options.kills} kills {dict(killed)}, {steps} steps, {len(approver.questions)} questions, {len(problems)} problems; "
          f"next step after {ordered[len(ordered) // 2]:.2f} s (median), {ordered[-1]:.2f} s (worst), "
          f"{max(calm, default=0.0):.2f} s at most without a kill")
    return 1 if problems else 0


def judge(daemon: Daemon, approver: Approver, names: list[str], project: Path, asked: Path) -> list[str]:
    problems = []
    effects = {path.name: path.stat().st_size for path in asked.iterdir()}
    commands = {path.name for path in project.glob("command-*")}
    for name in sorted({*effects, *commands} - approver.allowed):
        problems.append(f"{name} was done and nobody allowed it")
    problems += [f"{name} was done {size} times" for name, size in effects.items() if size > 1]
    free = {path.name: path.stat().st_size for path in project.glob("free-*")}
    problems += [f"{name} was done {size} times" for name, size in free.items() if size > 1]
    for name in names:
        for line in (project / f"log-{name}").read_text().splitlines():
            kind, number, error = line.split()
            done = {"free": f"free-{name}-{number}" in free, "asked": f"file-{name}-{number}" in effects,
                    "command": f"command-{name}-{number}" in commands}[kind]
            if error == "0" and not done:
                problems.append(f"{name} was told that {kind} {number} worked, and it did not happen")
    counted = Counter()
    for line in daemon.cli("log", "--json").stdout.splitlines():
        fact = json.loads(line)
        if fact["kind"] == "action-asked":
            counted[fact["body"]["digest"]] += 1
    problems += [f"the question {what[:12]} was asked {count} times" for what, count in counted.items() if count > 1]
    problems += [name for name in approver.questions if name.startswith("strange")]
    return problems


if __name__ == "__main__":
    sys.exit(main())
