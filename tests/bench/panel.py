"""What the panel and the tray take of the machine, beside the system monitor of GNOME: each on an X server of its own with
nothing else on it, both as the same person, whose agents both show. No window manager: the windows are as large as they
want to be, and window_probe.cc does what one would do to make an icon of them."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

from statistics_of_ratios import interleaved, middle, percentile, pooled, ratio
from tests.support.accounts import Accounts
from tests.support.daemon import eventually
from work import NAME, UID

MONITOR = "gnome-system-monitor"
# An agent that does a little, so that there is something new to show each time.
AGENT = "import time\nwhile True:\n sum(range(20000))\n time.sleep(0.25)"
# Once a second is the most that it can; the panel shows what it watches twice. Smooth, it would wait for longer when it
# finds itself busy.
SETTINGS = "[org/gnome/gnome-system-monitor]\nupdate-interval=1000\nsmooth-refresh=false\n"
REFRESHES = {"panel": 2, MONITOR: 1}  # a second
SETTLED = 10  # seconds after the start


class Screen:
    """An X server, and the programs of a person on it."""

    def __init__(self, desktop):
        self.desktop, self.name = desktop, f"screen-{len(desktop.screens)}"
        self.home = desktop.folder / self.name
        runtime, monitors, ours = self.home / "runtime", self.home / ".config/glib-2.0/settings", self.home / ".config/ringfence"
        for folder in (runtime, monitors, ours):
            folder.mkdir(parents=True, mode=0o700)
        (monitors / "keyfile").write_text(SETTINGS)
        (ours / "ringfence.conf").write_text("[General]\nwasStarted=true\nlanguage=en\n")
        desktop.give(self.home)
        reading, writing = os.pipe()
        self.server = subprocess.Popen(["Xvfb", "-displayfd", str(writing), "-screen", "0", "1280x1024x24", "-nolisten", "tcp", "-ac", "-noreset"],
                                       pass_fds=[writing], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(writing)
        with os.fdopen(reading) as number:
            display = number.readline().strip()
        if not display:
            raise RuntimeError("no X server: Xvfb ended")
        self.environment = {"DISPLAY": f":{display}", "HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home / ".config"),
                            "XDG_RUNTIME_DIR": str(runtime), "GSETTINGS_BACKEND": "keyfile", "QT_QPA_PLATFORM": "xcb",
                            "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **desktop.environment}

    def start(self, program):
        return subprocess.Popen(program, env=self.environment, cwd=self.home, user=UID, group=UID, extra_groups=[],
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def open(self, program, settles, picture=None):
        """Starts it and waits until its window is of use: (process, what the probe says, with times in ms since the start)."""
        probe = subprocess.Popen([*self.desktop.probe, "useful", str(settles), *([str(picture)] if picture else [])],
                                 env=self.environment, stdout=subprocess.PIPE, text=True)
        probe.stdout.readline()
        begun = time.monotonic()
        process = self.start(program)
        told = probe.stdout.read()
        if probe.wait() != 0 or process.poll() is not None:
            end(process)
            raise RuntimeError(f"{program[0]} showed no window")
        seen = json.loads(told)
        return process, {"window": seen["window"], **{name: (seen[name] - begun) * 1000 for name in ("mapped", "painted", "useful")}}

    def iconify(self, window):
        subprocess.run([*self.desktop.probe, "iconify", str(window)], env=self.environment, check=True)


def end(process):
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Desktop:
    """What a session has for all programs of a person: a bus, and the daemon's agents."""

    def __init__(self, accounts, folder):
        self.accounts, self.folder, self.screens = accounts, folder, []
        self.probe = [str(accounts.daemon.bin / "window_probe")]
        self.bus = subprocess.Popen(["dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address"], user=UID, group=UID,
                                    extra_groups=[], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                    env={"PATH": "/usr/bin:/bin", "HOME": str(folder)})
        self.environment = {"DBUS_SESSION_BUS_ADDRESS": self.bus.stdout.readline().strip(),
                            "RINGFENCE_SOCKET": accounts.daemon.environment["RINGFENCE_SOCKET"]}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end(self.bus)  # what it started ends with it
        for screen in self.screens:
            end(screen.server)

    def screen(self):
        self.screens.append(Screen(self))
        return self.screens[-1]

    @staticmethod
    def give(folder):
        for path, _, files in os.walk(folder):
            for one in (path, *(f"{path}/{file}" for file in files)):
                os.chown(one, UID, UID)


# ---- what the kernel says of a process

def used(pid):
    """Seconds of processor time of all its threads that are alive: of ours, all."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError):  # ended meanwhile
            total += int(pathlib.Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[0])
    return total / 1e9


def memory(pid):
    """(proportional, private) MiB"""
    fields = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in
              pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]}
    return fields["Pss"], fields["Private_Clean"] + fields["Private_Dirty"]


def windows(pids, count, seconds):
    """{name: [percent of one processor in each window]}, all at the same time."""
    shares = {name: [] for name in pids}
    for _ in range(count):
        before, begun = {name: used(pid) for name, pid in pids.items()}, time.monotonic()
        time.sleep(seconds)
        took = time.monotonic() - begun
        for name, pid in pids.items():
            shares[name].append((used(pid) - before[name]) / took * 100)
    return shares


# ---- rows

def of_starts(programs, quick):
    """`programs`: {name: (screen, command)}"""
    def measure(name):
        screen, command = programs[name]
        process, seen = screen.open(command, 0.5 if quick else 1.5)
        end(process)
        return seen

    for name in programs:
        measure(name)  # warms the caches
    seen = interleaved(programs, 1 if quick else 12, measure)
    useful = {name: [one["useful"] for one in seen[name]] for name in seen}
    for name, what in ((MONITOR, f"against {MONITOR}"), ("panel again", "against itself")):
        if name in seen:
            detail = ", ".join(f"{each} {percentile(useful[each], 0.5):.0f} (mapped after "
                               f"{percentile([one['mapped'] for one in seen[each]], 0.5):.0f})" for each in ("panel", name))
            yield (f"panel, from its start to the first useful frame, {what}", "≤ 1.00" if name == MONITOR else "1",
                   ratio(useful["panel"], useful[name]), f"{len(useful[name])} rounds; median ms: {detail}")


def watched(programs, daemon, quick):
    """All of `programs` at once, first seen and then hidden: what each takes, by round and window."""
    settled, count, seconds = (0.5, 1, 0.5) if quick else (SETTLED, 4, 4)
    found = {"memory": {name: [] for name in programs}, "seen": {}, "hidden": {}}
    for _ in range(1 if quick else 3):
        with contextlib.ExitStack() as open_windows:
            pids, seen = {"daemon": daemon}, {}
            for name, (screen, command) in programs.items():
                process, seen[name] = screen.open(command, 0.5)
                open_windows.callback(end, process)
                pids[name], pids[f"server of {name}"] = process.pid, screen.server.pid
            time.sleep(settled)
            for name in programs:
                found["memory"][name].append(memory(pids[name]))
            for state in ("seen", "hidden"):
                if state == "hidden":
                    for name, (screen, _) in programs.items():
                        screen.iconify(seen[name]["window"])
                    time.sleep(0.1 if quick else 2)
                for name, shares in windows(pids, count, seconds).items():
                    found[state].setdefault(name, []).extend(shares)
    return found


def of_watching(found, agents):
    seen, hidden, idle = found["seen"], found["hidden"], percentile(found["hidden"]["daemon"], 0.5)
    more = [max(0.0, share - idle) for share in seen["daemon"]]
    with_daemon = [panel + daemon for panel, daemon in zip(seen["panel"], more)]
    parts = (f"panel {middle(seen['panel'])}, its daemon {middle(more)} more than when nobody watches ({idle:.2f}), "
             f"its X server {middle(seen['server of panel'])}")
    if MONITOR in seen:
        for which, what in ((0, "PSS"), (1, "private")):
            sides = {name: [one[which] for one in found["memory"][name]] for name in ("panel", MONITOR)}
            yield (f"panel, memory after {SETTLED} s with {agents} agents ({what}), against {MONITOR}", "≤ 1.00",
                   ratio(sides["panel"], sides[MONITOR]), f"MiB {middle(sides['panel'])} and {middle(sides[MONITOR])}")
        for unit, count in (("", {name: 1 for name in REFRESHES}), (" of one refresh", REFRESHES)):
            yield (f"panel, CPU{unit} while it watches {agents} agents twice a second, with what its daemon does for it, against {MONITOR} once a second",
                   "≤ 1.00", ratio([share / count["panel"] for share in with_daemon], [share / count[MONITOR] for share in seen[MONITOR]]),
                   "" if unit else f"% of one: {parts}; {MONITOR} {middle(seen[MONITOR])}, its X server {middle(seen[f'server of {MONITOR}'])}")
    else:
        yield (f"panel, memory after {SETTLED} s with {agents} agents (PSS)", "", f"{middle([one[0] for one in found['memory']['panel']])} MiB", "")
        yield f"panel, CPU while it watches {agents} agents twice a second", "", f"{middle(with_daemon)} % of one", parts
    yield ("panel, CPU while it is hidden", "< 0.1 % of one", f"{middle(hidden['panel'])} %",
           f"{MONITOR} {middle(hidden[MONITOR])}" if MONITOR in hidden else "")


def of_tray(screen, command, agents, quick):
    process = screen.start(command)
    try:
        time.sleep(0.5 if quick else SETTLED)
        if process.poll() is not None:
            raise RuntimeError(f"{command[0]} ended with {process.returncode}")
        shares = windows({"tray": process.pid}, 1 if quick else 4, 0.5 if quick else 4)["tray"]
        whole, private = memory(process.pid)
    finally:
        end(process)
    yield (f"tray, CPU with {agents} agents of which none asks", "< 0.1 % of one", f"{middle(shares)} %",
           f"memory MiB: PSS {whole:.1f}, private {private:.1f}")


def of_frames(program, quick):
    rounds, load = (1, ("1", "20", "5000", "1000")) if quick else (4, ("3", "200", "100000", "10000"))
    frames, longest = {}, {}
    for _ in range(rounds):
        done = subprocess.run([str(program), *load, "values"], capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            raise RuntimeError(f"panel_bench: {done.stdout}{done.stderr}")
        for line in done.stdout.splitlines():
            page = json.loads(line)
            frames.setdefault(page["page"], []).append(page["painted_ms"])
            longest[page["page"]] = max(longest.get(page["page"], 0), page["longest_ms"])
    for page, values in frames.items():
        every = [value for one in values for value in one]
        yield (f"panel, a frame of {page}, {load[1]} runs, {int(load[2]):,} rows, {int(load[3]):,} events a second four times a second", "p99 ≤ 100 ms",
               f"{pooled(values, 0.99)} ms", f"{len(every)} frames; median {percentile(every, 0.5):.1f}, max {max(every):.1f} ms; "
               f"the longest handling of any event {longest[page]:.1f} ms")


def measured(build, policies, quick):
    binaries = pathlib.Path(build) / "bin"
    monitor = shutil.which(MONITOR)
    if monitor is None and not quick:
        raise RuntimeError(f"{MONITOR} is missing: scripts/setup --monitor")
    many = 2 if quick else 20
    with Accounts(build, policies=policies) as accounts:
        accounts.add(NAME, UID)
        accounts.start()
        for number in range(many):
            started = accounts.cli(NAME, "run", "-d", "--name", f"agent-{number}", "-p", "bench", "-w", str(accounts.workspace(NAME)),
                                   "--", "/usr/bin/python3", "-c", AGENT)
            if started.returncode != 0:
                raise RuntimeError(f"run -d: {started.stderr}")
        if not eventually(lambda: sum(run["state"] == "running" for run in accounts.daemon.json_runs()) == many):
            raise RuntimeError("not every agent runs")
        with Desktop(accounts, accounts.base) as desktop:
            ours, theirs = desktop.screen(), desktop.screen()
            panel = [str(binaries / "ringfence-panel")]
            both = {"panel": (ours, panel), **({MONITOR: (theirs, [monitor])} if monitor else {})}
            yield from of_starts({**both, "panel again": (ours, panel)}, quick)
            yield from of_watching(watched(both, accounts.daemon.process.pid, quick), many)
            yield from of_tray(ours, [str(binaries / "ringfence-tray")], many, quick)
    yield from of_frames(binaries / "panel_bench", quick)
