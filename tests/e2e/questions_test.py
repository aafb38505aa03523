#!/usr/bin/env python3
"""A person is asked, and answers: what the agent gets, what happens outside, and what the log keeps.

    questions_test.py BUILD [TEST…]
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import SLOWER, eventually, is_alive  # noqa: E402
from tests.support.observed import facts, pending, question  # noqa: E402

POLICY = """schema = 1
name = "careful"
extends = ["offline"]
[priority]
class = "interactive"
[files]
ask = ["{asked}"]
[prompt]
timeout = "{timeout}"
[[exec.rule]]
match = ["printf", "one"]
decide = "ask"
why = "one is asked"
[[exec.rule]]
match = ["printf", "never"]
decide = "forbid"
why = "this is never printed"
[[exec.rule]]
match = ["printf", "wrong"]
decide = "rewrite"
rewrite = ["printf", "right"]
"""


class Asking:
    """A folder whose changes are asked, and a policy that says so."""

    def __init__(self, bench: Bench, timeout: str = "10m") -> None:
        self.bench = bench
        self.folder = bench.daemon.base / "asked"
        self.folder.mkdir()
        self.policy = bench.daemon.base / "careful.toml"
        self.policy.write_text(POLICY.format(asked=self.folder, timeout=timeout))

    def start(self, script: str, *flags: str) -> str:
        return self.bench.detached(script, "-p", str(self.policy), *flags)

    def run(self, script: str, *flags: str) -> subprocess.CompletedProcess[str]:
        return self.bench.sh(script, "-p", str(self.policy), *flags)

    def output(self, run: str) -> str:
        self.bench.ended(run)
        return self.bench.cli("logs", run).stdout


def answer(bench: Bench, *words: object) -> None:
    result = bench.cli(*map(str, words))
    equal(result.returncode, 0, result.stderr)


# ---- one question ----------------------------------------------------------------------------------------------------


def test_an_asked_write_waits_and_happens_once_it_is_allowed(bench: Bench) -> None:
    asking = Asking(bench)
    goal = asking.folder / "note"
    run = asking.start(f"echo hello > {goal} && cat {goal}")
    asked = question(bench)
    equal(asked["run"], run)
    equal(asked["action"]["op"], "write")
    equal(asked["action"]["target"], str(goal))
    assert asked["rule"]["file"].endswith("careful.toml") and asked["rule"]["line"] == 7, asked
    assert asked["chain"], asked
    equal(asked["reversible"], "irreversible")
    assert not goal.exists() and bench.show(run)["state"] == "running"
    answer(bench, "allow", asked["id"])
    equal(asking.output(run), "hello\n")
    equal(goal.read_text(), "hello\n")
    equal(pending(bench), [])
    kinds = [fact["kind"] for fact in facts(bench) if fact["kind"].startswith("action-")]
    assert kinds.index("action-asked") < kinds.index("action-answered"), kinds


def test_a_denied_write_is_eperm_and_the_agent_reads_why(bench: Bench) -> None:
    asking = Asking(bench)
    goal = asking.folder / "note"
    run = asking.start(f"echo hello > {goal}; echo status $?; cat $RINGFENCE_DENIALS")
    answer(bench, "deny", question(bench)["id"], "--say", "use the workspace instead")
    output = asking.output(run)
    assert "Operation not permitted" in output or "Operation not permitted" in bench.cli("logs", run).stderr, output
    told = json.loads(output.splitlines()[-1])
    equal(told["outcome"], "denied")
    equal(told["say"], "use the workspace instead")
    equal(told["target"], str(goal))
    assert not goal.exists()


def test_a_question_that_nobody_answers_is_denied_once_and_asked_again_the_next_time(bench: Bench) -> None:
    asking = Asking(bench, timeout="1s")
    goal = asking.folder / "note"
    run = asking.start(f"exec 2>&1; echo a > {goal}; echo status $?; echo b > {goal}; echo status $?; tail -n1 $RINGFENCE_DENIALS")
    output = asking.output(run)
    equal(output.count("status 0"), 0, output)
    equal((output.count("Permission denied"), output.count("not permitted")), (2, 0), output)  # EACCES: EPERM is a person's no
    equal(json.loads(output.splitlines()[-1])["outcome"], "expired")
    assert not goal.exists()
    equal(len(facts(bench, "action-asked")), 2)


def test_a_run_that_nobody_attends_is_denied_at_once(bench: Bench) -> None:
    asking = Asking(bench)
    began = time.monotonic()
    result = asking.run(f"echo a > {asking.folder}/note", "--unattended")
    assert result.returncode != 0 and time.monotonic() - began < 60
    assert not (asking.folder / "note").exists()


def test_a_question_is_answered_once(bench: Bench) -> None:
    asking = Asking(bench)
    run = asking.start(f"echo hello > {asking.folder}/note")
    asked = question(bench)["id"]
    answer(bench, "allow", asked)
    second = bench.cli("deny", str(asked))
    assert second.returncode != 0 and "answered" in second.stderr, second
    equal(bench.ended(run), {"code": 0})
    equal(len(facts(bench, "action-answered")), 1)


# ---- correcting ------------------------------------------------------------------------------------------------------


def test_a_write_is_sent_to_another_path(bench: Bench) -> None:
    asking = Asking(bench)
    run = asking.start(f"echo hello > {asking.folder}/note; echo status $?")
    elsewhere = bench.workspace / "note"
    answer(bench, "rewrite", question(bench)["id"], "--path", str(elsewhere))
    equal(asking.output(run), "status 0\n")
    equal(elsewhere.read_text(), "hello\n")
    assert not (asking.folder / "note").exists()
    rewritten = facts(bench, "action-answered")[0]["body"]
    assert str(elsewhere) in json.dumps(rewritten), rewritten


def test_a_command_is_corrected_and_the_original_never_runs(bench: Bench) -> None:
    asking = Asking(bench)
    run = asking.start("/usr/bin/printf one; echo; echo status $?")
    asked = question(bench, lambda one: one["action"]["op"] == "exec")
    equal(asked["action"]["argv"], ["/usr/bin/printf", "one"])
    answer(bench, "rewrite", asked["id"], "--argv", json.dumps(["/usr/bin/printf", "two %s", "three"]))
    equal(asking.output(run), "two three\nstatus 0\n")


def test_a_command_that_a_rule_corrects_is_corrected_without_asking(bench: Bench) -> None:
    asking = Asking(bench)
    equal(asking.run("/usr/bin/printf wrong; echo").stdout, "right\n")


def test_a_forbidden_command_does_not_run_whatever_it_is_called_by(bench: Bench) -> None:
    asking = Asking(bench)
    for script in ("/usr/bin/printf never", "env /usr/bin/printf never", "cd /usr/bin && ./printf never"):
        result = asking.run(f"{script}; echo status $?")
        assert "never" not in result.stdout and "status 0" not in result.stdout, result
    assert eventually(lambda: facts(bench, "action-denied"))


def test_a_command_that_is_allowed_runs_and_one_that_is_denied_does_not(bench: Bench) -> None:
    asking = Asking(bench)
    run = asking.start("/usr/bin/printf one; echo; /usr/bin/printf one; echo status $?")
    first = question(bench)
    answer(bench, "allow", first["id"])
    answer(bench, "deny", question(bench, lambda one: one["id"] != first["id"])["id"])
    lines = asking.output(run).splitlines()
    equal(lines[0], "one")
    assert lines[-1].startswith("status 126"), lines


# ---- longer than once ------------------------------------------------------------------------------------------------


def test_a_grant_for_the_run_is_not_asked_again_and_ends_with_it(bench: Bench) -> None:
    asking = Asking(bench)
    goal = asking.folder / "note"
    script = f"for i in 1 2 3; do echo $i > {goal}; done"
    run = asking.start(script)
    answer(bench, "allow", question(bench)["id"], "--scope", "run")
    equal(bench.ended(run), {"code": 0})
    equal(len(facts(bench, "action-asked")), 1)
    second = asking.start(script)
    question(bench)
    bench.cli("kill", second)


def test_a_grant_for_always_is_text_that_can_be_read_and_revoked(bench: Bench) -> None:
    asking = Asking(bench)
    goal = asking.folder / "note"
    run = asking.start(f"echo 1 > {goal}")
    answer(bench, "allow", question(bench)["id"], "--scope", "always")
    equal(bench.ended(run), {"code": 0})
    equal(asking.run(f"echo 2 > {goal}").returncode, 0)
    equal(goal.read_text(), "2\n")
    shown = bench.cli("grants").stdout
    assert str(goal) in shown, shown
    grant = json.loads(bench.cli("grants", "--json").stdout.splitlines()[0])
    assert "[[grant]]" in grant["policy_text"], grant
    waiting = asking.start(f"while [ ! -e go ]; do sleep 0.05; done; echo 3 > {goal}")
    answer(bench, "grants", "revoke", str(grant["id"]))
    (bench.workspace / "go").touch()
    question(bench, lambda one: one["run"] == waiting)
    equal(goal.read_text(), "2\n")
    bench.cli("kill", waiting)


# ---- while it waits --------------------------------------------------------------------------------------------------


def test_signals_end_a_call_that_waits_for_an_answer(bench: Bench) -> None:
    asking = Asking(bench)
    handler = "import signal,sys\nsignal.signal(signal.SIGTERM, lambda *a: sys.exit(7))\n"
    script = f"exec python3 -c '{handler}open(\"{asking.folder}/note\", \"w\")'"
    run = asking.start(script)
    question(bench)
    equal(bench.cli("stop", run).returncode, 0)
    equal(bench.ended(run), {"code": 7})
    assert eventually(lambda: pending(bench) == []), pending(bench)


def test_a_killed_run_takes_its_question_along(bench: Bench) -> None:
    asking = Asking(bench)
    run = asking.start(f"echo hello > {asking.folder}/note")
    asked = question(bench)["id"]
    began = time.monotonic()
    equal(bench.cli("kill", run).returncode, 0)
    bench.ended(run)
    assert time.monotonic() - began < 100  # a question lives for ten minutes
    assert eventually(lambda: pending(bench) == []), pending(bench)
    assert bench.cli("allow", str(asked)).returncode != 0
    assert not (asking.folder / "note").exists()


def warden_of(bench: Bench) -> int:
    for pid in bench.daemon.processes():
        try:
            if Path(f"/proc/{pid}/comm").read_text().strip() == "ringfence-warde":
                return pid
        except OSError:
            continue
    return 0


def test_a_question_outlives_the_daemon_and_is_not_doubled(bench: Bench) -> None:
    asking = Asking(bench)
    run = asking.start(f"echo hello > {asking.folder}/note")
    before = question(bench)
    bench.daemon.kill_daemon()
    bench.daemon.start()
    after = question(bench)
    equal((after["id"], after["digest"]), (before["id"], before["digest"]))
    answer(bench, "allow", after["id"])
    equal(bench.ended(run), {"code": 0})
    equal((asking.folder / "note").read_text(), "hello\n")
    equal(len(facts(bench, "action-asked")), 1)


def test_a_question_outlives_the_warden_and_is_not_doubled(bench: Bench) -> None:
    asking = Asking(bench)
    run = asking.start(f"echo hello > {asking.folder}/note")
    before = question(bench)
    warden = warden_of(bench)
    assert warden, bench.daemon.processes()
    os.kill(warden, signal.SIGKILL)
    assert eventually(lambda: not is_alive(warden))
    assert eventually(lambda: warden_of(bench) not in (0, warden))
    assert eventually(lambda: [one["id"] for one in pending(bench)] == [before["id"]]), pending(bench)
    answer(bench, "allow", before["id"])
    equal(bench.ended(run), {"code": 0})
    equal((asking.folder / "note").read_text(), "hello\n")
    equal(len(facts(bench, "action-asked")), 1)


# ---- what needs no question ------------------------------------------------------------------------------------------


def recorded(bench: Bench, run: str) -> dict[str, datetime]:
    """What the run was allowed, and when that was recorded first."""
    found: dict[str, datetime] = {}
    for fact in facts(bench, "actions-allowed"):
        for action in fact["body"]["actions"] if fact["run"] == run else []:
            found.setdefault(action["target"], datetime.fromisoformat(fact["at"].replace("Z", "+00:00")))
    return found


def test_edits_and_commands_of_a_run_are_facts_within_a_second(bench: Bench) -> None:
    asking = Asking(bench)
    run = asking.start("echo x > made; mkdir folder; mv made folder/moved; /usr/bin/printf two; "
                       "for i in 1 2 3 4 5; do until test -e go-$i; do sleep 0.02; done; echo x > edit-$i; done; sleep 1000")
    wanted = [str(bench.workspace / "made"), str(bench.workspace / "folder"), "/usr/bin/printf"]
    assert eventually(lambda: set(wanted) <= set(recorded(bench, run)), 60), recorded(bench, run)
    late: list[float] = []
    # A machine that is busy is late once; a daemon that writes less often than it says is late each time, as each edit is made
    # when the one before it has just been written.
    for number in range(1, 6):
        edit = bench.workspace / f"edit-{number}"
        (bench.workspace / f"go-{number}").touch()
        assert eventually(lambda: str(edit) in recorded(bench, run), 60), recorded(bench, run)
        late.append(recorded(bench, run)[str(edit)].timestamp() - edit.stat().st_mtime)
        if late[-1] <= SLOWER:
            break
    assert min(late) <= SLOWER, f"seconds between an edit and its fact: {late}"
    bench.cli("kill", run)


def test_a_repository_that_the_run_makes_is_its_own_and_is_told_at_the_end(bench: Bench) -> None:
    asking = Asking(bench)
    subprocess.run(["git", "init", "-q", str(bench.workspace / "there")], check=True)
    result = asking.run("git init -q . && git init -q made && git -C made config a.b c && echo x > made/.env.example; echo status $?; "
                        "echo evil > there/.git/hooks/pre-commit; echo hook $?; git -C there config a.b c; echo config $?; "
                        "mkdir -p x; mv x .vscode; ln -s /etc .envrc; ls -a")
    assert "status 0" in result.stdout, result.stdout + result.stderr
    assert "hook 0" not in result.stdout and "config 0" not in result.stdout, result.stdout
    for name in (".git", "made/.git"):
        assert f"{bench.workspace}/{name}" in result.stderr.split("look before you use")[1], result.stderr
    assert f"{bench.workspace}/there" not in result.stderr.split("look before you use")[1], result.stderr
    for name in (".vscode", ".envrc"):
        path = bench.workspace / name
        assert not path.is_symlink() and not path.is_dir(), name


def test_why_names_the_rule_that_would_decide(bench: Bench) -> None:
    asking = Asking(bench)
    run = asking.start("sleep 30")
    answer_of = bench.cli("why", run, "--op", "write", "--target", str(asking.folder / "x"), "--json")
    told = json.loads(answer_of.stdout)
    equal(told["decision"], "ask")
    assert told["rule"]["file"].endswith("careful.toml") and told["rule"]["line"] == 7, told
    equal(told["asked"], None)
    bench.cli("kill", run)


def test_why_names_the_processes_behind_what_was_asked(bench: Bench) -> None:
    asking = Asking(bench)
    goal = asking.folder / "note"
    run = asking.start(f"touch {goal}; sleep 30")
    asked = question(bench)

    def why(*form: str) -> str:
        return bench.cli("why", run, "--op", "write", "--target", str(goal), *form).stdout

    told = json.loads(why("--json"))["asked"]
    equal((told["question"], told["outcome"], told["chain"]), (int(asked["id"]), "waits", asked["chain"]))
    process, starter = told["chain"][:2]
    equal(process["name"], "touch")
    answer(bench, "deny", asked["id"])
    told = json.loads(why("--json"))["asked"]
    equal((told["outcome"], told["chain"]), ("denied", asked["chain"]))
    words = why()
    assert f"question {asked['id']} was denied at" in words, words
    assert f"touch ({process['pid']}), started by {starter['name']} ({starter['pid']})" in words, words
    bench.cli("kill", run)


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
