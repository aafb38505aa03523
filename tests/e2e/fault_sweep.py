#!/usr/bin/env python3
"""Every system call of a launch fails once; the result is a full posture or a clean refusal, and the next launch works.

    fault_sweep.py --build DIR [--points N] [--who launcher|daemon]

strace follows one process without its children, so that the launcher's own tracing of the run (it reads the filter back)
stays possible. First one launch is recorded, then each of its calls is made to fail in a launch of its own. N limits how
many points are tried, spread evenly over the recording; 0 tries all.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.daemon import Daemon, eventually  # noqa: E402

# Calls that cannot fail, or whose failure is no failure of ours: waiting, leaving, and strace's own signals. An injected
# error of close(2) would leave the descriptor open, which Linux never does.
NEVER = {"close", "epoll_wait", "epoll_pwait", "exit_group", "exit", "rt_sigreturn", "restart_syscall", "getpid", "gettid", "getuid",
         "geteuid", "clock_gettime"}
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


def launch(daemon: Daemon, project: str) -> tuple[int, str, str]:
    result = daemon.cli("run", "-w", project, "--", "/bin/sh", "-c", "grep -E '^(Seccomp|NoNewPrivs|CapEff)' /proc/self/status; id -u", timeout=60)
    return result.returncode, result.stdout, result.stderr


def is_full_posture(out: str) -> bool:
    fields = dict(re.findall(r"^(\w+):\s+(\S+)$", out, re.MULTILINE))
    return fields.get("Seccomp") == "2" and fields.get("NoNewPrivs") == "1" and int(fields.get("CapEff", "1"), 16) == 0 and \
        not out.rstrip().endswith("\n0")


def record(daemon: Daemon, pid: int, project: str) -> list[tuple[str, int]]:
    """(call, how many-th of its name) in the order of one launch."""
    trace = daemon.base / "trace"
    strace = Strace(pid, "-o", str(trace))
    launch(daemon, project)
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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--points", type=int, default=int(os.environ.get("RINGFENCE_FAULT_POINTS", "60")))
    parser.add_argument("--who", choices=["launcher", "daemon"], default="launcher")
    options = parser.parse_args()
    problems: list[str] = []
    full = refused = 0
    with Daemon(options.build) as daemon:
        project = daemon.base / "project"
        project.mkdir()
        launch(daemon, str(project))

        def victim() -> int:
            assert daemon.process is not None
            return daemon.launcher_pid() if options.who == "launcher" else daemon.process.pid

        points = record(daemon, victim(), str(project))
        chosen = points if options.points == 0 or options.points >= len(points) else \
            [points[i * len(points) // options.points] for i in range(options.points)]
        for call, number in chosen:
            where = f"{call} number {number}"
            pid = eventually(victim, 10)
            strace = Strace(pid, "-o", "/dev/null", "-e", f"trace={call}", "-e",
                            f"inject={call}:error={ERRORS.get(call, 'ENOMEM')}:when={number}")
            try:
                status, out, err = launch(daemon, str(project))
            except subprocess.TimeoutExpired:
                problems.append(f"{where}: the launch hung")
                status, out, err = 125, "", "ringfence: not started: hung"
            strace.detach()
            if status == 0 and is_full_posture(out):
                full += 1
            elif status == 125 and "ringfence: not started: " in err:
                refused += 1
            else:
                problems.append(f"{where}: status {status}, {out!r}, {err.strip()!r}")
            assert daemon.process is not None
            if daemon.process.poll() is not None:
                if options.who == "launcher":
                    problems.append(f"{where}: the daemon ended")
                daemon.start()
            again = eventually(lambda: launch(daemon, str(project))[0] == 0, 10, 0.1)
            if not again:
                problems.append(f"{where}: no launch works afterwards")
                break
            if not eventually(lambda: not [r for r in daemon.json_runs() if r["state"] != "ended"], 10):
                problems.append(f"{where}: a run is left over")
    problems += daemon.leftovers()
    for problem in problems:
        print(f"fault sweep: {problem}")
    print(f"fault sweep: {len(chosen)} of {len(points)} points of the {options.who}, {full} full postures, {refused} clean refusals, "
          f"{len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
