#!/usr/bin/env python3
"""Runs whose policy asks, with the real guards beside them.

    guards_test.py BUILD [TEST…]
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import eventually, is_alive  # noqa: E402

COARSE = 5  # CLOCK_REALTIME_COARSE: what changes are stamped with
POLICY = """schema = 1
name = "asking"
extends = ["base"]
[files]
workspace = "rw"
ask = ["{asked}"]
[priority]
class = "interactive"
"""


def asking(bench: Bench) -> str:
    """The flag's value for a policy that asks about a place beside the workspace."""
    asked = bench.daemon.base / "asked"
    asked.mkdir()
    policy = bench.daemon.base / "asking.toml"
    policy.write_text(POLICY.format(asked=asked), encoding="utf-8")
    return str(policy)


def started_guards(bench: Bench, kind: str) -> list[dict[str, Any]]:
    facts = map(json.loads, bench.cli("log", "--json").stdout.splitlines())
    return [fact["body"] for fact in facts if fact["kind"] == "guard-started" and fact["body"]["guard"] == kind]


def wardens(bench: Bench) -> list[dict[str, Any]]:
    return started_guards(bench, "warden")


def fields_of(status: Path) -> dict[str, str]:
    return {name: value.strip() for name, _, value in (line.partition(":") for line in status.read_text().splitlines())}


def guards_of(bench: Bench) -> dict[str, int]:
    """The pids of what stands beside the runs, by what it is."""
    found = {}
    for pid in bench.daemon.processes():
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[0] == b"ringfence-warden":
            found["warden"] = pid
        elif words[0] == b"ringfence-egress":
            found[words[1].decode()] = pid
    return found


def test_the_guards_of_a_run_are_confined_by_filters_of_their_own(bench: Bench) -> None:
    bench.detached("sleep 1000", "-p", "coding")
    assert eventually(lambda: set(guards_of(bench)) == {"warden", "inner", "outer"}, 30), guards_of(bench)
    # Whoever runs the tests may be under a filter itself: what counts is the one that came on top.
    inherited = int(fields_of(Path(f"/proc/{bench.daemon.launcher_pid()}/status"))["Seccomp_filters"])
    trace = 1 << 19  # CAP_SYS_PTRACE
    for kind, pid in guards_of(bench).items():
        def filters(status: Path = Path(f"/proc/{pid}/status")) -> int:
            return int(fields_of(status)["Seccomp_filters"])
        assert eventually(lambda: filters() > inherited, 30), f"the {kind} filters nothing: {filters()}"  # its first steps are its own
        for thread in Path(f"/proc/{pid}/task").iterdir():
            status = fields_of(thread / "status")
            equal((status["Seccomp"], int(status["Seccomp_filters"])), ("2", inherited + 1), f"{kind}, thread {thread.name}")
            equal(status["NoNewPrivs"], "1", kind)
            wanted = trace if kind == "warden" else 0
            rights = {name: int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
            equal((rights["CapPrm"], rights["CapEff"], rights["CapBnd"]), (wanted, wanted, 0), f"{kind}: {rights}")
            assert "0" not in status["Uid"].split() + status["Gid"].split(), f"{kind}: {status['Uid']}, {status['Gid']}"
    bench.cli("kill", "--all")


def test_a_run_that_asks_edits_its_workspace_through_its_warden(bench: Bench) -> None:
    script = "echo one > first && mkdir folder && mv first folder/second && cat folder/second && rm folder/second"
    result = bench.sh(script, "-p", asking(bench))
    equal((result.returncode, result.stdout), (0, "one\n"), result.stderr)
    folder = bench.workspace / "folder"
    assert folder.is_dir() and not list(folder.iterdir())
    bench.last_ended()
    started = wardens(bench)
    equal(len(started), 1, started)
    assert eventually(lambda: not is_alive(started[0]["pid"]))


def test_guards_that_die_while_an_emergency_stop_holds_them_come_back_when_it_goes_on_and_keep_nobody_waiting_meanwhile(bench: Bench) -> None:
    held = bench.detached("sleep 1000", "-p", "coding")
    assert eventually(lambda: set(guards_of(bench)) == {"warden", "inner", "outer"}, 30), guards_of(bench)
    equal(bench.cli("estop").returncode, 0)  # It holds guards as well.
    assert eventually(lambda: bench.cli("rearm").returncode == 0, 30)
    for number in range(10):
        for kind in set(guards_of(bench)) & {"warden", "outer"}:
            os.kill(guards_of(bench)[kind], signal.SIGKILL)
        # Born into a held group a guard would keep open what the launcher had open: the output of this one too.
        equal(bench.sh(f"echo {number}").stdout, f"{number}\n")

    def told(kind: str) -> list[str]:
        facts = map(json.loads, bench.cli("log", "--json", held).stdout.splitlines())
        return sorted(fact["body"]["guard"] for fact in facts if fact["kind"] == kind)

    equal((told("guard-lost"), told("guard-started"), guards_of(bench)), (["egress", "warden"], ["egress", "warden"], {}))
    equal(bench.cli("resume", held).returncode, 0)
    assert eventually(lambda: set(guards_of(bench)) == {"warden", "inner", "outer"}, 30), guards_of(bench)
    assert eventually(lambda: told("guard-started") == ["egress", "egress", "warden", "warden"], 30), told("guard-started")
    bench.cli("kill", held)


def test_a_warden_that_is_killed_is_replaced_and_its_run_goes_on(bench: Bench) -> None:
    script = "touch begun; until test -e go; do sleep 0.02; done; echo on > second && cat second"
    run = bench.detached(script, "-p", asking(bench))
    assert eventually((bench.workspace / "begun").exists, 30)
    first = eventually(lambda: wardens(bench))[0]["pid"]
    os.kill(first, signal.SIGKILL)
    (bench.workspace / "go").touch()
    equal(bench.ended(run).get("code"), 0)
    equal(bench.cli("logs", run).stdout, "on\n")
    assert eventually(lambda: len(wardens(bench)) == 2), wardens(bench)
    second = wardens(bench)[1]
    assert second["pid"] != first and second["restarted"], second
    assert eventually(lambda: not is_alive(second["pid"]))


def test_an_egress_is_recorded_by_the_pid_that_the_host_knows_it_by_and_so_is_the_one_after_it(bench: Bench) -> None:
    policy = bench.daemon.base / "connecting.toml"
    policy.write_text('schema = 1\nname = "connecting"\nextends = ["offline"]\n[network]\ndefault = "ask"\n', encoding="utf-8")
    bench.detached("sleep 1000", "-p", str(policy))
    first = eventually(lambda: started_guards(bench, "egress"), 30)[0]["pid"]
    equal(Path(f"/proc/{first}/comm").read_text().strip(), "ringfence-egress"[:15])
    os.kill(first, signal.SIGKILL)
    assert eventually(lambda: len(started_guards(bench, "egress")) == 2, 30), started_guards(bench, "egress")
    second = started_guards(bench, "egress")[1]
    equal(Path(f"/proc/{second['pid']}/comm").read_text().strip(), "ringfence-egress"[:15])
    assert second["pid"] != first and second["restarted"], second
    bench.cli("kill", "--all")


def test_the_end_of_a_run_names_what_it_changed_that_is_obeyed_later(bench: Bench) -> None:
    script = "echo all: > Makefile && echo x > notes && mkdir -p a && echo y > tmp && mv tmp a/conftest.py"
    result = bench.sh(script, "-p", asking(bench))
    equal(result.returncode, 0, result.stderr)
    told = "changed, and runs or is obeyed later outside: Makefile (make), a/conftest.py (pytest)"
    assert told in result.stderr, result.stderr
    run = bench.last_ended()
    equal(bench.show(run)["exit"]["note"], told)
    assert told in bench.cli("show", run).stdout
    later = bench.show(run)["later"]
    equal([(file["path"], file["obeyed_by"]) for file in later["files"]], [("Makefile", "make"), ("a/conftest.py", "pytest")])
    assert all(file["by"]["pid"] > 0 for file in later["files"]) and later["more"] == 0, later
    shell, mover = [file["by"]["name"] for file in later["files"]]
    assert shell in ("sh", "dash", "bash") and mover == "mv", later
    ends = [json.loads(line) for line in bench.cli("log", run, "--json").stdout.splitlines()]
    kept = next(fact["body"]["later"] for fact in ends if fact["kind"] == "run-ended")
    equal([file["path"] for file in kept["files"]], ["Makefile", "a/conftest.py"])
    # By whatever name it is reached.
    hidden = bench.sh("echo x > /proc/self/root$PWD/run.sh && ln -s $PWD /tmp/link && cd / && echo x > /tmp/link/conftest.py", "-p",
                      str(bench.daemon.base / "asking.toml"))
    assert "outside: run.sh (whoever starts it), conftest.py (pytest)" in hidden.stderr, hidden.stderr
    # Nobody outside obeys what is in the home of the fence and in memory of its own.
    unseen = bench.sh("echo z > notes && echo x > ~/.bashrc && echo y > /tmp/run.sh && cat ~/.bashrc /tmp/run.sh", "-p",
                      str(bench.daemon.base / "asking.toml"))
    equal((unseen.stdout, unseen.stderr.count("obeyed later")), ("x\ny\n", 0), unseen.stderr)
    equal(bench.show(bench.last_ended())["later"], {"files": [], "more": 0})


def left_for_later(bench: Bench, script: str, policy: str) -> str:
    """What the end of a run that nobody watches says that it left, in its note and to whoever waited."""
    result = bench.sh(script, "-p", policy)
    equal(result.returncode, 0, result.stderr)
    ended = bench.show(bench.last_ended())
    equal(ended["later"], None)
    note = ended["exit"].get("note", "")
    assert note in result.stderr, (note, result.stderr)
    return note


def test_the_end_of_a_run_that_nobody_watches_names_what_it_left_that_is_obeyed_later(bench: Bench) -> None:
    for name in ("Makefile", "tox.ini"):
        (bench.workspace / name).write_text("mine")
    subprocess.run(["git", "init", "-q", str(bench.workspace / "there")], check=True)
    settled = (bench.workspace / "there").stat().st_ctime_ns
    assert eventually(lambda: time.clock_gettime_ns(COARSE) > settled)
    script = ("git init -q . && git init -q made && mkdir -p a && echo x > a/conftest.py && echo x > notes && "
              "echo all: > Makefile && touch -d 2001-01-01 Makefile")
    for policy in ("offline", "strict"):
        made, _, changed = left_for_later(bench, script, policy).partition("; changed meanwhile, and runs or is obeyed later outside: ")
        equal(changed, "Makefile (make), a/conftest.py (pytest)", policy)
        for name in (".git/hooks", ".git/config", "made/.git"):
            assert f"{bench.workspace}/{name} (" in made, (policy, name, made)
        assert f"{bench.workspace}/there" not in made, made
        for name in (".git", "made", "a"):
            shutil.rmtree(bench.workspace / name)
    equal(left_for_later(bench, "cat Makefile; echo z > notes", "offline"), "")
    equal(left_for_later(bench, "! echo x > Makefile", "readonly"), "")


def test_what_an_unwatched_run_closes_to_hide_it_is_said_to_be_hidden(bench: Bench) -> None:
    script = "mkdir open closed && echo all: > open/Makefile && echo all: > closed/Makefile && chmod 0311 closed"
    note = left_for_later(bench, script, "offline")
    assert note.endswith("open/Makefile (make), and perhaps others: not all of it could be looked at"), note
    assert f"{bench.workspace} (not all of it could be looked at)" in note, note


def test_a_run_killed_for_memory_is_said_to_be_not_looked_through(bench: Bench) -> None:
    policy = bench.daemon.base / "small.toml"
    policy.write_text('schema = 1\nname = "small"\nextends = ["offline"]\n[priority]\nclass = "interactive"\n[limits]\nmemory = "32MiB"\n')
    # Where the kernel ends the whole group, pid 1 is gone with it; where it ends one process, it is ended here.
    run = bench.detached("python3 -c 'bytearray(1 << 30)'; touch begun; exec sleep 1000", "-p", str(policy))
    assert eventually(lambda: (bench.workspace / "begun").exists() or bench.show(run)["state"] == "ended", 60)
    pid = bench.show(run)["pid"]
    if bench.show(run)["state"] != "ended" and pid:
        os.kill(int(re.findall(r"PPid:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[0]), signal.SIGKILL)
    ended = bench.ended(run)
    assert ended["out_of_memory"] and "not looked through" in ended["note"], ended


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
