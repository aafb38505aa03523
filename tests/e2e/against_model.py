#!/usr/bin/env python3
"""Random operations against the real daemon and a short model of it, compared after each: runs, questions, grants, what
agents were told and what they did, as three users see it; with kills of daemon, launcher, wardens and egresses between and
in the middle of operations, and clients that vanish.

    against_model.py --build DIR [--operations N | --kills N] [--seed S] [--lines N] [--shrink SECONDS]

With --kills every third operation has one, until there were so many. At a difference the last operations are printed, and then, as far as the seconds reach, fewer that still lead to one.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.e2e.model.operations import WEIGHTS, Mismatch, Operations  # noqa: E402
from tests.e2e.model.trial import Trial  # noqa: E402
from tests.e2e.model.wire import Gone  # noqa: E402
from tests.e2e.model.world import World, daemon_of  # noqa: E402

SOME, MANY = 0.012, 0.35  # operations with a kill, of all
Step = tuple[str, int, bool]  # an operation, the seed of its choices, whether something is killed with it


def steps(seed: int, count: int, faults: float) -> list[Step]:
    chance = random.Random(seed)
    kinds, weights = list(WEIGHTS), list(WEIGHTS.values())
    return [(chance.choices(kinds, weights)[0], chance.randrange(1 << 48), chance.random() < faults) for _ in range(count)]


def perform(build: str, wanted: list[Step], count: int, kills: int = 0, lines: int = 30) -> tuple[str, int, Trial]:
    """(what is wrong, how many steps were taken, the trial). `lines`: of steps and of the log, to be shown then."""
    wrong, taken, done = "", 0, 0
    with daemon_of(build) as daemon:
        trial = Trial(World(daemon))
        try:
            for taken, step in enumerate(wanted, 1):
                if done == count or 0 < kills <= len(trial.world.pauses):
                    break
                done += trial.step(*step)
            assert not trial.world.changed(), f"{trial.world.changed()} changed after it was over"
        except (Mismatch, Gone, AssertionError, RuntimeError, OSError) as mismatch:
            wrong = f"{type(mismatch).__name__}: {mismatch}"
            if lines:
                print("\n".join(f"  {line}" for line in trial.trace[-lines:]))
                print(f"after {done} operations: {wrong}\n--- the daemon said:\n{daemon.log()[-3000:]}--- the log:", flush=True)
                log = [line[:300] for line in daemon.cli("log", "--json").stdout.splitlines()]
                lost = [line for line in log[:-lines] if '"kind":"guard-lost"' in line]
                print("\n".join(["(guards that were lost before it)", *lost[-lines:], "(the last)", *log[-lines:]]), flush=True)
        else:
            if daemon.cli("verify").returncode != 0:
                wrong = "the chain does not verify"
    if left := daemon.leftovers():
        wrong = wrong or f"left behind: {left}"
    trial.counts["operations"] = done
    return wrong, taken, trial


def shrink(build: str, failing: list[Step], seconds: float) -> None:
    """Leaves out parts for as long as something still goes wrong."""
    deadline, part = time.monotonic() + seconds, max(1, len(failing) // 2)
    while part and time.monotonic() < deadline:
        start = 0
        while start < len(failing) and time.monotonic() < deadline:
            fewer = failing[:start] + failing[start + part:]
            wrong, taken, trial = perform(build, fewer, len(fewer), lines=0)
            if wrong:
                failing = fewer[:taken]
                print(f"\n{len(failing)} steps are enough: {wrong}\n" + "\n".join(f"  {line}" for line in trial.trace[-30:]), flush=True)
            else:
                start += part
        part //= 2


def back_after(pauses: list[tuple[str, float]]) -> str:
    seconds = sorted(took for _, took in pauses) or [0.0]
    return f"back after {seconds[len(seconds) // 2]:.2f} s (median), {seconds[len(seconds) * 99 // 100]:.2f} s (p99), {seconds[-1]:.2f} s (worst)"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True)
    parser.add_argument("--operations", type=int, default=int(os.environ.get("RINGFENCE_DAEMON_OPS", "1000")))
    parser.add_argument("--kills", type=int, nargs="?", const=int(os.environ.get("RINGFENCE_ANY_KILLS", "20")), default=0)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--lines", type=int, default=30, help="of steps and of the log, shown at a difference")
    parser.add_argument("--shrink", type=float, default=0.0, metavar="SECONDS")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    began = time.monotonic()
    wanted = steps(options.seed, (options.kills * 10 or options.operations) * 3, MANY if options.kills else SOME)
    wrong, taken, trial = perform(options.build, wanted, options.kills * 10 or options.operations, options.kills, options.lines)
    took = time.monotonic() - began
    if wrong:
        print(f"against the model: {wrong}")
        shrink(options.build, wanted[:taken], options.shrink)
    done, pauses = trial.counts["operations"], trial.world.pauses
    short = len(pauses) < options.kills if options.kills else done < options.operations
    print(", ".join(f"{count} {what}" for what, count in sorted(trial.counts.items())))
    print(f"against the model: {done} operations in {took:.0f} s, {len(pauses)} kills; {'a difference' if wrong else 'too few' if short else 'no difference'}; "
          f"{back_after(pauses)}")
    return 1 if wrong or short else 0


if __name__ == "__main__":
    sys.exit(main())
