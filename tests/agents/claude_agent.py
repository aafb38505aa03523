#!/usr/bin/env python3
"""An agent that is driven as Claude Code is (--input-format and --output-format stream-json), and does at each prompt what the prompt
says: a JSON object with a tool and its input to ask leave for ("ask"), lines for its driver ("lines"), or a command ("run"). What it
is answered is its result."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, Dict, Iterator

LAST = 0


def send(message: Dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)


def ask(messages: Iterator[Dict[str, Any]], asked: Dict[str, Any]) -> Dict[str, Any]:
    """Uses the tool as it is told to: its answer, and what came of it."""
    global LAST
    LAST += 1
    request_id = f"ask-{LAST}"
    send({"type": "assistant", "message": {"role": "assistant", "content": [{"type": "tool_use", "name": asked["tool_name"], "input": asked["input"]}]}})
    send({"type": "control_request", "request_id": request_id, "request": {"subtype": "can_use_tool", "tool_use_id": request_id, **asked}})
    for message in messages:
        if message["type"] == "control_request" and message["request"]["subtype"] == "interrupt":
            send({"type": "control_cancel_request", "request_id": request_id})
            send({"type": "control_response", "response": {"subtype": "success", "request_id": message["request_id"]}})
            return {"interrupted": True}
        if message["type"] != "control_response" or message["response"]["request_id"] != request_id:
            continue
        answer: Dict[str, Any] = message["response"]["response"]
        if answer["behavior"] == "allow" and asked["tool_name"] == "Bash":
            done = subprocess.run(["/bin/sh", "-c", answer["updatedInput"]["command"]], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
            answer["did"] = f"{done.returncode} {done.stdout}{done.stderr}"
        return answer
    return {"alone": True}


def do(messages: Iterator[Dict[str, Any]], order: Dict[str, Any]) -> str:
    if "ask" in order:
        return json.dumps(ask(messages, order["ask"]))
    if "lines" in order:
        for line in order["lines"]:
            print(line, flush=True)
        return "sent"
    done = subprocess.run(order["run"], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    return f"{done.returncode} {done.stdout}{done.stderr}"


def main() -> int:
    messages = (json.loads(line) for line in sys.stdin)
    send({"type": "system", "subtype": "init", "arguments": sys.argv[1:]})
    for message in messages:
        if message["type"] == "control_request":
            send({"type": "control_response", "response": {"subtype": "success", "request_id": message["request_id"], "response": {}}})
        elif message["type"] == "user":
            send({"type": "result", "subtype": "success", "result": do(messages, json.loads(message["message"]["content"][0]["text"]))})
    return 0


if __name__ == "__main__":
    sys.exit(main())
