#!/usr/bin/env python3
"""The connections of a run while it is held, while its calls are deferred, and what they say of what it does.

    egress_hold_test.py BUILD [TEST…]

The servers are on this machine's loopback, which the policy brings inside.
"""

from __future__ import annotations

import hashlib
import json
import socket
import struct
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import eventually  # noqa: E402
from tests.support.observed import bodies  # noqa: E402

# Waits until it may, asks, says when, and reads the answer to its end.
AGENT = """
import hashlib, os, socket, sys, time
name, port = sys.argv[1:]
open("ready-" + name, "w")
while not os.path.exists("go-" + name):
    time.sleep(0.02)
began = time.monotonic()
connection = socket.create_connection(("127.0.0.1", int(port)), 200)
connection.sendall((name + " asks\\n").ljust(600).encode())
open("asked-" + name, "w").write(repr(began))
answer = hashlib.sha256()
length = 0
while piece := connection.recv(65536):
    answer.update(piece)
    length += len(piece)
    open("begun-" + name, "w")
open("done-" + name + ".part", "w").write(f"{length} {answer.hexdigest()}")
os.rename("done-" + name + ".part", "done-" + name)
"""


class Server:
    """On a port of its own; its buffers hold next to nothing, and after five seconds without progress it gives up."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.listener.settimeout(100)
        self.port = self.listener.getsockname()[1]

    def accept(self) -> tuple[str, socket.socket]:
        """Who asks, once it has asked."""
        connection, _ = self.listener.accept()
        connection.settimeout(100)
        asked = b""
        while len(asked) < 600:
            asked += connection.recv(600 - len(asked))
        connection.settimeout(5)
        return asked.split()[0].decode(), connection


def start(bench: Bench, name: str, server: Server, priority: str = "interactive") -> str:
    (bench.workspace / "agent.py").write_text(AGENT)
    file = bench.daemon.base / f"{priority}.toml"
    file.write_text(f'schema = 1\nname = "calling"\nextends = ["base"]\n[files]\nworkspace = "rw"\n'
                    f'[network]\nloopback = [{server.port}]\n[priority]\nclass = "{priority}"\n')
    return bench.detached(f"exec /usr/bin/python3 agent.py {name} {server.port}", "-n", name, "-p", str(file))


def price(bench: Bench, run: str) -> dict[str, Any]:
    result = bench.cli("price", run, "--json")
    return json.loads(result.stdout) if result.returncode == 0 else {}


def test_a_stream_to_a_frozen_run_is_kept_and_handed_on_whole(bench: Bench) -> None:
    server = Server()
    run = start(bench, "reader", server)
    (bench.workspace / "go-reader").touch()
    _, connection = server.accept()
    connection.sendall(b"begins\n")
    assert eventually((bench.workspace / "begun-reader").exists, 60)
    equal(bench.cli("freeze", run).returncode, 0)
    events = b"".join(b'data: {"event":%d}\n\n' % number for number in range(200_000))
    for at in range(0, len(events), 65536):  # Five seconds for each piece; none of them waits for the run.
        connection.sendall(events[at:at + 65536])
    connection.close()
    equal(bench.show(run)["state"], "frozen")
    assert not (bench.workspace / "done-reader").exists()
    equal(bench.cli("resume", run).returncode, 0)
    assert eventually((bench.workspace / "done-reader").exists, 100)
    whole = b"begins\n" + events
    equal((bench.workspace / "done-reader").read_text(), f"{len(whole)} {hashlib.sha256(whole).hexdigest()}")
    bench.ended(run)


def test_what_became_of_connections_over_a_hold_is_in_the_log(bench: Bench) -> None:
    server = Server()
    run = start(bench, "reader", server)
    (bench.workspace / "go-reader").touch()
    _, connection = server.accept()
    equal(bench.cli("freeze", run).returncode, 0)
    connection.sendall(b"some of it")
    equal(bench.cli("resume", run).returncode, 0)
    assert eventually((bench.workspace / "begun-reader").exists, 60)
    equal(bodies(bench, run, "connections-held"), [])
    equal(bench.cli("freeze", run).returncode, 0)  # The next hold ends the watching of the first.
    assert eventually(lambda: bodies(bench, run, "connections-held"), 60), bench.daemon.log()
    told = bodies(bench, run, "connections-held")[0]
    equal((told["connections"], told["closed"], told["reset"], told["full"]), (1, 0, 0, 0), told)
    equal(bench.cli("resume", run).returncode, 0)
    connection.close()
    bench.ended(run)


def test_the_price_of_a_run_tells_whether_it_waits_for_an_answer_and_when_its_turn_ended(bench: Bench) -> None:
    server = Server()
    run = start(bench, "caller", server)
    (bench.workspace / "go-caller").touch()
    _, connection = server.accept()
    assert eventually(lambda: price(bench, run).get("activity") == "waiting-for-model", 60), price(bench, run)
    assert "waiting for a model" in bench.cli("price", run).stdout

    def streams() -> bool:
        connection.sendall(b"data: a word\n\n")
        return price(bench, run).get("activity") == "streaming"

    assert eventually(streams, 60, 0.2), price(bench, run)
    equal(price(bench, run)["safe_point"], None)
    assert eventually(lambda: price(bench, run).get("safe_point"), 60), price(bench, run)
    assert price(bench, run)["activity"] != "streaming", price(bench, run)
    connection.close()
    bench.ended(run)


# Asks and reads like the one above, and goes on when its connection is over, whole or broken.
PATIENT = """
import socket, sys, time
with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 200) as connection:
    connection.sendall(b"patient asks".ljust(600))
    try:
        while connection.recv(65536):
            pass
    except OSError:
        pass
open("over", "w")
time.sleep(1000)
"""


def readings(bench: Bench, run: str) -> int:
    return len(bench.cli("usage", run, "--since", "10m").stdout.splitlines())


def test_what_a_hold_cost_has_the_connection_that_its_server_broke_meanwhile(bench: Bench) -> None:
    server = Server()
    (bench.workspace / "patient.py").write_text(PATIENT)
    file = bench.daemon.base / "patient.toml"
    file.write_text(f'schema = 1\nname = "patient"\nextends = ["base"]\n[files]\nworkspace = "rw"\n'
                    f'[network]\nloopback = [{server.port}]\n[priority]\nclass = "interactive"\n')
    run = bench.detached(f"exec /usr/bin/python3 patient.py {server.port}", "-p", str(file))
    _, connection = server.accept()
    assert eventually(lambda: price(bench, run).get("activity") == "waiting-for-model", 60), price(bench, run)
    # What is read of a run is kept once a second. It has waited for some readings: that is what must be done again.
    read = readings(bench, run)
    assert eventually(lambda: readings(bench, run) > read + 2, 60)
    equal(bench.cli("freeze", run).returncode, 0)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()  # A reset, as after a time-out of the server's.
    # The hold is seen as well.
    read = readings(bench, run)
    assert eventually(lambda: readings(bench, run) > read + 1, 60)
    equal(bench.cli("resume", run).returncode, 0)
    assert eventually((bench.workspace / "over").exists, 100), bench.cli("log", run).stdout[-3000:]
    read = readings(bench, run)
    assert eventually(lambda: readings(bench, run) > read + 1, 60)
    equal(bench.cli("freeze", run).returncode, 0)  # The next hold ends the watching of the first.
    assert eventually(lambda: bodies(bench, run, "interruption-measured"), 30), bench.cli("log", run).stdout[-3000:]
    told = bodies(bench, run, "connections-held")[0]
    equal((told["connections"], told["reset"]), (1, 1), told)
    cost = bodies(bench, run, "interruption-measured")[0]
    assert cost["real"]["why"].startswith("1 of 1 connections broke, so "), cost
    assert cost["real"]["delay_usec"] > 0 and not cost["killed"], cost
    bench.cli("kill", run)
    bench.ended(run)


class Memory:
    """What the daemon is told that the machine has of it."""

    def __init__(self, bench: Bench) -> None:
        root = bench.daemon.base / "machine"
        for folder in ("proc", "sys", "dev"):
            (root / folder).mkdir(parents=True)
        self.file = open(root / "proc" / "meminfo", "wb", buffering=0)
        self.available(1100)
        bench.daemon.kill_daemon()
        bench.daemon.options = ["--meter-root", str(root)]
        bench.daemon.start()

    def available(self, mib: int) -> None:
        self.file.seek(0)
        self.file.write(b"MemTotal:        8388608 kB\nMemAvailable:   %8d kB\n" % (mib * 1024))


def test_a_call_that_is_deferred_waits_until_there_is_memory_and_other_runs_call_meanwhile(bench: Bench) -> None:
    memory = Memory(bench)
    server = Server()
    late = start(bench, "late", server, "background")
    other = start(bench, "other", server)
    for name in ("late", "other"):  # Who still grows when memory is short would be frozen.
        assert eventually((bench.workspace / f"ready-{name}").exists, 100), bench.daemon.log()
    # Slowly, or it would look as if memory were about to run out. In the end there is less than twice the reserve, and more
    # than one and a half of it: background runs wait.
    for mib in range(1100, 700, -10):
        memory.available(mib)
        time.sleep(0.05)
    assert eventually(lambda: bodies(bench, late, "run-restrained"), 60), bench.daemon.log()
    equal(bodies(bench, late, "run-restrained")[0]["step"], "defer-model-call")
    equal(bodies(bench, other, "run-restrained"), [])
    (bench.workspace / "go-late").touch()
    assert eventually(lambda: (bench.workspace / "asked-late").exists() and (bench.workspace / "asked-late").read_text(), 100)
    began = float((bench.workspace / "asked-late").read_text())
    (bench.workspace / "go-other").touch()
    answered: dict[str, float] = {}

    def answer() -> None:
        name, connection = server.accept()
        answered[name] = time.monotonic()
        connection.close()

    while "other" not in answered:
        answer()
    assert eventually((bench.workspace / "done-other").exists, 60)
    relieved = time.monotonic()
    memory.available(2000)
    while "late" not in answered:
        answer()
    # On a slow machine its patience (4 s) may have ended before.
    assert answered["late"] - began >= min(3.9, relieved - began), (answered, began, relieved)
    assert eventually(lambda: len(bodies(bench, late, "run-restrained")) == 2, 60)
    equal(bodies(bench, late, "run-restrained")[1]["cause"], "relieved")
    for run in (late, other):
        bench.ended(run)


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
