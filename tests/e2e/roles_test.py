#!/usr/bin/env python3
"""Who may see and do what: owner, admin, viewer and stranger at the real socket.

    roles_test.py BUILD [TEST…]
"""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.accounts import Accounts  # noqa: E402
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import eventually  # noqa: E402

ADMINS, VIEWERS = 61902, 61903


def people(bench: Bench) -> Accounts:
    accounts = Accounts(bench.daemon.bin.parent)
    accounts.add_group("ringfence-admin", ADMINS)
    accounts.add_group("ringfence", VIEWERS)
    accounts.add("rf-owner", 61001)
    accounts.add("rf-admin", 61002, groups=(ADMINS,))
    accounts.add("rf-viewer", 61003, groups=(VIEWERS,))
    accounts.add("rf-stranger", 61004)
    accounts.start()
    return accounts


def test_owner_admin_viewer_and_stranger_each_get_what_is_theirs(bench: Bench) -> None:
    with people(bench) as accounts:
        started = accounts.cli("rf-owner", "run", "-d", "-n", "mine", "--", "sleep", "1000")
        equal(started.returncode, 0, started.stderr)
        run = started.stdout.strip()
        missing = f"no run {run} that you may see"
        for who, sees, controls in (("rf-owner", True, True), ("rf-admin", True, True), ("rf-viewer", True, False),
                                    ("rf-stranger", False, False)):
            shown = accounts.cli(who, "show", run)
            equal(shown.returncode, 0 if sees else 1, (who, shown.stderr))
            for looked in (accounts.cli(who, "ps"), accounts.cli(who, "log"), accounts.cli(who, "usage")):
                equal(run in looked.stdout, sees, (who, looked))
            for verb in ("freeze", "resume", "logs"):
                done = accounts.cli(who, verb, run)
                equal(done.returncode == 0, controls, (who, verb, done.stderr))
                if not controls:
                    wanted = "belongs to uid 61001" if sees else missing
                    assert wanted in done.stderr, (who, verb, done.stderr)
            equal(accounts.cli("rf-owner", "ps", "--json").stdout.count('"running"'), 1, f"after {who}")
        equal(accounts.cli("rf-viewer", "kill", "--all").stdout, "")
        equal(accounts.cli("rf-stranger", "kill", "--all").stdout, "")
        equal(accounts.cli("rf-admin", "kill", run).stdout, f"killed {run}\n")
        assert eventually(lambda: '"ended"' in accounts.cli("rf-owner", "show", run, "--json").stdout)


def test_doctor_says_which_groups_the_machine_has(bench: Bench) -> None:
    with people(bench) as accounts:
        text = accounts.cli("rf-owner", "doctor").stdout
        assert "group ringfence: its members may see runs" in text, text
        assert "group ringfence-admin: its members may control runs" in text, text
    with Accounts(bench.daemon.bin.parent) as bare:
        bare.add("rf-owner", 61001)
        bare.start()
        text = bare.cli("rf-owner", "doctor").stdout
        assert "group ringfence-admin: absent: only root and the owner of a run may control runs" in text, text
        assert "logind: sessions are not checked: check_logins = false" in text, text


# ---- the socket as any program speaks it


def connect(bench: Bench) -> socket.socket:
    """All that a client of the control socket needs: one JSON object a packet, hello first, an id in each request."""
    client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    client.settimeout(30)
    client.connect(bench.daemon.environment["RINGFENCE_SOCKET"])
    equal(ask(client, 1, hello={"protocol": 1})["hello"]["protocol"], 1)
    return client


def ask(client: socket.socket, number: int, **request: object) -> dict[str, dict[str, object]]:
    client.send(json.dumps({"id": number, **request}).encode())
    return json.loads(client.recv(65536))


def test_twenty_lines_of_python_start_a_run_and_wait_for_its_end(bench: Bench) -> None:
    client = connect(bench)
    workspace = os.open(bench.workspace, os.O_PATH | os.O_DIRECTORY)
    read, write = os.pipe()
    null = os.open("/dev/null", os.O_RDWR)
    text = [base64.b64encode(word.encode()).decode() for word in ("/bin/sh", "-c", "echo inside; exit 7")]
    request = {"workspace": base64.b64encode(os.fsencode(bench.workspace)).decode(), "argv": text, "executable": text[0],
               "stdio": "STDIO_DESCRIPTORS"}
    socket.send_fds(client, [json.dumps({"id": 2, "run": request}).encode()], [workspace, null, write, null])
    for fd in (workspace, write, null):
        os.close(fd)
    accepted = json.loads(client.recv(65536))
    assert accepted["run_accepted"]["run"].startswith("r-"), accepted
    equal(os.read(read, 100), b"inside\n")
    os.close(read)
    event = json.loads(client.recv(65536))
    equal((event["run_event"]["ended"]["code"], event["last"]), (7, True), event)
    equal(ask(client, 3, show={"run": accepted["run_accepted"]["run"]})["details"]["state"], "ended")
    refused = ask(client, 4, show={"run": "nobody"})
    equal(refused["error"]["code"], "not-found", refused)
    client.close()


def test_a_subscriber_that_does_not_read_is_told_that_it_lagged_and_where_to_go_on(bench: Bench) -> None:
    run = bench.detached("sleep 1000")
    worker = connect(bench)
    for number in range(10, 410, 2):
        assert "done" in ask(worker, number, freeze={"run": run}) and "done" in ask(worker, number + 1, resume={"run": run})
    reader = connect(bench)
    reader.send(json.dumps({"id": 2, "log": {"follow": True}}).encode())
    time.sleep(7)  # Its socket is full; after 5 s it is given up, and has as long again to read why.
    equal(ask(worker, 500, show={"run": run})["details"]["state"], "running", "nobody else notices")
    seen, last = 0, {}
    while packet := reader.recv(1 << 20):
        last = json.loads(packet)
        if "log_line" in last:
            seen = int(last["log_line"]["seq"])
    equal((last["error"]["code"], int(last["error"]["last_seq"])), ("lagged", seen), last)
    assert seen > 0 and last.get("last") is True, last
    again = connect(bench)
    again.send(json.dumps({"id": 2, "log": {"since_seq": seen}}).encode())
    equal(int(json.loads(again.recv(1 << 20))["log_line"]["seq"]), seen + 1)
    for client in (worker, reader, again):
        client.close()
    equal(bench.cli("kill", run).returncode, 0)


def test_a_follower_of_the_log_ends_quietly_when_it_is_interrupted_and_says_when_the_daemon_goes(bench: Bench) -> None:
    def follow() -> subprocess.Popen[str]:
        return subprocess.Popen([bench.program, "log", "-f"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env=bench.daemon.environment)

    interrupted = follow()
    assert interrupted.stdout is not None
    assert interrupted.stdout.readline()
    interrupted.send_signal(2)
    _, said = interrupted.communicate(timeout=20)
    equal((interrupted.returncode, said), (-2, ""))
    left = follow()
    assert left.stdout is not None and left.stdout.readline()
    assert bench.daemon.process is not None
    bench.daemon.process.terminate()
    bench.daemon.process.wait(20)
    _, said = left.communicate(timeout=20)
    equal(left.returncode, 3, said)
    assert "daemon" in said, said
    bench.daemon.start()


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
