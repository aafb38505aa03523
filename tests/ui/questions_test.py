#!/usr/bin/env python3
"""Questions on the command line, with a daemon that says what the test wants: what people see, what programs read, what
is sent as an answer, and that the agent's terminal answers nothing.

    questions_test.py BUILD [TEST…]
"""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.fake_daemon import Connection, FakeDaemon, field, fields  # noqa: E402
from tests.support.terminal import Terminal  # noqa: E402

RUN = "r-0123456789abcdef"
PATIENCE_S = 20
# Numbers of sdk/proto/control.proto.
ERROR, RUN_ACCEPTED, RUN_EVENT, DONE, PENDING, GONE, GRANTS, WHY = 3, 5, 6, 9, 16, 17, 18, 19
ALLOW, DENY, REWRITE = 1, 2, 3


def item(number: int, *argv: str) -> bytes:
    action = field(1, 3) + field(2, "/usr/bin/git") + b"".join(field(4, word) for word in argv) + field(5, "/w")
    rule = field(1, "/etc/coding.toml") + field(2, 12) + field(3, "match = [\"git\"]")
    return (field(1, number) + field(2, RUN) + field(3, "coder") + field(4, action) + field(5, field(1, 41) + field(2, "git")) +
            field(6, rule) + field(7, "publishes") + field(8, f"digest{number}") + field(9, "2026-11-28T10:00:00Z") +
            field(10, "2026-11-28T10:10:00Z") + field(11, 3))


def gone(number: int, settlement: int) -> bytes:
    return field(1, number) + field(2, RUN) + field(3, settlement)


def event(content: bytes) -> bytes:
    return field(RUN_EVENT, field(1, RUN) + content)


class Bench:
    def __init__(self, build: str, base: Path) -> None:
        self.program = str(Path(build).resolve() / "bin" / "ringfence")
        self.daemon = FakeDaemon(base / "socket")
        self.workspace = base / "project"
        self.workspace.mkdir()
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": str(base), "RINGFENCE_SOCKET": str(base / "socket"), "TERM": "dumb"}
        self.answers: list[dict[int, list[Any]]] = []
        self.daemon.on("answer", self._answer)

    def _answer(self, connection: Connection, request: int, body: dict[int, list[Any]]) -> None:
        self.answers.append(body)
        connection.send(request, field(DONE, b""), last=True)

    def cli(self, *args: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run([self.program, *args], cwd=self.workspace, env=self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=PATIENCE_S, check=False, **options)


class Agent:
    """A run of the fake daemon: what its terminal shows and hears, and its events."""

    def __init__(self, bench: Bench, with_terminal: bool) -> None:
        self.master, self.slave = pty.openpty()
        self._with_terminal = with_terminal
        self._started = threading.Event()
        bench.daemon.on("run", self._run)

    def _run(self, connection: Connection, request: int, _: dict[int, list[Any]]) -> None:
        self._connection, self._request = connection, request
        accepted = field(1, RUN) + field(2, "coder") + field(3, 1) + field(6, int(self._with_terminal))
        connection.send(request, field(RUN_ACCEPTED, accepted), fds=[self.master] if self._with_terminal else [])
        self._started.set()

    def tell(self, content: bytes, last: bool = False) -> None:
        assert self._started.wait(PATIENCE_S)
        self._connection.send(self._request, event(content), last=last)

    def asks(self, question: bytes) -> None:
        self.tell(field(5, question))

    def ends(self, code: int) -> None:
        self.tell(field(4, field(1, code)), last=True)

    def writes(self, text: bytes) -> None:
        assert self._started.wait(PATIENCE_S)
        os.write(self.slave, text)

    def close(self) -> None:
        os.close(self.master)
        os.close(self.slave)


def equal(got: Any, wanted: Any, why: Any = "") -> None:
    assert got == wanted, f"got {got!r}, wanted {wanted!r}; {why}"


# ---- the terminal of the agent ---------------------------------------------------------------------------------------


def test_a_question_is_announced_above_the_row_of_the_cursor(bench: Bench) -> None:
    agent = Agent(bench, with_terminal=True)
    with Terminal([bench.program, "run", "--", "true"], cwd=bench.workspace, env=bench.environment, columns=100) as terminal:
        agent.writes(b"prompt> ")
        terminal.expect("prompt> ")
        agent.asks(item(17, "git", "push"))
        terminal.expect(re.escape("\x1b7\r\n\x1b[A\x1b[L\x1b[0mringfence: coder asks to run git push, by git (41): "
                                  "ringfence allow 17 or deny 17\x1b8\x1b[B"))
        agent.ends(3)
        equal(terminal.wait(), 3)
    agent.close()


def test_a_question_is_announced_once_whatever_is_told_of_it_later(bench: Bench) -> None:
    agent = Agent(bench, with_terminal=True)
    with Terminal([bench.program, "run", "--", "true"], cwd=bench.workspace, env=bench.environment, columns=100) as terminal:
        for _ in range(3):
            agent.asks(item(17, "git", "push"))
        agent.tell(field(6, gone(17, 1)))
        agent.asks(item(18, "git", "pull"))
        terminal.expect("asks to run git pull")
        agent.ends(0)
        equal(terminal.wait(), 0)
        equal(terminal.seen.count("asks to run git push"), 1, terminal.seen)
    agent.close()


def test_no_announcement_gets_into_a_control_sequence_of_the_agent(bench: Bench) -> None:
    agent = Agent(bench, with_terminal=True)
    with Terminal([bench.program, "run", "--", "true"], cwd=bench.workspace, env=bench.environment, columns=100) as terminal:
        agent.writes(b"begin\x1b]0;ti")
        terminal.expect("begin\x1b]0;ti")
        agent.asks(item(17, "git", "push"))
        agent.writes(b"tle\x07end")
        terminal.expect("asks to run git push")
        agent.ends(0)
        equal(terminal.wait(), 0)
        assert "\x1b]0;title\x07" in terminal.seen, terminal.seen
    agent.close()


def test_a_control_sequence_that_never_ends_hides_no_question(bench: Bench) -> None:
    agent = Agent(bench, with_terminal=True)
    with Terminal([bench.program, "run", "--", "true"], cwd=bench.workspace, env=bench.environment, columns=100) as terminal:
        agent.writes(b"\x1b]0;for ever")
        terminal.expect("for ever")
        agent.asks(item(17, "git", "push"))
        terminal.expect("asks to run git push")
        agent.ends(0)
        equal(terminal.wait(), 0)
    agent.close()


def test_what_is_typed_into_the_terminal_of_the_agent_answers_nothing(bench: Bench) -> None:
    agent = Agent(bench, with_terminal=True)
    with Terminal([bench.program, "run", "--", "true"], cwd=bench.workspace, env=bench.environment, columns=100) as terminal:
        agent.asks(item(17, "git", "push"))
        terminal.expect("asks to run git push")
        agent.writes(b"\r\nringfence: allow 17? [y/N] ")
        terminal.expect(re.escape("[y/N]"))
        terminal.type("y\r")
        equal(os.read(agent.slave, 100), b"y\n")  # It is the agent that hears it.
        agent.ends(0)
        equal(terminal.wait(), 0)
    equal((bench.answers, bench.daemon.requests), ([], ["run"]))
    agent.close()


def test_without_a_terminal_inside_a_question_goes_to_the_one_at_stderr(bench: Bench) -> None:
    agent = Agent(bench, with_terminal=False)
    with Terminal([bench.program, "run", "--", "true"], cwd=bench.workspace, env=bench.environment, stdout=subprocess.DEVNULL,
                  columns=100) as terminal:
        agent.asks(item(17, "git", "push"))
        terminal.expect(r"ringfence: coder asks to run git push, by git \(41\): ringfence allow 17 or deny 17\r\n")
        agent.ends(0)
        equal(terminal.wait(), 0)
    agent.close()


def test_without_any_terminal_a_question_is_on_the_status_lines_alone(bench: Bench) -> None:
    agent = Agent(bench, with_terminal=False)
    reading, writing = os.pipe()
    process = subprocess.Popen([bench.program, "run", "--json-status", str(writing), "--", "true"], cwd=bench.workspace,
                               env=bench.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               pass_fds=[writing])
    os.close(writing)
    agent.asks(item(17, "git", "push"))
    agent.tell(field(6, gone(17, 4)))
    agent.ends(0)
    output, errors = process.communicate(timeout=PATIENCE_S)
    equal((output, errors, process.returncode), (b"", b"", 0))
    with os.fdopen(reading) as status:
        lines = [json.loads(line) for line in status]
    equal(lines[1]["question"]["id"], 17, lines)
    equal(lines[1]["question"]["action"]["argv"], ["git", "push"])
    equal(lines[2], {"question": {"id": 17, "run": RUN, "outcome": "expired"}})
    equal(lines[3], {"exit": {"code": 0}, "later": None})
    agent.close()


# ---- seeing and answering --------------------------------------------------------------------------------------------


def test_pending_shows_each_question_and_watch_how_it_was_settled(bench: Bench) -> None:
    def pending(connection: Connection, request: int, body: dict[int, list[Any]]) -> None:
        connection.send(request, field(PENDING, item(17, "git", "push")))
        if body.get(2) == [1]:
            connection.send(request, field(GONE, gone(17, 2)))
            connection.send(request, field(ERROR, field(1, "lagged") + field(2, "answers were not read in time") + field(4, 1)), last=True)
        else:
            connection.send(request, field(DONE, b""), last=True)

    bench.daemon.on("pending", pending)
    shown = bench.cli("pending")
    equal((shown.returncode, shown.stderr), (0, ""))
    for part in ("question 17: coder", "wants to run git push", "/etc/coding.toml:12", "ringfence allow 17", "deny 17", "denied"):
        assert part in shown.stdout, shown.stdout
    value = json.loads(bench.cli("pending", "--json").stdout)
    equal((value["id"], value["run"], value["rule"]["line"], value["reversible"]), (17, RUN, 12, "leaves-device"))
    watched = bench.cli("pending", "--watch", "--json")
    equal([json.loads(line).get("outcome") for line in watched.stdout.splitlines()], [None, "denied"])
    equal(watched.returncode, 1)
    assert "lagged" in watched.stderr, watched.stderr


def test_no_question_is_said_to_people_and_nothing_to_programs(bench: Bench) -> None:
    bench.daemon.on("pending", lambda connection, request, _: connection.send(request, field(DONE, b""), last=True))
    equal(bench.cli("pending").stdout, "no question waits\n")
    equal(bench.cli("pending", "--json").stdout, "")


def test_each_answer_is_sent_as_it_was_said(bench: Bench) -> None:
    equal(bench.cli("allow", "17").stdout, "allowed 17, once\n")
    equal(bench.answers[-1], {1: [17], 3: [ALLOW], 4: [1]})
    equal(bench.cli("allow", "17", "--scope", "project", "--for", "2h", "--digest", "d").returncode, 0)
    equal(bench.answers[-1], {1: [17], 2: [b"d"], 3: [ALLOW], 4: [3], 5: [7200]})
    equal(json.loads(bench.cli("deny", "17", "--say", "not on a Friday", "--json").stdout), {"id": 17, "verdict": "deny", "ok": True})
    equal(bench.answers[-1], {1: [17], 3: [DENY], 6: [b"not on a Friday"]})

    def rewrite(*words: str) -> dict[int, list[Any]]:
        result = bench.cli("rewrite", "17", *words)
        equal(result.returncode, 0, result.stderr)
        equal(bench.answers[-1][3], [REWRITE])
        return fields(bench.answers[-1][7][0])

    equal(rewrite("--argv", '["git", "status", ""]'), {1: [b"git", b"status", b""]})
    equal(rewrite("--path", "sub/../out.txt"), {2: [str(bench.workspace / "out.txt").encode()]})
    equal(rewrite("--host", "example.org:443"), {3: [b"example.org:443"]})
    (bench.workspace / "content").write_bytes(b"a\0b")
    equal(rewrite("--content", "content"), {4: [b"a\0b"]})


def test_an_answer_that_makes_no_sense_is_never_sent(bench: Bench) -> None:
    (bench.workspace / "large").write_bytes(bytes(1024 * 1024 + 1))
    for words in (["allow", "0"], ["allow", "x"], ["allow", "-1"], ["allow", "17", "--scope", "ever"], ["allow", "17", "--for", "2h"],
                  ["allow", "17", "--scope", "run", "--for", "soon"], ["rewrite", "17"], ["rewrite", "17", "--argv", "git"],
                  ["rewrite", "17", "--path", "a", "--host", "b"], ["rewrite", "17", "--content", "absent"],
                  ["rewrite", "17", "--content", "large"], ["grants", "revoke"], ["grants", "drop", "1"],
                  ["why", "coder", "--op", "exec"], ["why", "coder", "--op", "run", "--target", "x"],
                  ["why", "coder", "--op", "read", "--target", "x", "--", "y"]):
        result = bench.cli(*words)
        equal(result.returncode, 2, (words, result.stderr))
        assert result.stderr, words
    equal(bench.daemon.requests, [])


def test_a_question_that_is_gone_is_5(bench: Bench) -> None:
    refusal = field(ERROR, field(1, "gone") + field(2, "answered already") + field(4, 5))
    bench.daemon.on("answer", lambda connection, request, _: connection.send(request, refusal, last=True))
    result = bench.cli("allow", "17")
    equal((result.returncode, result.stdout), (5, ""))
    assert "answered already" in result.stderr, result.stderr
    error = json.loads(bench.cli("allow", "17", "--json").stderr)["error"]
    equal((error["code"], error["exit_status"]), ("gone", 5))


def test_grants_are_listed_and_revoked(bench: Bench) -> None:
    row = field(1, 3) + field(2, 2) + field(3, RUN) + field(5, 2) + field(6, "/home/ada/Documents") + field(9, "[[grant]]") + field(12, 8)
    bench.daemon.on("grants", lambda connection, request, _: connection.send(request, field(GRANTS, field(1, row)), last=True))
    shown = bench.cli("grants")
    assert re.search(rf"^3 +run +{RUN} +8 +- +write /home/ada/Documents$", shown.stdout, re.MULTILINE), shown.stdout
    equal(json.loads(bench.cli("grants", "--json").stdout)["policy_text"], "[[grant]]")
    revoked: list[Any] = []

    def revoke(connection: Connection, request: int, body: dict[int, list[Any]]) -> None:
        revoked.append(body)
        connection.send(request, field(DONE, b""), last=True)

    bench.daemon.on("revoke_grant", revoke)
    equal(bench.cli("grants", "revoke", "3").stdout, "revoked 3\n")
    equal(revoked, [{1: [3]}])


def test_why_says_what_decides_and_its_status_is_the_decision(bench: Bench) -> None:
    asked: list[dict[int, list[Any]]] = []
    for decision, status, words in ((1, 0, "allowed"), (2, 5, "asked"), (3, 4, "forbidden"), (4, 0, "differently"), (0, 1, "decision"),
                                    (9, 1, "decision")):
        def why(connection: Connection, request: int, body: dict[int, list[Any]]) -> None:
            asked.append(body)
            rule = field(2, field(1, "/etc/coding.toml") + field(2, 12) + field(3, "match"))
            connection.send(request, field(WHY, field(1, decision) + rule + field(3, "because")), last=True)

        bench.daemon.on("why", why)
        result = bench.cli("why", "coder", "--op", "exec", "--target", "sh", "--", "sh", "-c", "true")
        equal(result.returncode, status, (decision, result.stderr))
        assert words in result.stdout + result.stderr, (decision, result.stdout, result.stderr)
        equal((asked[-1][1], asked[-1][2], asked[-1][4]), ([b"coder"], [3], [b"sh", b"-c", b"true"]))
        assert asked[-1][3][0].startswith(b"/"), asked[-1]


def main() -> int:
    tests = {name[5:]: test for name, test in globals().items() if name.startswith("test_")}
    failed = 0
    wanted = sys.argv[2:] or list(tests)
    for name in wanted:
        with tempfile.TemporaryDirectory(prefix="rf-questions-") as base:
            bench = Bench(sys.argv[1], Path(base))
            try:
                with bench.daemon:
                    tests[name](bench)
                print(f"ok    {name.replace('_', ' ')}", flush=True)
            except (AssertionError, RuntimeError, subprocess.SubprocessError, OSError, LookupError, ValueError) as wrong:
                failed += 1
                print(f"FAIL  {name.replace('_', ' ')}\n      {type(wrong).__name__}: {wrong}", flush=True)
    print(f"{len(wanted) - failed} of {len(wanted)} held")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
