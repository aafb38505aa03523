#!/usr/bin/env python3
"""Starts and ends runs in cycles and counts what is left behind.

    cycles.py --build DIR [--cycles N]

Compared before and after: processes, zombies, control groups, mounts of the machine, namespaces, and the open descriptors and
threads of the daemon and the launcher. A tenth of the runs is killed, a tenth is refused (missing program), the rest ends by
itself. From the 3,000th cycle on, when the daemon keeps as many ended runs as it ever does and has once put a snapshot of its
state together, which leaves it four megabytes larger, neither may grow by more than 1 KiB a cycle: the least that each has in
the second half of them against the first, for after a snapshot the daemon keeps for a while some of what it freed.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.daemon import Daemon, eventually, is_alive  # noqa: E402


# The other branch is idle, and a busy machine starves it.
POLICY = 'schema = 1\nname = "trial"\nextends = ["offline"]\n[priority]\nclass = "interactive"\n'


SETTLED = 3000  # cycles
HALF = 500  # of as many cycles a growth can be told


class Inventory(NamedTuple):
    daemon_fds: int
    launcher_fds: int
    groups: int
    processes: int
    mounts: int
    namespaces: int
    threads: int
    zombies: int


def threads_of(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/task"))


def zombies_of(pid: int) -> int:
    found = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        for child in Path(f"/proc/{pid}/task/{task}/children").read_text().split():
            found += not is_alive(int(child)) and Path(f"/proc/{child}").exists()
    return found


def resident(pids: list[int]) -> list[int]:
    """KiB of each."""
    lines = [Path(f"/proc/{pid}/status").read_text() for pid in pids]
    return [int(re.findall(r"^VmRSS:\s+(\d+)", text, re.MULTILINE)[0]) for text in lines]


def namespaces_of(pids: list[int]) -> set[str]:
    seen = set()
    for pid in pids:
        for kind in ("mnt", "net", "pid", "user", "ipc", "uts", "cgroup"):
            try:
                seen.add(os.readlink(f"/proc/{pid}/ns/{kind}"))
            except OSError:
                continue
    return seen


def take_inventory(daemon: Daemon) -> Inventory:
    assert daemon.process is not None
    launcher = daemon.launcher_pid()
    groups = sum(1 for root in daemon.groups() for _ in os.walk(root))
    pids = daemon.processes()
    return Inventory(len(os.listdir(f"/proc/{daemon.process.pid}/fd")), len(os.listdir(f"/proc/{launcher}/fd")), groups, len(pids),
                     len(Path("/proc/self/mounts").read_text().splitlines()), len(namespaces_of(pids)),
                     threads_of(daemon.process.pid) + threads_of(launcher), zombies_of(daemon.process.pid) + zombies_of(launcher))


def settled(daemon: Daemon) -> Inventory:
    """The inventory when it has not changed for a second: the slot for the next run is made after the last one's end."""
    last, since = take_inventory(daemon), time.monotonic()
    deadline = since + 20
    while time.monotonic() < min(since + 1, deadline):
        time.sleep(0.05)
        now = take_inventory(daemon)
        if now != last:
            last, since = now, time.monotonic()
    return last


def one_cycle(daemon: Daemon, number: int, project: str) -> str | None:
    flags = ["-p", str(daemon.base / "trial.toml"), "-w", project, "--"]
    if number % 10 == 3:
        run = daemon.cli("run", "-d", *flags, "/bin/sleep", "60").stdout.strip()
        killed = daemon.cli("kill", run)
        if killed.returncode != 0:
            return f"cycle {number}: kill {run}: {killed.stderr.strip()}"
        ended = eventually(lambda: daemon.json("show", run)["state"] == "ended", 60)
        return None if ended else f"cycle {number}: {run} did not end after kill"
    if number % 10 == 7:
        refused = daemon.cli("run", *flags, "/nonexistent/program")
        return None if refused.returncode == 127 else f"cycle {number}: missing program gave {refused.returncode}"
    status = number % 50
    ended = daemon.cli("run", *flags, "/bin/sh", "-c", f"exit {status}")
    return None if ended.returncode == status else f"cycle {number}: {ended.returncode} instead of {status}: {ended.stderr}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--cycles", type=int, default=int(os.environ.get("RINGFENCE_CYCLES", "50")))
    options = parser.parse_args()
    problems: list[str] = []
    with Daemon(options.build) as daemon:
        project = daemon.base / "project"
        project.mkdir()
        (daemon.base / "trial.toml").write_text(POLICY)
        for number in range(10):  # Caches and pools fill before the first look.
            one_cycle(daemon, number, str(project))
        before = settled(daemon)
        assert daemon.process is not None
        pids = [daemon.process.pid, daemon.launcher_pid()]
        sizes: list[list[int]] = []
        for number in range(options.cycles):
            if number >= SETTLED:
                sizes.append(resident(pids))
            problem = one_cycle(daemon, number, str(project))
            if problem:
                problems.append(problem)
        # What the next runs begin with differs with how fast the last ones ended: what is kept for good is there after more of them.
        for _ in range(3):
            if eventually(lambda: all(new <= old for old, new in zip(before, take_inventory(daemon))), 10):
                break
            for number in range(3):
                one_cycle(daemon, number, str(project))
        after = settled(daemon)
        half = len(sizes) // 2
        if half >= HALF:
            grown = [min(second) - min(first) for first, second in zip(zip(*sizes[:half]), zip(*sizes[half:]))]
            print(f"cycles: daemon and launcher have grown by {grown} KiB in {half}")
            problems += [f"grown by {kib} KiB" for kib in grown if kib > half]
        problems += [f"{name}: {old} before, {new} after" for name, old, new in zip(before._fields, before, after) if new > old]
    problems += daemon.leftovers()
    for problem in problems:
        print(f"cycles: {problem}")
    print(f"cycles: {options.cycles} starts and ends, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
