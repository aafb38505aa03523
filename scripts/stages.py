"""The stages of scripts/test, in order. Each prints its name and duration; a failing stage does not hide the next ones.

At the end stands again what failed, with the end of what it printed. The last line is "N passed, N failed, N skipped", summed over all stages; the status is 0 only when nothing failed.
The ordinary run ends within MOST_MINUTES also on a machine that never compiled any of it: a check for which no time is left then,
and the build of a sanitizer that is not done, are counted as skipped and named. The release build and its tests never are.
"""
import argparse
import concurrent.futures
import contextlib
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree
from typing import Callable, NamedTuple

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/support"))
import skips  # noqa: E402  (its folder is known only now)

JOBS = str(os.cpu_count() or 2)
COUNT_LINE = re.compile(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", re.M)
GUEST_OUTCOME = re.compile(r"^(failed|passed at the second try): (.*)\n((?:    .*\n)*)", re.M)
TIDY_SECONDS = 240
POWER_CUTS = 20
MOST_MINUTES = 80
# What a long run repeats more often; the suites read these names. Half of the connecting trial's kills are of an egress.
SOAK = {"RINGFENCE_KILLS": "200", "RINGFENCE_CONNECT_KILLS": "400", "RINGFENCE_STORE_KILLS": "200",
        "RINGFENCE_MODEL_OPS": "200000", "RINGFENCE_DAEMON_OPS": "100000", "RINGFENCE_ANY_KILLS": "1000", "RINGFENCE_SWEEP_POINTS": "0",
        "RINGFENCE_RACES": "10000", "RINGFENCE_CYCLES": "5000", "RINGFENCE_FAULT_POINTS": "400",
        "RINGFENCE_APPROVAL_POINTS": "0", "RINGFENCE_DAMAGES": "1000", "RINGFENCE_CLOCK_JUMPS": "1000", "RINGFENCE_GROUP_ROUNDS": "100", "RINGFENCE_OOMS": "50",
        "RINGFENCE_METER_SECONDS": "6",
        "RINGFENCE_CLIENT_KILLS": "200", "RINGFENCE_GUEST_WHOLE": "1", "RINGFENCE_GUEST_TIMEOUT": "3600"}
SANITIZED = {"tsan": "thread_tests", "fuzz": "fuzzers", "asan": "unit_tests"}  # target by preset, the quickest build first
FUZZ_SECONDS, LONG_FUZZ_SECONDS = 5, 1800
OF_OTHERS = re.compile(r"/usr/share/\S+\.xml:\d+: warning:")  # of a description that a package brought along
MOST_SECOND_TRIES = 4
SHOWN_LINES = 30  # of what a failed test printed
KILL_TESTS = "^trial: (asked_chaos|connect_chaos|chaos|against_model --kills)|^test_(warden_calls|store): .* killed at any moment"
RACE_TESTS = "^test_(warden_calls|exec): .*(exchange|the same race)"
RACE_IDS = ("NT-01", "NT-03", "NT-05", "NT-10", "NT-11", "NT-12")  # of the escape suite
BREAKAGE_TESTS = "^test_store: a log damaged|^test_core: however the wall clock|^cli: (clients that die|of agents that take|what another program|a run that another)"
MODEL_TESTS = "^test_core: .*over random|^trial: against_model$"
SWEEPS = "^trial: kill_sweep"


class Count:
    def __init__(self, passed=0, failed=0, skipped=0):
        self.passed, self.failed, self.skipped = passed, failed, skipped
        self.failures = []  # (name, what it printed), as far as a stage knows them
        self.second_tries = []  # likewise, of those that passed when they were run again
        self.left_out = []  # (stage or build, why)

    def add(self, other):
        self.passed, self.failed, self.skipped = (
            self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)
        self.failures += other.failures
        self.second_tries += other.second_tries
        self.left_out += other.left_out

    def leave_out(self, name, why):
        self.skipped += 1
        self.left_out.append((name, why))
        print(f"{name}: {why}", flush=True)

    def fail(self, name, printed=""):
        self.failed += 1
        self.failures.append((name, printed))

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def run(*command, **options):
    return subprocess.run([str(word) for word in command], cwd=ROOT, **options)


def checked(*command, **options):
    """A command as one check of the stage."""
    result = run(*command, **options)
    if result.returncode != 0:
        count = Count()
        count.fail(" ".join(str(word) for word in command), f"status {result.returncode}")
        return count
    return Count(passed=1)


def seconds_since_start():
    """Since scripts/test began: it became this process, so that what it installed counts."""
    began = int(pathlib.Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - began


def end_group(process):
    """Ends a child that leads a process group, and waits until nobody of it is left: a builder puts away what is half done."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    process.wait()
    with contextlib.suppress(ProcessLookupError):
        while True:
            os.killpg(process.pid, 0)
            time.sleep(0.1)


def build(preset, *targets, most_seconds=threading.TIMEOUT_MAX):
    """A build as one check: it succeeds, and in the build that ships the compiler has nothing to say. (Sanitizers make gcc
    12 warn of what is not there, and clang has warnings of its own.) One that takes longer is left out."""
    process = subprocess.Popen(["scripts/build", preset, *targets], cwd=ROOT, text=True, errors="replace", process_group=0,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    late = threading.Event()
    def give_up():
        late.set()
        end_group(process)
    watch = threading.Timer(most_seconds, give_up)
    watch.start()
    warnings, count = 0, Count()
    for line in process.stdout:
        print(line, end="", flush=True)
        warnings += "warning:" in line and not OF_OTHERS.match(line)
    status = process.wait()
    watch.cancel()
    if late.is_set():
        count.leave_out(f"build of {preset}", f"not done after {most_seconds:.0f} s; the next run goes on with what the compiler's cache has")
        return count
    if status != 0 or (warnings and preset in ("release", "dev")):
        print(f"building {preset}: status {status}, {warnings} warnings")
        return Count(failed=1)
    return Count(passed=1)


def ctest_once(preset, jobs, selection, environment):
    """ctest with its results counted; a skip that the reviewed list does not allow is a failure."""
    with tempfile.TemporaryDirectory() as scratch:
        report = pathlib.Path(scratch) / "results.xml"
        command = ["ctest", "--test-dir", f"build/{preset}", "--output-on-failure", "--no-tests=error", "-j", jobs,
                   "--output-junit", str(report), *selection]
        result = run(*command, env=dict(os.environ, **(environment or {})))
        count = Count()
        if not report.exists():
            count.fail(" ".join(command), "ctest left no report")
            return count
        for case in xml.etree.ElementTree.parse(report).getroot().iter("testcase"):
            status, name = case.get("status"), case.get("name")
            if status == "run":
                count.passed += 1
            elif status == "notrun" or status == "disabled":
                if case.find("skipped") is not None and skips.allowed(name):
                    count.skipped += 1
                else:
                    count.fail(name, "skipped, but tests/support/allowed_skips.txt does not list it")
            else:
                count.fail(name, case.findtext("system-out") or "")
        if result.returncode != 0 and count.failed == 0:
            count.fail(" ".join(command), f"status {result.returncode}")
        return count


def ctest(preset, *selection, environment=None):
    """What failed beside others is run again alone, a few of them at most: what passes then is counted as passed, and named at
    the end with what it said first, for a machine that others use is slow at times, and a test that minds is to be mended."""
    count = ctest_once(preset, JOBS, selection, environment)
    failures = count.failures
    if not 0 < count.failed == len(failures) <= MOST_SECOND_TRIES:
        return count
    print(f"\nonce more, alone: {', '.join(name for name, _ in failures)}", flush=True)
    again = ctest_once(preset, "1", ["-R", "^(" + "|".join(re.escape(name) for name, _ in failures) + ")$"], environment)
    count.failed, count.failures = 0, []
    count.add(again)
    failed_again = {name for name, _ in again.failures}
    count.second_tries += [failure for failure in failures if failure[0] not in failed_again]
    return count


def stage_build(_):
    return build("release")


class IdleBuild:
    """Builds what later stages need, while tests mostly wait: in the class of threads that run only where nobody else does,
    told to a file. Ended with the tests; what it did is found by the build that comes after it."""

    def __enter__(self):
        builds = " && ".join(f"scripts/build {preset} {target}" for preset, target in SANITIZED.items())
        (ROOT / "build").mkdir(exist_ok=True)
        with open(ROOT / "build/beside.log", "w") as log:
            # A group and not a session of its own: a session would count as one task of the ordinary class.
            self.process = subprocess.Popen(["chrt", "--idle", "0", "sh", "-c", builds], cwd=ROOT, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, process_group=0)

    def __exit__(self, *_):
        end_group(self.process)
        steps = re.findall(r"^\[(\d+)/(\d+)\]", (ROOT / "build/beside.log").read_text(errors="replace"), re.M)
        print(f"built beside them: {' of '.join(steps[-1]) if steps else 'nothing'}")


def stage_tests(beside):
    """What keeps the processors busy for minutes comes apart: agents of the background class would starve beside it."""
    count = ctest("release", "-LE", "^long$")
    with beside:
        count.add(ctest("release", "-L", "^long$", "-LE", "^soak$"))
    return count


def stage_asan(seconds_left):
    count = build("asan", SANITIZED["asan"], most_seconds=seconds_left)
    if count.passed:
        count.add(ctest("asan", "-L", "unit", environment={"ASAN_OPTIONS": "detect_stack_use_after_return=1"}))
    return count


def stage_tsan(seconds_left):
    count = build("tsan", SANITIZED["tsan"], most_seconds=seconds_left)
    if count.passed:
        # The thread sanitizer of gcc 12 does not start where addresses are randomised over 32 bits.
        programs = sorted((ROOT / "build/tsan/bin").glob("test_*"))
        for program in programs:
            count.add(checked("setarch", "-R", program, "--reporter", "compact", env=dict(os.environ, TSAN_OPTIONS="halt_on_error=1")))
        if not programs:
            print("no test of the store's thread was built")
            count.failed += 1
    return count


def fuzz_one(program, seconds):
    corpus = ROOT / "tests/fuzz/corpus" / program.name.removesuffix("_fuzzer")
    environment = dict(os.environ, TMPDIR="/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir())
    with tempfile.TemporaryDirectory() as found:  # new inputs; the corpus of the project is only read
        result = run(program, f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=1024", "-print_funcs=0",
                     f"-artifact_prefix={ROOT}/build/fuzz/", found, corpus, text=True, errors="replace",
                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)
    done = re.search(r"^Done (\d+) runs", result.stdout, re.M)
    inputs = len([path for path in corpus.rglob("*") if path.is_file()])
    print(f"{program.name}: {done.group(1) if done else 'unknown'} runs from {inputs} inputs in {seconds} s", flush=True)
    if result.returncode != 0 or not done or not inputs:
        print(result.stdout[-8000:])
        return Count(failed=1)
    return Count(passed=1)


def stage_fuzz(seconds_left, seconds):
    count = build("fuzz", SANITIZED["fuzz"], most_seconds=seconds_left)
    if count.passed:
        programs = sorted((ROOT / "build/fuzz/bin").glob("*_fuzzer"))
        with concurrent.futures.ThreadPoolExecutor(int(JOBS)) as pool:  # each has a core of its own
            for one in pool.map(lambda program: fuzz_one(program, seconds), programs):
                count.add(one)
        if not programs:
            print("no fuzzer was built")
            count.failed += 1
    return count


def changed_sources():
    """C++ sources that differ from main; on main itself those of the last commit."""
    git = ("git", "-c", "safe.directory=*")
    for base in (["diff", "--name-only", "origin/main...HEAD"], ["diff", "--name-only", "main...HEAD"],
                 ["show", "--name-only", "--format=", "HEAD"]):
        listing = run(*git, *base, capture_output=True, text=True)
        names = [name for name in listing.stdout.split() if name.endswith(".cc") and (ROOT / name).exists()]
        if listing.returncode == 0 and names:
            return names
    return []


def stage_tidy(_):
    sources = changed_sources()
    if not sources:
        print("no C++ source differs")
        return Count(passed=1)
    configured = checked("cmake", "--preset", "tidy", stdout=subprocess.DEVNULL)
    if configured.failed:
        return configured
    count, begun, waiting = Count(), time.monotonic(), list(sources)
    running = []
    while waiting or running:
        while waiting and len(running) < int(JOBS) and time.monotonic() - begun < TIDY_SECONDS:
            name = waiting.pop(0)
            command = ["clang-tidy", "--quiet", "-p", "build/tidy", f"--extra-arg=-isystem{ROOT}/build/release/generated", name]
            running.append((name, subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)))
        if not running:
            break
        name, process = running.pop(0)
        output = process.communicate()[0]
        if process.returncode != 0 or "warning:" in output:
            print(output)
            count.failed += 1
        else:
            count.passed += 1
    print(f"{len(sources) - len(waiting)} of {len(sources)} sources read" + (", then the time was up" if waiting else ""))
    return count


def stage_guest(kernel, counts, *command):
    process = subprocess.Popen(["scripts/guest", kernel, *command], cwd=ROOT, text=True, stdout=subprocess.PIPE, env={**os.environ, **counts})
    lines = []
    for line in process.stdout:
        print(line, end="", flush=True)
        lines.append(line)
    status = process.wait()
    found = COUNT_LINE.findall("".join(lines))
    if not found:
        print(f"the guest gave no count (status {status})")
        return Count(failed=1)
    count = Count(*(int(number) for number in found[-1]))
    for outcome, name, shown in GUEST_OUTCOME.findall("".join(lines)):
        told = (f"{name} (in the guest)", shown.replace("\n    ", "\n"))
        (count.failures if outcome == "failed" else count.second_tries).append(told)
    if status != 0 and count.failed == 0:
        count.failed = 1
    return count


def long_tests(selection):
    return ctest("release", "-V", "-R", selection, environment=SOAK)


def long_races(_):
    count = long_tests(RACE_TESTS)
    only = [word for identifier in RACE_IDS for word in ("--only", identifier)]
    count.add(checked("/usr/bin/python3", "-B", "tests/escape/run.py", "--build", "build/release", "--verbose", *only,
                      env={**os.environ, **SOAK}))
    return count


def long_faults(_):
    count = long_tests("^trial: (fault|approval)_sweep")
    for sweep, who in (("fault", "daemon"), ("approval", "warden")):
        count.add(checked("python3", "-B", f"tests/e2e/{sweep}_sweep.py", "--build", "build/release", "--who", who,
                          env={**os.environ, **SOAK}))
    return count


class Stage(NamedTuple):
    part: str  # what --only calls it
    minutes: int  # about, on two quiet cores
    name: str
    run: Callable[[float], Count]  # is told for how many seconds its build may go on


BUILD = Stage("build", 1, "release build", stage_build)
TESTS = Stage("tests", 8, "tests", lambda _: stage_tests(contextlib.nullcontext()))
TESTS_AND_MORE = Stage("tests", 8, "tests, and beside them what the sanitizers need", lambda _: stage_tests(IdleBuild()))
CHECKS = [Stage("guests", 10, "guest, Linux 6.1", lambda _: stage_guest("6.1", {})),
          Stage("tidy", 4, "clang-tidy on what changed", stage_tidy),
          Stage("fuzz", 2, f"fuzzers, {FUZZ_SECONDS} s each", lambda seconds: stage_fuzz(seconds, FUZZ_SECONDS)),
          Stage("sanitizers", 1, "store under the thread sanitizer", stage_tsan),
          Stage("sanitizers", 4, "unit tests under the address and undefined sanitizers", stage_asan)]
LONG = [Stage("kills", 40, "kills, 200 of each", lambda _: long_tests(KILL_TESTS)),
        Stage("races", 20, "races, 10,000 exchanges each", long_races),
        Stage("cycles", 3, "5,000 starts and ends", lambda _: long_tests("^trial: cycles")),
        Stage("models", 60, "200,000 steps of each model of the core, 100,000 operations of the daemon against its own",
              lambda _: long_tests(MODEL_TESTS)),
        Stage("sweeps", 40, "a kill at each system call", lambda _: long_tests(SWEEPS)),
        Stage("breakage", 8, "1,000 damaged logs and clocks, 100 groups taken away, 50 agents out of memory, 200 clients killed",
              lambda _: long_tests(BREAKAGE_TESTS)),
        Stage("faults", 30, "failing calls", long_faults),
        Stage("werror", 5, "warnings as errors", lambda _: build("dev")),
        Stage("guests", 15, "guest, Linux 6.1, nothing left out", lambda _: stage_guest("6.1", SOAK)),
        Stage("guests", 15, "guest, Linux 6.12, nothing left out", lambda _: stage_guest("6.12", SOAK)),
        Stage("guests", 30, f"guest, Linux 6.1, its power cut {POWER_CUTS} times",
              lambda _: stage_guest("6.1", {"RINGFENCE_GUEST_CUTS": str(POWER_CUTS)}, "python3 -B tests/guest/power_loss.py")),
        Stage("fuzz", 120, "fuzzers, half an hour each", lambda seconds: stage_fuzz(seconds, LONG_FUZZ_SECONDS))]


def stages(mode, only):
    """The short run, or the soak: what the short run does once, and then what takes long, the longest last."""
    if mode == "quick":
        return [BUILD, TESTS]
    if mode == "all":
        return [BUILD, TESTS_AND_MORE, *CHECKS]
    long_parts = {stage.part for stage in LONG}
    chosen = [TESTS, *(stage for stage in CHECKS if stage.part not in long_parts), *LONG]
    return [BUILD, *(stage for stage in chosen if not only or stage.part in only)]


def parse():
    parts = sorted({stage.part for stage in (TESTS, *CHECKS, *LONG)})
    parser = argparse.ArgumentParser(prog="scripts/test", description="Installs what is missing, builds, runs every test.")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--quick", action="store_const", const="quick", dest="mode", help="release build and its tests only")
    group.add_argument("--soak", action="store_const", const="soak", dest="mode", help="the long counts and both guest kernels")
    parser.add_argument("--only", metavar="PART,…", help=f"with --soak: some parts of it: {', '.join(parts)}")
    options = parser.parse_args()
    only = options.only.split(",") if options.only else []
    if only and options.mode != "soak":
        parser.error("--only goes with --soak")
    unknown = [part for part in only if part not in parts]
    if unknown:
        parser.error(f"no part is called {', '.join(unknown)}; there are {', '.join(parts)}")
    return options.mode or "all", only


def main():
    mode, only = parse()
    chosen, total, table = stages(mode, only), Count(), []
    for index, stage in enumerate(chosen):
        left = sum(later.minutes for later in chosen[index:])
        print(f"\n=== {stage.name}: {index + 1} of {len(chosen)}, about {stage.minutes} min, {left} with all that follows", flush=True)
        begun = time.monotonic()
        has_limit = mode == "all" and stage in CHECKS
        seconds_left = 60 * MOST_MINUTES - seconds_since_start() if has_limit else threading.TIMEOUT_MAX
        count = Count()
        if seconds_left < 60 * stage.minutes:
            count.leave_out(stage.name, f"not begun: {max(0, seconds_left):.0f} s are left")
        else:
            count = stage.run(seconds_left - 60 * stage.minutes)
        seconds = time.monotonic() - begun
        table.append(f"{seconds:7.0f} s  {count}  {stage.name}")
        print(f"--- {stage.name}: {count}, {seconds:.0f} s", flush=True)
        total.add(count)
        if count.failed and not count.failures:
            total.failures.append((stage.name, "its output is above"))
    for outcome, tests in (("passed at the second try", total.second_tries), ("failed", total.failures)):
        for name, printed in tests:
            print(f"\n{outcome}: {name}\n" + "\n".join(f"    {line}" for line in printed.splitlines()[-SHOWN_LINES:]))
    print("".join(f"\nleft out: {name}: {why}" for name, why in total.left_out))
    print("\n" + "\n".join(table))
    print(total, flush=True)
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
