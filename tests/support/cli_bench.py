"""The command line against a daemon of its own: what the end-to-end tests say often, and what runs them.

    def test_a_sentence(bench: Bench) -> None: ...

    sys.exit(run_tests(globals()))      # PROGRAM BUILD [TEST…]; a name is that of its function without test_
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from tests.support.daemon import Daemon, eventually
from tests.support.terminal import Terminal


class Bench:
    """One daemon and a workspace; what the tests say often."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.workspace = daemon.base / "project"
        self.workspace.mkdir()
        self.program = str(daemon.bin / "ringfence")

    def cli(self, *args: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return self.daemon.cli(*args, cwd=options.pop("cwd", self.workspace), **options)

    def sh(self, script: str, *flags: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return self.cli("run", *flags, "--", "/bin/sh", "-c", script, **options)

    def detached(self, script: str, *flags: str) -> str:
        result = self.sh(script, "-d", *flags)
        assert result.returncode == 0, result.stderr
        return result.stdout.strip()

    def terminal(self, *args: str, **options: Any) -> Terminal:
        return Terminal([self.program, *args], cwd=self.workspace, env=self.daemon.environment, **options)

    def shell(self) -> Terminal:
        env = {**self.daemon.environment, "PS1": "ready> ", "TERM": "dumb"}
        shell = Terminal(["bash", "--norc", "--noprofile", "-i"], cwd=self.workspace, env=env)
        shell.expect("ready> ")
        return shell

    def show(self, run: str) -> dict[str, Any]:
        value = self.daemon.json("show", run)
        assert isinstance(value, dict), value
        return value

    def ended(self, run: str) -> dict[str, Any]:
        """Waits for the end of the run and returns its exit."""
        # Background runs starve on a busy machine. A state is shown before it is on the disk: with the end in the log, all that
        # came before it is there too.
        assert eventually(lambda: self.show(run)["state"] == "ended", 100), self.show(run)
        assert eventually(lambda: {"run-ended", "run-refused"} & set(self.kinds(run)), 60), self.kinds(run)
        return self.show(run)["exit"]

    def kinds(self, run: str) -> list[str]:
        """Of the facts that the log has of a run, in its order."""
        return [json.loads(line)["kind"] for line in self.cli("log", run, "--json").stdout.splitlines()]

    def reported_tokens(self, run: str) -> int:
        """What the agent of a run told that it used, in and out, without what its egress saw."""
        lines = map(json.loads, self.cli("log", run, "--json").stdout.splitlines())
        return sum(model["input_tokens"] + model["output_tokens"] for line in lines if line["kind"] == "usage-reported"
                   for model in line["body"]["models"])

    def last_ended(self) -> str:
        """The newest run, which has ended, when the log says so too."""
        run = self.last_run()["id"]
        self.ended(run)
        return run

    def last_run(self) -> dict[str, Any]:
        return self.daemon.json_runs()[-1]


def equal(got: Any, wanted: Any, why: Any = "") -> None:
    assert got == wanted, f"got {got!r}, wanted {wanted!r}; {why}"


def run_tests(found: dict[str, Any]) -> int:
    """Each test with a fresh daemon, which must leave nothing behind. Prints one line a test and a count."""
    tests = {name[5:]: test for name, test in found.items() if name.startswith("test_")}
    wanted = sys.argv[2:] or list(tests)
    failed = 0
    for name in wanted:
        sentence = name.replace("_", " ")
        daemon = Daemon(sys.argv[1])
        log = ""
        try:
            with daemon:
                try:
                    tests[name](Bench(daemon))
                finally:
                    log = daemon.log()
            left = daemon.leftovers()
            assert not left, f"left behind: {left}"
            print(f"ok    {sentence}", flush=True)
        except (AssertionError, RuntimeError, subprocess.SubprocessError, OSError, LookupError, TypeError, ValueError) as wrong:
            failed += 1
            print(f"FAIL  {sentence}\n      {type(wrong).__name__}: {wrong}\n--- the daemon said:\n{log}---", flush=True)
    print(f"{len(wanted) - failed} of {len(wanted)} held")
    return 1 if failed else 0
