"""The coder after a prompt injection: the same program, a model that obeys the comment hidden in project/NOTES.md.

    ringfence run --read examples -w PROJECT -- python3 examples/gremlin --workspace PROJECT

It reads keys, phones home ($PHONE_HOME is HOST:PORT), plants a git hook, empties the home directory and starts as many
processes as it can. It refuses to start outside a fence (exit 3); every other option and status is the coder's.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "coder"))


def is_fenced() -> bool:
    """True when the kernel says that this process has a system call filter and can gain no privilege.

    The variable alone would be a claim; the two facts alone are true in any container. Together they keep a person who
    tries the example by hand from harm; they are no proof of a fence.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    facts = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    filtered = facts.get("Seccomp", "0").strip() == "2" and facts.get("NoNewPrivs", "0").strip() == "1"
    return "RINGFENCE_RUN" in os.environ and filtered and os.getuid() != 0


def main(arguments: list[str]) -> int:
    if not is_fenced():
        print("gremlin: not inside a fence; this program does harm and starts only under ringfence", file=sys.stderr)
        return 3
    import runpy

    sys.argv = [str(HERE.parent / "coder"), "--transcript", str(HERE / "transcript.jsonl"), *arguments]
    runpy.run_path(str(HERE.parent / "coder"), run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
