"""Group C: processes, signals, tracing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from model import Outcome, Proof, Result, Step, appeared, by_probe, script, seen, steps
from world import UID, World, command_line, eventually_gone, processes_of


@steps("PR-01")
def tracing(w: World) -> list[Step]:
    return [
        Step(f"{verb}-{number}", (verb, str(w.victim()[0])), by_probe)
        for number, verb in enumerate(("ptrace_attach", "ptrace_seize"))
    ]


@steps("PR-02")
def foreign_memory(w: World) -> list[Step]:
    token = w.secret("in memory")
    pid, address = w.victim(token)
    written, written_address = w.victim()
    made = [Step(verb, (verb, str(pid), address), seen(token)) for verb in ("vm_read", "proc_mem")]
    made += [
        Step(
            "vm_write",
            ("vm_write", str(written), written_address),
            lambda world, outcome: memory_of(written, written_address).startswith(b"escaped"),
        ),
        Step("pidfd_getfd", ("pidfd_getfd", str(pid), "9"), seen(token)),
        Step("kcmp", ("kcmp", str(pid)), by_probe),
        Step("environ", ("read", f"/proc/{pid}/environ"), seen(token)),
        Step("descriptor", ("read", f"/proc/{pid}/fd/9"), seen(token)),
        Step("maps", ("read", f"/proc/{pid}/maps"), by_probe),
        Step("sweep-environ", ("sweep", token, "environ"), by_probe),
        Step("sweep-cmdline", ("sweep", token, "cmdline"), by_probe),
    ]
    return made


def memory_of(pid: int, address: str) -> bytes:
    with open(f"/proc/{pid}/mem", "rb") as memory:
        memory.seek(int(address, 16))
        return memory.read(16)


def dies(pid: int) -> Proof:
    """Judged when everything has been tried: all victims have the same half second to die of it."""

    def look(world: World, outcome: Outcome) -> bool:
        deadline = world.judged_since + (0.5 if world.side == "fenced" else 5)
        while world.is_alive(pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        return not world.is_alive(pid)

    return look


@steps("PR-03")
def signals(w: World) -> list[Step]:
    made = []
    for verb in ("kill", "tgkill", "tkill", "sigqueue", "pidfd_kill"):
        pid, _ = w.victim()
        made.append(Step(verb, (verb, str(pid), str(int(signal.SIGTERM))), dies(pid)))
    pid, _ = w.victim(start_new_session=True)
    made.append(Step("group", ("kill", str(-pid), str(int(signal.SIGTERM))), dies(pid)))
    return made


@steps("PR-05")
def scheduling(w: World) -> list[Step]:
    made = []

    def add(verb: str, look: Any) -> None:
        pid, _ = w.victim()
        before = look(pid) if look else None
        proof: Proof = (lambda world, outcome: look(pid) != before) if look else by_probe
        made.append(Step(verb, (verb, str(pid)), proof))

    add("affinity", lambda pid: os.sched_getaffinity(pid))
    add("nice", lambda pid: os.getpriority(os.PRIO_PROCESS, pid))
    add("scheduler", lambda pid: os.sched_getscheduler(pid))
    add("ioprio", None)
    add("migrate_pages", None)
    add("move_pages", None)
    pid, address = w.victim()
    made.append(Step("process_madvise", ("process_madvise", str(pid), address), by_probe, control="root"))
    pid, _ = w.victim()
    made.append(Step("nice_user", ("nice_user",), lambda world, outcome: os.getpriority(os.PRIO_PROCESS, pid) == 17))
    return made


@steps("PR-06")
def owned_signals(w: World) -> list[Step]:
    """Signals that the kernel sends for somebody: the victim has no handler for any of them and would die."""
    lease = str(w.workspace / "leased")
    usr1 = str(int(signal.SIGUSR1))
    made = []
    for name, verb, more in (
        ("set_owner", "set_owner", (usr1,)),
        ("io", "set_owner", ("0",)),
        ("thread", "set_owner_thread", ()),
        ("socket", "set_owner_socket", ()),
        ("lease", "set_owner_lease", (lease,)),
    ):
        pid, _ = w.victim()
        made.append(Step(name, (verb, str(pid), *more), dies(pid)))
    pid, _ = w.victim(start_new_session=True)
    made.append(Step("group", ("set_owner", str(-pid), usr1), dies(pid)))
    pid, _ = w.victim(queue="/rf-escape-nudge")
    made.append(Step("message", ("mq_nudge", "/rf-escape-nudge"), dies(pid)))
    pid, _ = w.victim()
    why = "the kernel lets a timer signal threads of its own process only"
    made.append(Step("timer", ("timer_thread", str(pid)), dies(pid), control="none", why=why))
    return made


@script("PR-07")
def outliving(w: World, side: Any) -> list[Result]:
    """A process that left its session and its parent: it is gone when the run has ended."""
    beat = w.workspace / "beat"
    output = side.run(
        w, "daemonise", str(beat), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, capture_output=False
    )
    if side.fenced:
        left = not eventually_gone("daemonise")
        results = [Result("daemonise", left, f"status {output.returncode}")]
        size = beat.stat().st_size if beat.exists() else -1
        time.sleep(0.4)
        results.append(Result("beats", beat.exists() and beat.stat().st_size != size, "the file still grows"))
        return results
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and (not beat.exists() or beat.stat().st_size < 10):
        time.sleep(0.05)
    alive = [pid for pid in processes_of(UID) if "daemonise" in command_line(pid)]
    size = beat.stat().st_size
    time.sleep(0.4)
    results = [Result("daemonise", bool(alive)), Result("beats", beat.stat().st_size > size)]
    for pid in alive:
        os.kill(pid, signal.SIGKILL)
    return results


@script("PR-03")
def kill_everybody(w: World, side: Any) -> list[Result]:
    """kill(-1) as the agent. The control has a process namespace of its own with a victim in it."""
    if side.fenced:
        pid, _ = w.victim()
        output = side.run(w, "kill_all", str(int(signal.SIGKILL)))
        time.sleep(0.3)
        return [Result("everybody", not w.is_alive(pid) or not side.daemon.json_runs(), output.stdout)]
    become = f"setpriv --reuid {UID} --regid {UID} --clear-groups"
    script_text = (
        f"{become} {w.probe} victim x /dev/null >/dev/null & pid=$!; sleep 0.3; {become} {w.probe} kill_all 9; "
        "wait $pid; echo victim ended with $?"
    )
    output = subprocess.run(
        ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "--", "timeout", "20", "sh", "-c", script_text],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return [Result("everybody", "victim ended with 137" in output.stdout, output.stdout + output.stderr)]


NAMESPACES = {
    "user": 0x10000000,
    "mnt": 0x20000,
    "net": 0x40000000,
    "pid_for_children": 0x20000000,
    "ipc": 0x8000000,
    "uts": 0x4000000,
    "cgroup": 0x2000000,
}


@steps("PR-09")
def namespaces(w: World) -> list[Step]:
    made = []
    for name, flag in NAMESPACES.items():
        flags = f"{flag | NAMESPACES['user']:x}"
        for verb in ("unshare", "clone", "clone3"):
            if name == "pid_for_children" and verb != "unshare":
                continue
            made.append(Step(f"{verb}-{name}", (verb, flags, name), by_probe))
        if name != "user":
            made.append(Step(f"unshare-{name}-alone", ("unshare", f"{flag:x}", name), by_probe, control="root"))
    stranger = subprocess.Popen(
        ["unshare", "--user", "sleep", "300"], user=UID, group=UID, extra_groups=[], stdin=subprocess.DEVNULL
    )
    w.victims.append(stranger)
    made.append(Step("setns", ("setns", str(stranger.pid)), by_probe))
    return made


@steps("PR-10")
def nested(w: World) -> list[Step]:
    directory = w.make_directory(w.workspace / "mountpoint")
    return [
        Step("userns-mount", ("userns_mount", str(directory)), by_probe),
        Step("userns-root", ("unshare", "10000000", "user"), by_probe),
    ]


@steps("PR-11")
def set_id_programs(w: World) -> list[Step]:
    made = []
    for name, mode in (("suid", 0o4755), ("sgid", 0o2755), ("capable", 0o755)):
        program = w.probe.parent / f"probe-{name}"
        shutil.copy(w.probe, program)
        os.chown(program, 0, 0)
        os.chmod(program, mode)
        if name == "capable":  # cap_setuid and cap_setgid, effective
            os.setxattr(program, "security.capability", bytes.fromhex("01000002c0000000000000000000000000000000"))
        made.append(Step(name, ("program", str(program), "become_root"), seen("effect=yes")))
    return made


@steps("PR-12")
def personalities(w: World) -> list[Step]:
    values = {
        "no-randomize": "40000",
        "read-implies-exec": "400000",
        "linux32": "8",
        "compat-layout": "200000",
        "mmap-page-zero": "100000",
        "short-inode": "1000000",
        "whole-seconds": "2000000",
        "uname26": "20000",
    }
    return [Step(name, ("personality", value), by_probe) for name, value in values.items()]


@steps("PR-13")
def cores(w: World) -> list[Step]:
    place = w.make_directory(w.workspace / "crash")
    pattern = Path("/proc/sys/kernel/core_pattern").read_text().strip()
    plain = not pattern.startswith("|") and "/" not in pattern
    proof: Proof = (lambda world, outcome: any(place.iterdir())) if plain else by_probe
    return [Step("core-file", ("crash", str(place)), proof)]


@steps("PR-16")
def hidden_daemons(w: World) -> list[Step]:
    """Programs of the machine: here one of root's with a telling name, started by the suite."""
    token = w.secret("service name")
    service = subprocess.Popen([f"ringfenced-{token}", "300"], executable="/bin/sleep", stdin=subprocess.DEVNULL)
    w.victims.append(service)
    return [
        Step("cmdline", ("sweep", token, "cmdline"), by_probe),
        Step("direct", ("read", f"/proc/{service.pid}/cmdline"), seen(token)),
        Step("status", ("stat", f"/proc/{service.pid}/stat"), by_probe),
    ]
