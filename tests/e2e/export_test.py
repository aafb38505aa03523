#!/usr/bin/env python3
"""The log and the metrics as other programs take them: OTLP in JSON, and the text of Prometheus.

    export_test.py BUILD [TEST…]
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.e2e.metrics_test import parse, scrape  # noqa: E402
from tests.sdk.inside import start  # noqa: E402
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import eventually  # noqa: E402

# Of OTLP's fields, those whose numbers are of 32 bits, floating or enums; all others are of 64 bits and so text.
NUMBERS = {"kind", "code", "doubleValue", "asDouble", "sum", "aggregationTemporality", "droppedEventsCount"}


OK = "HTTP/1.0 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\n\r\n"


def exported(bench: Bench, *flags: str) -> list[dict[str, Any]]:
    result = bench.cli("export", "otlp", *flags)
    equal(result.returncode, 0, result.stderr)
    return [json.loads(line) for line in result.stdout.splitlines()]


def spans(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [span for line in lines for of in line["resourceSpans"] for scope in of["scopeSpans"] for span in scope["spans"]]


def attributes(of: dict[str, Any]) -> dict[str, Any]:
    return {one["key"]: next(iter(one["value"].values())) for one in of["attributes"]}


def numbers(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from numbers(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from numbers(inner, name)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield name


def check(lines: list[dict[str, Any]]) -> None:
    """What OTLP/JSON asks for."""
    for line in lines:
        equal(set(numbers(line)) - NUMBERS, set(), line)
        assert list(line) in (["resourceSpans"], ["resourceMetrics"]), line
    for span in spans([line for line in lines if "resourceSpans" in line]):
        assert re.fullmatch("[0-9a-f]{32}", span["traceId"]) and re.fullmatch("[0-9a-f]{16}", span["spanId"]), span
        assert 0 < int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"]), span


def worked(bench: Bench, name: str = "spender") -> str:
    """A run whose agent asked, was told no, and reported what it used."""
    file = bench.daemon.base / "tools.toml"
    file.write_text('schema = 1\nname = "tools"\nextends = ["offline"]\n[priority]\nclass = "interactive"\n'
                    '[[tools.rule]]\nmatch = ["deploy"]\ndecide = "forbid"\nwhy = "not from here"\n')
    run = start(bench, "agent = ringfence.Agent(timeout=20)\nagent.report_usage('small', 900, 100, cost_usd=0.0012, counters={'retries': 3})\n"
                "print(agent.guard('call', 'deploy').outcome)\nagent.report_usage('large', 50, 5)\nsys.exit(3)\n", "-p", str(file), "-n", name)
    equal(bench.ended(run)["code"], 3, bench.cli("logs", run).stdout)
    equal(bench.cli("logs", run).stdout, "forbidden\n")
    return run


def test_a_run_and_what_it_did_are_spans_and_an_export_done_twice_is_the_same(bench: Bench) -> None:
    run, other = worked(bench), worked(bench, "other")
    lines = exported(bench)
    check(lines)
    equal(exported(bench), lines)
    roots = {attributes(span)["ringfence.run"]: span for span in spans(lines) if "parentSpanId" not in span}
    equal(set(roots), {run, other})
    root = roots[run]
    told = attributes(root)
    equal((root["name"], told["gen_ai.operation.name"], told["gen_ai.usage.input_tokens"], told["process.exit.code"], told["error.type"]),
          ("invoke_agent spender", "invoke_agent", "950", "3", "exit 3"))
    below = [span for span in spans(lines) if span.get("parentSpanId") == root["spanId"]]
    tool = next(span for span in below if span["name"] == "execute_tool deploy")
    equal((tool["traceId"], attributes(tool)["ringfence.outcome"], attributes(tool)["ringfence.say"], tool["status"]["code"]),
          (root["traceId"], "forbidden", "not from here", 2))
    equal([span["traceId"] for span in spans(exported(bench, run))], [root["traceId"]] * (1 + len(below)))


def test_tokens_and_cost_are_metrics(bench: Bench) -> None:
    run = worked(bench)
    lines = exported(bench, "--signal", "metrics", run)
    check(lines)
    metrics = [metric for line in lines for of in line["resourceMetrics"] for scope in of["scopeMetrics"] for metric in scope["metrics"]]
    points = [point for metric in metrics if metric["name"] == "gen_ai.client.token.usage" for point in metric["histogram"]["dataPoints"]]
    used = {(attributes(point)["gen_ai.request.model"], attributes(point)["gen_ai.token.type"]): point["sum"] for point in points}
    equal(used, {("small", "input"): 900, ("small", "output"): 100, ("large", "input"): 50, ("large", "output"): 5})
    cost = [point["asDouble"] for metric in metrics if metric["name"] == "ringfence.client.cost" for point in metric["sum"]["dataPoints"]]
    equal(cost, [0.0012])
    counts = [(attributes(point)["ringfence.counter"], point["asInt"]) for metric in metrics if metric["name"] == "ringfence.client.counter"
              for point in metric["sum"]["dataPoints"]]
    equal(counts, [("retries", "3")])


def test_since_leaves_out_what_ended_before_and_nothing_of_what_ended_later(bench: Bench) -> None:
    first = worked(bench)
    last = [json.loads(line)["seq"] for line in bench.cli("log", "--json").stdout.splitlines()][-1]
    second = worked(bench)
    after = spans(exported(bench, "--since", str(last)))
    equal({attributes(span)["ringfence.run"] for span in after}, {second})
    # Where a run began that went on is known all the same.
    began = next(json.loads(line)["seq"] for line in bench.cli("log", second, "--json").stdout.splitlines() if "run-started" in line)
    root = next(span for span in spans(exported(bench, "--since", str(began))) if "parentSpanId" not in span)
    equal(attributes(root)["ringfence.begin_known"], True)
    equal(root, next(span for span in after if "parentSpanId" not in span))
    equal(exported(bench, "--since", "2999-01-01T00:00:00Z"), [])
    assert {attributes(span)["ringfence.run"] for span in spans(exported(bench, "--since", "1h"))} == {first, second}


def test_followed_the_spans_of_a_run_come_when_it_ends(bench: Bench) -> None:
    run = bench.detached("while ! [ -e end ]; do sleep 0.05; done", "-n", "followed")
    with subprocess.Popen([bench.program, "export", "otlp", "-f"], stdout=subprocess.PIPE, text=True, env=bench.daemon.environment) as follower:
        try:
            (bench.workspace / "end").write_text("")
            assert follower.stdout is not None
            names = []
            while "invoke_agent followed" not in names:
                names += [span["name"] for span in spans([json.loads(follower.stdout.readline())])]
        finally:
            follower.terminate()
    bench.ended(run)


def test_the_text_of_prometheus_is_what_the_daemons_own_socket_tells(bench: Bench) -> None:
    run = bench.detached("exec sleep 1000", "-n", "sleeper")
    assert eventually(lambda: f'run="{run}"' in bench.cli("export", "prometheus").stdout, 60)

    told = bench.cli("export", "prometheus")
    equal(told.returncode, 0, told.stderr)

    def same() -> bool:
        text = bench.cli("export", "prometheus").stdout
        samples = parse(OK.format(len(text.encode())) + text)
        return bool(samples) and set(samples) == set(scrape(bench.daemon))

    assert eventually(same, 60), told.stdout
    bench.cli("kill", run)
    bench.ended(run)


def test_what_is_asked_wrongly_is_said_and_nothing_is_printed(bench: Bench) -> None:
    for words, said in ((["export"], "otlp or prometheus"), (["export", "csv"], "otlp or prometheus"), (["export", "otlp", "a", "b"], "one word too many"),
                        (["export", "otlp", "--signal", "logs"], "traces or metrics"), (["export", "otlp", "--since", "soon"], "no sequence number"),
                        (["export", "prometheus", "-f"], "no option")):
        result = bench.cli(*words)
        equal((result.returncode, result.stdout), (2, ""), result)
        assert said in result.stderr, result
    bench.daemon.kill_daemon()
    for form in ("otlp", "prometheus"):
        away = bench.cli("export", form)
        equal((away.returncode, away.stdout), (3, ""), away)
    bench.daemon.start()


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
