#!/usr/bin/env python3
"""The policy `coding` as it is shipped: ordinary work goes on unasked, and what other people see is asked about.

    coding_test.py BUILD [TEST…]
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import eventually  # noqa: E402

GIT = "git -c user.name=a -c user.email=a@example.org"
SHIPPED = ("-p", "coding")
CONNECT = """import socket, sys
try:
    far = socket.create_connection((sys.argv[1], int(sys.argv[2])))
    far.sendall(b"GET / HTTP/1.1\\r\\nHost: far.example.org\\r\\n\\r\\n")
    print("answered" if b" 200 " in far.recv(1000) else "refused")
except OSError:
    print("refused")
"""


def asked(bench: Bench, what: str) -> None:
    assert eventually(lambda: what in bench.cli("pending", "--json").stdout, 60), bench.cli("pending", "--json").stdout


def test_a_clone_of_a_repository_works_and_is_named_at_the_end(bench: Bench) -> None:
    make = f"git init -q source && cd source && touch .env.example && git add . && {GIT} commit -qm first"
    subprocess.run(make, shell=True, cwd=bench.workspace, check=True)
    result = bench.sh(f"git clone -q source copy && cd copy && touch x && git add x && {GIT} commit -qm second && git config a.b c", *SHIPPED)
    equal(result.returncode, 0, result.stderr)
    assert (bench.workspace / "copy/.env.example").exists()
    told = result.stderr.split("look before you use")[1]
    assert f"{bench.workspace}/copy/.git (" in told and f"{bench.workspace}/source" not in told, result.stderr


def test_compilers_interpreters_and_installers_work_unasked(bench: Bench) -> None:
    result = bench.sh("echo 'int main(void){return 7;}' > a.c && gcc -O2 a.c -o a; ./a; echo $?; "
                      "python3 -c 'import json; print(json.dumps([1]))'; "
                      "mkdir -p tmp/p/bin && echo '#!/bin/sh\necho ran' > tmp/p/bin/p && chmod 755 tmp/p/bin/p && "
                      "mkdir node_modules && mv tmp/p node_modules/p && mkdir node_modules/.bin && "
                      "ln -s ../p/bin/p node_modules/.bin/p && node_modules/.bin/p; rm -r tmp; ls", *SHIPPED)
    equal(result.stdout.split(), ["7", "[1]", "ran", "a", "a.c", "node_modules"], result.stderr)
    equal(bench.cli("pending", "--json").stdout, "")


def test_a_push_is_asked_about_and_goes_through_when_it_is_allowed(bench: Bench) -> None:
    make = f"git init -q --bare far.git && git init -q . && {GIT} commit -q --allow-empty -m first"
    subprocess.run(make, shell=True, cwd=bench.workspace, check=True)
    run = bench.detached("git push -q ./far.git HEAD:refs/heads/main", *SHIPPED)
    asked(bench, "publishes to other people")
    equal(bench.cli("allow", "1").returncode, 0)
    equal(bench.ended(run), {"code": 0}, bench.cli("logs", run).stdout)
    assert (bench.workspace / "far.git/refs/heads/main").exists()


def test_a_host_is_asked_about_and_this_machine_is_not_reachable(bench: Bench) -> None:
    (bench.workspace / "connect.py").write_text(CONNECT)
    near = bench.cli("run", *SHIPPED, "--", "python3", "connect.py", "127.0.0.1", "9")
    equal(near.stdout, "refused\n", near.stderr)
    run = bench.detached("python3 connect.py far.example.org 80", *SHIPPED)
    asked(bench, "far.example.org")
    equal(bench.cli("deny", "1").returncode, 0)
    bench.ended(run)
    equal(bench.cli("logs", run).stdout, "refused\n")


def test_nothing_becomes_root(bench: Bench) -> None:
    result = bench.sh("su -c id; echo status $?", *SHIPPED)
    assert "uid=0" not in result.stdout and "status 0" not in result.stdout, result.stdout
    assert eventually(lambda: "nothing in a run becomes root" in bench.cli("log", "--json").stdout)


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
