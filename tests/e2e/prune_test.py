#!/usr/bin/env python3
"""`ringfence prune`: private homes that no run was in for long go, and no others.

    prune_test.py BUILD [TEST…]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.accounts import Accounts  # noqa: E402
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import Daemon, eventually  # noqa: E402
from tests.support.observed import facts  # noqa: E402
from tests.support.small_disk import fill, small_disk  # noqa: E402

DAY = 86400


def home_of(daemon: Daemon, uid: int, policy: str) -> Path:
    return daemon.state_dir / "homes" / str(uid) / policy


def leave(daemon: Daemon, uid: int, policy: str, days: float, *, files: int = 1) -> Path:
    """A home as the daemon leaves it in which a run was started last so many days ago."""
    home = home_of(daemon, uid, policy)
    home.mkdir(mode=0o700, parents=True)
    for number in range(files):
        folder = home / str(number // 100)
        folder.mkdir(exist_ok=True)
        (folder / f"file-{number}").write_text("x" * 100)
    os.chown(home, uid, uid)
    note = home.with_name(f"{policy}.used")
    note.write_text(policy)
    at = time.time() - days * DAY
    os.utime(note, (at, at))
    return home


def set_aside(daemon: Daemon) -> list[Path]:
    return list((daemon.state_dir / "homes").glob("*/.removed-*"))


def pruned(text: str) -> dict[str, Any]:
    """{policy: fate} of --json, as far as names are different, and the sums."""
    answer = json.loads(text)
    return {**{home["policy"]: home["fate"] for home in answer["homes"]}, "removed": answer["removed"], "dry": answer["dry_run"]}


def test_homes_that_no_run_was_in_for_long_go_after_they_are_named_and_a_live_run_keeps_its_own(bench: Bench) -> None:
    daemon = bench.daemon
    run = bench.detached("echo kept > ~/login; echo ready; sleep 1000")
    used = home_of(daemon, 0, "coding")
    assert eventually((used / "login").exists), daemon.log()
    os.utime(used.with_name("coding.used"), (0, 0))  # Nothing but the run keeps it.
    old, young = leave(daemon, 0, "old", 31), leave(daemon, 0, "young", 29)
    others = leave(daemon, 61001, "others", 400)

    dry = bench.cli("prune", "--dry-run")
    equal(dry.returncode, 0, dry.stderr)
    lines = {line.split()[0]: line for line in dry.stdout.splitlines()}
    assert "would be removed" in lines["old"] and "would be removed" in lines["others"], dry.stdout
    assert "stays: used in the last 30d" in lines["young"] and f"stays: run {run}" in lines["coding"], dry.stdout
    assert dry.stdout.splitlines()[-1].startswith("2 homes would be removed, ") and dry.stdout.endswith("; nothing was\n"), dry.stdout
    assert old.exists() and others.exists()
    equal(pruned(bench.cli("prune", "--dry-run", "--json").stdout),
          {"coding": "in-use", "old": "goes", "young": "recent", "others": "goes", "removed": 0, "dry": True})
    equal(facts(bench, "home-removed"), [])

    done = bench.cli("prune")
    equal(done.returncode, 0, done.stderr)
    assert "is removed" in done.stdout and done.stdout.splitlines()[-1].startswith("2 homes removed, "), done.stdout
    assert not old.exists() and not others.exists() and young.exists() and not set_aside(daemon)
    equal((used / "login").read_text(), "kept\n")
    bodies = [fact["body"] for fact in facts(bench, "home-removed")]
    equal([(body["uid"], body["policy"], body["by_uid"]) for body in bodies], [(0, "old", 0), (61001, "others", 0)])
    assert all(body["bytes"] >= 4096 for body in bodies), bodies
    equal(bench.show(run)["state"], "running")

    equal(pruned(bench.cli("prune", "--older-than", "28d", "--json").stdout)["young"], "goes")
    assert not young.exists()
    equal(bench.cli("prune", "--older-than", "soon").returncode, 2)
    equal(bench.cli("prune").stdout.splitlines()[-1], "0 homes removed, 0 B")


def test_a_run_after_its_home_was_removed_has_a_new_one(bench: Bench) -> None:
    equal(bench.sh("echo secret > ~/login; cat ~/login").stdout, "secret\n")
    equal(bench.sh("cat ~/login").stdout, "secret\n")
    equal(pruned(bench.cli("prune", "--json").stdout), {"coding": "recent", "removed": 0, "dry": False})
    equal(pruned(bench.cli("prune", "--older-than", "0s", "--json").stdout), {"coding": "goes", "removed": 1, "dry": False})
    assert not home_of(bench.daemon, 0, "coding").exists()
    equal(bench.sh("ls -A ~; echo new > ~/login").returncode, 0)
    equal(bench.sh("cat ~/login").stdout, "new\n")


def test_what_an_agent_does_to_its_home_neither_keeps_nor_hides_it(bench: Bench) -> None:
    outside = bench.workspace / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    script = ("ln -s / ~/root; ln -s ~ ~/self; mkdir -p ~/locked/in; echo x > ~/locked/in/file; mkfifo ~/fifo; "
              f"ln -s {outside} ~/outside; chmod 0 ~/locked; touch -d 2099-01-01 ~ ~/fifo; "
              "i=0; cd ~; while [ $i -lt 200 ]; do mkdir d && cd d || exit 1; i=$((i+1)); done")
    equal(bench.sh(script).returncode, 0)
    note = home_of(bench.daemon, 0, "coding").with_name("coding.used")
    listed = json.loads(bench.cli("prune", "--dry-run", "--json").stdout)["homes"]
    equal(len(listed), 1)
    assert listed[0]["last_used"] < "2099" and listed[0]["more"], listed
    result = bench.cli("prune", "--older-than", "0s")
    equal(result.returncode, 0, result.stderr)
    assert not home_of(bench.daemon, 0, "coding").exists() and not note.exists() and not set_aside(bench.daemon)
    equal((outside / "kept").read_text(), "kept")


def test_each_user_prunes_their_own_homes_and_an_administrator_everybodys(bench: Bench) -> None:
    with Accounts(bench.daemon.bin.parent) as accounts:
        accounts.add_group("ringfence-admin", 61902)
        accounts.add_group("ringfence", 61903)
        accounts.add("rf-owner", 61001)
        accounts.add("rf-stranger", 61004)
        accounts.add("rf-viewer", 61003, groups=(61903,))
        accounts.add("rf-admin", 61002, groups=(61902,))
        accounts.start()
        daemon = accounts.daemon
        equal(accounts.cli("rf-owner", "run", "--", "sh", "-c", "echo secret > ~/login").returncode, 0)
        home, strangers = home_of(daemon, 61001, "coding"), leave(daemon, 61004, "strange", 100)
        for who in ("rf-stranger", "rf-viewer"):
            result = accounts.cli(who, "prune", "--older-than", "0s", "--json")
            equal(result.returncode, 0, result.stderr)
            assert "coding" not in result.stdout and "61001" not in result.stdout, (who, result.stdout)
        assert home.exists() and not strangers.exists()
        equal(pruned(accounts.cli("rf-owner", "prune", "--older-than", "0s", "--json").stdout), {"coding": "goes", "removed": 1, "dry": False})
        assert not home.exists()
        for who, sees in (("rf-owner", ["coding"]), ("rf-stranger", ["strange"]), ("rf-admin", ["strange", "coding"])):
            lines = map(json.loads, accounts.cli(who, "log", "--json").stdout.splitlines())
            equal([line["body"]["policy"] for line in lines if line["kind"] == "home-removed"], sees, who)
        leave(daemon, 61001, "again", 100)
        leave(daemon, 61004, "strange", 100)
        equal(pruned(accounts.cli("rf-admin", "prune", "--json").stdout)["removed"], 2)


def test_a_daemon_that_is_killed_while_it_removes_leaves_nothing_that_anybody_sees(bench: Bench) -> None:
    daemon = bench.daemon
    home, small = leave(daemon, 0, "large", 100, files=60000), leave(daemon, 0, "small", 100)
    prune = subprocess.Popen([bench.program, "prune"], env=daemon.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert eventually(lambda: set_aside(daemon), 60, 0.001), daemon.log()
    daemon.kill_daemon()
    said, _ = prune.communicate(timeout=60)
    assert "large" in said and prune.returncode == 3, (prune.returncode, said)
    assert set_aside(daemon), "it was done before the kill"
    daemon.start()
    assert not home.exists() and not small.exists()
    equal(json.loads(bench.cli("prune", "--dry-run", "--json").stdout)["homes"], [])
    assert eventually(lambda: not set_aside(daemon), 60), set_aside(daemon)
    equal([fact["body"]["policy"] for fact in facts(bench, "home-removed")], ["large", "small"])
    equal(bench.cli("verify").returncode, 0)


def test_what_is_mounted_in_a_home_keeps_it_and_is_not_entered(bench: Bench) -> None:
    daemon = bench.daemon
    home = leave(daemon, 0, "mounted", 100)
    precious = bench.workspace / "precious"
    precious.mkdir()
    (precious / "kept").write_text("kept")
    target = home / "cache"
    target.mkdir()
    subprocess.run(["mount", "--bind", str(precious), str(target)], check=True)
    try:
        equal(pruned(bench.cli("prune", "--json").stdout), {"mounted": "stuck", "removed": 0, "dry": False})
        assert "stays: something is mounted in it" in bench.cli("prune").stdout
    finally:
        subprocess.run(["umount", str(target)], check=True)
    equal((precious / "kept").read_text(), "kept")
    equal(pruned(bench.cli("prune", "--json").stdout)["removed"], 1)
    equal((precious / "kept").read_text(), "kept")


def test_on_a_full_disk_a_prune_makes_room_and_all_goes_on(bench: Bench) -> None:
    with small_disk(bench.daemon.base, 64) as disk, Daemon(bench.daemon.bin.parent) as daemon:
        daemon.kill_daemon()
        daemon.state_dir = disk / "state"
        daemon.start()
        try:
            full_disk(Bench(daemon))
        finally:
            daemon.close()


def full_disk(bench: Bench) -> None:
    daemon = bench.daemon
    equal(bench.sh("true").returncode, 0)
    home = leave(daemon, 0, "old", 100)
    fill(home / "checkpoint")
    assert eventually(lambda: bench.sh("true").stderr.strip().endswith("not started: log"), 60), daemon.log()
    assert eventually(lambda: facts(bench, "records-stopped")), daemon.log()
    result = bench.cli("prune")
    equal(result.returncode, 0, result.stderr + daemon.log())
    assert result.stdout.splitlines()[-1].startswith("1 home removed, "), result.stdout
    assert not home.exists()
    assert eventually(lambda: bench.sh("true").returncode == 0, 60), daemon.log()
    equal([fact["kind"] for fact in facts(bench, "records-stopped", "home-removed", "records-resumed")],
          ["records-stopped", "home-removed", "records-resumed"])


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
