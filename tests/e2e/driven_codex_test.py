#!/usr/bin/env python3
"""Codex as an app-server, unmodified, in a fence: what it asks whoever drives it for leave is answered by the policy of its run, or by
a person in Ringfence, and its model reads a no.

    driven_codex_test.py BUILD [TEST…]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.agents.hooked import CODEX, CODEX_SETTINGS, PROMPT  # noqa: E402
from tests.agents.languages import Call, Reply, Words  # noqa: E402
from tests.agents.scripted_model import ScriptedModel  # noqa: E402
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import eventually  # noqa: E402
from tests.support.json_lines import Speaker  # noqa: E402
from tests.support.observed import question  # noqa: E402
from tests.support.person import Person  # noqa: E402

POLICY = """schema  = 1
name    = "agent"
extends = ["coding"]

[network]
default  = "forbid"
loopback = [{port}]

{rules}
[priority]
class = "interactive"
"""
RULES = """[[tools.rule]]
match  = ["Bash"]
decide = "ask"
why    = "runs lines of a shell"
"""
PATIENCE_S = 200
LAST_WORDS = "All of it is done."


class Driver(Speaker):
    """Of Codex in a fence, with one thread."""

    def __init__(self, bench: Bench, model: ScriptedModel, rules: str) -> None:
        installed = CODEX.install()
        settings = bench.workspace / "settings"
        settings.mkdir()
        (settings / "config.toml").write_text(CODEX_SETTINGS.format(url=model.url), encoding="utf-8")
        policy = bench.daemon.base / "agent.toml"
        policy.write_text(POLICY.format(port=model.port, rules=rules), encoding="utf-8")
        command = [bench.program, "acp", "--protocol", "codex", "--adapter", "none", "-p", str(policy), "--read", str(installed.folder), "-e",
                   f"CODEX_HOME={settings}", "--", str(installed.program), "app-server"]
        super().__init__(command, cwd=bench.workspace, env=bench.daemon.environment)
        self.call_it(0, "initialize", {"clientInfo": {"name": "panel", "title": "Panel", "version": "1"}})
        self.line({"method": "initialized"})
        # It asks about all that it does not know to be harmless, and has no walls of its own.
        started = self.call_it(1, "thread/start", {"cwd": str(bench.workspace), "approvalPolicy": "untrusted", "sandbox": "danger-full-access"})
        self.thread = started["thread"]["id"]

    def line(self, message: dict[str, Any]) -> None:
        self.raw(json.dumps(message) + "\n")

    def call_it(self, number: int, method: str, params: dict[str, Any]) -> Any:
        self.line({"id": number, "method": method, "params": params})
        answer = self.answer(number, PATIENCE_S)
        assert "result" in answer, answer
        return answer["result"]

    def begin_turn(self) -> None:
        self.call_it(2, "turn/start", {"threadId": self.thread, "input": [{"type": "text", "text": PROMPT}]})

    def end_turn(self) -> dict[str, Any]:
        return self.first(lambda one: one.get("method") == "turn/completed", PATIENCE_S)["params"]["turn"]

    def requests(self) -> list[dict[str, Any]]:
        """What Codex asked of it by now."""
        return [one for one in self._kept if "id" in one and "method" in one]


def patch(path: str) -> Call:
    return Call("apply_patch", f"*** Begin Patch\n*** Add File: {path}\n+text\n*** End Patch\n")


def test_codex_as_an_app_server_is_answered_by_its_policy_and_its_person(bench: Bench) -> None:
    lines = ["echo yes >yes.txt", "echo no >no.txt", "echo x >/usr/x"]
    answers = {lines[0]: ["allow"], lines[1]: ["deny", "--say", "not on a Friday"], lines[2]: ["allow"]}
    person = Person(bench, lambda question: answers[next(one for one in lines if one in question["action"]["argv"][0])])
    replies: list[Reply] = [*(CODEX.call(line) for line in lines), patch("inside.txt"), patch(str(bench.workspace / ".envrc")), Words(LAST_WORDS)]
    try:
        with ScriptedModel(replies, CODEX.language()) as model, Driver(bench, model, RULES) as driver:
            driver.begin_turn()
            equal(driver.end_turn()["status"], "completed")
            asked = driver.requests()
            # What its last answer used it tells after the end of the turn, and not when it is ended before.
            stated, alive = model.language.stated, bench.last_run()["id"]
            assert eventually(lambda: bench.reported_tokens(alive) == stated, PATIENCE_S), (bench.reported_tokens(alive), stated)
            equal(driver.end()[0], 0)
    finally:
        person.leave()
    equal((asked, person.problems, model.problems), ([], [], []))
    run = bench.last_ended()
    equal((bench.reported_tokens(run), bench.show(run)["usage"]["tokens"]), (stated, stated))
    equal([question["action"]["target"] for question in person.questions], ["Bash"] * 3)
    exist = {name: (bench.workspace / name).exists() for name in ("yes.txt", "no.txt", "inside.txt", ".envrc")}
    equal(exist, {"yes.txt": True, "no.txt": False, "inside.txt": True, ".envrc": False})
    seen = model.observations()
    assert "rejected by user" in seen[1] and "rejected" in seen[4], seen
    # Leave or not, the walls hold.
    assert "Permission denied" in seen[2] or "Read-only" in seen[2], seen
    conversation = json.dumps(model.requests[-1]["input"])
    assert "Ringfence: a person said no: not on a Friday." in conversation, conversation
    assert "Ringfence: the policy of this run forbids it" in conversation, conversation


def test_codex_as_an_app_server_asks_its_driver_what_no_rule_names(bench: Bench) -> None:
    with ScriptedModel([CODEX.call("echo yes >yes.txt"), Words(LAST_WORDS)], CODEX.language()) as model, Driver(bench, model, "") as driver:
        driver.begin_turn()
        asked = driver.first(lambda one: one.get("method") == "item/commandExecution/requestApproval", PATIENCE_S)
        assert "echo yes >yes.txt" in asked["params"]["command"], asked
        driver.line({"id": asked["id"], "result": {"decision": "accept"}})
        equal(driver.end_turn()["status"], "completed")
        assert (bench.workspace / "yes.txt").exists()
        equal(driver.end()[0], 0)


def test_a_question_of_codex_ends_with_the_turn_that_its_driver_interrupts(bench: Bench) -> None:
    with ScriptedModel([CODEX.call("echo yes >yes.txt"), Words(LAST_WORDS)], CODEX.language()) as model, Driver(bench, model, RULES) as driver:
        driver.begin_turn()
        turn = driver.first(lambda one: one.get("method") == "turn/started", PATIENCE_S)["params"]["turn"]["id"]
        question(bench)
        driver.call_it(3, "turn/interrupt", {"threadId": driver.thread, "turnId": turn})
        equal(driver.end_turn()["status"], "interrupted")
        assert eventually(lambda: not bench.cli("pending", "--json").stdout.strip(), 60)
        equal(driver.requests(), [])
        assert not (bench.workspace / "yes.txt").exists()


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
