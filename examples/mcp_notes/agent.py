#!/usr/bin/env python3
"""A tiny agent that uses the notes server: it calls a tool that its policy allows, one that a person is asked about, and one that
is forbidden, and prints what it is told. Standard library only.

    agent.py SERVER [ARG…]

    python3 examples/mcp_notes/agent.py ringfence mcp run -p examples/mcp_notes/notes.toml -n notes -w FOLDER \\
      --read "$PWD/examples/mcp_notes" -- /usr/bin/python3 "$PWD/examples/mcp_notes/server.py"

SERVER is a command as agents have it in their configuration. Meanwhile `ringfence pending` shows the question. Inside a fence
SERVER is `ringfence mcp connect PATH` (docs/mcp.md).
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, Dict, List, Optional


class Server:
    """One server, spoken with over its standard input and output."""

    def __init__(self, command: List[str]) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._last = 0
        told = self.request("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "tiny", "version": "1"}})
        self.name = told["serverInfo"]["name"]
        self._send({"method": "notifications/initialized"})

    def _send(self, message: Dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        self._process.stdin.flush()

    def request(self, method: str, params: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
        assert self._process.stdout is not None
        self._last += 1
        self._send({"id": self._last, "method": method, "params": params or {}})
        for line in self._process.stdout:
            message = json.loads(line)
            if message.get("id") == self._last and "method" not in message:
                if "error" in message:
                    raise RuntimeError(message["error"]["message"])
                return dict(message["result"])
        raise RuntimeError("the server has gone")

    def call(self, tool: str, **given: Any) -> str:
        result = self.request("tools/call", {"name": tool, "arguments": given})
        text = " ".join(part.get("text", "") for part in result["content"])
        return ("REFUSED: " if result.get("isError") else "") + text

    def close(self) -> int:
        assert self._process.stdin is not None
        self._process.stdin.close()
        return self._process.wait(60)


def main(command: List[str]) -> int:
    server = Server(command)
    tools = [tool["name"] for tool in server.request("tools/list")["tools"]]
    print(f"{server.name} has {', '.join(tools)}", flush=True)
    print("list:", server.call("list"), flush=True)
    print("write:", server.call("write", name="milk", text="buy two"), flush=True)
    print("read:", server.call("read", name="milk"), flush=True)
    print("remove:", server.call("remove", name="milk"), flush=True)
    print("list:", server.call("list"), flush=True)
    return server.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
