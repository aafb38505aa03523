"""Group F: local services and what processes of one user share."""

from __future__ import annotations

import fcntl
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import agent_sockets
from listeners import Listener
from model import Outcome, Proof, Result, Step, by_probe, script, seen, steps
from world import UID, World

KEY = "0x52460001"


def reached(listener: Listener) -> Proof:
    def look(world: World, outcome: Outcome) -> bool:
        deadline = time.monotonic() + (0 if world.side == "fenced" else 2)
        while listener.accepted == 0 and time.monotonic() < deadline:
            time.sleep(0.02)
        return listener.accepted > 0

    return look


def services(w: World, addresses: dict[str, str]) -> list[Step]:
    return [Step(name, ("connect_unix", address), reached(w.listener(address))) for name, address in addresses.items()]


@steps("IPC-01")
def session_bus(w: World) -> list[Step]:
    return services(
        w,
        {
            "session-bus": f"/run/user/{UID}/bus",
            "user-manager": f"/run/user/{UID}/systemd/private",
            "abstract-bus": "@/tmp/dbus-rf-escape",
            "at-spi": f"/run/user/{UID}/at-spi/bus_0",
            "pipewire": f"/run/user/{UID}/pipewire-0",
            "wayland": f"/run/user/{UID}/wayland-0",
            "x11-abstract": "@/tmp/.X11-unix/X77",
            "system-bus": "/run/dbus/system_bus_socket",
        },
    )


@steps("IPC-02")
def system_sockets(w: World) -> list[Step]:
    return services(
        w,
        {
            "systemd-private": "/run/systemd/private",
            "journal": "/run/systemd/journal/stdout",
            "notify": "/run/systemd/notify-x",
            "varlink": "/run/systemd/io.systemd.ManagedOOM",
            "resolve": "/run/systemd/resolve/io.systemd.Resolve",
            "machined": "/run/systemd/machine/io.systemd.Machine",
            "userdb": "/run/systemd/userdb/io.systemd.DynamicUser",
            "udev": "/run/udev/control",
            "cups": "/run/cups/cups.sock",
        },
    )


@steps("IPC-03")
def container_engines(w: World) -> list[Step]:
    made = services(
        w,
        {
            "docker": "/run/docker.sock",
            "podman": "/run/podman/podman.sock",
            "containerd": "/run/containerd/containerd.sock",
            "libvirt": "/run/libvirt/libvirt-sock",
            "snapd": "/run/snapd.socket",
            "lxd": "/run/lxd/unix.socket",
        },
    )
    docker = next(listener for listener in w.listeners if listener.address == "/run/docker.sock")
    if os.path.realpath("/var/run") == "/run":
        made.append(Step("var-run", ("connect_unix", "/var/run/docker.sock"), reached(docker)))
    for kind in ("tcp", "udp"):
        listener = w.listener(kind)
        verb = "connect_tcp" if kind == "tcp" else "send_udp"
        made.append(Step(f"loopback-{kind}", (verb, "127.0.0.1", str(listener.port)), reached(listener)))
    multipath = w.listener("tcp")
    made.append(Step("loopback-mptcp", ("connect_tcp", "127.0.0.1", str(multipath.port), "262"), reached(multipath)))
    return made


@steps("IPC-04")
def key_agents(w: World) -> list[Step]:
    w.outside(Path("/tmp/ssh-rf-escape"))
    return services(
        w,
        {
            "ssh-agent": "/tmp/ssh-rf-escape/agent.1",
            "gpg-agent": str(w.home / ".gnupg/S.gpg-agent"),
            "gpg-extra": f"/run/user/{UID}/gnupg/S.gpg-agent.extra",
            "keyring": f"/run/user/{UID}/keyring/control",
            "pcscd": "/run/pcscd/pcscd.comm",
            "ssh-control": str(w.home / ".ssh/control.sock"),
        },
    )


@steps("IPC-06")
def terminals_and_editors(w: World) -> list[Step]:
    for name in ("tmux-61100", "kitty-rf", "emacs61100"):
        w.outside(Path("/tmp") / name)
    return services(
        w,
        {
            "tmux": "/tmp/tmux-61100/default",
            "screen": f"/run/screen/S-{UID}/1.pts",
            "kitty": "/tmp/kitty-rf/main",
            "vscode": f"/run/user/{UID}/vscode-ipc-1.sock",
            "emacs": "/tmp/emacs61100/server",
            "nvim": f"/run/user/{UID}/nvim.1.0",
        },
    )


@script("IPC-07")
def foreign_terminal(w: World, side: Any) -> list[Result]:
    """The terminal of the person: written to, taken, and opened from its other end."""
    results = []
    for verb in ("tty_write", "tty_steal", "tty_peer"):
        master, slave = os.openpty()
        name = os.ttyname(slave)
        os.chown(name, UID, UID)
        os.set_blocking(master, False)
        if verb == "tty_peer":
            # A number of a terminal says which master is meant; inside, the multiplexer has no such terminal.
            output = side.run(w, verb, f"/proc/{os.getpid()}/fd/{master}", uid=UID) if side.fenced else None
            worked = control_peer(master) if not side.fenced else "effect=yes" in output.stdout
            results.append(Result(verb, worked, "" if output is None else output.stdout))
        else:
            output = side.run(w, verb, name, "sudo password: ")
            try:
                text = os.read(master, 4096)
            except BlockingIOError:
                text = b""
            worked = b"sudo password" in text if verb == "tty_write" else "effect=yes" in output.stdout
            results.append(Result(verb, worked, f"{text!r} {output.stdout}"))
        os.close(master)
        os.close(slave)
    return results


def control_peer(master: int) -> bool:
    """Whether the call itself works for who holds the master."""
    peer = fcntl.ioctl(master, 0x5441, os.O_RDWR | os.O_NOCTTY)
    os.close(peer)
    return peer >= 0


@steps("IPC-08")
def passed_descriptors(w: World) -> list[Step]:
    """An accomplice outside hands a secret file to whoever comes, at six places to meet."""
    secret = w.file(w.hidden / "passed", mode=0o600)
    token = w.tokens[str(secret)]
    held = os.open(secret, os.O_RDONLY)
    w.outside(Path("/tmp/rf-escape-meet"))
    w.outside(Path("/dev/shm/rf-escape-meet"))
    w.outside(Path("/var/tmp/rf-escape-meet"))
    places = {
        "abstract": "@rf-escape-meet",
        "tmp": "/tmp/rf-escape-meet",
        "shm": "/dev/shm/rf-escape-meet",
        "runtime": f"/run/user/{UID}/meet",
        "home": str(w.hidden / "meet"),
        "var-tmp": "/var/tmp/rf-escape-meet",
    }
    made = []
    for name, address in places.items():
        w.listener(address, passes=held)
        made.append(Step(name, ("receive", address), seen(token)))
    return made


@steps("IPC-10")
def shared_objects(w: World) -> list[Step]:
    token = w.secret("shared objects")
    for verb in ("shm", "sem", "msg", "mq"):
        name = "/rf-escape" if verb == "mq" else KEY
        w.as_user(f"{verb}_remove", name)
        output = w.as_user(f"{verb}_make", name, token)
        assert "effect=yes" in output.stdout, output.stdout
    posix = w.file(w.outside(Path("/dev/shm/rf-escape-object")), token)
    return [
        Step("shm", ("shm_read", KEY), seen(token)),
        Step("sem", ("sem_get", KEY), by_probe),
        Step("msg", ("msg_get", KEY), seen(token)),
        Step("mq", ("mq_read", "/rf-escape"), seen(token)),
        Step("dev-shm", ("read", str(posix)), seen(token)),
        Step("sysvipc", ("read", "/proc/sysvipc/shm"), seen(str(int(KEY, 16)))),
    ]


@steps("IPC-11")
def keyrings(w: World) -> list[Step]:
    token = "rf-escape-planted"
    w.as_user("add_key", token, "-4")

    def found_outside(world: World, outcome: Outcome) -> bool:
        output = world.as_user("find_key", "rf-escape-made")
        world.as_user("remove_key", "rf-escape-made")
        return "effect=yes" in output.stdout

    def find(world: World, outcome: Outcome) -> bool:
        world.as_user("remove_key", token)
        return outcome.effect == "yes"

    return [
        Step("find", ("find_key", token), by_probe),
        Step("request", ("request_key", token), find),
        Step("add", ("add_key", "rf-escape-made", "-4"), found_outside),
    ]


@steps("IPC-12")
def devices(w: World) -> list[Step]:
    """Nodes that exist on this machine; inside there are none of them. Never opened: watchdogs, and disks for writing."""
    names = [
        "kvm",
        "fuse",
        "uinput",
        "mem",
        "port",
        "kmsg",
        "net/tun",
        "vhost-net",
        "vhost-vsock",
        "loop-control",
        "loop0",
        "mapper/control",
        "userfaultfd",
        "vsock",
        "hwrng",
        "autofs",
        "btrfs-control",
        "cpu_dma_latency",
        "snapshot",
        "rtc0",
        "nvram",
        "vda",
        "sda",
        "dri/card0",
        "dri/renderD128",
        "input/event0",
        "tty0",
        "vcs",
        "hpet",
        "udmabuf",
        "uhid",
    ]
    made = []
    for name in names:
        path = Path("/dev", name)
        if path.exists():
            made.append(Step(name, ("stat", str(path)), by_probe))
    golden = "full null ptmx pts random shm tty urandom zero fd stdin stdout stderr mqueue console"
    made.append(
        Step(
            "list",
            ("list", "/dev"),
            lambda world, outcome: not set(outcome.detail.split()) <= set(golden.split()) or not outcome.detail,
        )
    )
    return made


@script("IPC-13")
def another_agent(w: World, side: Any) -> list[Result]:
    """Two agents of one person, each in its own workspace."""
    token = w.secret("agent b")
    secret = w.file(w.other / "b-secret")
    meet = "@rf-escape-pair"
    shared = [w.outside(Path("/tmp/rf-escape-pair")), w.outside(Path("/dev/shm/rf-escape-pair"))]
    if side.fenced:
        other = side.start(w, "listen_unix", meet, "6", workspace=w.other)
    else:
        other = w.start_as_user("listen_unix", meet, "6", cwd=w.other, env={"TOKEN": token})
        for path in shared:
            w.file(path, token)
    try:
        time.sleep(0.5)
        results = []
        for name, argv, needle in (
            ("workspace", ("read", str(secret)), w.tokens[str(secret)]),
            ("environ", ("sweep", "listen_unix", "cmdline"), "effect=yes"),
            ("tmp", ("read", str(shared[0])), token),
            ("shm", ("read", str(shared[1])), token),
            ("abstract", ("connect_unix", meet), "effect=yes"),
        ):
            output = side.run(w, *argv)
            results.append(Result(name, needle in output.stdout, output.stdout[:200]))
    finally:
        other.terminate()
        try:
            other.wait(10)
        except subprocess.TimeoutExpired:
            other.kill()
            other.wait()
    return results + agent_sockets.of_another(w, side)


@script("IPC-14")
def control_socket(w: World, side: Any) -> list[Result]:
    """The daemon's socket: by name, by a connection that somebody passes, and every verb of the person's own client."""
    fake = w.listener("/run/ringfence/control.sock")
    paths = ["/run/ringfence/control.sock"] + ([str(side.daemon.run_dir / "control.sock")] if side.fenced else [])
    results = []
    for path in paths:
        output = side.run(w, "connect_unix", path)
        results.append(
            Result(
                "default-path" if path == paths[0] else "real-path",
                fake.accepted > 0 if path == paths[0] else "effect=yes" in output.stdout,
                output.stdout[:200],
            )
        )
    real = str(side.daemon.run_dir / "control.sock") if side.fenced else fake.address
    w.outside(Path("/tmp/rf-escape-control"))
    for name, address in (
        ("passed-abstract", "@rf-escape-control"),
        ("passed-tmp", "/tmp/rf-escape-control"),
        ("passed-home", str(w.hidden / "control")),
    ):
        carrier = w.listener(address, passes_connection_to=real)
        output = side.run(w, "receive", address)
        results.append(Result(name, carrier.accepted > 0 or "welcome" in output.stdout, output.stdout[:200]))
    if not side.fenced:
        for name in ("real-path", *VERBS):
            results.append(Result(name, None, "", "none", "the daemon is started for the fenced side"))
        return results + agent_sockets.other_verbs(w, side)
    return results + client_verbs(w, side) + agent_sockets.other_verbs(w, side)


VERBS = {
    "ps": ("ps", "-a"),
    "show": ("show", "RUN"),
    "log": ("log", "RUN"),
    "logs": ("logs", "RUN"),
    "freeze": ("freeze", "RUN"),
    "resume": ("resume", "RUN"),
    "trust": ("policy", "trust", "TOML"),
    "run": ("run", "-d", "-p", "escape", "-w", "WORKSPACE", "--", "/bin/true"),
    "stop": ("stop", "RUN"),
    "kill": ("kill", "--all"),
}


def client_verbs(w: World, side: Any) -> list[Result]:
    """The person's client, inside, told where the real socket is. The same call outside must work."""
    project = w.file(w.workspace / ".ringfence.toml", 'schema = 1\nname = "project"\n')
    aim = side.run(w, "stubborn", workspace=w.other, client_options=["-d"])
    assert aim.returncode == 0, f"the run to aim at did not start: {aim.stderr}"
    names = {"RUN": aim.stdout.strip(), "TOML": str(project), "WORKSPACE": str(w.workspace)}
    results = []
    for name, words in VERBS.items():
        argv = [names.get(word, word) for word in words]
        told = f"RINGFENCE_SOCKET={side.daemon.run_dir / 'control.sock'}"
        inside = side.run_fenced(["/usr/bin/env", told, str(side.client), *argv], w)
        outside = side.client_call(w, *argv)
        note = "; ".join(f"{output.returncode} {output.stderr[-120:]}" for output in (inside, outside))
        results.append(Result(name, inside.returncode == 0 if outside.returncode == 0 else None, note))
    project.unlink()
    return results
