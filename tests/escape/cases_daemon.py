"""API-14: somebody else in the daemon's place. What a client says to a false daemon, its workspace, environment and
policies among it, is the effect; it is counted by whoever plays the daemon."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from model import Result, script
from sides import SOURCE
from world import OTHER_UID, SLOWER, UID, World

# By who starts it: the command line, the emergency stop, which goes by a socket of its own, and the Python library.
PYTHON = "import sys; sys.path.insert(0, sys.argv[1]); import ringfence; print(ringfence.Client(timeout=3).runs())"
REFUSAL = "neither root nor you"


def clients(w: World, side: Any) -> dict[str, list[str]]:
    program, library = str(side.client), w.base / "python"
    if not library.exists():
        shutil.copytree(SOURCE / "sdk/python", library, ignore=shutil.ignore_patterns("__pycache__"))
    return {
        "ps": [program, "ps"],
        "run": [program, "run", "-p", "escape", "-w", str(w.workspace), "--", "/bin/true"],
        "pending": [program, "pending", "--watch"],
        "allow": [program, "allow", "1"],
        "log": [program, "log", "-f"],
        "usage": [program, "usage"],
        "stop": [program, "estop"],
        "python": ["/usr/bin/python3", "-IBc", PYTHON, str(library)],
    }


def told_to(w: World, side: Any, server: int) -> list[Result]:
    """Each client of the account, with a daemon of that uid at the place where it looks."""
    place = w.base / f"false-{secrets.token_hex(4)}"
    place.mkdir()
    os.chown(place, server, server)
    program = w.base / "fake_daemon.py"
    shutil.copy(Path(__file__).with_name("fake_daemon.py"), program)
    record, results = place / "record", []
    sockets = [str(place / name) for name in ("control.sock", "stop.sock")]
    fake = subprocess.Popen(
        ["/usr/bin/python3", "-IB", str(program), *sockets, str(record)],
        user=server,
        group=server,
        extra_groups=[],
        stdout=subprocess.PIPE,
    )
    try:
        assert fake.stdout is not None and fake.stdout.readline() == b"ready\n"
        environment = {**side.environment(w, None), "RINGFENCE_SOCKET": sockets[0]}
        for name, command in clients(w, side).items():
            record.unlink(missing_ok=True)
            said = words_of(command, w, environment, record)
            told = record.exists() and record.stat().st_size > 0
            # Who is not told anything, for whatever other reason, was not tried.
            refused = REFUSAL in said
            is_control = server == UID
            effect = told if is_control or told or refused else None
            results.append(Result(name, effect, f"told {told}: {said[-200:]}", is_control=is_control))
    finally:
        fake.kill()
        fake.wait()
        shutil.rmtree(place, ignore_errors=True)
    return results


def words_of(command: list[str], w: World, environment: dict[str, str], record: Path) -> str:
    """What it says until it ends. Nobody answers a client that has said something to the daemon: it is ended then."""
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        client = subprocess.Popen(
            command,
            cwd=w.workspace,
            env=environment,
            user=UID,
            group=UID,
            extra_groups=[],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        deadline = time.monotonic() + 20 * SLOWER
        while client.poll() is None and not record.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        client.kill()
        client.wait()
        output.seek(0)
        return output.read()


# Tries to become what clients of the daemon meet, in its own folder: prints what came of each.
SQUAT = """
import os, socket, sys
folder, control = sys.argv[1], sys.argv[1] + "/" + sys.argv[2]
def bind(path):
    socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).bind(path)
for name, act in (("bind", lambda: bind(folder + "/squat.sock")), ("link", lambda: os.symlink("/tmp", folder + "/squat.link")),
                  ("replace", lambda: (bind(folder + "/mine.sock"), os.rename(folder + "/mine.sock", control))),
                  ("unlink", lambda: os.unlink(control)), ("move", lambda: os.rename(folder, folder + ".away"))):
    try:
        act()
    except OSError:
        pass
    print(name)
"""


def squatted(w: World, folder: Path, uid: int, is_control: bool) -> list[Result]:
    """The effect is anything that is different in the folder, or the folder elsewhere."""
    before = names_in(folder)
    ran = subprocess.run(
        ["/usr/bin/python3", "-IBc", SQUAT, str(folder), "control.sock"],
        user=uid,
        group=uid,
        extra_groups=[],
        capture_output=True,
        text=True,
        timeout=30 * SLOWER,
        cwd="/",
    )
    tried = ran.stdout.split() == ["bind", "link", "replace", "unlink", "move"]
    effect = names_in(folder) != before if tried else None
    return [Result(f"squat-{'own' if is_control else uid}", effect, ran.stderr[-200:], is_control=is_control)]


def names_in(folder: Path) -> list[tuple[str, int]]:
    if not folder.is_dir():
        return []
    return sorted((entry.name, entry.inode()) for entry in os.scandir(folder) if not entry.name.startswith("."))


@script("API-14")
def somebody_in_the_place_of_the_daemon(w: World, side: Any) -> list[Result]:
    if not side.fenced:
        return []
    own = w.make_directory(w.home / "work/own-run")
    (own / "control.sock").touch()
    results = [*told_to(w, side, OTHER_UID), *told_to(w, side, UID), *squatted(w, own, UID, True)]
    for uid in (UID, OTHER_UID):
        results += squatted(w, side.daemon.run_dir, uid, False)
    return results
