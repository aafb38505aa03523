"""What the agent can do: read, write and edit files, and run commands.

Deliberately without any check of paths or commands: an agent cannot be its own guard, because whoever steers it steers
the check too. What it may touch is decided by the fence around the process.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Optional

MAX_FILE_BYTES = 256 * 1024
MAX_OUTPUT_BYTES = 16 * 1024  # of one command, kept from the end: errors come last
DEFAULT_TIMEOUT_S = 60.0


def _tool(name: str, description: str, **parameters: str) -> dict[str, Any]:
    properties = {key: {"type": "string", "description": text} for key, text in parameters.items()}
    schema = {"type": "object", "properties": properties, "required": list(parameters)}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}


DESCRIPTIONS = [
    _tool("read_file", "Returns the text of a file.", path="path, relative to the project"),
    _tool("write_file", "Creates or replaces a file.", path="path", content="the whole new text"),
    _tool("edit_file", "Replaces text that occurs exactly once.", path="path", old="text to replace", new="new text"),
    _tool("run", "Runs a shell command in the project; returns exit status and output.", command="the command"),
]


@dataclass(frozen=True)
class CommandResult:
    exit_code: int  # as a shell gives it: 128 + N when signal N ended it
    output: str  # stdout and stderr as they came, at most MAX_OUTPUT_BYTES
    timed_out: bool


class Toolbox:
    """The tools, bound to one project directory. Each call is appended to `report`, when there is one."""

    def __init__(self, workspace: Path, report: Optional[Path] = None) -> None:
        self.workspace = workspace
        self._report = report
        self._tools: dict[str, Callable[..., str]] = {
            "read_file": self.read_file,
            "write_file": self.write_file,
            "edit_file": self.edit_file,
            "run": lambda command: describe(self.run(command)),
        }

    def call(self, name: str, arguments: Any) -> str:
        """Performs one call; every failure becomes text beginning "error:" that the model can react to."""
        observation = self._perform(name, arguments)
        if self._report:
            record = {"tool": name, "arguments": arguments, "observation": observation}
            with self._report.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
        return observation

    def _perform(self, name: str, arguments: Any) -> str:
        tool = self._tools.get(name)
        if tool is None:
            return f"error: there is no tool {name!r}; there are {', '.join(self._tools)}"
        if not isinstance(arguments, dict):
            return "error: the arguments must be an object"
        try:
            return tool(**arguments)
        except TypeError as error:
            return f"error: wrong arguments for {name}: {error}"
        except (OSError, ValueError) as error:
            return f"error: {error}"

    def read_file(self, path: str) -> str:
        with open(self._path(path), "rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise ValueError(f"{path} is larger than {MAX_FILE_BYTES} bytes; read a part of it with run")
        return content.decode("utf-8", errors="replace")

    def write_file(self, path: str, content: str) -> str:
        target = self._path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, encoding="utf-8")
        return f"wrote {len(content.encode())} bytes to {path}"

    def edit_file(self, path: str, old: str, new: str) -> str:
        text = self.read_file(path)
        count = text.count(old)
        if count != 1:
            raise ValueError(f"the text to replace occurs {count} times in {path}; it must occur exactly once")
        self._path(path).write_text(text.replace(old, new), encoding="utf-8")
        return f"edited {path}"

    def run(self, command: str, timeout_s: float = DEFAULT_TIMEOUT_S) -> CommandResult:
        """Runs `command` by /bin/sh in the project. Blocks at most timeout_s, then kills the whole process group."""
        process = subprocess.Popen(
            ["/bin/sh", "-c", command],
            cwd=self.workspace,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        timed_out = False
        try:
            output, _ = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            timed_out = True
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
        code = process.returncode
        text = output[-MAX_OUTPUT_BYTES:].decode("utf-8", errors="replace")
        return CommandResult(128 - code if code < 0 else code, text, timed_out)

    def _path(self, path: str) -> Path:
        return self.workspace / Path(path).expanduser()


def describe(result: CommandResult) -> str:
    note = " (timed out, killed)" if result.timed_out else ""
    return f"exit status {result.exit_code}{note}\n{result.output}"
