#!/usr/bin/env python3
"""What a kill was said to cost against what it did cost, of agents that nothing was learned from before.

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
    work = chance.uniform(2, 6)
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
                return done >= turns and now - answered > chance.uniform(0.5, 1.5)

            assert eventually(inside_a_turn, 200), bench.daemon.log()
            said = json.loads(bench.cli("price", run, "--json").stdout)
            bench.cli("kill", run)
            bench.ended(run)
            answered, now, _ = account(bench, name)
            assert said["safe_point"], said
            wrong.append(abs(said["kill"]["work_cpu_seconds"] - (now - answered)) / (now - answered))
            print(f"{name}: said {said['kill']['work_cpu_seconds']:.2f} s, lost {now - answered:.2f} s of work", flush=True)
        server.shutdown()
    assert statistics.median(wrong) <= 0.2, wrong


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
