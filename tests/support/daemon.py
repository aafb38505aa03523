"""A real ringfenced with directories and control groups of its own, for tests in Python.

    with Daemon(build) as daemon:
        result = daemon.cli("run", "--", "/bin/true")
        assert result.returncode == 0
    assert daemon.leftovers() == []
"""

from __future__ import annotations

import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable

SOURCE = Path(__file__).resolve().parents[2]
PROFILES = SOURCE / "policy" / "profiles"
SLOWER = 8 if "RINGFENCE_GUEST" in os.environ else 1  # times longer than on the machine that deadlines were set on: a guest is emulated


def eventually(holds: Callable[[], Any], seconds: float = 30.0, step: float = 0.01) -> Any:
    """The first true value of `holds`, looked at every `step` seconds; the last one when time is up."""
    deadline = time.monotonic() + seconds
    while True:
        value = holds()
        if value or time.monotonic() > deadline:
            return value
        time.sleep(step)


def is_alive(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


class Daemon:
    """Starts on entry, stops and cleans up on exit. `build` is the folder that holds bin/; without `policies`, the shipped ones."""

    def __init__(self, build: str | Path, *, policies: list[str | Path] | None = None, uid_range: str = "700000-700999",
                 wrapper: list[str] | None = None) -> None:
        self.bin = Path(build).resolve() / "bin"
        self.base = Path(tempfile.mkdtemp(prefix="ringfence-e2e-"))
        os.chmod(self.base, 0o755)
        self.run_dir = self.base / "run"
        self.state_dir = self.base / "state"
        self.cgroup_root = f"rf-e2e-{os.getpid()}-{self.base.name[-6:].replace('_', 'x')}"
        self.policies = [str(p) for p in (policies or [PROFILES, self._awake()])]
        self.uid_range = uid_range
        self.options: list[str] = []  # more of the daemon's, from its next start on
        self.wrapper = wrapper or []  # a command that becomes the daemon
        self.process: subprocess.Popen[bytes] | None = None
        self.log_path = self.base / "daemon.log"

    def _awake(self) -> Path:
        """Where the profile coding is as shipped, but of the interactive class: agents of another one starve on a busy machine."""
        folder = self.base / "awake"
        folder.mkdir(mode=0o755)
        (folder / "coding.toml").write_text((PROFILES / "coding.toml").read_text() + '\n[priority]\nclass = "interactive"\n')
        return folder

    def __enter__(self) -> "Daemon":
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # Told to end (a test that took too long): cleans up first.
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "RINGFENCE_SOCKET": str(self.run_dir / "control.sock"),
                "PATH": f"{self.bin}:{os.environ.get('PATH', '/usr/bin:/bin')}"}

    def start(self) -> float:
        """Starts the daemon and waits until it is ready; returns the seconds that took."""
        began = time.monotonic()
        offset = self.log_path.stat().st_size if self.log_path.exists() else 0
        log = open(self.log_path, "ab")
        command = [*self.wrapper, str(self.bin / "ringfenced"), "--run-dir", str(self.run_dir), "--state-dir", str(self.state_dir),
                   "--cgroup-root", self.cgroup_root, "--uid-range", self.uid_range,
                   "--no-login-check", *self.options]  # the users that tests make have no login session
        for folder in self.policies:
            command += ["--policy-dir", folder]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()

        def ready() -> bool:
            with open(self.log_path, "rb") as text:
                text.seek(offset)
                if b"ringfenced: ready" in text.read():
                    return True
            assert self.process is not None
            if self.process.poll() is not None:
                raise RuntimeError(f"ringfenced ended with {self.process.returncode}:\n{self.log()}")
            return False

        if not eventually(ready, 30, 0.002):
            raise RuntimeError(f"ringfenced was not ready after 30 s:\n{self.log()}")
        return time.monotonic() - began

    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def cli(self, *args: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """One call of the command line; output is captured as text, 120 s at most."""
        options.setdefault("timeout", 120)
        options.setdefault("stdin", subprocess.DEVNULL)
        env = {**self.environment, **options.pop("env", {})}
        return subprocess.run([str(self.bin / "ringfence"), *args], env=env, capture_output=True, text=True,
                              errors="replace", **options)

    def json(self, *args: str) -> Any:
        """Output of a verb with --json: one value, or a list when there are several lines."""
        result = self.cli(*args, "--json")
        if result.returncode != 0:
            raise RuntimeError(f"ringfence {' '.join(args)}: {result.returncode}: {result.stderr}")
        values = [json.loads(line) for line in result.stdout.splitlines() if line.strip()]
        return values[0] if len(values) == 1 else values

    def launcher_pid(self) -> int:
        """Pid of the launcher that keeps this daemon's runs; 0 when there is none."""
        return self._pid_of("ringfence-launcher")

    def stop_pid(self) -> int:
        """Pid of the ringfence-stop that this daemon has; 0 when there is none."""
        return self._pid_of("ringfence-stop")

    def _pid_of(self, program: str) -> int:
        wanted = str(self.run_dir).encode()
        parents: dict[int, int] = {}
        for folder in glob.glob("/proc/[0-9]*"):
            try:
                argv = Path(folder, "cmdline").read_bytes().split(b"\0")
                if argv[0].endswith(program.encode()) and wanted in argv and os.readlink(f"{folder}/exe"):
                    # What it forks has the same command line: children of runs, which have a pid namespace of their own and
                    # join a run's groups, and short helpers, whose parent it is.
                    status = Path(folder, "status").read_text()
                    pids, parent = (re.findall(rf"^{name}:(.*)$", status, re.MULTILINE)[0].split() for name in ("NSpid", "PPid"))
                    group = Path(folder, "cgroup").read_bytes()
                    if len(pids) == 1 and b"-background/" not in group and b"-interactive/" not in group:
                        parents[int(folder[6:])] = int(parent[0])
            except (OSError, IndexError):
                continue
        return next((pid for pid, parent in parents.items() if parent not in parents), 0)

    def kill_daemon(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def kill_launcher(self) -> int:
        pid = self.launcher_pid()
        if pid:
            os.kill(pid, signal.SIGKILL)
        return pid

    def kill_stop(self) -> int:
        pid = self.stop_pid()
        if pid:
            os.kill(pid, signal.SIGKILL)
        return pid

    def groups(self) -> list[str]:
        """Control groups of this daemon that exist, in every hierarchy."""
        found = []
        for mount in ["/sys/fs/cgroup", *glob.glob("/sys/fs/cgroup/*")]:
            found += glob.glob(f"{mount}/{self.cgroup_root}*")
        return sorted(found)

    def processes(self) -> list[int]:
        """Everything in this daemon's control groups, and its programs."""
        pids = set()
        for group in self.groups():
            for folder, _, _ in os.walk(group):  # passes by a group that is removed meanwhile
                try:
                    pids |= {int(word) for word in Path(folder, "cgroup.procs").read_text().split()}
                except OSError:
                    continue
        return sorted(pid for pid in pids if pid and is_alive(pid))

    def close(self) -> None:
        """Ends every run, the daemon, the launcher and ringfence-stop, and removes what they made."""
        if self.process is not None and self.process.poll() is None:
            self.cli("kill", "--all")
            eventually(lambda: not [run for run in self.json_runs() if run.get("state") != "ended"], 10)
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill_daemon()
        for pid in (self.stop_pid(), self.launcher_pid()):
            self._end(pid)
        for group in self.groups():
            kill = Path(group, "cgroup.kill")
            if kill.exists():
                kill.write_text("1")
        eventually(lambda: not self.processes(), 10)
        eventually(self._remove_groups, 10)
        if "ringfence-e2e-" in self.base.name:
            shutil.rmtree(self.base, ignore_errors=True)

    @staticmethod
    def _end(pid: int) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            if not pid or not is_alive(pid):
                return
            os.kill(pid, number)
            eventually(lambda: not is_alive(pid), 5)

    def json_runs(self) -> list[dict[str, Any]]:
        result = self.cli("ps", "-a", "--json")
        return [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]

    def _remove_groups(self) -> bool:
        for group in self.groups():
            for folder, _, _ in os.walk(group, topdown=False):
                try:
                    os.rmdir(folder)
                except OSError:
                    continue
        return not self.groups()

    def leftovers(self) -> list[str]:
        """What of this daemon is still on the machine: groups, processes, mounts, files."""
        left = [f"group {group}" for group in self.groups()]
        left += [f"process {pid}" for pid in self.processes()]
        left += [f"process {pid}" for pid in (self.launcher_pid(), self.stop_pid()) if pid]
        mounts = Path("/proc/self/mounts").read_text()
        left += [f"mount {line.split()[1]}" for line in mounts.splitlines() if str(self.base) in line]
        if self.base.exists():
            left.append(f"folder {self.base}")
        return left
