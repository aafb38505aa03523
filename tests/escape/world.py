"""The world outside that attempts aim at: an account that exists only here, its home, secrets, processes, services.

Everything is made for one side and removed after it. The account, /run and the home exist only in the private mount
namespace of the suite; the real ones are never in reach.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Optional

from listeners import Listener

UID = 61100  # of the account that owns the agents
OTHER_UID = 61101  # a stranger
NAME = "rf-escape"
LIMIT_PIDS = 200
# What takes a second here may take that many in an emulated machine.
SLOWER = 10 if "RINGFENCE_GUEST" in os.environ else 1
LIMIT_MEMORY_MIB = 256 if SLOWER == 1 else 128  # half as much again is written, everywhere and in vain


def reserve_accounts(base: Path) -> None:
    """Adds the two accounts to /etc/passwd and /etc/group of this mount namespace, and an empty /run."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if entry.stat().st_uid in (UID, OTHER_UID):
                raise SystemExit(
                    f"escape: uid {UID} or {OTHER_UID} is in use by process {entry.name}; nothing was done"
                )
        except FileNotFoundError:
            continue
    for file, lines in {
        "passwd": f"{NAME}:x:{UID}:{UID}::{base}/home:/bin/sh\n{NAME}-2:x:{OTHER_UID}:{OTHER_UID}::{base}/other-home:/bin/sh\n",
        "group": f"{NAME}:x:{UID}:\n{NAME}-2:x:{OTHER_UID}:\n",
    }.items():
        copy = base / file
        copy.write_text(Path("/etc", file).read_text() + lines)
        os.chmod(copy, 0o644)
        subprocess.run(["mount", "--bind", str(copy), f"/etc/{file}"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "escape-run", "/run"], check=True)


class World:
    """One side's world. `base` is the same for both sides, so that paths and arguments are equal."""

    def __init__(self, base: Path, probe: Path, side: str) -> None:
        self.base, self.probe, self.side = base, probe, side
        self.home = base / "home"
        self.hidden = self.home / "docs"  # granted to nobody
        self.granted = self.home / "granted"  # granted for reading
        self.workspace = self.home / "work/ws"  # granted for writing
        self.other = self.home / "work/other"  # another agent's workspace
        self.root_only = base / "root-only"
        self.tokens: dict[str, str] = {}  # planted secrets by name
        self.victims: list[subprocess.Popen[bytes]] = []
        self.listeners: list[Listener] = []
        self.trash: list[Path] = []  # paths outside base, removed at the end
        self.judged_since = 0.0  # when all that was tried in one go had been tried
        self._touched_enough = threading.Event()
        self._toucher = threading.Thread(target=self._touch, daemon=True)

    def __enter__(self) -> "World":
        for directory in (self.home, self.hidden, self.granted, self.workspace, self.other):
            self.make_directory(directory)
        self.make_directory(Path(f"/run/user/{UID}"), 0o700)
        self.root_only.mkdir(mode=0o700, exist_ok=True)
        environment = {**os.environ, "HOME": str(self.home), "GIT_CONFIG_NOSYSTEM": "1"}
        subprocess.run(
            ["git", "init", "-q", str(self.workspace)],
            check=True,
            env=environment,
            user=UID,
            group=UID,
            extra_groups=[],
        )
        self._toucher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._touched_enough.set()
        self._toucher.join()
        for victim in self.victims:
            victim.kill()
            victim.wait()
        for listener in self.listeners:
            listener.close()
        for path in [self.home, self.root_only, *self.trash, *Path("/run").iterdir()]:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    # ---- files ----

    def make_directory(self, path: Path, mode: int = 0o755) -> Path:
        missing = [parent for parent in (path, *path.parents) if not parent.exists()]
        path.mkdir(parents=True, exist_ok=True)
        for directory in missing:  # what was there before, such as /tmp, is not ours to change
            os.chown(directory, UID, UID)
            os.chmod(directory, mode if directory == path else 0o755)
        return path

    def file(self, path: Path, text: Optional[str] = None, uid: int = UID, mode: int = 0o644) -> Path:
        """A file of the account; without text it holds a fresh secret, kept in tokens under its path."""
        if not path.parent.exists():
            self.make_directory(path.parent)
        path.write_text(text if text is not None else self.secret(str(path)) + "\n")
        os.chown(path, uid, uid)
        os.chmod(path, mode)
        return path

    def secret(self, name: str) -> str:
        self.tokens[name] = "canary-" + secrets.token_hex(12)
        return self.tokens[name]

    def outside(self, path: Path) -> Path:
        """Marks a path that is not below base for removal."""
        self.trash.append(path)
        return path

    # ---- processes and services ----

    def victim(self, token: str = "", queue: str = "", **options: Any) -> tuple[int, str]:
        """A process of the account that holds `token` in memory, environment and descriptor 9: pid and address.

        With `queue` it waits for a signal that says of a message there.
        """
        token = token or self.secret(f"victim {len(self.victims)}")
        held = self.file(self.hidden / f"held-{len(self.victims)}", token)
        process = subprocess.Popen(
            [str(self.probe), "victim", token, str(held), *([queue] if queue else [])],
            stdout=subprocess.PIPE,
            user=UID,
            group=UID,
            extra_groups=[],
            env={"RF_CANARY": token},
            stdin=subprocess.DEVNULL,
            cwd=self.hidden,
            **options,
        )
        assert process.stdout is not None
        pid, address = process.stdout.readline().split()
        self.victims.append(process)
        return int(pid), address.decode()

    def is_alive(self, pid: int) -> bool:
        process = next(victim for victim in self.victims if victim.pid == pid)
        return process.poll() is None

    def listener(self, address: str, **options: Any) -> Listener:
        """A service at a path, "@name" or "tcp"/"udp" on loopback; counts who comes."""
        if address.startswith("/"):
            self.make_directory(Path(address).parent, 0o755)
        listener = Listener(address, UID, **options)
        self.listeners.append(listener)
        return listener

    def as_user(self, *argv: str, uid: int = UID, **options: Any) -> subprocess.CompletedProcess[str]:
        """The probe, unfenced, as the account."""
        options.setdefault("timeout", 60 * SLOWER)
        return subprocess.run(
            [str(self.probe), *argv],
            user=uid,
            group=uid,
            extra_groups=[],
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            **options,
        )

    def start_as_user(self, *argv: str, **options: Any) -> subprocess.Popen[str]:
        """The same without waiting."""
        options = {"stdout": subprocess.PIPE, "stdin": subprocess.DEVNULL, "text": True, **options}
        return subprocess.Popen([str(self.probe), *argv], user=UID, group=UID, extra_groups=[], **options)

    def _touch(self) -> None:
        """Somebody uses the hidden files all the time: what a spy would hear."""
        while not self._touched_enough.wait(0.05):
            try:
                (self.hidden / "busy").write_text("busy")
                (self.home / "busy").write_text("busy")
            except OSError:
                pass


def lasting_groups() -> list[Path]:
    """What lies directly below the control groups of the machine, without what other tests make and remove meanwhile."""
    found = (path for path in Path("/sys/fs/cgroup").iterdir() if path.is_dir())
    return sorted(path for path in found if not path.name.startswith(("rf-test-", "rf-e2e-")))


def eventually_gone(pattern: str, seconds: float = 5.0) -> bool:
    """Whether no process of the account has `pattern` in its command line, waiting until that is so."""
    deadline = time.monotonic() + seconds
    while True:
        left = [pid for pid in processes_of(UID) if pattern in command_line(pid)]
        if not left:
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)


def processes_of(uid: int) -> list[int]:
    found = []
    for entry in os.scandir("/proc"):
        try:
            if entry.name.isdigit() and entry.stat().st_uid == uid:
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def end_all(uid: int) -> None:
    """Ends every process of an account that only this suite uses."""
    for pid in processes_of(uid):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
