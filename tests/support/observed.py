"""What a test sees of runs from outside: their facts, their questions, and what the kernel says of their processes.

    asked = question(bench)
    assert bodies(bench, run, "run-frozen") and frozen_by_kernel(bench, run)
"""

from __future__ import annotations

import glob
import json
import os
from pathlib import Path
from typing import Any, Callable

from tests.support.cli_bench import Bench
from tests.support.daemon import eventually


def facts(bench: Bench, *kinds: str) -> list[dict[str, Any]]:
    """All facts of the log in its order, or those of these kinds."""
    lines = [json.loads(line) for line in bench.cli("log", "--json").stdout.splitlines()]
    return [line for line in lines if not kinds or line["kind"] in kinds]


def bodies(bench: Bench, run: str, kind: str) -> list[dict[str, Any]]:
    """What the facts of one kind say of a run, in the log's order."""
    lines = [json.loads(line) for line in bench.cli("log", run, "--json").stdout.splitlines()]
    return [line["body"] for line in lines if line["kind"] == kind]


def pending(bench: Bench) -> list[dict[str, Any]]:
    result = bench.cli("pending", "--json")
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def question(bench: Bench, wanted: Callable[[dict[str, Any]], bool] = lambda one: True) -> dict[str, Any]:
    """The first question that waits, once there is one."""
    found: list[dict[str, Any]] = eventually(lambda: [one for one in pending(bench) if wanted(one)], 60)
    assert found, f"nobody asks; the log: {[fact['kind'] for fact in facts(bench)]}"
    return found[0]


def frozen_by_kernel(bench: Bench, run: str) -> bool:
    """What the kernel says of the agent's processes: none of them runs."""
    groups = glob.glob(f"/sys/fs/cgroup/**/{bench.daemon.cgroup_root}-*/{run}", recursive=True)
    groups = [group for group in groups if os.path.exists(f"{group}/cgroup.events")]
    assert groups, "the run has no groups"
    agent = f"{groups[0]}/agent" if os.path.exists(f"{groups[0]}/agent/cgroup.events") else groups[0]
    return "frozen 1" in Path(agent, "cgroup.events").read_text()
