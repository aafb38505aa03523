#!/usr/bin/env python3
"""Puts coding agents of other people where tests find them, as their lock files say, once:

    install.py [NAME…]      pi, codex, gemini; prints a folder for each

The folders are in RINGFENCE_AGENT_CACHE (/var/cache/ringfence-agents), outside the clone, named by the hash of what is
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
import time
from pathlib import Path

RECIPES = Path(__file__).resolve().parent
LISTS = ("package.json", "package-lock.json")
PATIENCE_S = 900
MODULES = Path("node_modules")
ARCHITECTURE = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
TARGET = f"{platform.machine()}-unknown-linux-musl"


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What of a package tests use, and what npm is told beside its lists."""

    program: Path
    options: tuple[str, ...] = ()


NAMES = {
    "pi": Recipe(MODULES / "@mariozechner" / "pi-coding-agent" / "dist" / "cli.js"),
    # The program itself: what stands in the package beside it only looks for it and starts it.
    "codex": Recipe(MODULES / "@openai" / f"codex-linux-{ARCHITECTURE}" / "vendor" / TARGET / "bin" / "codex"),
    # Without what would be built for terminals and key rings.
    "gemini": Recipe(MODULES / "@google" / "gemini-cli" / "bundle" / "gemini.js", ("--omit=optional",)),
}
NODE = MODULES / f"node-linux-{ARCHITECTURE}" / "bin" / "node"  # in the folder of pi


@dataclasses.dataclass(frozen=True)
class Agent:
    folder: Path
    program: Path
    node: Path  # that runs it if it is a script: older systems have one that is too old


def install(name: str = "pi") -> Agent:
    """Fails with RuntimeError, in words, when npm is missing or cannot install."""
    folder = _folder(name)
    node = folder / NODE if name == "pi" else _folder("pi") / NODE
    agent = Agent(folder, folder / NAMES[name].program, node)
    for needed in (agent.node, agent.program):
        if not needed.exists():
            raise RuntimeError(f"{needed} is missing; remove the folder below {folder.parent} to have it installed again")
    return agent


def _folder(name: str) -> Path:
    recipe = RECIPES / name
    contents = b"".join((recipe / listed).read_bytes() for listed in LISTS)
    cache = Path(os.environ.get("RINGFENCE_AGENT_CACHE", "/var/cache/ringfence-agents"))
    folder = cache / f"{name}-{hashlib.sha256(contents).hexdigest()[:16]}"
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _build(recipe, folder)
    return folder


def _build(recipe: Path, folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise RuntimeError("npm is missing; scripts/setup installs it")
    print(f"install: {recipe.name}, as its lock file says", file=sys.stderr, flush=True)
    began = time.monotonic()
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(mode=0o755)
    for name in LISTS:
        shutil.copyfile(recipe / name, part / name)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error",
               *NAMES[recipe.name].options]
    # Every user may read it, whatever the mask of who installs: runs have ids of their own.
    result = subprocess.run(command, cwd=part, stdin=subprocess.DEVNULL, capture_output=True, text=True, umask=0o022,
                            timeout=PATIENCE_S, check=False)
    if result.returncode != 0:
        shutil.rmtree(part, ignore_errors=True)
        raise RuntimeError(f"npm ci ended with {result.returncode}: {result.stderr.strip()[-2000:]}")
    part.rename(folder)
    print(f"install: {recipe.name} took {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        sys.exit(f"install: no agent is called {', '.join(unknown)}; there are {', '.join(NAMES)}")
    try:
        for name in names or list(NAMES):
            print(install(name).folder, flush=True)
    except RuntimeError as wrong:
        sys.exit(f"install: {wrong}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
