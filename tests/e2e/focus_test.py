#!/usr/bin/env python3
"""The program that a person is with, through the command line and a running daemon. What the kernel does with it:
test_focus_root, also in a guest where memory can be kept.

    focus_test.py BUILD [TEST…]
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import eventually  # noqa: E402


class Program:
    """A program of the person's, until the end of the block."""

    def __enter__(self) -> subprocess.Popen[bytes]:
        self.process = subprocess.Popen(["sleep", "1000"])
        return self.process

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()


def end(bench: Bench, run: str) -> None:
    """An agent that has processors only when nobody else wants them takes a while to end."""
    bench.cli("kill", run)
    bench.ended(run)


def focus(bench: Bench, *words: str) -> dict[str, Any]:
    result = bench.cli("focus", *words, "--json")
    assert result.returncode in (0, 1), result.stderr
    return json.loads(result.stdout)


def test_the_focus_is_on_the_named_program_until_it_is_cleared_and_the_answer_tells_what_that_brings(bench: Bench) -> None:
    with Program() as program:
        told = focus(bench, str(program.pid))
        equal(told["pid"], program.pid)
        parts = {part["what"] for part in told["protected"] + told["unprotected"]}
        equal(parts, {"memory", "disk", "video memory"})
        assert all(part["why"] for part in told["unprotected"]), told
        result = bench.cli("focus", str(program.pid))
        equal(result.returncode, 0 if told["protected"] else 1)
        if not told["protected"]:
            assert result.stdout.startswith("nothing can be protected"), result.stdout
        equal(focus(bench), told)
        equal(focus(bench, "--clear")["pid"], None)
        equal(focus(bench)["pid"], None)


def test_the_focus_ends_with_its_program(bench: Bench) -> None:
    run = bench.detached("sleep 1000", "-p", "offline")  # without a run there is nobody to protect it from, and nobody looks
    with Program() as program:
        focus(bench, str(program.pid))
    assert eventually(lambda: focus(bench)["pid"] is None, 60)
    end(bench, run)


def test_an_agent_never_has_the_focus(bench: Bench) -> None:
    run = bench.detached("sleep 1000", "-p", "offline")
    refused = bench.cli("focus", str(bench.show(run)["pid"]))
    equal(refused.returncode, 4)
    assert "is in a run" in refused.stderr, refused.stderr
    equal(focus(bench)["pid"], None)
    end(bench, run)


def test_what_is_no_process_is_refused(bench: Bench) -> None:
    equal(bench.cli("focus", "x").returncode, 2)
    equal(bench.cli("focus", "0").returncode, 2)
    equal(bench.cli("focus", "1", "--clear").returncode, 2)
    equal(bench.cli("focus", "2147483647").returncode, 1)


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
