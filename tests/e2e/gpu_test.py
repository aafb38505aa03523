#!/usr/bin/env python3
"""GPUs that a policy gives to runs: the node inside and what a driver's library looks up of it, its lease, and the share
that is kept. No machine that builds this has one: the node is of a device that every kernel has, and the machine that is
metered is made of files.

    gpu_test.py BUILD [TEST…]
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.e2e.accelerators_test import GPU, Machine  # noqa: E402
from tests.e2e.leases_test import Used, end, freezer  # noqa: E402
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import eventually  # noqa: E402
from tests.support.observed import bodies  # noqa: E402

LOOK = """
import os
node = "/dev/dri/renderD128"
number = os.stat(node).st_rdev
folder = f"/sys/dev/char/{os.major(number)}:{os.minor(number)}/device"
print(os.read(os.open(node, os.O_RDWR), 3), os.listdir("/dev/dri"), os.path.exists("/dev/accel"))
print(open(folder + "/vendor").read().strip(), os.readlink(folder + "/subsystem"), os.listdir(folder + "/drm"))
print(sorted(os.listdir(folder)), os.listdir("/sys"))
try:
    open(folder + "/vendor", "w")
except OSError:  # of the mount, or of Landlock
    print("refused")
"""


class GpuMachine(Machine):
    """With a render node that can be opened: reading it gives zeros, as the kernel's /dev/zero does."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        device = self.root / "sys" / "devices" / GPU
        device.mkdir()
        for name, content in (("vendor", "0x8086"), ("device", "0x56a0"), ("uevent", f"PCI_SLOT_NAME={GPU}"), ("rom", "secret")):
            (device / name).write_text(content + "\n")
        (device / "subsystem").symlink_to("../../bus/pci")
        link = self.root / "sys" / "class" / "drm" / "renderD128"
        link.mkdir(parents=True)
        (link / "device").symlink_to(device)
        (self.root / "dev" / "dri").mkdir()
        for name in ("card0", "renderD128"):
            node = self.root / "dev" / "dri" / name
            os.mknod(node, stat.S_IFCHR | 0o666, os.makedev(1, 5))
            node.chmod(0o666)

    def gpu_client(self, pid: int, busy_ns: int) -> None:
        self.client(pid, busy_ns, client=pid)


def policy(bench: Bench, share: str, priority: str = "background") -> str:
    file = bench.daemon.base / f"gpu-{share.strip('%')}.toml"
    file.write_text(f'schema = 1\nname = "gpu"\nextends = ["offline"]\n[limits]\ngpu = "{share}"\n'
                    f'[priority]\nclass = "{priority}"\n')
    return str(file)


def test_a_run_has_the_render_node_where_its_policy_says_so_and_what_a_driver_looks_up_of_it(bench: Bench) -> None:
    GpuMachine(bench)
    without = bench.sh("ls -d /dev/dri /sys", "-p", "offline")
    assert without.returncode != 0 and without.stdout == "", without
    (bench.workspace / "look.py").write_text(LOOK)
    given = bench.sh("exec python3 look.py", "-p", policy(bench, "50%"))
    equal((given.returncode, given.stdout),
          (0, "b'\\x00\\x00\\x00' ['renderD128'] False\n0x8086 /sys/bus/pci ['renderD128']\n"
              "['device', 'drm', 'subsystem', 'uevent', 'vendor'] ['dev']\nrefused\n"), given.stderr)
    run = bench.last_ended()
    equal(bodies(bench, run, "lease-given"), [{"device": GPU, "percent": 50}])
    equal(bodies(bench, run, "lease-ended"), [{"device": GPU}])


def test_a_machine_without_a_gpu_starts_the_run_and_says_that_it_has_none(bench: Bench) -> None:
    Machine(bench)
    result = bench.sh("ls /dev/dri", "-p", policy(bench, "50%"))
    assert result.returncode != 0 and "limits.gpu gives nothing: this machine has no GPU" in result.stderr, result
    equal(bodies(bench, bench.last_ended(), "lease-given"), [])


def test_a_gpu_is_not_leased_beyond_all_of_it(bench: Bench) -> None:
    GpuMachine(bench)
    first = bench.detached("exec sleep 1000", "-p", policy(bench, "60%"))
    refused = bench.sh("true", "-p", policy(bench, "50%"))
    equal(refused.returncode, 125)
    assert f"the GPU {GPU} is leased: {first} (sh) has 60 %" in refused.stderr, refused.stderr
    end(bench, first)
    equal(bench.sh("true", "-p", policy(bench, "50%")).returncode, 0)


def test_a_run_above_its_share_of_the_gpu_is_frozen_and_goes_on_when_it_is_kept_again(bench: Bench) -> None:
    machine = GpuMachine(bench)
    run = bench.detached("exec sleep 1000", "-p", policy(bench, "20%"))
    with Used(bench, run, machine.gpu_client, 100):
        assert eventually(lambda: freezer(bench, run) == "1", 100), bench.show(run)
        assert eventually(lambda: bodies(bench, run, "run-frozen"), 60)
        held = bodies(bench, run, "run-frozen")[0]
        equal(held["preemption"]["cause"], "accelerator")
        assert "% of the GPU; its share is 20 %" in held["reason"], held
        assert eventually(lambda: bodies(bench, run, "run-resumed"), 100), bench.show(run)
        assert eventually(lambda: freezer(bench, run) == "0", 60)
    end(bench, run)


def test_while_the_person_uses_the_gpu_a_run_that_uses_it_is_frozen_and_goes_on_afterwards(bench: Bench) -> None:
    machine = GpuMachine(bench)
    run = bench.detached("exec sleep 1000", "-p", policy(bench, "100%"))
    with Used(bench, run, machine.gpu_client, 20) as used:
        assert eventually(lambda: (bench.show(run)["usage"]["gpu_usec"] or 0) > 500_000, 60), bench.daemon.log()
        equal(freezer(bench, run), "0")
        used.person.set()
        assert eventually(lambda: freezer(bench, run) == "1", 100), bench.show(run)
        assert eventually(lambda: bodies(bench, run, "run-frozen"), 60)
        held = bodies(bench, run, "run-frozen")[0]
        assert held["reason"].startswith("the person's programs use the GPU ("), held
        used.person.clear()
        assert eventually(lambda: bodies(bench, run, "run-resumed"), 100), bench.show(run)
        assert eventually(lambda: freezer(bench, run) == "0", 60)
    end(bench, run)


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
