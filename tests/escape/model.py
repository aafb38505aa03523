"""What an attempt is, and how one is judged.

A case answers for one id of the catalogue. It is either a list of steps, each one primitive of the probe and a proof, or
a script that drives both sides itself. A proof looks at the world outside after the attempt and says whether there was an
effect. The same attempt is made twice: without the fence, where the effect must be seen (the positive control), and
inside, where it must not.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Iterable, Optional, Union


@dataclass(frozen=True)
class Outcome:
    """One line that the probe printed. `effect` is what the probe itself saw: yes, no or unknown."""

    errno: int
    effect: str
    detail: str


Proof = Callable[[Any, Outcome], Optional[bool]]  # None: the attempt could not be judged


@dataclass(frozen=True)
class Step:
    name: str  # unique within its case
    argv: tuple[str, ...]  # primitive and arguments
    proof: Proof
    control: str = "user"  # "user": as the agent's uid; "root": only root can; "none": see `why`
    why: str = ""  # why no control can exist
    fenced_argv: Optional[tuple[str, ...]] = None  # where the fenced side must name things differently


@dataclass
class Result:
    """What one step came to on one side."""

    name: str
    effect: Optional[bool]  # None: not made, or not judged; always a failure
    note: str = ""
    control: str = "user"
    why: str = ""
    is_control: bool = False  # of a case whose control needs a daemon: made beside the attempt, judged as one without the fence


Script = Callable[[Any, Any], list[Result]]
STEPS: dict[str, Callable[[Any], list[Step]]] = {}
SCRIPTS: dict[str, Script] = {}


def steps(identifier: str) -> Callable[[Callable[[Any], list[Step]]], Callable[[Any], list[Step]]]:
    def register(function: Callable[[Any], list[Step]]) -> Callable[[Any], list[Step]]:
        STEPS[identifier] = function
        return function

    return register


def script(identifier: str) -> Callable[[Script], Script]:
    def register(function: Script) -> Script:
        SCRIPTS[identifier] = function
        return function

    return register


# ---- proofs ----------------------------------------------------------------------------------------------------------


def seen(token: str) -> Proof:
    """The secret came out through the probe's output."""
    return lambda world, outcome: token in outcome.detail


def by_probe(world: Any, outcome: Outcome) -> bool:
    """The effect is inside the process itself and nothing outside can show it: the probe read the state back."""
    return outcome.effect == "yes"


def appeared(path: Union[str, Path]) -> Proof:
    """Something of that name is there, outside, that was not there before."""
    return lambda world, outcome: os.path.lexists(path)


def gone(path: Union[str, Path]) -> Proof:
    return lambda world, outcome: not os.path.lexists(path)


def changed(path: Union[str, Path]) -> Proof:
    """Anything about the file differs from now: content, mode, owner, times, attributes, links, identity."""
    before = snapshot(path)
    return lambda world, outcome: snapshot(path) != before


def has_set_id(path: Union[str, Path]) -> Proof:
    def look(world: Any, outcome: Outcome) -> bool:
        return os.path.lexists(path) and bool(os.lstat(path).st_mode & (stat.S_ISUID | stat.S_ISGID))

    return look


def either(*proofs: Proof) -> Proof:
    return lambda world, outcome: any(proof(world, outcome) for proof in proofs)


def snapshot(path: Union[str, Path]) -> Optional[dict[str, Any]]:
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    content = Path(path).read_bytes() if stat.S_ISREG(status.st_mode) and status.st_size < 1 << 20 else b""
    names = os.listxattr(path, follow_symlinks=False)
    return {
        "content": content,
        "mode": status.st_mode,
        "uid": status.st_uid,
        "gid": status.st_gid,
        "nlink": status.st_nlink,
        "mtime": status.st_mtime_ns,
        "ctime": status.st_ctime_ns,
        "size": status.st_size,
        "inode": status.st_ino,
        "xattrs": {name: os.getxattr(path, name, follow_symlinks=False) for name in names},
    }


# ---- the run as a whole -----------------------------------------------------------------------------------------------


@dataclass
class Verdict:
    """One id, both sides."""

    identifier: str
    control: list[Result] = field(default_factory=list)
    fenced: list[Result] = field(default_factory=list)

    def effects(self) -> list[Result]:
        return [result for result in self.fenced if result.effect]

    def problems(self, allowed: Callable[[str], Optional[str]]) -> Iterable[str]:
        """Why this id is not held: an effect, an attempt that was not made, a control that did not work."""
        skipped = {r.name for r in self.control + self.fenced if allowed(f"{self.identifier}.{r.name}")}
        for result in self.fenced:
            if result.effect is None and result.name not in skipped:
                yield f"{self.identifier}.{result.name}: not attempted inside: {result.note}"
            elif result.effect:
                yield f"{self.identifier}.{result.name}: EFFECT: {result.note}"
        for result in self.control:
            if result.effect is not True and result.control != "none" and result.name not in skipped:
                yield f"{self.identifier}.{result.name}: invalid: the control had no effect: {result.note}"
        if not self.fenced:
            yield f"{self.identifier}: nothing was attempted"
        if not self.control:
            yield f"{self.identifier}: invalid: there was no control"

    def has_control(self) -> bool:
        return any(result.control != "none" for result in self.control)
