#!/usr/bin/env python3
"""`ringfence run` without a terminal: exit statuses, bytes, files, what reaches the command.

    cli_run_test.py BUILD [TEST…]
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import eventually  # noqa: E402


# ---- exit statuses ---------------------------------------------------------------------------------------------------


def test_the_status_of_the_command_passes_through(bench: Bench) -> None:
    for status in (0, 1, 3, 125, 255):
        result = bench.sh(f"exit {status}")
        equal(result.returncode, status, result.stderr)


def test_a_command_killed_by_a_signal_ends_with_128_and_its_number(bench: Bench) -> None:
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV):
        result = bench.sh(f"kill -{int(number)} $$")
        equal(result.returncode, 128 + number, result.stderr)


def test_long_prompts_reach_the_command_and_longer_ones_are_refused_in_words(bench: Bench) -> None:
    count = 'for a in "$0" "$@"; do printf "%s " "${#a}"; done'
    prompt = "p" * (120 << 10)
    result = bench.cli("run", "--", "/bin/sh", "-c", count, prompt)
    equal((result.returncode, result.stdout.split()), (0, [str(len(prompt))]), result.stderr)
    result = bench.cli("run", "-e", "LONG=" + "e" * (100 << 10), "--", "/bin/sh", "-c",
                       count + '; printf "%s" "${#LONG}"', *[prompt] * 8)
    equal((result.returncode, result.stdout.split()), (0, [str(len(prompt))] * 8 + [str(100 << 10)]), result.stderr)

    result = bench.cli("run", "--", "/bin/true", *["p" * 101_700] * 20)
    equal(result.returncode, 125, result.stderr[:400])
    assert "together take 19" in result.stderr and "at most 1984 KiB" in result.stderr, result.stderr[:400]
    equal(result.stderr.splitlines()[-1], "ringfence: not started: plan")


def test_a_missing_command_is_127_and_names_path(bench: Bench) -> None:
    result = bench.cli("run", "--", "no-such-command-here")
    equal(result.returncode, 127)
    assert "PATH" in result.stderr, result.stderr
    equal(result.stderr.splitlines()[-1], "ringfence: not started: executable")
    equal(bench.daemon.json_runs(), [])


def test_a_file_that_cannot_be_executed_is_126(bench: Bench) -> None:
    (bench.workspace / "plain").write_text("text")
    result = bench.cli("run", "--", "./plain")
    equal(result.returncode, 126, result.stderr)
    equal(result.stderr.splitlines()[-1], "ringfence: not started: executable")


def test_a_missing_workspace_is_125_and_named(bench: Bench) -> None:
    result = bench.sh("true", "-w", "/no/such/place")
    equal(result.returncode, 125)
    assert "/no/such/place" in result.stderr, result.stderr
    equal(result.stderr.splitlines()[-1], "ringfence: not started: workspace")


def test_a_launch_that_the_daemon_refuses_is_125_and_never_a_status_of_the_command(bench: Bench) -> None:
    result = bench.sh("exit 1", "-n", "r-0123456789abcdef")
    equal((result.returncode, result.stdout), (125, ""), result.stderr)
    assert "form of a run's id" in result.stderr, result.stderr
    assert result.stderr.splitlines()[-1].startswith("ringfence: not started: "), result.stderr


def test_no_daemon_is_3_and_says_how_to_start_it(bench: Bench) -> None:
    nobody = {"RINGFENCE_SOCKET": str(bench.daemon.base / "nobody.sock")}
    for args in (["run", "--", "/bin/true"], ["ps"], ["freeze", "x"], ["log"]):
        result = bench.cli(*args, env=nobody)
        equal(result.returncode, 3, args)
        assert "nobody.sock" in result.stderr and "ringfenced" in result.stderr, result.stderr
        equal(result.stdout, "")


# Under another id than the caller's: answers nothing, and writes how many bytes it was told before the other side went away.
IMPOSTOR = """
import os, socket, sys
os.setgid(65534), os.setuid(65534)
listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
listener.bind(sys.argv[1])
listener.listen()
os.chmod(sys.argv[1], 0o777)
print("listens", flush=True)
while True:
    print(len(listener.accept()[0].recv(65536)), flush=True)
"""


def test_a_socket_that_somebody_else_serves_is_told_nothing(bench: Bench) -> None:
    place = bench.daemon.base / "theirs"
    place.mkdir()
    os.chown(place, 65534, 65534)
    for name, verbs in (("control.sock", (["ps"], ["run", "--", "/bin/true"], ["kill", "--all"], ["pending"], ["log"])), ("stop.sock", (["estop"],))):
        server = subprocess.Popen([sys.executable, "-c", IMPOSTOR, str(place / name)], stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            equal(server.stdout.readline(), "listens\n")
            for args in verbs:
                result = bench.cli(*args, env={"RINGFENCE_SOCKET": str(place / "control.sock")})
                assert result.returncode != 0 and result.stdout == "", (args, result)
                assert f"{place / name} is served by uid 65534, which is neither root nor you" in result.stderr, (args, result.stderr)
                equal(server.stdout.readline(), "0\n", args)
        finally:
            server.kill()
            server.wait()


def test_a_broken_policy_is_6_with_file_line_and_caret(bench: Bench) -> None:
    (bench.workspace / "broken.toml").write_text('schema = 1\nname = "broken"\n[files]\nworkspce = "rw"\n')
    result = bench.sh("true", "-p", "./broken.toml")
    equal(result.returncode, 6, result.stderr)
    for part in ("broken.toml:4", "workspce", "^", "workspace"):
        assert part in result.stderr, f"no {part!r} in {result.stderr}"
    twin = bench.sh("true", "-p", "./broken.toml", "--json")
    equal(twin.returncode, 6)
    first = json.loads(twin.stderr.splitlines()[0])
    equal(first["error"]["exit_status"], 6)
    equal(first["error"]["detail"][0]["line"], 4, first)


def test_an_unknown_policy_name_is_6(bench: Bench) -> None:
    result = bench.sh("true", "-p", "codng")
    equal(result.returncode, 6, result.stderr)
    assert "codng" in result.stderr, result.stderr


def test_usage_errors_are_2_with_the_nearest_name(bench: Bench) -> None:
    for args, hint in ((["freez", "x"], "freeze"), (["run", "--polcy", "x", "--", "y"], "--policy"), (["undo"], "unknown verb"),
                       (["run", "--allow-host", "http://example.org", "--", "x"], "--allow-host"), (["allow", "x"], "no number"),
                       (["allow", "1", "--for", "2h"], "--scope"), (["rewrite", "1"], "--argv"), (["why", "x", "--op", "exec"], "--target")):
        result = bench.cli(*args)
        equal(result.returncode, 2, args)
        assert hint in result.stderr, result.stderr


def test_every_verb_of_the_help_explains_itself(bench: Bench) -> None:
    text = bench.cli("--help").stdout
    verbs = re.findall(r"^  ([a-z]+) {2,}\S", text, re.MULTILINE)
    assert len(verbs) > 12, text
    for verb in verbs:
        result = bench.cli(verb, "--help")
        equal(result.returncode, 0, verb)
        assert f"ringfence {verb}" in result.stdout, result.stdout
        equal(bench.cli("help", verb).stdout, result.stdout)
    assert re.fullmatch(r"ringfence \d+\.\d+\.\d+\n", bench.cli("--version").stdout)


# ---- pipes, files, environment ---------------------------------------------------------------------------------------


def test_pipes_pass_every_byte(bench: Bench) -> None:
    data = os.urandom(3 << 20)
    result = subprocess.run([bench.program, "run", "--", "/bin/cat"], input=data, capture_output=True, cwd=bench.workspace,
                            env=bench.daemon.environment, timeout=60)
    equal(result.returncode, 0, result.stderr)
    assert result.stdout == data, f"{len(result.stdout)} of {len(data)} bytes came back, or others"


def test_standard_output_and_error_stay_apart(bench: Bench) -> None:
    result = bench.sh("echo out; echo err >&2")
    equal((result.stdout, result.stderr), ("out\n", "err\n"))


def test_a_file_is_handed_over_as_it_is(bench: Bench) -> None:
    path = bench.workspace / "out"
    with open(path, "wb") as out:
        out.write(b"head\n")
        out.flush()
        subprocess.run([bench.program, "run", "--", "/bin/sh", "-c", "echo tail"], stdout=out, stdin=subprocess.DEVNULL,
                       cwd=bench.workspace, env=bench.daemon.environment, check=True, timeout=60)
    equal(path.read_text(), "head\ntail\n")


def test_variables_and_workspace_reach_the_command(bench: Bench) -> None:
    other = bench.daemon.base / "other"
    other.mkdir()
    result = bench.sh('echo "$A $B"; pwd', "-e", "A=1 2", "-e", "B", "-w", str(other), env={"B": "here"})
    equal(result.stdout, f"1 2 here\n{other}\n", result.stderr)
    equal(bench.sh("true", "-e", "NOT_SET_ANYWHERE").returncode, 2)


def test_read_lets_a_path_in_and_only_then(bench: Bench) -> None:
    secret = bench.daemon.base / "granted"
    secret.mkdir()
    (secret / "file").write_text("content")
    os.chmod(secret / "file", 0o644)
    equal(bench.sh(f"cat {secret}/file").returncode, 1)
    granted = bench.sh(f"cat {secret}/file", "--read", str(secret))
    equal(granted.stdout, "content", granted.stderr)
    refused = bench.sh("true", "--read", "/no/such/path")
    equal(refused.returncode, 125)
    equal(refused.stderr.splitlines()[-1], "ringfence: not started: path")


def test_a_dry_run_prints_the_plan_and_starts_nothing(bench: Bench) -> None:
    result = bench.sh("touch started", "--dry-run")
    equal(result.returncode, 0, result.stderr)
    assert "/bin/sh" in result.stdout or "dash" in result.stdout, result.stdout
    json.loads(bench.sh("touch started", "--dry-run", "--json").stdout)
    assert not (bench.workspace / "started").exists()
    equal(bench.daemon.json_runs(), [])


def test_status_lines_tell_run_and_exit(bench: Bench) -> None:
    read_end, write_end = os.pipe()
    result = bench.sh("exit 4", "--json-status", str(write_end), pass_fds=[write_end])
    os.close(write_end)
    with os.fdopen(read_end) as lines:
        first, last = [json.loads(line) for line in lines]
    equal(result.returncode, 4, result.stderr)
    equal(first["run"], bench.last_run()["id"])
    equal(last, {"exit": {"code": 4}, "later": {"files": [], "more": 0}})
    equal(bench.sh("true", "--json-status", "97").returncode, 2)


def test_a_client_that_dies_without_a_terminal_takes_its_run_along(bench: Bench) -> None:
    client = subprocess.Popen([bench.program, "run", "--", "/bin/sleep", "1000"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, cwd=bench.workspace, env=bench.daemon.environment)
    assert eventually(lambda: bench.daemon.json_runs() and bench.last_run()["state"] == "running")
    client.kill()
    client.wait()
    exit_ = bench.ended(bench.last_run()["id"])
    assert exit_ and "signal" in exit_, exit_


def test_signals_to_the_client_reach_the_command(bench: Bench) -> None:
    client = subprocess.Popen([bench.program, "run", "--", "/bin/sh", "-c", 'trap "exit 9" TERM; echo up; while :; do sleep 0.1; done'],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd=bench.workspace, env=bench.daemon.environment)
    assert client.stdout is not None
    equal(client.stdout.readline(), b"up\n")
    client.terminate()
    equal(client.wait(20), 9)
    client.stdout.close()


def test_a_client_under_nohup_stays_when_its_terminal_hangs_up(bench: Bench) -> None:
    client = subprocess.Popen(["nohup", bench.program, "run", "--", "/bin/sh", "-c", "echo up; read line; exit 4"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=bench.workspace, env=bench.daemon.environment)
    assert client.stdout is not None and client.stdin is not None
    equal(client.stdout.readline(), b"up\n")
    client.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    client.stdin.close()
    equal(client.wait(20), 4)
    client.stdout.close()


def test_the_status_survives_a_restart_of_the_daemon(bench: Bench) -> None:
    told, tell = os.pipe()
    client = subprocess.Popen([bench.program, "run", "--json-status", str(tell), "--", "/bin/sh", "-c", "read line; echo $line; exit 6"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=[tell], cwd=bench.workspace,
                              env=bench.daemon.environment)
    os.close(tell)
    assert client.stdout is not None and client.stdin is not None
    with os.fdopen(told) as lines:
        run = json.loads(lines.readline())["run"]
        bench.daemon.kill_daemon()
        bench.daemon.start()
        equal(bench.show(run)["state"], "running")
        client.stdin.write(b"later\n")
        client.stdin.close()
        equal(client.stdout.readline(), b"later\n")
        equal(client.wait(20), 6)
        equal(json.loads(lines.readline())["exit"]["code"], 6)
    client.stdout.close()


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
