"""Group A, the part that is about how a run is started: workspaces, inherited directories, hostile trees."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from model import Result, script
from world import UID, World


@script("FS-10")
def leaked_directories(w: World, side: Any) -> list[Result]:
    """Directories that the caller holds open, and a working directory outside the workspace."""
    token = w.secret("leaked")
    w.file(w.hidden / "leaked", token)
    opened = [os.open(w.hidden, os.O_RDONLY | os.O_DIRECTORY) for _ in range(20)]
    results = []
    try:
        for descriptor in (opened[0], opened[7], opened[-1]):
            for verb in ("read_at", "fchdir_read"):
                output = side.run(w, verb, str(descriptor), "leaked", pass_fds=opened)
                results.append(
                    Result(f"{verb}-{descriptor}", token in output.stdout, output.stdout + output.stderr[-200:])
                )
        output = side.run(w, "read", "leaked", cwd=Path(f"/proc/self/fd/{opened[0]}"), pass_fds=opened)
        results.append(Result("cwd-by-descriptor", token in output.stdout, output.stdout + output.stderr[-200:]))
        output = side.run(w, "read", "leaked", cwd=w.hidden)
        results.append(Result("cwd-outside", token in output.stdout, output.stdout + output.stderr[-200:]))
    finally:
        for descriptor in opened:
            os.close(descriptor)
    return results


@script("FS-11")
def workspaces(w: World, side: Any) -> list[Result]:
    """Workspaces that a person did not mean: nothing beside the workspace itself may become readable."""
    secret = w.file(w.home / ".ssh/id_ed25519", mode=0o600)
    token = w.tokens[str(secret)]
    link = w.hidden / "link-to-ssh"
    link.symlink_to(w.home / ".ssh")
    odd = w.make_directory(w.home / "line\nbreak")
    removed = w.make_directory(w.home / "removed")
    results = []
    for place in (
        Path("/"),
        Path("/etc"),
        Path("/proc"),
        Path("/run"),
        Path("/usr"),
        Path("/sys"),
        Path("/dev"),
        Path("/var"),
        w.home.parent,
        w.workspace,
        w.granted,
        w.hidden,
        odd,
        Path("/tmp"),
        link / "..",
    ):
        if side.fenced:
            output = side.run_fenced([str(w.probe), "read", str(secret)], w, workspace=place, cwd=Path("/"))
        else:
            output = side.run(w, "read", str(secret), cwd=place)
        inside = side.fenced and token in output.stdout and not str(secret).startswith(str(place.resolve()) + "/")
        refused_or_held = inside if side.fenced else token in output.stdout
        results.append(
            Result(str(place).replace(str(w.base), ""), refused_or_held, (output.stdout + output.stderr)[-200:])
        )
    for place in (Path("/"), Path("/etc"), Path("/usr"), Path("/proc"), Path("/sys"), Path("/dev")):
        if side.fenced:
            output = side.run_fenced([str(w.probe), "list", "/"], w, workspace=place, cwd=Path("/"))
            results.append(Result(f"started-on-{place}", output.returncode == 0, output.stderr[-200:], "none"))
        else:
            results.append(
                Result(f"started-on-{place}", None, "", "none", "a refusal to start has no counterpart outside")
            )
    removed.rmdir()
    return results


@script("FS-20")
def hostile_project_policy(w: World, side: Any) -> list[Result]:
    """Objects in the place of the project's policy: nobody may wait for them, or read them without end."""
    results = []
    policy = w.workspace / ".ringfence.toml"

    def make_sparse() -> None:
        with open(policy, "wb") as file:
            file.truncate(10 << 30)

    plants = {
        "fifo": lambda: os.mkfifo(policy),
        "sparse": make_sparse,
        "loop": lambda: policy.symlink_to(policy),
        "endless": lambda: policy.symlink_to("/dev/zero"),
    }
    for name, plant in plants.items():
        policy.unlink(missing_ok=True)
        plant()
        if not policy.is_symlink():
            os.chown(policy, UID, UID)
        began = time.monotonic()
        if side.fenced:
            try:
                side.run(w, "list", "/", timeout=20)
                other = side.client_call(w, "ps")
                slow = time.monotonic() - began > 10 or other.returncode != 0
            except subprocess.TimeoutExpired:
                slow = True
            results.append(Result(name, slow, f"{time.monotonic() - began:.2f} s"))
        else:
            # Who simply reads what is there waits for ever, or gets more than anybody wants.
            try:
                naive = subprocess.run(
                    ["head", "-c", "100000000", str(policy)],
                    capture_output=True,
                    timeout=1,
                    user=UID,
                    group=UID,
                    extra_groups=[],
                    check=False,
                )
                effect = len(naive.stdout) >= 100000000 or naive.returncode != 0
            except subprocess.TimeoutExpired:
                effect = True
            results.append(Result(name, effect, "read by its name"))
    policy.unlink(missing_ok=True)
    return results


@script("FS-21")
def hostile_names(w: World, side: Any) -> list[Result]:
    """A workspace of odd names, great depth and many entries: a run starts in bounded time and prints no raw byte."""
    tree = w.make_directory(w.workspace / "hostile")
    for name in (b"line\nbreak", b"\x1b]0;owned\x07", b"\xff\xfe", b"x" * 255, b" ", b".env\x1b[2J"):
        Path(os.fsdecode(os.fsencode(tree) + b"/" + name)).touch()
    many = w.make_directory(tree / "many")
    for number in range(5000):
        (many / f".env{number}").touch()
    here = os.getcwd()
    os.chdir(tree)
    for _ in range(600):
        os.mkdir("d" * 50)
        os.chdir("d" * 50)
    os.chdir(here)
    began = time.monotonic()
    output = side.run(w, "list", ".")
    took = time.monotonic() - began
    if side.fenced:
        listed = side.client_call(w, "ps", "-a")
        raw = "\x1b" in listed.stdout + output.stderr
        results = [
            Result("bounded", took > 10 or output.returncode not in (0, 125), f"{took:.2f} s {output.stderr[-200:]}"),
            Result("escaped", raw, ""),
        ]
    else:
        found = subprocess.run(["find", str(tree), "-maxdepth", "1"], capture_output=True, check=False).stdout
        deep = subprocess.run(f"find {tree} | wc -l", shell=True, capture_output=True, check=False).stdout
        results = [Result("bounded", int(deep) > 5000, deep.decode()), Result("escaped", b"\x1b" in found, "")]
    subprocess.run(["rm", "-rf", str(tree)], check=False)
    return results


@script("FS-27")
def propagation(w: World, side: Any) -> list[Result]:
    """No mount of the agent's is a peer of one outside, and starting it changes no mount outside."""
    before = Path("/proc/self/mountinfo").read_text()
    inside = mounts_of(side.run(w, "posture").stdout)
    after = Path("/proc/self/mountinfo").read_text()
    peers = [line for line in inside if "shared:" in line or "master:" in line or "propagate_from:" in line]
    results = [Result("peers", bool(peers) or not inside, f"{len(inside)} mounts; {peers[:2]}")]
    if side.fenced:
        results.append(Result("outside", before != after, "mounts outside changed", "none"))
    else:
        results.append(Result("outside", None, "", "none", "starting a program mounts nothing"))
    return results


def mounts_of(text: str) -> list[str]:
    return [line.removeprefix("mount=") for line in text.splitlines() if line.startswith("mount=")]
