"""What an agent may do with the socket for agents, and with those of others. For the cases of groups D and F."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
from typing import Any, Optional

from model import Result
from world import UID, World

# Asks each socket that it can name who it is; then says on its own that it is another run.
ASKS = """
import glob, json, os, socket, sys
own = os.environ.get("RINGFENCE_AGENT_SOCKET", "")
def call(path, body):
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.settimeout(20)
            s.connect(path)
            s.send(b'{"id":1,"hello":{"protocol":1}}')
            s.recv(65536)
            s.send(json.dumps({"id": 2, **body}).encode())
            return json.loads(s.recv(65536) or "{}")
    except (OSError, ValueError) as why:
        return {"error": {"code": str(why)}}
named = set(glob.glob("/proc/*/root/run/ringfence/agent.sock") + glob.glob("/run/ringfence/*.sock") + sys.argv[1:])
for path in sorted(named | ({own} if own else set())):
    print("reached", call(path, {"whoami": {}}).get("whoami", {}).get("run", ""))
if own:
    print("counted", call(own, {"report_usage": {"id": "escape", "model": "m", "input_tokens": 5}}).get("totals", {}).get("input_tokens"))
"""

# Each verb of the control socket, as a request of a person about another run, over the agent's own socket.
VERBS: dict[str, dict[str, Any]] = {
    "list": {}, "show": {"run": "RUN"}, "log": {"run": "RUN"}, "freeze": {"run": "RUN"}, "resume": {"run": "RUN"}, "pending": {},
    "answer": {"id": 1, "verdict": "VERDICT_ALLOW", "scope": "SCOPE_ONCE"}, "grants": {}, "usage": {}, "doctor": {},
    "trust": {"file": "/tmp/x", "hash": "x"}, "rearm": {}, "stop": {"run": "RUN"}, "kill": {"run": "RUN"},
}
# Two of them mean something of their own there: what belongs to another run is no field of it.
SAYS = """
import json, os, socket, sys
for verb, body in json.loads(sys.argv[1]).items():
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        s.settimeout(20)
        s.connect(sys.argv[2] if len(sys.argv) > 2 else os.environ["RINGFENCE_AGENT_SOCKET"])
        s.send(b'{"id":1,"hello":{"protocol":1}}')
        s.recv(65536)
        s.send(json.dumps({"id": 2, verb: body}).encode())
        answer = json.loads(s.recv(65536) or "{}")
        error = answer.get("error", {})
        strange = error.get("message", "").startswith("the JSON is no request")
        print(verb, "no-request" if strange else "refused" if error else "answered", error.get("code", ""))
"""


class OtherAgent:
    """Answers as the socket of another run would, where an agent without a fence can connect."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.bind(path)
        os.chown(path, UID, UID)
        self._socket.listen(16)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._socket.accept()
            except OSError:
                return
            with peer:
                while packet := peer.recv(65536):
                    verb = next(name for name in json.loads(packet) if name != "id")
                    peer.send(json.dumps({"id": "1", verb: {"protocol": 1, "run": "r-of-another"}}).encode())

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def python(script: str, *words: str) -> list[str]:
    return ["/usr/bin/python3", "-B", "-c", script, *words]


def as_user(w: World, command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=w.workspace, user=UID, group=UID, extra_groups=[], capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL, env={"PATH": "/usr/bin:/bin"}, **options)


def tokens(side: Any, w: World, run: str) -> Optional[int]:
    shown = side.client_call(w, "show", run, "--json")
    assert shown.returncode == 0, shown.stderr
    found: Optional[int] = json.loads(shown.stdout)["usage"]["tokens"]
    return found


def of_another(w: World, side: Any) -> list[Result]:
    """The socket of another agent: by its path in the host's folders, through /proc, and by a false name for one's own run."""
    path = w.other / "agent.sock"
    other = OtherAgent(str(path))
    try:
        if not side.fenced:
            ran = as_user(w, python(ASKS, str(path)))
            return [Result("sdk-socket", "reached r-of-another" in ran.stdout, ran.stdout[:200] + ran.stderr[-200:]),
                    Result("sdk-own-run", None, "", "none", "no run is there to count for")]
        aim = side.run(w, "stubborn", workspace=w.other, client_options=["-d"])
        assert aim.returncode == 0, f"the run to aim at did not start: {aim.stderr}"
        run = aim.stdout.strip()
        ran = side.run_fenced(python(ASKS, str(path)), w, env={"RINGFENCE_RUN": run})
        named = {line.split()[1] for line in ran.stdout.splitlines() if line.startswith("reached ") and len(line.split()) == 2}
        counted = "counted 5" in ran.stdout
        result = [Result("sdk-socket", run in named or "r-of-another" in named if len(named) == 1 else None, f"{named} {ran.stderr[-200:]}"),
                  Result("sdk-own-run", tokens(side, w, run) is not None if counted else None, ran.stdout[-200:])]
        side.client_call(w, "kill", run)
        return result
    finally:
        other.close()
        path.unlink()


def other_verbs(w: World, side: Any) -> list[Result]:
    """What only people may ask, over the agent's socket. The same packets of the person over the control socket are answered."""
    if not side.fenced:
        return [Result(f"sdk-{verb}", None, "", "none", "the daemon is started for the fenced side") for verb in VERBS]
    aim = side.run(w, "stubborn", workspace=w.other, client_options=["-d"])
    assert aim.returncode == 0, f"the run to aim at did not start: {aim.stderr}"
    run = aim.stdout.strip()
    bodies = json.dumps(VERBS).replace("RUN", run)
    inside = side.run_fenced(python(SAYS, bodies), w)
    state = json.loads(side.client_call(w, "show", run, "--json").stdout)["state"]
    # `answer` names no question, `trust` no file: whoever may ask is told that, and not that there is no such request.
    outside = as_user(w, python(SAYS, bodies, str(side.daemon.run_dir / "control.sock")))
    heard = {line.split()[0]: line for line in outside.stdout.splitlines()}
    said = {line.split()[0]: line for line in inside.stdout.splitlines()}
    results = []
    for verb in VERBS:
        known = verb in heard and " no-request" not in heard[verb]
        refused = said.get(verb, "") == f"{verb} no-request invalid"
        note = f"{said.get(verb)}; outside {heard.get(verb)}; {state} {inside.stderr[-100:]}"
        results.append(Result(f"sdk-{verb}", not refused or state != "running" if known and verb in said else None, note))
    side.client_call(w, "kill", run)
    return results


LISTS = "for fd in /proc/self/fd/*; do readlink $fd; done"


def descriptors(w: World, side: Any) -> Result:
    """Of the listening end nothing is left in the agent. A program that inherits one shows it."""
    command = ["/bin/sh", "-c", LISTS]
    if side.fenced:
        ran = side.run_fenced(command, w)
    else:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
            listening.bind(str(w.other / "inherited.sock"))
            listening.listen(1)
            ran = as_user(w, command, pass_fds=[listening.fileno()])
        (w.other / "inherited.sock").unlink()
    found = [line for line in ran.stdout.splitlines() if line.startswith("socket:")]
    return Result("sdk-listener", bool(found) if ran.stdout else None, f"{found} {ran.stderr[-100:]}")
