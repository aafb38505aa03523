#!/usr/bin/env python3
"""Input that is broken or hostile: each is a named error or does what it says, and nobody else notices.

    bad_input_test.py BUILD [TEST…]
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import eventually  # noqa: E402

HOSTILE = ["a\nb", "\x1b[2J\x1b]0;title\x07", "\u202eesrever", "-rf", "--", "x" * 60, " ", "%s%n%x", "$(reboot)", "a\tb\rc", "\u200bzero"]
DANGEROUS = "\x1b\x07\r\u202e\u200b"
# Interactive: the other branch is idle, and a busy machine starves it.
POLICY = 'schema = 1\nname = "trial"\nextends = ["offline"]\n[priority]\nclass = "interactive"\n'


def interactive(bench: Bench) -> str:
    policy = bench.daemon.base / "trial.toml"
    policy.write_text(POLICY)
    return str(policy)


def token_of(result: subprocess.CompletedProcess[str]) -> str:
    last = (result.stderr.strip().splitlines() or [""])[-1]
    return last.removeprefix("ringfence: not started: ") if last.startswith("ringfence: not started: ") else ""


def harmless(text: str) -> None:
    found = [character for character in DANGEROUS if character in text]
    assert not found, f"{found} reach the reader of {text!r}"


def works(bench: Bench, policy: str) -> None:
    result = bench.sh("exit 5", "-p", policy)
    equal(result.returncode, 5, result.stderr)


def as_nobody(bench: Bench, *args: str, cwd: str = "/") -> subprocess.CompletedProcess[str]:
    return subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", bench.program, *args],
                          env={**bench.daemon.environment, "HOME": "/nonexistent"}, capture_output=True, text=True, timeout=60, cwd=cwd, stdin=subprocess.DEVNULL)


# ---- names and words -------------------------------------------------------------------------------------------------


def test_hostile_run_names_are_shown_escaped_or_refused_by_name(bench: Bench) -> None:
    policy = interactive(bench)
    accepted = 0
    for name in [*HOSTILE, "n" * 255, "", "../../etc/passwd"]:
        result = bench.cli("run", "-p", policy, f"--name={name}", "--", "/bin/true")
        harmless(result.stderr)
        if result.returncode == 0:
            accepted += 1
            shown = bench.show(bench.last_run()["id"])
            assert name in ("", shown["name"]) or "name_raw" in shown, (name, shown["name"])
        else:
            assert result.returncode in (2, 125) and "name" in result.stderr, (name, result)
    assert accepted >= 1
    for args in (["ps", "-a"], ["usage"], ["log"], ["ps", "-a", "--json"]):
        harmless(bench.cli(*args).stdout)
    equal(len(bench.cli("ps", "-a").stdout.splitlines()), 1 + len(bench.daemon.json_runs()), "a name made a line of its own")


def test_a_program_of_any_name_runs(bench: Bench) -> None:
    policy = interactive(bench)
    for name in [b"n" * 255, b"\xff\xfe", "\u00e4".encode() * 127, b"-v", b"\x1b[2J"]:
        path = bytes(bench.workspace) + b"/" + name
        Path(os.fsdecode(path)).write_text("#!/bin/sh\nexit 3\n")
        os.chmod(path, 0o755)
        result = bench.cli("run", "-p", policy, "--", path)
        assert result.returncode == 3 or (b"\x1b" in name and result.returncode == 125 and token_of(result)), (name, result)
        harmless(result.stderr)
        harmless(bench.cli("ps", "-a").stdout)


def test_hostile_arguments_reach_the_command_byte_for_byte(bench: Bench) -> None:
    policy = interactive(bench)
    words = [*HOSTILE, "", "x" * 20_000, "\\", "'\""]
    result = bench.cli("run", "-p", policy, "--", "/usr/bin/printf", "%s\\0", *words)
    equal(result.returncode, 0, result.stderr)
    equal(result.stdout.split("\0"), [word.replace("\r", "\n") for word in words] + [""])  # Text mode reads \r as a new line.
    for args in (["ps", "-a"], ["show", bench.last_run()["id"]], ["log"]):
        harmless(bench.cli(*args).stdout)


def test_a_command_that_is_too_long_is_refused_by_name(bench: Bench) -> None:
    policy = interactive(bench)
    words = ["y" * 101_700] * 20  # Beyond what a plan holds, and still what the kernel lets the client be called with.
    result = bench.cli("run", "-p", policy, "--", "/bin/echo", *words)
    equal(result.returncode, 125, result.stderr[-300:])
    assert token_of(result), result.stderr[-300:]
    works(bench, policy)


def test_hostile_workspace_paths_work_or_are_refused_by_name_and_are_shown_escaped(bench: Bench) -> None:
    policy = interactive(bench)
    for name in [*HOSTILE, "z" * 255, "\u00e4\u6f22"]:
        folder = bench.workspace / name
        folder.mkdir()
        (folder / "here").write_text("found")
        result = bench.sh("cat here", "-p", policy, "-w", f"./{name}", cwd=bench.workspace)
        harmless(result.stderr)
        if any(character < " " for character in name):  # A line of its own could be made with it: never planned.
            equal((result.returncode, token_of(result)), (125, "plan"), (name, result.stderr))
            continue
        equal((result.returncode, result.stdout), (0, "found"), (name, result.stderr))
        harmless(bench.cli("show", bench.last_run()["id"]).stdout)
    harmless(bench.cli("log").stdout)


# ---- workspaces ------------------------------------------------------------------------------------------------------


def test_a_workspace_that_is_no_directory_is_refused_by_name(bench: Bench) -> None:
    policy = interactive(bench)
    (bench.workspace / "file").write_text("")
    os.mkfifo(bench.workspace / "fifo")
    (bench.workspace / "dangling").symlink_to("nowhere")
    (bench.workspace / "loop").symlink_to("loop")
    for name in ("file", "fifo", "dangling", "loop", "absent", "", "w" * 5000, "file/below"):
        result = bench.sh("true", "-p", policy, "-w", name)
        assert (result.returncode, token_of(result)) == (125, "workspace") or (name == "" and result.returncode == 2), (name, result)
    (bench.workspace / "real").mkdir()
    (bench.workspace / "link").symlink_to("real")
    result = bench.sh("pwd -P", "-p", policy, "-w", str(bench.workspace / "link"), cwd="/")
    equal((result.returncode, result.stdout.strip()), (0, str(bench.workspace / "real")), result.stderr)


def test_a_workspace_that_the_caller_may_not_enter_is_refused_by_name(bench: Bench) -> None:
    policy = interactive(bench)
    os.chmod(policy, 0o644)
    os.chmod(bench.workspace, 0o755)
    secret = bench.workspace / "secret"
    secret.mkdir()
    (secret / "canary").write_text("leaked")
    os.chmod(secret / "canary", 0o644)
    os.chmod(secret, 0o700)
    for where in (secret, secret / "below"):
        result = as_nobody(bench, "run", "-p", policy, "-w", str(where), "--", "/bin/cat", "canary")
        # Its own policy is looked for first.
        assert (result.returncode, token_of(result)) in ((6, "policy"), (125, "workspace")), result.stderr
        assert "leaked" not in result.stdout + result.stderr
    works(bench, policy)


def test_a_workspace_that_is_gone_is_refused_by_name(bench: Bench) -> None:
    policy = interactive(bench)
    script = 'mkdir gone && cd gone && rmdir ../gone && exec "$0" run -p "$1" -- /bin/true'
    result = subprocess.run(["/bin/sh", "-c", script, bench.program, policy], env=bench.daemon.environment, capture_output=True, text=True,
                            timeout=60, cwd=bench.workspace, stdin=subprocess.DEVNULL)
    equal(result.returncode, 125, result.stderr)
    assert token_of(result), result.stderr
    works(bench, policy)


def test_places_of_the_system_are_no_workspace_or_hold(bench: Bench) -> None:
    policy = interactive(bench)
    for where in ("/", "/proc", "/sys", "/dev", str(bench.daemon.run_dir), str(bench.daemon.state_dir)):
        result = bench.sh("ls control.sock ringfence.db latch root/.ssh 2>/dev/null; echo x > made-by-run; true", "-p", policy, "-w", where)
        assert result.returncode == 0 or (result.returncode in (4, 125) and token_of(result)), (where, result)
        made = Path(where) / "made-by-run"
        if made.exists():
            made.unlink()
            raise AssertionError(f"a run wrote into {where}")
    works(bench, policy)


# ---- policies --------------------------------------------------------------------------------------------------------


def test_hostile_policies_are_6_with_a_place_and_no_raw_bytes(bench: Bench) -> None:
    policy = interactive(bench)
    texts = {
        "binary": os.urandom(4096),
        "nul": b'schema = 1\nname = "a\0b"\n',
        "escape": b'schema = 1\nname = "x"\n"\x1b[2J\xe2\x80\xae" = 1\n',
        "escaped": b'schema = 1\nname = "x"\n[files]\nworkspace = "\\u001b[2J\\u202e"\n',
        "deep": b"a = " + b"[" * 20_000,
        "long": b'schema = 1\nname = "' + b"n" * 3_000_000 + b'"\n',
        "cycle": b'schema = 1\nname = "cycle"\nextends = ["cycle"]\n',
        "stranger": b'schema = 1\nname = "stranger"\nextends = ["\x1b]0;x"]\n',
    }
    for name, text in texts.items():
        path = bench.workspace / f"{name}.toml"
        path.write_bytes(text)
        result = bench.sh("true", "-p", f"./{name}.toml")
        equal(result.returncode, 6, (name, result.stderr[:500]))
        harmless(result.stderr)
        check = bench.cli("policy", "check", f"./{name}.toml")
        equal(check.returncode, 1 if name == "long" else 6, (name, check.stderr[:500]))
        harmless(check.stderr)
    os.mkfifo(bench.workspace / "fifo.toml")
    (bench.workspace / "folder.toml").mkdir()
    for name in ("fifo", "folder", "absent", "a\nb\x1b[2J"):
        result = bench.sh("true", "-p", f"./{name}.toml", timeout=20)
        equal(result.returncode, 6, (name, result.stderr))
        harmless(result.stderr)
    works(bench, policy)


def test_a_broken_project_policy_refuses_the_launch_and_nobody_elses(bench: Bench) -> None:
    policy = interactive(bench)
    broken = bench.workspace / "broken"
    broken.mkdir()
    (broken / ".ringfence.toml").write_text("schema = 1\n[files\n")
    result = bench.sh("true", "-w", "broken")
    equal(result.returncode, 6, result.stderr)
    assert ".ringfence.toml:2" in result.stderr, result.stderr
    (broken / ".ringfence.toml").unlink()
    os.mkfifo(broken / ".ringfence.toml")
    result = bench.sh("true", "-w", "broken", timeout=20)
    equal(result.returncode, 6, result.stderr)
    works(bench, policy)


# ---- the socket ------------------------------------------------------------------------------------------------------


def packets() -> dict[str, bytes]:
    hello = json.dumps({"id": "1", "hello": {"protocol": 1}}).encode()
    return {"empty object": b"{}", "no object": b"{", "unknown first byte": b"\x07hello", "protobuf rubbish": b"\x01" + os.urandom(512),
            "deep": b'{"a":' * 5_000, "huge": b"{" + b" " * 70_000, "half": hello[:-3], "a run before hello": b'{"id":"1","run":{}}',
            "a memfd that is none": b"\x02", "id 0": b'{"id":"0","hello":{"protocol":1}}', "another protocol": b'{"id":"1","hello":{"protocol":99}}',
            "unknown field": b'{"id":"1","hello":{"protocol":1},"and":1}'}


def test_broken_packets_are_named_errors_and_close_that_connection_alone(bench: Bench) -> None:
    policy = interactive(bench)
    address = str(bench.daemon.run_dir / "control.sock")
    process = bench.daemon.process
    assert process is not None
    pid = process.pid
    silent = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    silent.connect(address)
    watcher = bench.detached("sleep 1000", "-p", policy)
    for name, packet in packets().items():
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as peer:
            peer.settimeout(20)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            peer.connect(address)
            peer.send(packet)
            answers = []
            try:
                while answer := peer.recv(1 << 17):
                    answers.append(answer)
            except ConnectionResetError:
                pass
            assert answers and b"error" in answers[0] or (answers and answers[0][:1] == b"\x01"), (name, answers)
    works(bench, policy)
    equal(bench.show(watcher)["state"], "running")
    equal(process.poll(), None)
    assert eventually(lambda: os.path.isdir(f"/proc/{pid}"), 1)
    silent.close()
    bench.cli("kill", watcher)
    bench.ended(watcher)


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_whoever_hangs_up_without_having_read_keeps_the_daemon_awake_for_nothing(bench: Bench) -> None:
    process = bench.daemon.process
    assert process is not None
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as peer:
        peer.connect(str(bench.daemon.run_dir / "control.sock"))
        peer.send(b'{"id":"1","hello":{"protocol":1}}')
        peer.setblocking(False)
        asked = 0

        def is_full() -> bool:
            nonlocal asked
            try:
                while asked < 20_000:
                    peer.send(b'{"id":"2","doctor":{}}')
                    asked += 1
            except BlockingIOError:
                pass
            waiting = processor_seconds(process.pid)
            time.sleep(0.3)
            return asked > 10 and processor_seconds(process.pid) - waiting < 0.05

        assert eventually(is_full, 20), asked  # Nobody reads any more: neither it the answers, nor the daemon its requests.
        peer.shutdown(socket.SHUT_RDWR)
        time.sleep(0.3)
        before = processor_seconds(process.pid)
        time.sleep(1)
        assert processor_seconds(process.pid) - before < 0.3, "it looked again and again at a connection that was over"


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
