"""Group B: files that run later, outside. The ids that need no approval and no scan at the end of a session."""

from __future__ import annotations

import concurrent.futures
import os
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from model import Outcome, Proof, Result, Step, appeared, changed, script, seen, snapshot, steps
from cases_ipc import reached
from cases_later import made_where_nothing_was
from listeners import name_of
from world import UID, World

# Names at the top of a project that make programs outside execute something or obey, by who reads them. Instructions in
# plain words (AGENTS.md and its kind) are work results like any other and are not protected.
GIT = [".git/hooks/pre-commit", ".git/hooks/post-checkout", ".git/config", ".git/config.worktree"]
EDITORS = [
    ".vscode/tasks.json",
    ".vscode/settings.json",
    ".vscode/launch.json",
    ".idea/workspace.xml",
    ".devcontainer/devcontainer.json",
    ".envrc",
]
AGENTS = [
    ".claude/settings.json",
    ".claude/settings.local.json",
    ".claude/hooks/x.sh",
    ".mcp.json",
    ".cursor/mcp.json",
    ".codex/config.toml",
    ".gemini/settings.json",
]


def planted(path: Path) -> Proof:
    """The name exists outside and holds what the attempt wrote."""
    return lambda world, outcome: path.is_file() and b"escaped" in path.read_bytes()


def planting(w: World, names: list[str]) -> list[Step]:
    """The file made with the folders above it, where it is not there yet."""
    goals = {name: w.workspace / name for name in names if not (w.workspace / name).exists()}
    return [Step(name, ("plant", str(goal)), planted(goal)) for name, goal in goals.items()]


@steps("FS-12")
def created_later(w: World) -> list[Step]:
    """Names whose folder is there. In a workspace without .git nothing holds the places below it: those are named at the
    end, which made_where_nothing_was tries."""
    return planting(w, [*GIT, ".ringfence.toml", ".vscode/new.json", ".claude/new.json", ".idea/new.xml"])


@steps("TH-02")
def editor_triggers(w: World) -> list[Step]:
    return planting(w, EDITORS)


@steps("TH-03")
def agent_triggers(w: World) -> list[Step]:
    return planting(w, AGENTS)


def existing(w: World, side: Any, names: list[str]) -> list[Result]:
    """The same names, there when the run starts: written to, replaced and removed."""
    results = []
    files = {name: w.file(w.workspace / name, "{}") for name in names}
    for name, path in files.items():
        before = snapshot(path)
        for argv in (("write", str(path)), ("truncate", str(path)), ("unlink", str(path)), ("plant", str(path))):
            side.run(w, *argv)
        results.append(Result(f"existing-{name}", snapshot(path) != before, "the file outside"))
    return results


@script("TH-02")
def existing_editor_triggers(w: World, side: Any) -> list[Result]:
    return existing(w, side, EDITORS)


@script("TH-03")
def existing_agent_triggers(w: World, side: Any) -> list[Result]:
    return existing(w, side, AGENTS)


@script("FS-12")
def moved_aside(w: World, side: Any) -> list[Result]:
    """The folder with what is protected is moved away and another is put in its place; so is the whole workspace."""
    git, hook = w.workspace / ".git", w.workspace / ".git/hooks/pre-commit"
    side.run(w, "rename", str(git), str(w.workspace / ".git-aside"))
    side.run(w, "plant", str(hook))
    results = [
        Result("git-folder", hook.is_file() and b"escaped" in hook.read_bytes(), str(sorted(os.listdir(w.workspace))))
    ]
    away = w.workspace.parent / "ws-aside"
    side.run(w, "rename", str(w.workspace), str(away))
    results.append(Result("workspace", away.exists(), "the workspace itself was renamed"))
    if away.exists():
        away.rename(w.workspace)
    return [*results, *made_where_nothing_was(w, side)]


@steps("TH-01")
def git_triggers(w: World) -> list[Step]:
    made = []
    hooks = w.workspace / ".git/hooks"
    for name in ("pre-commit", "post-checkout", "post-merge", "pre-push", "fsmonitor-watchman"):
        made.append(Step(f"hook-{name}", ("creat", str(hooks / name)), planted(hooks / name)))
    sample = w.file(hooks / "prepare-commit-msg", "#!/bin/sh\n", mode=0o755)
    made.append(Step("existing-hook", ("write", str(sample)), changed(sample)))
    config = w.workspace / ".git/config"
    made.append(Step("config", ("write", str(config)), changed(config)))
    common = w.workspace / ".git/commondir"
    made.append(Step("commondir", ("plant", str(common)), planted(common)))
    # What a linked work tree of the person's goes by: its settings and hooks are where this says.
    for name in ("commondir", "config.worktree"):
        linked = w.file(w.workspace / ".git/worktrees/linked" / name, "../..\n")
        aside = w.file(w.workspace / f"aside-{name}", "/evil\n")
        made.append(Step(f"worktree-{name}", ("write", str(linked)), changed(linked)))
        made.append(Step(f"over-worktree-{name}", ("rename", str(aside), str(linked)), changed(linked)))
    return [*made, *nested_git_triggers(w)]


def nested_git_triggers(w: World) -> list[Step]:
    """Repositories below the workspace: one with hooks, one without, one deep down, and a submodule's work tree."""
    made = []
    hook = w.make_directory(w.workspace / "nested/.git/hooks") / "pre-commit"
    config = w.file(w.workspace / "nested/.git/config", "[core]\n")
    made.append(Step("nested-hook", ("creat", str(hook)), planted(hook)))
    made.append(Step("nested-config", ("write", str(config)), changed(config)))
    bare = w.file(w.workspace / "bare/.git/HEAD", "ref: refs/heads/x\n").parent
    for name in ("hooks/pre-commit", "config", "config.worktree", "commondir"):
        made.append(Step(f"nested-absent-{name}", ("plant", str(bare / name)), planted(bare / name)))
    for name in ("config", "modules/m/config", "worktrees/t/commondir", "worktrees/t/config.worktree"):
        deep = w.file(w.workspace / "deep/er/.git" / name, "[core]\n")
        aside = w.file(w.workspace / f"deep-aside-{name.replace('/', '-')}", "evil\n")
        made.append(Step(f"deep-{name}", ("write", str(deep)), changed(deep)))
        made.append(Step(f"deep-over-{name}", ("rename", str(aside), str(deep)), changed(deep)))
    pointer = w.file(w.workspace / "module/.git", "gitdir: ../.git/modules/module\n")
    aside = w.file(w.workspace / "pointer-aside", "gitdir: evil\n")
    made.append(Step("nested-pointer", ("write", str(pointer)), changed(pointer)))
    made.append(Step("nested-pointer-over", ("rename", str(aside), str(pointer)), changed(pointer)))
    folder = w.file(w.workspace / "movable/.git/config", "[core]\n").parent.parent
    away = w.workspace / "moved"
    made.append(Step("nested-moved", ("rename", str(folder), str(away)), lambda world, outcome: away.exists()))
    return made


# Ways to put a repository of one's own in the place of the one that a `.git` file points to.
POINTER = {
    "rewritten": "printf 'gitdir: mine/.git\\n' > .git",
    "replaced": "printf 'gitdir: mine/.git\\n' > new && mv -f new .git",
    "removed": "rm -f .git && mv mine/.git .git",
    "moved": "mv .git aside && mv mine/.git .git",
}


def pointed_elsewhere(w: World, side: Any) -> list[Result]:
    """A workspace whose .git is a file, as in a linked work tree or a submodule; then git status outside."""
    results = []
    environment = {"HOME": str(w.home), "GIT_CONFIG_GLOBAL": "/dev/null", "PATH": "/usr/bin:/bin"}
    person: dict[str, Any] = {"user": UID, "group": UID, "extra_groups": [], "env": environment, "check": False}
    for name, attempt in POINTER.items():
        place = w.make_directory(w.home / f"work/linked-{name}")
        subprocess.run(["git", "init", "-q", str(w.home / f"work/real-{name}")], **person)
        w.file(place / ".git", f"gitdir: {w.home}/work/real-{name}/.git\n")
        tripped = w.home / f"work/tripped-{name}"
        wire = w.file(place / "wire", f"#!/bin/sh\ntouch {tripped}\n", mode=0o755)
        shell = f"cd {place}; git init -q mine; git -C mine config core.fsmonitor {wire}; {attempt}; true"
        if side.fenced:
            side.run_fenced(["/bin/sh", "-c", shell], w, workspace=place, cwd=place, env=environment)
        else:
            subprocess.run(["/bin/sh", "-c", shell], capture_output=True, **person)
        made = (place / "mine").is_dir()  # the attempt was made at all
        subprocess.run(["git", "status"], cwd=place, capture_output=True, **person)
        results.append(Result(f"pointer-{name}", tripped.exists() if made else None, "a command of the agent's ran"))
        subprocess.run(["rm", "-rf", str(place), str(w.home / f"work/real-{name}"), str(tripped)], check=False)
    return results


@script("TH-01")
def git_outside(w: World, side: Any) -> list[Result]:
    """What git outside then executes, with a tripwire behind every trigger, in the workspace and in a repository in it."""
    environment = {"HOME": str(w.home), "GIT_CONFIG_GLOBAL": "/dev/null", "PATH": "/usr/bin:/bin"}
    person: dict[str, Any] = {"user": UID, "group": UID, "extra_groups": [], "env": environment, "check": False}
    results = []
    plant = (
        "git config core.fsmonitor {wire}; git config core.hooksPath {place}; "
        "cp {wire} .git/hooks/pre-commit; cp {wire} .git/hooks/post-index-change"
    )
    lead = "git init -q mine; git -C mine config core.fsmonitor {wire}; echo ../mine/.git > .git/commondir"
    attempts = (
        ("tripwire", w.workspace, plant),
        ("nested-tripwire", w.workspace / "nested-outside", plant),
        ("commondir-tripwire", w.workspace / "common-outside", lead),
    )
    for name, place, attempt in attempts:
        subprocess.run(["git", "init", "-q", str(place)], **person)
        tripped = w.hidden / name
        wire = w.file(place / "wire", f"#!/bin/sh\ntouch {tripped}\n", mode=0o755)
        shell = f"cd {place} && {{ {attempt.format(wire=wire, place=place)}; touch made; }}"
        if side.fenced:
            side.run_fenced(["/bin/sh", "-c", shell], w, env=environment)
        else:
            subprocess.run(["/bin/sh", "-c", shell], capture_output=True, **person)
        made = (place / "made").exists()  # the attempt was made at all
        commit = ["git", "-c", "user.name=x", "-c", "user.email=x@y", "commit", "--allow-empty", "-qm", "x"]
        for command in (["git", "status"], commit):
            subprocess.run(command, cwd=place, capture_output=True, **person)
        results.append(Result(name, tripped.exists() if made else None, "a command of the agent's ran outside"))
    return [*results, *pointed_elsewhere(w, side)]


@steps("TH-04")
def start_files(w: World) -> list[Step]:
    names = [
        ".bashrc",
        ".profile",
        ".bash_login",
        ".zshenv",
        ".zshrc",
        ".inputrc",
        ".config/environment.d/x.conf",
        ".config/systemd/user/x.service",
        ".config/autostart/x.desktop",
        ".local/share/dbus-1/services/x.service",
        ".local/share/applications/x.desktop",
        ".ssh/authorized_keys",
        ".ssh/config",
        ".ssh/rc",
        ".gitconfig",
        ".config/git/config",
        ".npmrc",
        ".cargo/config.toml",
        ".cargo/bin/cargo",
        ".local/bin/git",
        ".config/fish/config.fish",
        ".tmux.conf",
        ".vimrc",
        ".gdbinit",
        ".pythonrc",
        ".config/pip/pip.conf",
        ".pam_environment",
        ".xprofile",
        ".Xresources",
        ".config/Code/User/settings.json",
        ".config/ringfence/policies/x.toml",
        ".gnupg/gpg.conf",
        ".mozilla/x/user.js",
    ]
    made = []
    for name in names:
        goal = w.home / name
        w.make_directory(goal.parent)
        made.append(Step(name, ("creat", str(goal)), appeared(goal)))
    existing = w.file(w.home / ".bash_aliases")
    made.append(Step("existing", ("write", str(existing)), changed(existing)))
    return made


@script("TH-06")
def widening_project_policy(w: World, side: Any) -> list[Result]:
    """A project that grants itself more. The control is the same grant in the person's own hands."""
    secret = w.file(w.hidden / "project-wants")
    token = w.tokens[str(secret)]
    grants = {
        "read": f'[files]\nread = ["{w.hidden}"]\n',
        "write": f'[files]\nwrite = ["{w.hidden}"]\n',
        "walls": '[walls]\nmount = "off"\n',
        "landlock": '[walls]\nlandlock = "off"\n',
        "seccomp": '[walls]\nseccomp = "best-effort"\n',
        "limits": "[limits]\npids = 100000\n",
    }
    results = []
    for name, text in grants.items():
        policy = w.file(w.workspace / ".ringfence.toml", f'schema = 1\nname = "project"\n{text}')
        if side.fenced:
            output = side.run(w, "read", str(secret))
            shown = side.run(w, "numbers", "425", "425") if name == "seccomp" else output
            results.append(
                Result(
                    name,
                    token in output.stdout or "425" in shown.stdout.rpartition("\t")[2],
                    (output.stdout + output.stderr)[-200:],
                )
            )
        else:
            output = side.run(w, "read", str(secret))
            results.append(Result(name, token in output.stdout, "unfenced, nothing is in the way"))
        policy.unlink()
    return results


@script("TH-07")
def broken_project_policy(w: World, side: Any) -> list[Result]:
    """A project policy that nobody can understand: the run is refused, and never starts with something else instead."""
    texts = {
        "syntax": "schema = = 1",
        "duplicate": 'schema = 1\nname = "a"\nname = "b"\n',
        "unknown-key": 'schema = 1\nname = "p"\nfence = false\n',
        "wrong-type": 'schema = 1\nname = "p"\n[files]\nread = 7\n',
        "unknown-schema": 'schema = 99\nname = "p"\n',
        "nul": "schema = 1\x00\n",
        "unfinished": 'schema = 1\nname = "p',
        "deep": "a = " + "[" * 5000 + "]" * 5000,
        "large": "# " + "x" * (3 << 20) + "\n",
        "not-text": "\xff\xfe\x00\x01",
    }
    results = []
    for name, text in texts.items():
        policy = w.file(w.workspace / ".ringfence.toml", text)
        if side.fenced:
            output = side.run(w, "list", "/")
            results.append(
                Result(
                    name,
                    output.returncode == 0 and name != "large",
                    f"status {output.returncode}: {output.stderr[-200:]}",
                )
            )
        else:
            output = side.run(w, "list", "/")
            results.append(Result(name, output.returncode == 0, "unfenced, no policy is read"))
        policy.unlink()
    return results


@script("TH-08")
def own_state(w: World, side: Any) -> list[Result]:
    """Ringfence's own files: reading or writing any of them from inside."""
    if not side.fenced:
        files = [w.file(w.hidden / "state.db")]
        directory = w.hidden
    else:
        directory = side.daemon.base
        files = [path for path in directory.rglob("*") if path.is_file() and "/home" not in str(path)][:20]
    results = [Result("list", "effect=yes" in side.run(w, "list", str(directory)).stdout, str(directory))]
    reads = [path for path in files if "effect=yes" in side.run(w, "open_rw", str(path)).stdout]
    results.append(Result("open", bool(reads) or not files, f"{len(files)} tried, opened: {reads[:3]}"))
    goal = directory / "planted"
    side.run(w, "create", str(goal))
    results.append(Result("create", goal.exists(), str(goal)))
    return results


@steps("TH-09")
def open_outside(w: World) -> list[Step]:
    """Programs that ask a service outside to open something: each needs a socket to it."""
    places = {
        "portal": f"/run/user/{UID}/bus-portal",
        "gio": f"/run/user/{UID}/gvfsd/socket",
        "code": f"/run/user/{UID}/vscode-git.sock",
        "browser": str(w.home / ".config/chrome/SingletonSocket"),
        "kde": f"/run/user/{UID}/kdeinit5__77",
        "ice": "@/tmp/.ICE-unix/77",
        "ibus": "@/home/rf/.cache/ibus/dbus-77",
    }
    made = [Step(name, ("connect_unix", address), reached(w.listener(address))) for name, address in places.items()]
    # Not the socket's name but a connection to it, from an accomplice outside.
    service = w.listener("@rf-escape-open")
    w.outside(Path("/tmp/rf-escape-connection"))
    for name, address in (
        ("passed-abstract", "@rf-escape-connection"),
        ("passed-tmp", "/tmp/rf-escape-connection"),
        ("passed-home", str(w.hidden / "connection")),
    ):
        w.listener(address, passes_connection_to=service.address)
        made.append(Step(name, ("receive", address), seen("welcome")))
    return made


@script("TH-09")
def names_of_services(w: World, side: Any) -> list[Result]:
    """The other way round: the agent takes the name where programs outside look for a service, and waits for them."""
    w.outside(Path("/tmp/rf-escape-X78"))
    names = {
        "bind-abstract": "@/tmp/.X11-unix/X78",
        "bind-tmp": "/tmp/rf-escape-X78",
        "bind-runtime": f"/run/user/{UID}/bus-rf",
        "bind-home": str(w.home / "agent.sock"),
    }

    def taken(named: tuple[str, str]) -> Result:
        name, address = named
        if address.startswith("/"):
            w.make_directory(Path(address).parent)
        argv = ("listen_unix", address, "3")
        agent = side.start(w, *argv) if side.fenced else w.start_as_user(*argv)
        answered = visit(address, agent)
        # Inside it either could not bind, or nobody came.
        return Result(name, answered, agent.communicate(timeout=60)[0][-200:])

    with concurrent.futures.ThreadPoolExecutor(len(names)) as together:  # each agent waits for its visitor
        return list(together.map(taken, names.items()))


def visit(address: str, agent: subprocess.Popen[str]) -> bool:
    """Whether somebody outside reaches a listener at the address before the agent is gone."""
    while True:
        ended = agent.poll() is not None
        with socket.socket(socket.AF_UNIX) as visitor:
            try:
                visitor.connect(name_of(address))
                return True
            except OSError:
                pass
        if ended:
            return False
        time.sleep(0.05)
