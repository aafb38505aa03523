#!/usr/bin/env python3
"""A server of the Model Context Protocol with the notes of a folder: list, read, write, remove. Standard library only.

    server.py [FOLDER]

It checks nothing: which of its tools may be called is decided by the policy of its fence (notes.toml), and which files are there
at all by the walls.
"""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import Any, Callable, Dict

VERSION = "2025-11-25"
FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else ".")

NAME = {"name": {"type": "string", "description": "of the note"}}


def schema(**properties: Any) -> Dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


TOOLS = [
    {"name": "list", "description": "Names of all notes", "inputSchema": schema()},
    {"name": "read", "description": "What a note says", "inputSchema": schema(**NAME)},
    {"name": "write", "description": "Makes or replaces a note", "inputSchema": schema(**NAME, text={"type": "string"})},
    {"name": "remove", "description": "Removes a note for good", "inputSchema": schema(**NAME)},
]


def listed(given: Dict[str, Any]) -> str:
    return "\n".join(sorted(path.stem for path in FOLDER.glob("*.note")))


def read(given: Dict[str, Any]) -> str:
    return (FOLDER / (given["name"] + ".note")).read_text()


def written(given: Dict[str, Any]) -> str:
    (FOLDER / (given["name"] + ".note")).write_text(given["text"])
    return "written"


def removed(given: Dict[str, Any]) -> str:
    os.remove(FOLDER / (given["name"] + ".note"))
    return "removed"


CALLS: Dict[str, Callable[[Dict[str, Any]], str]] = {"list": listed, "read": read, "write": written, "remove": removed}


def call(params: Dict[str, Any]) -> Dict[str, Any]:
    try:
        text, failed = CALLS[params["name"]](params.get("arguments", {})), False
    except (KeyError, OSError, TypeError, ValueError) as wrong:
        text, failed = f"{type(wrong).__name__}: {wrong}", True
    return {"content": [{"type": "text", "text": text}], "isError": failed}


def answer(method: str, params: Dict[str, Any]) -> Dict[str, Any]:
    """The member of the answer that says what came of a request."""
    if method == "initialize":
        info = {"name": "notes", "version": "1"}
        return {"result": {"protocolVersion": params.get("protocolVersion", VERSION), "capabilities": {"tools": {}}, "serverInfo": info}}
    if method == "ping":
        return {"result": {}}
    if method == "tools/list":
        return {"result": {"tools": TOOLS}}
    if method == "tools/call":
        return {"result": call(params)}
    return {"error": {"code": -32601, "message": f"no method {method}"}}


def main() -> int:
    for line in io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8"):  # as servers in Python read their messages
        try:
            message = json.loads(line)
        except ValueError:
            print(json.dumps({"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "no JSON"}}), flush=True)
            continue
        if "id" not in message or "method" not in message:
            continue
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **answer(message["method"], message.get("params", {}))}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
