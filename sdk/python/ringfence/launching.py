"""What a launch says to the daemon: see `Launch`."""
from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import stat
from dataclasses import dataclass, field
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from ._wire import to_bytes
from .errors import Invalid, NotFound, PolicyInvalid

__all__ = ["Launch"]

MAX_POLICY = 256 * 1024  # bytes
MAX_POLICIES = 1024
PROJECT_POLICY = ".ringfence.toml"


@dataclass
class Launch:
    """A command to run inside a fence, as `ringfence run` would.

    `command`: its words; the first is a program with its path, or a name that the PATH of this process finds. The tree that it
    is installed in is not guessed, as the command line does: what is not below /usr, /bin, /sbin or /lib, nor in the
    workspace, must be granted by the policy or by `read`.
    `workspace`: a directory. `policy`: the name of one ("" is "coding"); `policy_file`: a path instead. The policies of this
    user and of the workspace are read and sent along, so that they tighten this run as they tighten any.
    `name`: at most 64 bytes; "" is the program's. `environment`: None is that of this process, of which the policy passes some;
    `extra_environment`: is set whatever the policy passes. `read`, `write`: further paths. `allow_hosts`: (host, port) each,
    port 0 is any. `unattended`: what would be asked is denied at once.
    `stdio`: three descriptors for the command, borrowed (pipes, files, sockets; no terminals); None: it reads nothing, and what
    it writes is kept for `ringfence logs`.
    `detached`: it goes on when the connection that started it is closed, also with `stdio`, and tells no events.
    """

    command: Sequence[str]
    workspace: str = "."
    policy: str = ""
    policy_file: Optional[str] = None
    name: str = ""
    environment: Optional[Mapping[str, str]] = None
    extra_environment: Mapping[str, str] = field(default_factory=dict)
    read: Sequence[str] = ()
    write: Sequence[str] = ()
    allow_hosts: Sequence[Tuple[str, int]] = ()
    unattended: bool = False
    stdio: Optional[Tuple[int, int, int]] = None
    detached: bool = False


@contextlib.contextmanager
def prepared(launch: Launch) -> Iterator[Tuple[Dict[str, Any], List[int]]]:
    """The request and its descriptors, of which the workspace's is closed afterwards. Raises `OSError` for a workspace that
    cannot be opened, `NotFound` for a program, `PolicyInvalid` for a policy of this user that cannot be read.
    """
    if not launch.command:
        raise Invalid("there is no command to run", "invalid")
    workspace = os.open(launch.workspace, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        root = os.readlink(f"/proc/self/fd/{workspace}")
        here = os.path.realpath(".")
        request: Dict[str, Any] = {
            "argv": [to_bytes(word) for word in launch.command], "workspace": to_bytes(root),
            "working_directory": to_bytes(here if _is_in(here, root) else root),
            "executable": to_bytes(_program(launch.command[0], root)), "wants_name": True,
            # Of what is around, names that cannot be one are left out; of what was asked for, the daemon refuses them.
            "environment": _pairs({name: value for name, value in (os.environ if launch.environment is None else launch.environment).items()
                                   if name and "=" not in name}),
            "extra_environment": _pairs(launch.extra_environment),
            "extra_paths": [{"path": to_bytes(os.path.abspath(path)), "writable": writable}
                            for paths, writable in ((launch.read, False), (launch.write, True)) for path in paths],
            "allow_hosts": [{"host": host, "port": port} for host, port in launch.allow_hosts],
            "stdio": "STDIO_CAPTURED" if launch.stdio is None else "STDIO_DESCRIPTORS",
            "detached": launch.detached, "unattended": launch.unattended}
        if launch.name:
            request["name"] = launch.name
        request.update(_policies(launch, workspace, root))
        yield request, [workspace, *(launch.stdio or ())]
    finally:
        os.close(workspace)


def _is_in(path: str, directory: str) -> bool:
    return path == directory or path.startswith(directory.rstrip("/") + "/")


def _pairs(environment: Mapping[str, str]) -> List[Dict[str, str]]:
    return [{"key": to_bytes(name), "value": to_bytes(value)} for name, value in environment.items()]


def _program(word: str, workspace: str) -> str:
    found = shutil.which(word)
    if found is None:
        raise NotFound(f"there is no program {word!r} that can be executed; name it with its directory", "not-found", exit_code=127)
    # What is called by a link elsewhere (/etc/alternatives, ~/.local/bin) is named by its file, which exists inside; in the
    # workspace and in a virtual environment the name is what counts.
    named = os.path.join(os.path.realpath(os.path.dirname(os.path.abspath(found))), os.path.basename(found))
    is_virtual = os.path.exists(os.path.join(os.path.dirname(os.path.dirname(named)), "pyvenv.cfg"))
    return named if _is_in(named, workspace) or is_virtual else os.path.realpath(found)


def _policies(launch: Launch, workspace: int, root: str) -> Dict[str, Any]:
    found: Dict[str, Any] = {}
    if launch.policy_file is not None:
        policy = _read(launch.policy_file, None, launch.policy_file)
        policy["path"] = to_bytes(os.path.join(os.path.realpath(os.path.dirname(launch.policy_file) or "."),
                                               os.path.basename(launch.policy_file)))
        found["policy_file"] = policy
    elif launch.policy:
        found["policy"] = launch.policy
    home = os.environ.get("HOME", "")
    folder = os.path.join(home if home.startswith("/") else pwd.getpwuid(os.geteuid()).pw_dir, ".config/ringfence/policies")
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".toml") and not name.startswith("."))
    except FileNotFoundError:
        names = []
    except OSError as error:
        raise PolicyInvalid(f"listing {folder}: {error.strerror}", "policy", exit_code=6) from error
    if len(names) > MAX_POLICIES:
        raise PolicyInvalid(f"{folder} has more than {MAX_POLICIES} policies", "policy", exit_code=6)
    found["user_policies"] = [_read(path, None, path) for path in (os.path.join(folder, name) for name in names)]
    with contextlib.suppress(FileNotFoundError):
        status = os.stat(PROJECT_POLICY, dir_fd=workspace, follow_symlinks=False)
        # Without content or a socket: the name is held by a run of this workspace, there is no policy.
        if not stat.S_ISSOCK(status.st_mode) and not (stat.S_ISREG(status.st_mode) and status.st_size == 0):
            found["project_policy"] = _read(PROJECT_POLICY, workspace, os.path.join(root, PROJECT_POLICY))
    return found


def _read(path: str, directory: Optional[int], shown: str) -> Dict[str, Any]:
    """A regular file, not through a link, at most 256 KiB."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
        with os.fdopen(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise PolicyInvalid(f"{shown} is not a regular file", "policy", exit_code=6)
            text = file.read(MAX_POLICY + 1)
    except OSError as error:
        raise PolicyInvalid(f"reading {shown}: {error.strerror}", "policy", exit_code=6) from error
    if len(text) > MAX_POLICY:
        raise PolicyInvalid(f"{shown} is longer than {MAX_POLICY} bytes", "policy", exit_code=6)
    return {"file": os.fsencode(shown).decode("utf-8", "backslashreplace"), "text": to_bytes(text)}
