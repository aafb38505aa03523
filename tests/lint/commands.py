"""The commands of the README exist and CI runs the same one: commands.py ROOT."""
import os
import pathlib
import re
import sys

import tree

FENCE = re.compile(r"^```\w*\n(.*?)^```", re.S | re.M)
COMMAND = re.compile(r"^\s*(?:sudo )?(scripts/[\w-]+)", re.M)
REQUIRED = ("scripts/demo", "scripts/test")


def check(root):
    root = pathlib.Path(root)
    readme = (root / "README.md").read_text() if (root / "README.md").exists() else ""
    named = [command for block in FENCE.findall(readme) for command in COMMAND.findall(block)]
    problems = [f"README.md does not name {command} as a command" for command in REQUIRED if command not in named]
    for command in sorted(set(named)):
        if not (root / command).is_file():
            problems.append(f"README.md names {command}, which does not exist")
        elif not os.access(root / command, os.X_OK):
            problems.append(f"{command} is not executable")
    ci = (root / ".ci/run").read_text()
    lines = [line for line in ci.splitlines() if line and not line.startswith("#")]
    if lines != ['exec "$(dirname "$0")/../scripts/test"']:
        problems.append(".ci/run runs something else than scripts/test")
    return problems, len(named) + 1


if __name__ == "__main__":
    tree.finish("commands", *check(sys.argv[1]))
