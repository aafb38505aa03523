#!/usr/bin/env python3
"""What breaks beneath Ringfence: the log's disk and file, control groups, clients, memory. Nothing is allowed by it, agents are
held or end, and it is said.

    faults_test.py BUILD [TEST…]

RINGFENCE_GROUP_ROUNDS, RINGFENCE_CLIENT_KILLS and RINGFENCE_OOMS set the counts of what is repeated.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.e2e.questions_test import Asking, answer  # noqa: E402
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import Daemon, eventually, is_alive  # noqa: E402
from tests.support.observed import facts, pending, question  # noqa: E402
from tests.support.small_disk import fill, small_disk  # noqa: E402

# Counts in its workspace, so that it shows from outside whether it runs.
COUNTS = "n=0; while true; do n=$((n+1)); echo $n >count.new; mv count.new count; sleep 0.01; done"
POLICY = 'schema = 1\nname = "trial"\nextends = ["offline"]\n[priority]\nclass = "interactive"\n'


def count_of(name: str, otherwise: int) -> int:
    return int(os.environ.get(name, str(otherwise)))


def policy(bench: Bench, more: str = "") -> str:
    file = bench.daemon.base / "trial.toml"
    file.write_text(POLICY + more)
    return str(file)


def steps(bench: Bench) -> int:
    with contextlib.suppress(OSError, ValueError):
        return int((bench.workspace / "count").read_text())
    return 0


def goes_on(bench: Bench) -> bool:
    before = steps(bench)
    return bool(eventually(lambda: steps(bench) > before, 20))


def stands_still(bench: Bench) -> bool:
    """Held: the kernel says so of the group, and no step comes."""
    before = steps(bench)
    time.sleep(0.2)
    return steps(bench) == before


def unified(bench: Bench, run: str) -> Path:
    """The group of the run in the unified hierarchy."""
    found = next(iter(Path("/sys/fs/cgroup").glob(f"**/{bench.daemon.cgroup_root}-*/{run}/cgroup.kill")), None)
    assert found, f"{run} has no group"
    return found.parent


def freezer(bench: Bench, run: str) -> str:
    return (unified(bench, run) / "agent/cgroup.freeze").read_text().strip()


# ---- the file of the log ---------------------------------------------------------------------------------------------


def damage(file: Path) -> None:
    """A fact in the middle says something else."""
    content = bytearray(file.read_bytes())
    at = content.find(b'"version"')
    assert at > 0, "no fact of a start in the file"
    content[at + 1] ^= 1
    file.write_bytes(content)


def test_with_a_damaged_log_the_daemon_comes_up_locked_says_what_to_do_and_holds_the_agents(bench: Bench) -> None:
    daemon = bench.daemon
    run = bench.detached(COUNTS, "-p", policy(bench))
    assert goes_on(bench)
    daemon.kill_daemon()
    log, aside = daemon.state_dir / "log.db", daemon.base / "aside"
    with contextlib.closing(sqlite3.connect(log)) as connection:  # what is written is in one file then
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    damage(log)
    found = log.read_bytes()
    daemon.start()
    said = daemon.log()
    assert "LOCKED START" in said and "move all of them away to begin an empty log" in said, said
    assert eventually(lambda: freezer(bench, run) == "1"), said
    assert eventually(lambda: stands_still(bench))
    refused = bench.sh("true", "-p", policy(bench))
    equal(refused.returncode, 125, refused.stderr)
    assert refused.stderr.strip().endswith("not started: log"), refused.stderr
    assert "log.db" in refused.stderr, refused.stderr
    equal(bench.show(run)["state"], "frozen")
    equal(bench.show(run)["held"]["by"], "restart")
    assert bench.cli("resume", run).returncode != 0
    verified = bench.cli("verify")
    assert verified.returncode == 1 and "fact 1 " in verified.stdout + verified.stderr, verified
    assert "log.db" in bench.cli("doctor").stdout
    # A restart changes nothing, and neither did the daemon.
    daemon.kill_daemon()
    daemon.start()
    equal(freezer(bench, run), "1")
    equal(log.read_bytes(), found)
    equal(bench.cli("kill", run).returncode, 0)
    assert eventually(lambda: bench.show(run)["state"] == "ended", 60)
    # What it says to do, it says rightly.
    daemon.kill_daemon()
    aside.mkdir()
    for file in daemon.state_dir.glob("log.*"):
        file.rename(aside / file.name)
    daemon.start()
    equal(bench.sh("exit 3", "-p", policy(bench)).returncode, 3)
    equal(bench.cli("verify").returncode, 0)


# ---- the disk of the log ---------------------------------------------------------------------------------------------


def test_on_a_full_disk_agents_are_held_nothing_is_allowed_and_all_goes_on_when_there_is_room(bench: Bench) -> None:
    with small_disk(bench.daemon.base, 64) as disk, Daemon(bench.daemon.bin.parent) as daemon:
        daemon.cli("kill", "--all")
        daemon.kill_daemon()
        daemon.state_dir = disk / "state"
        daemon.start()
        try:
            full_disk(Bench(daemon), disk)
        finally:
            (disk / "filler").unlink(missing_ok=True)
            daemon.close()


def full_disk(bench: Bench, disk: Path) -> None:
    daemon, reserve, mine = bench.daemon, bench.daemon.state_dir / "reserve", policy(bench)
    equal(reserve.stat().st_blocks * 512 >= 8 << 20, True)
    asking = Asking(bench)
    run = bench.detached(COUNTS, "-p", mine)
    asks = asking.start(f"echo hello > {asking.folder}/note")
    asked = question(bench)
    assert goes_on(bench)
    fill(disk / "filler")
    # What the log's own file still has room for, it takes; each try is a record.
    assert eventually(lambda: bench.sh("true", "-p", mine).stderr.strip().endswith("not started: log"), 60), daemon.log()
    assert eventually(lambda: not reserve.exists()), daemon.log()
    equal(freezer(bench, run), "1")
    assert eventually(lambda: stands_still(bench))
    equal(bench.show(run)["held"]["by"], "no-records")
    # The full log says that it is full, in the room that the reserve gave up; who fills that first takes it away.
    assert eventually(lambda: facts(bench, "records-stopped")), daemon.log()
    fill(disk / "filler")  # what the reserve left beside the log
    equal([fact["body"]["disk_full"] for fact in facts(bench, "records-stopped")], [True])
    allowed = bench.cli("allow", str(asked["id"]))
    assert allowed.returncode != 0 and "nothing is allowed" in allowed.stderr, allowed
    equal([one["id"] for one in pending(bench)], [asked["id"]])
    assert not (asking.folder / "note").exists()
    assert bench.cli("resume", run).returncode != 0
    other = bench.show(asks)
    equal((other["state"], freezer(bench, asks)), ("frozen", "1"))
    begun = time.monotonic()
    (disk / "filler").unlink()
    assert eventually(lambda: bench.show(run)["state"] == "running", 60), daemon.log()
    assert goes_on(bench)
    equal(bench.sh("exit 3", "-p", mine).returncode, 3)
    print(f"      normal again after {time.monotonic() - begun:.1f} s", flush=True)
    assert reserve.exists()
    answer(bench, "allow", asked["id"])
    equal(asking.output(asks), "")
    equal((asking.folder / "note").read_text(), "hello\n")
    bench.cli("kill", run)
    bench.ended(run)
    equal(len(facts(bench, "records-resumed")), 1)
    equal(bench.cli("verify").returncode, 0)


# ---- control groups --------------------------------------------------------------------------------------------------


def alarms(bench: Bench, run: str) -> list[dict[str, Any]]:
    return [fact for fact in facts(bench, "alarm-raised") if fact["run"] == run and fact["body"]["kind"] == "control-group"]


def test_a_run_that_another_program_takes_out_of_its_groups_is_ended_and_told(bench: Bench) -> None:
    mine, worst = policy(bench), 0.0
    for number in range(count_of("RINGFENCE_GROUP_ROUNDS", 2)):
        run = bench.detached(COUNTS, "-p", mine)
        group = unified(bench, run)
        top = group.parent.parent
        moved = [int(word) for word in (group / "agent/cgroup.procs").read_text().split()]
        for pid in moved:
            with contextlib.suppress(OSError):
                (top / "cgroup.procs").write_text(str(pid))
        begun = time.monotonic()
        if number % 2:  # and takes them away
            with contextlib.suppress(OSError):
                (group / "agent").rmdir()
        assert eventually(lambda: bench.show(run)["state"] in ("stopping", "ended")), bench.show(run)
        worst = max(worst, time.monotonic() - begun)
        bench.ended(run)
        assert eventually(lambda: not any(is_alive(pid) for pid in moved)), moved
        reason = alarms(bench, run)[0]["body"]["reason"]
        assert "another program moved it out of its control groups" in reason, reason
    print(f"      noticed after {worst:.2f} s at most", flush=True)


def test_what_another_program_freezes_or_thaws_is_seen(bench: Bench) -> None:
    run, worst = bench.detached(COUNTS, "-p", policy(bench)), 0.0
    group = unified(bench, run)
    rounds = count_of("RINGFENCE_GROUP_ROUNDS", 2)
    for _ in range(rounds):
        begun = time.monotonic()

        def freeze() -> bool:  # again where the thaw of a resume, which is two writes, comes in between
            (group / "cgroup.freeze").write_text("1")
            return bool(bench.show(run)["state"] == "frozen")

        assert eventually(freeze), bench.show(run)
        worst = max(worst, time.monotonic() - begun)
        equal(bench.show(run)["held"]["by"], "another-program")
        assert "frozen by another program" in bench.cli("ps").stdout
        equal(bench.cli("resume", run).returncode, 0)
        assert goes_on(bench)
        equal(bench.cli("freeze", run).returncode, 0)
        (group / "agent/cgroup.freeze").write_text("0")
        begun = time.monotonic()
        assert eventually(lambda: freezer(bench, run) == "1"), bench.show(run)
        worst = max(worst, time.monotonic() - begun)
        equal(bench.show(run)["state"], "frozen")
        equal(bench.cli("resume", run).returncode, 0)
        assert goes_on(bench)
    assert eventually(lambda: len(alarms(bench, run)) == 2 * rounds), alarms(bench, run)
    print(f"      noticed after {worst:.2f} s at most", flush=True)
    bench.cli("kill", run)
    bench.ended(run)


# ---- clients ---------------------------------------------------------------------------------------------------------


def resident(pid: int) -> int:
    return int(next(line.split()[1] for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS:")))


def files_watched(pid: int) -> int:
    """Of control groups, by the process: a run's are open and watched from when it has lived for a moment."""
    watched = 0
    for one in Path(f"/proc/{pid}/fdinfo").iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile
            watched += one.read_text().count("inotify wd:")
    return watched


def test_clients_that_die_or_hang_while_they_show_a_question_leave_it_pending_once_and_answer_nothing(bench: Bench) -> None:
    asking = Asking(bench)
    run = asking.start(f"echo hello > {asking.folder}/note")
    asked = question(bench)
    assert bench.daemon.process is not None
    daemon, seed = bench.daemon.process.pid, random.randrange(1 << 32)
    assert eventually(lambda: files_watched(daemon) == 3), files_watched(daemon)
    print(f"      seed {seed}", flush=True)
    chance, hanging = random.Random(seed), []
    verbs = [["pending", "--watch"], ["pending", "--json"], ["show", run], ["ps"], ["log", "-f"]]
    kills = count_of("RINGFENCE_CLIENT_KILLS", 10)
    before = (0, 0)
    for number in range(kills + 5):
        if number == 5:  # what the first ones cost is there
            before = resident(daemon), len(os.listdir(f"/proc/{daemon}/fd"))
        client = subprocess.Popen([bench.program, *verbs[number % len(verbs)]], env=bench.daemon.environment, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.random() * 0.01)
        if number % 4 == 0 and len(hanging) < 8:
            client.send_signal(signal.SIGSTOP)
            hanging.append(client)
            continue
        client.kill()
        client.wait()
    equal([one["id"] for one in pending(bench)], [asked["id"]])
    equal(facts(bench, "action-answered"), [])
    assert not (asking.folder / "note").exists()
    for client in hanging:
        client.kill()
        client.wait()
    assert eventually(lambda: len(os.listdir(f"/proc/{daemon}/fd")) <= before[1]), "descriptors are left"
    grown = resident(daemon) - before[0]
    print(f"      {kills} clients, the daemon has grown by {grown} KiB", flush=True)
    assert grown <= 4096, f"the daemon has grown by {grown} KiB"
    answer(bench, "allow", asked["id"])
    equal(asking.output(run), "")
    equal((asking.folder / "note").read_text(), "hello\n")
    equal(len(facts(bench, "action-answered")), 1)


def test_a_client_that_dies_while_it_allows_has_allowed_once_or_not_at_all(bench: Bench) -> None:
    asking = Asking(bench)
    kills, seed = count_of("RINGFENCE_CLIENT_KILLS", 10), random.randrange(1 << 32)
    print(f"      seed {seed}", flush=True)
    chance, allowed = random.Random(seed), 0
    run = asking.start(f"for i in $(seq {kills}); do echo hello >> {asking.folder}/$i; done")
    for number in range(1, kills + 1):
        asked, note = question(bench), asking.folder / str(number)
        client = subprocess.Popen([bench.program, "allow", str(asked["id"])], env=bench.daemon.environment, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.random() * 0.03)
        client.kill()
        client.wait()
        # What it had sent is heard before what is sent from now on, over another connection: this one waits for the disk.
        refused = bench.cli("deny", str(asked["id"])).returncode != 0
        assert eventually(lambda: [one["id"] for one in pending(bench)] != [asked["id"]], 60), pending(bench)
        answers = [fact["body"] for fact in facts(bench, "action-answered") if fact["body"]["id"] == asked["id"]]
        equal(len(answers), 1)
        if refused:
            assert eventually(note.exists, 60), answers
            allowed += 1
        assert eventually(lambda: bench.show(run)["state"] == "ended" or [one["id"] for one in pending(bench)], 60)
        equal(note.read_text() if note.exists() else "", "hello\n" if refused else "")
    print(f"      {allowed} of {kills} had allowed before they died", flush=True)
    bench.ended(run)


# ---- memory ----------------------------------------------------------------------------------------------------------


def test_of_agents_that_take_more_memory_than_they_may_each_ends_alone(bench: Bench) -> None:
    mine = policy(bench)
    beside = bench.detached(COUNTS, "-p", mine)
    small = bench.daemon.base / "small.toml"
    small.write_text(POLICY.replace("trial", "small") + '[limits]\nmemory = "32MiB"\n')
    assert bench.daemon.process is not None
    programs = bench.daemon.process.pid, bench.daemon.launcher_pid()
    bombs = count_of("RINGFENCE_OOMS", 3)
    for _ in range(bombs):
        ended = bench.cli("run", "-p", str(small), "--", "python3", "-c", "kept = bytearray(b'1' * (200 << 20))")
        equal(ended.returncode, 137, ended.stderr)
        assert "out of memory" in ended.stderr, ended.stderr
    assert goes_on(bench)
    equal((bench.daemon.process.pid, bench.daemon.launcher_pid()), programs)
    assert all(is_alive(pid) for pid in programs)
    equal(len([fact for fact in facts(bench, "run-ended") if fact["body"]["out_of_memory"]]), bombs)
    bench.cli("kill", beside)
    bench.ended(beside)


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
