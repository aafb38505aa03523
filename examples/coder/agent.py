"""The loop: model reply -> tool calls -> observations -> next reply, until the model has nothing left to call."""

from __future__ import annotations

import json
import sys
import textwrap
from dataclasses import dataclass
from typing import Any

from model import Message, Model
from tools import DESCRIPTIONS, Toolbox

SYSTEM = (
    "You are a careful programmer at work in one project directory. Use the tools to read, change, build and test. "
    "Make the smallest change that fixes the cause. When the tests pass, say in one sentence what was wrong."
)
LOG_WIDTH = 110  # columns of the text of one log line
LOG_LINES = 12  # lines of an observation that the log shows; the model sees all of it


@dataclass(frozen=True)
class Outcome:
    turns: int  # model replies
    tool_calls: int
    reason: str  # why the loop ended: "finished" or "turn limit reached"


def log(kind: str, text: str) -> None:
    """One event for the person: the kind, then at most LOG_LINES lines of text."""
    lines = [
        part for line in text.rstrip("\n").split("\n") for part in textwrap.wrap(printable(line), LOG_WIDTH) or [""]
    ]
    for number, line in enumerate(lines[:LOG_LINES]):
        print(f"{kind if number == 0 else '':>6} | {line}")
    if len(lines) > LOG_LINES:
        print(f"{'':>6} | … {len(lines) - LOG_LINES} more lines")
    sys.stdout.flush()


def printable(line: str) -> str:
    """The line with control characters escaped: what a tool returned must not steer the terminal."""
    return "".join(c if c.isprintable() or c == " " else repr(c)[1:-1] for c in line.expandtabs())


def work(model: Model, toolbox: Toolbox, task: str, max_turns: int) -> Outcome:
    """Runs the loop. Raises model.ModelError when the model cannot answer; a failing tool is an observation."""
    messages: list[Message] = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": task}]
    log("task", task)
    tool_calls = 0
    for turn in range(1, max_turns + 1):
        reply = model.reply(messages, DESCRIPTIONS)
        messages.append(reply)
        if reply.get("content"):
            log("model", str(reply["content"]))
        calls = reply.get("tool_calls") or []
        if not calls:
            return Outcome(turn, tool_calls, "finished")
        for call in calls:
            tool_calls += 1
            messages.append(answer(toolbox, call))
    return Outcome(max_turns, tool_calls, "turn limit reached")


def answer(toolbox: Toolbox, call: dict[str, Any]) -> Message:
    """Performs one tool call and wraps what it showed as the message that the model sees next."""
    function = call.get("function", {})
    name = str(function.get("name", ""))
    try:
        arguments = json.loads(function.get("arguments") or "{}")
    except json.JSONDecodeError as error:
        arguments, observation = None, f"error: the arguments are not JSON: {error}"
    if arguments is not None:
        log("tool", summary(name, arguments))
        observation = toolbox.call(name, arguments)
    log("seen", observation)
    return {"role": "tool", "tool_call_id": str(call.get("id", "")), "content": observation}


def summary(name: str, arguments: Any) -> str:
    if not isinstance(arguments, dict):
        return name
    subject = arguments.get("command") or arguments.get("path") or ""
    return f"{name} {subject}".rstrip()
