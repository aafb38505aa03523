#!/usr/bin/env python3
"""Budgets, from the agent that spends to what the kernel says of its processes: near the end, at the end, made longer by a
person, of a day over two runs and a restart, and what an egress reads of a model's answers.

    budgets_test.py BUILD [TEST…]
"""

from __future__ import annotations

import http.server
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any, Optional

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.e2e.agent_socket_test import detached, policy  # noqa: E402
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import eventually  # noqa: E402
from tests.support.observed import bodies, frozen_by_kernel  # noqa: E402


os.environ["TZ"] = f"NOON{time.gmtime().tm_hour - 12:+d}"  # For the daemon as well: no test runs over midnight.
time.tzset()


def budget(bench: Bench, run: str, limit: str) -> dict[str, Any]:
    return next(one for one in bench.show(run)["usage"]["budgets"] if one["limit"] == limit)


def held(bench: Bench, run: str) -> None:
    """The run is frozen, and so says the kernel."""
    assert eventually(lambda: bench.show(run)["state"] == "frozen", 60), bench.show(run)
    assert eventually(lambda: frozen_by_kernel(bench, run), 60), "the kernel has it running"


def let(bench: Bench, name: str) -> None:
    (bench.workspace / name).write_text("")


def restart(bench: Bench) -> None:
    bench.daemon.kill_daemon()
    bench.daemon.start()


def test_a_cost_is_told_near_its_end_holds_at_its_end_and_a_person_makes_it_longer_each_time(bench: Bench) -> None:
    file = policy(bench, '[limits]\ncost = "$1.00"\nwarn_at = "50%"\n', "costly")
    run = detached(bench, "for n in range(3):\n    wait(f'go{n}')\n    agent.report_usage('m', 10, 1, cost_usd=0.6)\n"
                   "    open(f'told{n}', 'w')\nprint(agent.report_usage('m', 1, 1).cost_limit_usd, flush=True)\n", "-p", file)
    assert eventually(lambda: bench.show(run)["state"] == "running", 60)
    equal((bench.show(run)["usage"]["cost_usd"], budget(bench, run, "cost")["state"]), (None, "below"))
    let(bench, "go0")
    assert eventually(lambda: bodies(bench, run, "limit-reached"), 60)
    equal(bodies(bench, run, "limit-reached"), [{"edge": "soft", "limit": "cost", "reason": "it has cost $0.60 of $1.00"}])
    equal(budget(bench, run, "cost"), {"limit": "cost", "used": 0.6, "edge": 1, "warn_at": 0.5, "day": None, "state": "near"})
    equal(bench.show(run)["state"], "running")
    let(bench, "go1")
    held(bench, run)
    equal(bench.show(run)["held"]["reason"], "it has used $1.20 of $1.00")
    equal(budget(bench, run, "cost")["state"], "reached")
    equal(bench.cli("resume", run).returncode, 0)
    assert eventually(lambda: not frozen_by_kernel(bench, run), 60), "the kernel holds it still"
    equal(bodies(bench, run, "budget-extended"),
          [{"by_uid": os.getuid(), "limit": "cost", "more": 1_000_000, "up_to": 2_200_000}])
    equal(budget(bench, run, "cost")["edge"], 2.2)
    let(bench, "go2")  # 1.80 of 2.20
    equal(bench.ended(run)["code"], 0)
    equal(bench.cli("logs", run).stdout.splitlines(), ["2.2"])
    equal((bench.show(run)["usage"]["cost_usd"], bench.show(run)["usage"]["cost_estimated"]), (1.8, False))


def test_whoever_spends_what_a_person_gave_is_held_again(bench: Bench) -> None:
    file = policy(bench, "[limits]\ntokens = 100\n", "twice")
    run = detached(bench, "agent.report_usage('m', 100, 0)\nwait('go')\nagent.report_usage('m', 150, 0)\nwait('end')\n", "-p", file)
    held(bench, run)
    equal(bench.cli("resume", run).returncode, 0)
    let(bench, "go")
    assert eventually(lambda: bench.show(run)["usage"]["tokens"] == 250, 60)
    held(bench, run)
    equal(bench.show(run)["held"]["reason"], "it has used 250 of 200 tokens")
    equal(bench.cli("resume", run).returncode, 0)
    let(bench, "end")
    equal(bench.ended(run)["code"], 0)
    equal([one["up_to"] for one in bodies(bench, run, "budget-extended")], [200, 350])


def test_a_budget_of_a_day_counts_all_runs_of_a_policy_over_a_restart_and_is_longer_for_all_of_them(bench: Bench) -> None:
    file = policy(bench, "[limits]\ntokens_per_day = 1000\n", "daily")
    first = detached(bench, "agent.report_usage('m', 700, 0)\n", "-p", file)
    equal(bench.ended(first)["code"], 0)
    restart(bench)
    second = detached(bench, "agent.report_usage('m', 400, 0)\nwait('end')\n", "-p", file)
    held(bench, second)
    equal(bench.show(second)["held"]["reason"], "runs of its policy have used 1100 of 1000 tokens for today")
    restart(bench)
    assert eventually(lambda: bench.show(second)["state"] == "frozen", 60)
    third = detached(bench, "wait('end')\n", "-p", file)  # Nothing is left for it either.
    held(bench, third)
    other = detached(bench, "wait('end')\n", "-p", policy(bench, "[limits]\ntokens_per_day = 1000\n", "another"))
    today = [json.loads(line) for line in bench.cli("usage", "--json").stdout.splitlines()]
    spent = [line for line in today if line.get("policy") == "daily"]
    equal([(line["tokens"], line["uid"], line["cost_usd"], line["prompts"]) for line in spent], [(1100, os.getuid(), None, None)])
    silent = next(line for line in today if line.get("policy") == "another")
    assert silent["tokens"] is None and 0 < silent["wall_time_ms"] < spent[0]["wall_time_ms"], (silent, spent)
    equal(bench.cli("resume", second).returncode, 0)
    assert eventually(lambda: bench.show(third)["state"] == "running", 60), "the day is longer for all of them"
    equal(bodies(bench, second, "budget-extended")[0]["up_to"], 2100)
    equal(bench.show(other)["state"], "running")
    let(bench, "end")
    for run in (second, third, other):
        equal(bench.ended(run)["code"], 0)


ASKS = "import subprocess\nfor n in range({count}):\n    done = subprocess.run(['/bin/sh', '-c', f'echo x > {folder}/{{n}}'], stderr=subprocess.DEVNULL)\n" \
       "    print(n, done.returncode != 0, flush=True)\nwait('end')\n"


def asking(bench: Bench, on_limit: str, count: int) -> str:
    folder = bench.daemon.base / "asked"
    folder.mkdir(exist_ok=True)
    file = policy(bench, f'[limits]\nprompts = 2\non_limit = "{on_limit}"\n[files]\nask = ["{folder}"]\n', f"asks-{on_limit}")
    return detached(bench, ASKS.format(count=count, folder=folder), "-p", file)


def refuse_next(bench: Bench) -> None:
    def look() -> list[dict[str, Any]]:
        return [json.loads(line) for line in bench.cli("pending", "--json").stdout.splitlines()]

    assert eventually(look, 60), "nobody asks"
    equal(bench.cli("deny", str(look()[0]["id"])).returncode, 0)


def test_a_run_that_asked_as_often_as_it_may_is_paused_and_may_ask_as_often_again(bench: Bench) -> None:
    run = asking(bench, "pause", 4)
    refuse_next(bench)
    refuse_next(bench)
    held(bench, run)
    shown = bench.show(run)
    equal((shown["held"]["by"], shown["held"]["reason"]), ("prompts", "the run has asked 2 times, as often as it may"))
    equal(bench.cli("pending", "--json").stdout, "")
    equal(bench.cli("resume", run).returncode, 0)
    equal(bodies(bench, run, "budget-extended"), [{"by_uid": os.getuid(), "limit": "prompts", "more": 2, "up_to": 4}])
    refuse_next(bench)
    let(bench, "end")
    equal(bench.ended(run)["code"], 0)
    equal(bench.cli("logs", run).stdout.splitlines(), [f"{n} True" for n in range(4)])


def test_questions_of_a_day_count_over_two_runs_and_a_restart_and_pause_the_one_that_asks_beyond(bench: Bench) -> None:
    file = policy(bench, '[limits]\nprompts_per_day = 2\n[[tools.rule]]\nmatch = ["deploy*"]\ndecide = "ask"\n', "asks-daily")
    asks = "for n in range({}): print(n, agent.guard('call', f'deploy{{n}}', patience=600).outcome, flush=True)\nwait('end')\n"
    first = detached(bench, asks.format(1), "-p", file)
    refuse_next(bench)
    let(bench, "end")
    equal(bench.ended(first)["code"], 0)
    (bench.workspace / "end").unlink()
    restart(bench)
    second = detached(bench, asks.format(3), "-p", file)
    refuse_next(bench)
    held(bench, second)
    shown = bench.show(second)
    equal((shown["held"]["by"], shown["held"]["reason"]),
          ("prompts", "runs of its policy have asked 2 times today, as often as they may"))
    assert bodies(bench, second, "limit-reached")[0]["limit"] == "prompts_per_day"
    day = time.strftime("%Y-%m-%d")
    equal(budget(bench, second, "prompts_per_day"),
          {"limit": "prompts_per_day", "used": 2, "edge": 2, "warn_at": 2, "day": day, "state": "reached"})
    today = [json.loads(line) for line in bench.cli("usage", "--json").stdout.splitlines()]
    equal([(line["tokens"], line["prompts"]) for line in today if line.get("policy") == "asks-daily"], [(None, 2)])
    equal(bench.cli("resume", second).returncode, 0)
    equal(bodies(bench, second, "budget-extended"),
          [{"by_uid": os.getuid(), "day": day, "limit": "prompts_per_day", "more": 2, "up_to": 4}])
    refuse_next(bench)
    let(bench, "end")
    equal(bench.ended(second)["code"], 0)
    equal(bench.cli("logs", second).stdout.splitlines(), [f"{n} denied" for n in range(3)])
    equal([fact["day"] for run in (first, second) for fact in bodies(bench, run, "action-asked")], [day] * 3)


def test_the_time_of_a_day_counts_over_two_runs_and_a_restart_and_a_person_makes_it_longer(bench: Bench) -> None:
    file = policy(bench, '[limits]\nwall_time_per_day = "10s"\nwarn_at = "10%"\n', "timed")
    first = detached(bench, "wait('end')\n", "-p", file)
    assert eventually(lambda: bodies(bench, first, "limit-reached"), 60), "nobody is told that the end is near"
    near = bodies(bench, first, "limit-reached")[0]
    equal((near["edge"], near["limit"]), ("soft", "wall_time_per_day"))
    let(bench, "end")
    equal(bench.ended(first)["code"], 0)
    (bench.workspace / "end").unlink()
    lived = bodies(bench, first, "run-ended")[0]["of_day"]
    day = time.strftime("%Y-%m-%d")
    assert lived["day"] == day and 1000 <= lived["ms"] < 10_000, lived
    restart(bench)
    second = detached(bench, "wait('end')\n", "-p", file)
    other = detached(bench, "wait('end')\n", "-p", policy(bench, '[limits]\nwall_time_per_day = "1h"\n', "roomy"))
    held(bench, second)
    shown = bench.show(second)
    equal((shown["held"]["by"], shown["held"]["cause"]), ("governor", "limit"))
    assert shown["held"]["reason"].startswith("runs of its policy have run for 1"), shown["held"]
    spent = budget(bench, second, "wall_time_per_day")
    assert spent["state"] == "reached" and spent["used"] >= 10 and (spent["edge"], spent["day"]) == (10, day), spent
    restart(bench)
    assert frozen_by_kernel(bench, second) and not frozen_by_kernel(bench, other)
    equal(bench.cli("resume", second).returncode, 0)
    assert eventually(lambda: not frozen_by_kernel(bench, second), 60), "the kernel holds it still"
    extended = bodies(bench, second, "budget-extended")
    equal([(one["limit"], one["more"], one["day"]) for one in extended], [("wall_time_per_day", 10, day)])
    assert extended[0]["up_to"] >= 20
    let(bench, "end")
    for run in (second, other):
        equal(bench.ended(run)["code"], 0)


def test_a_run_whose_policy_denies_further_questions_goes_on_without_them(bench: Bench) -> None:
    run = asking(bench, "deny", 5)
    refuse_next(bench)
    refuse_next(bench)
    let(bench, "end")
    equal(bench.ended(run)["code"], 0)
    equal(bench.cli("logs", run).stdout.splitlines(), [f"{n} True" for n in range(5)])
    assert "run-frozen" not in bench.kinds(run) and len(bodies(bench, run, "action-asked")) == 2


def test_a_cost_that_is_not_told_is_estimated_by_list_prices_and_is_unknown_without_one(bench: Bench) -> None:
    (bench.daemon.base / "prices.toml").write_text('dated = "2026-01"\n[models]\n"mine*" = { input = "$2.00", output = "$4.00" }\n')
    file = policy(bench, '[limits]\ncost = "$10.00"\n', "estimated")
    run = detached(bench, "agent.report_usage('unheard-of', 500, 500)\nopen('first', 'w')\nwait('go')\n"
                   "totals = agent.report_usage('mine-2', 1_000_000, 250_000)\nopen('second', 'w')\n"
                   "print(totals.cost_usd, totals.cost_estimated, flush=True)\nwait('end')\n", "-p", file)
    assert eventually(lambda: (bench.workspace / "first").exists(), 60)
    usage = bench.show(run)["usage"]
    equal((usage["tokens"], usage["cost_usd"], usage["cost_estimated"], usage["cost_incomplete"]), (1000, None, False, True))
    equal(budget(bench, run, "cost")["used"], None)
    let(bench, "go")
    assert eventually(lambda: (bench.workspace / "second").exists(), 60)
    usage = bench.show(run)["usage"]
    equal((usage["cost_usd"], usage["cost_estimated"], usage["cost_incomplete"]), (3, True, True))
    text = bench.cli("show", run).stdout
    assert ">~$3.00 (estimate)" in text and "cost: $3.00 of $10.00" in text, text
    assert "~$3.00 (estimate)" in bench.cli("usage").stdout
    let(bench, "end")
    equal(bench.ended(run)["code"], 0)
    equal(bench.cli("logs", run).stdout.splitlines(), ["3.0 True"])


class Model:
    """A model server on this machine's loopback that states what each call used."""

    def __init__(self, coding: Optional[str] = None) -> None:
        answer = json.dumps({"model": "local", "choices": [], "usage": {"prompt_tokens": 60, "completion_tokens": 40}}).encode()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                self.send_response(200)
                self.send_header("content-type", "application/json")
                if coding:
                    self.send_header("content-encoding", coding)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


CALLS = "import http.client\nc = http.client.HTTPConnection('127.0.0.1', {port}, timeout=60)\n" \
        "def call():\n    c.request('POST', '/v1/chat/completions', body='{{}}')\n    return c.getresponse().read()\n"


def test_what_a_local_model_states_is_counted_by_the_egress_and_not_twice_with_reports(bench: Bench) -> None:
    model = Model()
    file = policy(bench, f"[network]\nloopback = [{model.port}]\n[limits]\ntokens = 300\n", "local")
    run = detached(bench, CALLS.format(port=model.port) + "for n in range(2): call()\nwait('go')\n"
                   "agent.report_usage('local', 150, 20)\nopen('told', 'w')\nwait('more')\ncall()\nwait('end')\n", "-p", file)
    assert eventually(lambda: bench.show(run)["usage"]["tokens"] == 200, 60), bench.show(run)["usage"]
    let(bench, "go")
    assert eventually(lambda: (bench.workspace / "told").exists(), 60)
    equal(bench.show(run)["usage"]["tokens"], 200)
    let(bench, "more")
    held(bench, run)
    equal(bench.show(run)["held"]["reason"], "it has used 300 of 300 tokens")
    seen = [one for fact in bodies(bench, run, "usage-seen") for one in fact["models"]]
    equal((sum(one["reports"] for one in seen), {one["model"] for one in seen}), (3, {"local"}))
    equal(bench.cli("resume", run).returncode, 0)
    let(bench, "end")
    equal(bench.ended(run)["code"], 0)
    model.close()


def test_what_an_agent_used_just_before_it_ended_is_known_to_whoever_waited_for_it(bench: Bench) -> None:
    model = Model()
    file = policy(bench, f"[network]\nloopback = [{model.port}]\n", "brief")
    for number in range(3):
        result = bench.cli("run", "-p", file, "--", "/usr/bin/python3", "-c", CALLS.format(port=model.port) + "call()\ncall()\n")
        equal(result.returncode, 0, result.stderr)
        used = bench.show(bench.last_ended())["usage"]
        equal(used["tokens"], 200, f"run {number}")
        assert used["network_sent_bytes"] > 100 and used["network_received_bytes"] > 200, used
    model.close()


def test_an_answer_that_is_compressed_states_nothing(bench: Bench) -> None:
    model = Model("gzip")
    file = policy(bench, f"[network]\nloopback = [{model.port}]\n", "packed")
    run = detached(bench, CALLS.format(port=model.port) + "call()\nopen('called', 'w')\nwait('end')\n", "-p", file)
    assert eventually(lambda: (bench.workspace / "called").exists(), 60)
    let(bench, "end")
    equal(bench.ended(run)["code"], 0)  # What its egress had to tell it told before that.
    equal(bench.show(run)["usage"]["tokens"], None)
    model.close()


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
