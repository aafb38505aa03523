#!/usr/bin/env python3
"""ringfence-hook in real fences: what an agent's hook is answered by the policy, by a person, and by nobody.

    hook_test.py BUILD [TEST…]
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.e2e.agent_socket_test import policy  # noqa: E402
from tests.e2e.estop_daemon_test import configure  # noqa: E402
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import eventually  # noqa: E402
from tests.support.observed import question  # noqa: E402

TOOLS = """
[tools]
[[tools.rule]]
match = ["Bash", "run_shell_command"]
decide = "ask"
why = "runs commands"
[[tools.rule]]
match = ["mcp__mail__*"]
decide = "forbid"
why = "reaches other people"
[[tools.rule]]
match = ["TodoWrite"]
decide = "allow"
"""


def event(tool: str, given: dict[str, Any], name: str = "PreToolUse") -> str:
    return json.dumps({"session_id": "s", "cwd": "/", "hook_event_name": name, "tool_name": tool, "tool_input": given, "tool_use_id": "call_0"})


def command(bench: Bench, file: str, agent: str, *more: str) -> list[str]:
    return ["run", "-p", file, "--", str(bench.daemon.bin / "ringfence-hook"), agent, *more]


def hook(bench: Bench, file: str, agent: str, text: str, *more: str) -> subprocess.CompletedProcess[str]:
    return bench.cli(*command(bench, file, agent, *more), stdin=None, input=text)


def started(bench: Bench, file: str, agent: str, text: str, *more: str) -> subprocess.Popen[str]:
    """The same, while a person has to answer."""
    process = subprocess.Popen([bench.program, *command(bench, file, agent, *more)], cwd=bench.workspace, env=bench.daemon.environment, text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(text)
    process.stdin.close()
    process.stdin = None
    return process


def said(output: str) -> dict[str, Any]:
    found = json.loads(output)
    assert isinstance(found, dict)
    return found


def permission(output: str) -> dict[str, Any]:
    found = said(output)["hookSpecificOutput"]
    equal(found["hookEventName"], "PreToolUse")
    assert isinstance(found, dict)
    return found


def test_a_hook_is_answered_by_the_policy_in_the_form_of_its_agent(bench: Bench) -> None:
    file = policy(bench, TOOLS, "tools")
    mail = {"to": "a@example.org"}
    refused = hook(bench, file, "claude", event("mcp__mail__send", mail))
    equal((refused.returncode, refused.stderr), (0, ""))
    answer = permission(refused.stdout)
    equal(answer["permissionDecision"], "deny")
    assert "reaches other people" in answer["permissionDecisionReason"] and "tools.toml:" in answer["permissionDecisionReason"], answer
    equal(permission(hook(bench, file, "codex", event("mcp__mail__send", mail)).stdout)["permissionDecision"], "deny")
    gemini = said(hook(bench, file, "gemini", event("mcp__mail__send", mail, "BeforeTool")).stdout)
    equal(gemini["decision"], "deny")
    assert "reaches other people" in gemini["reason"], gemini
    # A file is judged as the walls judge it.
    equal(permission(hook(bench, file, "claude", event("Write", {"file_path": "/usr/x"})).stdout)["permissionDecision"], "deny")
    equal(permission(hook(bench, file, "claude", event("Write", {"file_path": str(bench.workspace / "a")})).stdout)["permissionDecision"], "allow")
    equal(permission(hook(bench, file, "claude", event("TodoWrite", {})).stdout), {"hookEventName": "PreToolUse", "permissionDecision": "allow"})
    # What no rule names is the agent's own affair; Codex is never told more than a no.
    for agent, tool in (("claude", "mcp__other__x"), ("codex", "TodoWrite")):
        silent = hook(bench, file, agent, event(tool, {}))
        equal((silent.returncode, silent.stdout, silent.stderr), (0, "", ""))


def test_a_hook_waits_for_a_person_whose_answer_reaches_the_model(bench: Bench) -> None:
    file = policy(bench, TOOLS, "tools")
    shell = {"command": "git push", "description": "Publish the branch"}
    process = started(bench, file, "claude", event("Bash", shell), "--wait", "600")
    asked = question(bench)
    equal((asked["action"]["op"], asked["action"]["target"], json.loads(asked["action"]["argv"][0])), ("call", "Bash", shell))
    shown = bench.cli("pending").stdout
    assert 'says: "Publish the branch"' in shown, shown
    equal(bench.cli("deny", str(asked["id"]), "--say", "not on Friday").returncode, 0)
    out, err = process.communicate(timeout=120)
    answer = permission(out)
    equal((process.returncode, answer["permissionDecision"]), (0, "deny"), err)
    assert answer["permissionDecisionReason"].startswith("Ringfence: a person said no: not on Friday."), answer

    process = started(bench, file, "claude", event("Bash", shell), "--wait", "600")
    equal(bench.cli("allow", str(question(bench)["id"])).returncode, 0)
    equal(permission(process.communicate(timeout=120)[0])["permissionDecision"], "allow")

    process = started(bench, file, "codex", event("Bash", {"command": "git push"}), "--wait", "600")
    instead = bench.daemon.base / "input.json"
    instead.write_text('{"command": "git push --dry-run"}')
    changed = bench.cli("rewrite", str(question(bench)["id"]), "--content", str(instead))
    equal(changed.returncode, 0, changed.stderr)
    answer = permission(process.communicate(timeout=120)[0])
    equal((answer["permissionDecision"], answer["updatedInput"]), ("allow", {"command": "git push --dry-run"}))


def test_a_hook_that_nobody_answers_says_no_in_time(bench: Bench) -> None:
    file = policy(bench, TOOLS, "tools")
    late = hook(bench, file, "gemini", event("run_shell_command", {"command": "ls"}, "BeforeTool"), "--wait", "2")
    equal((late.returncode, said(late.stdout)["decision"]), (0, "deny"))
    assert "there is no answer" in late.stdout, late.stdout
    # Its question ends soon after it.
    assert eventually(lambda: not bench.cli("pending", "--json").stdout.strip(), 60)


def test_a_hook_says_no_while_the_daemon_is_stopped(bench: Bench) -> None:
    configure(bench, 'dead_man_after = "off"\n')  # else the emergency stop holds the hook too
    file = policy(bench, TOOLS, "tools")
    shell = str(bench.daemon.bin / "ringfence-hook")
    script = f"touch ready; while ! test -e go; do sleep 0.05; done; {shell} claude --wait 4 <event >answer; echo $? >status"
    (bench.workspace / "event").write_text(event("TodoWrite", {}))
    run = bench.cli("run", "-d", "-p", file, "--read", str(bench.daemon.bin), "--", "/bin/sh", "-c", script)
    equal(run.returncode, 0, run.stderr)
    assert eventually(lambda: (bench.workspace / "ready").exists(), 60)
    process = bench.daemon.process
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    try:
        (bench.workspace / "go").write_text("")
        assert eventually(lambda: (bench.workspace / "status").exists() and (bench.workspace / "status").read_text(), 120)
        equal((bench.workspace / "status").read_text(), "0\n")
        equal(permission((bench.workspace / "answer").read_text())["permissionDecision"], "deny")
    finally:
        process.send_signal(signal.SIGCONT)
    bench.ended(run.stdout.strip())


def test_a_hook_takes_what_it_cannot_read_for_a_no_and_a_name_it_does_not_know_too(bench: Bench) -> None:
    file = policy(bench, TOOLS, "tools")
    for text in ("", "{", event("TodoWrite", {})[:-9], '{"hook_event_name":"PreToolUse","tool_name":"TodoWrite","tool_name":"Bash"}', "[" * 100_000):
        broken = hook(bench, file, "claude", text)
        equal((broken.returncode, permission(broken.stdout)["permissionDecision"]), (0, "deny"), text[:80])
        assert "the event" in permission(broken.stdout)["permissionDecisionReason"], broken.stdout
    # Status 2 and words on the error output are a no for each of these agents.
    for agent, text in (("cluade", event("TodoWrite", {})), ("claude", event("x", {}, "BeforeTool"))):
        wrong = hook(bench, file, agent, text)
        equal((wrong.returncode, wrong.stdout), (2, ""))
        assert wrong.stderr, "without words it would not be a no"


def test_what_an_agent_tells_its_hook_is_shown_as_its_own_words(bench: Bench) -> None:
    file = policy(bench, TOOLS, "tools")
    shell = str(bench.daemon.bin / "ringfence-hook")
    (bench.workspace / "event").write_text(json.dumps({"hook_event_name": "Notification", "message": "wants to \x1b[31mpublish"}))
    script = f"{shell} claude <event >answer; echo $? >status; while ! test -e go; do sleep 0.05; done"
    run = bench.cli("run", "-d", "-p", file, "--read", str(bench.daemon.bin), "--", "/bin/sh", "-c", script)
    equal(run.returncode, 0, run.stderr)
    assert eventually(lambda: (bench.workspace / "status").exists() and (bench.workspace / "status").read_text(), 60)
    equal(((bench.workspace / "status").read_text(), (bench.workspace / "answer").read_text()), ("0\n", ""))
    shown = bench.cli("show", run.stdout.strip()).stdout
    assert "wants to \\x1b[31mpublish" in shown and "\x1b" not in shown, shown
    (bench.workspace / "go").write_text("")
    bench.ended(run.stdout.strip())


def test_an_event_that_is_too_long_is_read_to_its_end_before_it_is_refused(bench: Bench) -> None:
    (bench.workspace / "write.py").write_text(
        "import json, subprocess, sys\n"
        "hook = subprocess.Popen([sys.argv[1], 'claude'], stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        "text = json.dumps({'hook_event_name': 'PreToolUse', 'tool_name': 'Bash', 'tool_input': {'command': 'ls', 'description': ' ' * (4 << 20)}})\n"
        "hook.stdin.write(text.encode())\n"  # a pipe that nobody reads to its end breaks here
        "hook.stdin.close()\n"
        "print(hook.stdout.read().decode())\n")
    program = str(bench.daemon.bin / "ringfence-hook")
    result = bench.cli("run", "-p", "offline", "--read", program, "--", "python3", "write.py", program)
    equal(result.returncode, 0, result.stderr)
    equal(json.loads(result.stdout)["hookSpecificOutput"]["permissionDecision"], "deny")


def test_outside_a_fence_a_hook_decides_nothing(bench: Bench) -> None:
    for text in (event("Bash", {"command": "ls"}), "{"):
        result = subprocess.run([str(bench.daemon.bin / "ringfence-hook"), "claude"], input=text, capture_output=True, text=True, timeout=60)
        equal((result.returncode, result.stdout, result.stderr), (0, "", ""))


if __name__ == "__main__":
    os.environ.pop("RINGFENCE_AGENT_SOCKET", None)
    sys.exit(run_tests(globals()))
