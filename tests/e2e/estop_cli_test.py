#!/usr/bin/env python3
"""`ringfence estop` and `ringfence rearm`, and what else the command line says while everything is stopped.

    estop_cli_test.py BUILD [TEST…]

Whether a run stands still is seen from outside: it counts into a file of its workspace.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Iterator

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.accounts import Accounts  # noqa: E402
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import eventually, is_alive  # noqa: E402
from tests.support.observed import facts  # noqa: E402

ADMINS = 61902
COUNTER = "exec >> {name}; while :; do echo x; done"


def counter(bench: Bench, name: str) -> str:
    """A run that writes as fast as it can, once it does."""
    run = bench.detached(COUNTER.format(name=name), "-n", name)
    assert eventually(lambda: count(bench, name) > 3, 60), bench.daemon.log()
    return run


def count(bench: Bench, name: str) -> int:
    file = bench.workspace / name
    return file.stat().st_size if file.exists() else 0


def stands_still(bench: Bench, *names: str) -> None:
    """They write thousands of lines in the time that something else takes to be done."""
    before = [count(bench, name) for name in names]
    for _ in range(10):
        equal(bench.cli("show", "nobody").returncode, 1)
    equal([count(bench, name) for name in names], before)


def goes_on(bench: Bench, name: str) -> None:
    before = count(bench, name)
    assert eventually(lambda: count(bench, name) > before, 60), "it does not go on"


def receipt(result: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    value = json.loads(result.stdout)
    assert isinstance(value, dict)
    return value


def heard(bench: Bench) -> bool:
    """The daemon knows of the stop: it tells it with every list."""
    return "latched" in bench.cli("ps").stderr


def test_estop_holds_everything_until_it_is_rearmed_and_each_run_is_resumed(bench: Bench) -> None:
    runs = {name: counter(bench, name) for name in ("one", "two")}
    stopped = bench.cli("estop", "--json")
    equal(stopped.returncode, 0, stopped.stderr)
    told = receipt(stopped)
    equal((told["verified"], told["latched"], told["by"]), (True, True, os.getuid()))
    # What was forked ahead for the next launch is one as well.
    assert told["runs"] >= 2 and told["processes"] >= 4 and told["took_usec"] > 0, told
    assert set(runs.values()) <= {line["run"] for line in told["evidence"]}, told
    stands_still(bench, *runs)

    assert eventually(lambda: heard(bench)), bench.daemon.log()
    for run in runs.values():
        held = bench.show(run)
        equal((held["state"], held["held"]["by"]), ("frozen", "emergency stop"))
    assert "by the emergency stop" in bench.cli("ps").stdout, bench.cli("ps").stdout
    refused = bench.cli("run", "--", "/bin/true")
    equal(refused.returncode, 7, refused.stderr)
    assert "ringfence rearm" in refused.stderr, refused.stderr
    equal(refused.stderr.splitlines()[-1], "ringfence: not started: latched")
    equal(bench.cli("run", "-d", "--", "/bin/true").returncode, 7)
    equal(bench.cli("run", "--dry-run", "--", "/bin/true").returncode, 0)
    for target in (runs["one"], "--all"):
        resumed = bench.cli("resume", target)
        equal(resumed.returncode, 7, resumed.stderr)
        assert "latched" in resumed.stderr, resumed.stderr
    stands_still(bench, *runs)

    rearmed = bench.cli("rearm", "--json")
    equal(rearmed.returncode, 0, rearmed.stderr)
    equal((receipt(rearmed)["rearmed"], set(receipt(rearmed)["held"])), (True, set(runs.values())))
    stands_still(bench, *runs)
    equal(bench.show(runs["one"])["state"], "frozen")
    equal(bench.cli("run", "--", "/bin/true").returncode, 0)
    equal(bench.cli("resume", runs["one"]).returncode, 0)
    goes_on(bench, "one")
    stands_still(bench, "two")
    equal(bench.cli("resume", runs["two"]).returncode, 0)
    goes_on(bench, "two")
    equal([fact["kind"] for fact in facts(bench, "emergency-stopped", "rearmed", "latch-released")],
          ["emergency-stopped", "rearmed", "latch-released"])
    body = facts(bench, "emergency-stopped")[0]["body"]
    equal((body["uid"], body["runs"], body["verified"]), (os.getuid(), told["runs"], True))
    assert body["trigger"] and body["write_usec"] >= 0 and body["took_usec"] > 0, body


def test_estop_needs_no_daemon_and_the_daemon_hears_of_it_afterwards(bench: Bench) -> None:
    run = counter(bench, "one")
    assert bench.daemon.process is not None
    bench.daemon.process.send_signal(signal.SIGSTOP)
    try:
        stopped = bench.cli("estop", "--json")
        equal(stopped.returncode, 0, stopped.stderr)
        assert run in {line["run"] for line in receipt(stopped)["evidence"]}, stopped.stdout
        before = count(bench, "one")
        for _ in range(50):
            subprocess.run(["/bin/true"], check=True)
        equal(count(bench, "one"), before)
    finally:
        bench.daemon.process.send_signal(signal.SIGCONT)
    assert eventually(lambda: bench.show(run)["state"] == "frozen"), bench.show(run)
    stands_still(bench, "one")


def test_estop_waits_for_a_ringfence_stop_that_is_being_started_again(bench: Bench) -> None:
    run = counter(bench, "one")
    assert bench.daemon.process is not None
    bench.daemon.process.send_signal(signal.SIGSTOP)  # Nobody starts it until then.
    pid = bench.daemon.kill_stop()
    assert pid and eventually(lambda: not is_alive(pid))
    threading.Timer(0.3, bench.daemon.process.send_signal, [signal.SIGCONT]).start()
    stopped = bench.cli("estop", "--json")
    equal(stopped.returncode, 0, stopped.stderr)
    assert run in {line["run"] for line in receipt(stopped)["evidence"]}, stopped.stdout
    assert eventually(lambda: bench.show(run)["state"] == "frozen"), bench.show(run)
    stands_still(bench, "one")


def test_estop_in_words_says_what_it_did_and_how_it_ends(bench: Bench) -> None:
    run = counter(bench, "one")
    stopped = bench.cli("estop")
    equal(stopped.returncode, 0, stopped.stderr)
    assert re.match(r"stopped \d+ runs? with \d+ process(es)? in [\d.]+ ms ", stopped.stdout), stopped.stdout
    assert f"  {run}: " in stopped.stdout and " frozen" in stopped.stdout, stopped.stdout
    assert "NOT verified" not in stopped.stdout and "'ringfence rearm'" in stopped.stdout, stopped.stdout
    assert eventually(lambda: heard(bench))
    rearmed = bench.cli("rearm")
    equal(rearmed.returncode, 0, rearmed.stderr)
    equal(rearmed.stdout, f"re-armed; 1 run stays held until you resume it:\n  ringfence resume {run}\n")


def test_estop_with_kill_ends_every_run(bench: Bench) -> None:
    run = counter(bench, "one")
    killed = bench.cli("estop", "--kill", "--json")
    equal(killed.returncode, 0, killed.stderr)
    equal((receipt(killed)["killed"], receipt(killed)["latched"]), (True, True))
    equal(bench.ended(run).get("signal"), signal.SIGKILL)
    assert facts(bench, "emergency-stopped")[0]["body"]["killed"]
    equal(bench.cli("run", "--", "/bin/true").returncode, 7)
    equal(bench.cli("rearm").stdout, "re-armed; no run is held by it\n")
    equal(bench.cli("run", "--", "/bin/true").returncode, 0)


def test_estop_where_nobody_is_there_says_so_with_status_3(bench: Bench) -> None:
    nobody = {"RINGFENCE_SOCKET": str(bench.daemon.base / "nowhere" / "control.sock")}
    stopped = bench.cli("estop", env=nobody)
    equal((stopped.returncode, stopped.stdout), (3, ""))
    assert "nothing was stopped" in stopped.stderr and "ringfence-stop is not there" in stopped.stderr, stopped.stderr
    as_json = bench.cli("estop", "--json", env=nobody)
    equal((as_json.returncode, json.loads(as_json.stderr)["error"]["exit_status"]), (3, 3))
    equal(bench.cli("rearm", env=nobody).returncode, 3)


def deaf(place: Path, answer: bytes, told: list[bytes]) -> None:
    """At the place of ringfence-stop: takes each request, answers always that or nothing, and closes."""
    place.mkdir()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(str(place / "stop.sock"))
    listener.listen()

    def serve() -> None:
        while True:
            with listener.accept()[0] as peer:
                told.append(peer.recv(256))
                if answer:
                    peer.send(answer)

    threading.Thread(target=serve, daemon=True).start()


def test_a_stop_that_was_taken_and_not_answered_is_not_known_with_status_1_and_not_sent_again(bench: Bench) -> None:
    for number, answer in enumerate((b"", b"no receipt")):
        place, told = bench.daemon.base / f"deaf{number}", []
        deaf(place, answer, told)
        env = {"RINGFENCE_SOCKET": str(place / "control.sock")}
        stopped = bench.cli("estop", env=env)
        equal((stopped.returncode, stopped.stdout), (1, ""), stopped.stderr)
        assert "it is not known whether everything was stopped" in stopped.stderr, stopped.stderr
        assert "nothing was stopped" not in stopped.stderr and "is not there" not in stopped.stderr, stopped.stderr
        equal(told, [b"stop ringfence estop"])
        error = json.loads(bench.cli("estop", "--json", env=env).stderr)["error"]
        equal((error["code"], error["exit_status"]), ("uncertain", 1))


def test_what_is_not_latched_cannot_be_rearmed(bench: Bench) -> None:
    refused = bench.cli("rearm")
    equal(refused.returncode, 1, refused.stdout)
    assert "not latched" in refused.stderr, refused.stderr


def test_anybody_may_stop_and_who_may_end_it_is_another_matter(bench: Bench) -> None:
    accounts = Accounts(bench.daemon.bin.parent)
    accounts.add_group("ringfence-admin", ADMINS)
    accounts.add("rf-owner", 61001)
    accounts.add("rf-admin", 61002, groups=(ADMINS,))
    accounts.add("rf-stranger", 61004)
    accounts.start()
    with accounts:
        started = accounts.cli("rf-owner", "run", "-d", "-n", "mine", "--", "sleep", "1000")
        equal(started.returncode, 0, started.stderr)
        run = started.stdout.strip()
        others = accounts.cli("rf-stranger", "estop", "--json")
        equal(others.returncode, 0, others.stderr)
        told = receipt(others)
        equal((told["evidence"], told["by"], told["verified"]), ([], 61004, True))
        assert told["runs"] >= 1, told
        assert run not in others.stdout, others.stdout

        assert eventually(lambda: "latched" in accounts.cli("rf-owner", "ps").stderr)
        for who, allowed in (("rf-stranger", False), ("rf-owner", True)):
            rearmed = accounts.cli(who, "rearm")
            equal(rearmed.returncode, 0 if allowed else 4, (who, rearmed.stderr))
        # The owner sees which of theirs it held; who else stopped it is in the log for all.
        own = accounts.cli("rf-owner", "estop", "--json")
        equal([line["run"] for line in receipt(own)["evidence"]], [run])
        for who in ("rf-owner", "rf-stranger"):
            lines = map(json.loads, accounts.cli(who, "log", "--json").stdout.splitlines())
            assert "emergency-stopped" in {line["kind"] for line in lines}, who
        # Ending what is not theirs is for administrators: everything is frozen instead.
        refused = accounts.cli("rf-stranger", "estop", "--kill", "--json")
        equal((refused.returncode, receipt(refused)["killed"], receipt(refused)["killed_runs"]), (1, False, 0))
        assert "administrator" in refused.stderr and "no run here is known to be yours" in refused.stderr, refused.stderr
        equal(json.loads(accounts.cli("rf-owner", "show", run, "--json").stdout)["state"], "frozen")
        equal(accounts.cli("rf-admin", "rearm").returncode, 0)
        # With a live run of somebody else, an owner is not enough.
        second = accounts.cli("rf-stranger", "run", "-d", "--", "sleep", "1000")
        equal(second.returncode, 0, second.stderr)
        equal(accounts.cli("rf-owner", "estop").returncode, 0)
        assert eventually(lambda: "latched" in accounts.cli("rf-owner", "ps").stderr)
        for who in ("rf-owner", "rf-stranger"):
            equal(accounts.cli(who, "rearm").returncode, 4, who)
        equal(accounts.cli("rf-admin", "estop", "--kill").returncode, 0)
        equal(accounts.cli("rf-admin", "rearm").returncode, 0)
        # Where nobody has a run, whoever stopped may go on, and nobody else.
        assert eventually(lambda: not accounts.cli("rf-admin", "ps", "--json").stdout), accounts.daemon.log()
        equal(accounts.cli("rf-stranger", "estop").returncode, 0)
        assert eventually(lambda: "latched" in accounts.cli("rf-owner", "ps").stderr)
        for who, allowed in (("rf-owner", False), ("rf-stranger", True)):
            equal(accounts.cli(who, "rearm").returncode, 0 if allowed else 4, who)


@contextlib.contextmanager
def owners(bench: Bench) -> Iterator[Accounts]:
    """A daemon with people, of whom two have runs, and one is an administrator."""
    accounts = Accounts(bench.daemon.bin.parent)
    accounts.add_group("ringfence-admin", ADMINS)
    accounts.add("rf-owner", 61001)
    accounts.add("rf-admin", 61002, groups=(ADMINS,))
    accounts.add("rf-other", 61004)
    accounts.users["root"] = {"uid": 0, "groups": (), "home": "/root"}
    accounts.start()
    with accounts:
        yield accounts


def sleeper(accounts: Accounts, who: str, *options: str) -> str:
    started = accounts.cli(who, "run", "-d", *options, "--", "sleep", "1000")
    equal(started.returncode, 0, started.stderr)
    return started.stdout.strip()


def living(accounts: Accounts, run: str) -> list[str]:
    """Processes of the run, as the kernel tells them of its groups."""
    groups = glob.glob(f"/sys/fs/cgroup/**/{accounts.daemon.cgroup_root}-*/{run}", recursive=True)
    return [pid for group in groups for folder, _, _ in os.walk(group) for pid in Path(folder, "cgroup.procs").read_text().split()]


def shown(accounts: Accounts, who: str, run: str) -> dict[str, Any]:
    value = json.loads(accounts.cli(who, "show", run, "--json").stdout)
    assert isinstance(value, dict)
    return value


def facts_of(accounts: Accounts, who: str, *run: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in accounts.cli(who, "log", *run, "--json").stdout.splitlines()]


def test_who_is_no_administrator_ends_the_own_runs_alone_while_the_daemon_is_asleep(bench: Bench) -> None:
    with owners(bench) as accounts:
        # With an id of its own, begun by root for them, and as usual: all of these are theirs.
        workspace = str(accounts.workspace("rf-owner"))
        own = [sleeper(accounts, "rf-owner"), sleeper(accounts, "rf-owner", "-p", "strict"),
               sleeper(accounts, "root", "--as", "rf-owner", "-w", workspace)]
        others = [sleeper(accounts, "rf-other"), sleeper(accounts, "root", "-p", "strict", "-w", workspace)]
        assert all(living(accounts, run) for run in own + others)
        daemon = accounts.daemon.process
        assert daemon is not None
        daemon.send_signal(signal.SIGSTOP)
        try:
            killed = accounts.cli("rf-owner", "estop", "--kill", "--json")
            told = receipt(killed)
            equal((killed.returncode, told["killed"], told["killed_runs"], told["killed_left"]), (1, False, 3, 0), told)
            equal((told["by"], told["latched"], told["verified"], told["runs"], told["evidence"]), (61001, True, True, 5, []), told)
            assert "yours were killed, the others stay frozen" in killed.stderr, killed.stderr
            equal([living(accounts, run) for run in own], [[], [], []])
            assert all(living(accounts, run) for run in others)
            again = accounts.cli("rf-owner", "estop", "--kill")
            equal(again.returncode, 1, again.stdout)
            assert "no run here is known to be yours" in again.stderr, again.stderr
        finally:
            daemon.send_signal(signal.SIGCONT)
        for run in own:
            assert eventually(lambda run=run: shown(accounts, "rf-owner", run)["state"] == "ended"), accounts.daemon.log()
            equal(shown(accounts, "rf-owner", run)["exit"]["signal"], signal.SIGKILL)
            # It ends as killed by that person, which is known before it ends.
            lines = {fact["kind"]: fact for fact in facts_of(accounts, "rf-owner", run)}
            body = lines["run-stopping"]["body"]
            equal((body["by_uid"], body["kill"], body["reason"]), (61001, True, "emergency stop: asked: ringfence estop"))
            assert lines["run-stopping"]["seq"] < lines["run-ended"]["seq"], lines
        for run in others:
            equal(shown(accounts, "root", run)["state"], "frozen")
        stops = [fact["body"] for fact in facts_of(accounts, "rf-admin") if fact["kind"] == "emergency-stopped"]
        equal([(stop["uid"], stop.get("killed"), stop["killed_of"], stop["killed_runs"]) for stop in stops],
              [(61001, None, [61001], 3)])
        # It met the runs of all three, so none of them re-arms it.
        for who in ("rf-owner", "rf-other"):
            equal(accounts.cli(who, "rearm").returncode, 4, who)
        equal(accounts.cli("rf-admin", "rearm").returncode, 0)


def test_where_all_runs_are_of_who_asks_nothing_is_refused_by_kill_or_the_second_press(bench: Bench) -> None:
    with owners(bench) as accounts:
        run = sleeper(accounts, "rf-owner")
        killed = accounts.cli("rf-owner", "estop", "--kill")
        equal((killed.returncode, killed.stderr), (0, ""), killed.stdout)
        assert killed.stdout.startswith("killed 1 run with "), killed.stdout
        assert eventually(lambda: shown(accounts, "rf-owner", run)["state"] == "ended"), accounts.daemon.log()
        equal(accounts.cli("rf-owner", "rearm").returncode, 0)

        for _ in range(5):  # Until both came within three seconds.
            run = sleeper(accounts, "rf-owner")
            began = time.monotonic()
            once, twice = (accounts.cli("rf-owner", "estop", "--json") for _ in range(2))
            took = time.monotonic() - began
            equal((once.returncode, receipt(once)["killed_runs"]), (0, 0), once.stdout)
            if receipt(twice)["killed_runs"] or took < 3:
                break
            equal(accounts.cli("rf-owner", "rearm").returncode, 0)
            equal(accounts.cli("rf-owner", "kill", run).returncode, 0)
        equal((twice.returncode, twice.stderr), (0, ""))
        equal((receipt(twice)["killed"], receipt(twice)["killed_runs"], receipt(twice)["repeated"]), (True, 1, True))
        equal(living(accounts, run), [])


def test_who_ended_their_runs_while_the_daemon_was_dead_is_in_the_log_of_the_next_one(bench: Bench) -> None:
    with owners(bench) as accounts:
        own, other = sleeper(accounts, "rf-owner"), sleeper(accounts, "rf-other")
        equal(accounts.cli("rf-other", "estop").returncode, 0)
        assert eventually(lambda: shown(accounts, "rf-owner", own)["state"] == "frozen"), accounts.daemon.log()
        daemon = accounts.daemon.process
        assert daemon is not None
        daemon.send_signal(signal.SIGSTOP)  # For its mounts, which clients come into, it dies only afterwards.
        equal(receipt(accounts.cli("rf-owner", "estop", "--kill", "--json"))["killed_runs"], 1)
        accounts.daemon.kill_daemon()
        accounts.daemon.start()
        assert eventually(lambda: shown(accounts, "rf-owner", own)["state"] == "ended"), accounts.daemon.log()
        # It is so before it is on the disk, and in the log only then.
        stopping = eventually(lambda: [fact["body"] for fact in facts_of(accounts, "rf-owner", own) if fact["kind"] == "run-stopping"])
        equal([(body["by_uid"], body["kill"]) for body in stopping], [(61001, True)])
        equal(shown(accounts, "rf-other", other)["state"], "frozen")


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
