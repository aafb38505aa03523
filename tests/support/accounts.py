"""A daemon on a machine with accounts of its own: made copies of /etc/passwd and /etc/group over the real ones, in a
mount namespace that only the daemon and its clients are in.

    with Accounts(build) as accounts:
        accounts.add("rf-owner", 61001)
        accounts.start()
        result = accounts.cli("rf-owner", "ps")
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from tests.support.daemon import Daemon

BECOME = 'mount --bind "$1" /etc/passwd && mount --bind "$2" /etc/group && shift 2 && exec "$@"'


class Accounts:
    def __init__(self, build: str | Path, **options: Any) -> None:
        self.base = Path(tempfile.mkdtemp(prefix="ringfence-accounts-"))
        os.chmod(self.base, 0o755)
        self.passwd = self.base / "passwd"
        self.group = self.base / "group"
        self.passwd.write_text(Path("/etc/passwd").read_text())
        kept = [line for line in Path("/etc/group").read_text().splitlines() if not line.startswith("ringfence")]
        self.group.write_text("\n".join(kept) + "\n")
        self.users: dict[str, dict[str, Any]] = {}
        self.daemon = Daemon(build, wrapper=["unshare", "--mount", "sh", "-c", BECOME, "sh", str(self.passwd), str(self.group)],
                             **options)

    def __enter__(self) -> "Accounts":
        return self

    def __exit__(self, *_: object) -> None:
        self.daemon.close()
        shutil.rmtree(self.base, ignore_errors=True)

    def add_group(self, name: str, gid: int) -> None:
        self.group.write_text(self.group.read_text() + f"{name}:x:{gid}:\n")

    def add(self, name: str, uid: int, *, groups: tuple[int, ...] = (), home: str | None = None, shell: str = "/bin/sh",
            listed: bool = True) -> Path:
        """A user; `home` is made unless it is named; one that is not `listed` is known to the kernel alone."""
        folder = Path(home) if home is not None else self.base / name
        if home is None:
            folder.mkdir(mode=0o700)
            os.chown(folder, uid, uid)
        if listed:
            self.passwd.write_text(self.passwd.read_text() + f"{name}:x:{uid}:{uid}::{folder}:{shell}\n")
        self.users[name] = {"uid": uid, "groups": groups, "home": folder}
        return folder

    def workspace(self, name: str) -> Path:
        folder = self.base / f"project-{name}"
        if not folder.exists():
            folder.mkdir()
            os.chown(folder, self.users[name]["uid"], self.users[name]["uid"])
        return folder

    def start(self) -> None:
        self.daemon.start()

    def become(self, name: str) -> list[str]:
        """The command that turns into that user, beside the daemon."""
        assert self.daemon.process is not None
        user = self.users[name]
        groups = ["--groups", ",".join(map(str, user["groups"]))] if user["groups"] else ["--clear-groups"]
        return ["nsenter", f"--target={self.daemon.process.pid}", "--mount", "setpriv", f"--reuid={user['uid']}",
                f"--regid={user['uid']}", *groups, "env", f"--chdir={self.workspace(name)}"]

    def cli(self, name: str, *args: str, path: str = "/usr/bin:/bin", **env: str) -> subprocess.CompletedProcess[str]:
        environment = {"HOME": str(self.users[name]["home"]), "PATH": path, "LANG": "C.UTF-8",
                       "RINGFENCE_SOCKET": self.daemon.environment["RINGFENCE_SOCKET"], **env}
        return subprocess.run([*self.become(name), str(self.daemon.bin / "ringfence"), *args], env=environment,
                              capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL, timeout=120)
