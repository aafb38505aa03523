"""What an agent keeps for the case that it is killed and started again: see `Checkpoint`."""
from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import stat
import time
from dataclasses import dataclass
from typing import Any, Callable, Dict, Optional, TypeVar

from .agent import Agent

__all__ = ["Checkpoint", "CheckpointBusy", "CheckpointDamaged", "CheckpointError", "CheckpointTooLarge", "Restored", "StepUnsure"]

FORMAT = 1
MAX_BYTES = 8 * 1024 * 1024  # of the file
MAX_STEPS = 4096
MAX_STEP_ID = 64  # bytes, as an id of a report has
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
T = TypeVar("T")


class CheckpointError(Exception):
    """A checkpoint that cannot be used; the message says which file and why."""


class CheckpointBusy(CheckpointError):
    """Another process has this checkpoint: two that go on from the same one would undo each other's."""


class CheckpointDamaged(CheckpointError):
    """The file is not what was written, or was written by a later version. It is left as it is: whoever can do without it
    removes it (`Checkpoint.path`)."""


class CheckpointTooLarge(CheckpointError):
    """More than 8 MiB or 4,096 steps. What was kept before is still there."""


class StepUnsure(CheckpointError):
    """The step was begun once and nobody knows whether its effect happened: the process ended or it raised in between.
    `step`: its id."""

    def __init__(self, step: str) -> None:
        super().__init__(f"step {step} was begun and its end was not kept: its effect may have happened")
        self.step = step


@dataclass(frozen=True)
class Restored:
    """What was kept last. `data`: as it was given to `save` (tuples are lists, keys are text); `version`: what the agent called
    its shape; `run`: the id of the run that kept it, "" outside a fence; `saved`: seconds since 1970."""

    data: Any
    version: int
    run: str
    saved: float


class Checkpoint:
    """A file of the agent's own, in which it finds after a kill and a new start where it was.

        with ringfence.Checkpoint("tidier", agent=agent) as checkpoint:
            kept = checkpoint.restore()
            state = kept.data if kept else {"next": 0}
            ...
            checkpoint.save(state)
            checkpoint.once("mail-7", lambda: send_mail(id="mail-7"))

    It is `~/.local/state/ringfence/NAME-HASH.checkpoint`. Inside a fence that is the private home, which Ringfence keeps for each
    user and policy: it outlives every run, and another policy has another one. HASH stands for the workspace, so that agents in
    two workspaces have two. One process at a time has it; the kernel lets go of it when that one dies.

    It is replaced as a whole and is on the disk when a call returns: after a kill or a loss of power there is the old one or
    the new one. It is not a secret, nor a proof of anything: whatever runs under the same user and policy can read and change
    it. It is not undone with the workspace, and does not keep what the agent has in memory, open or running.

    For one thread. Each call writes all of it: meant for kilobytes, bounded at 8 MiB.
    """

    def __init__(self, name: str, *, agent: Optional[Agent] = None, workspace: Optional[str] = None, folder: Optional[str] = None,
                 patience: float = 5.0) -> None:
        """`name`: the agent's, letters, digits, ., _ and -, at most 64. `agent`: is told `safe_point` after each `save`.
        `workspace`: what the agent works on, a path; without it the current directory. `folder`: where the file is, instead of
        that of the home. `patience`: seconds to wait for a process that has it, which may be one that is being killed.

        Raises `CheckpointBusy`, `CheckpointDamaged`, `ValueError` for a name that cannot be one, `OSError` where the folder
        cannot be made or written.
        """
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name for a checkpoint: letters, digits, '.', '_' and '-', at most 64")
        self._agent = agent
        place = os.path.realpath(workspace if workspace is not None else ".")
        mark = hashlib.sha256(os.fsencode(place)).hexdigest()[:16]
        folder = folder if folder is not None else os.path.expanduser("~/.local/state/ringfence")
        os.makedirs(folder, mode=0o700, exist_ok=True)
        self.path = os.path.join(folder, f"{name}-{mark}.checkpoint")
        """The file; it need not exist."""
        self._folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._lock = -1
        try:
            self._lock = os.open(self.path + ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            self._take_lock(time.monotonic() + patience)
            self._kept = self._read()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Lets another process have it. May be called twice; nothing else may be called then."""
        for fd in (self._lock, self._folder):
            if fd >= 0:
                with contextlib.suppress(OSError):
                    os.close(fd)
        self._lock = self._folder = -1

    def __enter__(self) -> "Checkpoint":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- where it was

    def restore(self) -> Optional[Restored]:
        """What `save` kept last, in this process or another; None: nothing yet."""
        kept = self._kept.get("data")
        return None if kept is None else Restored(kept["value"], kept["version"], kept["run"], kept["saved"])

    def save(self, data: Any, version: int = 1) -> None:
        """Keeps `data` in place of what was kept: anything that JSON has. `version`: of its shape, for the agent itself to
        look at after an update. When it returns, `data` is on the disk, and the agent (where one was named) has told that to
        be ended now costs nothing.

        Raises `ValueError` or `TypeError` for what JSON has not, `CheckpointTooLarge`, `OSError` when it cannot be written; what
        was kept before is still there then.
        """
        kept = {"value": data, "version": int(version), "run": os.environ.get("RINGFENCE_RUN", ""), "saved": time.time()}
        self._write({**self._kept, "data": kept})
        if self._agent is not None:
            self._agent.safe_point()

    # ---- what was done

    def once(self, step: str, effect: Callable[[], T], *, unsure: str = "raise") -> T:
        """Does `effect` once for the id `step`, however often the code around it runs, also after a kill; returns what it
        returned, which is kept and must be something that JSON has.

        `step`: at most 64 bytes; best also given to whoever has the effect, as its request id. Between an effect and the keeping
        of it a process can die. Then nobody knows: `unsure="raise"` raises `StepUnsure` (at most once), `unsure="again"` does it
        again (at least once: for effects that are the same when done twice, or whose receiver knows the id). An effect that
        raises counts as begun; `forget` says that it did not happen.

        Raises also what `effect` raises, and as `save` does.
        """
        if not 1 <= len(step.encode()) <= MAX_STEP_ID:
            raise ValueError(f"a step has an id of 1 to {MAX_STEP_ID} bytes")
        if unsure not in ("raise", "again"):
            raise ValueError("unsure is 'raise' or 'again'")
        steps: Dict[str, Any] = self._kept["steps"]
        if step in steps:
            if "result" in steps[step]:
                done: T = steps[step]["result"]
                return done
            if unsure == "raise":
                raise StepUnsure(step)
        else:
            self._write({**self._kept, "steps": {**steps, step: {}}})
        result = effect()
        self._write({**self._kept, "steps": {**self._kept["steps"], step: {"result": result}}})
        kept: T = self._kept["steps"][step]["result"]
        return kept  # As it is read the next time: lists for tuples.

    def forget(self, step: str) -> None:
        """`once` knows nothing of this step any more: because it did not happen, or is long past. Unknown ones are ignored."""
        self._write({**self._kept, "steps": {one: kept for one, kept in self._kept["steps"].items() if one != step}})

    # ---- the file

    def _take_lock(self, deadline: float) -> None:
        while True:
            try:
                return fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise CheckpointBusy(f"{self.path}: another process has it") from None
                time.sleep(0.02)

    def _read(self) -> Dict[str, Any]:
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return {"data": None, "steps": {}}
        with os.fdopen(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise CheckpointDamaged(f"{self.path} is not a regular file")
            text = file.read(MAX_BYTES + 1)
        head, _, body = text.partition(b"\n")
        try:
            header = json.loads(head)
            if header["ringfence_checkpoint"] != FORMAT:
                raise CheckpointDamaged(f"{self.path} has format {header['ringfence_checkpoint']}; this version reads {FORMAT}")
            if len(text) > MAX_BYTES or header["sha256"] != hashlib.sha256(body).hexdigest():
                raise CheckpointDamaged(f"{self.path} is not what was written")
            kept = json.loads(body)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise CheckpointDamaged(f"{self.path} is no checkpoint") from error
        if not isinstance(kept, dict) or not isinstance(kept.get("steps"), dict):
            raise CheckpointDamaged(f"{self.path} is no checkpoint")
        return kept

    def _write(self, kept: Dict[str, Any]) -> None:
        if len(kept["steps"]) > MAX_STEPS:
            raise CheckpointTooLarge(f"{self.path}: more than {MAX_STEPS} steps; forget those that are past")
        body = json.dumps(kept, allow_nan=False, separators=(",", ":")).encode()
        head = json.dumps({"ringfence_checkpoint": FORMAT, "sha256": hashlib.sha256(body).hexdigest()}).encode() + b"\n"
        if len(head) + len(body) > MAX_BYTES:
            raise CheckpointTooLarge(f"{self.path}: more than {MAX_BYTES} bytes")
        new = self.path + ".new"
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(head + body)
            file.flush()
            os.fsync(fd)
        os.replace(new, self.path)
        os.fsync(self._folder)
        self._kept = json.loads(body)
