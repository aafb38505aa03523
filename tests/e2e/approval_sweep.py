#!/usr/bin/env python3
"""Every system call of one approval fails once, of the daemon's and of the warden's; nothing happens that was not allowed.

    approval_sweep.py --build DIR [--points N] [--who daemon|warden] [--verbose]

An agent asks, a person allows, the effect comes. From before the ask to after the effect strace lets one call fail: writing with
ENOSPC, syncing with EIO, the rest as in fault_sweep.py. Wrong is: an effect without an answer in the log that allows it, one that
comes twice, an agent that neither got on, nor has an open question, nor is held because nothing can be recorded, and a daemon with
which, started anew where it holds agents for that, the next approval does not work. (A lock of the log's file that could not be
let go stays until then.) N limits how many points are tried, spread evenly; 0 tries all.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.e2e.fault_sweep import ERRORS, NEVER, Strace, Supervisor  # noqa: E402
from tests.support.daemon import Daemon, eventually  # noqa: E402

POLICY = """schema = 1
name = "trial"
extends = ["offline"]
[files]
ask = ["{asked}"]
[priority]
class = "interactive"
"""
WRITES = {"pwrite64": "ENOSPC", "ftruncate": "ENOSPC", "fallocate": "ENOSPC", "fdatasync": "EIO", "fsync": "EIO", "pread64": "EIO"}


class Approval:
    """One agent that asks when it is told to."""

    def __init__(self, daemon: Daemon, project: Path, number: int) -> None:
        self.daemon = daemon
        self.go, self.goal = project / f"go{number}", daemon.base / "asked" / str(number)
        script = f"until [ -e {self.go} ]; do sleep 0.01; done; echo x >>{self.goal} || exit 9"
        command = ("run", "-d", "-p", str(daemon.base / "trial.toml"), "-w", str(project), "--", "/bin/sh", "-c", script)
        started = eventually(lambda: [tried for tried in [daemon.cli(*command)] if tried.returncode == 0], 20, 0.2)
        assert started, daemon.log()
        self.run = started[0].stdout.strip()

    def shown(self) -> dict[str, Any]:
        shown = self.daemon.cli("show", self.run, "--json")
        return json.loads(shown.stdout) if shown.returncode == 0 else {"state": "unknown", "held": None}

    def state(self) -> str:
        return self.shown()["state"]

    def is_held(self) -> bool:
        held = self.shown().get("held")
        return bool(held) and held["by"] == "no-records"

    def asked(self) -> list[str]:
        listed = self.daemon.cli("pending", "--json").stdout.splitlines()
        return [str(one["id"]) for one in map(json.loads, listed) if one["run"] == self.run]

    def decide(self) -> None:
        """Asks, and allows whatever of it is asked until the agent has ended."""
        self.go.touch()

        def settled() -> bool:
            for question in self.asked():
                self.daemon.cli("allow", question)
            return self.state() == "ended"

        # Held for a moment it goes on by itself, held for longer it does not.
        eventually(settled, 15, 0.05)

    def wrong(self) -> str | None:
        read = self.daemon.cli("log", self.run, "--json")
        if read.returncode != 0:  # the file cannot be read over the connection that is for that: the next daemon has another
            assert self.daemon.process is not None
            self.daemon.process.kill()
            again = eventually(lambda: [one for one in [self.daemon.cli("log", self.run, "--json")] if one.returncode == 0], 20, 0.2)
            if not again:
                return f"the log cannot be read: {read.stderr}"
            read = again[0]
        lines = [json.loads(line) for line in read.stdout.splitlines()]
        allowed = [line for line in lines if line["kind"] == "action-answered" and line["body"]["outcome"] == "allowed"]
        effects = self.goal.read_text().count("x") if self.goal.exists() else 0
        if effects > len(allowed):
            return f"{effects} effects, {len(allowed)} answers that allow: {[line['kind'] for line in lines]}"
        if self.state() != "ended" and not self.asked() and not self.is_held():
            return f"it hangs: {self.state()}, {[line['kind'] for line in lines]}"
        return None

    def warden(self) -> int:
        """A process of the program that is in the run's groups."""
        for pid in self.daemon.processes():
            try:
                if b"ringfence-warden" in Path(f"/proc/{pid}/cmdline").read_bytes() and self.run in Path(f"/proc/{pid}/cgroup").read_text():
                    return pid
            except OSError:
                continue
        return 0


def points_of(trace: Path) -> list[tuple[str, int]]:
    counts: dict[str, int] = {}
    points = []
    for line in trace.read_text(errors="replace").splitlines():
        call = re.sub(r"^\d+\s+", "", line).split("(", 1)[0].strip()
        if not re.fullmatch(r"\w+", call) or call in NEVER:
            continue
        counts[call] = counts.get(call, 0) + 1
        points.append((call, counts[call]))
    return points


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--points", type=int, default=int(os.environ.get("RINGFENCE_APPROVAL_POINTS", "6")))
    parser.add_argument("--who", choices=["daemon", "warden"], default="daemon")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    problems: list[str] = []
    done = {"happened": 0, "did not": 0, "held": 0}
    with Daemon(options.build) as daemon:
        project = daemon.base / "project"
        for folder in (project, daemon.base / "asked"):
            folder.mkdir()
        (daemon.base / "trial.toml").write_text(POLICY.format(asked=daemon.base / "asked"))

        def victim(approval: Approval) -> int:
            assert daemon.process is not None
            return daemon.process.pid if options.who == "daemon" else eventually(approval.warden, 10)

        number = 0
        approval = Approval(daemon, project, number)
        trace = daemon.base / "trace"
        strace = Strace(victim(approval), "-f", "-o", str(trace))
        approval.decide()
        strace.detach()
        points = points_of(trace)
        chosen = points if options.points == 0 or options.points >= len(points) else \
            [points[i * len(points) // options.points] for i in range(options.points)]
        supervisor = Supervisor(daemon)
        supervisor.start()
        for call, nth in chosen:
            number += 1
            approval = Approval(daemon, project, number)
            error = WRITES.get(call, ERRORS.get(call, "ENOMEM"))
            strace = Strace(victim(approval), "-f", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={nth}")
            approval.decide()
            strace.detach()
            wrong = approval.wrong()
            done["happened" if approval.goal.exists() else "did not"] += 1
            if options.verbose:
                print(f"{call} number {nth}: {wrong or ('happened' if approval.goal.exists() else 'did not')}", flush=True)
            if wrong:
                problems.append(f"{call} number {nth}: {wrong}")
            if approval.is_held():
                done["held"] += 1
                assert daemon.process is not None
                daemon.process.kill()  # and the next one is started
                eventually(lambda: approval.state() != "unknown" and not approval.is_held(), 20, 0.1)
            daemon.cli("kill", "--all")
            eventually(lambda: not [run for run in daemon.json_runs() if run["state"] != "ended"], 20)
            number += 1
            after = Approval(daemon, project, number)
            after.decide()
            if not after.goal.exists():
                problems.append(f"{call} number {nth}: the next approval does not work; {after.wrong()}")
                break
        supervisor.stop.set()
        supervisor.join()
        verified = daemon.cli("verify")
        if verified.returncode != 0:
            problems.append(f"verify: {verified.stdout}{verified.stderr}")
    problems += daemon.leftovers()
    for problem in problems:
        print(f"approval sweep: {problem}")
    print(f"approval sweep: {len(chosen)} of {len(points)} points of the {options.who}, the effect happened {done['happened']} times and "
          f"did not {done['did not']} times, {done['held']} times all was held, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
