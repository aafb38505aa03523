#!/usr/bin/env python3
"""NPUs that a policy gives to runs: the node inside, its lease, what it was busy, and the share that is kept. No machine
that builds this has one: the node is of a device that every kernel has, and the machine that is metered is made of files.

    leases_test.py BUILD [TEST…]
"""

from __future__ import annotations

import json
import os
import stat
import sys
import threading
from pathlib import Path
from typing import Callable

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.e2e.accelerators_test import NPU, Machine  # noqa: E402
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import eventually  # noqa: E402
from tests.support.observed import bodies  # noqa: E402

NODE = "/dev/accel/accel0"
FULL = ("import errno, fcntl, os\n"
        "def control(path):\n"
        "  fd = os.open(path, os.O_RDWR)\n"
        "  try: fcntl.ioctl(fd, 0xc0206400, bytearray(32))\n"
        "  except OSError as wrong: return errno.errorcode[wrong.errno]\n"
        "print(os.read(os.open('/dev/accel/accel0', os.O_RDWR), 3), control('/dev/accel/accel0'), control('/dev/zero'),\n"
        "      os.listdir('/dev/accel'), os.path.exists('/dev/dri'))\n")


class NpuMachine(Machine):
    """With a node that can be opened: reading it gives zeros, as the kernel's /dev/zero does."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        node = self.root / "dev" / "accel" / "accel0"
        os.mknod(node, stat.S_IFCHR | 0o666, os.makedev(1, 5))
        node.chmod(0o666)

    def npu_client(self, pid: int, busy_ns: int) -> None:
        """The process has the NPU open and was busy on it for so long."""
        process = self.root / "proc" / str(pid)
        if not process.exists():
            (process / "fdinfo").mkdir(parents=True)
            (process / "stat").write_text(f"{pid} (a program) S 1 1 1 0 -1 4194304 1 0 0 0 7 3 0 0 20 0 1 0 100 1 1 1\n")
            (process / "fd").mkdir()
            os.mknod(process / "fd" / "5", stat.S_IFCHR | 0o600, os.makedev(261, 0))
        fresh = process / "fresh"
        fresh.write_text(f"drm-driver:\tx\ndrm-pdev:\t{NPU}\ndrm-client-id:\t{pid}\ndrm-engine-npu:\t{busy_ns} ns\n")
        fresh.rename(process / "fdinfo" / "5")


def policy(bench: Bench, share: str, more: str = "", priority: str = "background") -> str:
    file = bench.daemon.base / f"npu-{share.strip('%')}-{len(more)}.toml"
    file.write_text(f'schema = 1\nname = "npu"\nextends = ["offline"]\n{more}[limits]\nnpu = "{share}"\n'
                    f'[priority]\nclass = "{priority}"\n')
    return str(file)


FREEZERS: dict[str, Path] = {}


def freezer(bench: Bench, run: str) -> str:
    """cgroup.freeze of the run's agent, as the kernel has it."""
    if run not in FREEZERS:
        found = next(iter(Path("/sys/fs/cgroup").glob(f"**/{bench.daemon.cgroup_root}*/{run}/agent/cgroup.freeze")), None)
        if found is None:
            return "gone"
        FREEZERS[run] = found
    try:
        return FREEZERS[run].read_text().strip()
    except OSError:
        return "gone"


def end(bench: Bench, *runs: str) -> None:
    for run in runs:
        bench.cli("kill", run)
    for run in runs:
        bench.ended(run)


class Busy:
    """The device works at a share of its time while `works` says so."""

    def __init__(self, machine: Machine, percent: int, works: Callable[[], bool], since: int = 0) -> None:
        self.machine, self.percent, self.works = machine, percent, works
        self.total = since
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self) -> None:
        while not self.stop.wait(0.05):
            if self.works():
                self.total += self.percent * 500
                self.machine.busy(7_000_000 + self.total)

    def __enter__(self) -> Busy:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join()


PERSON = 4_999_999  # a process of the person's


class Used:
    """What the run, while it goes on, and the person's programs, while `person` is set, use of a device whose clients tell what they
    do: `percent` of it, and 40 %. `client`: writes down that a process was busy on it for so many nanoseconds."""

    def __init__(self, bench: Bench, run: str, client: Callable[[int, int], None], percent: int) -> None:
        self.bench, self.run, self.client, self.percent = bench, run, client, percent
        self.person = threading.Event()
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.work, args=(bench.show(run)["pid"],))

    def work(self, pid: int) -> None:
        used = {pid: 0, PERSON: 0}
        while not self.stop.wait(0.05):
            now = {pid: self.percent if freezer(self.bench, self.run) == "0" else 0, PERSON: 40 if self.person.is_set() else 0}
            for of, share in now.items():
                used[of] += share * 500_000
                self.client(of, used[of])

    def __enter__(self) -> Used:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join()


def test_a_run_has_the_npu_where_its_policy_says_so_and_no_other_device(bench: Bench) -> None:
    NpuMachine(bench)
    without = bench.sh(f"test -e /dev/accel && echo there; echo open > {NODE}", "-p", "offline")
    assert without.returncode != 0 and without.stdout == "", without
    (bench.workspace / "look.py").write_text(FULL)
    given = bench.sh("exec python3 look.py", "-p", policy(bench, "50%"))
    equal((given.returncode, given.stdout), (0, "b'\\x00\\x00\\x00' ENOTTY EACCES ['accel0'] False\n"), given.stderr)
    run = bench.last_ended()
    equal(bodies(bench, run, "lease-given"), [{"device": NPU, "percent": 50}])
    equal(bodies(bench, run, "lease-ended"), [{"device": NPU}])


def test_what_a_warden_opens_for_the_agent_is_the_same_device(bench: Bench) -> None:
    NpuMachine(bench)
    (bench.workspace / "look.py").write_text(FULL)
    asks = '[files]\nask = ["$WORKSPACE/asked"]\n'
    given = bench.sh("exec python3 look.py", "-p", policy(bench, "50%", asks))
    # Also of the zero device it takes every control: Landlock holds those of what the agent opens itself.
    equal((given.returncode, given.stdout), (0, "b'\\x00\\x00\\x00' ENOTTY ENOTTY ['accel0'] False\n"), given.stderr)


def test_who_may_not_open_the_node_is_told_which_group_may(bench: Bench) -> None:
    machine = NpuMachine(bench)
    node = machine.root / "dev" / "accel" / "accel0"
    node.chmod(0o660)
    os.chown(node, 0, 4711)
    result = bench.sh(f"cat {NODE}", "-p", policy(bench, "50%"))
    assert result.returncode != 0 and "Permission denied" in result.stderr, result
    assert "limits.npu: /dev/accel/accel0 can be opened by the group 4711 alone" in result.stderr, result


def test_a_machine_without_an_npu_starts_the_run_and_says_that_it_has_none(bench: Bench) -> None:
    Machine(bench)
    result = bench.sh("ls /dev/accel", "-p", policy(bench, "50%"))
    assert result.returncode != 0 and "limits.npu gives nothing: this machine has no NPU" in result.stderr, result
    equal(bodies(bench, bench.last_ended(), "lease-given"), [])


def test_an_npu_is_not_leased_beyond_all_of_it_and_who_is_refused_reads_why(bench: Bench) -> None:
    NpuMachine(bench)
    first = bench.detached("exec sleep 1000", "-p", policy(bench, "60%"))
    refused = bench.sh("true", "-p", policy(bench, "50%"))
    equal(refused.returncode, 125)
    assert f"the NPU {NPU} is leased: {first} (sh) has 60 %" in refused.stderr, refused.stderr
    assert refused.stderr.rstrip().endswith("ringfence: not started: admission"), refused.stderr
    second = bench.detached("exec sleep 1000", "-p", policy(bench, "40%"))
    equal(bench.sh("true", "-p", "offline").returncode, 0)
    bench.daemon.kill_daemon()
    bench.daemon.start()
    assert eventually(lambda: bench.show(first)["state"] == "running"), bench.daemon.log()
    equal(bench.sh("true", "-p", policy(bench, "1%")).returncode, 125, "a restart ends no lease")
    end(bench, first, second)
    equal(bench.sh("true", "-p", policy(bench, "100%")).returncode, 0)


def test_what_the_device_counts_is_of_the_run_that_holds_it_and_of_nobody_when_none_does(bench: Bench) -> None:
    machine = NpuMachine(bench)
    other = bench.detached("exec sleep 1000", "-p", "offline")
    assert eventually(machine.devices), bench.daemon.log()
    machine.busy(7_000_000 + 300_000)
    assert eventually(lambda: machine.devices()[0]["unattributed_usec"] == 300_000), machine.devices()
    run = bench.detached("exec sleep 1000", "-p", policy(bench, "100%"))
    assert eventually(lambda: bench.show(run)["state"] == "running")
    with Busy(machine, 30, lambda: True, since=300_000) as busy:
        assert eventually(lambda: (bench.show(run)["usage"]["npu_usec"] or 0) > 400_000), machine.devices()
    assert eventually(lambda: machine.devices()[0]["busy_usec"] == busy.total), (machine.devices(), busy.total)
    device = machine.devices()[0]
    shown = bench.show(run)
    equal(device["runs_usec"] + device["unattributed_usec"], device["busy_usec"])
    equal(device["runs_usec"], shown["usage"]["npu_usec"])
    equal([(share["device"], share["kind"], share["scope"]) for share in shown["accelerators"]], [(NPU, "npu", "device")])
    rows = json.loads(bench.cli("usage", run, "--json").stdout)
    assert f'"npu_usec": {shown["usage"]["npu_usec"]}' in json.dumps(rows), rows
    equal(bench.show(other)["accelerators"], [])
    end(bench, run, other)


def test_a_run_above_its_share_of_the_npu_is_frozen_between_its_jobs_and_goes_on_when_it_is_kept_again(bench: Bench) -> None:
    machine = NpuMachine(bench)
    run = bench.detached("exec sleep 1000", "-p", policy(bench, "20%"))
    assert eventually(machine.devices), bench.daemon.log()
    with Busy(machine, 100, lambda: freezer(bench, run) == "0"):
        assert eventually(lambda: freezer(bench, run) == "1", 100), (bench.show(run), machine.devices())
        assert eventually(lambda: bodies(bench, run, "run-frozen"), 60)
        held = bodies(bench, run, "run-frozen")[0]
        equal(held["preemption"]["cause"], "accelerator")
        assert "% of the NPU; its share is 20 %" in held["reason"], held
        assert eventually(lambda: bodies(bench, run, "run-resumed"), 100), bench.show(run)
        assert eventually(lambda: len(bodies(bench, run, "run-frozen")) == 2, 100), "and again when it is above it again"
    device = machine.devices()[0]
    equal(device["runs_usec"] + device["unattributed_usec"], device["busy_usec"])
    end(bench, run)


def test_while_the_person_uses_the_npu_a_run_that_uses_it_is_frozen_and_goes_on_afterwards(bench: Bench) -> None:
    machine = NpuMachine(bench)
    (machine.device / "npu_busy_time_us").unlink()  # one whose clients tell what they do, as AMD's
    run = bench.detached("exec sleep 1000", "-p", policy(bench, "100%"))
    with Used(bench, run, machine.npu_client, 20) as used:
        assert eventually(lambda: (bench.show(run)["usage"]["npu_usec"] or 0) > 500_000, 60), bench.daemon.log()
        equal(freezer(bench, run), "0")
        used.person.set()
        assert eventually(lambda: freezer(bench, run) == "1", 100), bench.show(run)
        assert eventually(lambda: bodies(bench, run, "run-frozen"), 60)
        held = bodies(bench, run, "run-frozen")[0]
        assert held["reason"].startswith("the person's programs use the NPU ("), held
        used.person.clear()
        assert eventually(lambda: bodies(bench, run, "run-resumed"), 100), bench.show(run)
        assert eventually(lambda: freezer(bench, run) == "0", 60)
        equal([(share["scope"], share["confidence"]) for share in bench.show(run)["accelerators"]], [("client", "measured")])
    end(bench, run)


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
