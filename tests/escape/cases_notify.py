"""Group E: attempts against the mediator, by exchanging what it judges, by making it fail, and by wearing it out.

The folder ~/asked may be changed only after asking, and nobody is there to answer: whatever appears in it slipped through.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any, Optional

import agent_sockets
from model import Result, script, snapshot
from patience import processor_seconds
from world import SLOWER, UID, World, command_line, processes_of

# How often each exchange is tried; the long run has its own number, and takes as long as it takes.
ROUNDS = int(os.environ.get("RINGFENCE_RACES", "500"))
PATIENCE = max(240.0, ROUNDS * 0.2)
NO_MEDIATOR = "without a fence there is no mediator to wear out"
POLICY = "escape-asked"


def mediated(side: Any) -> dict[str, Any]:
    """Options of a probe that runs with nobody there to answer."""
    options = {"policy": POLICY, "client_options": ("--unattended",)} if side.fenced else {}
    return {**options, "timeout": PATIENCE}


def asked(w: World) -> Path:
    return w.make_directory(w.home / "asked")


def exchanged(w: World, side: Any, primitive: str, operation: str) -> Result:
    """The same call on an innocent name and on one that nobody allowed, exchanged while it is judged."""
    folder = asked(w)
    made = operation in ("create", "openat2", "mkdir", "symlink", "rename")
    # As long as each other, so that an exchange in the middle gives a third name and not a shorter one.
    forbidden = folder / f"{primitive}-{operation}"
    innocent = w.workspace / "innocent"
    if not made:
        w.file(forbidden, "untouched")
    before = snapshot(forbidden)
    # On a busy machine a control may lose all rounds of one go.
    for _ in range(1 if side.fenced else 10):
        if operation not in ("mkdir", "symlink"):
            w.file(innocent, "innocent")
        ran = side.run(w, primitive, operation, str(innocent), str(forbidden), str(ROUNDS), **mediated(side))
        done = snapshot(forbidden) != before
        if done or "rounds" not in ran.stdout:
            break
    if "rounds" not in ran.stdout:
        return Result(f"{primitive}-{operation}", None, f"{ran.stdout[-200:]} {ran.stderr[-200:]}")
    return Result(f"{primitive}-{operation}", done, ran.stdout.strip()[-60:])


@script("NT-01")
def path_exchanged(w: World, side: Any) -> list[Result]:
    results = [
        exchanged(w, side, "race-path", operation)
        for operation in ("open", "create", "mkdir", "truncate", "chmod", "unlink", "rename", "symlink")
    ]
    return [*results, link_exchanged(w, side), *folder_moved(w, side), given_opened_again(w, side)]


def as_agent(w: World, side: Any, command: list[str], policy: str, **options: Any) -> str:
    """What a shell's command wrote, as the agent with nobody there to answer, or as the account."""
    if side.fenced:
        return side.run_fenced(command, w, policy=policy, client_options=("--unattended",), **options).stdout
    return subprocess.run(
        command,
        cwd=w.workspace,
        user=UID,
        group=UID,
        extra_groups=[],
        capture_output=True,
        text=True,
        errors="replace",
        **options,
    ).stdout


def folder_moved(w: World, side: Any) -> list[Result]:
    """The folder above what is asked about goes elsewhere, where no rule speaks of what is in it, and back."""
    goal = w.file(w.home / "above/asked/goal")
    token, before = w.tokens[str(goal)], snapshot(goal)
    above, moved = w.home / "above", w.home / "moved"
    way = f"mv {above} {moved}; cat {moved}/asked/goal; echo escaped > {moved}/asked/goal; mv {moved} {above}"
    as_agent(w, side, ["/bin/sh", "-c", way], "escape-above")
    results = [Result("moved-write", snapshot(goal) != before, "the file outside")]
    w.file(goal, token)
    output = as_agent(w, side, ["/bin/sh", "-c", way], "escape-above-reads")
    return [*results, Result("moved-read", token in output, output[-100:])]


def given_opened_again(w: World, side: Any) -> Result:
    """A file of outside is the standard input, open for reading; its name outside is one of the home inside."""
    given = w.file(w.hidden / "given")
    before = snapshot(given)
    with given.open(encoding="utf-8") as file:
        as_agent(w, side, ["/bin/sh", "-c", "echo escaped > /proc/self/fd/0"], POLICY, stdin=file)
    return Result("given", snapshot(given) != before, "the file outside")


def link_exchanged(w: World, side: Any) -> Result:
    """The directory behind a symbolic link is exchanged on disk."""
    folder, inner = asked(w), w.make_directory(w.workspace / "inner")
    ran = side.run(
        w, "race-link", str(w.workspace / "link"), str(inner), str(folder), "behind", str(ROUNDS), **mediated(side)
    )
    done = None if "rounds" not in ran.stdout else (folder / "behind").exists()
    return Result("race-link", done, ran.stdout.strip()[-60:])


@script("NT-03")
def structures_exchanged(w: World, side: Any) -> list[Result]:
    """The path that an open_how goes with, a program's arguments, and which program it is."""
    results = [exchanged(w, side, "race-path", "openat2")]
    forbidden, innocent = w.home / "touched-forbidden", w.workspace / "touched-innocent"
    if side.fenced:
        # A rule forbids `touch` with exactly this argument; inside, the name is one of the workspace.
        forbidden = w.workspace / "forbidden-argument"
    ran = side.run(w, "race-argument", "/usr/bin/touch", str(innocent), str(forbidden), str(ROUNDS), **mediated(side))
    done = forbidden.exists() if re.search(r"\d+ of \d+ ran", ran.stdout) else None
    results.append(Result("race-argument", done, ran.stdout.strip()[-60:]))
    forbidden.unlink(missing_ok=True)
    # With the forbidden argument, and a program that no rule is about: the program's name is exchanged.
    ran = side.run(
        w, "race-program", "/usr/bin/false", "/usr/bin/touch", str(forbidden), str(ROUNDS), **mediated(side)
    )
    done = forbidden.exists() if "rounds" in ran.stdout else None
    return [*results, Result("race-program", done, ran.stdout.strip()[-60:])]


@script("NT-05")
def page_taken_away(w: World, side: Any) -> list[Result]:
    return [exchanged(w, side, "race-page", operation) for operation in ("create", "openat2", "rename")]


@script("NT-06")
def no_descriptor_left(w: World, side: Any) -> list[Result]:
    """Of who asks, at whatever moment; of the warden, and of the daemon. Outside the same program has one to spare."""
    goal = asked(w) / "without-descriptors"
    results = []
    for limit in ("8", "4"):
        side.run(w, "open-without-descriptors", str(goal), limit, "0" if side.fenced else "1", **mediated(side))
        results.append(Result(f"limit-{limit}", goal.exists(), "the file outside"))
        goal.unlink(missing_ok=True)
    results += [exchanged(w, side, "race-starved", operation) for operation in ("open", "create", "openat2")]
    return [*results, *(judged_without_descriptors(w, side, who) for who in ("ringfence-warden", "ringfenced"))]


def judged_without_descriptors(w: World, side: Any, who: str) -> Result:
    """Whoever judges a call can open nothing while it does: what it cannot look at it must not let pass."""
    goal, go = asked(w) / f"judged-without-{who}", w.workspace / "go"
    os.mkfifo(go)
    os.chown(go, UID, UID)
    # Nothing is opened or started between the word and the attempts, and what is tried is said where nothing is opened.
    shell = f"exec 3<>{go}; echo ready; read word <&3; echo escaped > {goal}; echo again > {goal}; echo tried"
    process = (
        side.start_fenced(["/bin/sh", "-c", shell], w, policy="escape-hasty")
        if side.fenced
        else subprocess.Popen(["/bin/sh", "-c", shell], user=UID, group=UID, extra_groups=[], stdout=subprocess.PIPE, text=True)
    )
    assert process.stdout is not None
    said = process.stdout.readline()
    victims = guards_of(side, who)
    limits = {pid: Path(f"/proc/{pid}/limits").read_text() for pid in victims}
    before = {pid: int(re.findall(r"Max open files +(\d+)", text)[0]) for pid, text in limits.items()}
    starved = [pid for pid in victims if limit_descriptors(pid, 3)]
    try:
        with open(go, "w", encoding="utf-8") as word:
            word.write("go\n")
        said += process.communicate(timeout=60 * SLOWER)[0]
    finally:
        for pid, limit in before.items():
            limit_descriptors(pid, limit)
    made = goal.exists()
    for path in (goal, go):
        path.unlink(missing_ok=True)
    tried = "tried" in said and (bool(starved) or not side.fenced)
    return Result(f"starved-{who}", made if tried else None, f"{len(starved)} starved; {said[-200:]}")


def limit_descriptors(pid: int, most: int) -> bool:
    """As whom the process is: root may lack the capability to limit others."""
    uid = os.stat(f"/proc/{pid}").st_uid if os.path.exists(f"/proc/{pid}") else UID
    command = ["prlimit", f"--pid={pid}", f"--nofile={most}:"]
    return subprocess.run(command, user=uid, group=uid, extra_groups=[], capture_output=True, check=False).returncode == 0


def guards_of(side: Any, who: str) -> list[int]:
    if not side.fenced:
        return []
    if who == "ringfenced":
        return [side.daemon.process.pid]
    return [pid for pid in processes_of(UID) if command_line(pid).partition(" ")[0].endswith(who)]


@script("NT-07")
def decision_path_dead(w: World, side: Any) -> list[Result]:
    """Nobody there, nobody in time, and more questions at once than anybody answers."""
    folder = asked(w)
    goals = {name: w.file(folder / name, "untouched") for name in ("unattended", "expired", "flood")}
    before = {name: snapshot(goal) for name, goal in goals.items()}
    if side.fenced:
        side.run(w, "write", str(goals["unattended"]), **mediated(side))
        side.run(w, "write", str(goals["expired"]), policy="escape-hasty", timeout=120)
        side.run(w, "open-flood", str(goals["flood"]), "3", "40", policy="escape-hasty", timeout=120)
    else:
        for goal in goals.values():
            side.run(w, "write", str(goal))
    return [Result(name, snapshot(goal) != before[name], "the file outside") for name, goal in goals.items()]


@script("NT-10")
def flooded(w: World, side: Any) -> list[Result]:
    """Sixty-four threads that open without pause: every open is served, and other people's requests too. What a warden works
    is its run's own, and the daemon has next to nothing to do with it."""
    if not side.fenced:
        return [Result("flood", None, NO_MEDIATOR, "none", NO_MEDIATOR)]
    path, count = w.file(w.workspace / "flooded", ""), max(ROUNDS // 5, 20)
    began, daemon = time.monotonic(), processor_seconds(side.daemon.process.pid)
    process = side.start(w, "open-flood", str(path), str(count), "64", policy=POLICY)
    slowest, worked = 0.0, 0.0
    while process.poll() is None:
        asked_at = time.monotonic()
        answered = side.client_call(w, "ps").returncode == 0
        slowest = max(slowest, time.monotonic() - asked_at) if answered else 99.0
        worked = max([worked, *(processor_seconds(pid) for pid in guards_of(side, "ringfence-warden"))])
    took = time.monotonic() - began
    daemon = processor_seconds(side.daemon.process.pid) - daemon
    served = path.stat().st_size == count * 64 * len("escaped")
    said = process.communicate()[0]
    # The policy grants the run one and a half processors, its warden among them.
    shares = f"of {took:.2f} s the daemon had {daemon:.2f}, the warden {worked:.2f} or a little more"
    return [
        Result("lost", not served, f"{path.stat().st_size} bytes of {count * 64 * 7}; {said[-200:]}"),
        Result("others", slowest > 5 * SLOWER, f"ps took {slowest:.2f} s at most"),
        Result("daemon-share", daemon > 0.5 * took, shares),
        Result("warden-share", worked > 1.6 * took if worked > 0 else None, shares),
    ]


@script("NT-11")
def killed_in_the_middle(w: World, side: Any) -> list[Result]:
    if not side.fenced:
        return [Result("killed", None, NO_MEDIATOR, "none", NO_MEDIATOR)]
    path = w.file(w.workspace / "killed", "")
    ran = side.run(w, "killed-inside", str(path), str(ROUNDS), **mediated(side))
    return [Result("killed", "effect=yes" not in ran.stdout, ran.stdout.strip()[-80:])]


@script("NT-12")
def under_a_storm_of_signals(w: World, side: Any) -> list[Result]:
    if not side.fenced:
        return [Result("storm", None, NO_MEDIATOR, "none", NO_MEDIATOR)]
    results = []
    for restart in ("restart", "interrupt"):
        folder = w.make_directory(w.workspace / f"storm-{restart}")
        ran = side.run(w, "storm", str(folder), str(ROUNDS), restart, **mediated(side))
        results.append(Result(f"twice-{restart}", "wrong=0" not in ran.stdout, ran.stdout.strip()[-80:]))
    loops = 100 if SLOWER == 1 else 20
    loop = f"for i in $(seq {loops}); do echo line | cat | cat; done | wc -l"
    ran = side.run_fenced(["/bin/sh", "-c", loop], w, policy=POLICY, timeout=120)
    return [*results, Result("pipelines", ran.stdout.strip() != str(loops), ran.stdout.strip())]


class Asking:
    """A fenced write that waits for an answer."""

    def __init__(self, w: World, side: Any, goal: Path) -> None:
        self.w, self.side = w, side
        self.process = side.start(w, "write", str(goal), policy=POLICY, stdout=subprocess.DEVNULL)

    def pending(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.side.client_call(self.w, "pending", "--json").stdout.splitlines()]

    def question(self) -> Optional[dict[str, Any]]:
        deadline = time.monotonic() + 20 * SLOWER
        while time.monotonic() < deadline:
            if found := self.pending():
                return found[0]
            time.sleep(0.02)
        return None

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()


@script("NT-13")
def frozen_while_asked(w: World, side: Any) -> list[Result]:
    """The same question is there after each freeze, once, and nothing happens meanwhile."""
    if not side.fenced:
        return [Result("frozen", None, NO_MEDIATOR, "none", NO_MEDIATOR)]
    goal = w.file(asked(w) / "frozen", "untouched")
    before = snapshot(goal)
    asking = Asking(w, side, goal)
    try:
        first = asking.question()
        if first is None:
            return [Result("frozen", None, "nobody asked")]
        seen = set()
        for _ in range(20 if SLOWER == 1 else 5):
            side.client_call(w, "freeze", first["run"])
            seen |= {one["id"] for one in asking.pending()}
            side.client_call(w, "resume", first["run"])
            seen |= {one["id"] for one in asking.pending()}
        return [Result("frozen", seen != {first["id"]} or snapshot(goal) != before, f"questions {sorted(seen)}")]
    finally:
        asking.end()


@script("NT-14")
def descriptors_of_ours(w: World, side: Any) -> list[Result]:
    """By number: what a mediated agent has open is its input, output and errors, and pid 1 shows nothing. Who begins with one
    more has one more."""
    command = ["/bin/sh", "-c", "ls /proc/$$/fd; echo of-one; ls /proc/1/fd 2>/dev/null; true"]
    if side.fenced:
        said = side.run_fenced(command, w, policy=POLICY).stdout
    else:
        with open("/dev/null", "rb") as more:
            descriptors: dict[str, Any] = {"stdin": subprocess.DEVNULL, "pass_fds": [more.fileno()]}
            said = as_agent(w, side, command, POLICY, **descriptors)
    own, _, of_one = said.partition("of-one")
    effect = own.split() != ["0", "1", "2"] or (side.fenced and bool(of_one.split())) if own else None
    return [Result("descriptors", effect, said), agent_sockets.descriptors(w, side)]


@script("NT-15")
def handed_over(w: World, side: Any) -> list[Result]:
    """A launch with each kind of mediation is no slower than a second, whatever its filter hears of."""
    if not side.fenced:
        return [Result("launch", None, NO_MEDIATOR, "none", NO_MEDIATOR)]
    results = []
    for policy in (POLICY, "escape-hasty", "escape-reads"):
        asked(w)
        took = []
        for _ in range(3 if SLOWER == 1 else 1):
            began = time.monotonic()
            ran = side.run_fenced(["/bin/true"], w, policy=policy)
            took.append(time.monotonic() - began)
            if ran.returncode != 0:
                return [Result(policy, None, ran.stderr[-200:])]
        results.append(Result(policy, min(took) > SLOWER, f"{min(took):.2f} s"))
    return results


@script("PR-14")
def disguised(w: World, side: Any) -> list[Result]:
    """A program that a rule forbids with this argument, under another name and through others that start it."""
    forbidden = w.workspace / "forbidden-argument"
    loader = next(str(path) for path in Path("/lib64").glob("ld-linux*"))
    ways = {
        "name": f"exec -a git /usr/bin/touch {forbidden}",
        "link": f"ln -sf /usr/bin/touch harmless && ./harmless {forbidden}",
        "env": f"env -i A=b /usr/bin/touch {forbidden}",
        "loader": f"{loader} /usr/bin/touch {forbidden}",
        "busybox": f"busybox touch {forbidden}",
        "relative": f"cd / && usr/bin/../bin/touch {forbidden}",
    }
    results = []
    for name, script_text in ways.items():
        command = ["/bin/bash", "-c", script_text]
        if side.fenced:
            side.run_fenced(command, w, policy=POLICY, client_options=("--unattended",))
        else:
            subprocess.run(command, cwd=w.workspace, user=UID, group=UID, extra_groups=[], capture_output=True)
        results.append(Result(name, forbidden.exists(), "the file outside"))
        forbidden.unlink(missing_ok=True)
    return results


@script("RES-08")
def questions_without_end(w: World, side: Any) -> list[Result]:
    """Two hundred questions at once: no more than ten wait for a person."""
    if not side.fenced:
        return [Result("open", None, NO_MEDIATOR, "none", NO_MEDIATOR)]
    folder = asked(w)
    script_text = f"for i in $(seq 150); do (: > {folder}/f$i) & done; wait"
    process = side.start_fenced(["/bin/sh", "-c", script_text], w, policy=POLICY)
    most, deadline, grew = 0, time.monotonic() + 20 * SLOWER, 0.0
    while time.monotonic() < min(deadline, (grew or deadline) + 1.5 * SLOWER):  # until no more come
        listed = side.client_call(w, "pending", "--json").stdout.splitlines()
        if len(listed) > most:
            most, grew = len(listed), time.monotonic()
    for run in {json.loads(line)["run"] for line in listed}:
        side.client_call(w, "kill", run)
    said = process.communicate(timeout=30 * SLOWER)[0]
    made = len(list(folder.iterdir()))
    return [Result("open", most > 10 or made > 0, f"{most} open at once, {made} made"), Result("some", None if most == 0 else False, said[-200:])]
