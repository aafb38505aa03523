#!/usr/bin/env python3
"""The examples that stand on the Python package, with a real daemon and real fences.

    fenced_test.py BUILD [TEST…]
"""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.e2e.leases_test import NpuMachine  # noqa: E402
from tests.e2e.leases_test import policy as npu_policy  # noqa: E402
from tests.sdk.inside import asked_folder, asking_policy, client_of, library, start  # noqa: E402
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import SOURCE, eventually  # noqa: E402

EXAMPLES = SOURCE / "examples"
TOPICS = 150


def outside(bench: Bench, example: str, *arguments: str) -> list[str]:
    """The command of an example that is a person's program."""
    return ["env", f"PYTHONPATH={library(bench)}", f"RINGFENCE_SOCKET={bench.daemon.environment['RINGFENCE_SOCKET']}", "/usr/bin/python3",
            "-B", str(EXAMPLES / example), *arguments]


class Approver:
    """The automatic approver with this table, for as long as the block lasts."""

    def __init__(self, bench: Bench, table: str) -> None:
        rules = bench.daemon.base / "rules"
        rules.write_text(table)
        self.command = outside(bench, "auto_approver", str(rules))

    def __enter__(self) -> "Approver":
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        first = self.process.stdout.readline()
        assert "rules" in first, first
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.said = self.process.communicate(timeout=60)[0]


def test_usage_to_csv_has_what_each_run_used_and_what_its_agent_reported(bench: Bench) -> None:
    agent = "agent = ringfence.Agent(timeout=20)\n"
    spender = start(bench, agent + "agent.report_usage('small', 900, 100, cost_usd=0.0012)\nagent.report_usage('large', 50, 5)\n"
                    "agent.report_usage('small', 1, 1, cost_usd=0.0001)\nassert agent.flush()\n", "-n", "=1+1")
    bench.ended(spender)
    silent = bench.detached("exit 0")
    bench.ended(silent)
    done = subprocess.run(outside(bench, "usage_to_csv"), capture_output=True, text=True, timeout=120)
    equal(done.returncode, 0, done.stderr)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    equal([row["run"] for row in rows], [spender] * 3 + [silent])
    total, large, small, unknown = rows
    equal((total["name"], total["state"], total["tokens"], total["policy"]), ("'=1+1", "ended", "1057", "coding"))
    equal((small["model"], small["reports"], small["input_tokens"], small["output_tokens"], small["cost_usd"]), ("small", "2", "901", "101", "0.0013"))
    equal((large["model"], large["input_tokens"], large["cost_usd"]), ("large", "50", ""))
    equal((unknown["tokens"], unknown["model"], unknown["gpu_seconds"]), ("", "", ""))
    assert float(total["cpu_seconds"]) > 0 and int(total["memory_peak_bytes"]) > 0, total
    live = subprocess.run(outside(bench, "usage_to_csv", "--live"), capture_output=True, text=True, timeout=120)
    equal(len(live.stdout.splitlines()), 1)
    away = subprocess.run(outside(bench, "usage_to_csv", "--socket", "/nowhere/control.sock"), capture_output=True, text=True, timeout=120)
    assert away.returncode == 3 and "no daemon listens" in away.stderr, away


def test_auto_approver_allows_by_its_table_and_never_what_cannot_be_taken_back(bench: Bench) -> None:
    folder = asked_folder(bench)
    (folder / "there").write_text("of a person\n")
    table = (f"# what\nwrite {folder}/*.secret  deny  secrets are written by hand, nobody may allow\nwrite {folder}/other* deny not here\n"
             f"write  {folder}/*   allow\nexec  /bin/echo *  allow\n")
    script = (f"cd {folder}; try() {{ if \"$@\" 2>/dev/null; then echo \"$* worked\"; else echo \"$*: $(tail -n 1 $RINGFENCE_DENIALS)\"; fi; }}\n"
              "write() { echo written > $1; }\ntry mkdir new\ntry write note\ntry write there\ntry rm there\ntry mv there moved\n"
              "try write a.secret\ntry write other\ntry sh -c '/bin/echo one'\n")
    policy = asking_policy(bench, '[[exec.rule]]\nmatch = ["/bin/echo", "one"]\ndecide = "ask"\nwhy = "it is said aloud"\n')
    with Approver(bench, table) as approver:
        run = bench.detached(script, "-p", policy)
        bench.ended(run)
    said = {line.split(":")[0].removesuffix(" worked"): line for line in bench.cli("logs", run).stdout.splitlines()}
    assert said["mkdir new"].endswith("worked") and said["write note"].endswith("worked"), said
    for what in ("write there", "rm there", "mv there moved", "sh -c /bin/echo one"):
        assert "cannot be taken back" in said[what], (what, said)
    assert "secrets are written by hand, nobody may allow" in said["write a.secret"] and "not here" in said["write other"], said
    equal(sorted(os.listdir(folder)), ["new", "note", "there"])
    equal((folder / "there").read_text(), "of a person\n")
    equal(approver.said.count("allowed"), 2, approver.said)
    equal(bench.cli("grants", "--json").stdout, "")


def test_auto_approver_denies_what_no_rule_is_about_and_does_not_begin_with_a_broken_table(bench: Bench) -> None:
    goal = asked_folder(bench) / "note"
    with Approver(bench, "# nothing\n"):
        run = bench.detached(f"echo one > {goal}; tail -n 1 $RINGFENCE_DENIALS", "-p", asking_policy(bench))
        bench.ended(run)
    assert "no rule of the automatic approver" in bench.cli("logs", run).stdout and not goal.exists()
    for line in ("write allow", "burn * allow", "write * maybe", "write * deny", "write * Allow"):
        broken = subprocess.run([*Approver(bench, f"write /a allow\n{line}\n").command], capture_output=True, text=True, timeout=60)
        assert broken.returncode == 1 and "rules:2: not a rule" in broken.stderr, (line, broken)


def graph_agent(bench: Bench, published: Path, policy: str) -> str:
    """A run of it in the workspace."""
    program = bench.daemon.base / "graph_agent"
    if not program.exists():
        program.mkdir(mode=0o755)
        for file in (EXAMPLES / "graph_agent").glob("*.py"):
            (program / file.name).write_text(file.read_text())
    (bench.workspace / "topics").write_text("".join(f"topic {number}\n" for number in range(TOPICS)))
    place = str(library(bench))
    result = bench.cli("run", "-d", "-p", policy, "--read", place, "--read", str(program), "-e", f"PYTHONPATH={place}", "--",
                       "/usr/bin/python3", "-B", str(program), "--topics", "topics", "--ledger", "ledger", "--publish", str(published))
    equal(result.returncode, 0, result.stderr)
    return result.stdout.strip()


def noted(bench: Bench) -> int:
    ledger = bench.workspace / "ledger"
    return ledger.read_text().count("\n") if ledger.exists() else 0


def tools_policy(bench: Bench) -> str:
    """Its agent asks before it publishes, and may then."""
    file = bench.daemon.base / "publisher.toml"
    file.write_text(f'schema = 1\nname = "publisher"\nextends = ["offline"]\n[priority]\nclass = "interactive"\n[files]\n'
                    f'write = ["{asked_folder(bench)}"]\n[[tools.rule]]\nmatch = ["publish"]\ndecide = "ask"\nwhy = "reaches other people"\n')
    return str(file)


def test_graph_agent_that_is_killed_goes_on_and_does_each_effect_once(bench: Bench) -> None:
    client, published, policy = client_of(bench), asked_folder(bench) / "published", tools_policy(bench)
    elsewhere = published.with_name("elsewhere")
    runs = []
    for goal in (TOPICS // 4, TOPICS // 2, TOPICS * 3 // 4):
        runs.append(graph_agent(bench, published, policy))
        assert eventually(lambda: noted(bench) >= goal, 100), noted(bench)
        client.kill(runs[-1])
        bench.ended(runs[-1])
    assert noted(bench) < TOPICS, "it was never killed in its work"
    # Killed while the person thinks, it asks again; what it did before is not done again.
    for answer in (client.kill, None):
        runs.append(graph_agent(bench, published, policy))
        assert eventually(lambda: client.pending(runs[-1]), 100), bench.show(runs[-1])
        asked = client.pending(runs[-1])[0]
        equal((asked.operation, asked.target, asked.what, json.loads(asked.argv[0])), ("call", "publish", "guard", {"file": str(published)}))
        assert f"{TOPICS} notes are ready" in asked.note, asked
        if answer is not None:
            answer(runs[-1])
        else:
            client.rewrite(asked, input={"file": str(elsewhere)})
        code = bench.ended(runs[-1])
    equal(code, {"code": 0})
    equal(bench.cli("logs", runs[-1]).stdout, f"{TOPICS} notes, published\n")
    lines = (bench.workspace / "ledger").read_text().splitlines()
    equal([line.split("\t")[1] for line in lines], [f"What there is to know about topic {number}." for number in range(TOPICS)])
    equal((elsewhere.read_text().count("\n"), published.exists()), (TOPICS, False))
    kept = [json.loads(line) for line in bench.cli("log", "--json").stdout.splitlines()]
    ids = [one for line in kept if line["kind"] == "usage-reported" for one in line["body"]["ids"]]
    assert len(set(ids)) == TOPICS and len(ids) <= TOPICS + 3, (len(ids), len(set(ids)))


def test_batch_agent_that_is_killed_goes_on_and_python_reads_and_writes_the_same_checkpoint(bench: Bench) -> None:
    client, ledger = client_of(bench), bench.workspace / "ledger"
    (bench.workspace / "items").write_text("".join(f"item {number}\n" for number in range(TOPICS)))
    # Takes what the other kept and keeps it again, so that what goes on has Python's own file.
    python = ("with ringfence.Checkpoint('batch_agent') as checkpoint:\n    kept = checkpoint.restore()\n"
              "    checkpoint.save(kept.data, kept.version)\n"
              "    print(kept.data, kept.run, checkpoint.once('python', lambda: 'here'))\n")

    def start_agent(*flags: str) -> Any:
        return bench.cli("run", *flags, "--", str(bench.daemon.bin / "ringfence-batch-agent"), "items", "ledger")

    for goal in (TOPICS // 4, TOPICS // 2, TOPICS * 3 // 4):
        started = start_agent("-d")
        equal(started.returncode, 0, started.stderr)
        run = started.stdout.strip()
        assert eventually(lambda: noted(bench) >= goal, 100), noted(bench)
        client.kill(run)
        bench.ended(run)
        done = noted(bench)
        assert done < TOPICS, "it was never killed in its work"
        reader = start(bench, python)
        equal(bench.ended(reader), {"code": 0}, bench.cli("logs", reader).stdout)
        kept, by, said = bench.cli("logs", reader).stdout.split()
        assert int(kept) in (done - 1, done), (kept, done)
        equal((by, said), (run, "here"))
    last = start_agent()
    equal((last.returncode, last.stdout), (0, f"from {kept}\nall {TOPICS}\n"), last.stderr)
    equal([line.split("\t")[0] for line in ledger.read_text().splitlines()], [f"item-{number}" for number in range(TOPICS)])


def test_graph_agent_is_refused_in_words_and_says_them(bench: Bench) -> None:
    client, published = client_of(bench), asked_folder(bench) / "published"
    # Asked by its agent, in words; and by the wall, at the write.
    for policy, operation in ((tools_policy(bench), "call"), (asking_policy(bench), "write")):
        run = graph_agent(bench, published, policy)
        assert eventually(lambda: client.pending(run), 100), bench.show(run)
        equal(client.pending(run)[0].operation, operation)
        client.deny(client.pending(run)[0], "let me read them first")
        equal(bench.ended(run), {"code": 1})
        equal(bench.cli("logs", run).stdout, f"{TOPICS} notes, not published: let me read them first\n")
        assert not published.exists()


def test_mcp_notes_calls_what_is_allowed_is_asked_and_is_refused(bench: Bench) -> None:
    example = EXAMPLES / "mcp_notes"
    notes = bench.daemon.base / "notes"
    notes.mkdir()
    server = ["/usr/bin/python3", "-B", str(example / "server.py")]
    fenced = [bench.program, "mcp", "run", "-p", str(example / "notes.toml"), "-n", "notes", "-w", str(notes), "--read", str(example), "--", *server]
    agent = subprocess.Popen(["/usr/bin/python3", "-B", str(example / "agent.py"), *fenced], env=bench.daemon.environment, cwd=bench.workspace,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert eventually(lambda: bench.cli("pending", "--json").stdout.strip(), 60), agent.communicate(timeout=60)
    asked = json.loads(bench.cli("pending", "--json").stdout.splitlines()[0])
    equal((asked["action"]["target"], asked["rule"]["text"]), ("notes.write", "tools.rule notes.write"))
    equal(bench.cli("allow", str(asked["id"])).returncode, 0)
    out, err = agent.communicate(timeout=120)
    equal((agent.returncode, err), (0, ""))
    lines = out.splitlines()
    equal(lines[:4], ["notes has list, read, write, remove", "list: ", "write: written", "read: buy two"])
    assert lines[4].startswith("remove: REFUSED: Ringfence: the policy of this run forbids it: notes are removed by hand."), lines[4]
    equal((lines[5], (notes / "milk.note").read_text()), ("list: milk", "buy two"))
    # Control: without a fence the same agent removes it, and nobody is asked.
    bare = subprocess.run(["/usr/bin/python3", "-B", str(example / "agent.py"), *server], cwd=notes, capture_output=True, text=True, timeout=120)
    equal((bare.returncode, bare.stdout.splitlines()[4]), (0, "remove: removed"), bare.stderr)
    equal(list(notes.iterdir()), [])


def test_npu_agents_take_turns_on_the_device_that_both_have(bench: Bench) -> None:
    NpuMachine(bench)
    program = bench.daemon.base / "npu_agent"
    program.mkdir(mode=0o755)
    (program / "__main__.py").write_text((EXAMPLES / "npu_agent" / "__main__.py").read_text())
    place = str(library(bench))
    runs = []
    for _ in range(2):
        result = bench.cli("run", "-d", "-p", npu_policy(bench, "50%", priority="interactive"), "--read", place, "--read", str(program), "-e",
                           f"PYTHONPATH={place}", "--", "/usr/bin/python3", "-B", str(program), "20")
        equal(result.returncode, 0, result.stderr)
        runs.append(result.stdout.strip())
    for run in runs:
        equal(bench.ended(run), {"code": 0}, bench.cli("logs", run).stdout)
        lines = bench.cli("logs", run).stdout.splitlines()
        equal(lines, [f"batch {batch} on 0000:00:0b.0 at 50 %: {batch * batch}" for batch in range(20)])
    without = bench.cli("run", "-p", asking_policy(bench), "--read", place, "--read", str(program), "-e", f"PYTHONPATH={place}", "--", "/usr/bin/python3",
                        "-B", str(program), "1")
    assert without.returncode == 1 and without.stdout.startswith("no NPU: unavailable: the run has no NPU"), without


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
