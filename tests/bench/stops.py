"""What an emergency stop takes: stop_bench.cc over groups of its own, and the agents of a real daemon that is asleep, that
has its log locked, or its disk full."""
import contextlib
import json
import os
import pathlib
import random
import signal
import sqlite3
import subprocess
import tempfile
import time

from statistics_of_ratios import percentile, ratio
from tests.support.daemon import Daemon, eventually
from tests.support.small_disk import fill, small_disk
from tests.support.stop import Stop

LOADS = {"sleeping": "asleep", "spinning": "computing", "forking": "fork bombs at their limit of processes",
         "waiting": "half of them waiting for an answer", "asking": "a flood of handed-over calls",
         "populating": "each call of them long work of the kernel (4 MiB of memory at once)"}
POLICY = 'schema = 1\nname = "load"\nextends = ["offline"]\n[limits]\npids = 128\n[priority]\nclass = "{}"\n'
# Of runs of a daemon. No fork bombs: eight of them, thawed again and again, keep two processors from everything else for so
# long that the measurement does not end.
LOAD = {"sleeping": "pass", "spinning": "\nwhile True: pass"}


def milliseconds(values, share):
    return f"{percentile(values, share) / 1000:.1f}"


def spread(values):
    return f"median {milliseconds(values, 0.5)}, p90 {milliseconds(values, 0.9)}, p99 {milliseconds(values, 0.99)}, max {milliseconds(values, 1)} ms"


def rounds_of(build, rounds, agents, processes, load):
    done = subprocess.run([str(pathlib.Path(build) / "bin/stop_bench"), str(pathlib.Path(build) / "bin"), str(rounds), str(agents),
                           str(processes), load], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"stop_bench {load}: {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def rows_of(values, what):
    """Rows of one load: the writes, and all frozen or held, beside the kernel's own."""
    wrong = sum(not value["verified"] for value in values)
    took = [value["took_usec"] for value in values]
    raw = [value["raw_usec"] for value in values if value["raw_usec"] is not None]
    detail = f"{len(values)} stops, {values[0]['processes']} processes; {spread(took)}" + (f"; {wrong} not verified" if wrong else "")
    if raw:
        detail += f"; the kernel's own freeze: {spread(raw)}"
    yield f"stop, {what}: writes taken", "p99 ≤ 20 ms", f"{milliseconds([value['write_usec'] for value in values], 0.99)} ms", ""
    yield f"stop, {what}: all frozen or held", "p99 ≤ 100 ms", f"{milliseconds(took, 0.99)} ms", detail
    if raw:
        both = [value for value in values if value["raw_usec"] is not None]
        yield (f"stop, {what}, against the kernel's own freeze", "≤ 1.20" if "kernel" in what else "",
               ratio([value["took_usec"] for value in both], [value["raw_usec"] for value in both]), "ratio of medians, by turns")


def agents_of(daemon):
    """Processes in the groups of runs."""
    files = [pathlib.Path(folder, "cgroup.procs") for group in daemon.groups() for folder, _, _ in os.walk(group) if "/r-" in folder]
    return len({pid for file in files if file.exists() for pid in file.read_text().split()})


def resume(daemon):
    """Of the groups themselves: the daemon is asleep."""
    for group in daemon.groups():
        for knob in pathlib.Path(group).glob("r-*/cgroup.freeze"):
            knob.write_text("0")


@contextlib.contextmanager
def nothing_else(daemon):
    yield


def lock_beside(daemon, holder):
    """Takes the log's lock; a daemon that was stopped in the midst of writing goes on until it has written."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return holder.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
        os.kill(daemon.process.pid, signal.SIGCONT)
        time.sleep(0.02)
        os.kill(daemon.process.pid, signal.SIGSTOP)


@contextlib.contextmanager
def locked_log(daemon):
    """Another process than the daemon's has its log, and nobody else can write to it."""
    log = daemon.state_dir / "log.db"
    with contextlib.closing(sqlite3.connect(log, timeout=0.5, isolation_level=None)) as holder:
        lock_beside(daemon, holder)
        with contextlib.closing(sqlite3.connect(log, timeout=0, isolation_level=None)) as other:
            try:
                other.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                pass
            else:
                raise RuntimeError("the log is not locked")
        yield
        holder.execute("ROLLBACK")


@contextlib.contextmanager
def full_disk(daemon):
    filler = daemon.state_dir.parent / "filler"
    try:
        fill(filler)
        try:
            (daemon.state_dir / "one-more").write_text("x")
        except OSError:
            pass
        else:
            raise RuntimeError("the disk is not full")
        yield
    finally:
        filler.unlink()
        (daemon.state_dir / "one-more").unlink(missing_ok=True)


TROUBLES = {"stopped by a signal": nothing_else, "stopped by a signal, its log locked by another process": locked_log,
            "stopped by a signal, its disk full": full_disk}


def asleep(build, policies, quick, load, trouble):
    """Agents of a real daemon, which is stopped by a signal like its launcher, so that nobody but ringfence-stop acts."""
    agents, processes, rounds = (2, 10, 2) if quick else (8, 100, 200 if trouble is nothing_else else 100)
    # The first one is the command: it must outlive a limit of processes that its children reach before it has made all.
    # None begins before all are there: it would keep the others from coming.
    program = (f"import os, time\nfor _ in range({processes - 2}):\n try:\n  if os.fork() == 0: break\n except OSError: break\n"
               f"while not os.path.exists('begin'): time.sleep(0.1)\n{LOAD[load]}\ntime.sleep(99999)")
    made = []
    with tempfile.TemporaryDirectory(prefix="ringfence-bench-", dir="/var/tmp") as folder, small_disk(pathlib.Path(folder), 64) as disk:
        daemon = Daemon(build, policies=policies)
        daemon.state_dir = disk / "state"
        settings = daemon.base / "ringfence.toml"
        settings.write_text('dead_man_after = "off"\n')  # it is asleep for longer than a daemon may be
        daemon.options = ["--config", str(settings)]
        with daemon, Stop(daemon) as stop:
            policy = daemon.base / "load.toml"
            policy.write_text(POLICY.format("interactive" if quick else "background"))  # the latter starves on a busy machine
            workspace = daemon.base / "workspace"
            workspace.mkdir()
            for _ in range(agents):
                run = daemon.cli("run", "-d", "-p", str(policy), "-w", str(workspace), "--", "/usr/bin/python3", "-c", program, cwd=workspace)
                if run.returncode != 0:
                    raise RuntimeError(f"run -d: {run.stderr}")
            if not eventually(lambda: agents_of(daemon) >= agents * processes, 300):
                raise RuntimeError(f"only {agents_of(daemon)} processes came up")
            (workspace / "begin").write_text("")
            sleepers = [daemon.process.pid, daemon.launcher_pid()]
            for pid in sleepers:
                os.kill(pid, signal.SIGSTOP)
            try:
                with trouble(daemon):
                    made = stopped_again_and_again(daemon, stop, agents, rounds)
            finally:
                for pid in sleepers:
                    os.kill(pid, signal.SIGCONT)
    return made


def stopped_again_and_again(daemon, stop, agents, rounds):
    made, chance = [], random.Random(1)
    for _ in range(rounds):
        receipt = stop.ask("stop")
        if "latch_problem" in receipt:
            raise RuntimeError(f"not latched on the disk: {receipt['latch_problem']}")
        if receipt["runs"] != agents:
            raise RuntimeError(f"{receipt['runs']} of {agents} agents were there to be stopped")
        made.append({**receipt, "raw_usec": None})
        stop.ask("release")
        resume(daemon)
        time.sleep(0.02 + chance.random() * 0.06)
    stop.ask("kill")
    stop.ask("release")
    return made


def measured(build, policies, quick):
    rounds, agents, processes = (2, 2, 10) if quick else (200, 8, 100)
    for load, what in LOADS.items():
        yield from rows_of(rounds_of(build, rounds, agents, processes, load), f"{agents} agents of {processes} processes, {what}")
    for words, trouble in TROUBLES.items():
        for load in LOAD:
            yield from rows_of(asleep(build, policies, quick, load, trouble),
                               f"{agents} agents of {processes} processes of a daemon that is {words}, {LOADS[load]}")
    agents, processes = (2, 5) if quick else (50, 20)
    killed = rounds_of(build, 2 if quick else 200, agents, processes, "kill")
    took, raw = [value["took_usec"] for value in killed], [value["raw_usec"] for value in killed]
    yield (f"stop that kills, {agents} agents of {processes} processes, until all groups are empty", "p99 ≤ 250 ms",
           f"{milliseconds(took, 0.99)} ms", f"{len(killed)} kills; {spread(took)}; the kernel's own kill: {spread(raw)}")
