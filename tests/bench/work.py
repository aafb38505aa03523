"""What the fence costs a program that works in it: workers inside and outside do the same operation by turns, as a person
who is not root and whose files keep their owner inside. A run that root starts has an id of its own, so git finds an
owner there that the index does not tell, and reads every file: that is measured too, but apart."""
import os
import pathlib
import subprocess
import time

from statistics_of_ratios import interleaved, percentile, ratio
from tests.support.accounts import Accounts

NAME, UID = "rf-bench", 61001
OPERATIONS = (("git", "git status, 2,000 files"), ("git-read", "git status that reads all 2,000 files"),
              ("gcc", "gcc -O2 of one file"), ("python", "python3 importing ten modules"))
# Policies beside "bench", by name: what each adds to it. Without a wall, for what that wall costs.
WITHOUT = {"no-seccomp": ("seccomp",), "no-landlock": ("landlock",),
           "bare": ("seccomp", "landlock", "net", "ipc", "uts", "cgroup", "limits")}
VARIANTS = {"own": '[identity]\nas = "own"\n',
            **{name: "[walls]\n" + "".join(f'{wall} = "off"\n' for wall in walls) for name, walls in WITHOUT.items()}}


def prepare(workspace, owner, quick=False):
    """2,000 files in a repository, one C file, and the worker, all of the uid `owner`."""
    tree, past = workspace / "tree", time.time() - 3600
    for folder in range(2 if quick else 40):
        (tree / f"d{folder}").mkdir(parents=True)
        for file in range(50):
            path = tree / f"d{folder}/f{file}.txt"
            path.write_text(f"{folder} {file}\n")
            # As young as the index itself, git would read it again each time.
            os.utime(path, (past, past))
    lines = [f"static int f{i}(int x) {{ return x * {i} + (x >> {i % 7}); }}" for i in range(300)]
    (workspace / "one.c").write_text("#include <stdio.h>\n#include <stdlib.h>\n" + "\n".join(lines)
                                     + "\nint main(int c, char **v) { (void)v; return " + "+".join(f"f{i}(c)" for i in range(300)) + "; }\n")
    (workspace / "worker.py").write_bytes((pathlib.Path(__file__).parent / "worker.py").read_bytes())
    for folder, _, files in os.walk(workspace):
        for path in (folder, *(f"{folder}/{file}" for file in files)):
            os.chown(path, owner, owner)
    become = ["setpriv", f"--reuid={owner}", f"--regid={owner}", "--clear-groups"]
    git = [*become, "git", "-C", str(tree), "-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(workspace)}
    for step in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "files"]):
        subprocess.run([*git, *step], env=environment, check=True)
    # An index that tells of no file's owner, size or times.
    unread = {**environment, "GIT_INDEX_FILE": str(workspace / "unread-index")}
    subprocess.run([*git, "read-tree", "HEAD"], env=unread, check=True)


class Work:
    """Workers by name: "outside", or that of the policy they are in."""

    def __init__(self, accounts, workspace, names):
        self.accounts, self.workspace, self.workers = accounts, workspace, {}
        for name in names:
            self.workers[name] = self.start(name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.workers.values():
            process.stdin.close()
            process.wait(30)

    def start(self, name):
        inner = ["/usr/bin/python3", "-B", f"{self.workspace}/worker.py", self.workspace]
        fence = [str(self.accounts.daemon.bin / "ringfence"), "run", "-p", name, "-w", self.workspace, "--"]
        command = [*self.accounts.become(NAME), *([] if name.startswith("outside") else fence), *inner]
        environment = {**self.accounts.daemon.environment, "HOME": str(self.accounts.users[NAME]["home"])}
        process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, text=True)
        if process.stdout.readline().strip() != "ready":
            raise RuntimeError(f"the worker {name} did not start")
        return process

    def measure(self, name, operation):
        """(milliseconds, milliseconds of processor time)"""
        worker = self.workers[name]
        worker.stdin.write(operation + "\n")
        worker.stdin.flush()
        took, used, status, error = worker.stdout.readline().split(" ", 3)
        if status != "0":
            raise RuntimeError(f"{operation} {name} failed: {error}")
        return float(took) * 1000, float(used) * 1000

    def rounds(self, operation, rounds, names):
        """({name: [milliseconds]}, {name: [milliseconds of processor time]})"""
        for name in names:
            self.measure(name, operation)  # warms the caches
        values = interleaved(names, rounds, lambda name: self.measure(name, operation))
        return ({name: [one[0] for one in values[name]] for name in values}, {name: [one[1] for one in values[name]] for name in values})


def against_outside(work, quick):
    """Rows of the main table."""
    for operation, what in OPERATIONS:
        names = ("bench", "outside", "outside again", *(("own",) if operation == "git" else ()))
        values, used = work.rounds(operation, 1 if quick else 100 if operation.startswith("git") else 60, names)
        inside, outside = values["bench"], values["outside"]
        yield (f"{what}, inside against outside", "≤ 1.10", ratio(inside, outside),
               f"median ms {percentile(inside, 0.5):.1f} and {percentile(outside, 0.5):.1f}; "
               f"processor time {ratio(used['bench'], used['outside'])}; control {ratio(values['outside again'], outside)}")
        if operation == "git":
            yield ("the same in a run with an id of its own, before git has renewed the index", "", ratio(values["own"], outside),
                   f"median ms {percentile(values['own'], 0.5):.1f}: reads every file")


def of_each_wall(work, quick):
    """Rows of the table of walls: (what, ratio of git status, ratio of git status that reads)."""
    used = {operation: work.rounds(operation, 1 if quick else 150, list(work.workers))[1] for operation in ("git", "git-read")}

    def row(what, numerator, denominator):
        return (what, *(ratio(used[operation][numerator], used[operation][denominator]) for operation in used))

    return [row("seccomp: the fence against one without it", "bench", "no-seccomp"),
            row("Landlock: the fence against one without it", "bench", "no-landlock"),
            row("mounts, processes, privileges: a fence of nothing else against outside", "bare", "outside"),
            row("all of them: the fence against outside", "bench", "outside"),
            row("control: outside against itself", "outside again", "outside")]


def measured(build, policies, workspace, quick):
    """(rows of the main table, rows of the table of walls)"""
    prepare(workspace, UID, quick)
    for name, text in VARIANTS.items():
        (policies[-1] / f"{name}.toml").write_text(f'schema = 1\nname = "{name}"\nextends = ["bench"]\n{text}')
    with Accounts(build, policies=policies) as accounts:
        accounts.add(NAME, UID)
        accounts.start()
        with Work(accounts, str(workspace), ("bench", "outside", "outside again", "own")) as work:
            rows = list(against_outside(work, quick))
        with Work(accounts, str(workspace), ("bench", "outside", "outside again", *WITHOUT)) as work:
            walls = of_each_wall(work, quick)
    return rows, walls
