#!/usr/bin/env python3
"""While the person's programs work beside busy agents, the daemon makes the kernel choose after each tick who has a processor.

    reschedule_test.py BUILD [TEST…]
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import eventually  # noqa: E402

LIGHT = "while :; do i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; sleep 0.05; done"
BUSY = f"for i in $(seq {2 * len(os.sched_getaffinity(0))}); do (while :; do :; done) & done; wait"
PATIENCE = 15.0
CLOCK_MONOTONIC_COARSE = 6


def wakes(pid: int) -> int | None:
    """How often its threads that do this have woken. None: it has none."""
    counts = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text().strip() == "reschedule":
            counts += [int(line.split()[1]) for line in (task / "status").read_text().splitlines() if line.startswith("voluntary_ctxt")]
    return sum(counts) if counts else None


def is_on(pid: int) -> bool:
    before = wakes(pid)
    time.sleep(0.4)
    after = wakes(pid)
    # A fifth of what the slowest machine should do.
    return before is not None and after is not None and after - before >= 20


def is_needed() -> bool:
    """A kernel that chooses by deadlines (EEVDF), with ticks of more than a millisecond."""
    release = os.uname().release.split(".")
    return (int(release[0]), int(release[1].partition("-")[0])) >= (6, 6) and time.clock_getres(CLOCK_MONOTONIC_COARSE) > 0.001


def policy(bench: Bench, priority: str) -> str:
    path = bench.daemon.base / f"{priority}.toml"
    path.write_text(f'schema = 1\nname = "{priority}"\nextends = ["offline"]\n[priority]\nclass = "{priority}"\n')
    return str(path)


def test_the_kernel_is_made_to_choose_while_a_busy_agent_runs_beside_the_persons_programs(bench: Bench) -> None:
    pid = bench.daemon.process.pid
    unified = next(Path(line.split()[4]) for line in Path("/proc/self/mountinfo").read_text().splitlines() if line.split(" - ")[1].startswith("cgroup2 "))
    person = unified / f"rf-person-{os.getpid()}"
    person.mkdir()
    busy = subprocess.Popen(["sh", "-c", LIGHT], preexec_fn=lambda: (person / "cgroup.procs").write_text("0"))
    try:
        beside = bench.detached(BUSY, "-p", policy(bench, "interactive"))
        time.sleep(2.5)
        equal(wakes(pid), None, "an agent that has processors as the person's programs do")
        equal(bench.cli("kill", beside).returncode, 0)
        run = bench.detached(BUSY, "-p", policy(bench, "background"))
        if not is_needed():
            time.sleep(2.5)
            equal(wakes(pid), None, "this kernel needs no help")
            return
        assert eventually(lambda: is_on(pid), PATIENCE), "nobody makes the kernel choose"
        time.sleep(3)
        assert eventually(lambda: is_on(pid), PATIENCE), "no more than when it began"
        equal(bench.cli("freeze", "--now", run).returncode, 0)
        assert eventually(lambda: not is_on(pid), 3.0), "the agent is held, and the threads still wake"
        equal(bench.cli("resume", run).returncode, 0)
        assert eventually(lambda: is_on(pid), 3.0), "the agent goes on"
        equal(bench.cli("kill", run).returncode, 0)
        assert eventually(lambda: not is_on(pid), 3.0)
    finally:
        busy.kill()
        busy.wait()
        eventually(lambda: not (person / "cgroup.procs").read_text())
        person.rmdir()


def test_the_daemon_interrupts_no_program_that_has_a_processor(bench: Bench) -> None:
    run = bench.detached("sleep 60", "-p", policy(bench, "background"))
    daemon = bench.daemon.process.pid
    equal({os.sched_getscheduler(int(task.name)) for task in Path(f"/proc/{daemon}/task").iterdir()}, {os.SCHED_BATCH})
    of_run = [pid for pid in bench.daemon.processes() if pid != daemon and f"/{run}/" in Path(f"/proc/{pid}/cgroup").read_text()]
    assert of_run, "no process of the run"
    for pid in (bench.daemon.launcher_pid(), *of_run):
        equal(os.sched_getscheduler(pid), os.SCHED_OTHER, "what the daemon starts is as it would be without")
    equal(bench.cli("kill", run).returncode, 0)


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
