#!/usr/bin/env python3
"""The person's programs wait for memory: the background run that takes of it is paused, and goes on when they do not.

    stalls_test.py BUILD [TEST…]

The waiting is the kernel's: a program in a control group with less memory than the file that it writes again and again.
That the machine has little left is told by a file, as no test takes the memory of the machine that it runs on.
"""

from __future__ import annotations

import glob
import os
import re
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import eventually  # noqa: E402
from tests.support.observed import bodies  # noqa: E402

WRITE_AGAIN = """
import sys
with open(sys.argv[1], "r+b", buffering=0) as file:
    piece = b"1" * (1 << 20)
    while True:
        file.seek(0)
        for _ in range(64):
            file.write(piece)
"""
# 100 MiB, and always at work.
AT_WORK = """exec python3 -c '
kept = bytearray(b"1" * (100 << 20))
while True: pass'"""


def mounts(kind: str, controller: str = "") -> Path | None:
    """Where the unified hierarchy is, or that of a controller."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, target, fstype, options = line.split()[:4]
        if fstype == kind and (not controller or controller in options.split(",")):
            return Path(target)
    return None


class Person:
    """Programs in a group of their own that wait for memory while they run."""

    def __init__(self, bench: Bench) -> None:
        unified, old = mounts("cgroup2"), mounts("cgroup", "memory")
        assert unified, "no cgroup2 file system is mounted"
        name = f"rf-test-{os.getpid()}-person"
        self.groups = [unified / name] + ([old / name] if old else [])
        for group in self.groups:
            group.mkdir()
        limit = self.groups[-1] / ("memory.limit_in_bytes" if old else "memory.max")
        if not old:
            (unified / "cgroup.subtree_control").write_text("+memory")
        limit.write_text(str(24 << 20))
        self.pressure = self.groups[0] / "memory.pressure"
        self.file = bench.daemon.base / "written-again"
        self.file.touch()
        self.process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        def join() -> None:
            for group in self.groups:
                (group / "cgroup.procs").write_text("0")

        self.process = subprocess.Popen([sys.executable, "-c", WRITE_AGAIN, str(self.file)], preexec_fn=join)

    def stop(self) -> None:
        if self.process:
            (self.groups[0] / "cgroup.kill").write_text("1")
            self.process.wait()
            self.process = None

    def waited(self) -> int:
        return int(re.search(r"some .* total=(\d+)", self.pressure.read_text()).group(1))  # type: ignore[union-attr]

    def __enter__(self) -> "Person":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.file.unlink()
        for group in self.groups:
            assert eventually(lambda: not (group / "cgroup.procs").read_text(), 60), group
            assert eventually(lambda: removed(group), 60), group


def removed(group: Path) -> bool:
    try:
        group.rmdir()
    except OSError:
        return not group.exists()
    return True


class Machine:
    """Its memory, as the daemon is told."""

    def __init__(self, bench: Bench) -> None:
        root = bench.daemon.base / "machine"
        for folder in ("proc", "sys", "dev"):
            (root / folder).mkdir(parents=True)
        # Read by the daemon from the file that it opened first, as in /proc.
        self.meminfo = open(root / "proc" / "meminfo", "wb", buffering=0)
        self.available(6000)
        bench.daemon.kill_daemon()
        bench.daemon.options = ["--meter-root", str(root)]
        bench.daemon.start()

    def available(self, mib: int) -> None:
        self.meminfo.seek(0)
        self.meminfo.write(b"MemTotal:        8388608 kB\nMemAvailable:   %8d kB\n" % (mib * 1024))


def like_anybody(bench: Bench) -> None:
    """The branch of background runs has the processor like any other: who has none of it holds up nobody."""
    for file in map(Path, glob.glob(f"/sys/fs/cgroup/**/{bench.daemon.cgroup_root}-background/cpu.idle", recursive=True)):
        file.write_text("0")


def start(bench: Bench, priority: str) -> str:
    file = bench.daemon.base / f"{priority}.toml"
    file.write_text(f'schema = 1\nname = "{priority}"\nextends = ["offline"]\n[priority]\nclass = "{priority}"\n')
    return bench.detached(AT_WORK, "-n", priority, "-p", str(file))


def has_its_memory(bench: Bench, run: str) -> bool:
    return (bench.show(run)["usage"]["memory_bytes"] or 0) > 90 << 20


def test_a_background_run_is_paused_while_the_person_s_programs_wait_for_memory_that_is_short(bench: Bench) -> None:
    machine = Machine(bench)
    like_anybody(bench)
    background, interactive = start(bench, "background"), start(bench, "interactive")
    for run in (background, interactive):
        assert eventually(lambda: has_its_memory(bench, run), 60), bench.show(run)
    with Person(bench) as person:
        person.begin()
        # They wait with the machine half empty: that is a limit of their own, and nobody's doing.
        before = person.waited()
        assert eventually(lambda: person.waited() - before > 2_000_000, 60), person.pressure.read_text()
        equal(bodies(bench, background, "run-frozen"), [])
        # Slowly, or it would look as if memory were about to run out. From a quarter of it on, 2 GiB, it may come.
        for mib in range(6000, 1400, -100):
            machine.available(mib)
            time.sleep(0.05)
        assert eventually(lambda: bodies(bench, background, "run-frozen"), 60), (bench.show(background), person.pressure.read_text())
        why = bodies(bench, background, "run-frozen")[0]
        equal(why["preemption"]["cause"], "memory")
        assert re.fullmatch(r"the person's programs waited \d+ ms a second for memory: (1\.[5-9]|2\.0) GiB are left and it has 1\d\d\.\d MiB, "
                            "and holding it costs the least", why["reason"]), why
        equal(bench.show(background)["state"], "frozen")
        assert why["reason"] in bench.cli("show", background).stdout
        person.stop()
        assert eventually(lambda: bench.show(background)["state"] == "running", 120), bench.daemon.log()
        assert eventually(lambda: bodies(bench, background, "run-resumed"), 60)
        equal(bodies(bench, background, "run-resumed")[0]["reason"], "the person's programs do not wait for memory any more")
    equal(bodies(bench, interactive, "run-frozen"), [])
    for run in (background, interactive):
        bench.cli("kill", run)
        bench.ended(run)


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
