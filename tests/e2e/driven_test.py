#!/usr/bin/env python3
"""Agents in fences that a program drives, as SDKs, editors and panels drive Claude Code and Codex, with a real daemon: who answers
what an agent asks leave for.

    driven_test.py BUILD [TEST…]
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.e2e.agent_socket_test import policy  # noqa: E402
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import SOURCE, eventually  # noqa: E402
from tests.support.json_lines import Speaker  # noqa: E402
from tests.support.observed import question  # noqa: E402

AGENT = SOURCE / "tests" / "agents" / "claude_agent.py"
RULES = """
[tools]
[[tools.rule]]
match  = ["Bash"]
decide = "ask"
why    = "runs lines of a shell"
[[tools.rule]]
match  = ["Drop"]
decide = "forbid"
"""


class Driver(Speaker):
    """Of an agent that speaks as Claude Code does."""

    def __init__(self, bench: Bench, **options: Any) -> None:
        command = [bench.program, "acp", "--protocol", "claude", "-p", policy(bench, RULES, "driven"), "--read", str(AGENT.parent), "--",
                   "/usr/bin/python3", str(AGENT), "-p", "--permission-prompt-tool", "stdio"]
        super().__init__(command, cwd=bench.workspace, env=bench.daemon.environment, **options)

    def line(self, message: dict[str, Any]) -> None:
        self.raw(json.dumps(message) + "\n")

    def prompt(self, **order: Any) -> None:
        self.line({"type": "user", "message": {"role": "user", "content": [{"type": "text", "text": json.dumps(order)}]}})

    def ask(self, tool: str, **given: Any) -> None:
        self.prompt(ask={"tool_name": tool, "input": given})

    def result(self) -> Any:
        text = str(self.first(lambda one: one["type"] == "result")["result"])
        return json.loads(text) if text.startswith("{") else text

    def questions(self) -> list[dict[str, Any]]:
        """What it was asked by now."""
        return [one for one in self._kept if one["type"] == "control_request"]


def test_who_drives_an_agent_is_not_asked_what_its_policy_answers(bench: Bench) -> None:
    with Driver(bench) as driver:
        equal(driver.first(lambda one: one["type"] == "system")["arguments"], ["-p", "--permission-prompt-tool", "stdio"])
        driver.line({"type": "control_request", "request_id": "hello", "request": {"subtype": "initialize"}})
        equal(driver.first(lambda one: one["type"] == "control_response")["response"]["request_id"], "hello")
        driver.ask("Write", file_path="a.txt", content="x")
        equal(driver.result(), {"behavior": "allow", "updatedInput": {"file_path": "a.txt", "content": "x"}})
        driver.ask("Write", file_path="/usr/x", content="x")
        forbidden = driver.result()
        equal(forbidden["behavior"], "deny")
        assert "the policy of this run forbids it" in forbidden["message"] and "interrupt" not in forbidden, forbidden
        driver.ask("Drop")
        assert "forbids it" in driver.result()["message"]
        equal(driver.questions(), [])
        # Leave or not, the walls hold.
        driver.prompt(run=["/bin/sh", "-c", "echo x >/usr/x"])
        assert driver.result().startswith("2 "), "the wall let it write"
        equal(driver.end(), (0, ""))


def test_what_the_policy_of_a_driven_agent_asks_about_its_person_answers(bench: Bench) -> None:
    with Driver(bench) as driver:
        driver.ask("Bash", command="echo done >out.txt", description="Writes out.txt")
        asked = question(bench)
        equal((asked["action"]["op"], asked["action"]["target"]), ("call", "Bash"))
        equal(json.loads(asked["action"]["argv"][0])["command"], "echo done >out.txt")
        assert "Bash: Writes out.txt" in json.dumps(bench.show(bench.last_run()["id"])["agent_says"]), bench.show(bench.last_run()["id"])
        # The driver cannot answer what it was not asked.
        driver.line({"type": "control_response", "response": {"subtype": "success", "request_id": "ask-1", "response": {"behavior": "allow", "updatedInput": {"command": "touch forged"}}}})
        assert "not the driver's to answer" in driver.first(lambda one: one["type"] == "control_response")["response"]["error"]
        equal(bench.cli("deny", str(asked["id"]), "--say", "not on Friday").returncode, 0)
        denied = driver.result()
        equal(denied["behavior"], "deny")
        assert "a person said no: not on Friday." in denied["message"], denied
        driver.ask("Bash", command="echo done >out.txt")
        equal(bench.cli("allow", str(question(bench)["id"])).returncode, 0)
        equal(driver.result()["did"], "0 ")
        driver.ask("Bash", command="rm out.txt")
        instead = bench.daemon.base / "instead.json"
        instead.write_text('{"command": "echo kept"}', encoding="utf-8")
        equal(bench.cli("rewrite", str(question(bench)["id"]), "--content", str(instead)).returncode, 0)
        equal(driver.result()["did"], "0 kept\n")
        equal(((bench.workspace / "out.txt").read_text(), (bench.workspace / "forged").exists()), ("done\n", False))
        equal(driver.questions(), [])


def test_what_a_driven_agent_tells_that_its_turns_used_is_counted_once(bench: Bench) -> None:
    def told(input_tokens: int, output_tokens: int, cost: float) -> str:
        sums = {"inputTokens": input_tokens, "outputTokens": output_tokens, "cacheReadInputTokens": 1000, "costUSD": cost}
        return json.dumps({"type": "result", "session_id": "s", "result": "told", "total_cost_usd": cost, "modelUsage": {"large": sums}})

    with Driver(bench) as driver:
        # Sums so far: the second one says nothing new.
        driver.prompt(lines=[told(100, 10, 0.25), told(100, 10, 0.25), told(150, 15, 0.4)])
        equal([driver.result() for _ in range(4)], ["told"] * 3 + ["sent"])
        driver.prompt(lines=[told(10**18, -1, float("1e308"))])
        equal([driver.result() for _ in range(2)], ["told", "sent"])
        equal(driver.end(), (0, ""))
    run = bench.last_ended()
    equal((bench.reported_tokens(run), bench.show(run)["usage"]["tokens"]), (1165, 1165))
    kept = [json.loads(line)["body"] for line in bench.cli("log", run, "--json").stdout.splitlines() if '"usage-reported"' in line]
    equal(sum(model["cost_microusd"] for body in kept for model in body["models"]), 400_000)


def test_a_question_of_a_driven_agent_ends_with_an_interrupt_and_with_its_driver(bench: Bench) -> None:
    def nobody_is_asked() -> bool:
        return not bench.cli("pending", "--json").stdout.strip()

    with Driver(bench) as driver:
        driver.ask("Bash", command="true")
        question(bench)
        driver.line({"type": "control_request", "request_id": "stop", "request": {"subtype": "interrupt"}})
        equal(driver.result(), {"interrupted": True})
        assert eventually(nobody_is_asked, 60)
        driver.ask("Bash", command="true")
        question(bench)
        driver.close_input()
        left = driver.result()
        equal(left["behavior"], "deny")
        assert "has left" in left["message"], left
        assert eventually(nobody_is_asked, 60)
        equal(driver.process.wait(60), 0)


def test_what_no_rule_names_a_driven_agent_asks_its_driver_as_before(bench: Bench) -> None:
    with Driver(bench) as driver:
        driver.ask("Task", prompt="look")
        asked = driver.first(lambda one: one["type"] == "control_request")
        equal((asked["request"]["tool_name"], asked["request"]["input"]), ("Task", {"prompt": "look"}))
        answer = {"behavior": "deny", "message": "no time"}
        driver.line({"type": "control_response", "response": {"subtype": "success", "request_id": asked["request_id"], "response": answer}})
        equal(driver.result(), answer)


def test_a_driver_that_sends_one_prompt_and_nothing_more_reads_its_result(bench: Bench) -> None:
    with Driver(bench) as driver:
        # Longer than a client that has left is waited for.
        driver.prompt(run=["/bin/sh", "-c", "sleep 5; echo slept"])
        driver.close_input()
        equal(driver.result(), "0 slept\n")
        equal(driver.process.wait(60), 0)


def test_lines_of_a_driven_agent_that_have_no_one_meaning_do_not_reach_its_driver(bench: Bench) -> None:
    with Driver(bench) as driver:
        asked = '"type": "control_request", "request_id": "1", "request": {"subtype": "can_use_tool", "tool_name": "Bash", "input": {}}'
        driver.prompt(lines=[f'{{{asked}, "type": "user"}}', f'{{{asked}, "Request": {{}}}}', "no json", '{"type": "user", "text": "\\ud83d"}'])
        equal(driver.result(), "sent")
        equal([one for one in driver._kept if one["type"] == "user"], [{"type": "user", "text": "\ufffd"}])
        equal(driver.questions(), [])
        driver.raw('{"type": "user", "type": "user"}\n')
        assert "twice" in driver.first(lambda one: one["type"] == "control_response")["response"]["error"]
        driver.prompt(run=["true"])
        equal(driver.result(), "0 ")


def test_a_driven_agent_has_its_adapter_where_nobody_is_asked_twice(bench: Bench) -> None:
    variables = {"RINGFENCE_ADAPTER_DIR": str(SOURCE / "policy" / "adapters")}

    def adapter(protocol: str, name: str, *flags: str) -> Any:
        program = bench.workspace / name
        program.write_text("#!/bin/sh\n", encoding="utf-8")
        program.chmod(0o755)
        result = bench.cli("acp", "--protocol", protocol, "--dry-run", "--json", *flags, "--", str(program), "-p", env=variables)
        equal(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)["adapter"]

    equal(adapter("claude", "claude")["name"], "claude")
    equal(adapter("claude", "claude", "--adapter", "none"), None)
    equal((adapter("codex", "codex"), adapter("acp", "gemini"), adapter("claude", "other")), (None, None, None))
    equal(adapter("codex", "codex", "--adapter", "codex")["name"], "codex")
    shown = bench.cli("acp", "--protocol", "claude", "--dry-run", "--", str(bench.workspace / "claude"), "-p", env=variables)
    assert f"known by    {bench.workspace / 'claude'}" in shown.stdout, shown.stdout


if __name__ == "__main__":
    os.environ.pop("RINGFENCE_AGENT_SOCKET", None)
    sys.exit(run_tests(globals()))
