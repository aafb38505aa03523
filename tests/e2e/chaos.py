#!/usr/bin/env python3
"""Kills the daemon, the launcher or both at random moments under load, and counts what was lost.

    chaos.py --build DIR --victim daemon|launcher|both [--kills N] [--seed S]

Load: short runs that are started one after another by two clients, and long ones that live through every kill. Lost is: a
fact that the log had acknowledged and that is gone afterwards, a run that nobody adopted, an exit status that nobody saw.
The observer reads the log before each kill through the command line and again after the restart; it shares no memory
with the programs it watches.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.daemon import Daemon, eventually, is_alive  # noqa: E402


class Load(threading.Thread):
    """Starts detached runs that end with a status of their own, as long as it is told to."""

    def __init__(self, daemon: Daemon) -> None:
        super().__init__(daemon=True)
        self.daemon_under_test = daemon
        self.stop = threading.Event()
        self.started: list[tuple[str, int]] = []  # (run, exit status it will have)

    def run(self) -> None:
        number = 0
        while not self.stop.is_set():
            status = number % 100
            number += 1
            result = self.daemon_under_test.cli("run", "-d", "-w", str(self.daemon_under_test.base / "project"), "--",
                                                "/bin/sh", "-c", f"sleep 0.05; exit {status}")
            if result.returncode == 0:
                self.started.append((result.stdout.strip(), status))
            self.stop.wait(0.02)


def log_of(daemon: Daemon) -> dict[int, str]:
    """seq -> hash of every fact that the daemon shows as durable."""
    lines = daemon.json("log", "--since", "0")
    lines = lines if isinstance(lines, list) else [lines]
    return {line["seq"]: line["hash"] for line in lines}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--victim", choices=["daemon", "launcher", "both"], required=True)
    parser.add_argument("--kills", type=int, default=int(os.environ.get("RINGFENCE_KILLS", "20")))
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    options = parser.parse_args()
    print(f"seed {options.seed}")
    chance = random.Random(options.seed)
    problems: list[str] = []
    back: list[float] = []

    with Daemon(options.build) as daemon:
        (daemon.base / "project").mkdir()
        keepers = [daemon.cli("run", "-d", "-n", f"keeper-{i}", "-w", str(daemon.base / "project"), "--",
                              "/bin/sh", "-c", "sleep 3600; exit 7").stdout.strip() for i in range(3)]
        load = Load(daemon)
        load.start()
        for kill in range(options.kills):
            time.sleep(chance.uniform(0.05, 0.4))
            acknowledged = log_of(daemon)
            if options.victim in ("launcher", "both"):
                if not eventually(daemon.launcher_pid, 5):
                    problems.append(f"kill {kill}: no launcher")
            began = time.monotonic()
            if options.victim == "daemon":
                daemon.kill_daemon()
                daemon.start()
            elif options.victim == "launcher":
                old = daemon.kill_launcher()
                if not eventually(lambda: daemon.launcher_pid() not in (0, old), 10, 0.002):
                    problems.append(f"kill {kill}: no new launcher")
            else:
                daemon.kill_launcher()
                daemon.kill_daemon()
                daemon.start()
            back.append(time.monotonic() - began)
            now = log_of(daemon)
            lost = [seq for seq, digest in acknowledged.items() if now.get(seq) != digest]
            if lost:
                problems.append(f"kill {kill}: {len(lost)} acknowledged facts lost, first {lost[0]}")
            if options.victim == "both":
                live = {run["id"] for run in daemon.json_runs() if run["state"] != "ended"}
                if any(keeper in live for keeper in keepers):
                    problems.append(f"kill {kill}: a run of the dead pair is shown as alive")
                keepers = [daemon.cli("run", "-d", "-w", str(daemon.base / "project"), "--", "/bin/sleep", "3600").stdout.strip()]
            else:
                for keeper in keepers:
                    shown = daemon.json("show", keeper)
                    if shown["state"] != "running" or not is_alive(shown["pid"]):
                        problems.append(f"kill {kill}: {keeper} is {shown['state']}")
        load.stop.set()
        load.join()
        if options.victim != "both":
            for run, status in load.started:
                shown = eventually(lambda run=run: (s := daemon.json("show", run))["state"] == "ended" and s, 20)
                if not shown:
                    problems.append(f"{run} never ended")
                elif (shown["exit"] or {}).get("code") != status:
                    problems.append(f"{run} should have ended with {status}: {shown['exit']}")
        verified = daemon.cli("verify")
        if verified.returncode != 0:
            problems.append(f"the chain does not verify: {verified.stdout}{verified.stderr}")
    problems += daemon.leftovers()
    for problem in problems:
        print(f"chaos: {problem}")
    ordered = sorted(back)
    print(f"chaos: {options.kills} kills of {options.victim}, {len(load.started)} runs started meanwhile, {len(problems)} problems; "
          f"back after {ordered[len(ordered) // 2]:.2f} s (median), {ordered[-1]:.2f} s (worst)")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
