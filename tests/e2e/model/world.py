"""The real daemon and what can be seen of it: by its clients, by its agents, in the files that agents write to."""

from __future__ import annotations

import contextlib
import glob
import os
import random
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.model import agents
from tests.e2e.model.reference import ROOT, Reference, Run, Terms
from tests.e2e.model.wire import Connection, Gone, ask_stop, plain, text
from tests.support.daemon import Daemon, eventually, is_alive

USERS = (61001, 61002)
SHARED = 6  # files of a user that all of their runs may ask for; they exist, so that asks for one are the same ask
TERMS = {
    "plain": Terms(),
    "hasty": Terms(patience=1.0),
    "batched": Terms(per_minute=3),
    "alone": Terms(unattended=True),
    "egress": Terms(egress=True),
}
POLICY = """schema = 1
name = "{kind}"
extends = ["{base}"]
[priority]
class = "interactive"
[files]
workspace = "rw"
ask = ["{asked}"]
[prompt]
timeout = "{patience:.0f}s"
per_minute = {per_minute}
"""
SCOPES = {"SCOPE_RUN": "run", "SCOPE_PROJECT": "project", "SCOPE_ALWAYS": "always"}


def daemon_of(build: str) -> Daemon:
    """Of which nobody is impatient: where the processor is somewhere else for ten seconds, everything would be stopped."""
    daemon = Daemon(build)
    config = daemon.base / "ringfence.toml"
    config.write_text('dead_man_after = "60m"\n')
    daemon.options = ["--config", str(config)]
    return daemon


@dataclass
class Seen:
    runs: dict[str, tuple[str, str]] = field(default_factory=dict)       # name -> state, who holds it
    cards: dict[int, tuple[str, list[str], int]] = field(default_factory=dict)  # id -> run, paths, asks of the first
    grants: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    latched: bool = False
    shown: dict[int, list[set[Any]]] = field(default_factory=dict)       # uid -> runs, cards, grants


def now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def size_of(path: str) -> int:
    with contextlib.suppress(FileNotFoundError):
        return os.stat(path).st_size
    return 0


class World:
    def __init__(self, daemon: Daemon, seed: int = 0) -> None:
        self.daemon = daemon
        self.chance = random.Random(seed)
        self.address = daemon.environment["RINGFENCE_SOCKET"]
        self.stop_address = str(daemon.run_dir / "stop.sock")
        self.can_stop = Path(self.stop_address).exists()
        self.programs = daemon.base / "programs"
        self.programs.mkdir()
        self.program = agents.build(self.programs)
        self.agents: dict[str, agents.Agent] = {}
        self.said: dict[tuple[str, int], int] = {}
        self.ids: dict[str, str] = {}
        self.attached: dict[str, Connection] = {}
        self.connections: dict[int, Connection] = {}
        self.finished: dict[str, int] = {}  # bytes of files that nobody will change any more
        self.pauses: list[tuple[str, float]] = []  # who was killed, seconds until it was back
        for uid in USERS:
            for folder in (self.asked(uid), *self.workspaces(uid)):
                folder.mkdir()
                os.chown(folder, uid, uid)
            for path in self.shared(uid):
                path.touch()
                os.chown(path, uid, uid)
        self.connect()

    # ---- places

    def asked(self, uid: int) -> Path:
        return self.daemon.base / f"asked-{uid}"

    def workspaces(self, uid: int) -> list[Path]:
        return [self.daemon.base / f"project-{uid}-{number}" for number in (0, 1)]

    def shared(self, uid: int) -> list[Path]:
        return [self.asked(uid) / f"shared-{number}" for number in range(SHARED)]

    # ---- clients

    def connect(self) -> None:
        for connection in [*self.connections.values(), *self.attached.values()]:
            connection.close()
        self.attached.clear()  # The next daemon knows of nobody who was.
        self.connections = {uid: Connection(self.address, uid) for uid in (ROOT, *USERS)}

    def launch_request(self, run: Run) -> dict[str, Any]:
        policy = POLICY.format(kind=run.kind, base="base" if run.terms.egress else "offline", asked=self.asked(run.owner),
                               patience=run.terms.patience, per_minute=run.terms.per_minute)
        if run.terms.egress:
            policy += '[network]\ndefault = "ask"\n'
        return {"name": run.name, "policy_file": {"file": f"{run.kind}.toml", "text": text(policy)}, "workspace": text(run.workspace),
                "argv": [text("./agent")], "executable": text(str(self.program)), "stdio": "STDIO_DESCRIPTORS",
                "install_tree": text(str(self.programs)), "detached": not run.attached, "unattended": run.terms.unattended}

    # ---- what can be seen

    def details(self, packet: dict[str, Any], seen: Seen) -> set[str]:
        names = set()
        for run in packet.get("list", {}).get("runs", []):
            names.add(run["name"])
            self.ids[run["name"]] = run["id"]
            seen.runs[run["name"]] = (run["state"], run.get("held", {}).get("by", ""))
        return names

    def look(self) -> Seen:
        seen = Seen()
        wanted = ({"list": {}}, {"pending": {}}, {"grants": {}})
        asked = {uid: [connection.send(**request) for request in wanted] for uid, connection in self.connections.items()}
        for uid, numbers in asked.items():
            runs, pending, grants = (self.connections[uid].answers(number) for number in numbers)
            cards = {int(one["pending"]["id"]): one["pending"] for one in pending if "pending" in one}
            rows = {int(row["id"]): row for row in grants[-1].get("grants", {}).get("rows", [])}
            seen.shown[uid] = [self.details(runs[-1], seen), set(cards), set(rows)]
            if uid != ROOT:
                continue
            seen.latched = bool(runs[-1].get("list", {}).get("stop", {}).get("latched"))
            names = {run: name for name, run in self.ids.items()}
            for number, card in cards.items():
                paths = [plain(action["target"]) for action in (card["action"], *card.get("batched", []))]
                seen.cards[number] = (names.get(card["run"], card["run"]), paths, int(card.get("coalesced", 1)))
            for number, row in rows.items():
                run = row.get("run", "")
                seen.grants[number] = (SCOPES.get(row["scope"]), names.get(run, run), plain(row.get("workspace", "")), plain(row["target"]),
                                       int(row.get("by_uid", 0)), "until" in row)
        for name, agent in self.agents.items():
            for number, code in agent.heard():
                self.said[name, number] = code
        return seen

    def digest(self, number: int) -> str:
        answers = self.connections[ROOT].answers(self.connections[ROOT].send(pending={}))
        return next((one["pending"]["digest"] for one in answers if int(one.get("pending", {}).get("id", 0)) == number), "")

    def was_asked(self, number: int) -> bool:
        """Whether there was such a question, which is open no more."""
        answer = self.connections[ROOT].ask(answer={"id": number, "verdict": "VERDICT_DENY", "digest": "0" * 64})
        return answer.get("error", {}).get("code") == "gone"

    def how_ended(self, name: str) -> str | None:
        """None: it has not, or is not known."""
        shown = self.connections[ROOT].ask(show={"run": self.ids.get(name, name)})
        details = shown.get("details", {})
        if details.get("state") != "ended":
            return None
        end = details.get("exit", {})
        return f"code {end['code']}" if "code" in end else f"signal {end['signal']}" if "signal" in end else ""

    def changed(self) -> list[str]:
        """Files that somebody changed although nobody should."""
        return [path for path, size in self.finished.items() if size_of(path) != size]

    def forget(self, name: str) -> None:
        if agent := self.agents.pop(name, None):
            agent.close()
        if connection := self.attached.pop(name, None):
            connection.close()

    # ---- faults

    def guards(self, name: str, kind: str) -> list[int]:
        """Processes of the warden or the egress of that run."""
        found = []
        for mount in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
            for procs in glob.glob(f"{mount}/{self.daemon.cgroup_root}-*/{self.ids.get(name)}/{kind}/cgroup.procs"):
                with contextlib.suppress(OSError):
                    for word in Path(procs).read_text().split():
                        if is_alive(int(word)) and Path(f"/proc/{word}/comm").read_text().strip() == f"ringfence-{kind}"[:15]:
                            found.append(int(word))
        return sorted(found)

    def exists(self, name: str) -> bool:
        """Whether the kernel has that run."""
        return any(glob.glob(f"{mount}/{self.daemon.cgroup_root}-*/{self.ids.get(name)}") for mount in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"))

    def stop_pid(self) -> int:
        """Of ringfence-stop; 0: it is away."""
        wanted = str(self.daemon.run_dir).encode()
        for folder in glob.glob("/proc/[0-9]*"):
            with contextlib.suppress(OSError):
                argv = Path(folder, "cmdline").read_bytes().split(b"\0")
                if argv[0].endswith(b"ringfence-stop") and wanted in argv and is_alive(int(folder[6:])):
                    return int(folder[6:])
        return 0

    def serves_stops(self) -> bool:
        with contextlib.suppress(Gone):
            return "latched" in ask_stop(self.stop_address, USERS[0], "status")
        return False

    def has_stop_since(self, dead: int) -> bool:
        """Waits for a ringfence-stop that is another one."""
        return bool(eventually(lambda: self.stop_pid() not in (0, dead) and self.serves_stops(), 20, 0.002))

    def agrees_on_stop(self) -> bool:
        """Whether ringfence-stop, the daemon and the kernel say the same of whether everything is stopped."""
        with contextlib.suppress(Gone):
            status = ask_stop(self.stop_address, ROOT, "status")
            root = self.connections[ROOT]
            told = bool(root.ask(list={}).get("list", {}).get("stop", {}).get("latched"))
            branches = [Path(file).read_text().strip() == "1" for mount in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
                        for file in glob.glob(f"{mount}/{self.daemon.cgroup_root}-[bi]*/cgroup.freeze")]  # of both classes of agents
            return status.get("daemon") == "heard" and {status["latched"]} == {told, *branches}
        return False

    def started(self) -> bool:
        """As its service does: a child that was just being forked may have the lock of the dead one for a moment."""
        try:
            self.daemon.start()
        except RuntimeError as error:
            if "is in use by another" not in str(error):
                raise
            return False
        return True

    def launcher_ready_since(self, asked: float) -> bool:
        other = Connection(self.address, ROOT)  # On the others an answer may be on its way.
        facts = other.answers(other.send(log={"since_usec": int(asked * 1e6)}))
        other.close()
        return any(fact.get("log_line", {}).get("kind") == "launcher-ready" for fact in facts)

    def has_launcher_since(self, asked: float) -> bool:
        """Waits for it. It ends the guards of the one before, whatever they have in their hands, and starts others."""
        def born(pid: int) -> int:
            return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]) if is_alive(pid) else 0

        if not eventually(lambda: self.launcher_ready_since(asked), 10, 0.002):
            return False
        launcher = born(self.daemon.launcher_pid())
        return bool(eventually(lambda: not any(0 < born(pid) < launcher for name in self.agents for pid in self.guards(name, "warden")), 10, 0.002))

    def kill(self, victim: str, name: str = "") -> str:
        """Kills it and waits until it is back; "" or what is wrong."""
        began, asked = time.monotonic(), time.time()
        back: Any = True
        if victim in ("daemon", "both"):
            if victim == "both":
                self.daemon.kill_launcher()
            self.daemon.kill_daemon()
            eventually(self.started, 20, 0.01)
            self.connect()
        elif victim == "stop":
            old = eventually(self.stop_pid, 10)
            os.kill(old, signal.SIGKILL)
            back = self.has_stop_since(old)
        elif victim == "launcher":
            old = self.daemon.kill_launcher()
            back = old and self.has_launcher_since(asked)
        else:
            old = eventually(lambda: self.guards(name, victim) or not self.exists(name), 10)
            if not isinstance(old, list):
                return ""  # What is on its way has ended that run.
            os.kill(self.chance.choice(old), signal.SIGKILL)
            back = eventually(lambda: len(set(self.guards(name, victim)) - set(old)) >= len(old) or not self.exists(name), 10, 0.002)
        self.pauses.append((victim, time.monotonic() - began))
        return "" if back else f"no new {victim}"
