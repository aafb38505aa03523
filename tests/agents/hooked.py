"""Agents of other people that call ringfence-hook before they use a tool: how each is configured, started, and told by
its scripted model to run a line in a shell. As docs/adapters.md says, with no key and no network but that model.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, Callable, Optional

from tests.agents.install import Agent, install
from tests.agents.languages import Call, GenerateContent, Responses
from tests.agents.scripted_model import Language

PROMPT = "Do what has to be done."
HOOK_TIMEOUT_S = 86400


@dataclasses.dataclass(frozen=True)
class Hooked:
    name: str  # as ringfence-hook is told it
    tool: str  # that runs a line in a shell, as its hooks are told it
    language: Callable[[], Language]
    call: Callable[[str], Call]
    write: Callable[[str], Call]  # of a file with this path, by the tool for files
    # Writes the settings into a folder: which model, and what is called before a tool is used; nothing when None.
    configure: Callable[[Path, str, Optional[list[str]]], None]
    environment: Callable[[Path, str], dict[str, str]]
    command: Callable[[Agent], list[str]]
    # As a person calls it in a project who leaves its hook to the adapter, and the variables of that call.
    called: Callable[[Agent, Path, str], tuple[list[str], dict[str, str]]]

    def install(self) -> Agent:
        return install(self.name)


def groups(commands: list[str], timeout: int) -> list[dict[str, Any]]:
    """Every hook of a group is called; the first is ringfence-hook."""
    return [{"matcher": ".*", "hooks": [{"type": "command", "command": command, "timeout": timeout} for command in commands]}]


# ---- Codex

# A model that it knows: for others it has no tool to change files.
CODEX_SETTINGS = """model = "gpt-5.5"
model_provider = "scripted"
approval_policy = "never"
sandbox_mode = "danger-full-access"
check_for_update_on_startup = false

[analytics]
enabled = false

[model_providers.scripted]
name = "scripted"
base_url = "{url}/v1"
wire_api = "responses"
"""


def configure_codex(settings: Path, url: str, hooks: Optional[list[str]]) -> None:
    (settings / "config.toml").write_text(CODEX_SETTINGS.format(url=url), encoding="utf-8")
    if hooks is not None:
        (settings / "hooks.json").write_text(json.dumps({"hooks": {"PreToolUse": groups(hooks, HOOK_TIMEOUT_S)}}), encoding="utf-8")


CODEX_OPTIONS = [word for setting in ("model='gpt-5.5'", "model_provider='scripted'", "approval_policy='never'", "analytics.enabled=false",
                                      "model_providers.scripted.name='scripted'", "model_providers.scripted.wire_api='responses'")
                 for word in ("-c", setting)]

# What lets it call a hook that no person has looked at in it.
TRUST = "--dangerously-bypass-hook-trust"

CODEX = Hooked(
    name="codex", tool="Bash", language=Responses, call=lambda line: Call("exec_command", {"cmd": line}),
    write=lambda path: Call("apply_patch", f"*** Begin Patch\n*** Add File: {path}\n+text\n*** End Patch\n"), configure=configure_codex,
    environment=lambda settings, url: {"CODEX_HOME": str(settings)},
    command=lambda agent: [str(agent.program), "exec", "--skip-git-repo-check", TRUST, PROMPT],
    called=lambda agent, project, url: ([str(agent.program), *CODEX_OPTIONS, "-c", f"model_providers.scripted.base_url='{url}/v1'", "exec",
                                         "--skip-git-repo-check", PROMPT], {}))


# ---- Gemini CLI

GEMINI_SETTINGS: dict[str, Any] = {
    "general": {"disableAutoUpdate": True, "disableUpdateNag": True},
    "privacy": {"usageStatisticsEnabled": False},
    "security": {"auth": {"selectedType": "gemini-api-key"}},
}


def configure_gemini(settings: Path, url: str, hooks: Optional[list[str]]) -> None:
    told = {**GEMINI_SETTINGS, **({} if hooks is None else {"hooks": {"BeforeTool": groups(hooks, HOOK_TIMEOUT_S * 1000)}})}
    (settings / ".gemini").mkdir()
    (settings / ".gemini" / "settings.json").write_text(json.dumps(told), encoding="utf-8")


def gemini_command(agent: Agent) -> list[str]:
    # Of its models one that is chosen for no question of its own.
    return [str(agent.node), str(agent.program), "--model", "gemini-2.5-flash", "--yolo", "--prompt", PROMPT]


def gemini_variables(url: str) -> dict[str, str]:
    return {"GOOGLE_GEMINI_BASE_URL": url, "GEMINI_API_KEY": "none", "GEMINI_CLI_TRUST_WORKSPACE": "true", "GEMINI_CLI_NO_RELAUNCH": "true"}


def call_gemini(agent: Agent, project: Path, url: str) -> tuple[list[str], dict[str, str]]:
    # With another address for its model it wants to be told which kind of key it has.
    (project / ".gemini").mkdir()
    (project / ".gemini" / "settings.json").write_text(json.dumps(GEMINI_SETTINGS), encoding="utf-8")
    return gemini_command(agent), gemini_variables(url)


GEMINI = Hooked(
    name="gemini", tool="run_shell_command", language=GenerateContent, call=lambda line: Call("run_shell_command", {"command": line, "description": "Next"}),
    write=lambda path: Call("write_file", {"file_path": path, "content": "text\n"}), configure=configure_gemini,
    environment=lambda settings, url: {"GEMINI_CLI_HOME": str(settings), **gemini_variables(url)}, command=gemini_command,
    called=call_gemini)

AGENTS = {agent.name: agent for agent in (CODEX, GEMINI)}
