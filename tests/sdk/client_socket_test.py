#!/usr/bin/env python3
"""The Python client and the checkpoint of agents with a real daemon and real fences.

    client_socket_test.py BUILD [TEST…]
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.sdk.inside import asked_folder, asking_policy, client_of, library, ringfence, start  # noqa: E402
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import eventually, is_alive  # noqa: E402
from tests.support.observed import frozen_by_kernel  # noqa: E402

errors = ringfence.errors


def wait_for(bench: Bench, name: str) -> str:
    assert eventually(lambda: (bench.workspace / name).exists() and (bench.workspace / name).read_text(), 60), f"no {name}"
    return (bench.workspace / name).read_text()


def test_a_client_launches_with_descriptors_and_is_told_how_it_ended(bench: Bench) -> None:
    client = client_of(bench)
    assert client.hello().admin
    reader, writer = os.pipe()
    nothing = os.open("/dev/null", os.O_RDONLY)
    started = client.launch(ringfence.Launch(["sh", "-c", "echo $WORD; pwd; exit 3"], workspace=str(bench.workspace), name="speaker",
                                             extra_environment={"WORD": "hello"}, stdio=(nothing, writer, writer)))
    os.close(writer)
    with started.events:
        ended = list(started.events)[-1]
    equal((ended.run, ended.exit.code, ended.exit.signal), (started.run, 3, None))
    equal(os.read(reader, 1000).decode(), f"hello\n{bench.workspace}\n")
    os.close(reader)
    os.close(nothing)
    run = client.runs(ended=True)[-1]
    equal((run.id, run.name, run.state, run.exit.code, run.policy_name), (started.run, "speaker", "ended", 3, "coding"))


def test_a_run_that_a_client_watches_ends_with_it_and_a_detached_one_does_not(bench: Bench) -> None:
    client, nothing = client_of(bench), os.open("/dev/null", os.O_RDWR)
    launch = ringfence.Launch(["sleep", "1000"], workspace=str(bench.workspace), stdio=(nothing, nothing, nothing))
    watched, launch.detached = client.launch(launch), True
    detached = client.launch(launch)
    os.close(nothing)
    assert detached.events is None and is_alive(watched.pid) and is_alive(detached.pid)
    watched.events.close()
    client.close()
    assert eventually(lambda: not is_alive(watched.pid), 60), "it lives"
    equal(client.show(detached.run).state, "running")
    equal(client.kill(detached.run), [detached.run])
    assert eventually(lambda: not is_alive(detached.pid), 60), "it lives"


def test_freeze_resume_and_stop_of_a_client_reach_the_kernel(bench: Bench) -> None:
    client = client_of(bench)
    run = bench.detached("trap 'exit 5' TERM; while :; do sleep 0.1; done")
    client.freeze(run)
    assert eventually(lambda: frozen_by_kernel(bench, run)), "the kernel has it running"
    equal((client.show(run).state, client.show(run).held.by), ("frozen", "person"))
    client.resume(run)
    assert eventually(lambda: not frozen_by_kernel(bench, run)), "the kernel has it frozen"
    client.stop(run)
    equal(bench.ended(run), {"code": 5})
    for act in (client.freeze, client.kill, client.stop):
        try:
            act("nobody")
            raise AssertionError("it acted on nobody")
        except errors.NotFound:
            pass


def test_a_client_answers_questions_as_they_come(bench: Bench) -> None:
    client, folder = client_of(bench), asked_folder(bench)
    script = "; ".join(f"echo {word} > {folder}/{word}; echo $?" for word in ("yes", "no", "other"))
    elsewhere = bench.workspace / "elsewhere"
    outcomes = []
    with client.watch() as stream:
        run = bench.detached(f"{script}; tail -n 1 $RINGFENCE_DENIALS", "-p", asking_policy(bench))
        while len(outcomes) < 3:
            event = stream.next_within(60)
            assert event is not None, "nobody asks"
            if isinstance(event, ringfence.Settled):
                outcomes.append(event.outcome)
                continue
            asked = event
            equal((event.run, event.operation, event.reversible, event.rule.file.endswith("careful.toml")),
                  (run, "write", "irreversible", True))
            word = os.path.basename(event.target)
            if word == "yes":
                equal([one.id for one in client.pending()], [event.id])
                client.allow(event)
            elif word == "no":
                client.deny(event, "not this one")
            else:
                client.rewrite(event, path=str(elsewhere))
    equal(outcomes, ["allowed", "denied", "rewritten"])
    equal(bench.ended(run), {"code": 0})
    equal(sorted(os.listdir(folder)), ["yes"])
    equal(elsewhere.read_text(), "other\n")
    assert "not this one" in bench.cli("logs", run).stdout
    try:
        client.deny(asked)
        raise AssertionError("a question was answered twice")
    except errors.AlreadyAnswered as gone:
        equal(gone.exit_code, 5)


def test_a_client_gives_a_lasting_answer_and_takes_it_back(bench: Bench) -> None:
    client, folder = client_of(bench), asked_folder(bench)
    run = bench.detached(f"while :; do echo again > {folder}/note; sleep 0.05; done", "-p", asking_policy(bench))
    with client.watch() as stream:
        first = stream.next_within(60)
        assert "run" in first.scopes, first
        client.allow(first, scope="run", seconds=3600)
        assert eventually(lambda: client.grants(run) and client.grants(run)[0].hits > 1, 60), client.grants()
        grant = client.grants(run)[0]
        equal((grant.scope, grant.target, grant.operation), ("run", f"{folder}/note", "write"))
        client.revoke(grant)
        assert eventually(lambda: client.pending(run), 60), "it is not asked again"
    equal(client.grants(run), [])
    equal([one.id for one in client.grants(run, ended=True)], [grant.id])
    client.kill(run)
    bench.ended(run)


def test_a_log_that_is_followed_goes_on_over_a_daemon_that_is_killed(bench: Bench) -> None:
    client = client_of(bench)
    seqs, kinds = [], set()
    with client.log(follow=True) as log:
        for _ in range(3):
            run = bench.detached("exit 0")
            for line in log:
                seqs.append(line.seq)
                kinds.add(line.kind)
                if line.kind == "run-ended" and line.run == run:
                    break
            bench.daemon.kill_daemon()
            bench.daemon.start()
    equal(seqs, list(range(1, len(seqs) + 1)))
    assert {"daemon-started", "run-admitted", "run-ended"} <= kinds, kinds
    equal([line.seq for line in client.log(since_seq=seqs[-2])][0], seqs[-1])


def test_runs_of_others_do_not_exist_for_a_client(bench: Bench) -> None:
    run = bench.detached("sleep 1000")
    body = ("import ringfence, sys\nclient = ringfence.Client()\nprint(client.hello().admin, client.runs(ended=True), client.pending(), "
            "client.usage())\nfor act in (client.show, client.kill, client.freeze, client.usage):\n    try:\n        act(sys.argv[1])\n"
            "        print('done')\n    except ringfence.errors.NotFound:\n        print('not found')\n"
            "try:\n    print([line.body for line in client.log(sys.argv[1])])\nexcept ringfence.ControlError as error:\n    print(error.code)\n")
    result = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3", "-B", "-c", body, run],
                            capture_output=True, text=True, timeout=120, cwd="/",
                            env={"PYTHONPATH": str(library(bench)), "RINGFENCE_SOCKET": bench.daemon.environment["RINGFENCE_SOCKET"]})
    equal(result.returncode, 0, result.stderr)
    lines = result.stdout.splitlines()
    equal(lines[:5], ["False [] [] []", *["not found"] * 4])
    assert run not in lines[5] and "sleep" not in lines[5], lines
    equal(bench.show(run)["state"], "running")
    bench.cli("kill", run)
    bench.ended(run)


AGENT = """
with ringfence.Checkpoint("counter", agent=ringfence.Agent()) as checkpoint:
    kept = checkpoint.restore()
    number = kept.data if kept else 0
    open("began", "a").write(f"{number} {kept.run if kept else ''}\\n")
    while True:
        number += 1
        checkpoint.save(number)
        open("kept.new", "w").write(str(number)); os.replace("kept.new", "kept")
        if number % 50 == 0: checkpoint.once(f"step-{number}", lambda: open("effects", "a").write(f"{number}\\n"), unsure="again")
"""


def survives(bench: Bench, *flags: str) -> None:
    """Killed and launched again, three times."""
    before, last = "", 0
    for count in range(3):
        run = start(bench, AGENT, *flags)
        assert eventually(lambda: int("0" + wait_for(bench, "kept")) > last + 60, 100), wait_for(bench, "kept")
        bench.cli("kill", run)
        bench.ended(run)
        began = (bench.workspace / "began").read_text().splitlines()
        equal(len(began), count + 1, began)
        number, _, named = began[-1].partition(" ")
        equal(named, before)
        assert int(number) in (last, last + 1), (began, last)
        before, last = run, int(wait_for(bench, "kept"))


def test_a_checkpoint_survives_that_its_run_is_killed_and_launched_again(bench: Bench) -> None:
    survives(bench)
    effects = (bench.workspace / "effects").read_text().split()
    assert effects and len(effects) - len(set(effects)) <= 3, effects
    # Another policy has another home: the agent begins anew there.
    run = start(bench, AGENT, "-p", asking_policy(bench, name="another"))
    assert eventually(lambda: len((bench.workspace / "began").read_text().splitlines()) == 4, 60), "it does not begin"
    equal((bench.workspace / "began").read_text().splitlines()[-1], "0 ")
    bench.cli("kill", run)
    bench.ended(run)


def test_a_checkpoint_survives_under_a_policy_that_asks(bench: Bench) -> None:
    survives(bench, "-p", asking_policy(bench))


def test_two_runs_of_one_agent_do_not_share_a_checkpoint(bench: Bench) -> None:
    hold = "with ringfence.Checkpoint('a') as one:\n    open('has', 'w').write('it')\n    wait('end')\n"
    first = start(bench, hold)
    wait_for(bench, "has")
    second = start(bench, "try:\n    ringfence.Checkpoint('a', patience=0)\nexcept ringfence.CheckpointBusy as busy:\n"
                   "    print(busy)\n    sys.exit(9)\n")
    equal(bench.ended(second), {"code": 9})
    assert "another process has it" in bench.cli("logs", second).stdout
    (bench.workspace / "end").write_text("now")
    equal(bench.ended(first), {"code": 0})


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
