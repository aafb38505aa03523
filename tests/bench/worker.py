"""Runs inside or outside the fence, does one operation for each line that it reads, and answers how long that took.

    worker.py WORKSPACE     operations: git, gcc, python; an empty line ends it
"""
import os
import subprocess
import sys
import time

IMPORTS = "import json, email.message, http.client, argparse, asyncio, decimal, logging, sqlite3, unittest, xml.dom.minidom"
OPERATIONS = {
    "git": ["git", "-C", "tree", "-c", "safe.directory=*", "status", "--porcelain"],
    "gcc": ["gcc", "-O2", "-c", "one.c", "-o", f"one-{os.getpid()}.o"],
    "python": [sys.executable, "-c", IMPORTS],
}


def main(workspace):
    os.chdir(workspace)
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", "GIT_OPTIONAL_LOCKS": "0",
                   "HOME": workspace, "TMPDIR": workspace}
    print("ready", flush=True)
    for line in sys.stdin:
        if not line.strip():
            break
        begun = time.perf_counter()
        result = subprocess.run(OPERATIONS[line.strip()], env=environment, capture_output=True, text=True)
        took = time.perf_counter() - begun
        print(f"{took} {result.returncode} {result.stderr.strip()[-200:]!r}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
