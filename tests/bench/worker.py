"""Runs inside or outside the fence, does one operation for each line that it reads, and answers how long that took.

    worker.py WORKSPACE     operations: git, git-read, gcc, python; an empty line ends it

Answers: seconds, seconds of processor time, exit status, error.
"""
import os
import resource
import subprocess
import sys
import time

IMPORTS = "import json, email.message, http.client, argparse, asyncio, decimal, logging, sqlite3, unittest, xml.dom.minidom"
STATUS = ["git", "-C", "tree", "-c", "safe.directory=*", "status", "--porcelain"]
OPERATIONS = {
    "git": STATUS,
    "git-read": STATUS,
    "gcc": ["gcc", "-O2", "-c", "one.c", "-o", f"one-{os.getpid()}.o"],
    "python": [sys.executable, "-c", IMPORTS],
}


def processor_time():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main(workspace):
    os.chdir(workspace)
    # No optional locks: the index stays as it was prepared, whatever an earlier round found.
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", "GIT_OPTIONAL_LOCKS": "0",
                   "HOME": workspace, "TMPDIR": workspace}
    of_operation = {"git-read": {"GIT_INDEX_FILE": f"{workspace}/unread-index"}}
    print("ready", flush=True)
    for line in sys.stdin:
        operation = line.strip()
        if not operation:
            break
        begun, used = time.perf_counter(), processor_time()
        result = subprocess.run(OPERATIONS[operation], env={**environment, **of_operation.get(operation, {})}, capture_output=True,
                                text=True)
        took = time.perf_counter() - begun
        print(f"{took} {processor_time() - used} {result.returncode} {result.stderr.strip()[-200:]!r}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
