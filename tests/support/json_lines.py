"""A program that is spoken with by lines of JSON: MCP servers, agents of editors.

    with Speaker(["ringfence", "mcp", "run", "--", "server"]) as server:
        server.send({"jsonrpc": "2.0", "id": 1, "method": "ping"})
        answer = server.answer(1)
"""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import time
from typing import Any, TypeVar

AnySpeaker = TypeVar("AnySpeaker", bound="Speaker")


class Speaker:
    """Lines that come are kept until somebody asks for them. With `over="socket"` its standard input and output are a socket, as
    Node starts programs."""

    def __init__(self, command: list[str], over: str = "pipes", **options: Any) -> None:
        self._socket: socket.socket | None = None
        if over == "socket":
            self._socket, theirs = socket.socketpair()
            self.process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, **options)
            theirs.close()
            self._in = self._out = self._socket.fileno()
        else:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
            assert self.process.stdin is not None and self.process.stdout is not None
            self._in, self._out = self.process.stdin.fileno(), self.process.stdout.fileno()
        self._bytes = b""
        self._kept: list[dict[str, Any]] = []
        self._ended = False

    def __enter__(self: AnySpeaker) -> AnySpeaker:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr, self._socket):
            if stream is not None:
                stream.close()

    def raw(self, text: str | bytes) -> None:
        data = text.encode() if isinstance(text, str) else text
        while data:
            data = data[os.write(self._in, data):]

    def send(self, message: dict[str, Any]) -> None:
        self.raw(json.dumps({"jsonrpc": "2.0", **message}) + "\n")

    def request(self, number: Any, method: str, params: dict[str, Any] | None = None) -> None:
        self.send({"id": number, "method": method, "params": params or {}})

    def call(self, number: Any, tool: str, **given: Any) -> None:
        self.request(number, "tools/call", {"name": tool, "arguments": given})

    def begin(self) -> dict[str, Any]:
        self.request(0, "initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}})
        told = self.answer(0)
        self.send({"method": "notifications/initialized"})
        return told

    def _read(self, until: float) -> bool:
        """False: nothing more comes, or not in time."""
        if self._ended or not select.select([self._out], [], [], max(until - time.monotonic(), 0))[0]:
            return False
        try:
            got = os.read(self._out, 65536)
        except ConnectionResetError:
            got = b""
        self._ended = not got
        *lines, self._bytes = (self._bytes + got).split(b"\n")
        self._kept += [json.loads(line) for line in lines if line.strip()]
        return not self._ended

    def first(self, holds: Any, seconds: float = 60) -> dict[str, Any]:
        """The first message for which it holds, taken out of those that came."""
        until = time.monotonic() + seconds
        while True:
            for message in self._kept:
                if holds(message):
                    self._kept.remove(message)
                    return message
            assert self._read(until), f"no such message; there are {self._kept}"

    def answer(self, number: Any, seconds: float = 60) -> dict[str, Any]:
        return self.first(lambda message: message.get("id") == number and "method" not in message, seconds)

    def close_input(self) -> None:
        if self._socket is not None:
            self._socket.shutdown(socket.SHUT_WR)
        elif self.process.stdin is not None:
            self.process.stdin.close()

    def end(self, seconds: float = 60) -> tuple[int, str]:
        """Its status and what it said on its error output, after it has been told that nothing more comes."""
        self.close_input()
        status = self.process.wait(seconds)
        assert self.process.stderr is not None
        return status, self.process.stderr.read().decode(errors="replace")
