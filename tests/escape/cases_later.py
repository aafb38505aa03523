"""Group B again: what nothing holds and what may be changed, told at the end of the run by pid 1 or by a warden.

An effect here is a file that was made, or changed, and that the person who waited for the end was not told of.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

from model import Result, script
from world import UID, World

# Where nothing is there to hold: the folder below which each is made, by the name that the end of the run must tell.
UNHELD = {".git/hooks": ".git/hooks/pre-commit", ".git/config": ".git/config", "below/.git": "below/.git/hooks/pre-commit"}


def ended_with(w: World, side: Any, shell: str, place: Path, policy: str) -> str:
    """What the person who waits for the end of a run reads, or of the same program without a fence."""
    if side.fenced:
        return side.run_fenced(["/bin/sh", "-c", shell], w, workspace=place, cwd=place, policy=policy).stderr
    person: dict[str, Any] = {"user": UID, "group": UID, "extra_groups": [], "cwd": place}
    return subprocess.run(["/bin/sh", "-c", shell], capture_output=True, text=True, check=False, **person).stderr


def made_where_nothing_was(w: World, side: Any) -> list[Result]:
    """In an empty workspace, with a warden and without: the effect is a file that was made and that nobody was told of."""
    results = []
    for policy in ("escape", "escape-asked"):
        asked_place = w.make_directory(w.home / "asked")
        place = w.make_directory(w.home / f"work/empty-{policy}")
        shell = "; ".join(f"mkdir -p $(dirname {name}) && echo escaped > {name}" for name in UNHELD.values()) + "; echo x > tried"
        told = ended_with(w, side, shell, place, policy).partition("look before you use")[2]
        tried = (place / "tried").is_file()
        for held, name in UNHELD.items():
            effect = (place / name).is_file() and f"{place}/{held} (" not in told
            results.append(Result(f"unheld-{policy}-{held}", effect if tried else None, told[-600:]))
        subprocess.run(["rm", "-rf", str(place), str(asked_place)], check=False)
    return results


# One of each kind that runs or is obeyed later because of its name.
LATER = [
    "conftest.py",
    "lib/evil.pth",
    "sitecustomize.py",
    "__pycache__/os.cpython-311.pyc",
    "node_modules/.bin/tsc",
    "package.json",
    "Makefile",
    "CMakeLists.txt",
    "gradle/wrapper/gradle-wrapper.jar",
    "build.rs",
    ".pre-commit-config.yaml",
    "CLAUDE.md",
]


# Ways to change such a file so that whoever looks for changes may not see it; what the end must name.
UNSEEN = {
    "forged-time": ("echo escaped > forged.mk && touch -d 2001-01-01 forged.mk", "forged.mk"),
    "moved-in": ("echo escaped > x && mkdir -p in && mv x in/tox.ini", "in/tox.ini"),
    "linked": ("echo escaped > notes && ln notes noxfile.py", "noxfile.py"),
    "symbolic": ("echo escaped > evil && ln -s evil gradlew", "gradlew"),
    "closed-folder": ("mkdir closed && echo escaped > closed/setup.py && chmod 0311 closed", "not all of it could be looked at"),
    "buried": ("d=.; for i in $(seq 80); do d=$d/d; done; mkdir -p $d && echo escaped > $d/setup.py",
               "not all of it could be looked at"),
    "many": ("for i in $(seq 200); do mkdir m$i && echo x > m$i/a.sh; done; echo escaped > Rakefile", "Rakefile"),
}  # fmt: skip


@script("TH-05")
def named_at_the_end(w: World, side: Any) -> list[Result]:
    """Allowed, and each told at the end: the effect is a file that was made and that nobody was told of."""
    results = []
    folders = " ".join(sorted({os.path.dirname(name) or "." for name in LATER}))
    shell = f"mkdir -p {folders}; for name in {' '.join(LATER)}; do echo escaped > $name; done"
    for policy in ("escape-asked", "escape"):  # watched by a warden; looked through at the end
        w.make_directory(w.home / "asked")
        place = w.make_directory(w.home / f"work/later-{policy}")
        told = ended_with(w, side, shell, place, policy)
        for name in LATER:
            made = (place / name).is_file()
            results.append(Result(f"{name}-{policy}", f"{name} (" not in told if made else None, told[-600:]))
        subprocess.run(["rm", "-rf", str(place)], check=False)
    for name, (attempt, wanted) in UNSEEN.items():
        place = w.make_directory(w.home / f"work/unseen-{name}")
        told = ended_with(w, side, f"{attempt}; echo made > made", place, "escape")
        made = (place / "made").is_file()
        results.append(Result(f"unseen-{name}", wanted not in told if made else None, told[-600:]))
        subprocess.run(["chmod", "-R", "u+rwx", str(place)], check=False)
        subprocess.run(["rm", "-rf", str(place)], check=False)
    return results
