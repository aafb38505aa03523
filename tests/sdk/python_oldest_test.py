#!/usr/bin/env python3
"""The tests of the Python package under the oldest Python that it is for, where there is one.

    python_oldest_test.py ROOT

A system has one version of Python, so an old one is looked for on the PATH and among those of pyenv; where there is none this is skipped.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Iterator, Optional

OLDEST = (3, 9)
TESTS = ("python_agent_test.py", "python_notices_test.py", "python_checkpoint_test.py", "python_client_test.py")
SKIP = 4  # as CTest is told
PATIENCE_S = 200  # of each


def candidates() -> Iterator[Path]:
    name = f"python{OLDEST[0]}.{OLDEST[1]}"
    for folder in os.environ.get("PATH", "").split(":"):
        yield Path(folder or ".") / name
    roots = [os.environ.get("PYENV_ROOT", ""), str(Path.home() / ".pyenv")]
    for root in filter(None, roots):
        for version in sorted(Path(root, "versions").glob(f"{OLDEST[0]}.{OLDEST[1]}.*")):
            yield version / "bin" / name


def oldest() -> Optional[Path]:
    """One that runs: a shim of pyenv may have nothing behind it."""
    for program in candidates():
        try:
            said = subprocess.run([str(program), "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True, timeout=60)
        except OSError:
            continue
        if said.returncode == 0 and said.stdout.split() == [str(number) for number in OLDEST]:
            return program
    return None


def main() -> int:
    root = Path(sys.argv[1])
    python = oldest()
    if python is None:
        print(f"SKIP: no Python {OLDEST[0]}.{OLDEST[1]} is installed")
        return SKIP
    failed = 0
    for test in TESTS:
        done = subprocess.run([str(python), "-B", str(root / "tests" / "sdk" / test), str(root)], capture_output=True, text=True,
                              timeout=PATIENCE_S, env={**os.environ, "RINGFENCE_KILLS": "5"})
        ran = [line for line in done.stderr.splitlines() if line.startswith("Ran ")]
        print(f"{python}: {test}: {ran[0] if ran else 'nothing ran'}, status {done.returncode}", flush=True)
        if done.returncode != 0 or not ran or ran[0].startswith("Ran 0 "):
            failed += 1
            print(done.stdout, done.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
