"""What it costs that a warden hears of an agent's calls: the same fence with one and without, and a program outside."""
import contextlib
import os
import pathlib
import shutil
import struct
import subprocess
import time

from statistics_of_ratios import interleaved, percentile, ratio
from tests.support.accounts import Accounts
from work import NAME, OPERATIONS, UID, Work, prepare

# Both have the same walls. What brings the warden in is the profile coding as it is shipped, which never decides about what
# is measured, and a folder that is asked about.
UNMEDIATED = 'schema = 1\nname = "{name}"\nextends = ["base"]\n[priority]\nclass = "interactive"\n[files]\nworkspace = "rw"\nread = ["{tools}"]\n'
MEDIATED = UNMEDIATED.replace('["base"]', '["coding"]') + 'ask = ["{asked}"]\n[prompt]\nper_minute = 100000\n'
LEAST = "least mediator"
POLICIES = {"unmediated": UNMEDIATED, "mediated": MEDIATED, "ask-read": MEDIATED.replace('ask = [', 'ask_read = [')}


def make_files(folder):
    """What notify_bench opens."""
    folder.mkdir(exist_ok=True)
    for path in [folder, *(folder / str(number) for number in range(100))]:
        if path != folder:
            path.touch()
        os.chown(path, UID, UID)
    return str(folder)


def with_least_warden(build, folder):
    """The programs of a build, with tests/bench/least_warden.cc in the place of the warden."""
    programs = folder / "bin"
    programs.mkdir(parents=True)
    for name in ("ringfence", "ringfenced", "ringfence-launcher", "ringfence-egress", "ringfence-stop"):
        shutil.copy(pathlib.Path(build) / "bin" / name, programs)
    shutil.copy(pathlib.Path(build) / "bin/least_warden", programs / "ringfence-warden")
    return folder


class Calls:
    """tests/bench/notify_bench.cc inside and outside."""

    def __init__(self, accounts, workspace, tools):
        self.accounts, self.workspace, self.program = accounts, workspace, str(tools / "notify_bench")
        self.environment = {**accounts.daemon.environment, "HOME": str(accounts.users[NAME]["home"])}
        self.files = make_files(pathlib.Path(workspace) / "open")

    def command(self, policy, *words):
        fence = [] if policy == "outside" else [str(self.accounts.daemon.bin / "ringfence"), "run", "-p", policy, "-w", self.workspace, "--"]
        return [*self.accounts.become(NAME), *fence, self.program, *map(str, words)]

    def measure(self, policy, *words):
        """(median, 99th percentile) in microseconds, operations a second"""
        result = subprocess.run(self.command(policy, *words), env=self.environment, cwd=self.workspace, capture_output=True, text=True, timeout=120)
        if result.returncode != 0:
            raise RuntimeError(f"notify_bench {words} {policy}: {result.stderr}")
        middle, p99, rate = map(float, result.stdout.split())
        return middle / 1000, p99 / 1000, rate

    def start(self, policy, *words):
        return subprocess.Popen(self.command(policy, *words), env=self.environment, cwd=self.workspace, stdout=subprocess.PIPE, text=True)


def of_programs(work, quick):
    for operation, what in OPERATIONS:
        if operation == "git-read":
            continue
        values, _ = work.rounds(operation, 1 if quick else 100 if operation == "git" else 40, list(work.workers))
        detail = f"median ms {', '.join(f'{name} {percentile(values[name], 0.5):.1f}' for name in values)}"
        yield f"{what}, under the profile coding against the same walls without a warden", "≤ 1.05", ratio(values["mediated"], values["unmediated"]), detail
        yield f"{what}, under the profile coding against outside", "≤ 1.15", ratio(values["mediated"], values["outside"]), ""
        yield f"{what}, every open heard of (ask_read) against outside", "≤ 1.30", ratio(values["ask-read"], values["outside"]), ""
        yield f"{what}, under the least mediator in the warden's place, against outside", "", ratio(values[LEAST], values["outside"]), ""


LATENCY = pathlib.Path("/dev/cpu_dma_latency")


@contextlib.contextmanager
def awake():
    """Meanwhile no processor sleeps: the kernel's PM QoS device forgets what was asked of it when it is closed."""
    with LATENCY.open("wb", buffering=0) as device:
        device.write(struct.pack("i", 0))
        yield


def of_execs(sides, quick):
    """{name: [median microseconds of an exec, one a round]}"""
    seen = interleaved(sides, 1 if quick else 15, lambda name: sides[name][0].measure(sides[name][1], "exec", "/bin/true", 20 if quick else 300))
    return {name: [one[0] for one in seen[name]] for name in seen}


def of_calls(calls, least, quick):
    count, rounds = 500 if quick else 20000, 1 if quick else 15
    sides = {"warden": (calls, "mediated", "open"), "least mediator": (least, "mediated", "open"), "unmediated": (calls, "unmediated", "open"),
             "least mediator without a fence": (calls, "outside", "floor")}
    opens = interleaved(sides, rounds, lambda name: sides[name][0].measure(*sides[name][1:], calls.files, count))
    middle = {name: [one[0] for one in opens[name]] for name in opens}
    yield ("an open for writing, through the warden against the least mediator in its place", "≤ 1.30",
           ratio(middle["warden"], middle["least mediator"]),
           f"median µs {', '.join(f'{name} {percentile(middle[name], 0.5):.2f}' for name in middle)}; "
           f"p99 {percentile([one[1] for one in opens['warden']], 0.5):.1f}")
    yield ("the same against the least mediator of a program without a fence", "",
           ratio(middle["warden"], middle["least mediator without a fence"]), "")
    sides = {"mediated": (calls, "mediated"), "unmediated": (calls, "unmediated"), "outside": (calls, "outside"), "least mediator": (least, "mediated")}
    states = {"": contextlib.nullcontext(), **({", while no processor sleeps": awake()} if LATENCY.exists() else {})}
    for how, state in states.items():
        with state:
            middle = of_execs(sides, quick)
        yield (f"an exec, heard of and verified, against outside{how}", "" if how else "≤ 1.15", ratio(middle["mediated"], middle["outside"]),
               f"median µs {', '.join(f'{name} {percentile(middle[name], 0.5):.0f}' for name in middle)}")
        yield (f"an exec under the least mediator in the warden's place, which compares nothing, against outside{how}", "",
               ratio(middle["least mediator"], middle["outside"]), "")


def in_parallel(calls, quick):
    """Opens a second of all agents together: twenty with a warden each, against one for each processor."""
    many, count = 3 if quick else 20, 500 if quick else 20000
    cores, rates = os.cpu_count() or 1, {}
    for agents in (cores, many):
        rates[agents] = []
        for _ in range(1 if quick else 5):
            begun = time.monotonic()
            running = [calls.start("mediated", "open", calls.files, count) for _ in range(agents)]
            for one in running:
                if one.wait(120) != 0:
                    raise RuntimeError("an agent of many failed")
            rates[agents].append(agents * count / (time.monotonic() - begun))
    return (f"opens a second of {many} agents together against {cores}", "about 1", ratio(rates[many], rates[cores]),
            f"{percentile(rates[many], 0.5):,.0f} and {percentile(rates[cores], 0.5):,.0f} a second, starts included")


ASKER = """
import os, sys, time
print("ready", flush=True)
for number in range(int(sys.argv[2])):
    begun = time.perf_counter()
    os.close(os.open(f"{sys.argv[1]}/{number}", os.O_WRONLY | os.O_CREAT, 0o644))
    print((time.perf_counter() - begun) * 1000, flush=True)
"""


def questions(accounts, workspace, asked, quick):
    """From the agent's call to its return, with a program that allows each question as soon as it sees it."""
    count = 10 if quick else 500
    (pathlib.Path(workspace) / "asker.py").write_text(ASKER)
    client = str(accounts.daemon.bin / "ringfence")
    environment = {**accounts.daemon.environment, "HOME": str(accounts.users[NAME]["home"])}
    approver = subprocess.Popen([*accounts.become(NAME), str(accounts.daemon.bin / "approve_all")], env=environment, stdout=subprocess.PIPE, text=True)
    approver.stdout.readline()
    try:
        result = subprocess.run([*accounts.become(NAME), client, "run", "-p", "mediated", "-w", workspace, "--", "/usr/bin/python3", "asker.py",
                                 str(asked), str(count)], env=environment, cwd=workspace, capture_output=True, text=True, timeout=300)
    finally:
        approver.terminate()
        approver.wait(10)
    if result.returncode != 0:
        raise RuntimeError(f"the agent that asks: {result.stderr}")
    took = [float(line) for line in result.stdout.splitlines()[1:]]
    return ("a question: from the call to its return, allowed at once by a program", "p99 ≤ 20 ms", f"{percentile(took, 0.99):.1f} ms",
            f"{count} questions; median {percentile(took, 0.5):.1f} ms")


def measured(build, policies, workspace, quick):
    """Rows of the main table."""
    if not (workspace / "worker.py").exists():
        prepare(workspace, UID, quick)
    base = workspace.parent
    asked, tools = base / "asked", base / "tools"
    asked.mkdir()
    os.chown(asked, UID, UID)
    tools.mkdir()
    shutil.copy(pathlib.Path(build) / "bin/notify_bench", tools)
    for name, text in POLICIES.items():
        (policies[-1] / f"{name}.toml").write_text(text.format(name=name, asked=asked, tools=tools))
    least_build = with_least_warden(build, base / "least")
    with Accounts(build, policies=policies) as accounts, Accounts(least_build, policies=policies) as least:
        for each in (accounts, least):
            each.add(NAME, UID)
            each.start()
        calls = Calls(accounts, str(workspace), tools)
        with (Work(accounts, str(workspace), ("mediated", "ask-read", "unmediated", "outside")) as work,
              Work(least, str(workspace), ("ask-read",)) as under_least):
            work.workers[LEAST] = under_least.workers["ask-read"]
            yield from of_programs(work, quick)
        yield from of_calls(calls, Calls(least, str(workspace), tools), quick)
        yield in_parallel(calls, quick)
        yield questions(accounts, str(workspace), asked, quick)
