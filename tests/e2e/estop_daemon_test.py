#!/usr/bin/env python3
"""The daemon and the emergency stop: what is told to agents, what outlives whom, and what happens without a heartbeat.

    estop_daemon_test.py BUILD [TEST…]
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import Daemon, eventually, is_alive  # noqa: E402

SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17


def policy(bench: Bench, name: str, text: str) -> str:
    file = bench.daemon.base / f"{name}.toml"
    file.write_text(f'schema = 1\nname = "{name}"\nextends = ["base"]\n{text}\n[priority]\nclass = "interactive"\n')
    return str(file)


def configure(bench: Bench, settings: str) -> None:
    config = bench.daemon.base / "ringfence.toml"
    config.write_text(settings)
    restart(bench)


def restart(bench: Bench) -> None:
    """The daemon ends as it is asked to, and another one begins."""
    assert bench.daemon.process is not None
    bench.daemon.process.send_signal(signal.SIGTERM)
    equal(bench.daemon.process.wait(30), 0)
    config = bench.daemon.base / "ringfence.toml"
    if config.exists():
        bench.daemon.options = ["--config", str(config)]
    bench.daemon.start()


def facts(bench: Bench, kind: str, *run: str) -> list[dict[str, Any]]:
    lines = map(json.loads, bench.cli("log", *run, "--json").stdout.splitlines())
    return [fact["body"] for fact in lines if fact["kind"] == kind]


def stop_everything(bench: Bench, *flags: str) -> None:
    stopped = bench.cli("estop", *flags)
    equal(stopped.returncode, 0, stopped.stdout + stopped.stderr)
    assert eventually(lambda: latched(bench)), bench.daemon.log()


def latched(bench: Bench) -> bool:
    return "the emergency stop is latched" in bench.cli("ps").stderr


def status(bench: Bench) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stop:
        stop.settimeout(100)
        stop.connect(str(bench.daemon.run_dir / "stop.sock"))
        stop.send(b"status")
        value = json.loads(stop.recv(65536))
    assert isinstance(value, dict)
    return value


def size(bench: Bench, name: str) -> int:
    file = bench.workspace / name
    return file.stat().st_size if file.exists() else 0


def counter(bench: Bench, name: str, *flags: str) -> str:
    # One open file: what its warden allows it waits for the daemon sooner or later.
    run = bench.detached(f"exec >> {name}; while :; do echo x; done", *flags)
    assert eventually(lambda: size(bench, name) > 3, 60), bench.daemon.log()
    return run


def stands_still(bench: Bench, name: str) -> bool:
    before = size(bench, name)
    for _ in range(5):
        bench.cli("show", "nobody")
    return size(bench, name) == before


# ---- what agents are told

def test_a_question_is_settled_as_stopped_and_the_agent_reads_so_when_it_goes_on(bench: Bench) -> None:
    asked = bench.daemon.base / "asked"
    asked.mkdir()
    file = policy(bench, "asking", f'[files]\nworkspace = "rw"\nask = ["{asked}"]')
    run = bench.detached(f'touch {asked}/x; echo $?; cat "$RINGFENCE_DENIALS"', "-p", file)
    assert eventually(lambda: bench.daemon.json("pending"), 60), bench.daemon.log()
    stop_everything(bench)
    equal(bench.daemon.json("pending"), [])
    # It is so before it is on the disk, and in the log only then.
    answered = eventually(lambda: facts(bench, "action-answered", run))
    equal([(one["outcome"], one["say"]) for one in answered], [("stopped", "emergency stop")])
    equal(bench.cli("rearm").returncode, 0)
    equal(bench.cli("resume", run).returncode, 0)
    equal(bench.ended(run)["code"], 0)
    lines = bench.cli("logs", run).stdout.splitlines()
    denials = [json.loads(line) for line in lines if line.startswith("{")]
    equal([(one["op"], one["outcome"]) for one in denials], [("write", "stopped")], lines)
    assert not (asked / "x").exists()


def test_connections_are_cut_while_their_run_is_held(bench: Bench) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(100)
    port = listener.getsockname()[1]
    file = policy(bench, "calling", f'[files]\nworkspace = "rw"\n[network]\nloopback = [{port}]')
    (bench.workspace / "agent.py").write_text(
        "import socket, sys\nc = socket.create_connection(('127.0.0.1', int(sys.argv[1])), 200)\nc.sendall(b'hello')\n"
        "try:\n    print('got', c.recv(10))\nexcept OSError as gone:\n    print('got', gone)\n")
    run = bench.detached(f"exec /usr/bin/python3 agent.py {port}", "-p", file)
    connection, _ = listener.accept()
    connection.settimeout(100)
    equal(connection.recv(5), b"hello")
    stop_everything(bench)
    # The run stands still, and the server hears of the end all the same.
    try:
        equal(connection.recv(1), b"")
    except ConnectionResetError:
        pass
    equal(bench.show(run)["state"], "frozen")
    equal(bench.cli("rearm").returncode, 0)
    equal(bench.cli("resume", run).returncode, 0)
    equal(bench.ended(run)["code"], 0)
    assert bench.cli("logs", run).stdout.startswith("got "), bench.cli("logs", run).stdout


# ---- what outlives whom

def test_a_latch_outlives_the_daemon_and_ringfence_stop(bench: Bench) -> None:
    run = counter(bench, "one")
    stop_everything(bench)
    bench.daemon.kill_daemon()
    bench.daemon.start()
    assert latched(bench) and stands_still(bench, "one")
    bench.daemon.kill_daemon()
    killed = bench.daemon.kill_stop()
    assert killed and eventually(lambda: not is_alive(killed))
    bench.daemon.start()
    assert latched(bench) and stands_still(bench, "one")
    equal(bench.cli("run", "--", "/bin/true").returncode, 7)
    equal(bench.cli("resume", run).returncode, 7)
    assert eventually(lambda: bench.daemon.stop_pid() not in (0, killed))
    assert eventually(lambda: bench.cli("rearm").returncode == 0), bench.cli("rearm").stderr
    assert stands_still(bench, "one")
    equal(bench.cli("resume", run).returncode, 0)
    before = size(bench, "one")
    assert eventually(lambda: size(bench, "one") > before)


def test_a_stop_that_nobody_could_hear_of_is_found_by_the_next_daemon(bench: Bench) -> None:
    run = counter(bench, "one")
    # Without it in the log the next daemon knows of a launch under way, which a stop ends.
    assert eventually(lambda: facts(bench, "run-started")), bench.daemon.log()
    bench.daemon.kill_daemon()
    equal(bench.cli("estop").returncode, 0)
    before = size(bench, "one")
    bench.daemon.start()
    assert latched(bench), bench.daemon.log()
    equal(size(bench, "one"), before)
    # The launcher has to tell of the run first.
    assert eventually(lambda: bench.show(run)["held"] is not None), bench.daemon.log()
    equal((bench.show(run)["state"], bench.show(run)["held"]["by"]), ("frozen", "emergency stop"))
    body = facts(bench, "emergency-stopped")[0]
    equal((body["note"], body["uid"], body["trigger"]), ("found at the start", os.getuid(), "asked: ringfence estop"))
    assert body["runs"] >= 1, body


def test_ringfence_stop_is_started_again_when_it_dies_and_stops_again(bench: Bench) -> None:
    counter(bench, "one")
    killed = bench.daemon.kill_stop()
    assert killed
    assert eventually(lambda: bench.daemon.stop_pid() not in (0, killed)), bench.daemon.log()
    assert eventually(lambda: bench.cli("estop").returncode == 0)
    assert stands_still(bench, "one")


def test_what_the_governor_held_stays_held_after_a_stop_until_a_person_resumes_it(bench: Bench) -> None:
    run = counter(bench, "one", "-p", policy(bench, "timed", '[files]\nworkspace = "rw"\n[limits]\nwall_time = "1s"'))
    assert eventually(lambda: bench.show(run)["state"] == "frozen", 60), bench.daemon.log()
    equal(bench.show(run)["held"]["by"], "governor")
    stop_everything(bench)
    equal(bench.show(run)["held"]["by"], "emergency stop")
    equal(bench.cli("rearm").returncode, 0)
    assert stands_still(bench, "one")
    equal(bench.show(run)["held"]["by"], "emergency stop")
    equal(bench.cli("resume", run).returncode, 0)
    equal(bench.show(run)["state"], "running")


# ---- launches

def test_a_stop_at_any_moment_of_a_launch_leaves_nothing_of_an_agent_running(bench: Bench) -> None:
    rounds = int(os.environ.get("RINGFENCE_STOPS", "25"))
    seed = int(os.environ.get("RINGFENCE_SEED", str(random.randrange(1 << 30))))
    print(f"{rounds} stops, seed {seed}", flush=True)
    chance = random.Random(seed)
    statuses: dict[int, int] = {}
    for number in range(rounds):
        agents = [subprocess.Popen([bench.program, "run", "--", "/bin/sh", "-c", f"while :; do echo x >> {number}-{agent}; done"],
                                   env=bench.daemon.environment, cwd=bench.workspace, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for agent in range(3)]
        began, wanted = time.monotonic(), chance.uniform(0, 0.12)
        eventually(lambda: time.monotonic() - began >= wanted, 1, 0.001)
        stopped = bench.cli("estop", "--json")
        equal(stopped.returncode, 0, stopped.stdout + stopped.stderr)
        names = [f"{number}-{agent}" for agent in range(3)]
        before = [size(bench, name) for name in names]
        # What had not begun is refused; what had begun is held. Neither may be anything else.
        assert eventually(lambda: latched(bench)), bench.daemon.log()
        assert eventually(lambda: all(run["state"] in ("frozen", "ended") for run in bench.daemon.json_runs())), \
            (seed, bench.daemon.json_runs())
        equal([size(bench, name) for name in names], before, f"seed {seed}, round {number}: something ran after the stop")
        # Nor when the latch is gone: nothing is resumed by that.
        assert eventually(lambda: bench.cli("rearm").returncode == 0), bench.cli("rearm").stderr
        equal(bench.cli("run", "--", "/bin/true").returncode, 0)
        equal([size(bench, name) for name in names], before, f"seed {seed}, round {number}: something ran after re-arming")
        bench.cli("kill", "--all")
        for agent in agents:
            status = agent.wait(60)
            statuses[status] = statuses.get(status, 0) + 1
    print(f"statuses of {rounds * 3} launches: {statuses}", flush=True)
    assert set(statuses) <= {7, 125, 128 + signal.SIGKILL}, statuses
    assert statuses.get(7), f"no launch was met by a stop: {statuses}"


# ---- the heartbeat

def dead_man(bench: Bench, after: str = '"2s"') -> str:
    configure(bench, f"dead_man_after = {after}\n")
    return counter(bench, "one")


def frozen_by(bench: Bench, words: str, hang: Callable[[], Callable[[], None]]) -> None:
    """While it hangs everything is stopped; afterwards it is told why."""
    release = hang()
    try:
        assert eventually(lambda: status(bench)["latched"], 60, 0.1), status(bench)
        assert stands_still_unasked(bench), "the agent goes on"
    finally:
        release()
    assert eventually(lambda: latched(bench), 60), bench.daemon.log()
    assert words in bench.cli("ps").stderr, bench.cli("ps").stderr
    # The log is told what is on the disk, a moment later.
    assert eventually(lambda: any(words in one["trigger"] for one in facts(bench, "emergency-stopped"))), facts(bench, "emergency-stopped")


def stands_still_unasked(bench: Bench) -> bool:
    """As the daemon does not answer: over the time that ten other programs take."""
    before = size(bench, "one")
    for _ in range(20):
        subprocess.run(["/bin/true"], check=True)
    return size(bench, "one") == before


def test_a_daemon_that_hangs_is_an_emergency_and_says_so_when_it_is_back(bench: Bench) -> None:
    dead_man(bench)

    def hang() -> Callable[[], None]:
        assert bench.daemon.process is not None
        daemon = bench.daemon.process
        daemon.send_signal(signal.SIGSTOP)
        return lambda: daemon.send_signal(signal.SIGCONT)

    frozen_by(bench, "dead-man", hang)


def test_a_thread_that_writes_and_hangs_is_an_emergency_though_the_loop_turns(bench: Bench) -> None:
    dead_man(bench)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]

    def call(request: int, thread: int) -> None:
        if libc.ptrace(request, thread, None, None) != 0:
            raise OSError(ctypes.get_errno(), f"ptrace {request:#x} of {thread}")

    def hang() -> Callable[[], None]:
        assert bench.daemon.process is not None
        pid = bench.daemon.process.pid
        thread = sorted(int(name) for name in os.listdir(f"/proc/{pid}/task") if int(name) != pid)[0]
        call(SEIZE, thread)
        call(INTERRUPT, thread)
        os.waitpid(thread, 0x40000000)  # __WALL
        equal(bench.cli("ps").returncode, 0)  # The loop turns.
        return lambda: call(DETACH, thread)

    frozen_by(bench, "dead-man", hang)


def test_a_daemon_that_is_killed_and_comes_back_in_time_is_no_emergency(bench: Bench) -> None:
    dead_man(bench, '"30s"')
    bench.daemon.kill_daemon()
    bench.daemon.start()
    before = size(bench, "one")
    assert eventually(lambda: size(bench, "one") > before)
    assert not latched(bench), bench.cli("ps").stderr


def test_a_daemon_that_ends_as_it_is_asked_to_leaves_its_agents_at_work(bench: Bench) -> None:
    dead_man(bench)
    assert bench.daemon.process is not None
    bench.daemon.process.send_signal(signal.SIGTERM)
    equal(bench.daemon.process.wait(30), 0)
    equal(status(bench)["daemon"], "absent")  # Nobody is waited for.
    before = size(bench, "one")
    assert eventually(lambda: size(bench, "one") > before)
    bench.daemon.start()
    assert not latched(bench)


# ---- alarms

def test_a_daemon_without_ringfence_stop_says_so_wherever_somebody_looks(bench: Bench) -> None:
    programs = bench.daemon.base / "without" / "bin"
    programs.mkdir(parents=True)
    for name in ("ringfence", "ringfenced", "ringfence-launcher", "ringfence-warden", "ringfence-egress"):
        shutil.copy(bench.daemon.bin / name, programs / name)
    with Daemon(programs.parent) as daemon:
        assert eventually(lambda: "ALARM: ringfence-stop is away" in daemon.cli("ps").stderr, 30), daemon.log()
        checks = {check["name"]: check for check in json.loads(daemon.cli("doctor", "--json").stdout)["checks"]}
        equal(checks["emergency stop"]["ok"], False, checks["emergency stop"])
        equal(daemon.cli("estop").returncode, 3)
        equal(daemon.cli("run", "--", "/bin/true", cwd=bench.workspace).returncode, 0)
    equal(daemon.leftovers(), [])


def test_a_ringfence_stop_that_would_stop_something_else_is_none(bench: Bench) -> None:
    daemon = bench.daemon
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGTERM)
    equal(daemon.process.wait(30), 0)
    ended = daemon.kill_stop()
    assert eventually(lambda: not is_alive(ended)), daemon.log()
    place = ["--run-dir", str(daemon.run_dir), "--state-dir", str(daemon.state_dir)]
    other = subprocess.Popen([str(daemon.bin / "ringfence-stop"), *place, "--cgroup-root", f"{daemon.cgroup_root}x"],
                             stderr=subprocess.PIPE, text=True)
    assert other.stderr is not None
    try:
        equal(other.stderr.readline(), "ringfence-stop: ready\n")
        daemon.start()
        wanted = f"it stops the runs in the groups {daemon.cgroup_root}x-*, and this daemon's are in {daemon.cgroup_root}-*"
        assert eventually(lambda: f"so nobody can stop everything: {wanted}" in daemon.cli("ps").stderr, 30), daemon.log()
        checks = {check["name"]: check for check in json.loads(daemon.cli("doctor", "--json").stdout)["checks"]}
        equal(checks["emergency stop"]["ok"], False, checks["emergency stop"])
        assert wanted in checks["emergency stop"]["detail"], checks["emergency stop"]
    finally:
        other.kill()
        other.wait()
    # Then its own takes the place.
    assert eventually(lambda: "ALARM" not in daemon.cli("ps").stderr, 30), daemon.log()
    stop_everything(bench)


def test_the_doctor_tells_that_everything_can_be_stopped_and_that_it_is(bench: Bench) -> None:
    def check() -> dict[str, Any]:
        report = json.loads(bench.cli("doctor", "--json").stdout)
        return next(one for one in report["checks"] if one["name"] == "emergency stop")

    assert eventually(lambda: check()["detail"].startswith("ready"), 30), check()
    equal(check()["ok"], True)
    stop_everything(bench)
    assert "latched" in check()["detail"] and check()["ok"], check()


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
