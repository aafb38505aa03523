#!/usr/bin/env python3
"""What the governor does to runs, read from the kernel.

    governor_test.py BUILD [TEST…]
"""

from __future__ import annotations

import fcntl
import json
import multiprocessing
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import eventually  # noqa: E402

# Grows to 90 of its 96 MiB, in steps, and stays.
GROWS = ("python3 -c 'import time\nkept = []\nwhile len(kept) < 90:\n  kept.append(bytearray(b\"1\" * (1 << 20)))\n"
         "  time.sleep(0.05)\ntime.sleep(1000)'")


def policy(bench: Bench, limits: str) -> str:
    file = bench.daemon.base / "limited.toml"
    file.write_text(f'schema = 1\nname = "limited"\nextends = ["offline"]\n[limits]\n{limits}\n[priority]\nclass = "interactive"\n')
    return str(file)


def freezer(bench: Bench, run: str, group: str) -> str:
    """cgroup.freeze of a group of the run."""
    found = next(iter(Path("/sys/fs/cgroup").glob(f"**/{bench.daemon.cgroup_root}-interactive/{run}/{group}/cgroup.freeze")), None)
    return found.read_text().strip() if found else "gone"


def why_frozen(bench: Bench, run: str) -> dict[str, object]:
    facts = [json.loads(line) for line in bench.cli("log", run, "--json").stdout.splitlines()]
    return next((fact["body"] for fact in facts if fact["kind"] == "run-frozen"), {})


def test_at_the_end_of_its_time_a_run_is_paused_and_a_person_lets_it_go_on(bench: Bench) -> None:
    run = bench.detached("sleep 1000", "-p", policy(bench, 'wall_time = "1s"'))
    assert eventually(lambda: freezer(bench, run, "agent") == "1", 60), bench.daemon.log()
    equal(freezer(bench, run, "."), "0")  # Not the whole run: who acts for the agent goes on.
    assert eventually(lambda: bench.show(run)["state"] == "frozen", 60)
    assert eventually(lambda: why_frozen(bench, run), 60)
    why = why_frozen(bench, run)
    equal(why["preemption"]["cause"], "limit")  # type: ignore[index]
    assert "as long as it may" in str(why["reason"]), why
    held = bench.show(run)["held"]
    equal((held["by"], held["cause"], held["reason"]), ("governor", "limit", why["reason"]))
    listed = next(one for one in bench.daemon.json_runs() if one["id"] == run)
    equal(listed["held"], held)
    assert re.search(r"frozen by the governor for [0-9ms]+: limit", bench.cli("ps").stdout), bench.cli("ps").stdout
    assert str(why["reason"]) in bench.cli("show", run).stdout, bench.cli("show", run).stdout
    equal(bench.cli("resume", run).returncode, 0)
    equal(bench.show(run)["held"], None)
    assert eventually(lambda: freezer(bench, run, "agent") == "0", 60)
    equal(bench.show(run)["state"], "running")
    bench.cli("kill", run)
    bench.ended(run)


def told(bench: Bench, run: str) -> dict[str, object]:
    """The line of its denials that the run wrote into its own output."""
    return json.loads(bench.cli("logs", run).stdout.splitlines()[0])  # type: ignore[no-any-return]


def test_an_agent_that_was_paused_reads_at_which_limit_when_it_goes_on(bench: Bench) -> None:
    file = policy(bench, 'wall_time = "1s"')
    run = bench.detached('until [ -s "$RINGFENCE_DENIALS" ]; do sleep 0.1; done; cat "$RINGFENCE_DENIALS"', "-p", file)
    assert eventually(lambda: bench.show(run)["state"] == "frozen", 100), bench.daemon.log()
    equal(bench.cli("resume", run).returncode, 0)
    equal(bench.ended(run)["code"], 0)
    line = told(bench, run)
    equal((line["op"], line["target"], line["outcome"], line["rule"], line["next"]),
          ("limit", "wall_time", "stopped", "limits.wall_time", ["finish"]))
    equal(line["file_line"], f"{file}:5")
    assert "The time for this run is over" in str(line["say"]), line


def test_an_agent_that_was_paused_before_its_memory_was_used_up_reads_how_much_it_used(bench: Bench) -> None:
    script = GROWS.replace("time.sleep(1000)", "")[:-1] + """
import os
while os.stat(os.environ["RINGFENCE_DENIALS"]).st_size == 0: time.sleep(0.1)
print(open(os.environ["RINGFENCE_DENIALS"]).read())'"""
    run = bench.detached(script, "-p", policy(bench, 'memory = "96MiB"\non_limit = "pause"'))
    assert eventually(lambda: bench.show(run)["state"] == "frozen", 100), bench.show(run)
    equal(bench.cli("resume", run).returncode, 0)
    equal(bench.ended(run)["code"], 0)
    line = told(bench, run)
    equal((line["target"], line["outcome"], line["next"]), ("memory", "stopped", ["use less"]))
    assert re.fullmatch(r"peak [0-9.]+ MiB of 96\.0 MiB; run fewer tests at once", str(line["say"])), line


def test_a_run_that_the_kernel_ends_for_its_memory_is_told_in_words_to_act_on(bench: Bench) -> None:
    file = policy(bench, 'memory = "48MiB"')
    words = r"out of memory: peak 4[78]\.\d MiB of 48\.0 MiB; run fewer tests at once"
    ended = bench.cli("run", "-p", file, "--", "python3", "-c", "kept = bytearray(b'1' * (200 << 20))")
    equal(ended.returncode, 137)
    assert re.search(words, ended.stderr), ended.stderr
    run = bench.last_ended()
    shown = bench.show(run)["exit"]
    assert shown["out_of_memory"] and re.match(words, shown["note"]), shown
    assert re.search(words, bench.cli("show", run).stdout), bench.cli("show", run).stdout
    facts = [json.loads(line) for line in bench.cli("log", run, "--json").stdout.splitlines()]
    note = next(fact["body"]["note"] for fact in facts if fact["kind"] == "run-ended")
    assert re.match(words, note), note
    # Enough memory: no such words.
    equal(bench.cli("run", "-p", file, "--", "true").stderr, "")


LEAKS = "python3 -c 'import time\nkept = []\nwhile True:\n  kept.append(bytearray(b\"1\" * (1 << 20)))\n  time.sleep(0.25)'"


def test_a_leak_pauses_the_run_where_its_policy_says_so_and_is_recorded_where_it_does_not(bench: Bench) -> None:
    recorded = bench.detached(LEAKS, "-p", policy(bench, 'memory = "1GiB"'))
    paused = bench.detached(LEAKS, "-p", policy(bench, 'memory = "1GiB"\non_alarm = "pause"'))
    assert eventually(lambda: freezer(bench, paused, "agent") == "1", 150), bench.show(paused)
    assert eventually(lambda: bench.show(paused)["state"] == "frozen", 60)
    shown = bench.show(paused)
    equal((shown["held"]["by"], shown["held"]["cause"]), ("governor", "alarm"))
    assert shown["held"]["reason"].startswith("alarm (leak): its memory has grown by "), shown["held"]
    equal([alarm["kind"] for alarm in shown["alarms"]], ["leak"])
    assert "alarm: leak" in bench.cli("ps").stdout
    assert eventually(lambda: bench.show(recorded)["alarms"], 60), bench.show(recorded)
    equal((bench.show(recorded)["state"], freezer(bench, recorded, "agent")), ("running", "0"))
    equal(bench.cli("resume", paused).returncode, 0)
    assert eventually(lambda: freezer(bench, paused, "agent") == "0", 60)
    for run in (recorded, paused):
        bench.cli("kill", run)
        bench.ended(run)


def test_at_the_end_of_its_time_a_run_is_killed_where_its_policy_says_so(bench: Bench) -> None:
    run = bench.detached("sleep 1000", "-p", policy(bench, 'wall_time = "1s"\non_limit = "kill"'))
    equal(bench.ended(run)["signal"], 9)
    equal(freezer(bench, run, "agent"), "gone")
    assert "run-frozen" not in bench.kinds(run)


def test_a_run_is_paused_before_its_memory_is_at_the_limit(bench: Bench) -> None:
    run = bench.detached(GROWS, "-p", policy(bench, 'memory = "96MiB"\non_limit = "pause"'))
    assert eventually(lambda: freezer(bench, run, "agent") == "1", 100), bench.show(run)
    assert eventually(lambda: "MiB that it may use" in str(why_frozen(bench, run).get("reason")), 60), why_frozen(bench, run)
    used = bench.show(run)["usage"]
    assert used["memory_peak_bytes"] <= 96 << 20, used
    bench.cli("kill", run)
    bench.ended(run)


def test_a_run_that_fills_shared_memory_is_paused_before_it_is_at_the_limit_as_well(bench: Bench) -> None:
    script = ("python3 -c 'import mmap, time\nkept = []\nwhile True:\n  kept.append(mmap.mmap(-1, 1 << 20))\n"
              "  kept[-1].write(b\"1\" * (1 << 20))\n  time.sleep(0.03)'")
    run = bench.detached(script, "-p", policy(bench, 'memory = "96MiB"\non_limit = "pause"'))
    assert eventually(lambda: freezer(bench, run, "agent") == "1", 100), bench.show(run)
    assert eventually(lambda: "MiB that it may use" in str(why_frozen(bench, run).get("reason")), 60), why_frozen(bench, run)
    bench.cli("kill", run)
    bench.ended(run)


def test_what_the_governor_holds_survives_a_kill_of_the_daemon_as_held_by_it(bench: Bench) -> None:
    run = bench.detached("sleep 1000", "-p", policy(bench, 'wall_time = "1s"'))
    assert eventually(lambda: "run-frozen" in bench.kinds(run), 60)
    bench.daemon.kill_daemon()
    bench.daemon.start()
    assert eventually(lambda: bench.show(run)["state"] == "frozen", 60)
    equal((freezer(bench, run, "agent"), freezer(bench, run, ".")), ("1", "0"))
    equal(bench.cli("freeze", run).returncode, 0)  # A person may hold on to what the governor holds.
    equal((freezer(bench, run, "agent"), freezer(bench, run, ".")), ("1", "0"))
    equal(bench.cli("resume", run).returncode, 0)
    assert eventually(lambda: (freezer(bench, run, "agent"), freezer(bench, run, ".")) == ("0", "0"), 60)
    bench.cli("kill", run)
    bench.ended(run)


def test_the_terminal_of_a_run_says_that_it_is_paused_and_how_it_goes_on(bench: Bench) -> None:
    with bench.terminal("run", "-p", policy(bench, 'wall_time = "1s"'), "--", "sleep", "1000", columns=200) as terminal:
        terminal.expect(r"ringfence: r-[0-9a-f]+ is paused: it has run for .*; 'ringfence resume r-[0-9a-f]+' lets it go on")
        run = bench.last_run()["id"]
        bench.cli("kill", run)
        equal(terminal.wait(), 137)


def take_lock(path: str) -> None:
    with open(path) as file:
        fcntl.flock(file, fcntl.LOCK_EX)


def test_a_run_with_a_file_lock_that_a_person_s_program_waits_for_goes_on(bench: Bench) -> None:
    locks = "import fcntl, time\nheld = [open(name, 'w') for name in ({})]\n[fcntl.flock(one, fcntl.LOCK_EX) for one in held]\ntime.sleep(1000)"
    limited = policy(bench, 'wall_time = "1s"')
    holder, other = (bench.detached(f"python3 -c \"{locks.format(repr(name) + ',')}\"", "-p", limited) for name in ("wanted", "unwanted"))
    for run in (holder, other):
        assert eventually(lambda: freezer(bench, run, "agent") == "1", 60), bench.daemon.log()
    waiter = multiprocessing.Process(target=take_lock, args=(str(bench.workspace / "wanted"),))
    waiter.start()
    try:
        assert eventually(lambda: freezer(bench, holder, "agent") == "0", 60), Path("/proc/locks").read_text()
        assert eventually(lambda: "run-resumed" in bench.kinds(holder), 60)
        facts = [json.loads(line) for line in bench.cli("log", holder, "--json").stdout.splitlines()]
        assert any("waits for a file lock" in str(fact["body"].get("reason")) for fact in facts if fact["kind"] == "run-resumed"), facts
        equal(freezer(bench, other, "agent"), "1")
        assert waiter.is_alive(), "nothing kept the lock from it"
    finally:
        bench.cli("kill", holder)  # which lets the waiter have it
        waiter.join(60)
    equal(waiter.exitcode, 0)
    bench.cli("kill", other)
    bench.ended(holder)
    bench.ended(other)


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
