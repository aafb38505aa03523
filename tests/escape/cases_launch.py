"""Group L: what a run inherits, who it runs as, and what it sees of its own confinement."""

from __future__ import annotations

import fnmatch
import os
import re
import resource
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

from cases_workspace import mounts_of
from model import Result, changed, script, snapshot
from world import NAME, OTHER_UID, UID, World

GOLDEN = Path(__file__).resolve().parent / "golden"


@script("LA-01")
def inherited_descriptors(w: World, side: Any) -> list[Result]:
    """Two hundred descriptors that the caller forgot to close: a secret, a file to write, a listener, a directory."""
    secret, token = w.file(w.hidden / "inherited", mode=0o600), ""
    token = w.tokens[str(secret)]
    target = w.file(w.hidden / "inherited-write")
    read_only = [os.open(secret, os.O_RDONLY) for _ in range(60)]
    writable = [os.open(target, os.O_WRONLY | os.O_APPEND) for _ in range(60)]
    directories = [os.open(w.hidden, os.O_RDONLY | os.O_DIRECTORY) for _ in range(60)]
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(4)
    everything = [*read_only, *writable, *directories, listener.fileno()]
    before = snapshot(target)
    results = []
    try:
        for descriptor in (read_only[0], read_only[-1]):
            os.lseek(descriptor, 0, os.SEEK_SET)
            output = side.run(w, "read_fd", str(descriptor), pass_fds=everything)
            results.append(Result(f"read-{descriptor}", token in output.stdout, output.stdout))
        for descriptor in (writable[0], writable[-1]):
            side.run(w, "write_fd", str(descriptor), pass_fds=everything)
        results.append(Result("write", snapshot(target) != before, "content outside"))
        output = side.run(w, "posture", pass_fds=everything)
        found = [line for line in output.stdout.splitlines() if line.startswith("fd/")]
        numbers = {int(line.split("=")[0][3:]) for line in found}
        results.append(Result("numbers", not numbers <= {0, 1, 2, 3} or not numbers, f"{sorted(numbers)[:10]}"))
        listening = any("socket:" in line for line in found)
        results.append(Result("listener", listening, f"{[line for line in found if 'socket:' in line][:4]}"))
    finally:
        for descriptor in everything[:-1]:
            os.close(descriptor)
        listener.close()
    return results


@script("LA-02")
def inherited_environment(w: World, side: Any) -> list[Result]:
    names = [
        "LD_PRELOAD",
        "LD_LIBRARY_PATH",
        "LD_AUDIT",
        "BASH_ENV",
        "ENV",
        "NODE_OPTIONS",
        "PYTHONPATH",
        "PYTHONSTARTUP",
        "PERL5OPT",
        "RUBYOPT",
        "GIT_SSH_COMMAND",
        "GIT_EXEC_PATH",
        "SSH_AUTH_SOCK",
        "SSH_ASKPASS",
        "GPG_AGENT_INFO",
        "DBUS_SESSION_BUS_ADDRESS",
        "DBUS_SYSTEM_BUS_ADDRESS",
        "DOCKER_HOST",
        "KUBECONFIG",
        "XDG_RUNTIME_DIR",
        "TMUX",
        "DISPLAY",
        "WAYLAND_DISPLAY",
        "GITHUB_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "NPM_TOKEN",
        "SUDO_USER",
        "IFS",
        "GCONV_PATH",
        "MALLOC_CHECK_",
        "GLIBC_TUNABLES",
        "NOTIFY_SOCKET",
        "LISTEN_FDS",
        "PROMPT_COMMAND",
    ]
    planted = {name: "canary-env" for name in names if not name.startswith(("LD_", "GCONV", "GLIBC_", "MALLOC"))}
    planted.update({name: "" for name in names if name not in planted})
    planted["GLIBC_TUNABLES"] = "glibc.malloc.check=0"
    output = side.run(w, "posture", env=planted).stdout
    present = {line[4:].split("=")[0] for line in output.splitlines() if line.startswith("env=")}
    return [Result(name, name in present if present else None, "in the environment") for name in names]


@script("LA-03")
def inherited_state(w: World, side: Any) -> list[Result]:
    """A caller in an odd state: ignored and blocked signals, umask, niceness, affinity, small limits, timers."""

    def odd() -> None:
        for number in (signal.SIGPIPE, signal.SIGCHLD, signal.SIGUSR1, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2, signal.SIGTERM, signal.SIGALRM})
        os.umask(0)
        os.nice(5)
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    output = side.run(w, "posture", preexec_fn=odd)
    seen = facts(output.stdout)
    wanted = {"ignored": [], "blocked": [], "umask": ["22"], "nice": ["0"], "securebits": ["235"]}
    results = [
        Result(name, seen.get(name, []) != value if seen else None, f"{name}={seen.get(name)}", *securebits(name, side))
        for name, value in wanted.items()
    ]
    core = [line for line in seen.get("limit", []) if line.startswith("Max core file size")]
    results.append(Result("core", not core or core[0].split()[4:6] != ["0", "0"], f"{core}"))
    return results


def securebits(name: str, side: Any) -> tuple[str, str]:
    return ("none", "only root can change them") if name == "securebits" else ("user", "")


def facts(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, separator, value = line.partition("=")
        if separator and "\t" not in name:
            found.setdefault(name, []).append(value)
    return found


@script("LA-06")
def odd_accounts(w: World, side: Any) -> list[Result]:
    """Callers without an account, and root: never an agent with uid 0."""
    results = []
    for name, uid in (("root", 0), ("no-account", 61199)):
        if side.fenced:
            output = side.run_fenced([str(w.probe), "posture"], w, uid=uid)
        else:
            output = side.run(w, "posture", uid=uid)
        ids = facts(output.stdout).get("uid", [])
        if name == "root":
            results.append(Result(name, ids == ["0 0"], f"{ids} status {output.returncode} {output.stderr[-300:]}"))
            started = ids != [] or output.returncode == 125
            results.append(
                Result(
                    "root-answered",
                    not started if side.fenced else None,
                    output.stderr[-200:],
                    "none",
                    "is about the client",
                )
            )
        else:
            refused = output.returncode != 0 and not ids
            results.append(
                Result(
                    name,
                    not (refused or ids == [f"{uid} {uid}"]) if side.fenced else None,
                    f"{ids} status {output.returncode} {output.stderr[-300:]}",
                    "none",
                    "a refusal has no counterpart",
                )
            )
    return results


@script("LA-07")
def command_lookup(w: World, side: Any) -> list[Result]:
    """A program that the caller's PATH finds first: it runs as the agent, never as root, and never outside."""
    tools = w.make_directory(w.home / "granted/bin")
    trap = w.file(tools / "tripwire", f"#!/bin/sh\nid -u\ntouch {w.hidden}/tripped\n", mode=0o755)
    path = {"PATH": f"{tools}:/usr/bin:/bin"}
    if side.fenced:
        output = side.run_fenced(["tripwire"], w, env=path)
    else:
        output = subprocess.run(
            [str(trap)], user=UID, group=UID, extra_groups=[], capture_output=True, text=True, check=False
        )
    results = [
        Result("outside", (w.hidden / "tripped").exists(), output.stdout + output.stderr[-200:]),
        Result("root", "0" in output.stdout.split(), output.stdout, "none", "the account is not root outside either"),
    ]
    long = ["x" * 1000] * 100
    if side.fenced:
        output = side.run(w, "list", "/", *long)
        results.append(Result("long-argv", output.returncode not in (0, 125, 126), output.stderr[-200:], "none"))
    else:
        results.append(Result("long-argv", None, "", "none", "is about the client"))
    return results


@script("LA-08")
def posture(w: World, side: Any) -> list[Result]:
    """Everything that a run can see of its confinement, compared with a reviewed file, line by line."""
    output = side.run(w, "posture").stdout
    actual = normalised(output, w)
    golden = GOLDEN / "posture.txt"
    if side.fenced and os.environ.get("PRINT_POSTURE") == "1":
        print("\n".join(actual))
    lines = [line for line in golden.read_text().splitlines() if line and not line.startswith("#")]
    wanted = [line for line in lines if not line.startswith("? ")]
    possible = [line[2:] for line in lines if line.startswith("? ")]  # where the machine or kernel has it
    differences = [f"-{line}" for line in wanted if line not in actual] + [
        f"+{line}"
        for line in actual
        if line not in wanted and not any(fnmatch.fnmatchcase(line, pattern) for pattern in possible)
    ]
    results = [Result("golden", bool(differences), f"{differences[:6]}")]
    own = {line for line in normal_namespaces(os.getpid())}
    inside = {line for line in output.splitlines() if line.startswith("ns/")}
    shared = sorted(own & inside)
    results.append(Result("namespaces", bool(shared) or len(inside) < 7, f"shared: {shared}"))
    writable = [
        line
        for line in mounts_of(output)
        if re.search(r" - (proc|sysfs|cgroup2?) ", line) and " rw," in line.split(" - ")[0] and " proc " not in line
    ]
    results.append(Result("kernel-mounts", bool(writable), f"{writable[:3]}"))
    return results


def normal_namespaces(pid: int) -> list[str]:
    return [
        f"ns/{name}={os.readlink(f'/proc/{pid}/ns/{name}')}"
        for name in os.listdir(f"/proc/{pid}/ns")
        if name not in ("time", "time_for_children")
    ]


STATUS = (
    "Uid",
    "Gid",
    "Groups",
    "NStgid",
    "CapInh",
    "CapPrm",
    "CapEff",
    "CapBnd",
    "CapAmb",
    "NoNewPrivs",
    "Seccomp",
    "Seccomp_filters",
    "SigBlk",
    "SigIgn",
    "TracerPid",
    "Threads",
    "Umask",
)


def normalised(text: str, w: World) -> list[str]:
    """The lines that must be equal everywhere: without run ids, devices, sizes and kernel releases."""
    lines = []
    for line in text.splitlines():
        name, _, value = line.partition("=")
        if name == "status":
            key, _, content = value.partition(":")
            if key in STATUS:
                lines.append(f"status {key}: {' '.join(content.split())}")
        elif name == "mount":
            words = value.split()
            kind = words[words.index("-") + 1]
            kind = kind if kind in ("tmpfs", "proc", "devpts", "mqueue", "sysfs", "cgroup2") else "host"
            flags = [flag for flag in words[5].split(",") if flag in ("ro", "rw", "nosuid", "nodev", "noexec")]
            lines.append(f"mount {words[4]} {kind} {','.join(flags)}")
        elif name == "limit":
            words = re.split(r"\s{2,}", value)
            if words[0] in ("Max core file size", "Max realtime priority", "Max nice priority"):
                lines.append(f"limit {words[0]}: {words[1]} {words[2]}")
        elif name.startswith("fd/") and "/proc/" not in value:
            lines.append(f"{name} {re.sub('[0-9]+', 'N', value)}")
        elif name in (
            "umask",
            "nice",
            "uid",
            "gid",
            "groups",
            "securebits",
            "dumpable",
            "oom",
            "tty",
            "ignored",
            "blocked",
            "uid_map",
            "gid_map",
            "timerslack",
        ):
            lines.append(f"{name} {' '.join(value.split())}")
        elif name == "cgroup":
            lines.append("cgroup " + re.sub(r"^\d+:", "", value))
    replaced = [line.replace(str(w.base), "BASE").replace(str(UID), "UID") for line in lines]
    return sorted(set(replaced))
