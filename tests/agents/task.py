"""The task that the real agent gets in tests: a project with a wrong word in it, the model that says what to do, and
the command that starts the agent.

What the model says (pi/transcript.jsonl), one call of a tool after the other: read greet.py; edit it; run it; commit;
`git tag v1`; `git branch risky`; ask another server on this machine for a page.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.agents.install import Agent

TRANSCRIPT = Path(__file__).resolve().parent / "pi" / "transcript.jsonl"
PROMPT = "The greeting is misspelt. Correct it, run the program, commit, and tag it."
LAST_WORDS = "The greeting is right now and committed."
AUTHOR = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER")
          for what, value in (("NAME", "Ada"), ("EMAIL", "ada@example.org"))}


def make_project(folder: Path) -> None:
    (folder / "greet.py").write_text("import sys\n\nprint('helo', sys.argv[1])\n", encoding="utf-8")
    subprocess.run("git -c init.defaultBranch=main init -q && git add . && git commit -q -m First", shell=True, cwd=folder,
                   env={"PATH": "/usr/bin:/bin", "HOME": str(folder), **AUTHOR}, check=True)


def configure(home: Path, base_url: str) -> None:
    """Settings of the agent in a home: its one model is at base_url."""
    settings = home / ".pi" / "agent"
    settings.mkdir(parents=True)
    provider = {"baseUrl": base_url, "api": "openai-completions", "apiKey": "none", "models": [{"id": "scripted"}]}
    (settings / "models.json").write_text(json.dumps({"providers": {"scripted": provider}}), encoding="utf-8")


def command(agent: Agent) -> list[str]:
    return [str(agent.node), str(agent.program), "--print", "--no-session", "--provider", "scripted", "--model", "scripted", PROMPT]


# The agent looks for newer versions and fetches tools of its own unless it is told that there is no network.
ENVIRONMENT = {"PI_OFFLINE": "1", **AUTHOR}
