#!/usr/bin/env python3
"""What a screen reader gets of the panel, and what it can do: the panel on an X server of its own, asked over AT-SPI.

    accessibility_test.py BUILD [TEST…]
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))
from tests.support.cli_bench import Bench, run_tests  # noqa: E402
from tests.support.daemon import eventually  # noqa: E402

# Runs with the bus and the X server; says one line for each thing that can have the focus, then presses the stop.
READER = r"""
import sys, time
import pyatspi

FOCUSABLE_WITHOUT_NAME = {"filler", "panel", "frame", "scroll pane", "viewport", "layered pane"}

def panel():
    for application in pyatspi.Registry.getDesktop(0):
        if application is not None and "ringfence" in (application.name or ""):
            return application

def walk(node, depth=0):
    yield node
    if depth < 30:
        for i in range(node.childCount):
            child = node.getChildAtIndex(i)
            if child is not None:
                yield from walk(child, depth + 1)

def named(name):
    for node in walk(panel()):
        if node.name == name and node.getState().contains(pyatspi.STATE_SHOWING):
            return node

def wait(holds):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            value = holds()
        except Exception:
            value = None
        if value:
            return value
        time.sleep(0.2)
    sys.exit("the panel did not show what was waited for")

wait(lambda: panel() and panel().childCount)
wait(lambda: named("Pause reader"))
for node in walk(panel()):
    state = node.getState()
    if state.contains(pyatspi.STATE_FOCUSABLE) and state.contains(pyatspi.STATE_SHOWING):
        print("focusable", node.getRoleName(), repr(node.name), flush=True)
stop = named("Emergency stop")
print("stop", stop.getRoleName(), repr(stop.description), flush=True)
stop.queryAction().doAction(0)
wait(lambda: named("Everything is frozen"))
print("frozen", flush=True)
"""

SESSION = r"""
set -e
/usr/libexec/at-spi-bus-launcher --launch-immediately &
"$PANEL" &
panel=$!
trap 'kill $panel %1 2>/dev/null' EXIT
"$PYTHON" -c "$READER"
"""


def test_everything_that_can_have_the_focus_has_a_name_and_the_stop_can_be_pressed_without_a_pointer(bench: Bench) -> None:
    run = bench.detached("sleep 600", "--name", "reader")
    settings = bench.daemon.base / "config/ringfence"
    settings.mkdir(parents=True)
    (settings / "ringfence.conf").write_text("[General]\nwasStarted=true\nlanguage=en\n")
    environment = {**bench.daemon.environment, "PANEL": str(bench.daemon.bin / "ringfence-panel"), "PYTHON": sys.executable,
                   "READER": READER, "QT_QPA_PLATFORM": "xcb", "QT_LINUX_ACCESSIBILITY_ALWAYS_ON": "1", "HOME": str(bench.daemon.base),
                   "XDG_CONFIG_HOME": str(bench.daemon.base / "config"), "NO_AT_BRIDGE": "0"}
    environment.pop("DBUS_SESSION_BUS_ADDRESS", None)
    done = subprocess.run(["xvfb-run", "-a", "dbus-run-session", "--", "bash", "-c", SESSION], env=environment, text=True,
                          capture_output=True, timeout=150)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    focusable = [line for line in lines if line.startswith("focusable")]
    assert len(focusable) > 10, lines
    for line in focusable:
        assert re.search(r"'.+'$|\".+\"$", line), f"no name: {line}"
    assert any(line.startswith("stop push button 'Everything") for line in lines), lines
    assert "frozen" in lines, lines
    groups = list(Path("/sys/fs/cgroup").glob(f"**/{bench.daemon.cgroup_root}*/**/{run}/agent/cgroup.events"))
    assert groups and all("frozen 1" in group.read_text() for group in groups), groups
    assert eventually(lambda: bench.show(run)["state"] == "frozen"), bench.show(run)


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C.UTF-8")
    sys.exit(run_tests(globals()))
