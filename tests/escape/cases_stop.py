"""Group M: stopping, and what an agent can do about it. The ids that need no approval."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any, Callable

from model import Result, script
from world import OTHER_UID, SLOWER, UID, World, command_line, processes_of


def eventually(holds: Callable[[], Any], seconds: float = 10.0) -> Any:
    deadline = time.monotonic() + seconds * SLOWER
    while True:
        value = holds()
        if value or time.monotonic() > deadline:
            return value
        time.sleep(0.01)


def named(pattern: str) -> list[int]:
    return [
        pid for pid in processes_of(UID) if pattern in command_line(pid) and "ringfence run" not in command_line(pid)
    ]


def run_id(side: Any) -> str:
    """The one run that is not over."""
    rows = eventually(lambda: [row for row in side.daemon.json_runs() if row["state"] == "running"])
    return rows[0]["id"] if rows else ""


@script("ES-01")
def stop_a_bomb(w: World, side: Any) -> list[Result]:
    """A fork bomb at its limit: one kill ends every process of it. Outside, ending the first process leaves the others;
    the control's bomb lives in a control group of its own with room for 64."""
    if side.fenced:
        client = side.start(w, "fork_bomb", str(30 * SLOWER))
        grown = eventually(lambda: len(named("fork_bomb")) > 50)
        began = time.monotonic()
        answer = side.client_call(w, "kill", run_id(side))
        dead = eventually(lambda: not named("fork_bomb"), 5)
        took = time.monotonic() - began
        client.wait(20 * SLOWER)
        return [
            Result(
                "bomb",
                not dead or not grown,
                f"dead after {took:.2f} s, status {answer.returncode} {answer.stderr[-200:]}",
            )
        ]
    group = pids_group()
    enter = (
        f"echo $$ > {group}/cgroup.procs; exec setpriv --reuid {UID} --regid {UID} --clear-groups {w.probe} fork_bomb {6 * SLOWER}"
    )
    first = subprocess.Popen(["sh", "-c", enter], stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    grown = eventually(lambda: len(named("fork_bomb")) > 40)
    first.kill()
    first.wait()
    time.sleep(0.3)
    left = len(named("fork_bomb"))
    eventually(lambda: not kill_all_named("fork_bomb"), 20)
    eventually(lambda: remove(group), 5)
    return [Result("bomb", bool(grown) and left > 10, f"{left} left after the first was killed")]


def pids_group() -> Path:
    for root in (Path("/sys/fs/cgroup/pids"), Path("/sys/fs/cgroup")):
        if (root / "cgroup.procs").exists():
            group = root / f"rf-escape-control-{os.getpid()}"
            group.mkdir()
            (group / "pids.max").write_text("64")
            return group
    raise OSError("no pids controller")


def remove(group: Path) -> bool:
    try:
        group.rmdir()
    except OSError:
        return False
    return True


def kill_all_named(pattern: str) -> bool:
    """Kills what there is; true while something was there."""
    pids = named(pattern)
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return bool(pids)


@script("ES-02")
def stop_in_odd_states(w: World, side: Any) -> list[Result]:
    """Frozen and stopped processes are ended like any other."""
    results = []
    for state in ("frozen", "stopped"):
        if not side.fenced:
            process = w.start_as_user("stubborn")
            assert process.stdout is not None
            process.stdout.readline()
            process.send_signal(signal.SIGSTOP)
            process.terminate()
            time.sleep(0.2)
            results.append(Result(state, process.poll() is None, "a polite signal ends no stopped process"))
            while kill_all_named("stubborn"):
                time.sleep(0.02)
            process.wait()
            continue
        client = side.start(w, "stubborn")
        eventually(lambda: len(named("stubborn")) >= 2)
        run = run_id(side)
        if state == "frozen":
            side.client_call(w, "freeze", run)
        else:
            for pid in named("stubborn"):
                os.kill(pid, signal.SIGSTOP)
        answer = side.client_call(w, "kill", run)
        dead = eventually(lambda: not named("stubborn"), 5)
        kill_all_named("stubborn")

        def is_over() -> bool:
            client.send_signal(signal.SIGCONT)  # a run that stops, stops its client, which may hear of it late
            return client.poll() is not None

        eventually(is_over, 20)
        client.wait(0)
        results.append(Result(state, not dead, f"status {answer.returncode} {answer.stderr[-200:]}"))
    return results


@script("ES-03")
def deaf_agents(w: World, side: Any) -> list[Result]:
    """An agent that ignores every signal, with a child that does the same, and the polite verb."""
    if not side.fenced:
        process = w.start_as_user("stubborn")
        assert process.stdout is not None
        process.stdout.readline()
        eventually(lambda: len(named("stubborn")) >= 2)
        process.terminate()
        time.sleep(0.2)
        alive = len(named("stubborn")) >= 2
        while kill_all_named("stubborn"):
            time.sleep(0.02)
        process.wait()
        return [Result("stop", alive), Result("client-gone", None, "", "none", "there is no client")]
    # Both have the same grace, and have it at once.
    client = side.start(w, "stubborn", "told")
    eventually(lambda: len(named("stubborn told")) >= 2)
    told = run_id(side)
    gone = side.start(w, "stubborn", "left")
    eventually(lambda: len(named("stubborn left")) >= 2)
    begun = len(named("stubborn told")), len(named("stubborn left"))
    gone.kill()
    gone.wait()
    answer = side.client_call(w, "stop", told)
    dead = {which: eventually(lambda name=f"stubborn {which}": not named(name), 20) for which in ("told", "left")}
    kill_all_named("stubborn")
    client.wait(20)
    return [
        Result("stop", not dead["told"] if min(begun) >= 2 else None, f"{begun} {answer.returncode} {answer.stderr[-200:]}"),
        Result("client-gone", not dead["left"], "the client was killed, its run must end", "none"),
    ]


@script("ES-04")
def agent_against_daemon(w: World, side: Any) -> list[Result]:
    """Signals to the daemon and the launcher by their numbers outside. The control aims at a process of its own account."""
    targets = (
        {"daemon": side.daemon.process.pid, "launcher": side.daemon.launcher_pid()}
        if side.fenced
        else {"daemon": w.victim()[0]}
    )
    results = []
    for name, pid in targets.items():
        for number in (signal.SIGSTOP, signal.SIGKILL):
            side.run(w, "kill", str(pid), str(int(number)))
        time.sleep(0.1)
        if side.fenced:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            hurt = state in "TZX" or side.daemon.cli("ps").returncode != 0
            results.append(Result(name, hurt, f"state {state}", "user" if name == "daemon" else "none"))
        else:
            results.append(Result(name, not w.is_alive(pid)))
    if not side.fenced:
        results.append(Result("launcher", None, "", "none", "as the daemon"))
    return results


@script("ES-05")
def daemon_dies(w: World, side: Any) -> list[Result]:
    """With the daemon killed the walls stand, and the next daemon has the run back."""
    secret = w.file(w.hidden / "while-away")
    token = w.tokens[str(secret)]
    if not side.fenced:
        return [
            Result("walls", token in side.run(w, "read", str(secret)).stdout),
            Result("adopted", None, "", "none", "outside there is nothing to adopt"),
        ]
    shell = f"while ! [ -e go ]; do sleep 0.05; done; cat {secret}; echo {token[:6]}done; sleep 30"
    with open(w.hidden / "output", "wb") as output:
        client = subprocess.Popen(
            side.command(["/bin/sh", "-c", shell], w.workspace, "escape", ()),
            cwd=w.workspace,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=side.environment(w, None),
            user=UID,
            group=UID,
            extra_groups=[],
        )
        run = run_id(side)
        side.daemon.kill_daemon()
        (w.workspace / "go").touch()
        eventually(lambda: b"done" in (w.hidden / "output").read_bytes(), 10)
        text = (w.hidden / "output").read_text(errors="replace")
        side.daemon.start()
        states = eventually(lambda: [row["state"] for row in side.daemon.json_runs() if row["id"] == run])
        results = [
            Result("walls", token in text or "done" not in text, text[-200:]),
            Result("adopted", states != ["running"], f"{states}", "none"),
        ]
        side.daemon.cli("kill", run)
        try:
            client.wait(10)
        except subprocess.TimeoutExpired:
            client.kill()
            client.wait()
    return results


@script("ES-07")
def wrong_user(w: World, side: Any) -> list[Result]:
    """Another user's freeze, stop and kill of a run by name, and the end of it by their emergency stop; the socket of that
    from inside. The controls are the owner's own kills."""
    listener = w.listener("/run/ringfence/stop.sock")
    reached = side.run(w, "connect_unix", "/run/ringfence/stop.sock").stdout
    by_name = Result("stop-socket", listener.accepted > 0, reached[:200])
    if not side.fenced:
        pid, _ = w.victim()
        subprocess.run(["kill", "-KILL", str(pid)], user=UID, group=UID, extra_groups=[], check=False)
        return [
            Result("kill", bool(eventually(lambda: not w.is_alive(pid), 5))),
            Result("seen", None, "", "none", "processes are visible outside"),
            Result("estop", None, "", "none", "there is no emergency stop outside"),
            Result("real-stop-socket", None, "", "none", "the daemon is started for the fenced side"),
            by_name,
        ]
    client = side.start(w, "stubborn")
    eventually(lambda: len(named("stubborn")) >= 2)
    run = run_id(side)
    answers = [side.client_call(w, verb, run, uid=OTHER_UID).returncode for verb in ("freeze", "stop", "kill")]
    side.client_call(w, "kill", "--all", uid=OTHER_UID)
    listed = side.client_call(w, "ps", "-a", "--json", uid=OTHER_UID).stdout
    states = [row["state"] for row in side.daemon.json_runs() if row["id"] == run]
    results = [
        Result("kill", states != ["running"] or 0 in answers or len(named("stubborn")) < 2, f"{answers} {states}"),
        Result("seen", run in listed or not run, listed[-200:], "none"),
        by_name,
    ]
    inside = side.run(w, "connect_unix", str(side.daemon.run_dir / "stop.sock")).stdout
    results.append(Result("real-stop-socket", "effect=yes" in inside, inside[:200], "none"))
    stopped = side.client_call(w, "estop", "--kill", uid=OTHER_UID)
    results.append(
        Result("estop", len(named("stubborn")) < 2 or stopped.returncode == 0, f"{stopped.stdout} {stopped.stderr}", "none")
    )
    side.client_call(w, "estop", "--kill")
    owners = eventually(lambda: not named("stubborn"), 5)
    results.append(Result("owner", not owners, "the owner's own kill by it must work", "none"))
    kill_all_named("stubborn")
    client.wait(20)
    eventually(lambda: side.daemon.cli("rearm").returncode == 0)  # It had not heard of it before that.
    return results


@script("ES-09")
def thaw_often(w: World, side: Any) -> list[Result]:
    """A build that is frozen and thawed all the time ends right. Outside, a stopped build does not end."""
    source = w.file(w.workspace / "prog.py", "import hashlib\nprint(hashlib.sha256(b'x' * 20_000_000).hexdigest())\n")
    shell = f"for i in 1 2 3 4 5 6; do python3 {source.name} >part$i || exit 1; done; cmp part1 part6 && echo built"
    if not side.fenced:
        build = subprocess.Popen(
            ["/bin/sh", "-c", shell],
            cwd=w.workspace,
            user=UID,
            group=UID,
            extra_groups=[],
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        build.send_signal(signal.SIGSTOP)
        time.sleep(0.3)
        stuck = build.poll() is None
        build.send_signal(signal.SIGCONT)
        text = build.communicate(timeout=60)[0]
        return [Result("build", stuck and "built" in text, text)]
    client = subprocess.Popen(
        side.command(["/bin/sh", "-c", shell], w.workspace, "escape", ()),
        cwd=w.workspace,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        env=side.environment(w, None),
        user=UID,
        group=UID,
        extra_groups=[],
        text=True,
    )
    run, cycles = run_id(side), 0
    while client.poll() is None and cycles < 50:
        side.daemon.cli("freeze", run)
        side.daemon.cli("resume", run)
        cycles += 1
    text = client.communicate(timeout=60)[0]
    return [Result("build", client.returncode != 0 or "built" not in text, f"{cycles} times: {text[-200:]}")]
