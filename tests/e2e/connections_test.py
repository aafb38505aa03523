#!/usr/bin/env python3
"""A person is asked about a connection: who makes it, and what becomes of it.

    connections_test.py BUILD [TEST…]

Nothing leaves this machine: the names asked for have no address anywhere.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.observed import facts, question  # noqa: E402

POLICY = """schema = 1
name = "reaching"
extends = ["base"]
[files]
workspace = "rw"
[network]
default = "ask"
[priority]
class = "interactive"
"""

# Its connection is made, and what it said of itself is set, before the question is asked.
AGENT = """
import ctypes, socket, subprocess, sys
name, how = sys.argv[1:3]
ctypes.CDLL(None).prctl(15, name.encode())  # PR_SET_NAME
connection = socket.create_connection(("127.0.0.1", 9480), 60)
children = []
if how == "shared":
    children.append(subprocess.Popen(["/bin/sleep", "600"], pass_fds=[connection.fileno()]))
connection.sendall(b"CONNECT nowhere.invalid:443 HTTP/1.1\\r\\nHost: nowhere.invalid:443\\r\\n\\r\\n")
print(connection.recv(4096).split(b"\\r\\n")[0].decode())
for child in children:
    child.kill()
"""


def start(bench: Bench, how: str, name: str = "reacher") -> str:
    policy = bench.daemon.base / "reaching.toml"
    policy.write_text(POLICY, encoding="utf-8")
    (bench.workspace / "agent.py").write_text(AGENT, encoding="utf-8")
    result = bench.cli("run", "-d", "-p", str(policy), "--", "/bin/sh", "-c", f"/usr/bin/python3 agent.py '{name}' {how}; true")
    equal(result.returncode, 0, result.stderr)
    return result.stdout.strip()


def finish(bench: Bench, run: str, asked: dict[str, Any]) -> None:
    equal(bench.cli("deny", str(asked["id"])).returncode, 0)
    bench.ended(run)


def is_of_run(bench: Bench, run: str, pid: int) -> bool:
    return f"/{run}/" in Path(f"/proc/{pid}/cgroup").read_text()


def test_a_question_about_a_connection_names_the_processes_behind_it(bench: Bench) -> None:
    run = start(bench, "alone")
    asked = question(bench)
    equal(asked["action"]["target"], "nowhere.invalid:443")
    names = [link["name"] for link in asked["chain"]]
    equal(names, ["reacher", Path("/bin/sh").resolve().name, "run-init"], asked)
    equal(asked["chain_note"], None)
    assert all(is_of_run(bench, run, link["pid"]) for link in asked["chain"]), asked
    equal(Path(f"/proc/{asked['chain'][0]['pid']}/comm").read_text(), "reacher\n")
    card = bench.cli("pending").stdout
    assert f"process  reacher ({asked['chain'][0]['pid']}), started by {names[1]} (" in card, card
    kept = facts(bench, "action-asked")[0]["body"]["action"]["chain"]
    equal(kept, [{"name": link["name"], "pid": link["pid"]} for link in asked["chain"]])
    finish(bench, run, asked)
    assert "403" in bench.cli("logs", run).stdout


def test_what_a_process_calls_itself_is_escaped_where_a_connection_is_asked_about(bench: Bench) -> None:
    run = start(bench, "alone", name="a\x1b[2Jb")
    asked = question(bench)
    link = asked["chain"][0]
    assert "\x1b" not in link["name"] and "raw" in json.dumps(link), link
    card = bench.cli("pending").stdout
    assert "\x1b" not in card and "2Jb" in card, card
    finish(bench, run, asked)


def test_a_connection_that_several_processes_hold_shows_the_oldest_and_says_so(bench: Bench) -> None:
    run = start(bench, "shared")
    asked = question(bench)
    equal(asked["chain"][0]["name"], "reacher", asked)
    equal(asked["chain_note"], "held by 1 other process of the run too; the oldest is shown")
    assert asked["chain_note"] in " ".join(bench.cli("pending").stdout.split()), asked
    finish(bench, run, asked)


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
