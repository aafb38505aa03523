#!/usr/bin/env python3
"""Kills the daemon, the launcher or both at random moments under load, and counts what was lost.

    chaos.py --build DIR --victim daemon|launcher|both [--kills N] [--seed S]

Load: short runs that are started one after another, by a client that detaches and by one that waits for the status, long
ones that live through every kill, and one on a terminal that is typed to. Lost is: a fact that the log had acknowledged and
that is gone afterwards, a run that nobody adopted, an exit status that nobody saw, a terminal that answers no more. Wrong is
too that what was killed is not back within a second, and longer where the machine is busy: after half the kills, and of many
kills after each.
The observer reads the log before each kill through the command line and again after the restart; it shares no memory
with the programs it watches.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.daemon import SLOWER, Daemon, eventually, is_alive  # noqa: E402
from tests.support.terminal import Terminal  # noqa: E402


MANY_KILLS = 100  # a soak
# A machine that is busy starts two programs as late as it answers so many requests one after the other.
START_REQUESTS = 4

# The other branch is idle, and a busy machine starves it.
POLICY = 'schema = 1\nname = "trial"\nextends = ["offline"]\n[priority]\nclass = "interactive"\n'


class Load(threading.Thread):
    """Starts runs that end with a status of their own, as long as it is told to: detached ones, or in the foreground."""

    def __init__(self, daemon: Daemon, policy: str, foreground: bool) -> None:
        super().__init__(daemon=True)
        self.daemon_under_test, self.policy, self.foreground = daemon, policy, foreground
        self.stop = threading.Event()
        self.started: list[tuple[str, int]] = []  # (run, exit status it will have)
        self.passed = 0                           # foreground runs whose status came through
        self.unserved = 0                         # starts that were refused, or found no daemon
        self.problems: list[str] = []

    def run(self) -> None:
        number = 0
        project = str(self.daemon_under_test.base / "project")
        while not self.stop.is_set():
            status = 1 + number % 90
            number += 1
            flags = ["-p", self.policy, "-w", project, *([] if self.foreground else ["-d"])]
            result = self.daemon_under_test.cli("run", *flags, "--", "/bin/sh", "-c", f"sleep 0.1; exit {status}")
            if self.foreground and result.returncode == status:
                self.passed += 1
            elif not self.foreground and result.returncode == 0:
                self.started.append((result.stdout.strip(), status))
            elif "ringfence: not started: " in result.stderr or (result.returncode == 3 and "may still run" not in result.stderr):
                self.unserved += 1
            else:
                self.problems.append(f"a client ended with {result.returncode} instead of {status}: {result.stderr.strip()}")
            self.stop.wait(0.02)


TALKER = 'echo begins; while read -r word; do echo "heard:$word"; [ "$word" = end ] && exit 9; done'


def log_of(daemon: Daemon) -> dict[int, str]:
    """seq -> hash of every fact that the daemon shows as durable."""
    lines = daemon.json("log", "--since", "0")
    lines = lines if isinstance(lines, list) else [lines]
    return {line["seq"]: line["hash"] for line in lines}


def ends_of(daemon: Daemon) -> dict[str, dict[str, int]]:
    """run -> how it ended, as the log has it."""
    return {line["run"]: line["body"]["exit"] for line in daemon.json("log", "--since", "0") if line["kind"] == "run-ended"}


def conversation(terminal: Terminal, word: str) -> list[str]:
    terminal.type(word + "\r")
    try:
        terminal.expect(f"heard:{word}")
        return []
    except AssertionError as silent:
        return [f"the terminal: {silent}"]


def too_late(back: list[float], calm: list[float]) -> list[str]:
    """`back`: seconds from each kill; `calm`: that a request took before it."""
    def told(took: float, request: float) -> list[str]:
        text = f"back after {took:.2f} s only; a request took {request:.2f} s before"
        return [text] if took > SLOWER + START_REQUESTS * request else []

    if len(back) < MANY_KILLS:
        return told(statistics.median(back), statistics.median(calm))
    return [text for took in back for text in told(took, max(calm))]


class Trial:
    """One daemon under load whose parts are killed, and what was seen of it."""

    def __init__(self, daemon: Daemon, victim: str) -> None:
        self.daemon, self.victim = daemon, victim
        self.problems: list[str] = []
        self.back: list[float] = []
        self.calm: list[float] = []  # of a request before the kill
        project = daemon.base / "project"
        project.mkdir()
        policy = daemon.base / "trial.toml"
        policy.write_text(POLICY)
        self.run = ["run", "-p", str(policy), "-w", str(project)]
        self.keepers = [self.keeper("-n", f"keeper-{i}", "--", "/bin/sh", "-c", "sleep 3600; exit 7") for i in range(3)]
        self.loads = [Load(daemon, str(policy), foreground) for foreground in (False, True)]
        self.terminal: Terminal | None = None
        if victim != "both":
            self.terminal = Terminal([str(daemon.bin / "ringfence"), "run", "-p", str(policy), "--", "/bin/sh", "-c", TALKER], cwd=project,
                                     env=daemon.environment)
            self.terminal.expect("begins")
        for load in self.loads:
            load.start()

    def keeper(self, *words: str) -> str:
        """A run that lives through every kill of one of the two."""
        return self.daemon.cli(*self.run, "-d", *words).stdout.strip()

    def kill(self, number: int) -> None:
        began = time.monotonic()
        acknowledged = log_of(self.daemon)
        self.calm.append(time.monotonic() - began)
        if self.victim != "daemon" and not eventually(self.daemon.launcher_pid, 5):
            self.problems.append(f"kill {number}: no launcher")
        began = time.monotonic()
        old = self.daemon.kill_launcher() if self.victim != "daemon" else 0
        if self.victim != "launcher":
            self.daemon.kill_daemon()
            self.daemon.start()
        elif not eventually(lambda: self.daemon.launcher_pid() not in (0, old), 10, 0.002):
            self.problems.append(f"kill {number}: no new launcher")
        self.back.append(time.monotonic() - began)
        now = log_of(self.daemon)
        lost = [seq for seq, digest in acknowledged.items() if now.get(seq) != digest]
        if lost:
            self.problems.append(f"kill {number}: {len(lost)} acknowledged facts lost, first {lost[0]}")

    def look_at_keepers(self, number: int) -> None:
        if self.victim == "both":
            # The daemon is ready after 5 s also without a launcher, and one that is killed on a busy machine may take longer
            # to be gone; until the next one answers, runs are shown as they were.
            if not eventually(lambda: not self.alive(), 20, 0.05):
                self.problems.append(f"kill {number}: a run of the dead pair is shown as alive: {self.alive()}")
            self.keepers = [self.keeper("--", "/bin/sleep", "3600")]
            return
        for keeper in self.keepers:
            shown = self.daemon.json("show", keeper)
            if shown["state"] != "running" or not is_alive(shown["pid"]):
                self.problems.append(f"kill {number}: {keeper} is {shown['state']}")

    def alive(self) -> set[str]:
        """Of the keepers, as the daemon shows them."""
        return set(self.keepers) & {run["id"] for run in self.daemon.json_runs() if run["state"] != "ended"}

    def talk(self, word: str) -> None:
        if self.terminal:
            self.problems += conversation(self.terminal, word)

    def end(self) -> None:
        for load in self.loads:
            load.stop.set()
        for load in self.loads:
            load.join()
            if self.victim != "both":
                self.problems += load.problems
        self.talk("end")
        if self.terminal:
            client = self.terminal.process
            if eventually(lambda: client.poll() is not None, 20) and client.returncode != 9:
                self.problems.append(f"the client on the terminal ended with {client.returncode}")
            self.terminal.close()
        if self.victim != "both":
            self.check_ends()
        self.problems += too_late(self.back, self.calm)
        verified = self.daemon.cli("verify")
        if verified.returncode != 0:
            self.problems.append(f"the chain does not verify: {verified.stdout}{verified.stderr}")

    def check_ends(self) -> None:
        """In the log, which knows every run; `show` only the last thousand that ended."""
        started = self.loads[0].started
        eventually(lambda: {run for run, _ in started} <= set(ends_of(self.daemon)), 20, 0.5)
        ends = ends_of(self.daemon)
        self.problems += [f"{run} should have ended with {status}: {ends.get(run)}" for run, status in started
                          if (ends.get(run) or {}).get("code") != status]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--victim", choices=["daemon", "launcher", "both"], required=True)
    parser.add_argument("--kills", type=int, default=int(os.environ.get("RINGFENCE_KILLS", "20")))
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    options = parser.parse_args()
    print(f"seed {options.seed}")
    chance = random.Random(options.seed)
    with Daemon(options.build) as daemon:
        trial = Trial(daemon, options.victim)
        for number in range(options.kills):
            time.sleep(chance.uniform(0.05, 0.4))
            trial.kill(number)
            trial.look_at_keepers(number)
            if number % 20 == 19:
                trial.talk(f"kill-{number}")
        trial.end()
    problems = trial.problems + daemon.leftovers()
    for problem in problems:
        print(f"chaos: {problem}")
    ordered, calm, loads = sorted(trial.back), trial.calm, trial.loads
    print(f"chaos: {options.kills} kills of {options.victim}, {len(loads[0].started)} runs started meanwhile and {loads[1].passed} waited for, "
          f"{sum(load.unserved for load in loads)} starts refused, {len(problems)} problems; "
          f"back after {ordered[len(ordered) // 2]:.2f} s (median), {ordered[-1]:.2f} s (worst), "
          f"a request before after {statistics.median(calm):.2f} s (median), {max(calm):.2f} s (worst)")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
