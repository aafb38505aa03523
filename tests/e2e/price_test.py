#!/usr/bin/env python3
"""`ringfence price`: what an interruption would cost, of runs that are seen.

    price_test.py BUILD [TEST…]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import eventually  # noqa: E402


def test_a_price_is_told_of_a_run_and_none_of_one_that_ended(bench: Bench) -> None:
    run = bench.detached("while [ ! -e go ]; do sleep 0.05; done", "-n", "priced")
    # It is priced as soon as it was read once.
    assert eventually(lambda: bench.cli("price", "priced").returncode == 0), bench.cli("price", "priced").stderr
    result = bench.cli("price", run, "--for", "30s", "--json")
    price = json.loads(result.stdout)
    equal((price["run"], price["name"], price["hold_seconds"]), (run, "priced", 30.0))
    equal(price["safe_point"], None)  # Nobody told one,
    assert price["kill"]["seconds"] > 0 and price["kill"]["work_cpu_seconds"] is not None, price  # and its work counts from the start.
    equal(price["kill"]["tokens"], None)
    assert 0 < price["freeze"]["seconds"] <= price["freeze_and_reclaim"]["seconds"], price
    assert all(price[kind]["why"] for kind in ("freeze", "freeze_and_reclaim", "kill")), price
    text = bench.cli("price", run).stdout
    assert "no safe point is known" in text and "unknown" in text, text
    equal(bench.show(run)["state"], "running")  # Nothing was done.
    equal(bench.cli("price", run, "--for", "soon").returncode, 2)
    (bench.workspace / "go").touch()
    bench.ended(run)
    late = bench.cli("price", run)
    equal(late.returncode, 1)
    assert "has ended" in late.stderr, late.stderr


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
