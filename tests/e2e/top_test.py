#!/usr/bin/env python3
"""`ringfence top`: what its screen shows, what its keys do to runs in the kernel, and that the terminal comes back.

    top_test.py BUILD [TEST…]
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import eventually  # noqa: E402
from tests.support.terminal import Terminal  # noqa: E402
from tests.support.vt_screen import VtScreen  # noqa: E402

BURNS = "while :; do :; done"
RATES = r" +\d+\.\d +\d[\d.]*[KMG]?"  # CPU% and MEMORY


class Top:
    """The program in a terminal, and the picture that it makes there."""

    def __init__(self, bench: Bench, *options: str, rows: int = 24, columns: int = 80, command: list[str] | None = None,
                 **environment: str) -> None:
        known = {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **environment}
        env = {name: value for name, value in {**bench.daemon.environment, **known}.items()
               if name != "NO_COLOR" or name in environment}
        self.terminal = Terminal(command or [bench.program, "top", *options], rows=rows, columns=columns, cwd=bench.workspace, env=env)
        self.screen = VtScreen(rows, columns)

    def __enter__(self) -> "Top":
        return self

    def __exit__(self, *_: object) -> None:
        self.terminal.close()

    def pump(self, seconds: float = 0.05) -> bool:
        """Takes what was written; False at the end."""
        if not select.select([self.terminal.master], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.terminal.master, 65536)
        except OSError:
            return False
        self.screen.feed(data)
        return bool(data)

    def shows(self, pattern: str, seconds: float = 60) -> re.Match[str]:
        """Waits until the picture has it."""
        deadline = time.monotonic() + seconds
        while True:
            match = re.search(pattern, self.screen.text(), re.M)
            if match:
                return match
            going_on = self.pump()
            assert going_on and time.monotonic() < deadline, f"{pattern!r} is not on the screen:\n{self.screen.text()}"

    def hides(self, pattern: str) -> None:
        assert eventually(lambda: self.pump() and not re.search(pattern, self.screen.text(), re.M), 60, 0), self.screen.text()

    def type(self, keys: str) -> None:
        self.terminal.type(keys)

    def resize(self, rows: int, columns: int) -> None:
        self.screen.resize(rows, columns)
        self.terminal.resize(rows, columns)

    def ended(self) -> int:
        """The status; the terminal must be as it was before."""
        assert eventually(lambda: self.pump(0.02) is False or self.terminal.process.poll() is not None, 60, 0), self.screen.text()
        status = self.terminal.process.wait(60)
        while select.select([self.terminal.master], [], [], 0)[0] and self.pump(0):
            pass
        self.is_given_back()
        return status

    def is_given_back(self) -> None:
        assert self.terminal.mode_is_as_before(), "the mode of the terminal was not given back"
        equal((self.screen.alternate, self.screen.cursor_visible), (False, True), "second screen, cursor")


def frozen_in_kernel(bench: Bench, run: str) -> set[str]:
    """What the kernel says of the group of the run's agent; its guards go on."""
    events = [file for group in bench.daemon.groups() for file in Path(group).rglob(f"{run}/agent/cgroup.events")]
    return {value for file in events for value in re.findall(r"frozen (\d)", file.read_text())}


def ended_runs(bench: Bench, *runs: str) -> None:
    for run in runs:
        bench.cli("kill", run)
        bench.ended(run)


def test_top_shows_a_run_and_its_keys_freeze_resume_and_kill_it(bench: Bench) -> None:
    run = bench.detached(BURNS, "-n", "burner")
    with Top(bench) as top:
        top.shows(r"^>burner +inter +running" + RATES)
        top.shows(r"^ringfence top: 1 run; sorted by CPU")
        top.shows(r"^cpu \d+\.\d% of \d+00%  memory [\d.]+ \wiB free of [\d.]+ \wiB")
        top.shows(run + r": /bin/sh -c 'while")
        assert top.screen.alternate and not top.screen.cursor_visible
        top.type("f")
        assert eventually(lambda: frozen_in_kernel(bench, run) == {"1"}, 60), frozen_in_kernel(bench, run)
        top.shows(r"^>burner +inter +frozen")
        top.shows(r": frozen asked by uid 0")
        top.type("r")
        assert eventually(lambda: frozen_in_kernel(bench, run) == {"0"}, 60)
        top.shows(r"^>burner +inter +running")
        top.type("k")
        top.shows(rf"k again kills {run} \(burner\)")
        top.type("x")
        top.hides("k again")
        top.type("k")
        top.shows("k again")
        equal(bench.show(run)["state"], "running", "one key must not kill")
        top.type("k")
        equal(bench.ended(run)["signal"], 9)
        top.shows("No run of yours")
        top.type("q")
        equal(top.ended(), 0)


def test_s_asks_the_chosen_run_to_end_and_leaves_the_others_alone(bench: Bench) -> None:
    first = bench.detached("trap 'exit 7' TERM; while :; do sleep 0.05; done", "-n", "aaa")
    other = bench.detached("sleep 1000", "-n", "bbb")
    with Top(bench, "--sort", "name") as top:
        top.shows(r"^>aaa .*\n bbb ")
        top.type("\x1bOB")  # down, and up again
        top.shows(r"^ aaa .*\n>bbb ")
        top.type("\x1bOA")
        top.shows(r"^>aaa .*\n bbb ")
        top.type("s")
        equal(bench.ended(first), {"code": 7})
        top.shows(r"^ringfence top: 1 run; sorted by name")
        top.shows("The run that was chosen is gone")
        top.type("ss")  # Nothing is chosen: these are for nobody.
        top.shows("No run is chosen")
        equal(bench.show(other)["state"], "running")
        top.type("q")
        equal(top.ended(), 0)
    ended_runs(bench, other)


def test_the_screen_fits_every_size_and_follows_a_resize(bench: Bench) -> None:
    runs = [bench.detached("sleep 1000", "-n", f"agent{number}") for number in range(5)]
    with Top(bench) as top:
        top.shows(r"^.agent4 +inter +running" + RATES)
        for rows, columns, wanted in ((12, 40, r"NAME +STATE +CPU% MEMORY ASKS$"), (3, 10, r"^q quit"), (1, 1, r"\A.?\Z"),
                                      (50, 200, r"ACCEL% +TOKENS +COST +PIDS ASKS +TIME"), (24, 80, r"NET/s ASKS")):
            top.resize(rows, columns)
            top.shows(wanted)
        top.shows(r"^>agent0 .*(\n agent\d.*){4}")
        top.type("q")
        equal(top.ended(), 0)
    ended_runs(bench, *runs)


def test_a_run_that_the_governor_holds_says_why(bench: Bench) -> None:
    file = bench.daemon.base / "limited.toml"
    file.write_text('schema = 1\nname = "limited"\nextends = ["offline"]\n[limits]\nwall_time = "1s"\n[priority]\nclass = "interactive"\n')
    run = bench.detached("sleep 1000", "-p", str(file), "-n", "paused")
    with Top(bench, columns=160) as top:
        top.shows(r"^>paused +inter +held .* by the governor: it has run for")
        top.shows(rf"^{run}: frozen by the governor: it has run for .* as long as it may")
        top.shows("1 run, 1 held by the governor")
        top.type("q")
        equal(top.ended(), 0)
    shown = bench.show(run)
    equal((shown["held"]["governor"], shown["class"]), (True, "interactive"), shown)
    assert "by the governor: it has run for" in bench.cli("show", run).stdout
    ended_runs(bench, run)


def test_a_question_that_waits_is_counted_at_its_run_and_not_answered_here(bench: Bench) -> None:
    file = bench.daemon.base / "asking.toml"
    file.write_text('schema = 1\nname = "asking"\nextends = ["offline"]\n[files]\nask = ["$WORKSPACE/release"]\n'
                    '[priority]\nclass = "interactive"\n')
    (bench.workspace / "release").mkdir()
    run = bench.detached("echo a >release/x; echo told; sleep 1000", "-p", str(file), "-n", "asker")
    with Top(bench) as top:
        top.shows(r"^>asker +inter +running" + RATES + r".* 1$")
        top.shows("1 run, 1 question waits")
        top.shows(run + ": asks; see 'ringfence pending'")
        equal(bench.cli("deny", "1").returncode, 0)
        top.shows(r"^>asker +inter +running" + RATES + r".* 0$")
        top.hides("question waits")
        top.type("q")
        equal(top.ended(), 0)
    ended_runs(bench, run)


def test_whatever_ends_top_gives_the_terminal_back(bench: Bench) -> None:
    for how, status in ((signal.SIGTERM, -signal.SIGTERM), (signal.SIGHUP, -signal.SIGHUP), (signal.SIGINT, 0),
                        (signal.SIGSEGV, -signal.SIGSEGV), (signal.SIGABRT, -signal.SIGABRT)):
        with Top(bench) as top:
            top.shows("No run of yours")
            os.kill(top.terminal.process.pid, how)
            equal(top.ended(), status, how)
    with Top(bench) as top:
        top.shows("No run of yours")
        top.type("\x03")
        equal(top.ended(), 0, "Ctrl-C")


def test_ctrl_z_gives_the_terminal_to_the_shell_and_fg_takes_it_back(bench: Bench) -> None:
    run = bench.detached("sleep 1000", "-n", "sleeper")
    with Top(bench, command=["bash", "--norc", "--noprofile", "-i"], PS1="ready> ") as top:
        top.shows("^ready>")
        top.type("ringfence top\r")
        top.shows(r"^>sleeper ")
        top.type("\x1a")
        top.shows("Stopped")
        assert not top.screen.alternate and top.screen.cursor_visible
        top.type("stty -a | grep -q -- -icanon || echo coo''ked\r")
        top.shows("^cooked")
        top.type("fg\r")
        top.hides("cooked")
        top.shows(r"^>sleeper ")
        assert eventually(lambda: top.pump() and top.screen.alternate and not top.screen.cursor_visible, 60, 0)
        pid = int(subprocess.run(["ps", "-o", "pid=", "--ppid", str(top.terminal.process.pid)], capture_output=True, text=True,
                                 check=True).stdout.split()[0])
        os.kill(pid, signal.SIGSTOP)  # Nobody can handle that one.
        top.shows("Stopped")
        top.type("fg; echo status-$?\r")
        top.hides("Stopped")
        top.shows(r"^>sleeper ")
        top.type("q")
        top.shows("status-0")
        top.type("exit\r")
        equal(top.ended(), 0)
    ended_runs(bench, run)


def test_a_daemon_that_is_gone_is_told_in_words_and_comes_back(bench: Bench) -> None:
    run = bench.detached("sleep 1000", "-n", "sleeper")
    with Top(bench) as top:
        top.shows(r"^>sleeper +inter +running" + RATES)
        bench.daemon.kill_daemon()
        top.shows(r"Cannot reach the daemon at \S+control.sock")
        top.hides("sleeper")
        top.type("s")
        top.shows("Nothing is known of the run now: nothing was done")
        bench.daemon.start()
        top.shows(r"^>sleeper +inter +running" + RATES)
        assert bench.daemon.process is not None
        os.kill(bench.daemon.process.pid, signal.SIGSTOP)
        try:
            top.shows(r"The daemon has not answered for \d+ s")
        finally:
            os.kill(bench.daemon.process.pid, signal.SIGCONT)
        top.shows(r"^>sleeper +inter +running" + RATES)
        equal(bench.show(run)["state"], "running")
        top.type("q")
        equal(top.ended(), 0)
    ended_runs(bench, run)


def test_a_daemon_that_hangs_does_not_hold_up_the_keys(bench: Bench) -> None:
    with Top(bench) as top:
        top.shows("No run of yours")
        assert bench.daemon.process is not None
        os.kill(bench.daemon.process.pid, signal.SIGSTOP)
        try:
            top.shows(r"The daemon has not answered for \d+ s")
            top.type("q")
            equal(top.ended(), 0)
        finally:
            os.kill(bench.daemon.process.pid, signal.SIGCONT)


def test_hostile_and_wide_names_stay_in_their_column(bench: Bench) -> None:
    runs = [bench.detached("sleep 1000", "-n", name) for name in ("\x1b[2J\x1b]0;t\x07evil", "漢字のエージェント名", "plain")]
    with Top(bench, "--sort", "name", columns=160) as top:
        top.shows(r"^.plain +inter +running" + RATES)
        rows = [line for line in top.screen.lines() if " running " in line]
        equal(len(rows), 3, top.screen.text())
        assert any("\\x1b[2J\\x1b]0;t" in row for row in rows), rows
        assert any("漢字のエージェント名" in row for row in rows), rows
        states = {sum(2 if ord(c) > 0x2fff else 1 for c in row[:row.index(" running ")]) for row in rows}
        equal(len(states), 1, rows)
        top.type("q")
        equal(top.ended(), 0)
    with Top(bench, columns=160, TERM="vt100", LC_ALL="C") as top:  # It shows no UTF-8.
        top.shows(r"^.\?{20} +inter +running" + RATES)
        top.type("q")
        equal(top.ended(), 0)
    ended_runs(bench, *runs)


def test_colour_is_used_where_there_is_some_and_wanted(bench: Bench) -> None:
    run = bench.detached("sleep 1000", "-n", "sleeper")
    bench.cli("freeze", run)
    for environment, colours in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "vt100"}, False)):
        with Top(bench, **environment) as top:
            top.shows(r"^>sleeper +inter +frozen" + RATES)
            top.type("q")
            equal(top.ended(), 0)
            equal(bool(top.screen.colours), colours, environment)
    ended_runs(bench, run)


def test_without_a_terminal_that_can_place_text_top_says_what_tells_the_same(bench: Bench) -> None:
    result = bench.cli("top")
    equal((result.returncode, result.stdout), (2, ""))
    assert "must be a terminal" in result.stderr and "ringfence usage" in result.stderr, result.stderr
    for name in ("dumb", "nobody-knows-this"):
        with Top(bench, TERM=name).terminal as terminal:
            terminal.expect("ringfence: top: .*" + name)
            terminal.expect("'ringfence usage'")
            equal(terminal.wait(), 2)
            assert terminal.mode_is_as_before()
            assert "\x1b" not in terminal.seen, terminal.seen


def test_top_once_prints_a_frame_for_people_and_for_programs(bench: Bench) -> None:
    run = bench.detached(BURNS, "-n", "burner")
    sleeper = bench.detached("sleep 1000", "-n", "sleeper")
    text = bench.cli("top", "--once", "--sort", "cpu")
    equal(text.returncode, 0, text.stderr)
    lines = text.stdout.splitlines()
    assert re.match(r"ringfence top: 2 runs; sorted by CPU", lines[0]), text.stdout
    row = next(line for line in lines if line.startswith("burner "))
    assert float(row.split()[3]) > 0, text.stdout
    assert "\x1b" not in text.stdout
    result = bench.cli("top", "--once", "--json")
    rows: list[dict[str, Any]] = [json.loads(line) for line in result.stdout.splitlines()]
    equal([row.get("name") for row in rows], ["burner", "sleeper", None], result.stdout)
    equal((rows[0]["run"], rows[0]["state"], rows[0]["tokens"], rows[0]["questions"]), (run, "running", None, 0))
    assert rows[0]["cpu_percent"] > rows[1]["cpu_percent"] >= 0, rows
    assert rows[2]["device"]["cpus"] >= 1, rows
    ended_runs(bench, run, sleeper)


def test_top_says_what_is_wrong_with_its_options_and_when_nobody_answers(bench: Bench) -> None:
    wrong = bench.cli("top", "--sort", "colour")
    equal(wrong.returncode, 2)
    assert "cpu, memory, growth" in wrong.stderr, wrong.stderr
    equal(bench.cli("top", "--json").returncode, 2)
    away = bench.cli("top", "--once", env={"RINGFENCE_SOCKET": str(bench.daemon.base / "nobody.sock")})
    equal(away.returncode, 3)
    assert "cannot reach the daemon" in away.stderr, away.stderr
    assert "k and k again" in bench.cli("top", "--help").stdout
    assert re.search(r"^  top  +what runs use", bench.cli("help").stdout, re.M)


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
