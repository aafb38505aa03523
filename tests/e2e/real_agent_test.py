#!/usr/bin/env python3
"""A coding agent of other people, unmodified, does its task inside the fence: it edits and runs code, one action is asked
and allowed, one denied, one rewritten, its model is reached through the egress alone, and no other server is. That each
of these happens without a fence is shown by tests/agents/unfenced_test.py.

    real_agent_test.py BUILD [TEST…]
"""

from __future__ import annotations

import http.server
import sys
import threading
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.agents import task  # noqa: E402
from tests.agents.install import install  # noqa: E402
from tests.agents.scripted_model import ScriptedModel, read_transcript  # noqa: E402
from tests.agents.unfenced_test import OtherServer  # noqa: E402
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import eventually  # noqa: E402
from tests.support.person import Person  # noqa: E402

POLICY = """schema  = 1
name    = "agent"
extends = ["offline"]

# Some changes are asked about, so all are seen.
[files]
ask = ["$WORKSPACE/release"]

[network]
default  = "forbid"
loopback = [{port}]

[[exec.rule]]
match  = ["git", "commit"]
decide = "ask"
why    = "commits are looked at first"

[[exec.rule]]
match  = ["git", "tag", "v1"]
decide = "ask"
why    = "tags are for releases"

[[exec.rule]]
match  = ["git", "branch", "risky"]
decide = "ask"
why    = "branches are named by people"

# An agent that starves on a busy machine shows nothing.
[priority]
class = "interactive"
"""
PATIENCE_S = 300


# By the subcommand of git.
ANSWERS = {"commit": ["allow"], "tag": ["deny", "--say", "no tags on a Friday"],
           "branch": ["rewrite", "--argv", '["git", "branch", "safe"]']}


def outcome_of(person: Person, subcommand: str) -> list[str]:
    return [person.outcomes[question["id"]] for question in person.questions if question["action"]["argv"][1] == subcommand]


def facts_of(bench: Bench, run: str, kind: str) -> list[dict[str, Any]]:
    return [fact["body"] for fact in bench.daemon.json("log", run) if fact["kind"] == kind]


def check_log(bench: Bench, run: str, port: int) -> None:
    asked = facts_of(bench, run, "action-asked")
    equal(sorted(fact["action"]["argv"][1] for fact in asked), ["branch", "commit", "tag"])
    outcomes = {fact["id"]: fact for fact in facts_of(bench, run, "action-answered")}
    equal({fact["action"]["argv"][1]: outcomes[fact["id"]]["outcome"] for fact in asked},
          {"commit": "allowed", "tag": "denied", "branch": "rewritten"})
    rewritten = next(outcomes[fact["id"]] for fact in asked if fact["action"]["argv"][1] == "branch")
    equal(rewritten["rewrite"]["argv"], ["git", "branch", "safe"])

    def allowed() -> list[dict[str, Any]]:
        return [action for fact in facts_of(bench, run, "actions-allowed") for action in fact["actions"]]

    # What a rule allowed is on the disk a little later.
    edited = f"{bench.workspace}/greet.py"
    assert eventually(lambda: any(a["op"] == "write" and a["target"] == edited for a in allowed())), allowed()
    assert eventually(lambda: any(a["op"] == "exec" and "greet.py" in a["argv"] for a in allowed())), allowed()
    assert eventually(lambda: any(a["op"] == "connect" and a["target"] == f"127.0.0.1:{port}" for a in allowed())), allowed()


def test_a_real_agent_does_its_task_inside_the_fence(bench: Bench) -> None:
    agent = install()
    task.make_project(bench.workspace)
    (bench.workspace / "release").mkdir()
    OtherServer.visits = 0
    other = http.server.ThreadingHTTPServer(("127.0.0.1", 0), OtherServer)
    threading.Thread(target=other.serve_forever, daemon=True).start()
    person = Person(bench, lambda question: ANSWERS[question["action"]["argv"][1]])
    try:
        with ScriptedModel(read_transcript(task.TRANSCRIPT, {"OTHER_PORT": str(other.server_address[1])})) as model:
            settings = bench.daemon.base / "settings"
            task.configure(settings, model.base_url)
            policy = bench.daemon.base / "agent.toml"
            policy.write_text(POLICY.format(port=model.port), encoding="utf-8")
            variables = {"PI_CODING_AGENT_DIR": str(bench.workspace / "settings"), **task.ENVIRONMENT}
            (settings / ".pi" / "agent").rename(bench.workspace / "settings")
            words = [word for name, value in variables.items() for word in ("-e", f"{name}={value}")]
            result = bench.cli("run", "-p", str(policy), "--read", str(agent.folder), *words, "--", *task.command(agent),
                               timeout=PATIENCE_S)
    finally:
        person.leave()
        other.shutdown()
        other.server_close()
    equal((result.returncode, result.stdout.strip()), (0, task.LAST_WORDS), result.stderr)
    equal((len(model.requests), model.problems, person.problems), (len(model.replies), [], []))
    seen = [text.strip() for text in model.observations()]
    assert "'hello'" in (bench.workspace / "greet.py").read_text(encoding="utf-8")
    equal(seen[2], "hello world")
    equal((seen[3], outcome_of(person, "commit")), ("Say hello\nFirst", ["allowed"]))
    assert "not permitted" in seen[4] and "v1" not in seen[4].split("status")[1], seen[4]
    equal(outcome_of(person, "tag"), ["denied"])
    equal((seen[5], outcome_of(person, "branch")), ("main\nsafe", ["rewritten"]))
    equal(OtherServer.visits, 0, seen[6])
    assert "you reached me" not in seen[6], seen[6]
    check_log(bench, bench.last_ended(), model.port)


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
