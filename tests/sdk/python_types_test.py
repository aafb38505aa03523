#!/usr/bin/env python3
"""The Python package is typed, for itself and for whoever uses it: mypy --strict, as for Python 3.9.

    python_types_test.py ROOT
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(sys.argv[1])
RIGHT = """import ringfence
client = ringfence.Client()
for event in client.watch():
    if isinstance(event, ringfence.Question):
        client.deny(event, "no")
names: list[str] = [run.name for run in client.runs()]
agent = ringfence.Agent(callbacks="poll")
@agent.on_pause
def keep(pause: ringfence.Pause) -> bool: return pause.within > 1
with agent.lease("npu", wait=1) as lease:
    devices: list[str] = lease.devices
with ringfence.Checkpoint("a") as checkpoint:
    number: int = checkpoint.once("step", lambda: 7)
"""
WRONG = "import ringfence\nringfence.Client().allow('7')\nnumber: int = ringfence.Client().runs()[0].usage.tokens\n"


def mypy(target: Path, cache: str = os.devnull) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["mypy", "--strict", "--python-version", "3.9", f"--cache-dir={cache}", str(target)], capture_output=True,
                          text=True, timeout=200, env={**os.environ, "MYPYPATH": f"{ROOT}/sdk/python:{ROOT}/examples/graph_agent"})


def main() -> int:
    package = mypy(ROOT / "sdk" / "python" / "ringfence")
    print(package.stdout, package.stderr)
    assert package.returncode == 0 and "Success" in package.stdout
    with tempfile.TemporaryDirectory(prefix="ringfence-types-") as folder:
        user = Path(folder, "user.py")
        user.write_text(RIGHT)
        right = mypy(user)
        assert right.returncode == 0, right.stdout
        user.write_text(WRONG)
        wrong = mypy(user)
        assert wrong.returncode == 1 and "user.py:2" in wrong.stdout and "user.py:3" in wrong.stdout, wrong.stdout
    for example in ("auto_approver", "graph_agent", "npu_agent", "usage_to_csv"):
        checked = mypy(ROOT / "examples" / example)
        assert checked.returncode == 0, checked.stdout
    print("the package and its examples are typed; right use and wrong use were told apart")
    return 0


if __name__ == "__main__":
    sys.exit(main())
