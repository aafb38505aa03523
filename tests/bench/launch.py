"""What a launch costs: ringfence, bwrap with the same namespaces and mounts, and a plain exec, side by side."""
import os
import time


def quiet():
    """No input, and what the client notes about the launch goes nowhere."""
    return [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0), (os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0)]


def timed(command, environment):
    """Milliseconds from before the start of a program to its collected exit status."""
    begun = time.perf_counter()
    pid = os.posix_spawn(command[0], command, environment, file_actions=quiet())
    _, status = os.waitpid(pid, 0)
    took = (time.perf_counter() - begun) * 1000
    if os.waitstatus_to_exitcode(status) != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    return took


def inside_mounts(mountinfo):
    """(mount point, type, read-only) of each mount, from the text of /proc/self/mountinfo."""
    for line in mountinfo.splitlines():
        fields, _, tail = line.partition(" - ")
        words = fields.split()
        yield words[4], tail.split()[0], "ro" in words[5].split(",")


def same_in_bwrap(mountinfo, workspace):
    """A bwrap command line with every namespace and as many mounts, from what a fenced program sees."""
    command = ["/usr/bin/bwrap", "--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts",
               "--unshare-cgroup-try", "--uid", "65534", "--gid", "65534", "--die-with-parent", "--new-session",
               "--tmpfs", "/", "--proc", "/proc", "--dev", "/dev"]
    for name in ("bin", "sbin", "lib", "lib64"):
        if os.path.islink(f"/{name}"):
            command += ["--symlink", f"usr/{name}", f"/{name}"]
    mounted = set()
    # Not always in the order in which they were made: what holds a place for others comes first.
    for point, kind, read_only in sorted(inside_mounts(mountinfo), key=lambda mount: mount[0].count("/")):
        inside_dev = point.startswith(("/dev/", "/proc/"))
        if point in ("/", "/proc", "/dev") or inside_dev or point in mounted:
            continue
        mounted.add(point)
        if kind == "tmpfs" and not os.path.isfile(point):
            command += ["--tmpfs", point]
        elif os.path.exists(point):
            command += ["--ro-bind" if read_only else "--bind", point, point]
    if workspace not in mounted:
        command += ["--bind", workspace, workspace]
    return command + ["--chdir", workspace, "/bin/true"], len(mounted) + 3


def at_once(command, environment, many):
    """(milliseconds until all ended, those of each) for `many` copies started together."""
    begun, ends, waiting = time.perf_counter(), [], set()
    for _ in range(many):
        waiting.add(os.posix_spawn(command[0], command, environment, file_actions=quiet()))
    failed = 0
    while waiting:
        pid, status = os.waitpid(-1, 0)
        if pid in waiting:
            waiting.discard(pid)
            ends.append((time.perf_counter() - begun) * 1000)
            failed += status != 0
    if failed:
        raise RuntimeError(f"{failed} of {many} copies of {command[0]} failed")
    return ends[-1], ends
