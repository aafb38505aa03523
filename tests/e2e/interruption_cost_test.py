#!/usr/bin/env python3
"""What interruptions did cost as the log has it, and what a kill was said to cost before, of agents that nothing was learned from.

    interruption_cost_test.py BUILD [TEST…]

An agent asks a server for an answer and then works, for another time in each turn, until it is killed. It keeps an account of its
own: the processor time that it had used at the end of the last answer, and up to now.
"""

from __future__ import annotations

import json
import random
import socketserver
import statistics
import struct
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.cli_bench import Bench, run_tests  # noqa: E402
from tests.support.daemon import eventually  # noqa: E402

AGENTS = 6
AGENT = """
import mmap, random, socket, struct, sys, time
name, port, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
chance = random.Random(seed)
with open("account-" + name, "w+b") as file:
    file.write(bytes(24))
    file.flush()
    account = mmap.mmap(file.fileno(), 24)
turns = 0
while True:
    with socket.create_connection(("127.0.0.1", port), 200) as connection:
        connection.sendall(b"the next step?".ljust(600))
        while connection.recv(65536):
            pass
    turns += 1
    answered = time.process_time()
    work = chance.uniform(4, 7)
    while (now := time.process_time()) < answered + work:
        struct.pack_into("<ddd", account, 0, answered, now, turns)
        sum(range(2000))
"""


class Answer(socketserver.BaseRequestHandler):
    """Some words, one after another."""

    def handle(self) -> None:
        asked = b""
        while len(asked) < 600:
            asked += self.request.recv(600 - len(asked))
        for _ in range(5):
            self.request.sendall(b"data: a word of the answer".ljust(200) + b"\n\n")
            time.sleep(0.05)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


def account(bench: Bench, name: str) -> tuple[float, float, float]:
    """Processor time at the last answer, and now; how many answers there were."""
    return struct.unpack("<ddd", (bench.workspace / f"account-{name}").read_bytes())


def measured(bench: Bench, run: str) -> dict[str, Any]:
    """What the log says that its last interruption did cost."""
    def found() -> dict[str, Any] | None:
        facts = [json.loads(line) for line in bench.cli("log", run, "--json").stdout.splitlines()]
        costs = [fact["body"] for fact in facts if fact["kind"] == "interruption-measured"]
        return costs[-1] if costs else None

    cost = eventually(found, 100)
    assert cost, bench.daemon.log()
    return cost


def test_a_freeze_is_told_with_how_fast_it_came_and_went_and_the_work_that_was_at_stake(bench: Bench) -> None:
    run = bench.detached("exec python3 -c 'import time\nbegin = time.process_time()\nwhile time.process_time() < begin + 1: pass\n"
                         "open(\"worked\", \"w\")\ntime.sleep(1000)'")
    assert eventually(lambda: (bench.workspace / "worked").exists(), 100), bench.daemon.log()
    assert eventually(lambda: bench.show(run)["usage"]["cpu_usec"] >= 1_000_000, 60)
    bench.cli("freeze", run)
    bench.cli("resume", run)
    cost = measured(bench, run)
    assert not cost["killed"], cost
    assert 0 < cost["standstill_usec"] < 60_000_000 and 0 < cost["resume_usec"] < 60_000_000, cost
    assert 900_000 <= cost["work_cpu_usec"] <= 60_000_000, cost  # Since its start: it has no safe point.
    assert cost["work_usec"] >= 900_000, cost
    bench.cli("kill", run)
    bench.ended(run)


def test_what_a_kill_costs_is_said_within_a_fifth_of_what_it_did_cost(bench: Bench) -> None:
    chance = random.Random(4)
    with Server(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        (bench.workspace / "agent.py").write_text(AGENT)
        policy = bench.daemon.base / "asking.toml"
        policy.write_text(f'schema = 1\nname = "asking"\nextends = ["base"]\n[files]\nworkspace = "rw"\n'
                          f'[network]\nloopback = [{port}]\n[priority]\nclass = "interactive"\n')
        runs = {}
        for number in range(AGENTS):
            name = f"agent-{number}"
            command = f"exec /usr/bin/python3 agent.py {name} {port} {number}"
            runs[name] = bench.detached(command, "-n", name, "-p", str(policy))
        wrong = []
        for name, run in runs.items():
            turns = chance.randint(2, 3)

            def inside_a_turn() -> bool:
                file = bench.workspace / f"account-{name}"
                if not file.exists():
                    return False
                answered, now, done = account(bench, name)
                # That an answer is over is known a second and a half later.
                return done >= turns and now - answered > 1.6

            assert eventually(inside_a_turn, 200), bench.daemon.log()
            said = json.loads(bench.cli("price", run, "--json").stdout)
            bench.cli("kill", run)
            bench.ended(run)
            answered, now, _ = account(bench, name)
            assert said["safe_point"], said
            lost = measured(bench, run)
            assert lost["killed"] and 0 < lost["standstill_usec"] < 60_000_000, lost
            assert abs(lost["work_cpu_usec"] / 1e6 - (now - answered)) <= max(0.5, 0.2 * (now - answered)), (lost, now - answered)
            wrong.append(abs(said["kill"]["work_cpu_seconds"] - (now - answered)) / (now - answered))
            print(f"{name}: said {said['kill']['work_cpu_seconds']:.2f} s, lost {now - answered:.2f} s of work", flush=True)
        server.shutdown()
    assert statistics.median(wrong) <= 0.2, wrong


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
