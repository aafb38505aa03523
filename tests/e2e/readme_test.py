#!/usr/bin/env python3
"""The commands of the README, typed as they stand there, with the programs as they are installed.

    readme_test.py BUILD [TEST…]
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import SOURCE, Daemon  # noqa: E402


class Installed(Daemon):
    """The daemon of an installation, with the policies that came with it."""

    def __init__(self, prefix: Path) -> None:
        super().__init__(prefix)
        self.prefix = prefix
        self.bin = self.base / "programs"
        self.bin.mkdir()
        (self.bin / "ringfence").symlink_to(prefix / "bin" / "ringfence")
        (self.bin / "ringfenced").symlink_to(prefix / "sbin" / "ringfenced")
        self.policies = []

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, "PATH": f"{self.prefix / 'bin'}:/usr/bin:/bin", "HOME": str(self.base / "home")}


def commands() -> list[str]:
    blocks = re.findall(r"^```\n(.*?)^```", (SOURCE / "README.md").read_text(), re.S | re.M)
    lines = [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("ringfence ")]


def first_line_of(command: str, **options: object) -> str:
    """Of a command that goes on until it is interrupted."""
    with subprocess.Popen(shlex.split(command), stdout=subprocess.PIPE, text=True, **options) as process:  # type: ignore[call-overload]
        assert process.stdout is not None
        line = process.stdout.readline()
        process.send_signal(signal.SIGINT)
    return str(line)


def test_every_command_of_the_readme_does_what_it_says_after_an_installation(bench: Bench) -> None:
    prefix = bench.daemon.base / "prefix"
    subprocess.run(["cmake", "--install", bench.daemon.bin.parent, "--prefix", prefix], check=True, stdout=subprocess.DEVNULL)
    with Installed(prefix) as daemon:
        (daemon.base / "home" / "project").mkdir(parents=True)
        (daemon.base / "FILE").write_text('schema = 1\nname = "mine"\nextends = ["coding"]\n')
        outputs = {}
        for command in commands():
            real = command.replace("~", str(daemon.base / "home")).replace("FILE", "./FILE").replace("COMMAND", "sh -c 'echo inside; exit 3'")
            options = {"cwd": daemon.base / ("home/project" if " run " in command else "."), "env": daemon.environment}
            if command.endswith(" -f"):
                outputs[command] = first_line_of(real, **options)
                continue
            result = subprocess.run(shlex.split(real), capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL,
                                    **options)
            expected = 3 if command.endswith("COMMAND") and "--dry-run" not in command else 0
            equal(result.returncode, expected, (command, result.stderr))
            outputs[command] = result.stdout
        assert len(outputs) >= 6, outputs
        equal(outputs["ringfence run -p coding -w ~/project -- COMMAND"], "inside\n")
        assert "landlock" in outputs["ringfence run --dry-run -p coding -- COMMAND"], outputs
        assert "daemon-started" in outputs["ringfence log -f"], outputs
        listed = subprocess.run(["ringfence", "policy", "list"], capture_output=True, text=True, env=daemon.environment)
        assert "coding" in listed.stdout and str(prefix) in listed.stdout, listed
        away = {**daemon.environment, "RINGFENCE_SOCKET": str(daemon.base / "nobody.sock"), "PATH": os.environ["PATH"]}
        doctor = subprocess.run([prefix / "bin" / "ringfence", "doctor"], capture_output=True, text=True, env=away)
        assert doctor.stdout.startswith("kernel "), doctor.stderr


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
