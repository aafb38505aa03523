#!/usr/bin/env python3
"""`ringfence run` and `attach` with a terminal: job control, window size, raw mode given back.

    cli_terminal_test.py BUILD [TEST…]
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import eventually  # noqa: E402


def test_the_command_gets_a_terminal_of_its_own(bench: Bench) -> None:
    with bench.terminal("run", "--", "/bin/sh", "-c", "tty; test -t 0 && test -t 1 && test -t 2 && echo all three; read x; echo got-$x") as terminal:
        inner = terminal.expect(r"(/dev/\S+)\r\n").group(1)
        terminal.expect("all three")
        assert eventually(terminal.is_raw), "the caller's terminal is not raw while the relay runs"
        terminal.type("words\r")
        terminal.expect("got-words")
        equal(terminal.wait(), 0)
        assert terminal.mode_is_as_before(), "the terminal was not given back"
    assert inner.startswith("/dev/pts/"), inner


def test_ctrl_c_interrupts_the_command(bench: Bench) -> None:
    with bench.terminal("run", "--", "/bin/sh", "-c", "echo up; exec sleep 1000") as terminal:
        terminal.expect("up\r\n")
        assert eventually(terminal.is_raw)
        terminal.type("\x03")
        equal(terminal.wait(), 130)
        assert terminal.mode_is_as_before()


def test_ctrl_z_stops_the_job_and_fg_continues_it(bench: Bench) -> None:
    with bench.shell() as shell:
        shell.type("ringfence run -- /bin/sh -c 'echo up; read x; echo got-$x; exit 5'; echo status-$?\r")
        shell.expect("up\r\n")
        assert eventually(shell.is_raw)
        shell.type("\x1a")
        shell.expect("Stopped")
        shell.expect("ready> ")
        shell.type("echo the shell is back\r")
        shell.expect("\r\nthe shell is back")
        shell.type("fg; echo status-$?\r")
        shell.expect("fg; echo")
        # The job has the terminal again, and the relay has taken it.
        assert eventually(lambda: os.tcgetpgrp(shell.master) != shell.process.pid and shell.is_raw(), 60)
        shell.type("later\r")
        shell.expect("got-later")
        shell.expect("status-5")
        shell.type("exit\r")
        shell.wait()


def test_the_window_size_is_that_of_the_caller(bench: Bench) -> None:
    with bench.terminal("run", "--", "/bin/sh", "-c", 'trap "stty size" WINCH; stty size; while :; do sleep 0.1; done', rows=31, columns=97) as terminal:
        terminal.expect(r"31 97\r\n")
        assert eventually(terminal.is_raw)
        terminal.resize(40, 120)
        terminal.expect(r"40 120\r\n")
        terminal.type("\x03")
        equal(terminal.wait(), 130)


def test_a_lost_terminal_detaches_and_attach_comes_back(bench: Bench) -> None:
    terminal = bench.terminal("run", "--", "/bin/sh", "-c", "echo up; read x; echo got-$x; exit 8")
    terminal.expect("up\r\n")
    run = bench.last_run()["id"]
    terminal.close()
    equal(bench.show(run)["state"], "running")
    with bench.terminal("attach", run) as again:
        again.expect("Ctrl-")
        assert eventually(again.is_raw)
        again.type("hello\r")
        again.expect("got-hello")
        equal(again.wait(), 8)


def test_the_detach_key_leaves_an_attached_run(bench: Bench) -> None:
    terminal = bench.terminal("run", "--", "/bin/sh", "-c", "echo up; read x; exit 3")
    terminal.expect("up\r\n")
    run = bench.last_run()["id"]
    terminal.close()
    with bench.terminal("attach", run) as again:
        again.expect("Ctrl-")
        assert eventually(again.is_raw)
        again.type("\x1cd")
        again.expect("left")
        equal(again.wait(), 0)
        assert again.mode_is_as_before()
    equal(bench.show(run)["state"], "running")
    equal(bench.cli("attach", run).returncode, 2)
    bench.cli("kill", run)
    bench.ended(run)


def test_a_pipe_beside_a_terminal_means_no_terminal_inside(bench: Bench) -> None:
    read_end, write_end = os.pipe()
    with bench.terminal("run", "--", "/bin/sh", "-c", "test -t 0 || echo no terminal; echo err >&2; read x; echo got-$x", stdout=write_end) as terminal:
        os.close(write_end)
        terminal.expect("err\r\n")
        terminal.type("typed\r")
        equal(terminal.wait(), 0)
        with os.fdopen(read_end) as output:
            equal(output.read(), "no terminal\ngot-typed\n")
        assert terminal.mode_is_as_before()


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
