#!/usr/bin/env python3
"""For each wall, a launcher that leaves it out: the launch fails by the wall's name; where the policy only asks for best
effort the run starts, and everything that shows it says that it is weakened.

    knockout_test.py BUILD [WALL…]
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.e2e.child_faults import test_programs  # noqa: E402
from tests.support.cli_bench import Bench, equal  # noqa: E402
from tests.support.daemon import Daemon, eventually  # noqa: E402

WALLS = ["mount", "pid", "net", "ipc", "uts", "cgroup", "seccomp", "landlock", "privileges", "limits"]
# Interactive: the other branch is idle, and a busy machine starves it.
POLICY = 'schema = 1\nname = "trial"\nextends = ["offline"]\n[priority]\nclass = "interactive"\n'


def required(bench: Bench, wall: str) -> None:
    policy = bench.workspace / "required.toml"
    policy.write_text(POLICY)
    canary = bench.workspace / "ran"
    result = bench.cli("run", "-p", str(policy), "--", "/bin/touch", str(canary))
    equal(result.returncode, 125, result.stderr)
    equal(result.stderr.splitlines()[-1], f"ringfence: not started: {wall}")
    assert not canary.exists(), "the command ran"
    refused = bench.last_run()
    assert refused["state"] == "ended", refused
    assert eventually(lambda: "run-refused" in bench.kinds(refused["id"])), bench.kinds(refused["id"])
    kinds = [line for line in bench.daemon.json("log") if line.get("run") == refused["id"]]
    equal([line["body"]["token"] for line in kinds if line["kind"] == "run-refused"], [wall], kinds)
    assert not any(line["kind"] == "run-started" for line in kinds), kinds


# Landlock's probe stands on the run's own root, so this one cannot be done without, whatever the policy says.
CARRIES = {"mount": "landlock"}


def best_effort(bench: Bench, wall: str) -> None:
    policy = bench.workspace / "tolerant.toml"
    policy.write_text(POLICY + f'[walls]\n{wall} = "best-effort"\n')
    result = bench.cli("run", "-d", "-p", str(policy), "--", "/bin/sleep", "1000")
    if wall in CARRIES:
        equal((result.returncode, result.stderr.splitlines()[-1]), (125, f"ringfence: not started: {CARRIES[wall]}"))
        return
    equal(result.returncode, 0, result.stderr)
    run = result.stdout.strip()
    shown = bench.show(run)
    equal([one["wall"] for one in shown["weakened"]], [wall], shown["weakened"])
    equal([one["wall"] for one in shown["walls"] if not one["up"]], [wall], shown["walls"])
    page = bench.cli("show", run).stdout
    assert "weakened" in page and "DOWN" in page, page
    assert "weakened" in bench.cli("ps").stdout, bench.cli("ps").stdout
    admitted = [line["body"] for line in bench.daemon.json("log") if line.get("run") == run and line["kind"] == "run-admitted"]
    equal([one["wall"] for one in admitted[0]["weakened"]], [wall], admitted)
    bench.cli("kill", run)
    bench.ended(run)


def trial(build: str, wall: str) -> None:
    os.environ["RINGFENCE_KNOCKOUT"] = wall  # The launcher inherits it from the daemon.
    daemon = Daemon(build)
    log = ""
    try:
        with daemon:
            try:
                bench = Bench(daemon)
                required(bench, wall)
                best_effort(bench, wall)
            finally:
                log = daemon.log()
        left = daemon.leftovers()
        assert not left, f"left behind: {left}"
    except AssertionError as wrong:
        raise AssertionError(f"{wrong}\n--- the daemon said:\n{log}---") from wrong


def main() -> int:
    failed = 0
    wanted = sys.argv[2:] or WALLS
    with tempfile.TemporaryDirectory(prefix="ringfence-knockout-") as folder:
        build = str(test_programs(sys.argv[1], Path(folder, "build")))
        for wall in wanted:
            try:
                trial(build, wall)
                print(f"ok    without {wall}", flush=True)
            except (AssertionError, RuntimeError, OSError, LookupError, TypeError, ValueError) as wrong:
                failed += 1
                print(f"FAIL  without {wall}\n      {type(wrong).__name__}: {wrong}", flush=True)
    print(f"{len(wanted) - failed} of {len(wanted)} walls are missed by name")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
