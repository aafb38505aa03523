#!/usr/bin/env python3
"""How many reports of usage a second several runs get counted, each answered when it can be lost no more; none may be missing.

    agent_reports.py BUILD [--runs 4] [--threads 8] [--reports 2000] [--kill]    needs root; --kill: the daemon, once, in the middle

Prints one line: reports a second of all runs, how many were counted, and the size of what the log has of them.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.daemon import SOURCE, Daemon, eventually  # noqa: E402

# Each thread has a connection of its own and sends its next report when the last one was answered.
REPORTS = """
import sys, threading, time
import ringfence
threads, reports = int(sys.argv[1]), int(sys.argv[2])
def work():
    agent = ringfence.Agent(timeout=20)
    for _ in range(reports // threads): agent.report_usage("m", 3, 1)
    while not agent.flush(): time.sleep(0.05)
began = time.monotonic()
workers = [threading.Thread(target=work) for _ in range(threads)]
for one in workers: one.start()
for one in workers: one.join()
print(reports // threads * threads, time.monotonic() - began)
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--runs", type=int, default=4)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--reports", type=int, default=2000)
    parser.add_argument("--kill", action="store_true")
    asked = parser.parse_args()
    with Daemon(asked.build) as daemon:
        workspace = daemon.base / "project"
        workspace.mkdir()
        shutil.copytree(SOURCE / "sdk" / "python" / "ringfence", workspace / "ringfence")
        (workspace / "reports.py").write_text(REPORTS)
        began = time.monotonic()
        runs = [daemon.cli("run", "-d", "--", "/usr/bin/python3", "-B", str(workspace / "reports.py"), str(asked.threads),
                           str(asked.reports), cwd=workspace).stdout.strip() for _ in range(asked.runs)]
        if asked.kill:
            assert daemon.process is not None
            time.sleep(1)
            daemon.process.send_signal(signal.SIGKILL)
            daemon.process.wait()
            daemon.start()
        ended = eventually(lambda: all(daemon.json("show", run)["state"] == "ended" for run in runs), 600, 0.05)
        took = time.monotonic() - began
        assert ended, "the runs did not end"
        wanted = asked.reports // asked.threads * asked.threads * 4
        counted = [daemon.json("show", run)["usage"]["tokens"] for run in runs]
        slowest = max(float(daemon.cli("logs", run).stdout.split()[1]) for run in runs)
        facts = [line for run in runs for line in daemon.cli("log", run, "--json").stdout.splitlines()
                 if json.loads(line)["kind"] == "usage-reported"]
        whole = all(count == wanted for count in counted)
        print(f"{sum(counted) / 4 / slowest:.0f} reports a second from {asked.runs} runs ({took:.1f} s with their starts), "
              f"{'all counted once' if whole else f'COUNTED {counted}, wanted {wanted} each'}, in {len(facts)} facts of "
              f"{sum(map(len, facts)) / max(1, len(facts)):.0f} bytes")
        return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main())
