#!/usr/bin/env python3
"""Limits of the policy, seen from the agent: what is held, and what is told of it.

    limits_test.py BUILD [TEST…]
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import eventually  # noqa: E402
from tests.support.observed import bodies  # noqa: E402

# Prints how many seconds it took to write so many mebibytes, past the page cache, or synced, or only into it.
WRITES = """
import mmap, os, sys, time
how, count = sys.argv[1], int(sys.argv[2])
page = mmap.mmap(-1, 1 << 20)
page.write(os.urandom(1 << 20))
# A page that is in memory and changed already is not written once more.
fd = os.open("written", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | (os.O_DIRECT if how == "direct" else 0))
began = time.monotonic()
for done in range(count):
    os.write(fd, page)
    if how == "synced": os.fsync(fd)
    # A pause comes after too much was written: what is not at once can be late.
    if how == "buffered" and done % 4 == 0: time.sleep(0.1)
print(time.monotonic() - began)
"""


def policy(bench: Bench, limits: str, name: str = "limited") -> str:
    file = bench.daemon.base / f"{name}.toml"
    file.write_text(f'schema = 1\nname = "{name}"\nextends = ["offline"]\n[limits]\n{limits}\n[priority]\nclass = "interactive"\n')
    return str(file)


def writing(bench: Bench, how: str, count: int, *flags: str) -> tuple[str, float]:
    """The run that wrote, and how long it took."""
    result = bench.cli("run", *flags, "--", "python3", "-c", WRITES, how, str(count), timeout=200)
    equal(result.returncode, 0, result.stderr)
    return bench.last_ended(), float(result.stdout)


def test_what_goes_past_the_page_cache_is_held_to_the_limit_of_writing_by_the_kernel(bench: Bench) -> None:
    limited, free = policy(bench, 'io_write = "2MiB/s"'), policy(bench, "", "free")
    for how in ("direct", "synced"):
        unlimited = min(writing(bench, how, 8, "-p", free)[1] for _ in range(3))
        run, seconds = writing(bench, how, 8, "-p", limited)
        # The kernel lets a first slice through.
        assert seconds >= 3 and seconds > unlimited, (how, seconds, unlimited)
        equal(bodies(bench, run, "run-frozen"), [], "held by the kernel alone")


def test_what_goes_through_the_page_cache_is_held_to_the_limit_of_writing_by_pauses(bench: Bench) -> None:
    limited, free = policy(bench, 'io_write = "4MiB/s"'), policy(bench, "", "free")
    run, _ = writing(bench, "buffered", 120, "-p", free)
    equal(bodies(bench, run, "run-frozen"), [])
    run, seconds = writing(bench, "buffered", 120, "-p", limited)
    # Ten seconds of its limit are free, and what it writes before it is seen to: the rest takes (120 - 40 - …) / 4.
    assert seconds >= 8, seconds
    frozen = bodies(bench, run, "run-frozen")
    assert frozen and str(frozen[0]["reason"]).startswith("it writes to files faster than it may"), frozen
    assert "4.0 MiB/s on average" in str(frozen[0]["reason"]), frozen


def test_an_agent_that_writes_too_much_reads_so(bench: Bench) -> None:
    file = policy(bench, 'io_write = "2MiB/s"')
    script = "head -c 40000000 /dev/zero > big; until [ -s $RINGFENCE_DENIALS ]; do sleep 0.1; done; cat $RINGFENCE_DENIALS"
    result = bench.sh(script, "-p", file, timeout=200)
    equal(result.returncode, 0, result.stderr)
    line = json.loads(result.stdout.splitlines()[0])
    equal((line["target"], line["outcome"], line["file_line"], line["next"]), ("io_write", "stopped", f"{file}:5", ["use less"]))
    assert "2.0 MiB/s" in line["say"], line


def test_the_plan_says_plainly_what_holds_the_limit_of_writing_here(bench: Bench) -> None:
    plan = bench.cli("run", "--dry-run", "-p", policy(bench, 'io_write = "2MiB/s"'), "--", "true")
    equal(plan.returncode, 0, plan.stderr)
    line = next(line for line in plan.stdout.splitlines() if "limits.io_write" in line)
    first = Path("/sys/fs/cgroup/blkio").is_dir()
    assert ("past the page cache or synced" in line) == first, line
    assert "pauses the run" in line, line


def told(bench: Bench, run: str, limit: str) -> dict[str, object] | None:
    return next((one for one in bench.show(run)["limits_reached"] if one["limit"] == limit), None)


def test_a_run_that_may_have_no_more_processes_is_told_so(bench: Bench) -> None:
    script = ("import os, time\nwhile True:\n  try:\n    if os.fork() == 0: time.sleep(1000)\n"
              "  except BlockingIOError: break\n"
              "while os.stat(os.environ['RINGFENCE_DENIALS']).st_size == 0: time.sleep(0.1)\n"
              "print(open(os.environ['RINGFENCE_DENIALS']).read(), flush=True)\ntime.sleep(1000)\n")
    run = bench.detached(f'exec python3 -c "{script}"', "-p", policy(bench, 'pids = 20\nwall_time = "1h"'))
    assert eventually(lambda: told(bench, run, "pids"), 60), bench.show(run)
    reason = str(told(bench, run, "pids")["reason"])
    assert re.fullmatch(r"\d+ (process or thread was|processes or threads were) refused: it may have 20", reason), reason
    assert reason in bench.cli("show", run).stdout
    assert eventually(lambda: bodies(bench, run, "limit-reached"), 60)
    assert eventually(lambda: bench.cli("logs", run).stdout, 60)
    line = json.loads(bench.cli("logs", run).stdout.splitlines()[0])
    equal((line["target"], line["say"]), ("pids", "you may have 20 processes and threads; run fewer at once"))
    bench.cli("kill", run)
    bench.ended(run)


def test_a_run_that_gets_no_more_processor_time_is_told_so(bench: Bench) -> None:
    # So little that it is at its limit on a busy machine too.
    run = bench.detached("while :; do :; done", "-p", policy(bench, 'cpu = "1%"'))
    assert eventually(lambda: told(bench, run, "cpu"), 100), bench.show(run)
    assert re.fullmatch(r"it wanted more than 1 % of one processor in \d+ % of the time", str(told(bench, run, "cpu")["reason"]))
    bench.cli("kill", run)
    bench.ended(run)


def test_a_run_of_which_the_kernel_ended_a_process_for_memory_is_told_so_while_it_lives(bench: Bench) -> None:
    eats = "python3 -c 'kept = bytearray(b\"1\" * (200 << 20))'; sleep 1000"
    run = bench.detached(eats, "-p", policy(bench, 'memory = "48MiB"'))
    assert eventually(lambda: told(bench, run, "memory"), 60), bench.show(run)
    reason = str(told(bench, run, "memory")["reason"])
    assert re.fullmatch(r"the kernel ended 1 process of it for memory: peak 4\d\.\d MiB of 48\.0 MiB; run fewer tests at once", reason), reason
    bench.cli("kill", run)
    bench.ended(run)


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
