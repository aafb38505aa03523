#!/usr/bin/env python3
"""Turns that programs of runs take on an NPU, from inside real fences. No machine that builds this has one: the node is of a device
that every kernel has, and the machine that is metered is made of files.

    agent_leases_test.py BUILD [TEST…]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.e2e.accelerators_test import NPU  # noqa: E402
from tests.e2e.accelerators_test import GPU  # noqa: E402
from tests.e2e.gpu_test import GpuMachine  # noqa: E402
from tests.e2e.gpu_test import policy as gpu_policy  # noqa: E402
from tests.e2e.leases_test import NpuMachine  # noqa: E402
from tests.e2e.leases_test import policy as npu_policy  # noqa: E402
from tests.sdk.inside import start  # noqa: E402
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import eventually  # noqa: E402
from tests.support.observed import frozen_by_kernel  # noqa: E402

BEGIN = ("import json\nagent = ringfence.Agent(timeout=20)\nNAME = os.environ['RINGFENCE_RUN']\n"
         "def note(name, *what):\n    with open(name, 'a') as file: file.write(json.dumps(what) + '\\n')\n")


def policy(bench: Bench) -> str:
    return npu_policy(bench, "50%", priority="interactive")


def lines(bench: Bench, name: str) -> list[Any]:
    file = bench.workspace / name
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_no_two_programs_of_two_runs_have_a_turn_at_the_same_time(bench: Bench) -> None:
    NpuMachine(bench)
    body = BEGIN + ("for turn in range(40):\n    with agent.lease('npu', wait=100) as lease:\n        begin = time.monotonic()\n"
                    "        time.sleep(0.002)\n        held = bool(lease)\n        note(NAME, begin, time.monotonic(), held, lease.why)\n")
    runs = [start(bench, body, "-p", policy(bench)) for _ in range(2)]
    for run in runs:
        equal(bench.ended(run)["code"], 0, bench.cli("logs", run).stdout)
        equal([(held, why) for _, _, held, why in lines(bench, run)], [(True, "")] * 40)
    turns = sorted(lines(bench, runs[0]) + lines(bench, runs[1]))
    for before, after in zip(turns, turns[1:]):
        assert before[1] <= after[0], (before, after)


def test_a_run_that_is_frozen_loses_its_turn_and_reads_so_when_it_goes_on(bench: Bench) -> None:
    NpuMachine(bench)
    first = start(bench, BEGIN + "lease = agent.lease('npu')\nnote('first', bool(lease), lease.devices, lease.percent)\n"
                  "while lease: time.sleep(0.02)\nnote('lost', lease.why)\nwait('end')\n", "-p", policy(bench))
    assert eventually(lambda: lines(bench, "first"), 60), bench.cli("logs", first).stdout
    equal(lines(bench, "first"), [[True, [NPU], 50]])
    second = start(bench, BEGIN + "busy = agent.lease('npu')\nnote('busy', bool(busy), busy.why)\n"
                   "lease = agent.lease('npu', wait=600)\nnote('second', bool(lease))\nwait('end')\n", "-p", policy(bench))
    assert eventually(lambda: lines(bench, "busy"), 60), bench.cli("logs", second).stdout
    equal(lines(bench, "busy"), [[False, "busy: another program has the lease of the NPU"]])
    equal(lines(bench, "second"), [])
    equal(bench.cli("freeze", first).returncode, 0)
    assert eventually(lambda: frozen_by_kernel(bench, first))
    assert eventually(lambda: lines(bench, "second"), 60), bench.daemon.log()
    equal(lines(bench, "second"), [[True]])
    equal(bench.cli("resume", first).returncode, 0)
    assert eventually(lambda: lines(bench, "lost"), 60)
    assert lines(bench, "lost")[0][0].startswith("it was lost: the run was frozen"), lines(bench, "lost")
    (bench.workspace / "end").write_text("")
    for run in (first, second):
        equal(bench.ended(run)["code"], 0)


def test_a_turn_ends_with_its_program_and_with_its_run(bench: Bench) -> None:
    NpuMachine(bench)
    holds = ("import subprocess\nchild = subprocess.Popen([sys.executable, '-B', '-c', 'import ringfence, time\\n"
             "lease = ringfence.Agent(timeout=20).lease(\"npu\")\\nopen(\"held\", \"w\").write(lease.why or \"held\")\\ntime.sleep(1000)'])\n")
    first = start(bench, BEGIN + holds + "wait('kill')\nchild.kill()\nchild.wait()\nlease = agent.lease('npu', wait=100)\n"
                  "note('again', bool(lease), lease.why)\nwait('end')\n", "-p", policy(bench))
    held = bench.workspace / "held"
    assert eventually(lambda: held.exists() and held.read_text(), 60), bench.cli("logs", first).stdout
    equal(held.read_text(), "held")
    (bench.workspace / "kill").write_text("")
    assert eventually(lambda: lines(bench, "again"), 60), bench.cli("logs", first).stdout
    equal(lines(bench, "again"), [[True, ""]])
    second = start(bench, BEGIN + "lease = agent.lease('npu', wait=600)\nnote('second', bool(lease))\nwait('end')\n", "-p", policy(bench))
    assert eventually(lambda: bench.show(second)["state"] == "running", 60)
    bench.cli("kill", first)
    bench.ended(first)
    assert eventually(lambda: lines(bench, "second"), 60), bench.daemon.log()
    equal(lines(bench, "second"), [[True]])
    bench.cli("kill", second)
    bench.ended(second)


def test_a_turn_that_is_released_is_anothers_though_children_of_its_program_live(bench: Bench) -> None:
    NpuMachine(bench)
    first = start(bench, BEGIN + "lease = agent.lease('npu')\nheld = bool(lease)\nfor does in (lease.release, time.time):\n"
                  "    if os.fork() == 0:\n        does()\n        note('child')\n        wait('end')\n        os._exit(0)\n"
                  "wait('release')\nnote('first', held, bool(lease))\nlease.release()\nwait('end')\n", "-p", policy(bench))
    assert eventually(lambda: len(lines(bench, "child")) == 2, 60), bench.cli("logs", first).stdout
    (bench.workspace / "release").write_text("")
    assert eventually(lambda: lines(bench, "first"), 60), bench.cli("logs", first).stdout
    equal(lines(bench, "first"), [[True, True]])
    second = start(bench, BEGIN + "lease = agent.lease('npu', wait=20)\nnote('second', bool(lease), lease.why)\n", "-p", policy(bench))
    equal(bench.ended(second)["code"], 0)
    equal(lines(bench, "second"), [[True, ""]])
    (bench.workspace / "end").write_text("")
    equal(bench.ended(first)["code"], 0)


def test_who_has_neither_is_told_so(bench: Bench) -> None:
    NpuMachine(bench)
    file = bench.daemon.base / "without.toml"
    file.write_text('schema = 1\nname = "without"\nextends = ["offline"]\n[priority]\nclass = "interactive"\n')
    run = start(bench, BEGIN + "print(agent.lease('npu', wait=600).why)\nprint(agent.lease('gpu', wait=600).why)\n", "-p", str(file))
    equal(bench.ended(run)["code"], 0)
    npu, gpu = bench.cli("logs", run).stdout.splitlines()
    assert npu.startswith("unavailable: the run has no NPU: its policy gives it none (limits.npu)"), npu
    assert gpu.startswith("unavailable: the run has no GPU: its policy gives it none (limits.gpu)"), gpu


def test_a_program_has_a_turn_on_the_gpu_and_another_one_waits_for_it(bench: Bench) -> None:
    GpuMachine(bench)
    first = start(bench, BEGIN + "with agent.lease('gpu') as lease:\n    note('first', bool(lease), lease.devices, lease.percent)\n"
                  "    wait('over')\nwait('end')\n", "-p", gpu_policy(bench, "40%", priority="interactive"))
    assert eventually(lambda: lines(bench, "first"), 60), bench.daemon.log()
    equal(lines(bench, "first"), [[True, [GPU], 40]])
    second = start(bench, BEGIN + "busy = agent.lease('gpu')\nnote('busy', bool(busy), busy.why)\n"
                   "lease = agent.lease('gpu', wait=600)\nnote('second', bool(lease))\nwait('end')\n",
                   "-p", gpu_policy(bench, "60%", priority="interactive"))
    assert eventually(lambda: lines(bench, "busy"), 60), bench.daemon.log()
    equal(lines(bench, "busy"), [[False, "busy: another program has the lease of the GPU"]])
    (bench.workspace / "over").touch()
    assert eventually(lambda: lines(bench, "second"), 60), bench.daemon.log()
    for run in (first, second):
        bench.cli("kill", run)
        bench.ended(run)


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
