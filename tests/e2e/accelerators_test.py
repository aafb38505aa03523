#!/usr/bin/env python3
"""What a running daemon tells of GPUs and NPUs, over a machine of files: no machine that builds this has either.

    accelerators_test.py BUILD [TEST…]
"""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import eventually  # noqa: E402

NPU = "0000:00:0b.0"
GPU = "0000:03:00.0"
POLICY = 'schema = 1\nname = "trial"\nextends = ["offline"]\n[priority]\nclass = "interactive"\n'


class Machine:
    """Its proc, sys and dev: an NPU of Intel that counts what it is busy, and what the test adds."""

    def __init__(self, bench: Bench) -> None:
        self.daemon = bench.daemon
        self.root = bench.daemon.base / "machine"
        self.device = self.root / "sys" / "devices" / NPU
        self.device.mkdir(parents=True)
        node = self.root / "sys" / "class" / "accel" / "accel0"
        node.mkdir(parents=True)
        (node / "device").symlink_to(self.device)
        (self.root / "proc").mkdir()
        (self.root / "dev" / "accel").mkdir(parents=True)
        self.busy(7_000_000)
        self.daemon.kill_daemon()
        self.daemon.options = ["--meter-root", str(self.root)]
        self.daemon.start()

    def busy(self, usec: int) -> None:
        fresh = self.device / "fresh"
        fresh.write_text(f"{usec}\n")
        fresh.rename(self.device / "npu_busy_time_us")

    def client(self, pid: int, busy_ns: int, client: int = 9) -> None:
        """The process has a GPU open and was busy on it for so long."""
        process = self.root / "proc" / str(pid)
        if not process.exists():
            (process / "fd").mkdir(parents=True)
            (process / "fdinfo").mkdir()
            (process / "stat").write_text(f"{pid} (an agent) S 1 1 1 0 -1 4194304 1 0 0 0 7 3 0 0 20 0 1 0 100 1 1 1\n")
            os.mknod(process / "fd" / "5", stat.S_IFCHR | 0o600, os.makedev(226, 128))
        fresh = process / "fresh"
        fresh.write_text(f"drm-driver:\ti915\ndrm-pdev:\t{GPU}\ndrm-client-id:\t{client}\ndrm-engine-render:\t{busy_ns} ns\n"
                         "drm-resident-vram0:\t2048 KiB\n")
        fresh.rename(process / "fdinfo" / "5")

    def doctor(self) -> dict[str, Any]:
        report = self.daemon.cli("doctor", "--json")  # 1 when something else is not as it should be
        return json.loads(report.stdout)

    def devices(self) -> list[dict[str, Any]]:
        return self.doctor()["accelerators"]


def sleeper(bench: Bench) -> str:
    file = bench.daemon.base / "trial.toml"
    file.write_text(POLICY)
    return bench.detached("exec sleep 1000", "-p", str(file))


def test_what_an_npu_tells_of_itself_alone_is_of_no_run_and_none_of_it_is_lost(bench: Bench) -> None:
    machine = Machine(bench)
    equal(machine.devices(), [], "nothing runs, so nothing is read")
    run = sleeper(bench)
    assert eventually(machine.devices), bench.daemon.log()
    equal([device["busy_usec"] for device in machine.devices()], [0], "what it was busy before is nobody's matter")
    total = 0
    for grown in (400_000, 1, 1_000_000):
        total += grown
        machine.busy(7_000_000 + total)
        assert eventually(lambda: machine.devices()[0]["busy_usec"] == total), machine.devices()
        equal(machine.devices(), [{"device": NPU, "kind": "npu", "busy_usec": total, "runs_usec": 0,
                                   "unattributed_usec": total, "confidence": "measured"}])
    shown = bench.show(run)
    equal((shown["accelerators"], shown["usage"]["npu_usec"], shown["usage"]["gpu_usec"]), ([], None, None),
          "unknown, and not 0")


def test_what_a_driver_tells_of_its_clients_is_the_runs_whose_process_it_is(bench: Bench) -> None:
    machine = Machine(bench)
    run, other = sleeper(bench), sleeper(bench)
    pid = bench.show(run)["pid"]
    for busy_ns in (300_000_000, 800_000_000):
        machine.client(pid, busy_ns)
        assert eventually(lambda: bench.show(run)["usage"]["gpu_usec"] == busy_ns // 1000), bench.show(run)
    equal(bench.show(run)["accelerators"], [{"device": GPU, "kind": "gpu", "busy_usec": 800_000, "scope": "client",
                                             "confidence": "measured", "memory_bytes": 2048 * 1024}])
    shown = bench.show(other)
    equal((shown["accelerators"], shown["usage"]["gpu_usec"]), ([], None))


def test_the_doctor_says_that_there_is_no_accelerator_where_there_is_none(bench: Bench) -> None:
    machine = Machine(bench)
    (machine.root / "dev" / "accel").rmdir()
    sleeper(bench)
    checks = {check["name"]: check for check in machine.doctor()["checks"]}
    equal(checks["accelerators"], {"name": "accelerators", "ok": True,
                                   "detail": "none: neither /dev/dri nor /dev/accel exists", "warning": False})
    names = {Path("/proc", str(bench.daemon.process.pid), "task", task, "comm").read_text() for task in
             os.listdir(f"/proc/{bench.daemon.process.pid}/task")}
    assert "accelerators\n" not in names, "there is no thread for them"
    equal(machine.devices(), [])


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
