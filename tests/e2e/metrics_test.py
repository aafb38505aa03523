#!/usr/bin/env python3
"""What programs that collect metrics are told at the daemon's socket.

    metrics_test.py BUILD [TEST…]
"""

from __future__ import annotations

import json
import os
import re
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.accounts import Accounts  # noqa: E402
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import Daemon, eventually  # noqa: E402

ADMINS, VIEWERS = 61902, 61903
HELD = 8  # connections that one user may hold
SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\]|\\\\|\\")*",?)+)\})? ([0-9]+(?:\.[0-9]+)?)')
LABEL = re.compile(r'([a-z]+)="((?:[^"\\]|\\\\|\\")*)"')

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parse(answer: str) -> Samples:
    """Of a whole answer, held against the format: each metric has its HELP and TYPE before its lines, which stand together."""
    head, _, text = answer.partition("\r\n\r\n")
    status, *fields = head.split("\r\n")
    equal(status, "HTTP/1.0 200 OK")
    assert "Content-Type: text/plain; version=0.0.4; charset=utf-8" in fields, fields
    assert f"Content-Length: {len(text.encode())}" in fields, (len(text), fields)
    assert text.endswith("\n"), text[-80:]
    samples: Samples = {}
    seen: list[str] = []
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith("# HELP "):
            name = line.split()[2]
            assert name not in seen, f"{name} twice"
            kind = next(lines)
            assert re.fullmatch(rf"# TYPE {name} (counter|gauge)", kind), kind
            equal(kind.endswith("counter"), name.endswith("_total"), kind)
            seen.append(name)
            continue
        match = SAMPLE.fullmatch(line)
        assert match and seen and match[1] == seen[-1], line
        labels = frozenset((name, re.sub(r"\\(.)", r"\1", value)) for name, value in LABEL.findall(match[2] or ""))
        assert (match[1], labels) not in samples, f"{line} twice"
        samples[match[1], labels] = float(match[3])
    return samples


def connect(daemon: Daemon) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(60)
    client.connect(str(daemon.run_dir / "metrics.sock"))
    return client


def read_all(client: socket.socket) -> str:
    parts = []
    while part := client.recv(65536):
        parts.append(part)
    return b"".join(parts).decode()


def scrape(daemon: Daemon) -> Samples:
    with connect(daemon) as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n")
        return parse(read_all(client))


def scrape_as(daemon: Daemon, uid: int, groups: tuple[int, ...]) -> str:
    """The whole answer for a process of that user."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            os.setgroups(groups)
            os.setgid(uid)
            os.setuid(uid)
            with connect(daemon) as client, os.fdopen(writing, "wb") as told:
                client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
                told.write(read_all(client).encode())
            os._exit(0)
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        answer = told.read().decode()
    equal(os.waitpid(child, 0)[1], 0, uid)
    return answer


def of_run(samples: Samples, metric: str, run: str) -> float | None:
    """The value of the metric for the run, which has one at most beside other labels."""
    found = [value for (name, labels), value in samples.items() if name == metric and ("run", run) in labels]
    assert len(found) < 2, found
    return found[0] if found else None


def cpu_told_by_the_kernel(bench: Bench, run: str) -> float:
    """Seconds of the run's groups, of the hierarchy that has counted most."""
    told = [0.0]
    for group in bench.daemon.groups():
        for stat in Path(group).rglob("cpu.stat"):
            if stat.parent.name == run:
                told += [int(usec) / 1e6 for usec in re.findall(r"^usage_usec (\d+)", stat.read_text(), re.M)]
    return max(told)


def test_what_collectors_are_told_of_a_burning_run_is_what_the_kernel_counts(bench: Bench) -> None:
    run = bench.detached("while :; do :; done", "-n", 'of "fire" \\')
    assert eventually(lambda: cpu_told_by_the_kernel(bench, run) > 1, 100)
    equal(of_run(scrape(bench.daemon), "ringfence_run_frozen", run), 0)
    equal(bench.cli("freeze", run).returncode, 0)
    before = cpu_told_by_the_kernel(bench, run)

    def told() -> Samples | None:
        samples = scrape(bench.daemon)
        return samples if of_run(samples, "ringfence_run_frozen", run) == 1 else None

    samples = eventually(told)
    assert samples, "a reading is a second old at most"
    after = cpu_told_by_the_kernel(bench, run)
    cpu = of_run(samples, "ringfence_run_cpu_seconds_total", run)
    # The groups around the agent's own also hold what made its walls.
    assert cpu is not None and 0.9 * before <= cpu <= after, (before, cpu, after)
    labels = next(dict(labels) for name, labels in samples if name == "ringfence_run_cpu_seconds_total")
    equal(labels, {"run": run, "name": r'of "fire" \\'})
    used = bench.show(run)["usage"]
    equal(of_run(samples, "ringfence_run_pids", run), used["pids"])
    for metric, field in (("tokens_total", "tokens"), ("network_sent_bytes_total", "network_sent_bytes"),
                          ("memory_bytes", "memory_bytes"), ("io_read_bytes_total", "io_read_bytes")):
        equal(of_run(samples, f"ringfence_run_{metric}", run) is None, used[field] is None, (metric, "unknown is not told, not even as 0"))


def test_collectors_are_told_of_the_machine_and_how_many_run(bench: Bench) -> None:
    samples = scrape(bench.daemon)
    alone = frozenset[tuple[str, str]]()
    equal(samples["ringfence_runs", alone], 0)
    equal(samples["ringfence_device_cpus", alone], os.sysconf("SC_NPROCESSORS_ONLN"))
    memory = dict(re.findall(r"^(\w+): +(\d+) kB", Path("/proc/meminfo").read_text(), re.M))
    equal(samples["ringfence_device_memory_bytes", alone], int(memory["MemTotal"]) * 1024)
    assert 0 < samples["ringfence_device_memory_available_bytes", alone] < int(memory["MemTotal"]) * 1024
    equal([name for name, _ in samples if name.startswith("ringfence_run_")], [])
    run = bench.detached("sleep 1000")
    assert eventually(lambda: scrape(bench.daemon)["ringfence_runs", alone] == 1)
    bench.cli("kill", run)
    bench.ended(run)
    assert eventually(lambda: scrape(bench.daemon)["ringfence_runs", alone] == 0)


def test_each_user_is_told_metrics_of_what_they_may_see(bench: Bench) -> None:
    with Accounts(bench.daemon.bin.parent) as accounts:
        accounts.add_group("ringfence-admin", ADMINS)
        accounts.add_group("ringfence", VIEWERS)
        accounts.add("rf-owner", 61001)
        accounts.add("rf-admin", 61002, groups=(ADMINS,))
        accounts.add("rf-viewer", 61003, groups=(VIEWERS,))
        accounts.add("rf-stranger", 61004)
        accounts.start()
        started = accounts.cli("rf-owner", "run", "-d", "-n", "mine", "--", "sleep", "1000")
        equal(started.returncode, 0, started.stderr)
        run = started.stdout.strip()
        for who, sees in (("rf-owner", True), ("rf-admin", True), ("rf-viewer", True), ("rf-stranger", False)):
            user = accounts.users[who]
            text = scrape_as(accounts.daemon, user["uid"], user["groups"])
            samples = parse(text)
            equal(samples["ringfence_runs", frozenset()], 1 if sees else 0, who)
            equal(of_run(samples, "ringfence_run_cpu_seconds_total", run) is not None, sees, who)
            equal((run in text, "mine" in text), (sees, sees), who)
            assert ("ringfence_device_cpus", frozenset()) in samples, who
            if not sees or who == "rf-owner":
                equal([name for name, _ in samples if "energy" in name], [], who)


def test_collectors_that_stall_keep_nobody_else_from_an_answer(bench: Bench) -> None:
    stalled = [connect(bench.daemon) for _ in range(HELD)]
    try:
        for client in stalled:
            client.sendall(b"GET /metrics HTT")
        with connect(bench.daemon) as more:
            assert read_all(more).startswith("HTTP/1.0 503 "), "nobody bounds what one user holds"
        run = bench.detached("sleep 1000")
        equal(bench.show(run)["state"], "running")
        stalled[0].sendall(b"P/1.0\r\n\r\n")
        assert parse(read_all(stalled[0]))
        scrape(bench.daemon)  # in its place
        for client in stalled[1:]:
            equal(read_all(client), "", "cut off, whoever does not ask in time")
        equal(json.loads(bench.cli("show", run, "--json").stdout)["state"], "running")
    finally:
        for client in stalled:
            client.close()


def test_nothing_of_the_last_run_is_held_open_when_it_is_over(bench: Bench) -> None:
    def descriptors() -> list[str]:
        found = []
        for one in Path(f"/proc/{bench.daemon.process.pid}/fd").iterdir():
            try:
                found.append(os.readlink(one))
            except OSError:
                continue
        return found

    run = bench.detached("sleep 1000")
    assert eventually(lambda: any(run in one for one in descriptors()), 20), "its group is not metered"
    bench.cli("kill", run)
    eventually(lambda: bench.show(run)["state"] == "ended")
    assert eventually(lambda: not any(run in one for one in descriptors()), 20), [one for one in descriptors() if run in one]


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
