#!/usr/bin/env python3
"""What becomes of a run's output, and of who follows a run, when the daemon or the launcher dies.

    output_test.py BUILD [TEST…]
"""

from __future__ import annotations

import os
import random
import stat
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.accounts import Accounts  # noqa: E402
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import Daemon, eventually, is_alive  # noqa: E402

MEBIBYTE = 1 << 20
# The branch of background runs is idle, and a busy machine starves it.
POLICY = 'schema = 1\nname = "trial"\nextends = ["offline"]\n[priority]\nclass = "interactive"\n'


def trial(bench: Bench) -> str:
    file = bench.daemon.base / "trial.toml"
    file.write_text(POLICY)
    return str(file)


def detached(bench: Bench, script: str) -> str:
    return bench.detached(script, "-p", trial(bench))


def kept(bench: Bench, run: str) -> Path:
    return bench.daemon.state_dir / "output" / run


def wait_until_kept(bench: Bench, run: str) -> None:
    assert eventually(kept(bench, run).is_file, 20), f"nothing is kept of {run}: {bench.daemon.log()}"


def restart_all(daemon: Daemon) -> None:
    """The daemon and the launcher die; what the launcher held in memory dies with them."""
    launcher = daemon.launcher_pid()
    assert launcher
    daemon.kill_daemon()
    daemon.kill_launcher()
    assert eventually(lambda: not is_alive(launcher), 10)
    daemon.start()


# ---- output ----------------------------------------------------------------------------------------------------------


def test_output_of_a_run_that_ended_is_read_after_restarts_of_daemon_and_launcher(bench: Bench) -> None:
    run = detached(bench, "echo here; echo there >&2")
    bench.ended(run)
    silent = detached(bench, "exit 4")
    equal(bench.ended(silent), {"code": 4})
    for restart in range(2):
        equal(bench.cli("logs", run).stdout, "here\nthere\n", f"before restart {restart}")
        wait_until_kept(bench, run)
        restart_all(bench.daemon)
    equal(bench.cli("logs", run).stdout, "here\nthere\n")
    equal(bench.cli("logs", "-f", run).stdout, "here\nthere\n")
    nothing = bench.cli("logs", silent)
    equal((nothing.returncode, nothing.stdout, nothing.stderr), (0, "", ""))
    about = kept(bench, run).stat()
    equal((stat.S_IMODE(about.st_mode), about.st_uid), (0o600, 0))
    equal(stat.S_IMODE(kept(bench, run).parent.stat().st_mode), 0o700)
    equal([file.name for file in kept(bench, run).parent.iterdir()], [run])


def test_output_that_went_to_the_caller_and_that_of_a_refused_run_are_not_called_lost(bench: Bench) -> None:
    bench.sh("echo to the caller")
    nothing = bench.cli("logs", bench.last_run()["id"])
    assert nothing.returncode == 1 and "went where its caller sent it" in nothing.stderr, nothing.stderr
    refused = bench.cli("run", "-d", "--", "/etc/hostname")
    assert refused.returncode in (126, 125), refused
    missing = bench.cli("logs", bench.last_run()["id"])
    assert missing.returncode == 1 and "did not start" in missing.stderr, missing.stderr


def test_a_daemon_that_is_killed_around_the_end_of_runs_loses_none_of_their_output(bench: Bench) -> None:
    chance = random.Random(20261128)
    wanted: dict[str, str] = {}
    for round_number in range(10):
        size = chance.choice([10, 5_000, 3_000_000])
        script = f"while [ ! -e go-{round_number} ]; do sleep 0.02; done; head -c {size} /dev/zero | tr '\\0'"
        runs = [detached(bench, f"{script} {letter}") for letter in "ab"]
        wanted.update({run: letter * size for run, letter in zip(runs, "ab")})
        (bench.workspace / f"go-{round_number}").touch()
        time.sleep(chance.uniform(0, 0.25))
        bench.daemon.kill_daemon()
        bench.daemon.start()
        for run in runs:
            equal(bench.ended(run)["code"], 0)
    for run, text in wanted.items():
        shown = bench.cli("logs", run)
        assert shown.stdout == text, f"{run}: {len(shown.stdout)} bytes instead of {len(text)}: {shown.stderr}"
        wait_until_kept(bench, run)
    restart_all(bench.daemon)
    for run, text in wanted.items():
        assert bench.cli("logs", run).stdout == text, run
    equal(sorted(file.name for file in kept(bench, "").iterdir()), sorted(wanted))


def test_a_daemon_killed_before_it_wrote_the_output_is_followed_by_one_that_writes_it(bench: Bench) -> None:
    run = detached(bench, "while [ ! -e go ]; do sleep 0.02; done; echo said; exit 3")
    os.mkfifo(kept(bench, run), 0o600)  # Whoever writes the output waits here, as for a disk that stalls.
    (bench.workspace / "go").touch()
    equal(bench.ended(run), {"code": 3})
    equal(bench.cli("logs", run).stdout, "said\n")  # Nobody else waits.
    bench.daemon.kill_daemon()
    assert stat.S_ISFIFO(kept(bench, run).stat().st_mode), "it was written after all"
    bench.daemon.start()
    wait_until_kept(bench, run)
    restart_all(bench.daemon)
    equal(bench.cli("logs", run).stdout, "said\n")
    equal(bench.ended(run), {"code": 3})


def test_the_oldest_output_makes_room_for_the_newest_and_is_said_to_be_gone(bench: Bench) -> None:
    runs = []
    for number in range(18):
        runs.append(detached(bench, f"head -c {5 * MEBIBYTE} /dev/zero; echo end of {number}"))
        bench.ended(runs[-1])
        wait_until_kept(bench, runs[-1])
    bench.daemon.kill_daemon()
    bench.daemon.start()
    gone = bench.cli("logs", runs[0])
    equal((gone.returncode, gone.stdout), (1, ""))
    assert runs[0] in gone.stderr and "is gone" in gone.stderr and "the oldest goes first" in gone.stderr, gone.stderr
    last = bench.cli("logs", runs[-1]).stdout
    assert last.endswith("end of 17\n"), last[-40:]
    equal(len(last), 4 * MEBIBYTE)
    total = sum(file.stat().st_size for file in kept(bench, "").iterdir())
    assert 56 * MEBIBYTE < total <= 64 * MEBIBYTE, total


def test_on_a_full_disk_the_run_ends_and_the_loss_is_said(bench: Bench) -> None:
    folder = kept(bench, "")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs", str(folder)], check=True)
    try:
        bench.daemon.kill_daemon()
        bench.daemon.start()
        run = detached(bench, f"head -c {MEBIBYTE} /dev/zero; exit 5")
        equal(bench.ended(run), {"code": 5})
        assert eventually(lambda: f"the output of {run} cannot be kept" in bench.daemon.log(), 20), bench.daemon.log()
        equal(len(bench.cli("logs", run).stdout), MEBIBYTE)
        restart_all(bench.daemon)
        lost = bench.cli("logs", run)
        equal((lost.returncode, lost.stdout), (1, ""))
        assert run in lost.stderr and "is gone" in lost.stderr and "could not be written" in lost.stderr, lost.stderr
        small = detached(bench, "echo small")
        bench.ended(small)
        wait_until_kept(bench, small)
        equal(bench.cli("logs", small).stdout, "small\n")
    finally:
        bench.daemon.kill_daemon()
        subprocess.run(["umount", str(folder)], check=True)
        bench.daemon.start()


def test_the_output_of_an_ended_run_is_for_its_owner_alone(bench: Bench) -> None:
    with Accounts(bench.daemon.bin.parent) as accounts:
        accounts.add("rf-owner", 61001)
        accounts.add("rf-stranger", 61004)
        accounts.start()
        run = accounts.cli("rf-owner", "run", "-d", "--", "/bin/sh", "-c", "echo secret").stdout.strip()
        file = accounts.daemon.state_dir / "output" / run
        assert run and eventually(file.exists, 20), accounts.daemon.log()
        restart_all(accounts.daemon)
        equal(accounts.cli("rf-owner", "logs", run).stdout, "secret\n")
        denied = accounts.cli("rf-stranger", "logs", run)
        equal((denied.returncode, denied.stdout), (1, ""))
        assert f"no run {run} that you may see" in denied.stderr, denied.stderr


# ---- who follows -----------------------------------------------------------------------------------------------------


def started(bench: Bench, *args: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([bench.program, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            stdin=subprocess.DEVNULL, cwd=bench.workspace, env=bench.daemon.environment)


def read_line(process: "subprocess.Popen[bytes]", wanted: bytes) -> None:
    assert process.stdout is not None
    equal(process.stdout.readline(), wanted)


WAITS = "echo begins; for name in one two; do while [ ! -e $name ]; do sleep 0.02; done; echo $name; done; exit 12"


def test_attach_without_a_terminal_goes_on_when_the_daemon_is_killed(bench: Bench) -> None:
    run = detached(bench, WAITS)
    attached = started(bench, "attach", run)
    read_line(attached, b"begins\n")
    for name in ("one", "two"):
        bench.daemon.kill_daemon()
        (bench.workspace / name).touch()
        read_line(attached, name.encode() + b"\n")  # While nobody serves: the ring is the same.
        bench.daemon.start()
    output, errors = attached.communicate(timeout=30)
    equal((output, attached.returncode), (b"", 12), errors)


def test_attach_without_a_terminal_gets_the_status_of_a_run_that_ended_while_the_daemon_was_away(bench: Bench) -> None:
    run = detached(bench, WAITS)
    attached = started(bench, "attach", run)
    read_line(attached, b"begins\n")
    pid = bench.show(run)["pid"]
    bench.daemon.kill_daemon()
    for name in ("one", "two"):
        (bench.workspace / name).touch()
    assert eventually(lambda: not is_alive(pid), 20)
    bench.daemon.start()
    output, errors = attached.communicate(timeout=30)
    equal((output, attached.returncode), (b"one\ntwo\n", 12), errors)


def test_attach_without_a_terminal_says_that_a_daemon_does_not_come_back(bench: Bench) -> None:
    run = detached(bench, WAITS)
    attached = started(bench, "attach", run)
    read_line(attached, b"begins\n")
    bench.daemon.kill_daemon()
    _, errors = attached.communicate(timeout=40)
    equal(attached.returncode, 3)
    assert b"did not come back within 10 seconds" in errors and run.encode() in errors, errors
    bench.daemon.start()


def test_run_without_a_terminal_goes_on_when_the_daemon_is_killed(bench: Bench) -> None:
    running = started(bench, "run", "-p", trial(bench), "--", "/bin/sh", "-c", WAITS)
    read_line(running, b"begins\n")
    for name in ("one", "two"):
        bench.daemon.kill_daemon()
        (bench.workspace / name).touch()
        read_line(running, name.encode() + b"\n")
        bench.daemon.start()
    output, errors = running.communicate(timeout=30)
    equal((output, running.returncode), (b"", 12), errors)


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
