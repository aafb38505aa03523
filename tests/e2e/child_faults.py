"""The steps of a run's first process, from its birth to the command, each failed by a filter of the test launcher.

Every distinct call that it makes is recorded once, then failed with two errors, each in two ways: from the moment the
child has its plan (a child that was forked ahead), and from its birth. The failing call fails for good, also in the
command, so the command is a program that only ends with a status of its own.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

from tests.support.daemon import Daemon, eventually

STATUS = 42
WARM = 2  # children that the daemon has forked ahead, at most
PROGRAM = """
void _start(void) {
#if defined(__x86_64__)
  __asm__ volatile("syscall" : : "a"(231), "D"(42));
#elif defined(__aarch64__)
  register long number __asm__("x8") = 94, status __asm__("x0") = 42;
  __asm__ volatile("svc 0" : : "r"(number), "r"(status));
#else
#error "no way to end on this architecture"
#endif
}
"""
# Calls that cannot fail, and those of waking up and leaving. A filter fails a call for good, and a pid 1 that can never
# wait for its children is no fault that a kernel has.
NEVER = {"wait4", "waitid", "exit_group", "exit", "rt_sigreturn", "restart_syscall", "getpid", "gettid", "geteuid", "getuid", "close"}
ERRORS = {"EPERM": 1, "EIO": 5, "ENOMEM": 12, "EACCES": 13, "EMFILE": 24, "ENOSPC": 28, "ENOSYS": 38, "EAGAIN": 11, "ENOBUFS": 105}
OF_CALL = {"openat": ("EMFILE", "EACCES"), "openat2": ("ENOSYS", "EMFILE"), "clone": ("EAGAIN", "ENOMEM"), "clone3": ("EAGAIN", "ENOMEM"),
           "fork": ("EAGAIN", "ENOMEM"), "vfork": ("EAGAIN", "ENOMEM"), "write": ("EIO", "ENOSPC"), "read": ("EIO", "ENOMEM"),
           "sendmsg": ("ENOBUFS", "EPERM"), "recvmsg": ("ENOMEM", "EPERM"), "recvfrom": ("ENOMEM", "EPERM"), "pipe2": ("EMFILE", "ENOMEM"),
           "execve": ("ENOMEM", "EACCES")}
# What a refused launch may be named after: the walls, and the steps that are none.
TOKENS = {"mount", "pid", "net", "ipc", "uts", "cgroup", "seccomp", "landlock", "privileges", "limits",
          "launcher", "workspace", "stdio", "terminal", "process", "directory", "executable"}


def test_programs(build: str, base: Path) -> Path:
    """A build folder of its own whose launcher is the one that fails on demand."""
    folder = base / "bin"
    folder.mkdir(parents=True)
    for name, source in (("ringfenced", "ringfenced"), ("ringfence", "ringfence"), ("ringfence-launcher", "ringfence-launcher-knockout"),
                         ("ringfence-stop", "ringfence-stop")):
        shutil.copy(Path(build, "bin", source), folder / name)
    return base


def call_numbers() -> dict[str, int]:
    text = subprocess.run(["cc", "-E", "-dM", "-include", "sys/syscall.h", "-x", "c", "/dev/null"], check=True, capture_output=True,
                          text=True).stdout
    return {name: int(number) for name, number in re.findall(r"^#define __NR_(\w+) (\d+)$", text, re.MULTILINE)}


class ChildFaults:
    def __init__(self, daemon: Daemon, fault: Path, project: Path) -> None:
        self.daemon, self.fault, self.project = daemon, fault, project
        self.program = project / "ends"
        subprocess.run(["cc", "-static", "-nostdlib", "-fno-stack-protector", "-x", "c", "-o", str(self.program), "-"], input=PROGRAM,
                       text=True, check=True)
        # The other branch is idle, and a busy machine starves it.
        head = 'schema = 1\nname = "trial"\nextends = ["offline"]\n[priority]\nclass = "interactive"\n'
        self.policy, self.recorded = project / "trial.toml", project / "recorded.toml"
        self.policy.write_text(head)
        # The filter cannot be read back while strace holds the child, so the recording is made without that demand.
        self.recorded.write_text(head + '[walls]\nseccomp = "best-effort"\n')

    def launch(self, policy: Path | None = None) -> subprocess.CompletedProcess[str]:
        return self.daemon.cli("run", "-w", str(self.project), "-p", str(policy or self.policy), "--", str(self.program), timeout=15)

    def parent_of_children(self) -> int:
        """The launcher, or the process by which it forks where the kernel has the domain that wardens are in."""
        launcher = self.daemon.launcher_pid()
        children = Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()
        return next((int(pid) for pid in children if Path(f"/proc/{pid}/comm").read_text() == "nursery\n"), launcher)

    def record(self, attach: type) -> list[str]:
        """Names of the calls that the child makes, in the order of their first use."""
        traces = self.daemon.base / "traces"
        traces.mkdir()
        strace = attach(self.parent_of_children(), "-ff", "-o", str(traces / "of"))
        for _ in range(WARM + 2):  # The first take children that were born before the recording.
            assert self.launch(self.recorded).returncode == STATUS
        strace.detach()
        calls: dict[str, None] = {}
        for trace in sorted(traces.iterdir()):
            text = trace.read_text(errors="replace")
            if 'PR_SET_NAME, "run-init"' in text or f'execve("{self.program}"' in text:
                calls.update(dict.fromkeys(re.findall(r"^(\w+)\(", text, re.MULTILINE)))
        return [call for call in calls if call not in NEVER]

    def points(self, calls: list[str]) -> list[tuple[str, str, str]]:
        return [(call, error, moment) for call in calls for error in OF_CALL.get(call, ("ENOMEM", "EPERM")) for moment in ("planned", "born")]

    def say(self, text: str) -> None:
        """In place: children have the file mapped."""
        with open(self.fault, "r+b" if self.fault.exists() else "wb") as file:
            file.write(text.ljust(64).encode())

    def arm(self, call: str, error: str) -> None:
        self.say(f"{call_numbers()[call]} {ERRORS[error]}")

    def settle(self) -> bool:
        """Without the fault launches work again, at the latest when the children forked ahead are used up: the first may
        have been forked for itself, beside children that wait."""
        self.say("")
        return bool(eventually(lambda: all(self.launch().returncode == STATUS for _ in range(WARM + 1)), 10, 0.05))

    def group_count(self) -> int:
        return sum(1 for root in self.daemon.groups() for _ in os.walk(root))

    def settled_group_count(self) -> int:
        """Of a daemon at rest, with all its children forked ahead."""
        last, since = self.group_count(), time.monotonic()
        while time.monotonic() < since + 0.5:
            time.sleep(0.02)
            if (now := self.group_count()) != last:
                last, since = now, time.monotonic()
        return last

    def verdict(self, result: subprocess.CompletedProcess[str]) -> tuple[str, str]:
        """('full' or 'refused' or 'problem', token and message or what is wrong)."""
        lines = result.stderr.strip().splitlines() or [""]
        last = lines[-1]
        token = last.removeprefix("ringfence: not started: ")
        if result.returncode in (125, 126, 127) and token != last:
            return ("refused", f"{token}: {lines[0]}") if token in TOKENS else ("problem", f"a token of its own: {last}")
        unknown_end = result.returncode == 1 and "nobody saw how" in result.stderr
        if result.returncode == STATUS or unknown_end:
            shown = self.daemon.json("show", self.daemon.json_runs()[-1]["id"])
            down = [wall["wall"] for wall in shown["walls"] if not wall["up"]]
            return ("full", "") if len(shown["walls"]) == 10 and not down else ("problem", f"ran without {down}")
        return "problem", f"status {result.returncode}, {result.stderr.strip()!r}"


def sweep(daemon: Daemon, fault: Path, project: Path, attach: type, limit: int, say: object) -> tuple[int, int, dict[str, int], list[str]]:
    """(points tried, points known, counts of 'full' and 'refused', problems)"""
    faults = ChildFaults(daemon, fault, project)
    problems = []
    if not faults.settle():
        return 0, 0, {}, ["no launch works before any fault"]
    known = faults.points(faults.record(attach))
    faults.settle()
    groups, files = faults.settled_group_count(), set(os.listdir(project))
    known.sort(key=lambda point: point[0] != "execve")  # The control is always among those that are chosen.
    chosen = known if limit in (0, len(known)) or limit > len(known) else [known[i * len(known) // limit] for i in range(limit)]
    counts = {"full": 0, "refused": 0}
    for call, error, moment in chosen:
        where = f"{call} with {error} from when the child is {moment}"
        faults.arm(call, error)
        try:
            result = faults.launch()
            if moment == "born":  # The first take children that were born without it.
                for _ in range(WARM):
                    result = faults.launch()
            kind, detail = faults.verdict(result)
        except subprocess.TimeoutExpired:
            kind, detail = "problem", "the launch hung"
        if call == "execve" and kind == "full":  # The control: nothing starts without it, so a fault that is not armed shows.
            kind, detail = "problem", "the command ran, so the fault was not armed"
        say(f"{where}: {kind} {detail}")  # type: ignore[operator]
        if kind in counts:
            counts[kind] += 1
        else:
            problems.append(f"{where}: {detail}")
        if not faults.settle():
            problems.append(f"{where}: no launch works afterwards")
            break
        if not eventually(lambda: faults.group_count() <= groups, 10):
            problems.append(f"{where}: control groups are left over")
        if not eventually(lambda: all(run["state"] == "ended" for run in daemon.json_runs()), 10):
            problems.append(f"{where}: a run is left over")
        if not eventually(lambda: set(os.listdir(project)) == files, 10):
            problems.append(f"{where}: left {sorted(set(os.listdir(project)) - files)}")
            files = set(os.listdir(project))
    return len(chosen), len(known), counts, problems
