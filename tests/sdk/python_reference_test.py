#!/usr/bin/env python3
"""docs/python-reference.md is what the docstrings say.

    python_reference_test.py ROOT
"""

from __future__ import annotations

import difflib
import subprocess
import sys
from pathlib import Path

ROOT = Path(sys.argv[1])
MEND = "scripts/python-reference > docs/python-reference.md"


def main() -> int:
    made = subprocess.run([sys.executable, "-B", str(ROOT / "scripts" / "python-reference")], capture_output=True, text=True, timeout=60)
    print(made.stderr)
    assert made.returncode == 0
    assert "### ringfence.Client" in made.stdout and "**`runs(*, ended: bool = False) -> List[Run]`**" in made.stdout
    kept = (ROOT / "docs" / "python-reference.md").read_text()
    if made.stdout == kept:
        print(f"{kept.count('### ')} names, as their docstrings have them")
        return 0
    sys.stdout.writelines(difflib.unified_diff(kept.splitlines(True), made.stdout.splitlines(True), "docs/python-reference.md", "docstrings"))
    print(f"mend it with: {MEND}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
