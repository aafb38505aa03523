"""Group A: files and workspace."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from model import Step, appeared, by_probe, changed, gone, has_set_id, seen, steps
from world import World, lasting_groups


@steps("FS-01")
def read_secrets(w: World) -> list[Step]:
    names = [
        ".ssh/id_ed25519",
        ".aws/credentials",
        ".netrc",
        ".config/gh/hosts.yml",
        ".gnupg/secring.gpg",
        "docs/thesis",
        ".mozilla/cookies.sqlite",
        ".kube/config",
        ".docker/config.json",
    ]
    planted = [w.file(w.home / name, mode=0o600) for name in names] + [w.file(w.other / "agent-b-secret")]
    made = [
        Step(f"{verb}:{path.name}", (verb, str(path)), seen(w.tokens[str(path)]))
        for path in planted
        for verb in ("read", "read_openat2")
    ]
    flag = w.file(w.root_only / "flag", uid=0, mode=0o600)
    made.append(Step("root-flag", ("read", str(flag)), seen(w.tokens[str(flag)]), control="root"))
    made.append(Step("shadow", ("read", "/etc/shadow"), by_probe, control="root"))
    return made


@steps("FS-02")
def follow_links(w: World) -> list[Step]:
    target = w.file(w.hidden / "linked")
    token = w.tokens[str(target)]
    link = lambda name: str(w.workspace / f"link-{name}")  # noqa: E731
    relative = os.path.relpath(target, w.workspace)
    chain = w.workspace / "chain-1"
    chain.symlink_to("chain-2")
    (w.workspace / "chain-2").symlink_to(target)
    directory = w.workspace / "dirlink"
    directory.symlink_to(w.hidden)
    (w.workspace / "dangling").symlink_to(w.hidden / "made-through-link")
    made = [
        Step(name, ("symlink_read", goal, link(name)), seen(token))
        for name, goal in {
            "absolute": str(target),
            "relative": relative,
            "dots": f"./././{relative}",
            "root-link": f"/proc/self/root{target}",
            "cwd-link": f"/proc/self/cwd/{relative}",
            "thread-root": f"/proc/thread-self/root{target}",
            "through-directory": str(directory / "linked"),
        }.items()
    ]
    made.append(Step("chained", ("read", str(chain)), seen(token)))
    made.append(Step("planted-directory", ("read", str(directory / "linked")), seen(token)))
    written = w.file(w.hidden / "linked-write")
    made.append(Step("write", ("symlink_write", str(written), link("write")), changed(written)))
    made.append(Step("dangling", ("creat", str(w.workspace / "dangling")), appeared(w.hidden / "made-through-link")))
    granted = w.file(w.granted / "linked-write")
    made.append(Step("write-granted", ("symlink_write", str(granted), link("granted")), changed(granted)))
    return made


def outside_files(w: World, name: str) -> dict[str, Path]:
    """A file of the account that is not there inside, and one that is there for reading: both must stay as they are."""
    return {"hidden": w.file(w.hidden / name), "granted": w.file(w.granted / name)}


@steps("FS-04")
def hard_links(w: World) -> list[Step]:
    made = []
    for verb in ("link", "link_write"):
        for kind, path in outside_files(w, verb).items():
            made.append(
                Step(f"{verb}-{kind}", (verb, str(path), str(w.workspace / f"hard-{verb}-{kind}")), changed(path))
            )
    return made


@steps("FS-05")
def renames(w: World) -> list[Step]:
    made = []
    for kind, path in outside_files(w, "move-in").items():
        made.append(Step(f"in-{kind}", ("rename", str(path), str(w.workspace / f"in-{kind}")), gone(path)))
    for kind, path in outside_files(w, "replace").items():
        source = w.file(w.workspace / f"replace-{kind}", "mine")
        made.append(Step(f"over-{kind}", ("rename", str(source), str(path)), changed(path)))
    for kind, path in outside_files(w, "exchange").items():
        source = w.file(w.workspace / f"exchange-{kind}", "mine")
        made.append(Step(f"exchange-{kind}", ("rename_exchange", str(source), str(path)), changed(path)))
    for kind, directory in (("hidden", w.hidden), ("granted", w.granted)):
        source = w.make_directory(w.workspace / f"directory-{kind}")
        made.append(
            Step(
                f"out-{kind}", ("rename", str(source), str(directory / "moved-out")), appeared(directory / "moved-out")
            )
        )
    hook = w.file(w.workspace / "hook", "#!/bin/sh\n")
    goal = w.workspace / ".git/hooks/post-checkout"
    made.append(Step("denied-destination", ("rename", str(hook), str(goal)), appeared(goal)))
    config = w.file(w.workspace / "config", "[core]\nhooksPath = evil\n")
    made.append(
        Step(
            "over-config",
            ("rename", str(config), str(w.workspace / ".git/config")),
            changed(w.workspace / ".git/config"),
        )
    )
    return made


@steps("FS-06")
def handles(w: World) -> list[Step]:
    path = w.file(w.hidden / "handle")
    own = w.file(w.workspace / "handle", "mine")
    token = w.tokens[str(path)]
    return [
        Step("name", ("handle", str(path), str(w.home)), by_probe),
        Step("open", ("handle", str(path), str(w.home)), seen(token), control="root"),
        Step("open-by-workspace", ("handle", str(path), str(w.workspace)), seen(token), control="root"),
        Step("userns", ("userns_handle", str(path), str(w.home)), by_probe),
        Step("own-name", ("handle", str(own), str(w.workspace)), by_probe),
        Step(
            "forged",
            ("forged_handle", str(w.workspace)),
            by_probe,
            control="none",
            why="what a made-up handle opens depends on the file system",
        ),
    ]


@steps("FS-07")
def truncation(w: World) -> list[Step]:
    return [
        Step(f"{verb}-{kind}", (verb, str(path)), changed(path))
        for verb in ("truncate", "ftruncate")
        for kind, path in outside_files(w, verb).items()
    ]


@steps("FS-08")
def metadata(w: World) -> list[Step]:
    verbs = ("chmod", "fchmodat2", "chown", "utimens", "setxattr", "setxattrat", "file_setattr", "setflags")
    return [
        Step(f"{verb}-{kind}", (verb, str(path)), changed(path))
        for verb in verbs
        for kind, path in outside_files(w, f"meta-{verb}").items()
    ]


@steps("FS-09")
def magic_links(w: World) -> list[Step]:
    granted = w.file(w.granted / "reopen")
    again = w.file(w.granted / "reopen-path")
    target = w.file(w.hidden / "magic")
    token = w.tokens[str(target)]
    pid, _ = w.victim()
    relative = os.path.relpath(target, w.workspace)
    reads = {
        "self-root": f"/proc/self/root{target}",
        "self-cwd": f"/proc/self/cwd/{relative}",
        "victim-root": f"/proc/{pid}/root{target}",
        "victim-cwd": f"/proc/{pid}/cwd/magic",
        "task-root": f"/proc/self/task/../root{target}",
    }
    made = [Step(name, ("read", path), seen(token)) for name, path in reads.items()]
    made += [
        Step("openat2", ("read_openat2", f"/proc/self/root{target}"), seen(token)),
        Step("stat", ("stat", f"/proc/{pid}/root{target}"), by_probe),
        Step("chdir", ("chdir_read", f"/proc/{pid}/cwd", "magic"), seen(token)),
        Step("suite-root", ("read", f"/proc/{os.getpid()}/root{target}"), seen(token), control="root"),
        Step("reopen", ("reopen", str(granted)), changed(granted)),
        Step("reopen-path", ("reopen_path", str(again)), changed(again)),
    ]
    return made


@steps("FS-14")
def sibling_calls(w: World) -> list[Step]:
    """One verdict for a path, whatever call asks: each call on a hidden, a granted and a masked place."""
    made = []
    hooks = w.make_directory(w.workspace / ".git/hooks")
    places = {"hidden": w.hidden, "granted": w.granted, "masked": hooks}
    for kind, place in places.items():

        def add(name: str, argv: tuple[str, ...], proof: Any) -> None:
            made.append(Step(f"{name}-{kind}", argv, proof))

        for verb in ("create", "creat", "create_openat2", "mkdir", "mknod_file"):
            goal = place / f"new-{verb}"
            add(verb, (verb, str(goal)), appeared(goal))
        add("tmpfile", ("tmpfile_link", str(place), str(place / "new-tmp")), appeared(place / "new-tmp"))
        add("symlink", ("symlink", "/bin/true", str(place / "new-link")), appeared(place / "new-link"))
        victims = {
            verb: w.file(place / f"old-{verb}")
            for verb in ("write", "write_openat2", "truncate", "fallocate", "unlink", "rename", "copy")
        }
        for verb in ("write", "write_openat2", "truncate", "fallocate"):
            add(verb, (verb, str(victims[verb])), changed(victims[verb]))
        add("unlink", ("unlink", str(victims["unlink"])), gone(victims["unlink"]))
        add("rename", ("rename", str(victims["rename"]), str(place / "renamed")), gone(victims["rename"]))
        source = w.file(w.workspace / f"copy-{kind}", "escaped " * 9)
        add("copy", ("copy_range", str(source), str(victims["copy"])), changed(victims["copy"]))
    secret = w.file(w.hidden / "tree")
    made.append(Step("open_tree", ("open_tree", str(w.hidden), "tree"), seen(w.tokens[str(secret)])))
    made.append(Step("uring", ("uring", str(secret)), seen(w.tokens[str(secret)])))
    return made


@steps("FS-17")
def device_nodes(w: World) -> list[Step]:
    made = []
    for kind, major, minor in (("c", "1", "1"), ("c", "1", "3"), ("b", "8", "0"), ("b", "7", "0")):
        for place, directory in (("workspace", w.workspace), ("tmp", Path("/tmp"))):
            goal = directory / f"rf-escape-{kind}{major}-{minor}"
            if place == "tmp":
                w.outside(goal)
            made.append(
                Step(
                    f"{kind}{major}:{minor}-{place}", ("mknod", kind, str(goal), major, minor), by_probe, control="root"
                )
            )
    return made


@steps("FS-18")
def set_id_files(w: World) -> list[Step]:
    verbs = ("open", "creat", "openat2", "mknod", "mkdir", "chmod", "fchmod", "fchmodat2")
    made = []
    for verb in verbs:
        goal = w.workspace / f"setid-{verb}"
        made.append(Step(verb, (f"setid_{verb}", str(goal)), has_set_id(goal)))
    goal = w.workspace / "setid-capability"
    made.append(
        Step(
            "capability",
            ("capability_xattr", str(goal)),
            lambda world, outcome: goal.exists() and "security.capability" in os.listxattr(goal),
            control="root",
        )
    )
    return made


@steps("FS-22")
def user_file_systems(w: World) -> list[Step]:
    return [
        Step("fuse-device", ("open_rw", "/dev/fuse"), by_probe, control="root"),
        Step("tmpfs-over-workspace", ("userns_mount", str(w.workspace)), by_probe),
        Step("tmpfs-over-tmp", ("userns_mount", "/tmp"), by_probe),
    ]


@steps("FS-23")
def spying(w: World) -> list[Step]:
    busy = w.file(w.hidden / "busy", "busy")
    made = [Step(f"inotify-{path.name}", ("inotify", str(path)), by_probe) for path in (w.home, w.hidden, busy)]
    made.append(Step("fanotify", ("fanotify", str(w.hidden)), by_probe))
    made.append(Step("dnotify", ("dnotify", str(w.hidden)), by_probe))
    return made


@steps("FS-24")
def enumeration(w: World) -> list[Step]:
    path = w.file(w.hidden / ("name-" + w.secret("name")))
    os.setxattr(path, "user.canary", w.secret("xattr").encode())
    named = w.file(w.home / ("top-" + w.secret("top name")))
    return [
        Step("stat", ("stat", str(path)), by_probe),
        Step("access", ("access", str(path)), by_probe),
        Step("statfs", ("statfs", str(path)), by_probe),
        Step("getxattr", ("getxattr", str(path)), seen(w.tokens["xattr"])),
        Step("list-hidden", ("list", str(w.hidden)), seen(w.tokens["name"])),
        Step("list-home", ("list", str(w.home)), seen(w.tokens["top name"])),
        Step("list-root", ("list", str(w.base)), seen("root-only")),
        Step("stat-home-file", ("stat", str(named)), by_probe),
    ]


@steps("FS-25")
def shared_tmp(w: World) -> list[Step]:
    made = []
    for place in ("/tmp", "/var/tmp", "/dev/shm"):
        planted = w.file(w.outside(Path(place, f"rf-escape-planted-{w.side}")))
        goal = w.outside(Path(place, f"rf-escape-made-{w.side}"))
        made.append(Step(f"read{place}", ("read", str(planted)), seen(w.tokens[str(planted)])))
        made.append(Step(f"write{place}", ("create", str(goal)), appeared(goal)))
    return made


@steps("FS-28")
def kernel_knobs(w: World) -> list[Step]:
    paths = [
        "/proc/sysrq-trigger",
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/kernel/modprobe",
        "/proc/sys/kernel/hostname",
        "/proc/sys/kernel/printk",
        "/proc/sys/kernel/randomize_va_space",
        "/proc/sys/kernel/ns_last_pid",
        "/proc/sys/kernel/shmmax",
        "/proc/sys/kernel/msgmax",
        "/proc/sys/fs/file-max",
        "/proc/sys/fs/protected_symlinks",
        "/proc/sys/fs/suid_dumpable",
        "/proc/sys/fs/mqueue/msg_max",
        "/proc/sys/vm/drop_caches",
        "/proc/sys/vm/overcommit_memory",
        "/proc/sys/vm/swappiness",
        "/proc/sys/net/ipv4/ip_forward",
        "/proc/sys/net/ipv4/ping_group_range",
        "/proc/irq/default_smp_affinity",
        "/sys/kernel/uevent_helper",
        "/sys/kernel/mm/transparent_hugepage/enabled",
        "/sys/power/state",
        "/proc/sys/fs/binfmt_misc/register",
        "/sys/kernel/debug",
        "/proc/kcore",
        "/proc/kmsg",
    ]
    for mount in ("/sys/fs/cgroup", *lasting_groups()):
        paths += [f"{mount}/cgroup.procs", f"{mount}/release_agent", f"{mount}/notify_on_release", f"{mount}/tasks"]
    present = [path for path in paths if Path(path).is_file()]
    writable = {path for path in present if os.stat(path).st_mode & 0o200}
    return [
        Step(path, ("open_write" if path in writable else "read", path), by_probe, control="root")
        for path in present
        if path != "/proc/kcore"
    ]


@steps("FS-30")
def helper_binaries(w: World) -> list[Step]:
    """The programs that build the fence: nothing inside opens them for writing. Root itself meets ETXTBSY."""
    why = "a running program cannot be opened for writing by anybody"
    return [
        Step(path, ("open_write", path), by_probe, control="none", why=why)
        for path in ("/proc/1/exe", "/proc/self/exe", "/proc/2/exe", str(w.probe))
    ]
