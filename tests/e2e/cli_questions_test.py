#!/usr/bin/env python3
"""Questions from the agent's call to the person's answer, with the real daemon and guards.

    cli_questions_test.py BUILD [TEST…]
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import SOURCE, eventually  # noqa: E402
from tests.support.observed import question  # noqa: E402

POLICY = """schema  = 1
name    = "asking"
extends = ["offline"]

[files]
ask = ["$WORKSPACE/release"]

[[exec.rule]]
match  = ["git", "commit"]
decide = "ask"
why    = "commits are looked at first"

[priority]
class = "interactive"
"""


def policy_of(bench: Bench) -> str:
    (bench.workspace / "release").mkdir()
    file = bench.daemon.base / "asking.toml"
    file.write_text(POLICY, encoding="utf-8")
    return str(file)


def start(bench: Bench, script: str) -> "subprocess.Popen[str]":
    return subprocess.Popen([bench.program, "run", "-p", policy_of(bench), "--", "/bin/bash", "-c", script], cwd=bench.workspace,
                            env=bench.daemon.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)


def test_a_question_is_announced_in_the_terminal_of_its_run_and_answered_from_another(bench: Bench) -> None:
    policy = policy_of(bench)
    with bench.terminal("run", "-p", policy, "--", "/bin/bash", "-c", "git commit -m x; echo over", columns=100) as terminal:
        terminal.expect(r"ringfence: bash asks to run git commit -m x, by bash \(\d+\): ringfence allow 1 or deny 1", 60)
        equal(bench.cli("deny", "1", "--say", "not on a Friday").stdout, "denied 1\n")
        terminal.expect("not permitted")
        terminal.expect("over")
        equal(terminal.wait(), 0)
    equal(bench.cli("allow", "1").returncode, 5)


def test_a_grant_for_the_run_is_used_listed_and_revoked(bench: Bench) -> None:
    run = start(bench, "echo a >release/x; echo b >release/x; while [ ! -e go ]; do sleep 0.05; done; echo c >release/x")
    first = question(bench)
    equal((first["action"]["op"], first["action"]["target"]), ("write", f"{bench.workspace}/release/x"))
    equal(bench.cli("allow", str(first["id"]), "--scope", "run").returncode, 0)
    file = bench.workspace / "release" / "x"
    assert eventually(lambda: file.exists() and file.read_text() == "b\n", 60)
    grant = bench.daemon.json("grants")
    grant = grant[0] if isinstance(grant, list) else grant
    equal((grant["scope"], grant["target"]), ("run", f"{bench.workspace}/release/x"))
    assert "[[grant]]" in grant["policy_text"], grant
    equal(bench.cli("grants", "revoke", str(grant["id"])).returncode, 0)
    equal(bench.cli("grants", "--json").stdout, "")
    ended = json.loads(bench.cli("grants", "--all", "--json").stdout)
    equal((ended["id"], ended["revoked_by"], ended["ended_why"]), (grant["id"], os.getuid(), None))
    assert ended["revoked"] and ended["revoked"] == ended["ended"], ended
    assert f"by uid {os.getuid()}" in bench.cli("grants", "--all").stdout
    why = bench.cli("why", ended["run"], "--op", "write", "--target", f"{bench.workspace}/release/x", "--json")
    equal(why.returncode, 5, why.stderr)
    told = json.loads(why.stdout)["before"]
    assert told.startswith(f"grant {grant['id']}, until uid {os.getuid()} revoked it at "), told
    other = bench.cli("why", ended["run"], "--op", "write", "--target", f"{bench.workspace}/release/y", "--json")
    equal(json.loads(other.stdout)["before"], None)
    (bench.workspace / "go").touch()
    again = question(bench)
    assert again["id"] != first["id"], again
    equal(bench.cli("deny", str(again["id"])).returncode, 0)
    output, _ = run.communicate(timeout=60)
    assert "not permitted" in output, output
    equal(file.read_text(), "b\n")


def test_a_run_teaches_the_narrowest_rules_and_nothing_that_was_refused(bench: Bench) -> None:
    run = start(bench, "echo a >release/x; git commit -m x")
    first = question(bench)
    equal(bench.cli("allow", str(first["id"])).returncode, 0)
    assert eventually(lambda: question(bench)["action"]["op"] == "exec", 60)
    equal(bench.cli("deny", str(question(bench)["id"])).returncode, 0)
    run.communicate(timeout=60)
    shelf = ("policy", "--policy-dir", str(SOURCE / "policy" / "profiles"), "learn", bench.last_ended())
    learnt = bench.cli(*shelf)
    equal(learnt.returncode, 0, learnt.stderr)
    assert f'target = "{bench.workspace}/release/x"' in learnt.stdout, learnt.stdout
    assert "commit" not in learnt.stdout, learnt.stdout
    assert "1 questions were answered with no" in learnt.stderr and "started with" not in learnt.stderr, learnt.stderr
    # What it extends is another text here than where the run was started.
    copied = bench.daemon.base / "profiles"
    shutil.copytree(SOURCE / "policy" / "profiles", copied)
    offline = copied / "offline.toml"
    offline.write_text(offline.read_text() + '\n[limits]\npids = 77\n')
    other = bench.cli("policy", "--policy-dir", str(copied), "learn", bench.last_ended())
    equal(other.returncode, 0, other.stderr)
    assert "what it extends has changed, or its call or its project added" in other.stderr, other.stderr
    # Its file is known as long as it is what the run was started with; another one is named by hand.
    file = bench.daemon.base / "asking.toml"
    equal(bench.show(bench.last_run()["id"])["policy"]["file"], str(file))
    equal(bench.cli(*shelf, str(file)).stdout, learnt.stdout)
    file.write_text(file.read_text() + "# changed\n")
    changed = bench.cli(*shelf)
    equal((changed.returncode, changed.stdout), (1, ""))
    assert str(file) in changed.stderr and "another digest" in changed.stderr, changed.stderr
    equal(bench.cli(*shelf, str(file)).stdout, learnt.stdout)
    file.unlink()
    gone = bench.cli(*shelf)
    equal(gone.returncode, 1)
    assert "cannot be read any more" in gone.stderr, gone.stderr


def test_why_names_the_rule_that_decides_and_a_host_that_the_call_allowed(bench: Bench) -> None:
    equal(bench.sh("read x </dev/zero", "-d", "-p", policy_of(bench), "--allow-host", "example.org:443").returncode, 0)
    run = bench.last_run()["id"]

    def why(*words: str) -> subprocess.CompletedProcess[str]:
        return bench.cli("why", run, *words)

    equal(why("--op", "connect", "--target", "example.org:443").returncode, 0)
    equal(why("--op", "connect", "--target", "example.com:443").returncode, 4)
    asked = why("--op", "exec", "--target", "/usr/bin/git", "--", "git", "commit", "-m", "x")
    equal(asked.returncode, 5, asked.stderr)
    assert "asking.toml:9" in asked.stdout and "commits are looked at first" in asked.stdout, asked.stdout
    equal(bench.cli("kill", run).returncode, 0)


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
