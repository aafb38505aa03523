"""What is installed is hardened: hardening.py BUILD_DIR. Installs into a scratch folder and reads each program with readelf.

Each program must be position independent, fully RELRO, without executable stack, without RPATH; no file is set-id.
"""
import pathlib
import stat
import subprocess
import sys
import tempfile

import tree

PROGRAMS = {"bin/ringfence", "libexec/ringfence/ringfence-top", "libexec/ringfence/ringfenced",
            "libexec/ringfence/ringfence-launcher", "libexec/ringfence/ringfence-warden", "libexec/ringfence/ringfence-egress",
            "libexec/ringfence/ringfence-stop", "libexec/ringfence/ringfence-stop-keys", "libexec/ringfence/ringfence-hook",
            "libexec/ringfence/ringfence-rpc"}


def weaknesses(headers):
    """The missing hardenings, from the text of `readelf -hlW` and `-dW` of one file."""
    found = []
    if "DYN (" not in headers:
        found.append("is not position independent")
    if "GNU_RELRO" not in headers:
        found.append("has no RELRO segment")
    if not any("NOW" in line for line in headers.splitlines() if "FLAGS" in line or "(BIND_NOW)" in line):
        found.append("binds lazily")
    stack = [line.split() for line in headers.splitlines() if "GNU_STACK" in line]
    if not stack or "E" in stack[0][-2]:
        found.append("has an executable stack")
    if "(RPATH)" in headers or "(RUNPATH)" in headers:
        found.append("has a library search path of its own")
    return found


def check_tree(prefix, programs):
    problems, checked = [], 0
    for name in sorted(programs):
        if not (prefix / name).exists():
            problems.append(f"{name} is not installed")
    for path in sorted(prefix.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        mode = path.stat().st_mode
        name = path.relative_to(prefix)
        if mode & (stat.S_ISUID | stat.S_ISGID):
            problems.append(f"{name} is installed set-id ({stat.filemode(mode)})")
        if mode & stat.S_IWOTH:
            problems.append(f"{name} is installed writable for everyone")
        if path.read_bytes()[:4] == b"\x7fELF":
            checked += 1
            headers = subprocess.run(["readelf", "-hldW", str(path)], capture_output=True, text=True, check=True).stdout
            problems += [f"{name} {weakness}" for weakness in weaknesses(headers)]
    return problems, checked


def main(build):
    with tempfile.TemporaryDirectory() as scratch:
        result = subprocess.run(["cmake", "--install", build, "--prefix", scratch], capture_output=True, text=True)
        if result.returncode != 0:
            tree.finish("hardening", [f"cmake --install failed: {result.stderr.strip()}"], 0)
        tree.finish("hardening", *check_tree(pathlib.Path(scratch), PROGRAMS))


if __name__ == "__main__":
    main(sys.argv[1])
