#!/usr/bin/env python3
"""An agent that speaks the Agent Client Protocol, and does at each prompt what the prompt says: a JSON object with the parameters of
a question for leave ("ask"), a request for the editor ("request"), or a command ("run"). What it is answered is its message."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, Dict, Iterator

LAST = 0


def send(message: Dict[str, Any]) -> None:
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)


def say(session: str, text: str) -> None:
    send({"method": "session/update", "params": {"sessionId": session, "update": {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": text}}}})


def request(messages: Iterator[Dict[str, Any]], method: str, params: Dict[str, Any]) -> Dict[str, Any]:
    global LAST
    LAST += 1
    send({"id": LAST, "method": method, "params": params})
    for message in messages:
        if message.get("id") == LAST and "method" not in message:
            return message
    sys.exit(0)


def do(messages: Iterator[Dict[str, Any]], session: str, order: Dict[str, Any]) -> str:
    if "ask" in order:
        call = {"sessionUpdate": "tool_call", **order["ask"]["toolCall"]}
        send({"method": "session/update", "params": {"sessionId": session, "update": call}})
        answer = request(messages, "session/request_permission", {"sessionId": session, **order["ask"]})
        option = answer.get("result", {}).get("outcome", {}).get("optionId")
        if option == "yes" and "write" in order:
            with open(order["write"], "w", encoding="utf-8") as file:
                file.write("written\n")
        return json.dumps(answer)
    if "request" in order:
        return json.dumps(request(messages, order["request"], {"sessionId": session, **order["params"]}))
    done = subprocess.run(order["run"], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    return f"{done.returncode} {done.stdout}{done.stderr}"


def main() -> int:
    messages = (json.loads(line) for line in sys.stdin)
    capabilities: Dict[str, Any] = {}
    for message in messages:
        method, params = message.get("method"), message.get("params", {})
        if "id" not in message or method is None:
            continue
        result: Dict[str, Any] = {}
        if method == "initialize":
            capabilities = params.get("clientCapabilities", {})
            result = {"protocolVersion": 1, "agentCapabilities": {}, "authMethods": [{"id": "login", "name": "Log in", "type": "terminal"}]}
        elif method == "session/new":
            result = {"sessionId": "s1"}
        elif method == "session/prompt":
            order = json.loads(params["prompt"][0]["text"])
            say("s1", json.dumps(capabilities) if order == "capabilities" else do(messages, "s1", order))
            result = {"stopReason": "end_turn"}
        send({"id": message["id"], "result": result})
    return 0


if __name__ == "__main__":
    sys.exit(main())
