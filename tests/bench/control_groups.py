"""Control groups of the benchmark's own, with what other tools would set on an agent's group, in either layout."""
import os
import pathlib
import time


def _mounts():
    """(unified mount point, {controller: v1 mount point})"""
    unified, controllers = None, {}
    for line in open("/proc/self/mountinfo"):
        fields, _, tail = line.partition(" - ")
        kind, _, options = tail.split()[:3]
        if kind == "cgroup2":
            unified = pathlib.Path(fields.split()[4])
        elif kind == "cgroup":
            controllers.update({name: pathlib.Path(fields.split()[4]) for name in options.split(",")})
    if unified is None:
        raise RuntimeError("no unified control groups are mounted; freezing needs them")
    return unified, controllers


class Groups:
    """Groups made by name, gone on exit: the person's session, groups in it, which share its processor time and its settings,
    and groups beside it with their own. `v1` says that controllers are in hierarchies of their own."""

    CONTROLLERS = ("cpu", "cpuset")

    def __init__(self):
        self.unified, mounted = _mounts()
        self.v1 = {name: mounted[name] for name in self.CONTROLLERS if name in mounted}
        self.prefix, self.made, self.realtime = f"rf-bench-{os.getpid()}", {}, []

    def __enter__(self):
        if not self.v1:
            (self.unified / "cgroup.subtree_control").write_text("+cpu +cpuset")
        self.make("session")
        return self

    def __exit__(self, *_):
        for name, path in reversed(self.made.items()):
            self.kill(name)
        for file in self.realtime:
            file.write_text("0")  # a removed group keeps what it has for a while
        for name, path in reversed(self.made.items()):
            for base in self._hierarchies(path):
                (base / path).rmdir()

    def _hierarchies(self, path):
        """Those in which it has a group of its own: in the session, of which no controller looks further, it is the unified one."""
        return (self.unified,) if len(path.parts) > 1 else (self.unified, *self.v1.values())

    def _file(self, name, controller, v1, v2):
        path = self.made[name]
        return self.v1[controller] / path / v1 if controller in self.v1 else self.unified / path / v2

    def make(self, name, within=None):
        path = self.made[within] / name if within else pathlib.Path(f"{self.prefix}-{name}")
        for base in self._hierarchies(path):
            (base / path).mkdir()
        self.made[name] = path
        if "cpuset" in self.v1 and not within:  # a new one has no processors
            for file in ("cpuset.cpus", "cpuset.mems"):
                self._file(name, "cpuset", file, "").write_text((self.v1["cpuset"] / file).read_text())

    def folder(self, name):
        """In the unified hierarchy."""
        return self.unified / self.made[name]

    def join(self, name):
        """For a child between fork and exec."""
        (self.folder(name) / "cgroup.procs").write_text("0")
        for base in self.v1.values():
            (base / self.made[name].parts[0] / "cgroup.procs").write_text("0")

    def weight(self, name, percent_of_usual):
        self._file(name, "cpu", "cpu.shares", "cpu.weight").write_text(str(round((1024 if self.v1 else 100) * percent_of_usual / 100)))

    def idle(self, name):
        self._file(name, "cpu", "cpu.idle", "cpu.idle").write_text("1")

    def quota(self, name, percent):
        if self.v1:
            self._file(name, "cpu", "cpu.cfs_quota_us", "").write_text(str(percent * 1000))
        else:
            self._file(name, "cpu", "", "cpu.max").write_text(f"{percent * 1000} 100000")

    def allow_realtime(self, name):
        """Programs in it may have a real-time priority, which a v1 kernel refuses to groups that were given no time for that."""
        if self.v1 and (file := self._file(name, "cpu", "cpu.rt_runtime_us", "")).exists():
            file.write_text("900000")  # of a second; all groups together have no more than the 0.95 s of the machine
            self.realtime.append(file)

    def processors(self, name, cpus):
        self._file(name, "cpuset", "cpuset.cpus", "cpuset.cpus").write_text(cpus)

    def used(self, name):
        """Microseconds of processor time."""
        return _usage(self.folder(name))

    def used_by_all(self):
        """Of the whole machine; the kernel keeps it for the root."""
        if "cpu" in self.v1:
            mounted = _mounts()[1].get("cpuacct")
            if mounted:
                return int((mounted / "cpuacct.usage").read_text()) // 1000
        return _usage(self.unified)

    def freeze(self, name, frozen):
        (self.folder(name) / "cgroup.freeze").write_text("1" if frozen else "0")

    def kill(self, name):
        group = self.folder(name)
        (group / "cgroup.kill").write_text("1")
        while "populated 1" in (group / "cgroup.events").read_text():
            time.sleep(0.005)


def _usage(folder):
    return int(next(line.split()[1] for line in open(folder / "cpu.stat") if line.startswith("usage_usec")))


def wait_until_frozen(folder, frozen, seconds=30):
    """Or until it is not, as the kernel says. RuntimeError after `seconds`."""
    end = time.monotonic() + seconds
    while f"frozen {int(frozen)}" not in (folder / "cgroup.events").read_text():
        if time.monotonic() > end:
            raise RuntimeError(f"{folder} is {'not frozen' if frozen else 'still frozen'} after {seconds} s")
        time.sleep(0.001)


def usage_of(folder):
    return _usage(folder)
