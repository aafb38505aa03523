#!/usr/bin/env python3
"""The command line against a real daemon: what people and scripts rely on.

    cli_test.py BUILD [TEST…]      without TEST: all; a name is that of its function without test_
"""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.daemon import Daemon, eventually, is_alive  # noqa: E402
from tests.support.terminal import Terminal  # noqa: E402


class Bench:
    """One daemon and a workspace; what the tests say often."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.workspace = daemon.base / "project"
        self.workspace.mkdir()
        self.program = str(daemon.bin / "ringfence")

    def cli(self, *args: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return self.daemon.cli(*args, cwd=options.pop("cwd", self.workspace), **options)

    def sh(self, script: str, *flags: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return self.cli("run", *flags, "--", "/bin/sh", "-c", script, **options)

    def detached(self, script: str, *flags: str) -> str:
        result = self.sh(script, "-d", *flags)
        assert result.returncode == 0, result.stderr
        return result.stdout.strip()

    def terminal(self, *args: str, **options: Any) -> Terminal:
        return Terminal([self.program, *args], cwd=self.workspace, env=self.daemon.environment, **options)

    def shell(self) -> Terminal:
        env = {**self.daemon.environment, "PS1": "ready> ", "TERM": "dumb"}
        shell = Terminal(["bash", "--norc", "--noprofile", "-i"], cwd=self.workspace, env=env)
        shell.expect("ready> ")
        return shell

    def show(self, run: str) -> dict[str, Any]:
        value = self.daemon.json("show", run)
        assert isinstance(value, dict), value
        return value

    def ended(self, run: str) -> dict[str, Any]:
        """Waits for the end of the run and returns its exit."""
        assert eventually(lambda: self.show(run)["state"] == "ended", 20), self.show(run)
        return self.show(run)["exit"]

    def last_run(self) -> dict[str, Any]:
        return self.daemon.json_runs()[-1]


def equal(got: Any, wanted: Any, why: Any = "") -> None:
    assert got == wanted, f"got {got!r}, wanted {wanted!r}; {why}"


# ---- exit statuses ---------------------------------------------------------------------------------------------------


def test_the_status_of_the_command_passes_through(bench: Bench) -> None:
    for status in (0, 1, 3, 125, 255):
        result = bench.sh(f"exit {status}")
        equal(result.returncode, status, result.stderr)


def test_a_command_killed_by_a_signal_ends_with_128_and_its_number(bench: Bench) -> None:
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV):
        result = bench.sh(f"kill -{int(number)} $$")
        equal(result.returncode, 128 + number, result.stderr)


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


def test_no_daemon_is_3_and_says_how_to_start_it(bench: Bench) -> None:
    nobody = {"RINGFENCE_SOCKET": str(bench.daemon.base / "nobody.sock")}
    for args in (["run", "--", "/bin/true"], ["ps"], ["freeze", "x"], ["log"]):
        result = bench.cli(*args, env=nobody)
        equal(result.returncode, 3, args)
        assert "nobody.sock" in result.stderr and "ringfenced" in result.stderr, result.stderr
        equal(result.stdout, "")


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
    for args, hint in ((["freez", "x"], "freeze"), (["run", "--polcy", "x", "--", "y"], "--policy"), (["pending"], "unknown verb"),
                       (["run", "--allow-host", "example.org", "--", "x"], "not enforced")):
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
    equal(last, {"exit": {"code": 4}})
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


def test_the_status_survives_a_restart_of_the_daemon(bench: Bench) -> None:
    client = subprocess.Popen([bench.program, "run", "--", "/bin/sh", "-c", "echo up; read line; echo $line; exit 6"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=bench.workspace, env=bench.daemon.environment)
    assert client.stdout is not None and client.stdin is not None
    equal(client.stdout.readline(), b"up\n")
    bench.daemon.kill_daemon()
    bench.daemon.start()
    client.stdin.write(b"later\n")
    client.stdin.close()
    equal(client.stdout.readline(), b"later\n")
    equal(client.wait(20), 6)
    client.stdout.close()


# ---- terminals -------------------------------------------------------------------------------------------------------


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
        assert eventually(lambda: bench.last_run()["state"] == "running")
        time.sleep(0.1)
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


# ---- detached runs ---------------------------------------------------------------------------------------------------


def test_detach_prints_the_run_alone_and_logs_has_its_output(bench: Bench) -> None:
    result = bench.sh("echo one; sleep 0.3; echo two >&2; exit 3", "-d")
    equal(result.returncode, 0, result.stderr)
    assert re.fullmatch(r"r-[0-9a-f]{16}\n", result.stdout), result.stdout
    run = result.stdout.strip()
    followed = bench.cli("logs", "-f", run)
    equal(followed.stdout, "one\ntwo\n", followed.stderr)
    equal(bench.ended(run), {"code": 3})
    equal(bench.cli("logs", run).stdout, "one\ntwo\n")
    lines = [json.loads(line) for line in bench.cli("logs", "--json", run).stdout.splitlines()]
    equal(b"".join(base64.b64decode(line["output_raw"]) for line in lines if "output" in line), b"one\ntwo\n")
    equal(lines[-1], {"ended": True})


def test_logs_on_a_terminal_escape_what_the_agent_wrote(bench: Bench) -> None:
    run = bench.detached(r"printf 'a\033]0;title\007b\n'")
    bench.ended(run)
    with bench.terminal("logs", run) as terminal:
        terminal.expect(re.escape("a\\x1b]0;title\\x07b"))
        equal(terminal.wait(), 0)
        assert "\x1b]0" not in terminal.seen
    equal(bench.cli("logs", run).stdout, "a\x1b]0;title\x07b\n")


def test_attach_to_a_detached_run_follows_it_to_its_status(bench: Bench) -> None:
    run = bench.detached("while [ ! -e go ]; do sleep 0.05; done; echo done; exit 12")
    attached = subprocess.Popen([bench.program, "attach", run], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                                cwd=bench.workspace, env=bench.daemon.environment)
    (bench.workspace / "go").touch()
    output, _ = attached.communicate(timeout=20)
    equal((output, attached.returncode), (b"done\n", 12))


# ---- control and looking ---------------------------------------------------------------------------------------------


def frozen_in_kernel(bench: Bench, run: str) -> list[str]:
    """The `frozen` values of the run's v2 group, as the kernel says them."""
    values = []
    for group in bench.daemon.groups():
        for events in Path(group).rglob("cgroup.events"):
            if run in events.parts and events.parent.name == run:
                values += re.findall(r"frozen (\d)", events.read_text())
    return values


def test_freeze_holds_the_run_in_the_kernel_and_resume_lets_go(bench: Bench) -> None:
    run = bench.detached("while :; do date +%s%N > beat; sleep 0.02; done")
    assert eventually((bench.workspace / "beat").exists)
    result = bench.cli("freeze", run)
    equal(result.returncode, 0, result.stderr)
    equal(result.stdout, f"frozen {run}\n")
    assert eventually(lambda: frozen_in_kernel(bench, run) == ["1"]), frozen_in_kernel(bench, run)
    before = (bench.workspace / "beat").read_text()
    time.sleep(0.3)
    equal((bench.workspace / "beat").read_text(), before, "something ran while frozen")
    equal(bench.show(run)["state"], "frozen")
    equal(bench.daemon.json("resume", run)["run"], run)
    assert eventually(lambda: frozen_in_kernel(bench, run) == ["0"])
    assert eventually(lambda: (bench.workspace / "beat").read_text() != before)
    bench.cli("kill", run)
    bench.ended(run)


def test_stop_and_kill_end_runs_by_id_by_name_and_all(bench: Bench) -> None:
    polite = bench.detached('trap "exit 17" TERM; while :; do sleep 0.05; done', "-n", "polite")
    time.sleep(0.2)
    equal(bench.cli("stop", "polite").returncode, 0)
    equal(bench.ended(polite), {"code": 17})
    first, second = bench.detached("sleep 1000"), bench.detached("sleep 1000")
    result = bench.cli("kill", first)
    equal(result.stdout, f"killed {first}\n", result.stderr)
    equal(bench.ended(first), {"signal": 9})
    equal(bench.cli("kill", "--all").stdout, f"killed {second}\n")
    equal(bench.ended(second), {"signal": 9})
    missing = bench.cli("kill", "r-0000000000000000")
    equal(missing.returncode, 1)
    assert "r-0000000000000000" in missing.stderr, missing.stderr


def test_ps_show_and_usage_have_the_shapes_of_the_contract(bench: Bench) -> None:
    run = bench.detached("sleep 1000", "-n", "sleeper")
    shown = bench.show(run)
    for field in ("id", "name", "state", "exit", "uid", "pid", "command", "workspace", "policy", "started", "weakened", "walls", "usage"):
        assert field in shown, f"no {field} in {shown}"
    equal((shown["id"], shown["name"], shown["state"], shown["exit"]), (run, "sleeper", "running", None))
    equal(shown["command"], ["/bin/sh", "-c", "sleep 1000"])
    equal(shown["workspace"], str(bench.workspace))
    equal(shown["policy"]["name"], "coding")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", shown["started"]), shown["started"]
    assert isinstance(shown["pid"], int) and is_alive(shown["pid"]) and shown["uid"] != 0, shown
    equal(sorted(wall["wall"] for wall in shown["walls"]),
          ["cgroup", "ipc", "landlock", "limits", "mount", "net", "pid", "privileges", "seccomp", "uts"])
    assert all(wall["up"] is True and wall["proved"] in ("read", "probe") for wall in shown["walls"]), shown["walls"]
    equal(set(shown["usage"]), {"cpu_usec", "memory_bytes", "memory_peak_bytes", "pids", "io_read_bytes", "io_write_bytes",
                                "npu_usec", "gpu_usec", "tokens"})
    assert all(value is None or isinstance(value, int) for value in shown["usage"].values()), shown["usage"]
    assert shown["usage"]["pids"] and shown["usage"]["cpu_usec"] is not None, shown["usage"]
    equal([line["id"] for line in bench.daemon.json_runs()], [run])
    row = bench.daemon.json("usage", run)
    equal((row["run"], row["name"], row["state"]), (run, "sleeper", "running"))
    table = bench.cli("ps").stdout.splitlines()
    assert table[0].startswith("RUN ") and run in table[1] and "sleeper" in table[1], table
    page = bench.cli("show", "sleeper").stdout
    assert "landlock" in page and "DOWN" not in page and "\x1b" not in page, page
    bench.cli("kill", run)
    bench.ended(run)
    equal(bench.cli("ps").stdout.count("\n"), 1)
    assert run in bench.cli("ps", "-a").stdout


def test_hostile_names_are_escaped_wherever_they_are_shown(bench: Bench) -> None:
    run = bench.detached("sleep 1000 # \x1b[2J\u202e", "-n", "evil\x1b]0;x\x07")
    for args in (["ps"], ["show", run], ["usage"], ["log"]):
        output = bench.cli(*args).stdout
        assert output and "\x1b" not in output and "\u202e" not in output and "\x07" not in output, (args, output)
    assert "name_raw" in bench.show(run) and "command_raw" in bench.show(run)
    bench.cli("kill", run)
    bench.ended(run)


def test_the_log_is_ordered_and_its_chain_verifies(bench: Bench) -> None:
    run = bench.last_run()["id"] if bench.sh("exit 2").returncode == 2 else ""
    lines = bench.daemon.json("log")
    numbers = [line["seq"] for line in lines]
    equal(numbers, list(range(1, len(numbers) + 1)))
    assert all(isinstance(line["body"], dict) and line["hash"] and line["kind"] for line in lines), lines[0]
    kinds = [line["kind"] for line in bench.daemon.json("log", run)]
    assert kinds[0] == "run-admitted" and "run-started" in kinds and kinds[-1] == "run-ended", kinds
    assert all(line["run"] == run for line in bench.daemon.json("log", run))
    equal(bench.daemon.json("log", "--since", str(numbers[-3]))[0]["seq"], numbers[-2])
    equal(len(bench.daemon.json("log", "--since", "1h")), len(lines))
    equal(bench.cli("log", "--since", "yesterday").returncode, 2)
    verified = bench.daemon.json("verify")
    assert verified["ok"] is True and verified["facts"] >= len(lines) and verified["head"], verified
    equal(bench.cli("verify", "--against", verified["head"]).returncode, 0)
    equal(bench.cli("verify", "--against", "0" * 64).returncode, 1)


def test_log_follows_what_happens(bench: Bench) -> None:
    follower = subprocess.Popen([bench.program, "log", "-f", "--json"], stdout=subprocess.PIPE, cwd=bench.workspace,
                                env=bench.daemon.environment, text=True)
    assert follower.stdout is not None
    equal(json.loads(follower.stdout.readline())["seq"], 1)
    bench.sh("exit 0")
    for line in follower.stdout:
        if json.loads(line)["kind"] == "run-ended":
            break
    follower.terminate()
    follower.wait(10)
    follower.stdout.close()


def test_doctor_answers_with_and_without_the_daemon(bench: Bench) -> None:
    for env in ({}, {"RINGFENCE_SOCKET": str(bench.daemon.base / "nobody.sock")}):
        result = bench.cli("doctor", "--json", env=env)
        assert result.returncode in (0, 1), result.stderr
        report = json.loads(result.stdout)
        for field in ("kernel", "landlock_abi", "cgroup", "seccomp", "checks"):
            assert field in report, f"no {field} in {report}"
        assert report["cgroup"]["layout"] in ("unified", "hybrid")
        assert all(set(check) >= {"name", "ok", "detail"} for check in report["checks"])
        assert bench.cli("doctor", env=env).stdout.strip()


def test_policies_can_be_looked_at_without_the_daemon(bench: Bench) -> None:
    env = {"RINGFENCE_SOCKET": str(bench.daemon.base / "nobody.sock")}
    schema = bench.cli("policy", "schema", env=env)
    equal(schema.returncode, 0, schema.stderr)
    assert "properties" in json.loads(schema.stdout)
    (bench.workspace / "bad.toml").write_text("schema = 1\nnam = 1\n")
    equal(bench.cli("policy", "check", "./bad.toml", env=env).returncode, 6)


def test_runs_of_others_do_not_exist_for_another_user(bench: Bench) -> None:
    run = bench.detached("sleep 1000", "-n", "private")

    def as_nobody(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", bench.program, *args], env=bench.daemon.environment,
                              capture_output=True, text=True, timeout=60, cwd="/")

    listed = as_nobody("ps", "-a", "--json")
    equal((listed.returncode, listed.stdout), (0, ""), listed.stderr)
    for verb in ("show", "freeze", "kill", "logs", "attach"):
        for name in (run, "private"):
            result = as_nobody(verb, name)
            equal(result.returncode, 1, (verb, result.stderr))
            unknown = as_nobody(verb, "r-0000000000000000" if name == run else "unknown")
            equal(result.stderr.replace(name, "X"), unknown.stderr.replace("r-0000000000000000", "X").replace("unknown", "X"),
                  "the answer tells that the run exists")
    equal(as_nobody("kill", "--all").stdout, "")
    assert run not in as_nobody("log").stdout
    equal(bench.show(run)["state"], "running")
    bench.cli("kill", run)
    bench.ended(run)


def test_a_run_as_a_user_has_that_users_rights(bench: Bench) -> None:
    os.chown(bench.workspace, 65534, 65534)
    result = bench.sh("id -u; touch mine", "--as", "nobody")
    equal((result.stdout, result.returncode), ("65534\n", 0), result.stderr)
    equal((bench.workspace / "mine").stat().st_uid, 65534)
    equal(bench.sh("true", "--as", "no-such-user").returncode, 2)
    equal(bench.sh("true", "--as", "root").returncode, 2)


# ---- the driver ------------------------------------------------------------------------------------------------------


def main() -> int:
    tests = {name[5:]: test for name, test in globals().items() if name.startswith("test_")}
    wanted = sys.argv[2:] or list(tests)
    failed = 0
    for name in wanted:
        daemon = Daemon(sys.argv[1])
        try:
            with daemon:
                tests[name](Bench(daemon))
            left = daemon.leftovers()
            assert not left, f"left behind: {left}"
            print(f"ok    {name.replace('_', ' ')}", flush=True)
        except (AssertionError, RuntimeError, subprocess.SubprocessError, OSError, ValueError, KeyError) as wrong:
            failed += 1
            print(f"FAIL  {name.replace('_', ' ')}\n      {type(wrong).__name__}: {wrong}\n      daemon: {daemon.final_log if hasattr(daemon, 'final_log') else ''}", flush=True)
    print(f"{len(wanted) - failed} of {len(wanted)} held")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
