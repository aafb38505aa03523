#!/usr/bin/env python3
"""Puts a coding agent of other people where tests find it, as its lock file says, once:

    install.py          prints the folder

The folder is in RINGFENCE_AGENT_CACHE (/var/cache/ringfence-agents), outside the clone, named by the hash of what is
installed, so that another version never meets files of this one. Packages run no script of their own at installation.
"""

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

RECIPE = Path(__file__).resolve().parent / "pi"
LISTS = ("package.json", "package-lock.json")
PATIENCE_S = 900


@dataclasses.dataclass(frozen=True)
class Agent:
    folder: Path

    @property
    def node(self) -> Path:
        """The Node.js that belongs to it: older systems have one that is too old."""
        architecture = {"x86_64": "x64", "aarch64": "arm64"}[platform.machine()]
        return self.folder / "node_modules" / f"node-linux-{architecture}" / "bin" / "node"

    @property
    def program(self) -> Path:
        return self.folder / "node_modules" / "@mariozechner" / "pi-coding-agent" / "dist" / "cli.js"


def install() -> Agent:
    """Fails with RuntimeError, in words, when npm is missing or cannot install."""
    contents = b"".join((RECIPE / name).read_bytes() for name in LISTS)
    cache = Path(os.environ.get("RINGFENCE_AGENT_CACHE", "/var/cache/ringfence-agents"))
    agent = Agent(cache / f"pi-{hashlib.sha256(contents).hexdigest()[:16]}")
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not agent.folder.exists():
            _build(agent.folder)
    for needed in (agent.node, agent.program):
        if not needed.exists():
            raise RuntimeError(f"{needed} is missing; remove {agent.folder} to have it installed again")
    return agent


def _build(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise RuntimeError("npm is missing; scripts/setup installs it")
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(mode=0o755)
    for name in LISTS:
        shutil.copyfile(RECIPE / name, part / name)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]
    # Every user may read it, whatever the mask of who installs: runs have ids of their own.
    result = subprocess.run(command, cwd=part, stdin=subprocess.DEVNULL, capture_output=True, text=True, umask=0o022,
                            timeout=PATIENCE_S, check=False)
    if result.returncode != 0:
        shutil.rmtree(part, ignore_errors=True)
        raise RuntimeError(f"npm ci ended with {result.returncode}: {result.stderr.strip()[-2000:]}")
    part.rename(folder)


if __name__ == "__main__":
    try:
        print(install().folder)
    except RuntimeError as wrong:
        sys.exit(f"install: {wrong}")
