#!/usr/bin/env python3
"""A run whose policy audits: nobody is asked, everything that would be asked is in the log, what is forbidden stays so.

    audit_test.py BUILD [TEST…]
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import PROFILES  # noqa: E402

POLICY = """schema = 1
name = "audited"
extends = ["base"]
mode = "{mode}"
[files]
workspace = "rw"
ask = ["{base}/asked"]
ask_read = ["{base}/private"]
forbid = ["{base}/asked/kept"]
[audit]
read = ["{base}/table"]
[network]
ask = [{{ host = "127.0.0.1", port = {port} }}]
[[exec.rule]]
match = ["printf", "one"]
decide = "ask"
[priority]
class = "interactive"
"""

AGENT = """
import socket, subprocess, sys
base, port = sys.argv[1:]
def told(what, deed):
    try:
        print(what, deed())
    except OSError as error:
        print(what, "errno", error.errno)
def put(path):
    with open(path, "w") as file:
        return file.write("x")
def call():
    with socket.create_connection(("127.0.0.1", 9480), 60) as proxy:
        proxy.sendall(f"CONNECT 127.0.0.1:{port} HTTP/1.1\\r\\nHost: 127.0.0.1:{port}\\r\\n\\r\\n".encode())
        return proxy.makefile("rb").read().split(b"\\r\\n")[-1].decode()
told("asked", lambda: put(base + "/asked/note"))
told("private", lambda: open(base + "/private/letter").read())
told("table", lambda: open(base + "/table/rows").read())
told("command", lambda: subprocess.run(["/usr/bin/printf", "one"], stdout=subprocess.PIPE).stdout.decode())
told("server", call)
told("kept", lambda: put(base + "/asked/kept"))
"""


class Server(threading.Thread):
    """Says one word to everybody."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self) -> None:
        while True:
            connection, _ = self.listener.accept()
            with connection:
                connection.sendall(b"welcome")


def facts(bench: Bench, run: str, kind: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in bench.cli("log", run, "--json").stdout.splitlines()]
    return [line["body"] for line in lines if line["kind"] == kind]


def test_an_audit_asks_nobody_notes_what_would_be_asked_and_keeps_what_is_forbidden(bench: Bench) -> None:
    base, server = bench.daemon.base, Server()
    for name in ("asked/kept", "private/letter", "table/rows"):
        (base / name).parent.mkdir(exist_ok=True)
        (base / name).write_text(Path(name).name)
    (bench.workspace / "agent.py").write_text(AGENT)
    policy = base / "audited.toml"

    def agent(mode: str, *flags: str) -> tuple[str, list[str], str]:
        policy.write_text(POLICY.format(mode=mode, base=base, port=server.port))
        result = bench.cli("run", "-p", str(policy), *flags, "--", "/usr/bin/python3", "agent.py", str(base), str(server.port))
        equal(result.returncode, 0, result.stderr)
        return bench.last_ended(), result.stdout.splitlines(), result.stderr

    run, lines, said = agent("audit")
    equal(lines, ["asked 1", "private letter", "table rows", "command one", "server welcome", "kept errno 13"])
    equal((base / "asked/note").read_text(), "x")
    equal((base / "asked/kept").read_text(), "kept")
    equal(facts(bench, run, "action-asked"), [])

    allowed = {(one["op"], one["target"]): one["rule"] for fact in facts(bench, run, "actions-allowed") for one in fact["actions"]}
    for action, rule in {("write", f"{base}/asked/note"): f"files.ask {base}/asked", ("read", f"{base}/private/letter"): f"files.ask_read {base}/private",
                         ("read", f"{base}/table/rows"): f"audit.read {base}/table", ("exec", "/usr/bin/printf"): "exec.rule printf one"}.items():
        equal(allowed.get(action), rule, allowed)
    [opened] = facts(bench, run, "connection-opened")
    equal(opened["action"]["target"], f"127.0.0.1:{server.port}")
    assert opened["rule"]["text"].startswith("network.ask "), opened
    [denied] = [fact for fact in facts(bench, run, "action-denied") if fact["action"]["target"] == f"{base}/asked/kept"]
    equal(denied["rule"]["text"], f"files.forbid {base}/asked/kept")

    note = f"audit: what would be asked is allowed and recorded ({policy}:4)"
    equal([(one["wall"], one["reason"]) for one in bench.show(run)["weakened"]], [("seccomp", note)])
    assert note in said, said
    assert "weakened" in bench.cli("ps", "-a").stdout and note in bench.cli("show", run).stdout

    learnt = bench.cli("policy", "--policy-dir", str(PROFILES), "learn", run)
    equal(learnt.returncode, 0, learnt.stderr)
    proposed, _, left = learnt.stdout.partition("# Not proposed:")
    for text in (f'"{base}/table/rows",', f'target = "{base}/asked/note"', f'target = "{base}/private/letter"', 'argv = ["/usr/bin/printf", "one"]',
                 f'target = "127.0.0.1:{server.port}"'):
        assert text in proposed, learnt.stdout
    assert "asked/kept" not in proposed and f"write {base}/asked/kept: forbidden by files.forbid" in left, learnt.stdout

    # The same policy enforced: what the audit let through is a question that nobody answers, or is not there.
    _, lines, _ = agent("enforce", "--unattended")
    equal(lines[:2] + [lines[-1]], ["asked errno 13", "private errno 13", "kept errno 13"], lines)
    assert lines[2] == "table errno 2" and "welcome" not in lines[4], lines


def test_where_every_read_is_heard_of_files_go_into_folders_and_a_mere_name_gives_no_content(bench: Bench) -> None:
    base = bench.daemon.base
    (base / "private").mkdir()
    (base / "private/letter").write_text("secret")
    (bench.workspace / "named.py").write_text("""
import os, sys
letter = sys.argv[1]
for flags in (0, os.O_RDWR, os.O_WRONLY | os.O_TRUNC, os.O_CREAT, os.O_DIRECTORY, os.O_NOFOLLOW, os.O_TMPFILE):
    try:
        named = os.open(letter, os.O_PATH | flags)
    except OSError:
        continue
    for deed in (lambda: os.read(named, 9), lambda: os.write(named, b"x"), lambda: os.ftruncate(named, 0), lambda: os.fchmod(named, 0o777),
                 lambda: os.open(f"/proc/self/fd/{named}", os.O_RDONLY), lambda: os.open(f"/dev/fd/{named}", os.O_WRONLY),
                 lambda: os.link(f"/proc/self/fd/{named}", "taken", follow_symlinks=True)):
        try:
            print(flags, deed())
        except OSError:
            pass
print("looked")
""")
    for mode, more in (("audit", ""), ("enforce", f'ask_read = ["{base}/private"]\n')):
        policy = base / f"{mode}.toml"
        policy.write_text(f'schema = 1\nname = "{mode}"\nextends = ["base"]\nmode = "{mode}"\n[files]\nworkspace = "rw"\n{more}', encoding="utf-8")
        result = bench.sh("rm -rf d e; mkdir d && echo 1 > a && echo 2 > b && cp a d/ && cp -r d e && mv b d/ && ln -s a d/c && cat d/a d/b e/a && ls d",
                          "--unattended", "-p", str(policy))
        equal((result.returncode, result.stdout.split()), (0, ["1", "2", "1", "a", "b", "c"]), (mode, result.stderr))
    looked = bench.cli("run", "--unattended", "-p", str(policy), "--", "/usr/bin/python3", "named.py", f"{base}/private/letter")
    equal((looked.returncode, looked.stdout), (0, "looked\n"), looked.stderr)
    equal((base / "private/letter").read_text(), "secret")


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
