#!/usr/bin/env python3
"""Agents of editors in fences, with a real daemon: who answers what an agent asks leave for, and what no editor does for it.

    acp_test.py BUILD [TEST…]
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

AGENT = SOURCE / "tests" / "agents" / "acp_agent.py"
RULES = """
[tools]
[[tools.rule]]
match = ["execute"]
decide = "ask"
why = "runs commands"
"""
OPTIONS = [{"optionId": "always", "name": "Always", "kind": "allow_always"}, {"optionId": "yes", "name": "Allow", "kind": "allow_once"},
           {"optionId": "no", "name": "Reject", "kind": "reject_once"}]


class Editor(Speaker):
    """An editor with one session."""

    def __init__(self, bench: Bench) -> None:
        command = [bench.program, "acp", "-p", policy(bench, RULES, "acp"), "--read", str(AGENT.parent), "--", "/usr/bin/python3", str(AGENT)]
        super().__init__(command, cwd=bench.workspace, env=bench.daemon.environment)
        self.prompts = 10
        able = {"fs": {"readTextFile": True, "writeTextFile": True}, "terminal": True}
        self.request(0, "initialize", {"protocolVersion": 1, "clientCapabilities": able})
        self.agent = self.answer(0)["result"]
        self.request(1, "session/new", {"cwd": str(bench.workspace), "mcpServers": []})
        equal(self.answer(1)["result"]["sessionId"], "s1")

    def prompt(self, order: Any) -> int:
        self.prompts += 1
        self.request(self.prompts, "session/prompt", {"sessionId": "s1", "prompt": [{"type": "text", "text": json.dumps(order)}]})
        return self.prompts

    def message(self) -> str:
        """What the agent says next."""
        told = self.first(lambda one: one.get("method") == "session/update" and one["params"]["update"]["sessionUpdate"] == "agent_message_chunk")
        return str(told["params"]["update"]["content"]["text"])

    def outcome(self) -> dict[str, Any]:
        answer = json.loads(self.message())["result"]
        assert isinstance(answer, dict)
        return answer


def leave(kind: str, title: str, **more: Any) -> dict[str, Any]:
    return {"toolCall": {"toolCallId": "c", "title": title, "kind": kind, "status": "pending", **more}, "options": OPTIONS}


def test_what_a_policy_allows_or_forbids_its_agent_is_not_asked_in_the_editor(bench: Bench) -> None:
    with Editor(bench) as editor:
        file = bench.workspace / "a.txt"
        number = editor.prompt({"ask": leave("edit", "Write a.txt", locations=[{"path": str(file)}]), "write": str(file)})
        equal(editor.outcome()["outcome"], {"outcome": "selected", "optionId": "yes"})
        equal(editor.answer(number)["result"]["stopReason"], "end_turn")
        equal(file.read_text(), "written\n")
        editor.prompt({"ask": leave("edit", "Write /usr/x", locations=[{"path": "/usr/x"}]), "write": "/usr/x"})
        denied = editor.outcome()
        equal(denied["outcome"], {"outcome": "selected", "optionId": "no"})
        assert "the policy of this run forbids it" in denied["_meta"]["ringfence"]["message"], denied
        # The editor was asked nothing.
        assert not [one for one in editor._kept if one.get("method") == "session/request_permission"], editor._kept
        # Leave or not, the walls hold.
        editor.prompt({"run": ["/bin/sh", "-c", "echo x >/usr/x"]})
        assert editor.message().startswith("2 "), "the wall let it write"
        equal(editor.end(), (0, ""))


def test_what_its_policy_asks_about_a_person_answers_in_ringfence(bench: Bench) -> None:
    with Editor(bench) as editor:
        order = {"ask": leave("execute", "git push", rawInput={"command": "git push"})}
        editor.prompt(order)
        asked = question(bench)
        equal((asked["action"]["op"], asked["action"]["target"], json.loads(asked["action"]["argv"][0])), ("call", "execute", {"command": "git push"}))
        assert "execute: git push" in json.dumps(bench.show(bench.last_run()["id"])["agent_says"]), bench.show(bench.last_run()["id"])
        equal(bench.cli("deny", str(asked["id"]), "--say", "not on Friday").returncode, 0)
        denied = editor.outcome()
        equal(denied["outcome"], {"outcome": "selected", "optionId": "no"})
        assert "not on Friday" in denied["_meta"]["ringfence"]["message"], denied
        editor.prompt(order)
        equal(bench.cli("allow", str(question(bench)["id"])).returncode, 0)
        equal(editor.outcome()["outcome"], {"outcome": "selected", "optionId": "yes"})
        # The editor cancels: its agent is told so, and the question ends.
        editor.prompt(order)
        question(bench)
        editor.send({"method": "session/cancel", "params": {"sessionId": "s1"}})
        equal(editor.outcome()["outcome"], {"outcome": "cancelled"})
        assert eventually(lambda: not bench.cli("pending", "--json").stdout.strip(), 60)


def test_what_no_rule_names_is_asked_in_the_editor_as_before(bench: Bench) -> None:
    with Editor(bench) as editor:
        editor.prompt({"ask": leave("think", "Ponder")})
        asked = editor.first(lambda one: one.get("method") == "session/request_permission")
        equal(asked["params"]["toolCall"]["title"], "Ponder")
        editor.send({"id": asked["id"], "result": {"outcome": {"outcome": "selected", "optionId": "always"}}})
        equal(editor.outcome()["outcome"], {"outcome": "selected", "optionId": "always"})


def test_an_editor_does_nothing_for_an_agent_outside_of_its_fence(bench: Bench) -> None:
    with Editor(bench) as editor:
        equal(editor.agent["authMethods"], [])
        editor.prompt("capabilities")
        equal(json.loads(editor.message()), {"fs": {"readTextFile": False, "writeTextFile": False}, "terminal": False})
        for method, params in (("fs/read_text_file", {"path": "/etc/shadow"}), ("fs/write_text_file", {"path": "/x", "content": ""}),
                               ("terminal/create", {"command": "id"}), ("_editor/run", {})):
            editor.prompt({"request": method, "params": params})
            assert "outside of the fence" in json.loads(editor.message())["error"]["message"], method
        # Nor does it get there by itself: what stands between is not reachable for it.
        editor.prompt({"run": ["/bin/sh", "-c", "echo '{\"id\":1,\"method\":\"terminal/create\"}' >/proc/$(cut -d' ' -f4 /proc/$PPID/stat)/fd/1"]})
        said = editor.message()
        assert "ermission denied" in said, said
        assert not [one for one in editor._kept if "id" in one and "method" in one], editor._kept


def test_an_agent_that_ends_owes_its_editor_no_answer(bench: Bench) -> None:
    with Editor(bench) as editor:
        number = editor.prompt({"run": ["/bin/sh", "-c", "kill -9 $PPID"]})
        assert "killed by signal 9" in editor.answer(number)["error"]["message"]
        equal(editor.end()[0], 128 + 9)


if __name__ == "__main__":
    os.environ.pop("RINGFENCE_AGENT_SOCKET", None)
    sys.exit(run_tests(globals()))
