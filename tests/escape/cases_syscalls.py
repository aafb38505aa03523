"""Group D: the system call filter and the ABI."""

from __future__ import annotations

import os
import pty
import platform
import select
import subprocess
import termios
import time
from pathlib import Path
from typing import Any, Optional

from model import Result, Step, appeared, by_probe, script, seen, steps
from world import UID, World

GOLDEN = Path(__file__).resolve().parent / "golden"
RESOURCE = "needs CAP_SYS_RESOURCE, which root of a container often lacks"
X86 = platform.machine() == "x86_64"


@steps("SC-01")
def old_gate(w: World) -> list[Step]:
    """int $0x80: numbers of i386, which mean something else to a filter that looks at numbers alone."""
    control, why = ("user", "") if X86 else ("none", "only x86_64 has this gate")
    made_dir, made_file = w.workspace / "by-int80", w.workspace / "file-by-int80"
    made = [
        Step("mkdir", ("call32", "39", str(made_dir)), appeared(made_dir), control, why),
        Step("creat", ("call32", "8", str(made_file)), appeared(made_file), control, why),
    ]
    numbers = {
        "getpid": 20,
        "getuid": 24,
        "time": 13,
        "getppid": 64,
        "gettid": 224,
        "getuid32": 199,
        "umask": 60,
        "getpgrp": 65,
        "sync_rt": 158,
    }
    made += [Step(name, ("call32", str(number), "0"), by_probe, control, why) for name, number in numbers.items()]
    made.append(Step("chdir", ("call32", "12", "/proc"), by_probe, control, why))
    return made


@steps("SC-02")
def x32(w: World) -> list[Step]:
    """The numbers of x32. The user space evaluation of the filter covers kernels that have this ABI."""
    why = "the kernels of the test machines are built without x32 and answer ENOSYS to everybody"
    return [
        Step(name, ("call", str(0x40000000 + number)), by_probe, "none", why)
        for name, number in {"getpid": 39, "getuid": 102, "open": 2, "mkdir": 83, "execve": 520, "ptrace": 521}.items()
    ]


@steps("SC-03")
def rings(w: World) -> list[Step]:
    secret = w.file(w.hidden / "by-ring")
    own = w.file(w.workspace / "by-ring", "mine")
    return [
        Step("ring", ("uring", str(own)), by_probe),
        Step("open", ("uring", str(secret)), seen(w.tokens[str(secret)])),
    ]


@script("SC-04")
def typing(w: World, side: Any) -> list[Result]:
    """TIOCSTI and its kind: text pushed into the terminal of the person, which their shell would run.

    The control runs as root, because kernels since 6.2 can refuse this to everybody else; the fenced side has the
    person's terminal as its standard descriptors, by its path and as /dev/tty.
    """
    master, slave = os.openpty()
    os.set_blocking(master, False)
    name = os.ttyname(slave)
    os.chown(name, UID, UID)
    results = []
    raw = termios.tcgetattr(slave)
    raw[3] &= ~(termios.ICANON | termios.ECHO)
    termios.tcsetattr(slave, termios.TCSANOW, raw)
    try:
        for where in (name, "/dev/tty"):
            text = "echo owned"
            if side.fenced:
                output = on_terminal(
                    side.command([str(w.probe), "inject", where, text], w.workspace, "escape", ()),
                    slave,
                    side.environment(w, None),
                    UID,
                    w.workspace,
                )
            else:
                output = on_terminal([str(w.probe), "inject", where, text], slave, dict(os.environ), 0, w.workspace)
            pending = b""
            while select.select([slave], [], [], 0.2)[0]:
                pending += os.read(slave, 4096)
            results.append(Result(f"inject-{where}", b"echo owned" in pending, f"{pending!r} {output[-200:]}", "root"))
    finally:
        os.close(master)
        os.close(slave)
    return results


def on_terminal(command: list[str], slave: int, environment: dict[str, str], uid: int, cwd: Path) -> str:
    """Runs the command with `slave` as its controlling terminal; what it wrote there is not read here."""
    process = subprocess.Popen(
        command,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=environment,
        user=uid,
        group=uid,
        extra_groups=[],
        start_new_session=True,
        cwd=cwd,
        preexec_fn=lambda: take_terminal(0),
    )
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    return f"status {process.returncode}"


def take_terminal(descriptor: int) -> None:
    import fcntl

    fcntl.ioctl(descriptor, termios.TIOCSCTTY, 0)


@steps("SC-04")
def terminal_calls(w: World) -> list[Step]:
    numbers = {"TIOCSTI": 0x5412, "TIOCLINUX": 0x541C, "TIOCSETD": 0x5423, "TIOCCONS": 0x541D}
    return [Step(name, ("reach", "16", "0", str(number), "0"), by_probe) for name, number in numbers.items()] + [
        Step(f"{name}-high-bits", ("reach", "16", "0", str(number + (1 << 32)), "0"), by_probe)
        for name, number in numbers.items()
    ]


@script("SC-06")
def every_number(w: World, side: Any) -> list[Result]:
    """Calls 0 to 1023 with zeros: only what the reviewed list allows may answer anything but ENOSYS or EPERM."""
    allowed = (
        {
            int(word)
            for line in (GOLDEN / "answering-x86_64.txt").read_text().splitlines()
            for word in line.partition("#")[0].split()[:1]
        }
        if X86
        else set()
    )
    output = ""
    for first in range(0, 1024, 128):
        output += side.run(w, "numbers", str(first), str(first + 127), timeout=150).stdout.rpartition("\t")[2]
    answering = {int(word) for word in output.split()}
    extra = sorted(answering - allowed)
    return [Result("numbers", bool(extra) or not answering, f"answering beyond the list: {extra}")]


@steps("SC-08")
def machine_calls(w: World) -> list[Step]:
    """Calls that change the machine, with arguments that the kernel must refuse as wrong once it looks at them."""
    bad = "1"
    calls = {
        "bpf": ("321", "0", bad, "64"),
        "init_module": ("175", bad, "1", bad),
        "finit_module": ("313", "-1", bad, "0"),
        "delete_module": ("176", bad, "0"),
        "kexec_load": ("246", "0", "100", bad, "0"),
        "kexec_file_load": ("320", "-1", "-1", "0", "0", "0x800"),
        "acct": ("163", bad),
        "swapon": ("167", bad, "0"),
        "swapoff": ("168", bad),
        "reboot": ("169", "1", "2", "3", "0"),
        "settimeofday": ("164", bad, "0"),
        "clock_settime": ("227", "0", bad),
        "adjtimex": ("159", bad),
        "iopl": ("172", "4"),
        "ioperm": ("173", "-1", "1", "1"),
        "pivot_root": ("155", bad, bad),
        "mount": ("165", bad, bad, bad, "0", "0"),
        "umount2": ("166", bad, "0"),
        "chroot": ("161", bad),
        "fsopen": ("430", bad, "0"),
        "fsconfig": ("431", "-1", "0", "0", "0", "0"),
        "fsmount": ("432", "-1", "0", "0"),
        "fspick": ("433", "-1", bad, "0"),
        "move_mount": ("429", "-1", bad, "-1", bad, "0"),
        "open_tree": ("428", "-1", bad, "0"),
        "mount_setattr": ("442", "-1", bad, "0", bad, "32"),
        "sethostname": ("170", bad, "5"),
        "setdomainname": ("171", bad, "5"),
        "syslog": ("103", "99", "0", "0"),
        "quotactl": ("179", "0x800001", "0", "0", "0"),
        "fanotify_init": ("300", "0", "0x80000000"),
        "perf_event_open": ("298", bad, "0", "-1", "-1", "0"),
        "setns": ("308", "-1", "0"),
        "lookup_handle": ("304", "-1", bad, "0"),
        "process_vm_readv": ("310", "1", bad, "1", bad, "1", "0"),
        "pidfd_getfd": ("438", "-1", "0", "0"),
        "ptrace": ("101", "99", "1", "0", "0"),
        "memfd_secret": ("447", "0xff"),
        "userfaultfd": ("323", "0xff"),
        "io_uring_setup": ("425", "0", bad),
        "vmsplice_like_move_pages": ("279", "1", "0", "0", "0", "0", "99"),
    }
    if not X86:
        return [Step("numbers", ("add_key", "rf", "-4"), by_probe)]
    unbuilt = {"memfd_secret": "needs a kernel with secret memory switched on"}
    made = [
        Step(name, ("reach", *argv), by_probe, "none" if name in unbuilt else "root", unbuilt.get(name, ""))
        for name, argv in calls.items()
    ]
    made += [
        Step("userfaultfd-user", ("call", "323", "1"), by_probe),
        Step("modify_ldt", ("call", "154", "0", "0", "0"), by_probe),
        Step("keyctl", ("call", "250", "0", "-4", "1"), by_probe),
        Step("add_key", ("add_key", "rf-escape-sc08", "-4"), by_probe),
    ]
    return made


@steps("SC-09")
def families(w: World) -> list[Step]:
    made = [Step("sweep", ("families", "1,2,10,16"), by_probe)]
    for name, protocol in {"uevent": 15, "sock_diag": 4, "generic": 16, "connector": 11, "audit": 9}.items():
        made.append(Step(f"netlink-{name}", ("socket", "16", "3", str(protocol)), by_probe))
    return made


@steps("SC-10")
def protocols(w: World) -> list[Step]:
    made = [
        Step("mptcp", ("socket", "2", "1", "262"), seen("protocol 262")),
        Step("udplite", ("socket", "2", "2", "136"), by_probe),
        Step("mptcp6", ("socket", "10", "1", "262"), seen("protocol 262")),
    ]
    for name, argv in {
        "raw": ("2", "3", "255"),
        "raw-icmp": ("2", "3", "1"),
        "raw-tcp": ("2", "3", "6"),
        "raw6": ("10", "3", "58"),
        "packet": ("17", "3", "768"),
        "packet-dgram": ("17", "2", "768"),
    }.items():
        made.append(Step(name, ("socket", *argv), by_probe, control="root"))
    for name, argv in {
        "icmp-dgram": ("2", "2", "1"),
        "sctp": ("2", "1", "132"),
        "dccp": ("2", "6", "33"),
        "sctp-seq": ("2", "5", "132"),
        "sock-packet": ("2", "10", "768"),
    }.items():
        made.append(Step(name, ("socket", *argv), by_probe, "none", "not built, or switched off, on the test machines"))
    return made


@steps("SC-11")
def process_controls(w: World) -> list[Step]:
    made = [
        Step("syscall-user-dispatch", ("prctl", "59", "1", "0", "0x7fffffffffff", "0"), by_probe),
        Step("tsc", ("prctl", "26", "2", "0"), by_probe),
    ]
    made += [
        Step("securebits", ("prctl", "28", "1", "0"), by_probe, control="root"),
        Step("mm", ("reach", "157", "35", "99", "0", "0", "0"), by_probe, "none", RESOURCE),
        Step("bounding-set", ("prctl", "24", "5", "0"), by_probe, control="root"),
        Step("no-ptracer-check", ("prctl", "0x59616d61", "-1", "0"), by_probe, "none", "only where Yama is built in"),
    ]
    return made


@steps("SC-13")
def every_thread(w: World) -> list[Step]:
    def judged(world: World, outcome: Outcome) -> Optional[bool]:
        return None if outcome.effect == "unknown" else outcome.effect == "yes"

    return [Step("threads", ("threads",), judged)]


@steps("SC-14")
def trapping(w: World) -> list[Step]:
    return [Step("handler", ("trap", "own"), by_probe, fenced_argv=("trap", "none"))]
