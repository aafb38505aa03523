"""What tests of the Python package in real fences say often.

    run = inside(bench).start("open('ready', 'w')", "-p", asking_policy(bench))
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from tests.support.cli_bench import Bench, equal
from tests.support.daemon import SOURCE

sys.path.insert(0, str(SOURCE / "sdk" / "python"))
import ringfence  # type: ignore[import-not-found]  # noqa: E402

POLICY = """schema = 1
name = "{name}"
extends = ["offline"]
[priority]
class = "interactive"
[files]
ask = ["{asked}"]
"""


def client_of(bench: Bench, timeout: float = 60) -> Any:
    return ringfence.Client(bench.daemon.environment["RINGFENCE_SOCKET"], timeout)


def asked_folder(bench: Bench) -> Path:
    folder = bench.daemon.base / "asked"
    folder.mkdir(exist_ok=True)
    return folder


def asking_policy(bench: Bench, more: str = "", name: str = "careful") -> str:
    """Asks before what is in `asked_folder` is changed."""
    file = bench.daemon.base / f"{name}.toml"
    file.write_text(POLICY.format(name=name, asked=asked_folder(bench)) + more)
    return str(file)


def library(bench: Bench) -> Path:
    """The package, where everybody may read it; a fence does with --read."""
    place = bench.daemon.base / "library"
    if not place.exists():
        shutil.copytree(SOURCE / "sdk" / "python" / "ringfence", place / "ringfence", ignore=shutil.ignore_patterns("__pycache__"))
        place.chmod(0o755)
    return place


def start(bench: Bench, body: str, *flags: str) -> str:
    """A detached run of that program, with `ringfence` imported."""
    count = len(list(bench.workspace.glob("program*.py")))
    file = bench.workspace / f"program{count}.py"
    file.write_text("import os, sys, time\nimport ringfence\n"
                    "def wait(name):\n    while not os.path.exists(name): time.sleep(0.02)\n" + body)
    place = str(library(bench))
    result = bench.cli("run", "-d", "--read", place, "-e", f"PYTHONPATH={place}", *flags, "--", "/usr/bin/python3", "-B", str(file))
    equal(result.returncode, 0, result.stderr)
    return result.stdout.strip()
