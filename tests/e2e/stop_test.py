#!/usr/bin/env python3
"""The emergency stop over the agents of a real daemon.

    stop_test.py BUILD [TEST…]
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.cli_bench import Bench, run_tests  # noqa: E402
from tests.support.daemon import eventually  # noqa: E402
from tests.support.observed import facts  # noqa: E402
from tests.support.stop import Stop  # noqa: E402

COUNTING = 'i=0; while :; do i=$((i+1)); echo $i >>"counter-$0"; done'


def counting(bench: Bench, many: int) -> dict[str, Path]:
    """Runs that each add to a file of their own, all at work: {run: file}."""
    runs = {}
    for number in range(many):
        run = bench.cli("run", "-d", "--", "/bin/sh", "-c", COUNTING, str(number))
        assert run.returncode == 0, run.stderr
        runs[run.stdout.strip()] = bench.workspace / f"counter-{number}"
    for file in runs.values():
        assert eventually(lambda file=file: file.exists() and file.stat().st_size > 0, 60), bench.daemon.log()
    return runs


def agents(bench: Bench) -> set[int]:
    """Every process that is in a run's group, with guards and those that wait to become one."""
    found: set[int] = set()
    for group in bench.daemon.groups():
        for folder, _, _ in os.walk(group):
            if folder.startswith(group) and group.endswith(("-background", "-interactive")):
                with contextlib.suppress(OSError):
                    found |= {int(word) for word in Path(folder, "cgroup.procs").read_text().split()}
    return found


def times_of(pids: set[int]) -> dict[int, list[str]]:
    """What each process that is still there has used of a processor."""
    times = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            times[pid] = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return times


def commands(bench: Bench) -> list[str]:
    """Programs of agents and guards; not the processes that the launcher forks ahead, which it does again after a kill."""
    found = []
    for pid in agents(bench):
        with contextlib.suppress(OSError):
            found.append(os.readlink(f"/proc/{pid}/exe"))
    return [program for program in found if Path(program).name != "ringfence-launcher"]


def stands_still(bench: Bench, files: list[Path]) -> None:
    """Nothing of any agent does anything, while others do. Who is born meanwhile does nothing either."""
    before = [file.stat().st_size for file in files], times_of(agents(bench))
    # Long enough for any of them: other work of the machine, which takes as long as it takes.
    for _ in range(20):
        sum(range(200_000))
        os.sched_yield()
    sizes, times = [file.stat().st_size for file in files], times_of(set(before[1]))
    assert before[0] == sizes, (before, sizes)
    assert all(before[1][pid] == times[pid] for pid in times), (before, times)


def rearm(bench: Bench, stop: Stop) -> None:
    """By the daemon, where it offers that; else as root may."""
    if "rearm" in bench.cli("--help").stdout:
        done = bench.cli("rearm")
        assert done.returncode == 0, done.stderr
    else:
        assert stop.ask("release") == {"released": True}


def resume(bench: Bench, run: str, file: Path) -> None:
    size = file.stat().st_size
    if bench.show(run)["state"] != "frozen":
        bench.cli("freeze", run)
    resumed = bench.cli("resume", run)
    assert resumed.returncode == 0, (resumed.returncode, resumed.stderr, bench.show(run))
    assert eventually(lambda: file.stat().st_size > size, 60), bench.show(run)


def check_receipt(bench: Bench, receipt: dict[str, Any], runs: list[str]) -> None:
    assert receipt["verified"] and receipt["latched"], receipt
    evidence = {one["run"]: one for one in receipt["evidence"]}
    assert set(runs) == {run for run, one in evidence.items() if not one.get("prepared")}, (runs, receipt)
    assert receipt["runs"] == len(runs), (runs, receipt)
    assert all(one["finishing"] == 0 for one in evidence.values()), receipt
    # Of those the daemon has ended some by now: each egress, whose connections it cuts, and what was forked ahead.
    assert receipt["processes"] >= len(commands(bench)) - 2 * len(runs), (receipt, commands(bench))
    assert receipt["processes"] == sum(one["frozen"] + one["held"] for one in evidence.values()), receipt
    assert receipt["write_usec"] <= receipt["took_usec"], receipt


def test_a_stop_holds_every_agent_until_it_is_re_armed_and_each_is_resumed_by_itself(bench: Bench) -> None:
    with Stop(bench.daemon) as stop:
        runs = counting(bench, 3)
        files = list(runs.values())
        check_receipt(bench, stop.ask("stop enough"), list(runs))
        stands_still(bench, files)
        rearm(bench, stop)
        stands_still(bench, files)
        first, *others = runs
        resume(bench, first, runs[first])
        sizes = [runs[run].stat().st_size for run in others]
        assert eventually(lambda: runs[first].stat().st_size > 0)
        assert [runs[run].stat().st_size for run in others] == sizes
        for run in others:
            resume(bench, run, runs[run])


def test_a_stop_needs_neither_the_daemon_nor_the_launcher(bench: Bench) -> None:
    with Stop(bench.daemon) as stop:
        runs = counting(bench, 3)
        assert bench.daemon.process is not None
        asleep = [bench.daemon.process.pid, bench.daemon.launcher_pid()]
        for pid in asleep:
            os.kill(pid, signal.SIGSTOP)
        try:
            check_receipt(bench, stop.ask("stop"), list(runs))
            stands_still(bench, list(runs.values()))
            killed = stop.ask("kill")
            assert killed["verified"] and killed["killed"], killed
            assert not commands(bench), commands(bench)
        finally:
            for pid in asleep:
                os.kill(pid, signal.SIGCONT)
        for run in runs:
            bench.ended(run)
        rearm(bench, stop)


def test_a_stop_outlives_the_program_that_made_it_and_the_daemon(bench: Bench) -> None:
    with Stop(bench.daemon) as stop:
        runs = counting(bench, 2)
        # One of which the log does not have yet that it began is ended by a daemon that finds it: it would be in doubt.
        assert eventually(lambda: len(facts(bench, "run-started")) == 2), bench.daemon.log()
        check_receipt(bench, stop.ask("stop"), list(runs))
        if stop.process is not None:
            stop.process.kill()
            stop.process.wait()
            stands_still(bench, list(runs.values()))
            stop.start()
        bench.daemon.kill_daemon()
        bench.daemon.start()
        assert stop.ask("status")["latched"]
        stands_still(bench, list(runs.values()))
        rearm(bench, stop)
        stands_still(bench, list(runs.values()))
        for run, file in runs.items():
            resume(bench, run, file)


def test_an_agent_that_waits_for_an_answer_is_held_and_the_stop_is_verified(bench: Bench) -> None:
    policy = bench.daemon.base / "asking.toml"
    asked = bench.workspace.parent / "asked"
    asked.mkdir()
    policy.write_text(f'schema = 1\nname = "asking"\nextends = ["coding"]\n[priority]\nclass = "interactive"\n'
                      f'[files]\nask = ["{asked}"]\n')
    with Stop(bench.daemon) as stop:
        run = bench.detached(f"echo x >{asked}/file; echo over >over", "-p", str(policy))
        assert eventually(lambda: bench.cli("pending", "--json").stdout.strip(), 60), bench.daemon.log()
        receipt = stop.ask("stop")
        check_receipt(bench, receipt, [run])
        assert receipt["held"] == 1, receipt
        rearm(bench, stop)
        assert not (bench.workspace / "over").exists() and not (asked / "file").exists()


def test_a_stop_in_the_middle_of_launches_leaves_no_agent_running(bench: Bench) -> None:
    with Stop(bench.daemon) as stop:
        launched: list[int] = []
        over = threading.Event()

        def launch(number: int) -> None:
            while not over.is_set():
                try:
                    result = bench.cli("run", "-d", "--", "/bin/sh", "-c", COUNTING, f"launched-{number}", timeout=20)
                except Exception:  # noqa: BLE001  a launch that the stop holds in its middle is not answered
                    return
                launched.append(result.returncode)
                if result.returncode != 0:
                    return

        threads = [threading.Thread(target=launch, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        assert eventually(lambda: launched.count(0) >= 4, 100), bench.daemon.log()
        receipt = stop.ask("stop")
        assert receipt["verified"], receipt
        files = sorted(bench.workspace.glob("counter-*"))
        stands_still(bench, files)
        over.set()
        for thread in threads:
            thread.join()
        again = stop.ask("stop")
        assert again["verified"] and again["repeated"], again
        stands_still(bench, sorted(bench.workspace.glob("counter-*")))
        assert stop.ask("kill")["verified"]
        assert not commands(bench), commands(bench)
        rearm(bench, stop)


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
