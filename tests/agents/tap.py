#!/usr/bin/env python3
"""Stands before an agent that speaks in lines of JSON, and writes down what it hears and says, in the order in which it comes:

    tap.py RECORD COMMAND [ARG…]
"""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import IO

LOCK = threading.Lock()


def carry(what: str, source: IO[str], sink: IO[str], record: IO[str]) -> None:
    for line in source:
        with LOCK:
            record.write(f'{{"{what}": {line.strip()}}}\n')
            record.flush()
        sink.write(line)
        sink.flush()
    sink.close()


def main() -> int:
    with open(sys.argv[1], "w", encoding="utf-8") as record:
        agent = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")
        assert agent.stdin is not None and agent.stdout is not None
        heard = threading.Thread(target=carry, args=("hears", sys.stdin, agent.stdin, record), daemon=True)
        heard.start()
        carry("says", agent.stdout, sys.stdout, record)
        return agent.wait()


if __name__ == "__main__":
    sys.exit(main())
