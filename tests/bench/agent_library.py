"""What an agent waits for that uses the libraries for it: answers that its policy knows, and reports of usage that are counted.
Nothing is compared, so these are figures of one machine: the busier it is, the worse they are."""
import itertools
import shutil
import statistics

from agent_reports import measured as reports
from tests.support.daemon import SOURCE, Daemon

ASK = """
import statistics, sys, time
import ringfence
agent = ringfence.Agent()
took = []
for _ in range(int(sys.argv[1])):  # as guard_bench.cc
    began = time.perf_counter()
    verdict = agent.guard("call", "search")
    took.append((time.perf_counter() - began) * 1e6)
    assert verdict, verdict
    time.sleep(max(0.0, int(sys.argv[2]) / 1e6 - (time.perf_counter() - began)))
    if sys.argv[2] == "0" and len(took) % 250 == 0:
        time.sleep(1)
took.sort()
print(took[len(took) // 2], took[len(took) * 99 // 100])
"""


def guards(build, quick):
    """Rows: what it takes to be told that something is allowed, in C++ and in Python."""
    questions = "50" if quick else "2000"
    pauses = {"one after the other": "0", "with rest between, 400 a second": "2500"}
    with Daemon(build) as daemon:
        workspace = daemon.base / "project"
        workspace.mkdir()
        shutil.copytree(SOURCE / "sdk" / "python" / "ringfence", workspace / "ringfence")
        (workspace / "ask.py").write_text(ASK)
        policy = workspace / "asks.toml"
        policy.write_text('schema = 1\nname = "asks"\nextends = ["offline"]\n[priority]\nclass = "interactive"\n')
        commands = {"C++": [str(daemon.bin / "guard_bench"), questions],
                    "Python": ["/usr/bin/python3", "-B", str(workspace / "ask.py"), questions]}
        aims = {"C++": "≤ 100 µs, p99 ≤ 1 ms", "Python": "≤ 300 µs"}
        for name, how in itertools.product(commands, pauses):
            found = []
            for _ in range(1 if quick else 3):
                result = daemon.cli("run", "-p", str(policy), "--", *commands[name], pauses[how], cwd=workspace)
                if result.returncode != 0:
                    raise RuntimeError(f"guard, {name}: {result.stderr}")
                found.append([float(word) for word in result.stdout.split()])
            middle, last = (statistics.median(column) for column in zip(*found))
            aim = aims[name] if pauses[how] == "0" else ""
            yield f"guard allowed by policy, {name}, {how}", aim, f"{middle:.0f} µs median", f"p99 {last:.0f} µs, {questions} × {len(found)}"


def rows(build, quick):
    yield from guards(build, quick)
    # The second has a connection for each of a thousand agents, 16 a run as the daemon takes them (supervisor/README.md).
    for runs, threads, each in ((4, 8, 25 if quick else 500), (4 if quick else 63, 16, 5 if quick else 20)):
        found = reports(build, runs=runs, threads=threads, count=threads * each)
        if not found.whole:
            raise RuntimeError(f"reports were lost or counted twice: {found.counted}, not {found.wanted} tokens of each run")
        yield (f"usage reports over {runs * threads:,} connections at once, of {runs} runs", "1,000 a second, none lost", f"{found.rate:.0f} a second",
               f"{found.reports:,} reports, the next of a connection when the last one was durable, all counted once")
