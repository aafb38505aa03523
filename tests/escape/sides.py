"""The two ways in which a probe is run: without the fence as the account, and inside as the agent."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterable, Optional

from model import Outcome, Step
from world import LIMIT_MEMORY_MIB, LIMIT_PIDS, NAME, SLOWER, UID, World

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from daemon import SOURCE, Daemon  # noqa: E402

POLICY = """schema = 1
name = "{name}"
extends = ["offline"]
[priority]
class = "interactive"
[files]
read = ["~/granted", "{probes}"]
[limits]
pids = {pids}
memory = "{memory}MiB"
cpu = "{cpu}%"
"""
# The same with a folder whose changes are asked and an argument that a program may not get.
ASKING = """schema = 1
name = "{name}"
extends = ["escape"]
[files]
{key} = ["~/{folder}"]
[prompt]
timeout = "{timeout}"
[[exec.rule]]
match = ["touch", "{forbidden}"]
decide = "forbid"
"""
NETWORK = """schema = 1
name = "{name}"
extends = ["escape"]
[network]
default = "forbid"
allow = [{allow}]
"""
GOOD = "{ host = \"good.test\" }"
META = "{ host = \"meta.test\" }"


def write_policies(directory: Path, probes: Path) -> None:
    """The shipped profile with small limits: everything else is what a person gets."""
    directory.mkdir()
    for name, cpu in (("escape", 150), ("escape-slow", 10)):
        text = POLICY.format(name=name, probes=probes, pids=LIMIT_PIDS, memory=LIMIT_MEMORY_MIB, cpu=cpu)
        (directory / f"{name}.toml").write_text(text)
    for name, allow in (("net", GOOD), ("net-meta", f"{GOOD}, {META}"), ("net-empty", "")):
        (directory / f"escape-{name}.toml").write_text(NETWORK.format(name=f"escape-{name}", allow=allow))
    forbidden = probes.parent / "home/work/ws/forbidden-argument"
    for name, key, timeout, folder in (
        ("asked", "ask", "10m", "asked"),
        ("hasty", "ask", "1s", "asked"),
        ("reads", "ask_read", "1s", "asked"),
        ("above", "ask", "1s", "above/asked"),
        ("above-reads", "ask_read", "1s", "above/asked"),
    ):
        text = ASKING.format(name=f"escape-{name}", key=key, timeout=timeout, forbidden=forbidden, folder=folder)
        (directory / f"escape-{name}.toml").write_text(text)


def parse(output: str) -> dict[str, Outcome]:
    outcomes = {}
    for line in output.splitlines():
        words = line.split("\t")
        if len(words) == 5 and words[2].startswith("errno="):
            outcomes[words[0]] = Outcome(int(words[2][6:]), words[3].removeprefix("effect="), words[4])
    return outcomes


def write_list(path: Path, lines: Iterable[tuple[str, tuple[str, ...]]]) -> None:
    path.write_text("".join("\t".join((key, *argv)) + "\n" for key, argv in lines))
    os.chmod(path, 0o644)


class Control:
    """Without the fence. The account runs nothing else, so a batch disturbs nobody."""

    name = "control"
    fenced = False

    def batch(self, world: World, steps: list[tuple[str, Step]]) -> tuple[dict[str, Outcome], str]:
        outcomes, text = {}, ""
        for who in ("user", "root"):
            chosen = [(key, step.argv) for key, step in steps if step.control == who]
            listing = world.base / f"steps-{who}"
            write_list(listing, chosen)
            result = self.run(world, str(listing), uid=UID if who == "user" else 0, timeout=200)
            outcomes.update(parse(result.stdout))
            text += result.stdout
        return outcomes, text

    def run(
        self,
        world: World,
        *argv: str,
        uid: int = UID,
        cwd: Optional[Path] = None,
        env: Optional[dict[str, str]] = None,
        timeout: float = 60,
        **options: Any,
    ) -> subprocess.CompletedProcess[str]:
        """The probe with these arguments. As root it gets namespaces of its own and limits that only root can raise."""
        environment = {"HOME": str(world.home), "PATH": "/usr/bin:/bin", "USER": NAME, **(env or {})}
        command = [str(world.probe), *argv]
        if uid == 0:
            command = ["unshare", "--mount", "--", *command]
        else:
            options.update(user=uid, group=uid, extra_groups=[])
        return subprocess.run(
            command,
            cwd=cwd or world.workspace,
            env=environment,
            timeout=timeout * SLOWER,
            **{"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "errors": "replace", **options},
        )


class Fenced:
    """As the agent, under one real daemon."""

    name = "fenced"
    fenced = True

    def __init__(self, build: Path, base: Path) -> None:
        self.programs = base / "bin"
        self.daemon = Daemon(
            build, policies=[SOURCE / "policy" / "profiles", base / "policies"], uid_range="610000-610999"
        )
        self.client = self.programs / "ringfence"
        shutil.copy(build / "bin" / "ringfence", self.client)  # the account may not reach the build folder

    def batch(self, world: World, steps: list[tuple[str, Step]]) -> tuple[dict[str, Outcome], str]:
        listing = world.workspace / "steps"
        write_list(listing, [(key, step.fenced_argv or step.argv) for key, step in steps])
        result = self.run(world, str(listing), timeout=200)
        listing.unlink(missing_ok=True)
        if not result.stdout.rstrip().endswith("done"):
            sys.stderr.write(
                f"escape: the fenced batch ended early ({result.returncode}): {result.stderr[-2000:]}\n"
                f"{result.stdout[-500:]}\n"
            )
        return parse(result.stdout), result.stdout

    def run(self, world: World, *argv: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """The probe with these arguments, as an agent."""
        return self.run_fenced([str(world.probe), *argv], world, **options)

    def run_fenced(
        self,
        command: list[str],
        world: World,
        *,
        workspace: Optional[Path] = None,
        cwd: Optional[Path] = None,
        policy: str = "escape",
        env: Optional[dict[str, str]] = None,
        timeout: float = 60,
        uid: int = UID,
        client_options: Iterable[str] = (),
        **options: Any,
    ) -> subprocess.CompletedProcess[str]:
        workspace = workspace or world.workspace
        merged = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "errors": "replace", **options}
        return subprocess.run(
            self.command(command, workspace, policy, client_options),
            cwd=cwd or workspace,
            env=self.environment(world, env),
            timeout=timeout * SLOWER,
            user=uid,
            group=uid,
            extra_groups=[],
            **merged,
        )

    def start(self, world: World, *argv: str, **options: Any) -> subprocess.Popen[str]:
        """The same without waiting."""
        return self.start_fenced([str(world.probe), *argv], world, **options)

    def start_fenced(
        self,
        command: list[str],
        world: World,
        *,
        workspace: Optional[Path] = None,
        policy: str = "escape",
        client_options: Iterable[str] = (),
        **options: Any,
    ) -> subprocess.Popen[str]:
        workspace = workspace or world.workspace
        merged = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.STDOUT,
            "text": True,
            **options,
        }
        return subprocess.Popen(
            self.command(command, workspace, policy, client_options),
            cwd=workspace,
            env=self.environment(world, None),
            user=UID,
            group=UID,
            extra_groups=[],
            **merged,
        )

    def client_call(self, world: World, *argv: str, uid: int = UID) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.client), *argv],
            env=self.environment(world, None),
            user=uid,
            group=uid,
            extra_groups=[],
            capture_output=True,
            text=True,
            timeout=60 * SLOWER,
            cwd="/",
            stdin=subprocess.DEVNULL,
        )

    def command(self, command: list[str], workspace: Path, policy: str, client_options: Iterable[str]) -> list[str]:
        return [str(self.client), "run", "-p", policy, "-w", str(workspace), *client_options, "--", *command]

    def environment(self, world: World, extra: Optional[dict[str, str]]) -> dict[str, str]:
        return {
            "HOME": str(world.home),
            "PATH": "/usr/bin:/bin",
            "USER": NAME,
            "LANG": "C.UTF-8",
            "RINGFENCE_SOCKET": str(self.daemon.run_dir / "control.sock"),
            **(extra or {}),
        }
