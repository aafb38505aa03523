#!/usr/bin/env python3
"""How many reports of usage a second several runs get counted, each answered when it can be lost no more; none may be missing.

    agent_reports.py BUILD [--runs 4] [--threads 8] [--reports 2000] [--kill]    needs root; --kill: the daemon, once, in the middle

Prints one line: reports a second of all runs, how many were counted, and the size of what the log has of them.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.daemon import SOURCE, Daemon, eventually  # noqa: E402

# Each thread has a connection of its own, which is there before any report is sent, and sends its next report when the last one was
# answered.
REPORTS = """
import os, sys, threading, time
import ringfence
threads, reports, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
agents = [ringfence.Agent(timeout=60) for _ in range(threads)]
assert all(agent.whoami() for agent in agents), [agent.trouble for agent in agents]
def work(agent):
    for _ in range(reports // threads): agent.report_usage("m", 3, 1)
    while not agent.flush(): time.sleep(0.05)
open(f"{folder}/ready-{os.environ['RINGFENCE_RUN']}", "w").close()
while not os.path.exists(f"{folder}/go"): time.sleep(0.02)
began = time.monotonic()
workers = [threading.Thread(target=work, args=(agent,)) for agent in agents]
for one in workers: one.start()
for one in workers: one.join()
print(reports // threads * threads, time.monotonic() - began)
"""
PATIENCE_S = 600


@dataclasses.dataclass
class Measured:
    """`rate`: reports a second of all runs, from when all connections are there to the end of the slowest."""

    rate: float
    took: float
    reports: int
    counted: list[int]  # tokens, of each run
    wanted: int
    facts: list[str]

    @property
    def whole(self) -> bool:
        return all(count == self.wanted for count in self.counted)


def measured(build: str, runs: int = 4, threads: int = 8, count: int = 2000, kill: bool = False) -> Measured:
    with Daemon(build) as daemon:
        workspace = daemon.base / "project"
        workspace.mkdir()
        shutil.copytree(SOURCE / "sdk" / "python" / "ringfence", workspace / "ringfence")
        (workspace / "reports.py").write_text(REPORTS)
        started = [daemon.cli("run", "-d", "--", "/usr/bin/python3", "-B", str(workspace / "reports.py"), str(threads),
                              str(count), str(workspace), cwd=workspace).stdout.strip() for _ in range(runs)]
        connected = eventually(lambda: len(list(workspace.glob("ready-*"))) == runs, PATIENCE_S, 0.05)
        assert connected, f"{len(list(workspace.glob('ready-*')))} of {runs} runs have their connections"
        began = time.monotonic()
        (workspace / "go").touch()
        if kill:
            assert daemon.process is not None
            time.sleep(1)
            daemon.process.send_signal(signal.SIGKILL)
            daemon.process.wait()
            daemon.start()
        ended = eventually(lambda: all(daemon.json("show", run)["state"] == "ended" for run in started), PATIENCE_S, 0.5)
        took = time.monotonic() - began
        assert ended, "the runs did not end"
        counted = [daemon.json("show", run)["usage"]["tokens"] for run in started]
        slowest = max(float(daemon.cli("logs", run).stdout.split()[1]) for run in started)
        facts = [line for run in started for line in daemon.cli("log", run, "--json").stdout.splitlines()
                 if json.loads(line)["kind"] == "usage-reported"]
        return Measured(sum(counted) / 4 / slowest, took, sum(counted) // 4, counted, count // threads * threads * 4, facts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--runs", type=int, default=4)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--reports", type=int, default=2000)
    parser.add_argument("--kill", action="store_true")
    asked = parser.parse_args()
    found = measured(asked.build, asked.runs, asked.threads, asked.reports, asked.kill)
    print(f"{found.rate:.0f} reports a second from {asked.runs} runs ({found.took:.1f} s), "
          f"{'all counted once' if found.whole else f'COUNTED {found.counted}, wanted {found.wanted} each'}, in {len(found.facts)} "
          f"facts of {sum(map(len, found.facts)) / max(1, len(found.facts)):.0f} bytes")
    return 0 if found.whole else 1


if __name__ == "__main__":
    sys.exit(main())
