#!/usr/bin/env python3
"""Servers of tools in fences of their own, and Ringfence as one, with a real daemon.

    mcp_test.py BUILD [TEST…]
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.e2e.agent_socket_test import policy  # noqa: E402
from tests.e2e.estop_daemon_test import configure  # noqa: E402
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import SOURCE, eventually  # noqa: E402
from tests.support.json_lines import Speaker  # noqa: E402
from tests.support.observed import question  # noqa: E402

EXAMPLE = SOURCE / "examples" / "mcp_notes"
SERVER = ["/usr/bin/python3", str(EXAMPLE / "server.py")]

TOOLS = """
[tools]
[[tools.rule]]
match = ["notes.write"]
decide = "ask"
why = "changes your notes"
[[tools.rule]]
match = ["notes.remove"]
decide = "forbid"
why = "notes are removed by hand"
"""


def words(bench: Bench, *flags: str) -> list[str]:
    """Of `mcp run` and `mcp serve`, for the server of the example."""
    return ["-p", policy(bench, TOOLS, "tools"), "-n", "notes", "--read", str(EXAMPLE), *flags, "--", *SERVER]


def speaker(bench: Bench, *command: str, **options: Any) -> Speaker:
    return Speaker([bench.program, *command], cwd=bench.workspace, env=bench.daemon.environment, **options)


def fenced(bench: Bench, *flags: str, **options: Any) -> Speaker:
    return speaker(bench, "mcp", "run", *words(bench, *flags), **options)


def text(answer: dict[str, Any]) -> tuple[bool, str]:
    """Whether it failed, and what it says."""
    result = answer["result"]
    return bool(result.get("isError")), result["content"][0]["text"]


def nothing_asked(bench: Bench) -> bool:
    return bool(eventually(lambda: not bench.cli("pending", "--json").stdout.strip(), 60))


def test_a_server_in_its_fence_does_what_its_policy_allows_and_nothing_of_what_it_forbids(bench: Bench) -> None:
    note = bench.workspace / "milk.note"
    note.write_text("buy two")
    (bench.daemon.base / "secret.note").write_text("of somebody else")
    with fenced(bench) as server:
        equal(server.begin()["result"]["serverInfo"]["name"], "notes")
        server.request(1, "tools/list")
        equal([tool["name"] for tool in server.answer(1)["result"]["tools"]], ["list", "read", "write", "remove"])
        server.call(2, "read", name="milk")
        equal(text(server.answer(2)), (False, "buy two"))
        server.call(3, "remove", name="milk")
        failed, said = text(server.answer(3))
        assert failed and said.startswith("Ringfence: the policy of this run forbids it: notes are removed by hand.") and "tools.toml:" in said, said
        assert note.exists()
        # The walls are those of any run.
        server.call(4, "read", name="../secret")
        failed, said = text(server.answer(4))
        assert failed and "FileNotFoundError" in said, said
        equal(bench.last_run()["name"], "notes")
        status, errors = server.end()
        equal((status, errors), (0, ""))
    # Control: without the fence it is done.
    with Speaker(SERVER, cwd=bench.workspace) as bare:
        bare.call(1, "remove", name="milk")
        equal(text(bare.answer(1)), (False, "removed"))
        bare.call(2, "read", name="../secret")
        equal(text(bare.answer(2)), (False, "of somebody else"))
    assert not note.exists()


def test_a_call_waits_for_a_person_and_no_other_waits_for_it(bench: Bench) -> None:
    note = bench.workspace / "milk.note"
    with fenced(bench) as server:
        server.begin()
        server.call(1, "write", name="milk", text="two", description="They asked for it")
        asked = question(bench)
        equal((asked["action"]["op"], asked["action"]["target"]), ("call", "notes.write"))
        equal(json.loads(asked["action"]["argv"][0]), {"name": "milk", "text": "two", "description": "They asked for it"})
        assert 'says: "They asked for it"' in bench.cli("pending").stdout
        server.request(2, "ping")
        equal(server.answer(2)["result"], {})
        server.call(3, "list")
        equal(text(server.answer(3)), (False, ""))
        equal(bench.cli("deny", str(asked["id"]), "--say", "not on Friday").returncode, 0)
        failed, said = text(server.answer(1))
        assert failed and said.startswith("Ringfence: a person said no: not on Friday."), said
        assert not note.exists()

        server.call(4, "write", name="milk", text="two")
        equal(bench.cli("allow", str(question(bench)["id"])).returncode, 0)
        equal(text(server.answer(4)), (False, "written"))
        equal(note.read_text(), "two")

        server.call(5, "write", name="milk", text="three")
        instead = bench.daemon.base / "input.json"
        instead.write_text('{"name": "milk", "text": "one"}')
        changed = bench.cli("rewrite", str(question(bench)["id"]), "--content", str(instead))
        equal(changed.returncode, 0, changed.stderr)
        equal(text(server.answer(5)), (False, "written"))
        equal(note.read_text(), "one")
        says = bench.show(bench.last_run()["id"])["agent_says"]
        assert says is not None and "notes.write" in json.dumps(says), says


def test_a_call_that_is_cancelled_is_never_done_and_its_question_ends(bench: Bench) -> None:
    with fenced(bench) as server:
        server.begin()
        server.call(1, "write", name="a", text="1")
        first = question(bench)["id"]
        server.call(2, "write", name="b", text="2")
        assert eventually(lambda: len(bench.cli("pending", "--json").stdout.splitlines()) == 2, 60)
        server.send({"method": "notifications/cancelled", "params": {"requestId": 1}})
        assert eventually(lambda: len(bench.cli("pending", "--json").stdout.splitlines()) == 1, 60)
        left = question(bench)
        assert left["id"] != first and json.loads(left["action"]["argv"][0])["name"] == "b", left
        # The other one is asked still, and nobody was asked twice.
        equal(bench.cli("allow", str(left["id"])).returncode, 0)
        equal(text(server.answer(2)), (False, "written"))
        assert not (bench.workspace / "a.note").exists() and (bench.workspace / "b.note").exists()
        # A client that leaves takes its questions along.
        server.call(3, "write", name="c", text="3")
        question(bench)
        equal(server.end()[0], 0)
    assert nothing_asked(bench)
    assert not (bench.workspace / "c.note").exists()


def test_a_server_that_is_killed_owes_no_answer(bench: Bench) -> None:
    program = bench.workspace / "dying.py"
    program.write_text("import os, sys, time\nfor line in sys.stdin:\n    if 'tools/call' in line: os.kill(os.getpid(), 9)\n")
    file = policy(bench, TOOLS, "tools")
    with speaker(bench, "mcp", "run", "-p", file, "-n", "notes", "--", "/usr/bin/python3", str(program)) as server:
        server.call(1, "write")  # is asked about
        question(bench)
        server.request(2, "prompts/list")
        server.call(3, "list")
        for number in (1, 2, 3):
            said = server.answer(number)["error"]
            assert "killed by signal 9" in said["message"], said
        equal(server.end()[0], 128 + 9)
    assert nothing_asked(bench)


def test_a_call_that_waits_outlives_a_daemon_that_restarts(bench: Bench) -> None:
    with fenced(bench) as server:
        server.begin()
        server.call(1, "write", name="milk", text="two")
        asked = question(bench)["id"]
        bench.daemon.kill_daemon()
        server.request(2, "ping")
        equal(server.answer(2)["result"], {})
        bench.daemon.start()
        assert eventually(lambda: bench.cli("pending", "--json").stdout.strip(), 60)
        equal(question(bench)["id"], asked)  # nobody is asked twice
        equal(bench.cli("allow", str(asked)).returncode, 0)
        equal(text(server.answer(1)), (False, "written"))
        equal((bench.workspace / "milk.note").read_text(), "two")
        equal(server.end()[0], 0)


def test_a_call_is_denied_while_the_daemon_is_stopped_and_the_rest_goes_on(bench: Bench) -> None:
    configure(bench, 'dead_man_after = "off"\n')  # else the emergency stop holds all of it
    with fenced(bench) as server:
        server.begin()
        server.call(1, "list")
        equal(text(server.answer(1)), (False, ""))
        process = bench.daemon.process
        assert process is not None
        process.send_signal(signal.SIGSTOP)
        try:
            server.call(2, "list")
            server.request(3, "ping")
            equal(server.answer(3)["result"], {})
            failed, said = text(server.answer(2, 120))
            assert failed and "nobody to ask" in said, said
        finally:
            process.send_signal(signal.SIGCONT)
        server.call(4, "list")
        equal(text(server.answer(4)), (False, ""))
        equal(server.end()[0], 0)


def test_what_a_server_is_sent_has_one_meaning_for_every_reader(bench: Bench) -> None:
    # Python takes this for a line of its own, and would do the call that it holds.
    smuggled = '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":\r{"jsonrpc":"2.0","id":2,"method":"tools/call",' \
               '"params":{"name":"remove","arguments":{"name":"milk"}}}\r}}\n'
    note = bench.workspace / "milk.note"
    note.write_text("buy two")
    with fenced(bench) as server:
        server.begin()
        server.raw(smuggled)
        equal(server.answer(1)["result"], {})
        for broken in ('{"id":3,"method":"ping","method":"tools/call"}', '[{"id":4,"method":"tools/call"}]', "{", '{"id":5,"Method":"tools/call"}'):
            server.raw(broken + "\n")
            assert server.answer(None)["error"]["message"].startswith("Ringfence: the message"), broken
        server.raw(b"x" * (17 << 20) + b"\n")
        assert "longer than" in server.answer(None)["error"]["message"]
        server.request(6, "ping")
        equal(server.answer(6)["result"], {})
        server.raw('{"id":7,"method":"pi')
        server.close_input()
        assert "has no end" in server.answer(None)["error"]["message"]
        equal(server.process.wait(60), 0)
    assert note.exists()
    # Control: such a reader does it.
    with Speaker(SERVER, cwd=bench.workspace) as bare:
        bare.raw(smuggled)
        assert eventually(lambda: not note.exists(), 60), "the server read it as one line"


def test_a_server_cannot_reach_what_stands_between_it_and_its_client(bench: Bench) -> None:
    program = bench.workspace / "reaching.py"
    program.write_text(
        "import os, subprocess, sys\n"
        "own = subprocess.Popen(['/usr/bin/sleep', '60'], stdout=subprocess.PIPE)\n"
        "def opened(pid):\n"
        "    try: os.close(os.open(f'/proc/{pid}/fd/1', os.O_WRONLY)); return 'opened'\n"
        "    except OSError as wrong: return type(wrong).__name__\n"
        "open('found', 'w').write(opened(os.getppid()) + ' ' + opened(own.pid))\n"
        "own.kill()\nsys.stdin.read()\n")
    with speaker(bench, "mcp", "run", "-p", policy(bench, TOOLS, "tools"), "--", "/usr/bin/python3", str(program)) as server:
        found = bench.workspace / "found"
        assert eventually(lambda: found.exists() and found.read_text(), 60)
        equal(found.read_text(), "PermissionError opened")
        equal(server.end()[0], 0)


def test_a_server_under_guards_is_one_too(bench: Bench) -> None:
    # The default policy: its programs and connections are judged by guards.
    (bench.workspace / "milk.note").write_text("buy two")
    with speaker(bench, "mcp", "run", "-n", "notes", "--read", str(EXAMPLE), "--", *SERVER) as server:
        server.begin()
        server.call(1, "read", name="milk")
        equal(text(server.answer(1)), (False, "buy two"))
        equal(server.end()[0], 0)
    equal(bench.show(bench.last_ended())["policy"]["name"], "coding")


def test_a_server_is_spoken_with_over_a_socket_too(bench: Bench) -> None:
    with fenced(bench, over="socket") as server:
        server.begin()
        server.call(1, "remove", name="milk")
        assert text(server.answer(1))[0]
        equal(server.end()[0], 0)


class Offer:
    """`ringfence mcp serve` at a socket in a folder that agents are given."""

    def __init__(self, bench: Bench) -> None:
        self.folder = bench.daemon.base / "servers"
        self.folder.mkdir(exist_ok=True)
        self.path = self.folder / "notes.sock"
        self.notes = bench.daemon.base / "notes"
        self.notes.mkdir(exist_ok=True)
        command = [bench.program, "mcp", "serve", "--socket", str(self.path), *words(bench, "-w", str(self.notes))]
        self.process = subprocess.Popen(command, cwd=bench.workspace, env=bench.daemon.environment, stdin=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        first = self.process.stderr.readline()
        assert "are offered at" in first, first

    def __enter__(self) -> "Offer":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.said = self.process.communicate(timeout=60)[1]


def test_an_agent_in_a_fence_uses_a_server_in_another_and_cannot_go_round_it(bench: Bench) -> None:
    with Offer(bench) as offer:
        (offer.notes / "milk.note").write_text("buy two")
        agent = policy(bench, f'[files]\nwrite = ["{offer.folder}"]\n', "agent")
        connect = ("run", "-p", agent, "--read", str(bench.daemon.bin), "--", str(bench.daemon.bin / "ringfence"), "mcp", "connect", str(offer.path))
        with speaker(bench, *connect) as server:
            server.begin()
            server.call(1, "read", name="milk")
            equal(text(server.answer(1)), (False, "buy two"))
            server.call(2, "remove", name="milk")
            failed, said = text(server.answer(2))
            assert failed and "notes are removed by hand" in said, said
            server.call(3, "write", name="milk", text="one")
            asked = question(bench)
            equal(asked["action"]["target"], "notes.write")
            equal(bench.cli("allow", str(asked["id"])).returncode, 0)
            equal(text(server.answer(3)), (False, "written"))
            equal(server.end()[0], 0)
        equal((offer.notes / "milk.note").read_text(), "one")
        # Two fences: neither has the other's things. Of the notes the agent's has nothing but the server.
        bare = bench.sh(f"cat {offer.notes}/milk.note", "-p", agent)
        assert bare.returncode != 0 and "No such file" in bare.stderr, bare
        # Each connection has a server of its own, which ends with it.
        assert eventually(lambda: not [run for run in bench.daemon.json_runs() if run["state"] != "ended"], 60)
    assert not offer.path.exists()
    equal(offer.process.returncode, 0)


def test_nobody_but_the_user_and_their_runs_is_let_in(bench: Bench) -> None:
    with Offer(bench) as offer:
        os.chmod(offer.path, 0o666)
        program = f"import os, socket\nos.setuid(65534)\ns = socket.socket(socket.AF_UNIX); s.connect({str(offer.path)!r}); print(s.recv(1))"
        tried = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
        equal((tried.stdout, tried.returncode), ("b''\n", 0), tried.stderr)
        equal(bench.daemon.json_runs(), [])
        # Control: the user is.
        with socket.socket(socket.AF_UNIX) as own:
            own.connect(str(offer.path))
            assert eventually(lambda: bench.daemon.json_runs(), 60)
        second = bench.cli("mcp", "serve", "--socket", str(offer.path), "--", "/bin/true")
        assert second.returncode == 1 and "listens at" in second.stderr, second
    assert "a connection of user 65534 was refused" in offer.said, offer.said


def test_ringfence_is_a_server_that_answers_in_the_persons_stead(bench: Bench) -> None:
    # The rule about a program makes it a run that has a file of what was denied.
    file = policy(bench, '[[exec.rule]]\nmatch = ["id"]\ndecide = "ask"\n[tools]\n[[tools.rule]]\nmatch = ["Bash"]\ndecide = "ask"\n', "approving")
    with speaker(bench, "run", "-p", file, "--read", str(bench.daemon.bin), "--", str(bench.daemon.bin / "ringfence"), "mcp") as server:
        told = server.begin()["result"]
        equal((told["protocolVersion"], told["serverInfo"]["name"]), ("2025-11-25", "ringfence"))
        server.call(1, "explain_denial")
        assert "nothing was denied yet" in text(server.answer(1))[1]
        push = {"command": "git push", "description": "Publish"}
        server.call(2, "approve", tool_name="Bash", input=push, tool_use_id="toolu_1")
        asked = question(bench)
        equal(asked["action"]["target"], "Bash")
        here = {"file_path": str(bench.workspace / "a")}
        server.call(3, "approve", tool_name="Write", input=here, tool_use_id="toolu_2")
        equal(json.loads(text(server.answer(3))[1]), {"behavior": "allow", "updatedInput": here})
        equal(bench.cli("deny", str(asked["id"]), "--say", "not on Friday").returncode, 0)
        denied = json.loads(text(server.answer(2))[1])
        equal(denied["behavior"], "deny")
        assert denied["message"].startswith("Ringfence: a person said no: not on Friday."), denied
        server.call(4, "request_permission", op="write", target="/usr/x")
        assert "the policy of this run forbids it" in text(server.answer(4))[1]
        server.call(5, "explain_denial")
        result = server.answer(5)["result"]["content"]
        assert "write /usr/x" in result[0]["text"], result
        equal(json.loads(result[1]["text"])["target"], "/usr/x")
        equal(server.end()[0], 0)


def test_outside_a_fence_nothing_is_approved_and_it_says_why(bench: Bench) -> None:
    with speaker(bench, "mcp") as server:
        assert "no fence" in server.begin()["result"]["instructions"]
        server.call(1, "approve", tool_name="Read", input={"file_path": "/etc/hosts"})
        denied = json.loads(text(server.answer(1))[1])
        equal(denied["behavior"], "deny")
        assert "is in no fence" in denied["message"], denied
        server.call(2, "explain_denial")
        failed, said = text(server.answer(2))
        assert failed and "is in no fence" in said, said
        status, errors = server.end()
        equal(status, 0)
        assert "is in no fence" in errors, errors
    # Nor is a server started there that is to be guarded by nobody: its calls are not let through.
    note = bench.workspace / "milk.note"
    note.write_text("buy two")
    with speaker(bench, "mcp", "guard", "--", *SERVER) as bare:
        bare.begin()
        bare.call(1, "remove", name="milk")
        failed, said = text(bare.answer(1))
        assert failed and "nobody to ask" in said, said
    assert note.exists()


def test_what_cannot_be_served_is_said_at_once(bench: Bench) -> None:
    for arguments, status, said in ((("run",), 2, "no command given"), (("run", "-d", "--", "/bin/true"), 2, "--detach"), (("serve", "--", "/bin/true"), 2, "--socket"),
                                    (("fly",), 2, "unknown action 'fly'"), (("connect",), 2, "One PATH"), (("connect", "/nowhere/x"), 1, "No such file"),
                                    (("serve", "--socket", "/nowhere/x", "--", "/bin/true"), 1, "/nowhere/x"), (("run", "--", "no-such-server"), 127, "no-such-server")):
        wrong = bench.cli("mcp", *arguments)
        equal(wrong.returncode, status, (arguments, wrong.stderr))
        assert said in wrong.stderr and not wrong.stdout, (arguments, wrong.stderr)
    for action in ("run", "serve", "connect"):
        explained = bench.cli("mcp", action, "--help")
        assert explained.returncode == 0 and "mcp serve --socket PATH" in explained.stdout, (action, explained.stdout, explained.stderr)
    inside = bench.cli("run", "--read", str(bench.daemon.bin), "--", str(bench.daemon.bin / "ringfence"), "mcp", "run", "--", "/bin/true")
    equal(inside.returncode, 3, inside.stderr)
    assert "mcp connect" in inside.stderr, inside.stderr
    place = bench.workspace / "taken"
    place.write_text("")
    taken = bench.cli("mcp", "serve", "--socket", str(place), "--", "/bin/true")
    assert taken.returncode == 1 and "is no socket" in taken.stderr and place.exists(), taken.stderr


if __name__ == "__main__":
    os.environ.pop("RINGFENCE_AGENT_SOCKET", None)
    sys.exit(run_tests(globals()))
