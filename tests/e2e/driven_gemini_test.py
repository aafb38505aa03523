#!/usr/bin/env python3
"""Gemini CLI as an agent of an editor, unmodified, in a fence: what it asks its editor for leave is answered by the policy of its run,
or by a person in Ringfence, and the editor hears of each call of a tool and of its end.

    driven_gemini_test.py BUILD [TEST…]

With UPDATE_GOLDEN=1 the first writes down its conversation for the tests that run without Gemini CLI.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any, Iterator

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.agents.hooked import GEMINI, PROMPT  # noqa: E402
from tests.agents.languages import Call, GenerateContent, Reply, Words  # noqa: E402
from tests.agents.scripted_model import ScriptedModel  # noqa: E402
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import SOURCE, eventually  # noqa: E402
from tests.support.json_lines import Speaker  # noqa: E402
from tests.support.observed import question  # noqa: E402
from tests.support.person import Person  # noqa: E402

Message = dict[str, Any]

TAP = SOURCE / "tests" / "agents" / "tap.py"
SESSION = SOURCE / "tests" / "sdk" / "rpc" / "sessions" / "gemini.jsonl"
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
match  = ["execute"]
decide = "ask"
why    = "runs lines of a shell"

[[tools.rule]]
match  = ["fetch"]
decide = "forbid"
why    = "reads pages"
"""
HOOK_RULES = """[[tools.rule]]
match  = ["run_shell_command"]
decide = "forbid"
why    = "runs lines of a shell"
"""
FETCHES = 'Processing URLs and instructions from prompt: "Read https://example.org/."'
PATIENCE_S = 200
LAST_WORDS = "All of it is done."
SYSTEM_PYTHON = "/usr/bin/python3"
# What an editor can do, and does for no agent in a fence.
ABLE = {"fs": {"readTextFile": True, "writeTextFile": True}, "terminal": True}


class Editor(Speaker):
    """Of Gemini CLI in a fence, with one session. `flags` are for ringfence acp; `before` stands before the agent's command."""

    def __init__(self, bench: Bench, model: ScriptedModel, rules: str, *flags: str, before: tuple[str, ...] = (), **variables: str) -> None:
        installed = GEMINI.install()
        _, needed = GEMINI.called(installed, bench.workspace, model.url)
        policy = bench.daemon.base / "agent.toml"
        policy.write_text(POLICY.format(port=model.port, rules=rules), encoding="utf-8")
        options = [word for folder in (installed.folder, installed.node.parent, TAP.parent) for word in ("--read", str(folder))]
        options += [word for name, value in {**needed, **variables}.items() for word in ("-e", f"{name}={value}")]
        command = [bench.program, "acp", "-p", str(policy), *options, *flags, "--", *before, str(installed.node), str(installed.program), "--acp",
                   "--model", "gemini-2.5-flash"]
        adapters = {"RINGFENCE_ADAPTER_DIR": str(SOURCE / "policy" / "adapters")}
        super().__init__(command, cwd=bench.workspace, env={**bench.daemon.environment, **adapters})
        self.prompts = 1
        self.request(0, "initialize", {"protocolVersion": 1, "clientCapabilities": ABLE})
        self.agent = self.result(0)
        self.request(1, "session/new", {"cwd": str(bench.workspace), "mcpServers": []})
        self.session = str(self.result(1)["sessionId"])

    def result(self, number: int) -> Message:
        answer = self.answer(number, PATIENCE_S)
        assert "result" in answer, answer
        result = answer["result"]
        assert isinstance(result, dict), answer
        return result

    def prompt(self) -> int:
        self.prompts += 1
        self.request(self.prompts, "session/prompt", {"sessionId": self.session, "prompt": [{"type": "text", "text": PROMPT}]})
        return self.prompts

    def cancel(self) -> None:
        self.send({"method": "session/cancel", "params": {"sessionId": self.session}})

    def permission(self) -> Message:
        """What it is asked leave for next."""
        return self.first(lambda one: one.get("method") == "session/request_permission", PATIENCE_S)

    def allow(self, asked: Message) -> None:
        """As a person at the editor does, for once."""
        chosen = next(one["optionId"] for one in asked["params"]["options"] if one["kind"] == "allow_once")
        self.send({"id": asked["id"], "result": {"outcome": {"outcome": "selected", "optionId": chosen}}})

    def asked(self) -> list[Message]:
        """What Gemini CLI asked of it by now."""
        return [one for one in self._kept if "id" in one and "method" in one]

    def calls(self) -> list[tuple[str, list[str]]]:
        """Each call of a tool that it was told of by now: its title, and what became of it."""
        told: dict[str, tuple[str, list[str]]] = {}
        for update in (one["params"]["update"] for one in self._kept if one.get("method") == "session/update"):
            if update["sessionUpdate"] == "tool_call":
                told[update["toolCallId"]] = (update["title"], [update["status"]])
            elif update["sessionUpdate"] == "tool_call_update":
                assert update["toolCallId"] in told, f"an end without a beginning: {update}"
                told[update["toolCallId"]][1].append(update["status"])
        return list(told.values())


def input_of(question: Message) -> Message:
    """Of the call that a person is asked about."""
    given = json.loads(question["action"]["argv"][0])
    assert isinstance(given, dict), given
    return given


# ---- the recorded conversation

def neutral(text: str, bench: Bench, session: str) -> str:
    """Without what is another in each run."""
    text = text.replace(str(bench.workspace), "/srv/project").replace(session, "5e551011-0000-4000-8000-000000000001")
    times = dict.fromkeys(re.findall(r"_(\d{13})_\d", text))
    for number, time in enumerate(times, 1):
        text = text.replace(f"_{time}_", f"_{1700000000000 + number}_")
    return re.sub(r"\(/[^ )]*/([a-z]+\.toml:)\d+\)", r"(/policies/\g<1>7)", text)


def verdict_of(answer: Message) -> Message:
    """What Ringfence had decided when it gave this answer."""
    told = answer["result"].get("_meta", {}).get("ringfence")
    if told is None:
        return {"outcome": "allowed"}
    words = re.search(r"(?:said no|forbids it)(?:: (.*?))?\. (?:Rule: (.*) \((.*)\)\. )?Do not", told["message"])
    assert words, told
    known = {name: text for name, text in zip(("say", "rule", "file_line"), words.groups()) if text}
    return {"outcome": told["outcome"], **known}


def conversation(recorded: str) -> Iterator[Message]:
    """As tests of what stands between have it: what the editor and the agent say, what was decided, and what the agent is told."""
    questions: list[Any] = []
    is_cancelled = False
    for line in map(json.loads, recorded.splitlines()):
        if "says" in line:
            said = line["says"]
            if said.get("method") == "session/request_permission":
                questions.append(said["id"])
            yield {"server": said}
            continue
        heard = line["hears"]
        if "method" in heard:
            is_cancelled = heard["method"] == "session/cancel"
            if heard["method"] == "initialize":
                yield {"client": {**heard, "params": {**heard["params"], "clientCapabilities": ABLE}}}
                yield {"to_server": heard}
            else:
                yield {"client": heard}
            continue
        if not is_cancelled:
            yield {"verdict": f"leave-{questions.index(heard['id']) + 1}", **verdict_of(heard)}
        yield {"to_server": heard}


def shapes(lines: list[Message]) -> list[str]:
    """Of each kind of line what is the same in each, in any order: it is no matter of a test which of two comes first."""
    def shape(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: value[name] if name in ("method", "sessionUpdate") else shape(value[name]) for name in sorted(value)}
        if isinstance(value, list):
            return sorted({json.dumps(shape(one)) for one in value})
        return type(value).__name__

    return sorted({json.dumps(shape(line)) for line in lines})


def check_recorded(bench: Bench, record: Path, session: str) -> None:
    """The conversation of the tests that run without this agent is as it is today."""
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in conversation(neutral(record.read_text(encoding="utf-8"), bench, session)))
    if os.environ.get("UPDATE_GOLDEN") == "1":
        SESSION.parent.mkdir(exist_ok=True)
        SESSION.write_text(text, encoding="utf-8")
    known = SESSION.read_text(encoding="utf-8")
    equal(*(shapes([json.loads(line) for line in one.splitlines()]) for one in (text, known)))


# ---- what is tried

def test_gemini_in_an_editor_is_answered_by_its_policy_and_its_person(bench: Bench) -> None:
    lines = ["echo yes >yes.txt", "echo no >no.txt", "echo x >/usr/x"]
    answers = {lines[0]: ["allow"], lines[1]: ["deny", "--say", "not on a Friday"], lines[2]: ["allow"]}
    person = Person(bench, lambda asked: answers[input_of(asked)["title"]])
    inside = str(bench.workspace / "inside.txt")
    replies: list[Reply] = [*map(GEMINI.call, lines), GEMINI.write(inside), Call("web_fetch", {"prompt": "Read https://example.org/."}),
                            Call("read_file", {"file_path": inside}), Words(LAST_WORDS), GEMINI.call("echo late >late.txt"), Words("Nobody hears this.")]
    record, language = bench.workspace / "record", GenerateContent()
    with ScriptedModel(replies, language) as model, Editor(bench, model, RULES, before=(SYSTEM_PYTHON, str(TAP), str(record))) as editor:
        try:
            equal(editor.result(editor.prompt())["stopReason"], "end_turn")
        finally:
            person.leave()
        run = bench.last_run()["id"]
        equal((editor.asked(), person.problems, model.problems), ([], [], []))
        # The editor hears of each call and of its end, those that it was not asked about too.
        done, refused = ["pending", "in_progress", "completed"], ["pending", "failed"]
        equal(editor.calls(), [(lines[0], done), (lines[1], refused), (lines[2], done), ("Writing to inside.txt", done),
                               (FETCHES, refused), ("inside.txt", done[1:])])
        assert "Ringfence: a person said no: not on a Friday." in json.dumps(editor._kept), editor._kept
        # A person sees the whole line and where it runs.
        equal([(asked["action"]["target"], input_of(asked)["title"]) for asked in person.questions], [("execute", line) for line in lines])
        assert f"[current working directory {bench.workspace}]" in input_of(person.questions[0])["content"], person.questions[0]
        seen = model.observations()
        assert "was canceled by the user" in seen[1] and "was canceled by the user" in seen[4], seen
        # Leave or not, the walls hold.
        assert "Permission denied" in seen[2] or "Read-only" in seen[2], seen
        # What an answer to a prompt tells is what its turn used but for thoughts; the run's egress saw these too.
        told, stated = language.stated - language.thoughts, language.stated
        assert eventually(lambda: bench.reported_tokens(run) == told, PATIENCE_S), (bench.reported_tokens(run), told)
        assert eventually(lambda: bench.show(run)["usage"]["tokens"] == stated, PATIENCE_S), (bench.show(run)["usage"], stated)
        # The editor cancels: the question ends, and the agent hears of it.
        number = editor.prompt()
        question(bench)
        assert eventually(lambda: bench.show(run)["agent_says"]["text"] == "execute: echo late >late.txt", 60), bench.show(run)["agent_says"]
        editor.cancel()
        equal(editor.result(number)["stopReason"], "cancelled")
        assert eventually(lambda: not bench.cli("pending", "--json").stdout.strip(), 60)
        equal((editor.asked(), editor.end()[0]), ([], 0))
    equal(bench.last_ended(), run)
    exist = {name: (bench.workspace / f"{name}.txt").exists() for name in ("yes", "no", "inside", "late")}
    equal(exist, {"yes": True, "no": False, "inside": True, "late": False})
    check_recorded(bench, record, editor.session)


def test_gemini_in_an_editor_asks_it_what_no_rule_names(bench: Bench) -> None:
    # As it is started where nobody says otherwise: it starts itself once more.
    replies: list[Reply] = [GEMINI.call("echo yes >yes.txt"), Words(LAST_WORDS), GEMINI.call("echo began >began.txt; sleep 600")]
    with ScriptedModel(replies, GEMINI.language()) as model, Editor(bench, model, "", GEMINI_CLI_NO_RELAUNCH="") as editor:
        number = editor.prompt()
        asked = editor.permission()
        equal(asked["params"]["toolCall"]["title"], "echo yes >yes.txt")
        editor.allow(asked)
        equal(editor.result(number)["stopReason"], "end_turn")
        assert (bench.workspace / "yes.txt").exists()
        # The editor cancels what runs.
        number = editor.prompt()
        editor.allow(editor.permission())
        assert eventually((bench.workspace / "began.txt").exists, PATIENCE_S), editor._kept
        editor.cancel()
        equal(editor.result(number)["stopReason"], "cancelled")
        equal(editor.end()[0], 0)


def test_what_gemini_in_an_editor_used_is_counted_once_where_its_hook_tells_it_too(bench: Bench) -> None:
    # Driven by an editor it does not call its hook before a tool, whose rule would forbid this one.
    replies: list[Reply] = [GEMINI.call("echo yes >yes.txt"), Words(LAST_WORDS)]
    with ScriptedModel(replies, GEMINI.language()) as model, Editor(bench, model, HOOK_RULES, "--adapter", "gemini") as editor:
        number = editor.prompt()
        editor.allow(editor.permission())
        equal(editor.result(number)["stopReason"], "end_turn")
        run, stated = bench.last_run()["id"], model.language.stated
        equal(editor.end()[0], 0)
    equal(bench.last_ended(), run)
    equal((bench.reported_tokens(run), bench.show(run)["usage"]["tokens"]), (stated, stated))
    assert (bench.workspace / "yes.txt").exists()


if __name__ == "__main__":
    os.environ.pop("RINGFENCE_AGENT_SOCKET", None)
    sys.exit(run_tests(globals()))
