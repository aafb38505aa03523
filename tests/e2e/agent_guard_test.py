#!/usr/bin/env python3
"""An agent that asks before it acts, from inside real fences: the policy answers, or a person does.

    agent_guard_test.py BUILD [TEST…]
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.e2e.agent_socket_test import detached, policy, runs  # noqa: E402
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import eventually  # noqa: E402
from tests.support.observed import bodies, question  # noqa: E402

TOOLS = """
[tools]
[[tools.rule]]
match = ["deploy*"]
decide = "ask"
why = "reaches other people"
[[tools.rule]]
match = ["drop_*"]
decide = "forbid"
why = "cannot be undone"
"""


def test_what_the_policy_knows_is_answered_with_its_rule_and_the_walls_do_not_ask_for_it(bench: Bench) -> None:
    file = policy(bench, TOOLS, "tools")
    out = runs(bench, "for op, target in [('call', 'search'), ('call', 'drop_all'), ('write', 'here'), ('write', '/usr/x'), ('read', '/usr'),\n"
               "                   ('write', '/tmp/x'), ('exec', 'true'), ('connect', 'example.org:443')]:\n"
               "    verdict = agent.guard(op, target, patience=60)\n"
               "    print(op, target, verdict.outcome, verdict.say)\n"
               # A word allows nothing.
               "try: open('/usr/x', 'w')\nexcept OSError: print('the wall holds')\n"
               "open('/tmp/x', 'w'); open('here', 'w'); print('done')\n", "-p", file)
    equal(out.splitlines(),
          ["call search allowed no rule names this tool", "call drop_all forbidden cannot be undone", "write here allowed in the workspace",
           "write /usr/x forbidden no `files.write` covers this path", "read /usr allowed ", "write /tmp/x allowed ", "exec true allowed ",
           "connect example.org:443 forbidden no rule names this host", "the wall holds", "done"])
    run = bench.last_ended()
    told = [(fact["guard"], one["op"], one["target"]) for fact in bodies(bench, run, "actions-allowed") for one in fact["actions"]]
    assert ("agent", "call", "search") in told and ("agent", "write", "/tmp/x") in told, told
    denied = [(fact["guard"], fact["rule"]["text"]) for fact in bodies(bench, run, "action-denied")]
    assert ("agent", "tools.rule drop_*") in denied, denied


def test_a_person_sees_the_agents_words_as_its_own_and_answers_with_words(bench: Bench) -> None:
    file = policy(bench, TOOLS, "tools")
    run = detached(bench, "for n in range(3):\n"
                   "    v = agent.guard('call', 'deploy_site', input={'to': 'prod', 'n': n}, words='tests \\x1b[31mgreen\"', patience=600)\n"
                   "    print(v.outcome, v.say, v.input, flush=True)\n", "-p", file)
    asked = question(bench)
    equal((asked["action"]["op"], asked["action"]["target"], asked["action"]["argv"]), ("call", "deploy_site", ['{"to": "prod", "n": 0}']))
    equal(asked["rule"]["text"], "tools.rule deploy*")
    shown = bench.cli("pending").stdout
    assert 'call the tool deploy_site with {"to": "prod", "n": 0}' in shown, shown
    assert "its agent, before it acts, and says: \"tests \\x1b[31mgreen'\"" in shown and "\x1b" not in shown, shown
    equal(bench.cli("deny", str(asked["id"]), "--say", "not on Friday").returncode, 0)
    assert eventually(lambda: bench.cli("pending", "--json").stdout.strip() and question(bench)["id"] != asked["id"], 60)
    content = bench.daemon.base / "input.json"
    content.write_text('{"to": "staging"}')
    result = bench.cli("rewrite", str(question(bench)["id"]), "--content", str(content))
    equal(result.returncode, 0, result.stderr)
    assert eventually(lambda: bench.cli("pending", "--json").stdout.strip(), 60)
    equal(bench.cli("allow", str(question(bench)["id"]), "--scope", "run").returncode, 0)
    equal(bench.ended(run)["code"], 0)
    equal(bench.cli("logs", run).stdout.splitlines(), ["denied not on Friday None", "rewritten  {'to': 'staging'}", "allowed  None"])


def test_an_answer_lets_the_agent_do_nothing_that_its_fence_does_not(bench: Bench) -> None:
    file = policy(bench, '[[exec.rule]]\nmatch = ["id"]\ndecide = "ask"\n', "asking")
    run = detached(bench, "import subprocess\nprint(agent.guard('exec', 'id', argv=['id', '-u'], patience=600).outcome, flush=True)\n"
                   "print(subprocess.run(['/usr/bin/id', '-u']).returncode, flush=True)\n", "-p", file)
    first = question(bench)
    equal(bench.cli("allow", str(first["id"])).returncode, 0)
    # The wall asks about the deed itself.
    assert eventually(lambda: bench.cli("pending", "--json").stdout.strip() and question(bench)["id"] != first["id"], 60)
    second = question(bench)
    equal((second["action"]["op"], second["chain"] != []), ("exec", True))
    equal(bench.cli("deny", str(second["id"])).returncode, 0)
    bench.ended(run)
    out = bench.cli("logs", run).stdout
    assert out.startswith("allowed\n") and "\n0\n" not in out, out


def test_a_freeze_and_the_end_of_whoever_asked_end_a_question(bench: Bench) -> None:
    file = policy(bench, TOOLS, "tools")
    run = detached(bench, "v = agent.guard('call', 'deploy', patience=600)\nprint(v.outcome, flush=True)\n"
                   "agent.start_guard('call', 'deploy', id='left')\nopen('left', 'w')\nwait('go')\nagent.close()\nwait('end')\n", "-p", file)
    question(bench)
    equal(bench.cli("freeze", run).returncode, 0)
    assert eventually(lambda: not bench.cli("pending", "--json").stdout.strip(), 60)
    equal(bench.cli("resume", run).returncode, 0)
    assert eventually(lambda: (bench.workspace / "left").exists(), 60)
    equal(bench.cli("logs", run).stdout, "stopped\n")
    question(bench)
    (bench.workspace / "go").write_text("")
    assert eventually(lambda: not bench.cli("pending", "--json").stdout.strip(), 60)
    (bench.workspace / "end").write_text("")
    bench.ended(run)
    equal([fact["outcome"] for fact in bodies(bench, run, "action-answered")], ["stopped", "withdrawn"])


def test_a_question_outlives_the_daemon_and_is_asked_once(bench: Bench) -> None:
    file = policy(bench, TOOLS, "tools")
    run = detached(bench, "print(agent.guard('call', 'deploy', id='d', patience=600).outcome, flush=True)\n"
                   "print(agent.guard('call', 'deploy', id='d', patience=600).outcome, flush=True)\n", "-p", file)
    asked = question(bench)
    process = bench.daemon.process
    assert process is not None
    process.send_signal(signal.SIGKILL)
    process.wait()
    bench.daemon.start()
    equal(question(bench)["id"], asked["id"])
    equal(bench.cli("allow", str(asked["id"])).returncode, 0)
    equal(bench.ended(run)["code"], 0)
    equal(bench.cli("logs", run).stdout, "allowed\nallowed\n")
    equal(len(bodies(bench, run, "action-asked")), 1)


def test_the_library_for_c_asks_the_same(bench: Bench) -> None:
    result = bench.cli("run", "--", str(bench.daemon.bin / "guard_bench"), "20", "2500")
    equal(result.returncode, 0, result.stderr)
    assert len(result.stdout.split()) == 2, result.stdout
    file = policy(bench, '[tools]\ndefault = "forbid"\n', "none")
    refused = bench.cli("run", "-p", file, "--", str(bench.daemon.bin / "guard_bench"), "1", "0")
    equal((refused.returncode, refused.stderr), (1, "forbidden: no rule names this tool\n"))


if __name__ == "__main__":
    os.environ.pop("RINGFENCE_AGENT_SOCKET", None)
    sys.exit(run_tests(globals()))
