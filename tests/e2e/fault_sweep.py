#!/usr/bin/env python3
"""Every system call of a launch fails once; the result is a full posture or a clean refusal, and the next launch works.

    fault_sweep.py --build DIR [--points N] [--who launcher|daemon|child] [--guarded] [--verbose]

Launcher and daemon: strace follows one process without its children, so that the launcher's own tracing of the run (it reads the filter back)
stays possible. First one launch is recorded, then each of its calls is made to fail in a launch of its own. The child:
child_faults.py. --guarded: under a policy by which a warden and an egress stand beside the run. N limits how many points are
tried, spread evenly over the recording; 0 tries all.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.e2e import child_faults  # noqa: E402
from tests.e2e.full_posture import FullPosture  # noqa: E402
from tests.support.daemon import Daemon, eventually  # noqa: E402

# Calls that cannot fail, or whose failure is no failure of ours: waiting, leaving, and strace's own signals. An injected
# error of close(2) would leave the descriptor open, which Linux never does, and one of futex(2) is a broken C library.
NEVER = {"close", "epoll_wait", "epoll_pwait", "exit_group", "exit", "rt_sigreturn", "restart_syscall", "getpid", "gettid", "getuid",
         "geteuid", "clock_gettime", "futex"}
ERRORS = {"openat": "EMFILE", "mkdirat": "ENOSPC", "clone3": "EAGAIN", "clone": "EAGAIN", "fork": "EAGAIN", "mmap": "ENOMEM",
          "brk": "ENOMEM", "write": "EIO", "read": "EIO", "sendmsg": "ENOBUFS", "recvmsg": "ENOBUFS", "ptrace": "EPERM",
          "socketpair": "EMFILE", "pipe2": "EMFILE", "memfd_create": "EMFILE"}


class Strace:
    """strace attached to one process; ready when it says so."""

    def __init__(self, pid: int, *options: str) -> None:
        self.process = subprocess.Popen(["strace", "-q", "-p", str(pid), *options], stderr=subprocess.PIPE, text=True)
        eventually(lambda: self._tracer_of(pid) == self.process.pid, 5, 0.002)

    @staticmethod
    def _tracer_of(pid: int) -> int:
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            return 0
        return int(re.search(r"TracerPid:\s+(\d+)", status).group(1))  # type: ignore[union-attr]

    def detach(self) -> str:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.communicate(timeout=20)[1]


def record(daemon: Daemon, pid: int, posture: FullPosture) -> list[tuple[str, int]]:
    """(call, how many-th of its name) in the order of one launch."""
    trace = daemon.base / "trace"
    strace = Strace(pid, "-o", str(trace))
    posture.launch()
    time.sleep(0.2)  # What follows a launch (the next slot) belongs to the recording.
    strace.detach()
    counts: dict[str, int] = {}
    points = []
    for line in trace.read_text(errors="replace").splitlines():
        call = line.split("(", 1)[0].strip()
        if not re.fullmatch(r"\w+", call) or call in NEVER:
            continue
        counts[call] = counts.get(call, 0) + 1
        points.append((call, counts[call]))
    return points


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--points", type=int, default=int(os.environ.get("RINGFENCE_FAULT_POINTS", "40")))
    parser.add_argument("--who", choices=["launcher", "daemon", "child"], default="launcher")
    parser.add_argument("--guarded", action="store_true", help="with a warden and an egress")
    parser.add_argument("--verbose", action="store_true", help="one line a point")
    return parser.parse_args()


def verdict(posture: FullPosture, result: subprocess.CompletedProcess[str]) -> tuple[str, str]:
    status, out, err = result.returncode, result.stdout, result.stderr
    if status == 0:
        missing = posture.missing(out)
        return ("problem", f"ran without all of its posture: {missing[:8]}") if missing else ("full", "")
    last = (err.strip().splitlines() or [""])[-1]
    if status == 125 and last.startswith("ringfence: not started: "):
        return "refused", err.strip()
    # The daemon turned the connection away, or ended for its supervisor to start it again; nothing was begun.
    if status in (1, 3) and err.startswith("ringfence: ") and "may still run" not in err and out == "":
        return "refused", err.strip()
    return "problem", f"status {status}, {out!r}, {err.strip()!r}"


class Supervisor(threading.Thread):
    """Starts the daemon again whenever it ended, as its service does."""

    def __init__(self, daemon: Daemon) -> None:
        super().__init__(daemon=True)
        self.daemon_under_test = daemon
        self.stop = threading.Event()
        self.restarts = 0

    def run(self) -> None:
        while not self.stop.wait(0.05):
            process = self.daemon_under_test.process
            if process is not None and process.poll() is not None:
                self.daemon_under_test.start()
                self.restarts += 1


def sweep(daemon: Daemon, posture: FullPosture, options: argparse.Namespace) -> tuple[int, int, dict[str, int], list[str]]:
    """(points tried, points known, counts of 'full' and 'refused', problems)"""
    problems: list[str] = []
    counts = {"full": 0, "refused": 0}

    def victim() -> int:
        assert daemon.process is not None
        return daemon.launcher_pid() if options.who == "launcher" else daemon.process.pid

    points = record(daemon, victim(), posture)
    supervisor, restarts = Supervisor(daemon), 0
    supervisor.start()
    chosen = points if options.points == 0 or options.points >= len(points) else \
        [points[i * len(points) // options.points] for i in range(options.points)]
    for call, number in chosen:
        where = f"{call} number {number}"
        pid = eventually(victim, 10)
        strace = Strace(pid, "-o", "/dev/null", "-e", f"trace={call}", "-e",
                        f"inject={call}:error={ERRORS.get(call, 'ENOMEM')}:when={number}")
        try:
            kind, detail = verdict(posture, posture.launch())
        except subprocess.TimeoutExpired:
            kind, detail = "problem", "the launch hung"
        strace.detach()
        if options.verbose:
            print(f"{where}: {kind} {detail}", flush=True)
        if kind in counts:
            counts[kind] += 1
        else:
            problems.append(f"{where}: {detail}")
        if supervisor.restarts > restarts and options.who == "launcher":
            problems.append(f"{where}: the daemon ended")
        restarts = supervisor.restarts
        if not eventually(lambda: posture.launch().returncode == 0, 20, 0.1):
            problems.append(f"{where}: no launch works afterwards")
            break
        if not eventually(lambda: not [r for r in daemon.json_runs() if r["state"] != "ended"], 10):
            problems.append(f"{where}: a run is left over")
    supervisor.stop.set()
    supervisor.join()
    if posture.left_names:
        left = f"launches that failed left {posture.left_names} empty files that held forbidden names"
        if options.who == "launcher":  # They stay where it ended; another one does not know of them.
            print(f"fault sweep: {left}")
        else:
            problems.append(left)
    return len(chosen), len(points), counts, problems


def main() -> int:
    options = parse()
    build = options.build
    with tempfile.TemporaryDirectory(prefix="ringfence-faults-") as folder:
        fault = Path(folder, "fault")
        if options.who == "child":
            fault.write_text(" " * 64)
            os.environ["RINGFENCE_FAULT"] = str(fault)  # The launcher inherits it from the daemon.
            build = str(child_faults.test_programs(build, Path(folder, "build")))
        with Daemon(build) as daemon:
            project = daemon.base / "project"
            project.mkdir()
            if options.who == "child":
                say = (lambda line: print(line, flush=True)) if options.verbose else (lambda _: None)
                tried, known, counts, problems = child_faults.sweep(daemon, fault, project, Strace, options.points, say)
            else:
                tried, known, counts, problems = sweep(daemon, FullPosture(options.build, daemon, project, options.guarded), options)
        problems += daemon.leftovers()
    for problem in problems:
        print(f"fault sweep: {problem}")
    print(f"fault sweep: {tried} of {known} points of the {options.who}, {counts.get('full', 0)} full postures, "
          f"{counts.get('refused', 0)} clean refusals, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
