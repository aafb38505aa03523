#!/usr/bin/env python3
"""What settings of the machine do to runs. A low battery and a hot machine are ones of files: no machine that builds this has either.

    power_test.py BUILD [TEST…]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import eventually  # noqa: E402
from tests.support.observed import bodies  # noqa: E402

PATIENCE = 120.0  # seconds; a hold lasts two, and after heat it must have been cool for thirty


class Machine:
    """Its proc, sys and dev: a battery, a charger and a thermal zone."""

    def __init__(self, bench: Bench, settings: str) -> None:
        self.bench = bench
        self.root = bench.daemon.base / "machine"
        for name in ("proc", "sys", "dev"):
            (self.root / name).mkdir(parents=True)
        config = bench.daemon.base / "ringfence.toml"
        config.write_text(settings)
        bench.daemon.kill_daemon()
        bench.daemon.options = ["--meter-root", str(self.root), "--config", str(config)]
        bench.daemon.start()

    def tell(self, path: str, text: str) -> None:
        file = self.root / "sys" / "class" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_name(file.name + ".fresh")
        fresh.write_text(text + "\n")
        fresh.rename(file)

    def battery(self, percent: int, status: str) -> None:
        self.tell("power_supply/BAT0/type", "Battery")
        self.tell("power_supply/BAT0/capacity", str(percent))
        self.tell("power_supply/BAT0/status", status)

    def temperature(self, millicelsius: int) -> None:
        self.tell("thermal/thermal_zone0/trip_point_0_type", "passive")
        self.tell("thermal/thermal_zone0/trip_point_0_temp", "90000")
        self.tell("thermal/thermal_zone0/temp", str(millicelsius))

    def checks(self) -> dict[str, Any]:
        report = json.loads(self.bench.daemon.cli("doctor", "--json").stdout)
        return {check["name"]: check for check in report["checks"]}


def sleeper(bench: Bench, priority: str) -> str:
    file = bench.daemon.base / f"{priority}.toml"
    file.write_text(f'schema = 1\nname = "{priority}"\nextends = ["offline"]\n[priority]\nclass = "{priority}"\n')
    return bench.detached("exec sleep 1000", "-p", str(file))


def state(bench: Bench, run: str) -> str:
    return bench.show(run)["state"]


def end(bench: Bench, *runs: str) -> None:
    """Agents that have processors only when nobody else wants them take a while to end."""
    for run in runs:
        bench.cli("kill", run)
    for run in runs:
        bench.ended(run)


def test_a_low_battery_pauses_background_runs_and_charging_lets_them_go_on(bench: Bench) -> None:
    machine = Machine(bench, 'pause_below_battery = "20%"\n')
    machine.battery(21, "Discharging")
    background, interactive = sleeper(bench, "background"), sleeper(bench, "interactive")
    machine.battery(19, "Discharging")
    assert eventually(lambda: state(bench, background) == "frozen", PATIENCE), bench.daemon.log()
    assert eventually(lambda: bodies(bench, background, "run-frozen"), PATIENCE)
    why = bodies(bench, background, "run-frozen")[0]
    equal((why["preemption"]["cause"], why["reason"]), ("battery", "the battery has 19 %, less than 20 %"))
    machine.battery(19, "Charging")
    assert eventually(lambda: state(bench, background) == "running", PATIENCE), bench.daemon.log()
    equal(state(bench, interactive), "running")
    equal(bodies(bench, interactive, "run-frozen"), [], "a person waits for it")
    end(bench, background, interactive)


def test_a_run_that_a_person_resumes_stays_resumed_while_the_battery_is_low(bench: Bench) -> None:
    machine = Machine(bench, 'pause_below_battery = "20%"\n')
    machine.battery(5, "Discharging")
    run = sleeper(bench, "background")
    assert eventually(lambda: state(bench, run) == "frozen", PATIENCE), bench.daemon.log()
    equal(bench.cli("resume", run).returncode, 0)
    # Another one that begins afterwards is paused: then the governor has looked at both, and let the first be.
    other = sleeper(bench, "background")
    assert eventually(lambda: state(bench, other) == "frozen", PATIENCE), bench.daemon.log()
    equal(state(bench, run), "running")
    end(bench, run, other)


def test_a_hot_machine_pauses_background_runs_until_it_has_been_cool_for_a_while(bench: Bench) -> None:
    machine = Machine(bench, "pause_when_hot = true\n")
    machine.temperature(89_000)
    run = sleeper(bench, "background")
    machine.temperature(90_000)
    assert eventually(lambda: state(bench, run) == "frozen", PATIENCE), bench.daemon.log()
    assert eventually(lambda: bodies(bench, run, "run-frozen"), PATIENCE)
    equal(bodies(bench, run, "run-frozen")[0]["preemption"]["cause"], "heat")
    machine.temperature(70_000)
    assert eventually(lambda: state(bench, run) == "running", PATIENCE), bench.daemon.log()
    end(bench, run)


def test_in_quiet_hours_background_runs_are_paused_until_a_person_resumes_one(bench: Bench) -> None:
    def clock(seconds: int) -> str:
        return time.strftime("%H:%M", time.localtime(time.time() + seconds))

    Machine(bench, f'quiet_hours = "{clock(-3600)}-{clock(7200)}"\n')
    run, beside = sleeper(bench, "background"), sleeper(bench, "interactive")
    assert eventually(lambda: state(bench, run) == "frozen", PATIENCE), bench.daemon.log()
    assert eventually(lambda: bodies(bench, run, "run-frozen"), PATIENCE)
    frozen = bodies(bench, run, "run-frozen")[0]
    equal(frozen["preemption"]["cause"], "quiet")
    assert frozen["reason"].startswith("these are quiet hours ("), frozen
    equal(state(bench, beside), "running")
    equal(bench.cli("resume", run).returncode, 0)
    other = sleeper(bench, "background")
    assert eventually(lambda: state(bench, other) == "frozen", PATIENCE), bench.daemon.log()
    equal(state(bench, run), "running")
    end(bench, run, beside, other)


def test_background_runs_leave_a_processor_to_the_persons_programs_while_these_work(bench: Bench) -> None:
    there = len(os.sched_getaffinity(0))
    if there == 1:
        return
    config = bench.daemon.base / "ringfence.toml"
    config.write_text('reserve_processors = "1"\n')
    bench.daemon.kill_daemon()
    bench.daemon.kill_launcher()  # The next one puts runs where they can be kept off processors.
    bench.daemon.options = ["--config", str(config)]
    bench.daemon.start()
    unified = next(Path(path) for path in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup") if Path(path, "cgroup.procs").exists() and Path(path, "cgroup.controllers").exists())
    person = unified / f"rf-person-{os.getpid()}"
    person.mkdir()
    try:
        background, beside = sleeper(bench, "background"), sleeper(bench, "interactive")
        pids = {run: bench.show(run)["pid"] for run in (background, beside)}

        def may(run: str) -> int:
            return len(os.sched_getaffinity(pids[run]))

        # Of the programs of this group the kernel says when they work.
        assert eventually(lambda: may(background) == there, PATIENCE), "nobody works, and a processor is kept free"
        busy = subprocess.Popen(["sh", "-c", "while :; do :; done"], preexec_fn=lambda: (person / "cgroup.procs").write_text("0"))
        try:
            assert eventually(lambda: may(background) == there - 1, PATIENCE), bench.daemon.log()
            equal(may(beside), there, "a person waits for it")
            equal(len(os.sched_getaffinity(busy.pid)), there)
            later = sleeper(bench, "background")
            pids[later] = bench.show(later)["pid"]
            equal(may(later), there - 1, "one that starts now")
            # Nor does it take one back by asking the kernel, which an interactive run may.
            ask = f"python3 -c 'import os\ntry: os.sched_setaffinity(0, {{0}})\nexcept OSError: print(\"refused\")\nos.sched_setaffinity(0, range({there}))\nprint(len(os.sched_getaffinity(0)))'"
            for priority, said in (("background", f"refused\n{there - 1}\n"), ("interactive", f"{there}\n")):
                equal(bench.sh(ask, "-p", str(bench.daemon.base / f"{priority}.toml")).stdout, said, priority)
            log = [json.loads(line) for line in bench.cli("log", "--json").stdout.splitlines()]
            told = [one["body"] for one in log if one["kind"] == "processors-reserved"]
            equal((told[-1]["processors"], told[-1]["reason"]), (1, "the person's programs work"))
            # What a daemon that died kept is kept by the next one, or let go where it is not to be kept any more.
            bench.daemon.kill_daemon()
            bench.daemon.start()
            equal(may(background), there - 1)
            bench.daemon.kill_daemon()
            bench.daemon.options = []
            bench.daemon.start()
            equal(may(background), there)
            bench.daemon.kill_daemon()
            bench.daemon.options = ["--config", str(config)]
            bench.daemon.start()
            assert eventually(lambda: may(background) == there - 1, PATIENCE), bench.daemon.log()
        finally:
            busy.kill()
            busy.wait()
        assert eventually(lambda: may(background) == there, PATIENCE), "nobody works any more"
        checks = {check["name"]: check for check in json.loads(bench.daemon.cli("doctor", "--json").stdout)["checks"]}
        assert checks["reserve"]["ok"], checks["reserve"]
        end(bench, background, beside, later)
    finally:
        eventually(lambda: not (person / "cgroup.procs").read_text())
        person.rmdir()


def test_without_a_setting_neither_battery_nor_heat_pauses_anybody(bench: Bench) -> None:
    machine = Machine(bench, "")
    machine.battery(1, "Discharging")
    machine.temperature(99_000)
    run = sleeper(bench, "background")
    # The governor has acted on this machine when a run with a time limit is paused.
    limited = bench.daemon.base / "limited.toml"
    limited.write_text('schema = 1\nname = "limited"\nextends = ["offline"]\n[limits]\nwall_time = "3s"\n')
    other = bench.detached("exec sleep 1000", "-p", str(limited))
    assert eventually(lambda: state(bench, other) == "frozen", PATIENCE), bench.daemon.log()
    equal(state(bench, run), "running")
    assert not {"battery", "heat"} & set(machine.checks()), "what nobody asked for is not judged"
    end(bench, run, other)


def test_the_doctor_says_whether_the_machine_tells_what_a_setting_needs(bench: Bench) -> None:
    machine = Machine(bench, 'pause_below_battery = "20%"\npause_when_hot = true\n')
    checks = machine.checks()
    equal((checks["battery"]["ok"], checks["heat"]["ok"]), (False, False))
    assert "pauses nobody" in checks["battery"]["detail"] and "pauses nobody" in checks["heat"]["detail"], checks
    machine.battery(50, "Charging")
    machine.temperature(40_000)
    checks = machine.checks()
    equal((checks["battery"]["ok"], checks["heat"]["ok"]), (True, True))


def test_programs_in_a_group_beside_the_agents_are_the_foreground(bench: Bench) -> None:
    unified = next(Path(line.split()[4]) for line in Path("/proc/self/mountinfo").read_text().splitlines()
                   if line.split(" - ")[1].startswith("cgroup2 "))

    def groups() -> int:
        report = json.loads(bench.daemon.cli("doctor", "--json").stdout)
        detail = next(check["detail"] for check in report["checks"] if check["name"] == "foreground")
        return int(detail.split()[0]) if detail[0].isdigit() else 0

    person = unified / f"rf-test-{os.getpid()}-person"
    person.mkdir()
    try:
        run = sleeper(bench, "background")
        assert eventually(lambda: groups() >= 1, PATIENCE), bench.daemon.cli("doctor").stdout
        end(bench, run)
    finally:
        person.rmdir()


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
