"""How fast a program of the person's stays while agents work:
foreground.py BUILD_DIR [--check] [--write] [--plot] [--windows N] [--only LOAD…] [--modes MODE…]

The program wakes every 4.1 ms and works for 1 ms (frame_probe.cc; both longer where a machine cannot keep that up alone), so that
its frames meet the kernel's ticks, which are 1, 4 or 10 ms apart, everywhere: at 4 ms each window is as good as its first frame
fell between two. Beside it an agent does its worst (agent_load.cc), four workers for each two processors, held by what other tools
would set on it, or by Ringfence: as a real run of a real daemon, and of one that keeps a processor for the person.
All modes of a load are measured in one run, in windows of 1.6 s in random order, in each of which only that mode's agent is
thawed. A window in which somebody else used the machine is dropped. --check: only the order and coarse ratios, for the tests.
"""
import argparse
import concurrent.futures
import dataclasses
import datetime
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/support"), str(pathlib.Path(__file__).parent)]
from control_groups import Groups, usage_of, wait_until_frozen  # noqa: E402
from daemon import Daemon  # noqa: E402
from statistics_of_ratios import pooled_ratio  # noqa: E402

PERIOD_US, WORK_US = 4100, 1000
SLOWEST_PERIOD_US = 32800  # on an emulated machine
SETTLE = 0.1           # seconds between a thaw and the first frame
# The share of one processor that others may use in a window. What the daemon and systemd do once in a while takes ten times as
# long where the processor is emulated.
FOREIGN = 0.3 if os.environ.get("RINGFENCE_GUEST") else 0.08
CPUS = len(os.sched_getaffinity(0))
WORKERS = max(4, 2 * CPUS)
LOADS = {"spin": "arithmetic", "fork": "fork storm", "kernel": "kernel work", "bandwidth": "memory bandwidth",
         "burst": "memory burst, 15 ×", "disk": "writing to the disk"}
PAGE = ROOT / "docs/benchmarks.md"
BEGIN, END = "<!-- foreground: written by scripts/bench foreground --write -->", "<!-- end of foreground -->"
POLICY = 'schema = 1\nname = "agent"\nextends = ["offline"]\n[limits]\nmemory = "6GiB"\npids = 512\n[priority]\nclass = "background"\n'


@dataclasses.dataclass
class Mode:
    """What holds the agent; each has its agent in a group of its own. `prefix`: a command that becomes the agent; `favour`: one that
    becomes the person's program; `bars`: it keeps the agent off processors that have nothing to do."""
    name: str
    title: str
    prefix: tuple = ()
    settle: object = None  # of (groups, group)
    in_session: bool = False
    favour: tuple = ()
    bars: bool = False


PEERS = (
    Mode("none", "no control, own group"),
    Mode("same", "no control, the person's group", in_session=True),
    Mode("nice", "nice 19", prefix=("nice", "-n", "19")),
    Mode("idle-class", "SCHED_IDLE", prefix=("chrt", "--idle", "0")),
    Mode("weight", "CPUWeight=20", settle=lambda groups, group: groups.weight(group, 20)),
    Mode("weight1", "CPUWeight=1", settle=lambda groups, group: groups.weight(group, 1)),
    Mode("idle-group", "CPUWeight=idle", settle=lambda groups, group: groups.idle(group)),
    Mode("quota", "CPUQuota=100%", settle=lambda groups, group: groups.quota(group, 100), bars=True),
    Mode("cpuset", "a processor less (cpuset)", settle=lambda groups, group: groups.processors(group, f"1-{CPUS - 1}" if CPUS > 2 else "1"), bars=True),
    Mode("realtime", "floor: the program before everything else", favour=("chrt", "--fifo", "50")),
)


@dataclasses.dataclass
class Window:
    frames: list      # (microseconds to the wake-up, to the end)
    period: int       # microseconds
    agent_cpu: float  # of one processor
    foreign: float    # share of one processor that others used
    left: float       # processors that the person's program left over


@dataclasses.dataclass
class Agent:
    """One agent, frozen but in its windows. `folder`: its group of the unified hierarchy; `order`: freezes it or lets it go on."""
    folder: pathlib.Path
    order: object  # of (frozen)
    stop: object

    def freeze(self, frozen):
        self.order(frozen)
        wait_until_frozen(self.folder, frozen)


class Field:
    """One load, its agents of all modes, and the person's program."""

    def __init__(self, build, daemons, groups, load, modes, workspace, frames):
        self.bin, self.daemons, self.groups, self.load, self.workspace = pathlib.Path(build) / "bin", daemons, groups, load, workspace
        self.agents, self.favours = {}, {mode.name: mode.favour for mode in modes}
        groups.make("person", within="session")
        if any(self.favours.values()):
            groups.allow_realtime("session")
        self.period, self.steps, self.frames = self.pace(frames)
        for mode in modes:
            self.begin(mode)

    def pace(self, frames):
        """Period, steps of work and frames of a window, of which nobody else misses one in a hundred on this machine."""
        period, work = PERIOD_US, WORK_US
        while True:
            steps = subprocess.run([self.bin / "frame_probe", "calibrate", str(work)], capture_output=True, text=True, check=True)
            arguments = ["frames", str(period), steps.stdout.strip(), str(frames)]
            process = self.person(arguments)
            ends = sorted(float(line.split()[1]) for line in process.communicate()[0].splitlines())
            if ends[int(0.99 * len(ends))] < 0.75 * period or period >= SLOWEST_PERIOD_US:
                return period, steps.stdout.strip(), frames
            period, work, frames = 2 * period, 2 * work, frames // 2

    def begin(self, mode):
        groups, name = self.groups, mode.name
        command = [str(self.workspace / "agent_load"), self.load, str(WORKERS), str(self.workspace)]
        if name in self.daemons:
            daemon = self.daemons[name]
            started = daemon.cli("run", "-d", "-p", "agent", "-w", str(self.workspace), "--", *command)
            if started.returncode != 0:
                raise RuntimeError(f"run -d: {started.stderr}")
            run = started.stdout.strip()
            folder = groups.unified / f"{daemon.cgroup_root}-background" / run / "agent"
            # By its own commands: what another program does to its groups it takes back.
            self.agents[name] = Agent(folder, lambda frozen: order(daemon, *(("freeze", "--now") if frozen else ("resume",)), run),
                                      lambda: order(daemon, "kill", run))
        else:
            groups.make(name, within="session" if mode.in_session else None)
            if mode.settle:
                mode.settle(groups, name)
            process = subprocess.Popen([*mode.prefix, *command], preexec_fn=lambda: groups.join(name))
            self.agents[name] = Agent(groups.folder(name), lambda frozen: groups.freeze(name, frozen),
                                      lambda: (groups.kill(name), process.wait()))
        self.agents[name].freeze(True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for agent in self.agents.values():
            agent.freeze(False)
            agent.stop()

    def ours(self):
        folders = [agent.folder for agent in self.agents.values()] + [self.groups.folder("person")]
        return sum(usage_of(folder) for folder in folders)

    def person(self, arguments, favour=()):
        return subprocess.Popen([*favour, self.bin / "frame_probe", *arguments], stdout=subprocess.PIPE, text=True,
                                preexec_fn=lambda: self.groups.join("person"))

    def window(self, name, arguments=None):
        """One window of the person's program, with the agent of that mode thawed (none: "idle")."""
        arguments = arguments or ["frames", str(self.period), self.steps, str(self.frames)]
        agent = self.agents.get(name)
        if agent:
            agent.freeze(False)
            time.sleep(SETTLE)
        person, all_before, ours = self.groups.used("person"), self.groups.used_by_all(), self.ours()
        used, begun = usage_of(agent.folder) if agent else 0, time.monotonic()
        process = self.person(arguments, self.favours.get(name, ()))
        text = process.communicate()[0]
        took = time.monotonic() - begun
        if process.returncode != 0:
            raise RuntimeError(f"frame_probe {arguments} ended with {process.returncode}")
        used = (usage_of(agent.folder) - used if agent else 0) / 1e6 / took
        others = (self.groups.used_by_all() - all_before - (self.ours() - ours)) / 1e6 / took
        busy = (self.groups.used("person") - person) / 1e6 / took
        if agent:
            agent.freeze(True)
        frames = [tuple(map(float, line.split())) for line in text.splitlines()]
        return Window(frames, self.period, used, max(0.0, others), CPUS - busy)


def order(daemon, *command):
    done = daemon.cli(*command)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr}")


def measure(field, names, windows, seed=1):
    """{name: [good windows]} and how many were dropped. RuntimeError where one of them has no good window."""
    chance, good, dropped = random.Random(seed), {name: [] for name in names}, []
    for _ in range(windows * 4):
        wanted = [name for name in names if len(good[name]) < windows]
        if not wanted:
            break
        chance.shuffle(wanted)
        for name in wanted:
            window = field.window(name)
            if window.foreign > FOREIGN:
                dropped.append(window.foreign)
            else:
                good[name].append(window)
    if not all(good.values()):
        raise RuntimeError(f"{LOADS[field.load]}: somebody else used the machine in all {len(dropped)} windows: "
                           f"between {min(dropped):.0%} and {max(dropped):.0%} of a processor, {FOREIGN:.0%} may be")
    return good, len(dropped)


def measure_all(field, modes, windows):
    """What `measure` gives as a list of parts, each with the titles of its rows. Agents that may not use a processor that has nothing
    to do come after the others, with an idle of their own: with such windows in between the kernel gave the others less of the
    processors that were left over, an idle group 92 % in place of 98 %."""
    free, barred = ([mode for mode in modes if mode.bars == bars] for bars in (False, True))
    seen, dropped = measure(field, ["idle", "frozen", *(mode.name for mode in free)], windows)
    parts = [({"idle": "no agent", "frozen": "control: all frozen", **{mode.name: mode.title for mode in free}}, seen)]
    if barred:
        seen, more = measure(field, ["idle", *(mode.name for mode in barred)], windows)
        parts.append(({mode.name: mode.title for mode in barred}, seen))
        dropped += more
    return parts, dropped


def ends(windows):
    return [[frame[1] for frame in window.frames] for window in windows]


def pooled(windows, column, share):
    values = sorted(frame[column] for window in windows for frame in window.frames)
    return values[min(len(values) - 1, int(share * len(values)))]


def missed(windows):
    late = [frame[1] > window.period for window in windows for frame in window.frames]
    return 100 * sum(late) / len(late)


def rows_of(load, titles, seen):
    """One row a mode: load, mode, and the figures as text."""
    idle = seen["idle"]
    for name, title in titles.items():
        windows = seen.get(name)
        if not windows:
            continue
        p99, p999 = (pooled_ratio(ends(windows), ends(idle), share) for share in (0.99, 0.999))
        share = sum(window.agent_cpu for window in windows) / sum(window.left for window in windows)
        yield {"load": LOADS[load], "mode": title, "wake p99 µs": f"{pooled(windows, 0, 0.99):.0f}",
               "frame p99 µs": f"{pooled(windows, 1, 0.99):.0f}", "× idle": str(p99), "× idle, p99.9": f"{p999.value:.2f}",
               "missed %": f"{missed(windows):.2f}", "of the CPU left": "" if name in ("idle", "frozen") else f"{100 * share:.0f} %"}


def starving(field, seconds):
    """The agent's longest time without a processor while the person's programs want all of them, and its share of them."""
    processes = [field.person(["saturate", str(seconds + 1)]) for _ in range(CPUS - 1)]
    over = threading.Event()
    with concurrent.futures.ThreadPoolExecutor(1) as watching:
        longest = watching.submit(longest_without_processor, field.agents["ringfence"].folder, over)
        try:
            window = field.window("ringfence", ["saturate", str(seconds)])
        finally:
            over.set()
        for process in processes:
            process.wait()
        return longest.result(), window.agent_cpu / CPUS


def shares_alone(build, daemon, loads, workspace):
    """{load: of the processors' time that the person's program left over, what agents under Ringfence used}, with no others on the
    machine: beside those of many modes the kernel gives all of them less."""
    ours, shares = [mode for mode in MODES if mode.name == "ringfence"], {}
    for load in loads:
        with Groups() as groups, Field(build, {"ringfence": daemon}, groups, load, ours, workspace, frames=400) as field:
            window = field.window("ringfence", ["frames", str(field.period), field.steps, str(5 * field.frames)])
            shares[load] = window.agent_cpu / window.left
    return shares


def longest_without_processor(folder, over):
    """Seconds, from the first time on that it was seen to get some."""
    used, changed, longest = usage_of(folder), None, 0.0
    while not over.wait(0.005):
        now, before = time.monotonic(), used
        used = usage_of(folder)
        if used == before and changed is not None:
            longest = max(longest, now - changed)
        elif used != before:
            changed = now
    return longest


MODES = (*PEERS, Mode("ringfence", "Ringfence"), Mode("reserve", "Ringfence, reserve_processors", bars=True))
UNCONTROLLED = ("none", "same")


def plot(page):
    """From the table that the page has."""
    from matplotlib import pyplot
    lines = page.read_text().partition(BEGIN)[2].partition(END)[0].splitlines()
    rows = [dict(zip(COLUMNS, (cell.strip() for cell in line.strip("|").split("|")))) for line in lines if line.startswith("| ")][1:]
    reference = {"no agent", "control: all frozen"}
    titles = [title for title in dict.fromkeys(row["mode"] for row in rows) if title not in reference]
    loads = list(dict.fromkeys(row["load"] for row in rows))
    figure, axes = pyplot.subplots(figsize=(11, 5), layout="constrained")
    width = 0.8 / len(titles)
    for index, title in enumerate(titles):
        ratios = [row["× idle"] for load in loads for row in rows if (row["mode"], row["load"]) == (title, load)]
        values, low, high = zip(*(map(float, re.findall(r"[\d.]+", ratio)) for ratio in ratios))
        beyond = [[value - end for value, end in zip(values, low)], [end - value for value, end in zip(values, high)]]
        colour = {"Ringfence": "#1b7f4d", "Ringfence, reserve_processors": "#6fbf8f"}.get(title, str(0.25 + 0.6 * index / len(titles)))
        axes.bar([place + (index - len(titles) / 2 + 0.5) * width for place in range(len(loads))], values, width, label=title, color=colour,
                 yerr=beyond, error_kw={"elinewidth": 0.8, "ecolor": "#c0392b"})
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_yscale("log")
    axes.set_yticks([1, 2, 5, 10, 20, 50], ["1", "2", "5", "10", "20", "50"])
    axes.minorticks_off()
    axes.set_xticks(range(len(loads)), loads)
    axes.set_ylabel("99th percentile of a frame, × idle (less is better)")
    axes.set_title("The person's program while an agent works (red: 95 % intervals)")
    axes.legend(fontsize=8, ncols=2)
    for kind in ("svg", "png"):
        figure.savefig(page.parent / f"foreground.{kind}", dpi=110)


COLUMNS = ("load", "mode", "wake p99 µs", "frame p99 µs", "× idle", "× idle, p99.9", "missed %", "of the CPU left")


def table(rows):
    lines = ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    return "\n".join(lines + ["| " + " | ".join(row[column] for column in COLUMNS) + " |" for row in rows])


def told(load, alone, longest, share):
    return (f"{LOADS[load]}: with no other agents on the machine before or beside them, the agents under Ringfence used {100 * alone:.0f} % of the "
            f"processors' time that the program left over; beside programs of the person's that want every processor, their longest time without one "
            f"was {longest:.2f} s, their share of them {100 * share:.2f} %")


def machine():
    """What a ratio depends on."""
    def first(path, otherwise):
        try:
            return pathlib.Path(path).read_text().split()[0]
        except (OSError, IndexError):
            return otherwise

    version = pathlib.Path("/proc/version").read_text()
    model = next((word for word in version.split() if word.startswith("PREEMPT")), "no preemption in the kernel")
    commit = subprocess.run(["git", "-c", "safe.directory=*", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return (f"Measured {datetime.date.today()}, commit {commit.stdout.strip() or 'unknown'}, Linux {os.uname().release} ({model}), "
            f"{CPUS} processors, governor {first('/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor', 'none')}, "
            f"sched_ext {first('/sys/kernel/sched_ext/state', 'not there')}, control groups "
            f"{'hybrid' if Groups().v1 else 'unified'}.")


def write(rows, starved, dropped):
    page = PAGE
    before, _, rest = page.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    lines = [machine(), "", table(rows), "", *(f"- {told(load, *seen)}" for load, seen in starved.items()),
             f"- {dropped} windows were dropped, in which somebody else used the machine.", "",
             "![The 99th percentile of a frame against that without agents, by load and by what holds the agent](foreground.svg)"]
    page.write_text(before + BEGIN + "\n\n" + "\n".join(lines) + "\n\n" + END + after)
    plot(page)


HOLDS, UNCLEAR = "", "unclear"
# What the ratio of the person's program may be. In the fork storm the kernel itself takes time of it, clearing up behind ended processes
# at a priority that no group has a say in: 1.3 to 1.5 is what can be had.
MOST, MOST_BESIDE_FORKS = 1.25, 1.75


def judged(ours, worst, most=MOST):
    """HOLDS, UNCLEAR or what is wrong: of the ratios to the time without agents, under Ringfence, which may be `most`, and
    without any control."""
    # A processor that has nothing to do wakes up slower than one that agents keep awake: the better of both is what is missed.
    if worst.value < 2 * min(1, ours.value):
        return f"without any control a frame takes {worst} times as long; the load is no load"
    slow = f"under Ringfence a frame takes {ours} times as long as without agents, without control {worst}"
    if ours.value > worst.value / 1.5:
        return slow
    if ours.value <= most:
        return HOLDS
    # Too much, and as likely nothing: so few windows do not tell.
    return slow if ours.low > 1.05 else UNCLEAR


def verdict_on(load, seen):
    """Where an agent has no control at all it may have a group of its own or the person's: with few agents the first can be
    harmless by chance, so the worse of both says whether the load is one."""
    alone = ends(seen["idle"] + seen["frozen"])
    ours, *uncontrolled = (pooled_ratio(ends(seen[name]), alone, 0.99) for name in ("ringfence", *UNCONTROLLED))
    return judged(ours, max(uncontrolled, key=lambda ratio: ratio.value), MOST_BESIDE_FORKS if load == "fork" else MOST)


def check(load, seen, more):
    """The order that must hold on every machine. What few windows do not show is looked for in as many more of them, twice:
    somebody else may have used the machine just then. `more`: measures once more what `seen` has."""
    verdict = verdict_on(load, seen)
    for _ in range(2):
        if verdict == HOLDS:
            return
        print(f"{LOADS[load]}: {verdict}; measured once more", flush=True)
        for name, windows in more().items():
            seen[name] += windows
        verdict = verdict_on(load, seen)
    if verdict not in (HOLDS, UNCLEAR):
        raise RuntimeError(f"{LOADS[load]}: {verdict}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--check", action="store_true", help="only the order and coarse ratios")
    parser.add_argument("--only", nargs="+", choices=LOADS, default=list(LOADS))
    parser.add_argument("--modes", nargs="+", choices=[mode.name for mode in MODES], default=[mode.name for mode in MODES])
    parser.add_argument("--windows", type=int, default=8)
    parser.add_argument("--write", action="store_true", help="put table and plot into docs/")
    parser.add_argument("--plot", action="store_true", help="only paint the plot anew, from the table in docs/")
    options = parser.parse_args()
    if options.write or options.plot:  # a missing library is told before the measurement, not after it
        import matplotlib
        matplotlib.use("Agg")
    if options.plot:
        plot(PAGE)
        return 0
    if options.write and (options.only != list(LOADS) or len(options.modes) < len(MODES)):
        parser.error("only a whole measurement is written")
    # An emulated machine is there for its other kind of groups: one load tells them apart.
    checked = ["spin"] if os.environ.get("RINGFENCE_GUEST") and not os.environ.get("RINGFENCE_GUEST_WHOLE") else ["spin", "kernel", "fork"]
    loads, windows = (checked, 4) if options.check else (options.only, options.windows)
    rows, starved, dropped = [], {}, 0
    with tempfile.TemporaryDirectory(prefix="ringfence-foreground-", dir="/var/tmp") as folder:
        os.chmod(folder, 0o755)
        workspace, made = pathlib.Path(folder) / "workspace", pathlib.Path(folder) / "policies"
        for path in (workspace, made):
            path.mkdir()
        (made / "agent.toml").write_text(POLICY)
        (workspace / "agent_load").write_bytes((pathlib.Path(options.build) / "bin/agent_load").read_bytes())
        (workspace / "agent_load").chmod(0o755)
        policies, settings = [ROOT / "policy/profiles", made], pathlib.Path(folder) / "ringfence.toml"
        settings.write_text('reserve_processors = "1"\n')
        with Daemon(options.build, policies=policies) as daemon, Daemon(options.build, policies=policies) as reserving:
            daemons = {"ringfence": daemon, "reserve": reserving}
            reserving.kill_daemon()
            reserving.kill_launcher()
            reserving.options = ["--config", str(settings)]
            reserving.start()
            counts = "ringfence" in options.modes and not options.check
            alone = shares_alone(options.build, daemon, loads, workspace) if counts else {}
            for load in loads:
                with Groups() as groups:
                    chosen = (*UNCONTROLLED, "ringfence") if options.check else options.modes
                    modes = [mode for mode in MODES if mode.name in chosen]
                    with Field(options.build, daemons, groups, load, modes, workspace, frames=400) as field:
                        parts, bad = measure_all(field, modes, windows)
                        if options.check:
                            titles, seen = parts[0]
                            check(load, seen, lambda: measure(field, list(titles), windows, seed=2)[0])
                        dropped += bad
                        if counts:
                            starved[load] = (alone[load], *starving(field, 6))
                found = [row for titles, seen in parts for row in rows_of(load, titles, seen)]
                rows += found
                print(table(found), flush=True)
                if load in starved:
                    print(told(load, *starved[load]), flush=True)
                print(f"{bad} windows dropped, in which somebody else used the machine", flush=True)
    if options.write:
        write(rows, starved, dropped)
    return 0


if __name__ == "__main__":
    sys.exit(main())
