#!/usr/bin/env python3
"""Codex and Gemini CLI, unmodified, with ringfence-hook inside the fence: what each asks is allowed, denied and rewritten,
and where its hook is missing or dies, the walls hold what they hold. That they hold something is shown by
tests/agents/hooked_unfenced_test.py.

    hooked_agents_test.py BUILD [TEST…]
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any, Callable, Optional

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.agents.deed import HELD, Deed  # noqa: E402
from tests.agents.hooked import CODEX, GEMINI, TRUST, Hooked  # noqa: E402
from tests.agents.languages import Reply, Words  # noqa: E402
from tests.agents.scripted_model import ScriptedModel  # noqa: E402
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import SOURCE  # noqa: E402
from tests.support.person import Person, Question  # noqa: E402

POLICY = """schema  = 1
name    = "agent"
extends = ["coding"]

# Not asked about: Codex looks for plugins on hosts of its own.
[network]
default  = "forbid"
loopback = [{port}]

[[tools.rule]]
match  = ["Bash", "run_shell_command"]
decide = "ask"
why    = "runs lines of a shell"

# An agent that starves on a busy machine shows nothing.
[priority]
class = "interactive"
"""
PATIENCE_S = 200
LAST_WORDS = "All of it is done."


def works(bench: Bench, agent: Hooked, replies: list[Reply], hooks: Optional[list[str]]) -> ScriptedModel:
    """The agent in a fence, with settings in its workspace that have these hooks, until its model has said all of it."""
    settings = bench.workspace / f"settings{len(list(bench.workspace.glob('settings*')))}"
    settings.mkdir()

    def as_configured(url: str) -> Called:
        agent.configure(settings, url, hooks)
        return agent.command(agent.install()), agent.environment(settings, url)

    return runs(bench, agent, replies, as_configured, "--adapter", "none")


Called = tuple[list[str], dict[str, str]]  # a command, and its variables


def runs(bench: Bench, agent: Hooked, replies: list[Reply], called: Callable[[str], Called], *flags: str) -> ScriptedModel:
    installed = agent.install()
    with ScriptedModel([*replies, Words(LAST_WORDS)], agent.language()) as model:
        command, variables = called(model.url)
        policy = bench.daemon.base / "agent.toml"
        policy.write_text(POLICY.format(port=model.port), encoding="utf-8")
        folders = {str(installed.folder), str(installed.node.parent), str(bench.daemon.bin)}
        options = [word for folder in sorted(folders) for word in ("--read", folder)]
        options += [word for name, value in variables.items() for word in ("-e", f"{name}={value}")]
        result = bench.cli("run", "-p", str(policy), *options, *flags, "--", *command, timeout=PATIENCE_S,
                           env={"RINGFENCE_ADAPTER_DIR": str(SOURCE / "policy" / "adapters")})
    equal((result.returncode, LAST_WORDS in result.stdout), (0, True), (result.stdout, result.stderr, model.problems))
    equal((len(model.requests), model.problems), (len(model.replies), []), result.stderr)
    return model


def hook(bench: Bench, agent: Hooked) -> str:
    return f"{bench.daemon.bin}/ringfence-hook {agent.name} --wait 600"


def shape(value: Any) -> Any:
    """What is the same in each event of a kind."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    return type(value).__name__


def values_in(text: str) -> list[dict[str, Any]]:
    found, decoder, place = [], json.JSONDecoder(), 0
    while place < len(text.rstrip()):
        value, place = decoder.raw_decode(text, place)
        found.append(value)
        place += len(text[place:]) - len(text[place:].lstrip())
    return found


def check_events(agent: Hooked, text: str) -> None:
    """The recorded session of the tests that run without this agent holds what it sends."""
    sent = [event for event in values_in(text) if event["tool_name"] == agent.tool]
    lines = (SOURCE / "tests" / "sdk" / "hook" / "sessions" / f"{agent.name}.jsonl").read_text(encoding="utf-8").splitlines()
    known = next(event for event in map(json.loads, lines) if event.get("tool_name") == agent.tool)
    equal([shape(event) for event in sent], [shape(known)] * 3)
    equal([event["hook_event_name"] for event in sent], [known["hook_event_name"]] * 3)


def line_of(question: Question) -> str:
    """For the shell, of a question about its tool."""
    return str(json.loads(question["action"]["argv"][0])["command"])


def rewrites(bench: Bench, question: Question, line: str) -> list[str]:
    """The answer of a person who has another line done in place of what was asked."""
    given = json.loads(question["action"]["argv"][0])
    instead = bench.daemon.base / "input.json"
    instead.write_text(json.dumps({**given, "command": line}), encoding="utf-8")
    return ["rewrite", "--content", str(instead)]


def answering(bench: Bench, answers: dict[str, Callable[[Question], list[str]]]) -> Person:
    return Person(bench, lambda question: answers[line_of(question)](question))


def check_asked(person: Person, agent: Hooked, outcomes: dict[str, str]) -> None:
    """The person was asked about these lines and no other, each once, in this order, and each ended so."""
    equal(person.problems, [])
    asked = [(question["action"]["op"], question["action"]["target"], line_of(question), person.outcomes[question["id"]])
             for question in person.questions]
    equal(asked, [("call", agent.tool, line, outcome) for line, outcome in outcomes.items()])


def check_made(bench: Bench, made: dict[str, bool]) -> None:
    """Looked at from outside the fence."""
    equal({name: (bench.workspace / f"{name}.txt").exists() for name in made}, made)


def check_answers(bench: Bench, agent: Hooked) -> None:
    """Of four tools that it wants to use one is allowed, one denied, one rewritten, one forbidden by the policy."""
    lines = [f"echo {name} >{name}.txt" for name in ("allowed", "denied", "asked")]
    events = bench.workspace / "events"
    person = answering(bench, dict(zip(lines, (
        lambda _: ["allow"], lambda _: ["deny", "--say", "not on a Friday"],
        lambda question: rewrites(bench, question, "echo instead >instead.txt")))))
    try:
        record = f"cat >>{events}"
        write = agent.write(str(bench.workspace / ".envrc"))
        model = works(bench, agent, [*map(agent.call, lines), write], [hook(bench, agent), record])
    finally:
        person.leave()
    check_asked(person, agent, dict(zip(lines, ("allowed", "denied", "rewritten"))))
    check_made(bench, {"allowed": True, "denied": False, "asked": False, "instead": True})
    seen = model.observations()
    equal(len(seen), 4, seen)
    assert "a person said no: not on a Friday." in seen[1], seen
    assert "the policy of this run forbids it" in seen[3] and "base.toml:" in seen[3], seen
    assert not (bench.workspace / ".envrc").exists()
    check_events(agent, events.read_text(encoding="utf-8"))


def check_walls(bench: Bench, agent: Hooked, hooks: Optional[list[str]]) -> None:
    """The tool is used unasked, and of what it does the walls hold what they hold."""
    outside = bench.daemon.base / "outside"
    outside.mkdir(mode=0o777)
    outside.chmod(0o777)
    with Deed(bench.workspace, outside) as deed:
        works(bench, agent, [agent.call(deed.line)], hooks)
        equal(deed.effects(), HELD)
    equal([kind for kind in bench.kinds(bench.last_ended()) if kind == "action-asked"], [])


def check_adapter(bench: Bench, agent: Hooked) -> None:
    """Nothing but the shipped adapter wires the hook: of two tools that it wants to use one is denied, one rewritten."""
    denied, asked = "echo denied >denied.txt", "echo what was asked; echo asked >asked.txt"
    person = answering(bench, {
        denied: lambda _: ["deny", "--say", "not on a Friday"],
        asked: lambda question: rewrites(bench, question, "echo what a person wrote; echo instead >instead.txt")})
    try:
        model = runs(bench, agent, [agent.call(denied), agent.call(asked)],
                     lambda url: agent.called(agent.install(), bench.workspace, url))
    finally:
        person.leave()
    check_asked(person, agent, {denied: "denied", asked: "rewritten"})
    check_made(bench, {"denied": False, "asked": False, "instead": True})
    seen = model.observations()
    equal(len(seen), 2, seen)
    assert "a person said no: not on a Friday." in seen[0], seen
    # What came of it reaches the model, and nothing of what it asked for.
    assert "what a person wrote" in seen[1] and "what was asked" not in seen[1], seen
    run = bench.last_ended()
    equal(bench.show(run)["adapter"]["name"], agent.name)
    stated = model.language.stated
    # Codex tells its hook nothing of what it used; what it reads here its egress saw.
    reported = {GEMINI.name: stated}.get(agent.name, 0)
    equal(bench.show(run)["usage"]["tokens"], stated)
    equal(bench.reported_tokens(run), reported)


def check_crash(bench: Bench, agent: Hooked) -> None:
    check_walls(bench, agent, [dying(bench)])
    equal((bench.workspace / "called").read_text(), "called\n")


def dying(bench: Bench) -> str:
    program = bench.workspace / "dying"
    program.write_text(f"#!/bin/sh\necho called >>{bench.workspace}/called\nkill -SEGV $$\n", encoding="utf-8")
    program.chmod(0o755)
    return str(program)


def missing(bench: Bench) -> str:
    return str(bench.workspace / "missing")


def test_codex_asks_before_its_tools_and_its_model_reads_the_answers(bench: Bench) -> None:
    check_answers(bench, CODEX)


def test_gemini_asks_before_its_tools_and_its_model_reads_the_answers(bench: Bench) -> None:
    check_answers(bench, GEMINI)


def test_codex_as_it_is_called_asks_because_of_its_adapter(bench: Bench) -> None:
    check_adapter(bench, CODEX)


def test_gemini_as_it_is_called_asks_because_of_its_adapter(bench: Bench) -> None:
    check_adapter(bench, GEMINI)


def test_codex_whose_hook_is_deleted_is_held_by_the_walls(bench: Bench) -> None:
    check_walls(bench, CODEX, None)


def test_gemini_whose_hook_is_deleted_is_held_by_the_walls(bench: Bench) -> None:
    check_walls(bench, GEMINI, None)


def test_codex_whose_hook_crashes_is_held_by_the_walls(bench: Bench) -> None:
    check_crash(bench, CODEX)


def test_gemini_whose_hook_crashes_is_held_by_the_walls(bench: Bench) -> None:
    check_crash(bench, GEMINI)


def test_codex_whose_hook_program_is_gone_is_held_by_the_walls(bench: Bench) -> None:
    check_walls(bench, CODEX, [missing(bench)])


def test_codex_that_was_not_told_to_trust_its_hook_is_held_by_the_walls(bench: Bench) -> None:
    wary = dataclasses.replace(CODEX, command=lambda agent: [word for word in CODEX.command(agent) if word != TRUST])
    check_walls(bench, wary, [hook(bench, CODEX)])


def test_gemini_whose_hook_program_is_gone_does_nothing(bench: Bench) -> None:
    call = GEMINI.call("echo done >inside.txt")
    model = works(bench, GEMINI, [call], [missing(bench)])
    assert not (bench.workspace / "inside.txt").exists(), model.observations()


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
