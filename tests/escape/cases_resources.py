"""Group H: using up the machine. Every attempt is bounded, so that its control does no harm."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from pathlib import Path
from typing import Any

from model import Result, Step, by_probe, script, steps
from patience import NOBODY_WAITS, Pings, processor_seconds, waited
from world import LIMIT_MEMORY_MIB, LIMIT_PIDS, UID, World, lasting_groups, processes_of


@script("RES-01")
def many_processes(w: World, side: Any) -> list[Result]:
    """Twice as many processes as are granted."""
    wanted = LIMIT_PIDS * 2
    if not side.fenced:
        output = side.run(w, "fork_many", str(wanted))
        return [Result("fork", "effect=yes" in output.stdout, output.stdout), NOBODY_WAITS]
    idle, pings = Pings(side.daemon).slowest(), Pings(side.daemon)
    output = side.run(w, "fork_many", str(wanted), "1000")
    return [Result("fork", "effect=yes" in output.stdout, output.stdout), waited(idle, pings.slowest())]


@script("RES-02")
def much_memory(w: World, side: Any) -> list[Result]:
    """Half as much again as is granted, in each kind of memory that a process can fill."""
    wanted = str(LIMIT_MEMORY_MIB * 3 // 2)
    results = []
    for kind, place in (("anon", ""), ("memfd", ""), ("file", "/tmp/rf-escape-fill")):
        output = side.run(w, "fill", kind, wanted, *([place] if place else []), timeout=100)
        results.append(Result(kind, "effect=yes" in output.stdout, f"status {output.returncode}: {output.stdout}"))
    results += [kept_by_the_kernel(w, side, kind) for kind in ("pipe", "socket", "name", "event")]
    if side.fenced:
        results.append(Result("daemon", side.daemon.cli("ps").returncode != 0, "", "none"))
    else:
        results.append(Result("daemon", None, "", "none", "is about the daemon"))
        Path("/tmp/rf-escape-fill").unlink(missing_ok=True)
    return results


def kept_by_the_kernel(w: World, side: Any, kind: str) -> Result:
    """What the kernel keeps for a process: some of it comes back when memory is short, so that a bound is not met. It is the
    run's all the same: the effect is memory that a run fills and that is not counted as its own."""
    filled = 48  # MiB: of pipes a user has no more than 64
    place = w.make_directory(w.workspace / f"kernel-{kind}")
    system = subprocess.run(["stat", "-f", "-c", "%T", str(place)], capture_output=True, text=True, check=False).stdout.strip()
    if kind == "name" and system in ("tmpfs", "ramfs"):
        return Result(f"kernel-{kind}", False, control="none", why=f"{system} keeps no names that are not there")
    verb = "fill" if kind == "pipe" else "fill_kernel"
    output = side.run(w, verb, kind, str(filled), str(place), timeout=200)
    done = "effect=yes" in output.stdout
    if not side.fenced:
        return Result(f"kernel-{kind}", done, output.stdout)
    run = json.loads(side.client_call(w, "ps", "-a", "--json").stdout.splitlines()[-1])["id"]
    usage = json.loads(side.client_call(w, "show", run, "--json").stdout)["usage"]
    peak = usage["memory_peak_bytes"] or 0
    return Result(f"kernel-{kind}", peak < filled << 19 if done else None, f"{peak >> 20} MiB counted; {output.stdout}")


@script("RES-03")
def much_time(w: World, side: Any) -> list[Result]:
    """Two processes that spin, with a tenth of a processor granted: twice that is an effect. Then as many as there are
    processors, of a run that may have all of them: the daemon answers others all the same."""
    options = {"policy": "escape-slow"} if side.fenced else {}
    span = 2000
    began = time.monotonic()
    output = side.run(w, "spin", "2", str(span), **options)
    took = (time.monotonic() - began) * 1000
    used = int(output.stdout.split("\t")[-1]) if "\t" in output.stdout else -1
    note = f"{used} ms in {took:.0f} ms {output.stderr[-200:]}"
    spun = Result("spin", used > 0.2 * took if used >= 0 else None, note)
    if not side.fenced:
        return [spun, NOBODY_WAITS]
    idle, pings = Pings(side.daemon).slowest(), Pings(side.daemon)
    side.run(w, "spin", str(2 * (os.cpu_count() or 1)), str(span))
    return [spun, waited(idle, pings.slowest())]


@steps("RES-03")
def priorities(w: World) -> list[Step]:
    return [
        Step("fifo", ("realtime", "1"), by_probe, control="root"),
        Step("round-robin", ("realtime", "2"), by_probe, control="root"),
        Step("nice-up", ("nice_up", "-10"), by_probe, control="root"),
    ]


@script("RES-04")
def much_disk(w: World, side: Any) -> list[Result]:
    """Names and space in what lives in memory, with holes that are made dense. Workspace and private home are on the
    person's own disk: filling it is granted and not limited here."""
    results = []
    for name, root in (("inodes", "/tmp"), ("shm-inodes", "/dev/shm")):
        if side.fenced:
            output = side.run(w, "inodes", root, "400000", timeout=100)
        else:
            place = w.make_directory(w.outside(Path(root, "rf-escape-inodes")))
            output = side.run(w, "inodes", str(place), "20000", timeout=100)
        results.append(Result(name, "effect=yes" in output.stdout, output.stdout))
    for name, root in (("tmp-dense", "/tmp"), ("shm-dense", "/dev/shm")):
        hole = w.outside(Path(root, "rf-escape-hole"))
        output = side.run(w, "densify", str(hole), str(LIMIT_MEMORY_MIB * 3 // 2), timeout=100)
        results.append(Result(name, "effect=yes" in output.stdout, f"status {output.returncode}: {output.stdout}"))
    if side.fenced:
        results.append(Result("daemon", side.daemon.cli("ps").returncode != 0, "", "none"))
    else:
        results.append(Result("daemon", None, "", "none", "is about the daemon"))
    return results


@script("RES-05")
def much_shared_memory(w: World, side: Any) -> list[Result]:
    output = side.run(w, "fill", "file", str(LIMIT_MEMORY_MIB * 3 // 2), "/dev/shm/rf-escape-fill", timeout=100)
    if not side.fenced:
        Path("/dev/shm/rf-escape-fill").unlink(missing_ok=True)
    return [Result("shm", "effect=yes" in output.stdout, f"status {output.returncode}: {output.stdout}")]


@script("RES-07")
def much_output(w: World, side: Any) -> list[Result]:
    """64 MiB on one line from a run that nobody watches: what is kept has a bound, and the daemon answers meanwhile."""
    if not side.fenced:
        target = w.hidden / "flood"
        with open(target, "wb") as file:
            side.run(w, "flood", "64", stdout=file, stderr=subprocess.DEVNULL, capture_output=False)
        return [
            Result("kept", target.stat().st_size > 32 << 20),
            Result("slow", None, "", "none", "is about the daemon"),
        ]
    before, memory = tree_size(side.daemon.base), resident(side.daemon)
    run = side.run(w, "flood", "64", client_options=["-d"]).stdout.strip()
    slowest = 0.0
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        began = time.monotonic()
        states = {row["id"]: row["state"] for row in side.daemon.json_runs()}
        slowest = max(slowest, time.monotonic() - began)
        if states.get(run) == "ended":
            break
    grown = tree_size(side.daemon.base) - before + max(0, resident(side.daemon) - memory)
    return [
        Result(
            "kept", grown > 32 << 20 or states.get(run) != "ended", f"{grown >> 20} MiB kept, state {states.get(run)}"
        ),
        Result("slow", slowest > 5, f"slowest answer {slowest:.2f} s", "none"),
    ]


def tree_size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def resident(daemon: Any) -> int:
    """Bytes of memory of the daemon and its launcher."""
    total = 0
    for pid in (daemon.process.pid, daemon.launcher_pid()):
        match = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()) if pid else None
        total += int(match.group(1)) * 1024 if match else 0
    return total


@script("RES-09")
def churn(w: World, side: Any) -> list[Result]:
    """Processes started and ended for two seconds: the daemon must hardly notice, and none may stay a zombie."""
    cpu = processor_seconds(side.daemon.process.pid) if side.fenced else 0.0
    began = time.monotonic()
    output = side.run(w, "churn", "2000")
    took = time.monotonic() - began
    count = int(output.stdout.split("\t")[-1]) if "\t" in output.stdout else 0
    if not side.fenced:
        return [
            Result("daemon", None, "", "none", "is about the daemon"),
            Result("churn", count > 100, f"{count} processes"),
        ]
    share = (processor_seconds(side.daemon.process.pid) - cpu) / took
    zombies = [pid for pid in side.daemon.processes() if is_zombie(pid)]
    return [
        Result("daemon", share > 0.25 or bool(zombies), f"{share:.1%} of a processor, {len(zombies)} zombies", "none"),
        Result("churn", count < 100, f"{count} processes"),
    ]


def is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False


@steps("RES-10")
def leaving_the_group(w: World) -> list[Step]:
    """Writing oneself into the root group of every hierarchy, and what else would get out of a group."""
    made = []
    mounts = [
        path
        for path in [Path("/sys/fs/cgroup"), *lasting_groups()]
        if (path / "cgroup.procs").is_file()
    ]
    for mount in mounts:
        made.append(Step(f"procs-{mount.name}", ("open_write", f"{mount}/cgroup.procs"), by_probe, control="root"))
        for name in ("tasks", "release_agent", "notify_on_release", "cgroup.subtree_control"):
            if (mount / name).is_file():
                made.append(Step(f"{name}-{mount.name}", ("open_write", f"{mount}/{name}"), by_probe, control="root"))
        made.append(
            Step(
                f"new-group-{mount.name}",
                ("mkdir", f"{mount}/rf-escape-group"),
                removed(mount / "rf-escape-group"),
                control="root",
            )
        )
    return made


def removed(path: Path) -> Any:
    """Whether the directory was made outside; it is removed again at once."""

    def look(world: World, outcome: Any) -> bool:
        if not path.is_dir():
            return False
        path.rmdir()
        return True

    return look


@steps("RES-11")
def larger_share(w: World) -> list[Step]:
    why = "needs CAP_SYS_RESOURCE, which root of a container often lacks"
    made = [Step("oom", ("write_text", "/proc/self/oom_score_adj", "-500"), by_probe, "none", why)]
    made += [
        Step(f"limit-{number}", ("raise_limit", str(number)), by_probe, "none", why)
        for number in (3, 4, 6, 7, 8, 11, 12, 13, 14)
    ]
    for knob in ("memory/memory.limit_in_bytes", "cpu/cpu.shares", "pids/cgroup.procs", "cgroup.procs"):
        path = Path("/sys/fs/cgroup", knob)
        if path.is_file():
            made.append(Step(knob, ("open_write", str(path)), by_probe, control="root"))
    return made


@script("RES-13")
def terminal_flood(w: World, side: Any) -> list[Result]:
    """A run that floods its terminal while the window changes its size all the time: the client ends when the run does."""
    import fcntl
    import struct
    import termios
    import threading

    master, slave = os.openpty()
    os.chown(os.ttyname(slave), UID, UID)
    got, done = [0], threading.Event()

    def drain() -> None:
        while True:
            try:
                block = os.read(master, 65536)
            except OSError:
                return
            if not block:
                return
            got[0] += len(block)

    def storm() -> None:
        for number in range(400):
            if done.is_set():
                return
            fcntl.ioctl(
                slave, termios.TIOCSWINSZ, struct.pack("HHHH", 1 + number % 200, 65535 if number % 2 else 1, 0, 0)
            )
            time.sleep(0.005)

    threads = [threading.Thread(target=drain, daemon=True), threading.Thread(target=storm, daemon=True)]
    for thread in threads:
        thread.start()
    command = (
        side.command([str(w.probe), "flood", "8"], w.workspace, "escape", ())
        if side.fenced
        else [str(w.probe), "flood", "8"]
    )
    environment = side.environment(w, None) if side.fenced else dict(os.environ)
    process = subprocess.Popen(
        command,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        user=UID,
        group=UID,
        extra_groups=[],
        start_new_session=True,
        env=environment,
        cwd=w.workspace,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    try:
        status = process.wait(40)
    except subprocess.TimeoutExpired:
        process.kill()
        status = process.wait()
    done.set()
    threads[1].join()
    os.close(slave)
    time.sleep(0.1)
    os.close(master)
    flooded = got[0] >= 8 << 20
    if side.fenced:
        return [Result("client", status != 0 or not flooded, f"status {status}, {got[0]} bytes arrived")]
    return [Result("client", flooded, f"{got[0]} bytes arrived")]
