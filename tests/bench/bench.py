"""The figures of docs/benchmarks.md: bench.py BUILD_DIR [--quick] [--only PART…] [--write].

Everything is a ratio of measurements taken alternately in one run on one machine; a control that compares a thing with
itself shows how far such a ratio strays by chance. --quick only checks that each measurement works and the coarse order.
"""
import argparse
import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/support"), str(pathlib.Path(__file__).parent)]
import agent_library  # noqa: E402
import egress  # noqa: E402
import figures_page  # noqa: E402
import hooks  # noqa: E402
import mediation  # noqa: E402
import panel  # noqa: E402
import stops  # noqa: E402
import work  # noqa: E402
from daemon import Daemon, eventually  # noqa: E402
from launch import at_once, same_in_bwrap, timed  # noqa: E402
from statistics_of_ratios import interleaved, percentile, ratio  # noqa: E402

# The walls of every profile and nobody beside the run, in the class that bwrap and a plain exec are in: what is compared
# is the walls, not the readiness of a background run to wait for others.
POLICY = 'schema = 1\nname = "bench"\nextends = ["offline"]\n[priority]\nclass = "interactive"\n'
BACKGROUND = 'schema = 1\nname = "background"\nextends = ["bench"]\n[priority]\nclass = "background"\n'
COLD_PAUSE = 0.25


class Bench:
    def __init__(self, daemon, workspace, memory, persons, policies, quick):
        self.daemon, self.workspace, self.quick = daemon, workspace, quick
        self.memory = memory  # a workspace on a tmpfs
        self.persons, self.policies = persons, policies  # a workspace of somebody else than root
        self.rows, self.below = [], []  # of the part that is measured: the table, and lines below it
        self.client = self.client_with("bench")

    def client_with(self, policy, workspace=None):
        return [str(self.daemon.bin / "ringfence"), "run", "-p", policy, "-w", workspace or self.memory]

    def row(self, figure, aim, value, detail=""):
        self.rows.append((figure, aim, value, detail))
        print(f"{figure}: {value} {detail}", flush=True)

    # ---- launches

    def launches(self):
        environment = self.daemon.environment
        seen = self.daemon.cli("run", "-p", "bench", "-w", self.memory, "--", "cat", "/proc/self/mountinfo")
        if seen.returncode != 0:
            raise RuntimeError(f"no fenced program: {seen.stderr}")
        bwrap, mounts = same_in_bwrap(seen.stdout, self.memory)
        self.below.append(f"bwrap makes the same namespaces (it adds no filter, no Landlock, no control group, no durable "
                          f"record) and {mounts} mounts; the fence has {len(seen.stdout.splitlines())}.")
        true = ["--", "/bin/true"]
        commands = {"ringfence": [*self.client, *true], "ringfence again": [*self.client, *true],
                    "background": [*self.client_with("background"), *true],
                    "on disk": [*self.client_with("bench", self.workspace), *true],
                    "bwrap": bwrap, "bwrap again": bwrap, "exec": ["/bin/true"]}
        # Apart: what ends with such a run, its guards, would end beside the next one's launch.
        guarded = {"coding": [*self.client_with("coding"), *true], "bwrap": bwrap}

        def cold(command):
            time.sleep(0.01 if self.quick else COLD_PAUSE)
            return timed(command, environment)

        for kind, measure, rounds in (("hot", lambda command: timed(command, environment), 2 if self.quick else 150),
                                      ("cold", cold, 1 if self.quick else 60)):
            values = interleaved(commands, rounds, lambda name: measure(commands[name]))
            middle = {name: f"{percentile(values[name], 0.5):.2f}" for name in values}
            detail = (f"{rounds} rounds; median ms: ringfence {middle['ringfence']}, bwrap {middle['bwrap']}, "
                      f"exec {middle['exec']}; p99 {percentile(values['ringfence'], 0.99):.1f}")
            against = ratio(values["ringfence"], values["bwrap"])
            self.row(f"launch, {kind}, against bwrap", "≤ 1.00", against, detail)
            self.row(f"launch, {kind}, against plain exec", "", ratio(values["ringfence"], values["exec"]))
            self.row(f"launch, {kind}, of the background class against bwrap", "", ratio(values["background"], values["bwrap"]),
                     f"median ms {middle['background']}")
            self.row(f"launch, {kind}, in a workspace on this machine's disk, against bwrap", "", ratio(values["on disk"], values["bwrap"]),
                     f"median ms {middle['on disk']}")
            self.row(f"control: ringfence against itself, {kind}", "1", ratio(values["ringfence"], values["ringfence again"]))
            self.row(f"control: bwrap against itself, {kind}", "1", ratio(values["bwrap"], values["bwrap again"]))
            if against.value > 100:
                raise RuntimeError(f"a launch takes {against.value:.0f} times as long as bwrap's")
            values = interleaved(guarded, -(-rounds // 3), lambda name: measure(guarded[name]))
            self.row(f"launch, {kind}, of the profile coding as shipped, with its warden and egress, against bwrap", "",
                     ratio(values["coding"], values["bwrap"]), f"median ms {percentile(values['coding'], 0.5):.2f}")
        self.many(bwrap)

    def many(self, bwrap):
        many = 5 if self.quick else 50
        totals = {"ringfence": [], "bwrap": []}
        for _ in range(1 if self.quick else 7):
            for name, command in (("ringfence", [*self.client, "--", "/bin/true"]), ("bwrap", bwrap)):
                total, ends = at_once(command, self.daemon.environment, many)
                totals[name].append(total)
                last = ends
        del last
        self.row(f"{many} agents at once, all ended, against bwrap", "", ratio(totals["ringfence"], totals["bwrap"]),
                 f"median ms for all: ringfence {percentile(totals['ringfence'], 0.5):.0f}, bwrap {percentile(totals['bwrap'], 0.5):.0f}")

    # ---- work inside

    def work(self):
        rows, walls = work.measured(self.daemon.bin.parent, self.policies, self.persons, self.quick)
        for row in rows:
            self.row(*row)
        self.below += ["What each wall costs a file-heavy command, in processor time:", "",
                       "| wall | git status, 2,000 files | the same, reading every file |", "|---|---|---|",
                       *(f"| {wall} | {looks} | {reads} |" for wall, looks, reads in walls)]

    # ---- a warden beside the work

    def mediation(self):
        for row in mediation.measured(self.daemon.bin.parent, self.policies, self.persons, self.quick):
            self.row(*row)

    # ---- connections

    def egress(self):
        for row in egress.measured(self.daemon.bin.parent, self.policies, self.quick):
            self.row(*row)

    # ---- idle agents

    def our_processes(self):
        """Pids of our own programs that serve this daemon: by executable, and the daemon's directories or groups."""
        ours = []
        for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
            try:
                program = os.readlink(f"/proc/{pid}/exe")
            except OSError:
                continue
            if program.startswith(f"{self.daemon.bin}/ringfence"):
                ours.append(pid)
        return ours

    def idle(self):
        self.agents("offline", "idle agents", "sleep", "3600")
        self.agents("coding", "idle agents, with a warden and an egress each", "sleep", "3600")
        # They are never still, so the governor looks four times a second where memory is plenty, else ten times.
        self.agents("offline", "agents that take and give back memory all the time", sys.executable, "-c",
                    "import time\nwhile True: bytearray(4 << 20); time.sleep(0.05)")

    def agents(self, policy, what, *command):
        many = 2 if self.quick else 20
        runs = []
        for _ in range(many):
            started = self.daemon.cli("run", "-d", "-p", policy, "-w", self.workspace, "--", *command)
            if started.returncode != 0:
                raise RuntimeError(f"run -d: {started.stderr}")
            runs.append(started.stdout.strip())
        time.sleep(1 if self.quick else 5)  # until nobody of the launches is left who ends
        pids, seconds = self.our_processes(), 0.5 if self.quick else 30

        def of_each(read):
            """What `read` says of each of them; whoever ended meanwhile, as what was started before this does, is left out."""
            values = {}
            for pid in pids:
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    values[pid] = read(pathlib.Path(f"/proc/{pid}"))
            return values

        def ticks(process):
            return sum(map(int, (process / "stat").read_text().rpartition(")")[2].split()[11:13]))

        def kibibytes(process):
            return sum(int(line.split()[1]) for line in (process / "smaps_rollup").read_text().splitlines() if line.startswith("Pss:"))

        before = of_each(ticks)
        time.sleep(seconds)
        after = of_each(ticks)
        share = sum(after[pid] - before[pid] for pid in after) / os.sysconf("SC_CLK_TCK") / seconds * 100
        memory = sum(of_each(kibibytes).values()) / 1024
        self.row(f"{many} {what}: CPU of all our processes", "< 1 % of one", f"{share:.2f} %", f"{seconds} s, {len(after)} processes")
        self.row(f"{many} {what}: memory of all our processes (PSS)", "< 60 MiB", f"{memory:.1f} MiB")
        self.daemon.cli("kill", *runs)
        eventually(lambda: not [run for run in self.daemon.json_runs() if run.get("state") not in ("ended", None)], 20)

    # ---- the socket

    def api(self):
        for connections in (1, 4):
            result = subprocess.run([str(self.daemon.bin / "api_bench"), str(self.daemon.run_dir / "control.sock"), str(connections),
                                     "200" if self.quick else "20000"], capture_output=True, text=True)
            if result.returncode != 0:
                raise RuntimeError(f"api_bench: {result.stderr}")
            rate, middle, p99 = result.stdout.split()
            self.row(f"requests over {connections} connection{'s' * (connections > 1)}", "", f"{float(rate):,.0f} a second",
                     f"median {float(middle):.0f} µs, p99 {float(p99):.0f} µs")

    # ---- the log

    def log(self):
        facts = 20_000 if self.quick else 1_000_000
        with tempfile.TemporaryDirectory(prefix="ringfence-bench-", dir="/var/tmp") as folder:
            result = subprocess.run([str(self.daemon.bin / "log_bench"), f"{folder}/log.db", str(facts)], capture_output=True, text=True)
        if result.returncode != 0:
            raise RuntimeError(f"log_bench: {result.stderr}")
        rate, p99, verified = map(float, result.stdout.split())
        self.row("facts on the disk, in groups of 64, 16 of which wait", "≥ 10,000 a second", f"{rate:,.0f} a second", f"p99 of a group {p99:.1f} ms; none missing")
        self.row(f"the whole chain of {facts:,} facts verified", "≤ 10 s", f"{verified:.1f} s")

    # ---- agents that cooperate

    def sdk(self):
        for rows in (agent_library.rows, hooks.rows):
            for row in rows(str(self.daemon.bin.parent), self.quick):
                self.row(*row)

    # ---- the emergency stop

    def stop(self):
        for row in stops.measured(self.daemon.bin.parent, self.policies, self.quick):
            self.row(*row)

    # ---- windows

    def panel(self):
        if self.quick and not (self.daemon.bin / "ringfence-panel").exists():
            return  # built without windows
        for row in panel.measured(self.daemon.bin.parent, self.policies, self.quick):
            self.row(*row)


def measure(bench, part):
    """The section of that part."""
    bench.rows, bench.below, begun = [], [], time.monotonic()
    getattr(bench, part)()
    print(f"({part}: {time.monotonic() - begun:.1f} s)", flush=True)
    return figures_page.section(part, figures_page.measured_with(ROOT), bench.rows, bench.below)


@contextlib.contextmanager
def in_memory(folder):
    """A workspace on a tmpfs of its own."""
    place = folder / "memory"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "ringfence-bench", str(place)], check=True)
    try:
        workspace = place / "workspace"
        workspace.mkdir()
        yield workspace
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="+", choices=list(figures_page.PARTS), help="some of the parts")
    parser.add_argument("--write", action="store_true", help="put what was measured into docs/benchmarks.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ringfence-bench-", dir="/var/tmp") as folder:
        os.chmod(folder, 0o755)
        workspace, persons, made = (pathlib.Path(folder) / name for name in ("workspace", "persons", "policies"))
        for path in (workspace, persons, made):
            path.mkdir()
        (made / "bench.toml").write_text(POLICY)
        (made / "background.toml").write_text(BACKGROUND)
        work.prepare(workspace, 0, options.quick)
        policies = [ROOT / "policy/profiles", made]
        with in_memory(pathlib.Path(folder)) as memory, Daemon(options.build, policies=policies) as daemon:
            work.prepare(memory, 0, options.quick)
            bench = Bench(daemon, str(workspace), str(memory), persons, policies, options.quick)
            sections = {part: measure(bench, part) for part in options.only or figures_page.PARTS}
    print("\n" + "\n".join(sections.values()))
    if options.write:
        page = ROOT / "docs/benchmarks.md"
        page.write_text(figures_page.with_sections(page.read_text(), sections))
    return 0


if __name__ == "__main__":
    sys.exit(main())
