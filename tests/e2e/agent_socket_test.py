#!/usr/bin/env python3
"""The agent's own socket, from inside real fences, with the Python library of the repository.

    agent_socket_test.py BUILD [TEST…]
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import SOURCE, eventually  # noqa: E402
from tests.support.observed import bodies, frozen_by_kernel  # noqa: E402

BEGIN = "import os, sys, time, json, ringfence\nagent = ringfence.Agent(timeout=5)\n"
WAIT = "def wait(name):\n    while not os.path.exists(name): time.sleep(0.02)\n"


def policy(bench: Bench, text: str, name: str = "told") -> str:
    file = bench.daemon.base / f"{name}.toml"
    priority = "" if "[priority]" in text else '\n[priority]\nclass = "interactive"\n'
    file.write_text(f'schema = 1\nname = "{name}"\nextends = ["offline"]\n{text}{priority}')
    return str(file)


def program(bench: Bench, body: str) -> list[str]:
    """A command that runs `body` inside, with the library beside it."""
    library = bench.workspace / "ringfence"
    if not library.exists():
        shutil.copytree(SOURCE / "sdk" / "python" / "ringfence", library, ignore=shutil.ignore_patterns("__pycache__"))
    count = len(list(bench.workspace.glob("program*.py")))
    file = bench.workspace / f"program{count}.py"
    file.write_text(BEGIN + WAIT + body)
    return ["--", "/usr/bin/python3", "-B", str(file)]


def runs(bench: Bench, body: str, *flags: str) -> str:
    result = bench.cli("run", *flags, *program(bench, body))
    equal(result.returncode, 0, result.stderr)
    return result.stdout


def detached(bench: Bench, body: str, *flags: str) -> str:
    result = bench.cli("run", "-d", *flags, *program(bench, body))
    equal(result.returncode, 0, result.stderr)
    return result.stdout.strip()


def test_what_an_agent_reports_is_counted_once_and_shown_to_people(bench: Bench) -> None:
    out = runs(bench, "agent.report_usage('small', 900, 100, cost_usd=0.0012, counters={'tool_calls': 2})\n"
               "agent.report_usage('large', 50, 5, id='step-1')\n"
               "totals = agent.report_usage('large', 50, 5, id='step-1')\n"
               "print(totals.input_tokens, totals.output_tokens, totals.reports, totals.counted_before, totals.tokens_left)\n"
               "print(agent.whoami().name, agent.trouble == '')\n", "-n", "spender")
    equal(out, "950 105 2 True None\nspender True\n")
    run = bench.last_ended()
    equal(bench.show(run)["usage"]["tokens"], 1055)
    reported = bodies(bench, run, "usage-reported")
    equal(sum(model["reports"] for fact in reported for model in fact["models"]), 2)
    equal(reported[0]["models"][0]["cost_microusd"], 1200)


def test_the_socket_is_there_in_every_shape_of_a_fence_and_its_owner_alone_may_connect(bench: Bench) -> None:
    body = ("state = os.stat(os.environ['RINGFENCE_AGENT_SOCKET'])\n"
            "print(oct(state.st_mode & 0o777), state.st_uid == os.getuid(), agent.whoami().run == os.environ['RINGFENCE_RUN'])\n")
    for name, text in {"plain": "", "no-landlock": '[walls]\nlandlock = "off"\n', "no-seccomp": '[walls]\nseccomp = "off"\n',
                       "asking": '[files]\nask = ["~/Documents"]\n', "networked": '[network]\ndefault = "ask"\n'}.items():
        equal(runs(bench, body, "-p", policy(bench, text, name)), "0o600 True True\n", name)


def test_nothing_is_answered_that_is_beyond_the_own_run(bench: Bench) -> None:
    other = detached(bench, "time.sleep(1000)\n")
    body = (f"import socket\nfor verb in ('freeze', 'resume', 'kill', 'answer', 'list', 'log', 'rearm'):\n"
            f"    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n    s.settimeout(20)\n"
            f"    s.connect(os.environ['RINGFENCE_AGENT_SOCKET'])\n"
            f"    s.send(b'{{\"id\":1,\"hello\":{{\"protocol\":1}}}}'); s.recv(65536)\n"
            f"    s.send(json.dumps({{'id': 2, verb: {{'run': '{other}'}}}}).encode())\n"
            f"    print(json.loads(s.recv(65536))['error']['code'], s.recv(65536))\n")
    equal(runs(bench, body), "invalid b''\n" * 7)
    equal(bench.show(other)["state"], "running")
    bench.cli("kill", other)
    bench.ended(other)


def test_an_agent_that_pulls_the_brake_stands_still_until_its_owner_lets_it_go_on(bench: Bench) -> None:
    run = detached(bench, "open('before', 'w')\nheld = agent.stop('it deletes the wrong files')\n"
                   "open('after', 'w').write(str(held))\n")
    assert eventually(lambda: bench.show(run)["state"] == "frozen"), bench.show(run)
    assert eventually(lambda: frozen_by_kernel(bench, run)), "the kernel has it running"
    assert not (bench.workspace / "after").exists()
    held = bench.show(run)["held"]
    equal((held["by"], held["reason"]), ("agent", "its agent asked: it deletes the wrong files"))
    equal(bench.cli("resume", run).returncode, 0)
    equal(bench.ended(run)["code"], 0)
    equal((bench.workspace / "after").read_text(), "True")
    equal(bodies(bench, run, "run-frozen")[0]["itself"], "agent")


def test_a_daemon_that_is_killed_between_reports_loses_none_and_counts_none_twice(bench: Bench) -> None:
    run = detached(bench, "for n in range(300):\n    agent.report_usage('m', 1, 0)\n    if n == 20: open('some', 'w')\n"
                   "while not agent.flush(): time.sleep(0.05)\nopen('all', 'w').write(str(agent.lost_reports))\nwait('go')\n")
    assert eventually(lambda: (bench.workspace / "some").exists(), 60)
    for _ in range(3):
        assert bench.daemon.process is not None
        bench.daemon.process.send_signal(signal.SIGKILL)
        bench.daemon.process.wait()
        bench.daemon.start()
    assert eventually(lambda: (bench.workspace / "all").exists(), 100)
    equal((bench.workspace / "all").read_text(), "0")
    equal(bench.show(run)["usage"]["tokens"], 300)
    ids = [one for fact in bodies(bench, run, "usage-reported") for one in fact["ids"]]
    equal((len(ids), len(set(ids))), (300, 300))
    (bench.workspace / "go").write_text("")
    bench.ended(run)


def test_a_launcher_that_is_killed_hands_the_socket_to_the_next(bench: Bench) -> None:
    run = detached(bench, "agent.report_usage('m', 1, 0)\nopen('ready', 'w')\nwait('go')\nagent.close()\n"
                   "while agent.report_usage('m', 10, 0) is None: time.sleep(0.05)\n")
    assert eventually(lambda: (bench.workspace / "ready").exists(), 60)
    os.kill(bench.daemon.launcher_pid(), signal.SIGKILL)
    assert eventually(lambda: '"run-adopted"' in bench.cli("log", run, "--json").stdout, 60), "no launcher took it over"
    assert bench.daemon.process is not None
    bench.daemon.process.send_signal(signal.SIGKILL)  # What the next daemon has, it has of that launcher.
    bench.daemon.process.wait()
    bench.daemon.start()
    (bench.workspace / "go").write_text("")
    bench.ended(run)
    usage = bench.show(run)["usage"]["tokens"]
    assert usage >= 11 and (usage - 1) % 10 == 0, usage


def test_a_run_that_used_its_tokens_is_warned_then_paused_and_a_person_lets_it_go_on(bench: Bench) -> None:
    file = policy(bench, '[limits]\ntokens = 1000\non_limit = "pause"\n')
    run = detached(bench, "agent.report_usage('m', 700, 110)\nwait('go')\n"
                   "print(agent.why().target, agent.why().outcome, agent.why().next, flush=True)\n"
                   "print(agent.report_usage('m', 100, 100).tokens_left, flush=True)\nwait('end')\n", "-p", file)
    assert eventually(lambda: bench.show(run)["limits_reached"], 60), bench.show(run)
    equal(bench.show(run)["limits_reached"][0]["reason"], "it has used 810 of 1000 tokens")
    equal(bench.show(run)["state"], "running")
    (bench.workspace / "go").write_text("")
    assert eventually(lambda: bench.show(run)["state"] == "frozen", 60), bench.show(run)
    assert eventually(lambda: frozen_by_kernel(bench, run)), "the kernel has it running"
    equal(bench.show(run)["held"]["reason"], "it has used 1010 of 1000 tokens")
    equal(bench.cli("resume", run).returncode, 0)
    (bench.workspace / "end").write_text("")
    equal(bench.ended(run)["code"], 0)
    lines = bench.cli("logs", run).stdout.splitlines()
    equal(lines, ["tokens stopped ['finish']", "0"])


def test_what_an_agent_says_is_shown_as_its_own_words_and_never_as_ours(bench: Bench) -> None:
    run = detached(bench, "agent.say('reading \\x1b[31mtests\\u202e')\nopen('said', 'w')\nwait('end')\n")
    assert eventually(lambda: (bench.workspace / "said").exists(), 60)
    says = bench.show(run)["agent_says"]
    equal(says["text"], "reading \\x1b[31mtests\\u{202e}")
    shown = bench.cli("show", run).stdout
    assert 'agent says' in shown and "\x1b" not in shown and "\u202e" not in shown, shown
    rows = [json.loads(line) for line in bench.cli("top", "--once", "--json").stdout.splitlines()]
    equal([row["agent_says"] for row in rows if row.get("run") == run], ["reading \\x1b[31mtests\\u{202e}"])
    (bench.workspace / "end").write_text("")
    bench.ended(run)


def test_a_critical_section_is_granted_as_its_policy_has_it_and_a_person_freezes_all_the_same(bench: Bench) -> None:
    file = policy(bench, '[priority]\nclass = "interactive"\npreempt_grace = "2s"\n', "graceful")
    run = detached(bench, "agent.safe_point()\nwith agent.critical_section(60) as granted:\n"
                   "    open('in', 'w').write(str(granted))\n    wait('end')\n", "-p", file)
    assert eventually(lambda: (bench.workspace / "in").exists() and (bench.workspace / "in").read_text(), 60)
    equal((bench.workspace / "in").read_text(), "2.0")
    equal(bench.cli("freeze", run).returncode, 0)
    assert eventually(lambda: frozen_by_kernel(bench, run)), "the kernel has it running"
    equal(bench.cli("resume", run).returncode, 0)
    (bench.workspace / "end").write_text("")
    bench.ended(run)
    equal(runs(bench, "with agent.critical_section(5) as granted: print(granted)\n"), "0.0\n")


COSTS = ("import dataclasses\n"
         "def cost():\n"
         "    while (told := agent.interruption_cost(hold=30)) is None:\n"
         "        assert agent.trouble.startswith('unavailable: '), agent.trouble\n"  # It was not read yet.
         "        time.sleep(0.02)\n"
         "    return told\n"
         "def keep(name, **more):\n"
         "    told = {**dataclasses.asdict(cost()), **more}\n"
         "    with open(name + '.new', 'w') as file: json.dump(told, file)\n"
         "    os.replace(name + '.new', name)\n")


def kept(bench: Bench, name: str) -> Any:
    assert eventually(lambda: (bench.workspace / name).exists(), 60), bench.daemon.log()
    return json.loads((bench.workspace / name).read_text())


def price(bench: Bench, run: str) -> Any:
    return json.loads(bench.cli("price", run, "--for", "30s", "--json").stdout)


def test_an_agent_asks_what_an_interruption_would_cost_and_tells_what_a_safe_point_does_not_keep(bench: Bench) -> None:
    run = detached(bench, COSTS + "keep('before')\ntime.sleep(0.5)\nbegin = time.monotonic()\ntime.sleep(0.2)\nagent.safe_point()\n"
                   "keep('safe')\n"
                   "time.sleep(0.2)\nagent.safe_point(redo=1e6)\nkeep('lied', passed=time.monotonic() - begin)\n"
                   "time.sleep(0.2)\nagent.safe_point()\ntime.sleep(0.2)\nagent.safe_point(redo=0.1)\nkeep('told')\nwait('end')\n")
    told = kept(bench, "told")
    before, safe, lied = (kept(bench, name) for name in ("before", "safe", "lied"))
    equal((before["since_safe_point"], before["kill"]["claimed_seconds"], safe["kill"]["claimed_seconds"]), (None, 0.0, 0.0))
    assert before["kill"]["seconds"] > 2 and before["kill"]["why"], before  # It must be started again.
    assert before["kill"]["work_cpu_seconds"] is not None and before["kill"]["tokens"] is None, before
    assert safe["since_safe_point"] >= 0, safe
    # Not more than what it did since what was kept before.
    assert 0.1 <= lied["kill"]["claimed_seconds"] <= lied["passed"], lied
    equal(round(told["kill"]["claimed_seconds"], 6), 0.1)
    # Its owner reads the same, and whose words they are.
    owner = price(bench, run)["kill"]
    assert owner["seconds"] >= told["kill"]["seconds"], (owner, told)
    (bench.workspace / "end").write_text("")
    equal(bench.ended(run)["code"], 0)


def test_what_a_hold_would_lose_in_a_critical_section_counts_while_that_is_granted(bench: Bench) -> None:
    file = policy(bench, '[priority]\nclass = "interactive"\npreempt_grace = "600s"\n', "graceful")
    run = detached(bench, COSTS + "agent.safe_point()\ntime.sleep(0.5)\nwith agent.critical_section(500, redo=0.4):\n"
                   "    keep('inside')\n    wait('leave')\nkeep('outside')\nwith agent.critical_section(500, redo=0.4) as granted:\n"
                   "    keep('refused', granted=granted)\n    wait('end')\n", "-p", file)
    freeze = kept(bench, "inside")["freeze"]
    assert 0 < freeze["claimed_seconds"] <= 0.4 <= freeze["seconds"] and freeze["cheaper_after"] > 0, freeze
    equal(freeze["why"], "it says that a hold now loses 400 ms of its work")
    owner = price(bench, run)["freeze"]
    equal((owner["why"], owner["seconds"] >= 0.4, owner["cheaper_after"] is None), (freeze["why"], True, False))
    (bench.workspace / "leave").write_text("")
    for name in ("outside", "refused"):
        equal(kept(bench, name)["freeze"]["claimed_seconds"], 0.0)
    equal(kept(bench, "refused")["granted"], 0.0)
    (bench.workspace / "end").write_text("")
    equal(bench.ended(run)["code"], 0)


def test_the_library_for_c_tells_the_same(bench: Bench) -> None:
    result = bench.cli("run", "--", str(bench.daemon.bin / "ringfence-spender"))
    equal((result.returncode, result.stdout), (0, "350 tokens used\n1000 tokens used\n1950 tokens used\n"), result.stderr)
    equal(bench.show(bench.last_ended())["usage"]["tokens"], 1950)
    import subprocess

    outside = subprocess.run([bench.daemon.bin / "ringfence-spender"], capture_output=True, text=True, timeout=60)
    assert outside.returncode == 0 and "in no fence" in outside.stderr, outside


def test_outside_a_fence_the_library_does_nothing_and_says_so(bench: Bench) -> None:
    program(bench, "")
    sys.path.insert(0, str(bench.workspace))
    os.environ.pop("RINGFENCE_AGENT_SOCKET", None)
    import ringfence  # type: ignore[import-not-found]

    agent = ringfence.Agent(timeout=0.1)
    equal((agent.report_usage("m", 1, 1), agent.stop("x"), agent.say("x"), agent.why(), agent.flush()), (None, False, False, None, False))
    assert "in no fence" in agent.absent and agent.trouble == agent.absent, agent.trouble
    with agent.critical_section(5) as granted:
        equal(granted, 0.0)
    away = ringfence.Agent(str(bench.workspace / "nothing.sock"), timeout=0.1)
    assert "no socket" in away.absent, away.absent


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
