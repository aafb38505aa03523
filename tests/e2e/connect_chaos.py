#!/usr/bin/env python3
"""Kills the egress (either half), the warden or the daemon at random moments while agents connect, and counts from
outside, at the server, what went wrong.

    connect_chaos.py --build DIR [--kills N] [--seed S]

In a network namespace of its own, where every address of 93.184.0.0/16 is the server's. One agent connects to what its
policy allows: a port of this machine's loopback and a host. The other asks for a new address each time; an approver
allows the even ones and denies the odd ones. Wrong is: a connection that nobody allowed, one that came twice, a
question that was asked twice, a refusal of what is allowed that outlives two seconds after everything is back, a
connection that hangs, and a question that stays open.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.e2e.asked_chaos import Approver, guards, next_step, steps_of, too_long  # noqa: E402
from tests.support.daemon import Daemon, eventually, is_alive  # noqa: E402

ASKED, ALLOWED, PORT, LOOPBACK = "93.184", "93.185.0.1", 8090, 8091
# Of every four kills two are of an egress.
VICTIMS = ["ringfence-egress", "ringfence-egress", "ringfence-warden", "daemon"]
POLICY = f"""schema = 1
name = "trial"
extends = ["coding"]
[priority]
class = "interactive"
[files]
ask = ["{{asked}}"]
[network]
default = "ask"
allow = [{{{{ host = "{ALLOWED}", port = {PORT} }}}}]
loopback = [{LOOPBACK}]
[prompt]
timeout = "10m"
per_minute = 100000
"""

# One line a step: kind, number, what came of it, milliseconds. A connection is good when the server's word came.
AGENT = f"""
import os, socket, sys, time
kind, log = sys.argv[1], os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
def attempt(host, port, number, direct):
    with socket.create_connection(("127.0.0.1", port if direct else 9480), 20) as connection:
        connection.settimeout(20)
        if not direct:
            connection.sendall(f"CONNECT {{host}}:{{port}} HTTP/1.1\\r\\nHost: {{host}}:{{port}}\\r\\n\\r\\n".encode())
            answer = b""
            while b"\\r\\n\\r\\n" not in answer:
                more = connection.recv(4096)
                if not more:
                    return "cut"
                answer += more
            if b" 200 " not in answer.split(b"\\r\\n")[0]:
                return "refused"
        connection.sendall(b"hello")
        return "good" if connection.recv(4096) == b"word" else "cut"
def step(name, number, host, port, direct=False):
    began = time.monotonic()
    try:
        came = attempt(host, port, number, direct)
    except TimeoutError:
        came = "hung"
    except OSError as error:
        came = "error-" + str(error.errno)
    os.write(log, f"{{name}} {{number}} {{came}} {{int((time.monotonic() - began) * 1000)}}\\n".encode())
    if came != "good":
        time.sleep(0.01)
number = 0
while not os.path.exists("stop"):
    number += 1
    if kind == "asks":
        step("asked", number, f"{ASKED}.{{number // 250}}.{{number % 250 + 1}}", {PORT})
    else:
        step("loopback", number, "", {LOOPBACK}, True)
        step("allowed", number, "{ALLOWED}", {PORT})
        time.sleep(0.005)
"""


class Server(threading.Thread):
    """Every address and both ports; counts who was asked for."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.reached: Counter[str] = Counter()
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("0.0.0.0", port))
        self.listener.listen(256)

    def run(self) -> None:
        while True:
            try:
                peer, _ = self.listener.accept()
                self.reached[peer.getsockname()[0]] += 1
            except OSError:
                return
            threading.Thread(target=self.talk, args=(peer,), daemon=True).start()

    @staticmethod
    def talk(peer: socket.socket) -> None:
        with peer:
            try:
                if peer.recv(64) == b"hello":
                    peer.sendall(b"word")
                peer.recv(64)
            except OSError:
                pass


class HostApprover(Approver):
    """Even addresses are allowed, odd ones denied."""

    def answer(self, asked: dict[str, object]) -> None:
        action = asked["action"]
        assert isinstance(action, dict)
        target = str(action["target"])
        found = re.fullmatch(rf"({re.escape(ASKED)}\.\d+\.(\d+)):{PORT}", target)
        if not found:
            self.questions.setdefault("strange: " + target, set()).add(str(asked["id"]))
            return
        self.questions.setdefault(found[1], set()).add(str(asked["id"]))
        if int(found[2]) % 2 == 0:
            self.allowed.add(found[1])  # before it can take effect
            self.daemon_under_test.cli("allow", str(asked["id"]))
        else:
            self.daemon_under_test.cli("deny", str(asked["id"]))


def good_steps(log: Path, name: str) -> int:
    return len(re.findall(rf"^{name} \d+ good ", log.read_text(), re.MULTILINE)) if log.exists() else 0


class Trial:
    def __init__(self, daemon: Daemon, kills: int, chance: random.Random) -> None:
        self.daemon, self.kills, self.chance = daemon, kills, chance
        self.problems: list[str] = []
        self.stalls: list[float] = []
        self.calm: list[float] = []  # the same without a kill
        self.victims: Counter[str] = Counter()
        self.next_victims: list[str] = []
        self.deaths: dict[str, list[float]] = {"ringfence-egress": [], "ringfence-warden": []}
        self.project = daemon.base / "project"
        self.logs = {kind: self.project / f"log-{kind}" for kind in ("goes", "asks")}
        self.servers = [Server(PORT), Server(LOOPBACK)]
        self.approver = HostApprover(daemon)
        self.whole: dict[str, int] = {}  # how many processes of each guard there are when all is well

    def start(self) -> list[str]:
        asked = self.daemon.base / "asked"
        self.project.mkdir()
        asked.mkdir()
        policy = self.daemon.base / "trial.toml"
        policy.write_text(POLICY.format(asked=asked))
        (self.project / "agent.py").write_text(AGENT)
        for thread in (*self.servers, self.approver):
            thread.start()
        started = [self.daemon.cli("run", "-d", "-p", str(policy), "-w", str(self.project), "--", "/usr/bin/python3", "agent.py", kind,
                                   str(log)) for kind, log in self.logs.items()]
        runs = [one.stdout.strip() for one in started]
        if not eventually(lambda: all(count > 2 for count in self.progress()), 60):
            told = [one.stderr for one in started] + [self.daemon.cli("logs", run).stdout for run in runs]
            self.problems.append(f"the agents reach nothing: {told} {self.progress()} {self.daemon.log()[-2000:]}")
        self.whole = {name: len(guards(self.daemon, name)) for name in self.deaths}
        return runs

    def progress(self) -> list[int]:
        """Of everything that must go on."""
        goes = self.logs["goes"]
        return [good_steps(goes, "loopback"), good_steps(goes, "allowed"), steps_of([self.logs["asks"]])[0]]

    def kill_one(self, kill: int) -> None:
        if not self.next_victims:
            self.next_victims = self.chance.sample(VICTIMS, len(VICTIMS))
        victim = self.next_victims.pop()
        self.victims[victim] += 1
        if victim == "daemon":
            self.daemon.kill_daemon()
            self.daemon.start()
            return
        # One whose guard dies more than five times in ten seconds is ended: nobody would be there to judge.
        deaths = self.deaths[victim]
        eventually(lambda: len(deaths) < 5 or time.monotonic() - deaths[-5] > 10.5, 20)
        pid = self.chance.choice(guards(self.daemon, victim))
        deaths.append(time.monotonic())
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: not is_alive(pid), 5, 0.002)
        if not eventually(lambda: len(guards(self.daemon, victim)) >= self.whole[victim], 10, 0.01):
            self.problems.append(f"kill {kill}: no new {victim}")

    def go(self) -> None:
        for kill in range(self.kills):
            time.sleep(self.chance.uniform(0.02, 0.4))
            self.kill_one(kill)
            # The next question may wait for the approver's next look.
            took = next_step(self.progress, 30)
            if took is None:
                self.problems.append(f"kill {kill}: no way out any more: {self.progress()}")
                return
            self.stalls.append(took)
            self.calm.append(next_step(self.progress, 30) or 0.0)

    def end(self, runs: list[str]) -> None:
        (self.project / "stop").touch()
        for run in runs:
            if not eventually(lambda one=run: self.daemon.json("show", one)["state"] == "ended", 40, 0.05):
                self.problems.append(f"{run} does not end")
                continue
            end = self.daemon.json("show", run)["exit"]
            if end is None or end.get("code") != 0:
                self.problems.append(f"{run} ended with {end}")
        self.approver.stop.set()
        self.approver.join()
        left = self.daemon.cli("pending", "--json").stdout
        if left.strip():
            self.problems.append(f"still pending after the end: {left[:300]}")
        for server in self.servers:
            server.listener.shutdown(socket.SHUT_RDWR)
            server.listener.close()

    def judge(self) -> None:
        add = self.problems.append
        reached = self.servers[0].reached
        for address, count in reached.items():
            if address == ALLOWED:
                continue
            if address not in self.approver.allowed:
                add(f"{address} was reached and nobody allowed it")
            if count > 1:
                add(f"{address} was reached {count} times")
        if not self.approver.allowed & set(reached):
            add("nothing that a person allowed was reached")
        for kind, log in self.logs.items():
            for line in log.read_text().splitlines():
                name, number, came, _ = line.split()
                address = f"{ASKED}.{int(number) // 250}.{int(number) % 250 + 1}"
                if came == "hung":
                    add(f"{kind} {name} {number} hung")
                if name == "asked" and came == "good" and reached[address] == 0:
                    add(f"{address}: the agent had an answer, and the server no visit")
                if name != "asked" and came == "refused":
                    add(f"{name} {number} was refused although it is allowed")
        asked: Counter[str] = Counter()
        for line in self.daemon.cli("log", "--json").stdout.splitlines():
            fact = json.loads(line)
            if fact["kind"] == "action-asked":
                asked[fact["body"]["action"]["target"]] += 1
        self.problems += [f"{what} was asked {count} times" for what, count in asked.items() if count > 1]
        self.problems += [name for name in self.approver.questions if name.startswith("strange")]
        self.problems += too_long(self.stalls, self.calm)
        if self.daemon.cli("verify").returncode != 0:
            add("the chain does not verify")


def own_network() -> None:
    """All of this program in a network namespace, where the world's addresses are its own."""
    if os.environ.get("RINGFENCE_CONNECT_CHAOS") is None:
        os.environ["RINGFENCE_CONNECT_CHAOS"] = "inside"
        os.execvp("unshare", ["unshare", "--net", "--", sys.executable, "-B", *sys.argv])
    for words in (["link", "set", "lo", "up"], ["route", "add", "local", f"{ASKED}.0.0/16", "dev", "lo"],
                  ["route", "add", "local", f"{ALLOWED}/32", "dev", "lo"]):
        subprocess.run(["ip", *words], check=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--kills", type=int, default=int(os.environ.get("RINGFENCE_CONNECT_KILLS", "20")))
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    options = parser.parse_args()
    own_network()
    print(f"seed {options.seed}", flush=True)
    with Daemon(options.build) as daemon:
        trial = Trial(daemon, options.kills, random.Random(options.seed))
        runs = trial.start()
        if not trial.problems:
            trial.go()
        trial.end(runs)
        trial.judge()
        progress = trial.progress()
    trial.problems += daemon.leftovers()
    for problem in trial.problems[:40]:
        print(f"connect: {problem}")
    stalls = sorted(trial.stalls) or [0.0]
    print(f"connect: {options.kills} kills {dict(trial.victims)}, {progress} steps, {len(trial.approver.questions)} questions, "
          f"{len(trial.problems)} problems; next way out after {stalls[len(stalls) // 2]:.2f} s (median), {stalls[-1]:.2f} s (worst)")
    return 1 if trial.problems else 0


if __name__ == "__main__":
    sys.exit(main())
