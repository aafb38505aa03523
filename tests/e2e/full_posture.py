"""What an agent sees of its own confinement in one launch, and whether that is all of it.

    posture = FullPosture(build, daemon, project, guarded)    # fails where the first launch already lacks something
    result = posture.launch()
    posture.missing(result.stdout)                            # [] or what is not as in the first one

The agent is the probe of the escape suite, which says what the kernel tells it; it opens what Landlock alone keeps from it,
and, where the policy has guards, does what only a warden and an egress that go by their rules refuse.
"""

from __future__ import annotations

import fnmatch
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

from tests.support.daemon import SOURCE, Daemon

sys.path.insert(0, str(SOURCE / "tests" / "escape"))
from cases_launch import GOLDEN, normalised  # noqa: E402

# The other branch is idle, and a busy machine starves it.
POLICY = 'schema = 1\nname = "trial"\nextends = ["offline"]\n[priority]\nclass = "interactive"\n'
GUARDS = '[files]\nask = ["{asked}"]\n[network]\ndefault = "ask"\n'
# An inner and an outer layer keep one each.
CANARIES = ("/.ringfence-canary", "/.ringfence-canary-outer")
SCRIPT = "./probe posture; for canary in {canaries}; do cat $canary 2>&1; done"
# While an egress that died is replaced nobody is there.
GUARDED = """; (echo x > {asked}/x) 2>&1
call() {{
  (exec 3<> /dev/tcp/127.0.0.1/9480
   printf 'CONNECT nowhere.invalid:443 HTTP/1.1\\r\\nHost: nowhere.invalid:443\\r\\n\\r\\n' >&3
   head -n 1 <&3) 2> /dev/null
}}
for try in $(seq 200); do answer=$(call); test -z "$answer" || break; sleep 0.1; done
echo "$answer"
"""


class FullPosture:
    def __init__(self, build: str, daemon: Daemon, project: Path, guarded: bool) -> None:
        self.daemon, self.project, self.guarded = daemon, project, guarded
        self.left_names = 0
        self.asked = daemon.base / "asked"
        self.asked.mkdir()
        shutil.copy(Path(build, "bin", "escape_probe"), project / "probe")
        self.policy = daemon.base / "trial.toml"
        self.policy.write_text(POLICY + (GUARDS.format(asked=self.asked) if guarded else ""))
        self.script = SCRIPT.format(canaries=" ".join(CANARIES)) + (GUARDED.format(asked=self.asked) if guarded else "") + "\ntrue"
        first = self.launch()
        self.lines: list[str] = []
        self.lines = self._lines(first.stdout)
        lacking = self._unlike_golden() + self._outside(first.stdout)
        assert first.returncode == 0 and not lacking, f"without any fault: {first.returncode}, {lacking[:8]}, {first.stderr}"

    def launch(self) -> subprocess.CompletedProcess[str]:
        # A launch that ended together with its launcher leaves the files that hold forbidden names, and the next one holds these
        # names in another way. Nothing else may be left.
        for left in set(os.listdir(self.project)) - {"probe"}:
            path = self.project / left
            assert path.is_socket() and path.stat().st_size == 0, f"a launch left {path}"
            path.unlink()
            self.left_names += 1
        return self.daemon.cli("run", "--unattended", "-p", str(self.policy), "-w", str(self.project), "--", "/bin/bash", "-c", self.script,
                               timeout=60)

    def missing(self, output: str) -> list[str]:
        """What is not as it is in a launch without a fault."""
        lines = self._lines(output)
        return self._outside(output) + [f"-{line}" for line in self.lines if line not in lines] + \
            [f"+{line}" for line in lines if line not in self.lines]

    def _lines(self, output: str) -> list[str]:
        """Without what is another one in every run: its id."""
        lines = normalised(output, SimpleNamespace(base=self.daemon.base))
        own = next((line.split()[1] for line in lines if line.startswith("uid ")), "?")
        return sorted({line if line.startswith("uid_map") else " ".join("UID" if word == own != "0" else word for word in line.split(" "))
                       for line in lines})

    def _unlike_golden(self) -> list[str]:
        """The reviewed file is of another policy with another workspace, and of a process without a shell above it."""
        lines = [line for line in (GOLDEN / "posture.txt").read_text().splitlines() if line and not line.startswith("#")]
        own = ("mount BASE/", "mount /root ", "status NStgid: ")
        wanted = [line for line in lines if not line.startswith("? ")]
        possible = [line[2:] for line in lines if line.startswith("? ")]
        return [f"-{line}" for line in wanted if not line.startswith(own) and line not in self.lines] + \
            [f"+{line}" for line in self.lines if line not in wanted and not line.startswith(own)
             and not any(fnmatch.fnmatchcase(line, pattern) for pattern in possible)]

    def _outside(self, output: str) -> list[str]:
        """What the agent has of the world outside, or lacks of what keeps it in."""
        lines = output.splitlines()
        names = [name for name in os.listdir("/proc/self/ns") if not name.startswith("time")]
        spaces = {name: f"ns/{name}={os.readlink(f'/proc/self/ns/{name}')}" for name in names}
        wrong = [f"the {name} namespace" for name, outside in spaces.items()
                 if outside in lines or not any(line.startswith(f"ns/{name}=") for line in lines)]
        wrong += [f"a layer of Landlock, which keeps {canary}" for canary in CANARIES if f"cat: {canary}: Permission denied" not in lines]
        if self.guarded:
            if not any(line.endswith(f"{self.asked}/x: Permission denied") for line in lines) or (self.asked / "x").exists():
                wrong.append("the warden")
            if not any(line.startswith("HTTP/1.1 403") for line in lines):
                wrong.append("the egress")
        return wrong
