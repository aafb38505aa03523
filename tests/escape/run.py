#!/usr/bin/python3
"""The escape suite: every attempt of the catalogue, without the fence and inside, judged by what happened outside.

    sudo tests/escape/run.py --build build/release [--only ID]… [--side control|both] [--verbose]
    tests/escape/run.py --lists

Needs root, except to look whether its lists are whole and name tests that exist. Exits 0 only when every id of catalogue.txt was tried and held, or is left out with a reason, and every
control worked. The last line is the count.
"""

from __future__ import annotations

import argparse
import errno
import fnmatch
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Optional

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

import cases_api  # noqa: E402,F401
import cases_daemon  # noqa: E402,F401
import cases_files  # noqa: E402,F401
import cases_handoff  # noqa: E402,F401
import cases_ipc  # noqa: E402,F401
import cases_later  # noqa: E402,F401
import cases_launch  # noqa: E402,F401
import cases_network  # noqa: E402,F401
import cases_notify  # noqa: E402,F401
import cases_process  # noqa: E402,F401
import cases_resources  # noqa: E402,F401
import cases_stop  # noqa: E402,F401
import cases_syscalls  # noqa: E402,F401
import cases_workspace  # noqa: E402,F401
import catalogue  # noqa: E402
from internet import make_network  # noqa: E402
from model import SCRIPTS, STEPS, Outcome, Result, Step, Verdict  # noqa: E402
from sides import Control, Fenced, write_policies  # noqa: E402
import skips  # noqa: E402  (its folder is known since sides)
from world import OTHER_UID, UID, World, end_all, reserve_accounts  # noqa: E402


def allowed_skip(name: str) -> Optional[str]:
    """The reason why this step may fail on the running kernel, from the list that all suites share."""
    for kernel, pattern, reason in skips.entries(skips.LIST.read_text()):
        if fnmatch.fnmatchcase(os.uname().release, kernel) and fnmatch.fnmatchcase(f"escape {name}", pattern):
            return reason
    return None


def judge(world: World, side: Any, identifier: str, made: list[Step], outcomes: dict[str, Outcome]) -> list[Result]:
    results = []
    for step in made:
        outcome = outcomes.get(f"{identifier}.{step.name}")
        if not side.fenced and step.control == "none":
            results.append(Result(step.name, None, step.why, "none", step.why))
        elif outcome is None or (outcome.effect == "unknown" and "deadline" in outcome.detail):
            results.append(Result(step.name, None, "no outcome", step.control))
        else:
            note = (
                f"errno {outcome.errno} {os.strerror(outcome.errno) if outcome.errno else ''}; {outcome.detail[:160]}"
            )
            results.append(Result(step.name, step.proof(world, outcome), note, step.control))
    return results


def leaked(world: World, text: str) -> list[str]:
    """Secrets that nobody granted and that came out anyway, whatever attempt brought them."""
    granted = str(world.granted)
    return [name for name, token in world.tokens.items() if token in text and not name.startswith(granted)]


def only_suite() -> socket.socket:
    """Waits until no other suite runs on this machine: the accounts and many names outside are the same for all."""
    mine = socket.socket(socket.AF_UNIX)
    deadline = time.monotonic() + 900
    while True:
        try:
            mine.bind("\0rf-escape-suite")
            return mine
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                raise SystemExit(f"escape: another suite does not end: {error}") from error
            time.sleep(0.5)


def progress(text: str) -> None:
    if sys.stderr.isatty() or os.environ.get("RF_ESCAPE_PROGRESS"):
        print(f"escape: {text}", file=sys.stderr, flush=True)


def run_side(side: Any, base: Path, probe: Path, wanted: list[str], verdicts: dict[str, Verdict]) -> None:
    with World(base, probe, side.name) as world:
        made = {identifier: STEPS[identifier](world) for identifier in wanted if identifier in STEPS}
        batch = [(f"{identifier}.{step.name}", step) for identifier, steps in made.items() for step in steps]
        began = time.monotonic()
        outcomes, text = side.batch(world, batch) if batch else ({}, "")
        progress(f"{side.name} batch of {len(batch)}: {time.monotonic() - began:.1f} s")
        world.judged_since = time.monotonic()
        for identifier, steps in made.items():
            getattr(verdicts[identifier], side.name).extend(judge(world, side, identifier, steps, outcomes))
        if side.fenced:
            for name in leaked(world, text):
                culprit = next(key for key, outcome in outcomes.items() if world.tokens[name] in outcome.detail)
                identifier, _, step = culprit.partition(".")
                verdicts[identifier].fenced.append(Result(step, True, f"the secret of {name} came out"))
    end_all(UID)
    for identifier in wanted:
        if identifier not in SCRIPTS:
            continue
        with World(base, probe, side.name) as world:
            began = time.monotonic()
            try:
                results = SCRIPTS[identifier](world, side)
            except (OSError, subprocess.SubprocessError, ValueError, LookupError, TypeError, AssertionError) as error:
                results = [Result("script", None, f"{type(error).__name__}: {error}")]
            for result in results:
                result.note += f" ({time.monotonic() - began:.1f} s)"
            for result in results:
                made = verdicts[identifier].control if result.is_control else getattr(verdicts[identifier], side.name)
                made.append(result)
            progress(f"{side.name} {identifier} {time.monotonic() - began:.1f} s")
        end_all(UID)


def report(verdicts: dict[str, Verdict], left_out: dict[str, catalogue.LeftOut], sides: list[str], verbose: bool) -> int:
    problems: list[str] = []
    for verdict in verdicts.values():
        found = (
            list(verdict.problems(allowed_skip))
            if len(sides) == 2
            else [
                f"{verdict.identifier}.{r.name}: {r.note}"
                for r in verdict.control
                if r.control != "none" and not r.effect and not allowed_skip(f"{verdict.identifier}.{r.name}")
            ]
        )
        problems += found
        if verbose:
            for name in sides:
                for result in getattr(verdict, name):
                    print(f"  {name:8} {verdict.identifier}.{result.name}: effect={result.effect} {result.note}")
        print(f"{verdict.identifier}: {'held' if not found else 'FAILED'}, {len(verdict.fenced)} attempts")
    for name, out in left_out.items():
        covered = ", ".join(f"{test!r} of {file}" for file, test in out.tests)
        print(f"{name}: left out: {out.reason}{f' (covered by {covered})' if covered else ''}")
    for verdict in verdicts.values():
        whys = {r.why for r in verdict.control if r.control == "none" and r.why}
        if whys and not verdict.has_control():
            print(f"{verdict.identifier}: no control can exist: {'; '.join(sorted(whys))}")
    for name in sorted({f"{v.identifier}.{r.name}" for v in verdicts.values() for r in v.control + v.fenced}):
        reason = allowed_skip(name)
        if reason:
            print(f"{name}: may skip on {os.uname().release}: {reason}")
    for problem in problems[:60]:
        print(f"escape: {problem}", file=sys.stderr)
    if len(problems) > 60:
        print(f"escape: … and {len(problems) - 60} more", file=sys.stderr)
    failed = {problem.split(".")[0].split(":")[0] for problem in problems}
    effects = sum(len(verdict.effects()) for verdict in verdicts.values())
    with_control = [verdict for verdict in verdicts.values() if verdict.has_control()]
    worked = [v for v in with_control if not any("invalid" in p for p in v.problems(allowed_skip))]
    print(
        f"escape: {len(verdicts)} tried, {len(verdicts) - len(failed)} held, {effects} effects; "
        f"control: {len(worked)}/{len(with_control)} worked"
    )
    return 1 if problems else 0


def main() -> int:
    parser = argparse.ArgumentParser(description="Tries to escape.")
    parser.add_argument("--build", type=Path, help="build folder, with bin/ below")
    parser.add_argument("--only", action="append", metavar="ID", help="only this id")
    parser.add_argument("--side", choices=("control", "both"), default="both", help="control: without any fence")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--lists", action="store_true", help="only look whether the lists are whole")
    options = parser.parse_args()
    listed, left_out, covered = catalogue.catalogue(), catalogue.left_out(), STEPS.keys() | SCRIPTS.keys()
    wrong = catalogue.problems(listed, left_out, covered)
    for problem in wrong:
        print(f"escape: {problem}", file=sys.stderr)
    if wrong or options.lists:
        print(f"escape: {len(listed)} attempts: {len(covered)} tried, {len(left_out)} left out, {len(wrong)} problems")
        return 1 if wrong else 0
    if options.build is None:
        parser.error("--build is needed")
    if os.geteuid() != 0:
        parser.error("must be root: the suite plants secrets, starts a daemon and becomes another user")
    if "RF_ESCAPE_PRIVATE" not in os.environ:
        # Held until the end of this process, through what it becomes. Names of sockets are those of a network: it is taken here.
        turn = only_suite()
        turn.set_inheritable(True)
        # Mounts and addresses of the suite must never be the machine's.
        os.environ["RF_ESCAPE_PRIVATE"] = "1"
        os.execvp("unshare", ["unshare", "--net", "--mount", "--propagation", "private", "--", sys.executable, *sys.argv])

    wanted = [name for name in listed if name in covered and (not options.only or name in options.only)]

    os.umask(0o022)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))  # what was made is removed
    build = options.build.resolve()
    base = Path(tempfile.mkdtemp(prefix="rf-escape-", dir="/var/tmp"))
    fenced: Optional[Fenced] = None
    reserved = False
    try:
        os.chmod(base, 0o755)
        (base / "bin").mkdir()
        probe = base / "bin" / "escape_probe"
        shutil.copy(build / "bin" / "escape_probe", probe)
        reserve_accounts(base)
        reserved = True
        make_network(base)
        subprocess.run(["mount", "--make-rshared", "/"], check=True)
        verdicts = {identifier: Verdict(identifier) for identifier in wanted}
        run_side(Control(), base, probe, wanted, verdicts)
        sides = ["control"]
        if options.side == "both":
            sides.append("fenced")
            write_policies(base / "policies", base / "bin")
            fenced = Fenced(build, base)
            with fenced.daemon:
                run_side(fenced, base, probe, wanted, verdicts)
                if options.verbose:
                    print(fenced.daemon.log(), file=sys.stderr)
            left = fenced.daemon.leftovers()
            if left:
                print(f"escape: left behind: {left}", file=sys.stderr)
                return 1
        return report(verdicts, left_out if not options.only else {}, sides, options.verbose)
    finally:
        if reserved:  # else the accounts are somebody's
            end_all(UID)
            end_all(OTHER_UID)
        shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
