#!/usr/bin/env python3
"""What is installed for agents is used as somebody else would: a CMake project, a wheel and an sdist built without a network.

    installed_test.py ROOT BUILD
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT, BUILD = Path(sys.argv[1]), Path(sys.argv[2])
OUTSIDE = {name: value for name, value in os.environ.items() if not name.startswith("RINGFENCE_")}


def run(*command: str | Path, cwd: Path | None = None) -> str:
    done = subprocess.run([str(word) for word in command], cwd=cwd, env=OUTSIDE, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def consumer(base: Path) -> None:
    prefix = base / "prefix"
    run("cmake", "--install", BUILD, "--prefix", prefix, "--component", "sdk")
    source = base / "consumer"
    shutil.copytree(ROOT / "tests" / "sdk" / "consumer", source)
    run("cmake", "-S", source, "-B", base / "built", f"-DCMAKE_PREFIX_PATH={prefix}", "-DCMAKE_BUILD_TYPE=Release")
    run("cmake", "--build", base / "built")
    said = run(base / "built" / "consumer", cwd=base)
    assert "in no fence" in said, said
    files = sorted((prefix / "include" / "ringfence").iterdir())
    told = re.findall(r"^## `<ringfence/(.*)>`$", (ROOT / "docs" / "cpp-reference.md").read_text(), re.M)
    assert len(files) >= 2 and [file.name for file in files] == sorted(told), f"installed are {files}, and the reference has {told}"
    headers = [file.read_text() for file in files]
    foreign = [line for header in headers for line in header.splitlines() if line.startswith("#include") and "<" not in line]
    assert not foreign, f"the installed header includes what is not installed: {foreign}"
    module = prefix / "lib" / "python3" / "dist-packages"
    assert "in no fence" in run("/usr/bin/python3", "-B", "-c", "import ringfence; print(ringfence.Agent().absent)", cwd=module)


def packages(base: Path) -> None:
    source = base / "python"
    shutil.copytree(ROOT / "sdk" / "python", source, ignore=shutil.ignore_patterns("__pycache__"))
    dist = base / "dist"
    dist.mkdir()
    for kind in ("sdist", "wheel"):
        run("/usr/bin/python3", "-c", f"from setuptools import build_meta; build_meta.build_{kind}({str(dist)!r})", cwd=source)
    wheel = next(dist.glob("ringfence-*-py3-none-any.whl"))
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = {f"ringfence/{file.name}" for file in (source / "ringfence").iterdir() if file.suffix in (".py", ".typed")}
    assert {"ringfence/client.py", "ringfence/py.typed"} <= wanted <= names, names
    sdist = next(dist.glob("ringfence-*.tar.gz"))
    packed = tarfile.open(sdist).getnames()
    assert any(name.endswith("/ringfence/agent.py") for name in packed), packed
    unpacked = base / "unpacked"
    zipfile.ZipFile(wheel).extractall(unpacked)
    assert "in no fence" in run("/usr/bin/python3", "-B", "-c", "import ringfence; print(ringfence.Agent().absent)", cwd=unpacked)


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="ringfence-installed-") as folder:
        consumer(Path(folder))
        packages(Path(folder))
    print("the installed library, the wheel and the sdist work")
    return 0


if __name__ == "__main__":
    sys.exit(main())
