"""The suites that also run in a guest.

    suite.py list BUILD_DIR         the ctest tests to run there, as JSON (on the host, which has ctest)
    suite.py run FILE [PATTERN]     runs them (in the guest, which has Python only), or those that PATTERN is found in

The escape suite, which is nearly half of the time and has a network, mounts and accounts of its own, runs beside the others;
these run one after another, for they count processes and look at what the machine has. What measures, or uses up the machine,
comes after all.
With RINGFENCE_GUEST_WHOLE in the environment every test runs and the escape suite tries every id, else those that
left_out_tests.txt and left_out.txt do not name.
A few that failed are run once more, alone, as scripts/test does it on the machine itself: an emulated one is slow at times.
What passes then is counted as passed, and named before the last line, which is "N passed, N failed, N skipped"; a skip that
tests/support/allowed_skips.txt does not list is a failure.
"""
import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
import service_test  # noqa: E402  (its folder is known only now)
import skips  # noqa: E402

LABELS = {"root"}
NAMES = re.compile(r"escape", re.IGNORECASE)
PROBLEM = re.compile(r"FAILED|invalid|EFFECT|not attempted|ended early|left behind")
SLOWER = 8  # times slower than the machine that the time limits were set on
ESCAPE, SERVICE = "escape suite", "guest: installed as a service"
KEYS = "guest: the keys of the emergency stop on real event devices"
MEMORY = "guest: an agent that takes all memory is paused before anybody is ended"
GONE = "guest: when all memory is gone ringfence lives"
CLOCK = "guest: the clock is set while a person is asked"
PROGRESS = re.compile(r"escape: (\w+ (?:\S+|batch of \d+):?) ([\d.]+) s")
WORTH_TELLING = 3.0  # seconds of one id
MOST_SECOND_TRIES = 4
# An exchange of what is judged is tried less often: a mediated call takes a hundred times as long when emulated.
ROUNDS = {"RINGFENCE_RACES": ("15", "200"), "RINGFENCE_SWAPS": ("200", "2000"), "RINGFENCE_KILLS": ("5", "20")}


def properties(test):
    return {entry["name"]: entry["value"] for entry in test.get("properties", [])}


def listing(build):
    shown = subprocess.run(["ctest", "--test-dir", build, "--show-only=json-v1"], capture_output=True, text=True, check=True)
    chosen = []
    for test in json.loads(shown.stdout)["tests"]:
        known = properties(test)
        labels = set(known.get("LABELS", []))
        if "command" in test and (LABELS & labels or (NAMES.search(test["name"]) and "unit" not in labels)):
            chosen.append({"name": test["name"], "command": test["command"], "timeout": known.get("TIMEOUT", 120),
                           "measures": "bench" in labels, "skip_code": known.get("SKIP_RETURN_CODE"), "directory": known.get("WORKING_DIRECTORY", "/"),
                           "environment": known.get("ENVIRONMENT", [])})
    of_the_guest = {SERVICE: [str(HERE / "service_test.py")], KEYS: [str(HERE / "stop_keys_test.py"), os.path.abspath(build)],
                    MEMORY: [str(HERE / "memory_burst_test.py"), os.path.abspath(build), "MemoryBurst"],
                    GONE: [str(HERE / "memory_burst_test.py"), os.path.abspath(build), "MemoryGone"],
                    CLOCK: [str(HERE / "clock_test.py"), os.path.abspath(build)]}
    return chosen + [{"name": name, "command": ["python3", "-B", *command], "timeout": {GONE: 150}.get(name, 60),
             "measures": name in (KEYS, MEMORY, GONE, CLOCK), "skip_code": None, "directory": "/", "environment": []} for name, command in of_the_guest.items()]


def without_left_out(command):
    """The command of the escape suite with the ids that are tried in every run; says which ones are not, and why."""
    def words(path):
        lines = path.read_text().splitlines() if path.exists() else []
        return dict((line.split(None, 1) + [""])[:2] for line in lines if line.strip() and not line.startswith("#"))
    escape = HERE.parent / "escape"
    ids, elsewhere, left_out = (words(path) for path in (escape / "catalogue.txt", escape / "left_out.txt", HERE / "left_out.txt"))
    strays = [name for name, reason in left_out.items() if name not in ids or name in elsewhere or not reason]
    if strays:
        raise SystemExit(f"tests/guest/left_out.txt: unknown, left out everywhere, or without a reason: {strays}")
    for name, reason in left_out.items():
        print(f"    {name}: in the long run only: {reason}", flush=True)
    return command + [word for name in ids if name not in left_out and name not in elsewhere for word in ("--only", name)]


def is_whole():
    return bool(os.environ.get("RINGFENCE_GUEST_WHOLE"))


def run_one(test):
    rounds = {name: numbers[is_whole()] for name, numbers in ROUNDS.items()}
    environment = {**os.environ, **rounds, "RF_ESCAPE_PROGRESS": "1", **dict(entry.split("=", 1) for entry in test["environment"])}
    directory = test["directory"] if os.path.isdir(test["directory"]) else "/"
    command = [re.sub(r"^.*/(python3)[\d.]*$", r"\1", test["command"][0])] + test["command"][1:]
    if test["name"] == ESCAPE and not is_whole():
        command = without_left_out(command)
    limit = float(test["timeout"]) * SLOWER
    try:
        process = subprocess.Popen(command, cwd=directory, env=environment, stdin=subprocess.DEVNULL, text=True, errors="replace",
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except OSError as error:
        return "failed", f"cannot start {command[0]}: {error.strerror}"
    watch = threading.Timer(limit, process.kill)
    watch.start()
    lines = []
    for line in process.stdout:
        lines.append(line)
        slow = PROGRESS.search(line)
        if slow and float(slow[2]) >= WORTH_TELLING:
            print(f"    {slow[1]} {slow[2]} s", flush=True)
    status, in_time = process.wait(), watch.is_alive()
    watch.cancel()
    output = "".join(lines)
    if not in_time:
        return "failed", f"{output}\nno end within {limit:.0f} s"
    if test["skip_code"] is not None and status == int(test["skip_code"]):
        return "skipped", output
    return ("passed" if status == 0 else "failed"), output


def without_long_ones(tests):
    """The tests that run every time; says which ones do not, and why."""
    lines = (HERE / "left_out_tests.txt").read_text().splitlines()
    patterns = [line.split(" | ", 1) for line in lines if line.strip() and not line.startswith("#")]
    left_out = {}
    for pattern, reason in patterns:
        names = {test["name"] for test in tests if re.match(pattern, test["name"])}
        if not names:
            raise SystemExit(f"tests/guest/left_out_tests.txt: no test is called {pattern}")
        print(f"    {pattern}: {len(names)} tests, in the long run only: {reason}", flush=True)
        left_out.update(dict.fromkeys(names, reason))
    return [test for test in tests if test["name"] not in left_out]


class Report:
    """What came of the tests, told one at a time whichever thread ran them."""

    def __init__(self, total):
        self.total, self.counts, self.lock = total, {"passed": 0, "failed": 0, "skipped": 0}, threading.Lock()
        self.failures = []  # (test, the end of what it printed)

    def add(self, test, outcome, output, seconds):
        if outcome == "skipped" and not skips.allowed(test["name"]):
            outcome, output = "failed", output + "\nskipped, but not in the list of allowed skips"
        with self.lock:
            self.counts[outcome] += 1
            print(f"{sum(self.counts.values())}/{self.total} {outcome:7} {seconds:6.1f} s  {test['name']}", flush=True)
            lines = output.splitlines()
            if outcome == "failed":
                shown = [line for line in lines[:-40] if PROBLEM.search(line)][:200] + lines[-40:]
                print("\n".join("    " + line for line in shown), flush=True)
                self.failures.append((test, shown))
            elif test["name"] == ESCAPE and lines:
                print(f"    {lines[-1]}", flush=True)


def run_all(tests, report):
    for test in tests:
        begun = time.monotonic()
        outcome, output = run_one(test)
        report.add(test, outcome, output, time.monotonic() - begun)


def run_again(report):
    """Those that failed, if they are few; what passes now is told with what it had printed before."""
    failures = report.failures
    if not 0 < len(failures) <= MOST_SECOND_TRIES:
        return
    report.failures, report.total = [], report.total + len(failures)
    for test, shown in failures:
        run_all([test], report)
        report.counts["failed"] -= 1
        report.total -= 1
        if test not in [failed for failed, _ in report.failures]:
            print("\n".join([f"passed at the second try: {test['name']}", *("    " + line for line in shown)]), flush=True)


@contextlib.contextmanager
def one_processor():
    """An emulated processor is a thread of the host. While all of them are busy nothing is left there for what moves the guest's
    clock and disk, and that is what would be measured."""
    others = [path for path in pathlib.Path("/sys/devices/system/cpu").glob("cpu[1-9]*/online")]
    for path in others:
        path.write_text("0")
    try:
        yield
    finally:
        for path in others:
            path.write_text("1")


def run(file, pattern=""):
    tests = [test for test in json.loads(pathlib.Path(file).read_text()) if re.search(pattern, test["name"])]
    if not is_whole() and not pattern:
        tests = without_long_ones(tests)
    if any(test["name"] == SERVICE for test in tests):
        service_test.install()
    report = Report(len(tests))
    beside = threading.Thread(target=run_all, args=([test for test in tests if test["name"] == ESCAPE], report))
    beside.start()
    run_all([test for test in tests if test["name"] != ESCAPE and not test.get("measures")], report)
    beside.join()
    with one_processor():
        run_all([test for test in tests if test.get("measures")], report)
        run_again(report)
    for test, shown in report.failures:
        print("\n".join([f"failed: {test['name']}", *("    " + line for line in shown)]))
    print(", ".join(f"{count} {outcome}" for outcome, count in report.counts.items()))
    return 0 if report.counts["failed"] == 0 and tests else 1


if __name__ == "__main__":
    if sys.argv[1] == "list":
        json.dump(listing(sys.argv[2]), sys.stdout, indent=1)
    else:
        sys.exit(run(*sys.argv[2:]))
