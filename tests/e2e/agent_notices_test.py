#!/usr/bin/env python3
"""What agents are told unasked and when holds come, from inside real fences: the kernel's freezer is looked at.

    agent_notices_test.py BUILD [TEST…]
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.e2e.agent_socket_test import detached, policy  # noqa: E402
from tests.sdk.inside import asking_policy, client_of  # noqa: E402
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import eventually  # noqa: E402
from tests.support.observed import bodies, frozen_by_kernel  # noqa: E402

# Each notice is a line of a file. `beat` counts while the run is not frozen.
TOLD = ("def note(name, *what):\n    with open(name, 'a') as file: file.write(json.dumps(what) + '\\n')\n"
        "import threading\n"
        "def beats():\n    n = 0\n    while True:\n        n += 1\n        open('beat.new', 'w').write(str(n))\n"
        "        os.replace('beat.new', 'beat')\n        time.sleep(0.02)\n"
        "threading.Thread(target=beats, daemon=True).start()\n"
        "agent.on_resume(lambda r: note('resumed', r.held > 0, r.why, r.held_by, r.relief))\n")
USES_UP = "agent.report_usage('small', 1000, 10)\n"


def grace(bench: Bench, seconds: int, limits: str = 'tokens = 1000\non_limit = "pause"', priority: str = "interactive") -> str:
    return policy(bench, f'[limits]\n{limits}\n[priority]\nclass = "{priority}"\npreempt_grace = "{seconds}s"\n', f"grace-{seconds}")


def lines(bench: Bench, name: str) -> list[Any]:
    file = bench.workspace / name
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def beat(bench: Bench) -> int:
    file = bench.workspace / "beat"
    return int(file.read_text() or "0") if file.exists() else 0


def goes_on_for(bench: Bench, beats: int) -> bool:
    """It runs, and has for so many of its steps from now on."""
    begin = beat(bench)
    return bool(eventually(lambda: beat(bench) >= begin + beats, 60))


def end(bench: Bench, run: str) -> None:
    bench.cli("kill", run)
    bench.ended(run)


def test_a_hold_that_was_announced_comes_when_the_agent_is_ready_and_it_reads_afterwards_why(bench: Bench) -> None:
    run = detached(bench, TOLD + "@agent.on_pause\ndef keep(pause):\n    note('told', pause.within, pause.why, pause.limit)\n"
                   "    wait('finish')\n    note('kept')\n" + USES_UP + "wait('end')\n", "-p", grace(bench, 600))
    assert eventually(lambda: lines(bench, "told"), 60), bench.daemon.log()
    equal(lines(bench, "told"), [[600.0, "it has used 1010 of 1000 tokens", "tokens"]])
    # Hundreds of looks of the governor pass meanwhile.
    assert goes_on_for(bench, 100) and not frozen_by_kernel(bench, run)
    equal((bench.show(run)["state"], bodies(bench, run, "run-frozen")), ("running", []))
    (bench.workspace / "finish").write_text("")
    assert eventually(lambda: frozen_by_kernel(bench, run), 60), bench.daemon.log()
    equal(lines(bench, "kept"), [[]])
    assert eventually(lambda: bodies(bench, run, "run-frozen"))
    equal(bodies(bench, run, "run-frozen")[0]["reason"], "it has used 1010 of 1000 tokens")
    equal(bench.cli("resume", run).returncode, 0)
    assert eventually(lambda: lines(bench, "resumed"), 60), bench.daemon.log()
    equal(lines(bench, "resumed"), [[True, "it has used 1010 of 1000 tokens", "governor", ""]])
    end(bench, run)


def test_an_agent_that_never_answers_is_frozen_at_the_end_of_its_grace_and_not_before(bench: Bench) -> None:
    run = detached(bench, TOLD + "agent.on_pause(lambda pause: note('told', beat_now()) or False)\n"
                   "def beat_now(): return int(open('beat').read() or '0')\n" + USES_UP + "wait('end')\n", "-p", grace(bench, 5))
    assert eventually(lambda: lines(bench, "told"), 60), bench.daemon.log()
    assert eventually(lambda: frozen_by_kernel(bench, run), 60), bench.daemon.log()
    assert beat(bench) > lines(bench, "told")[0][0], "it went on after it was told"
    equal(bench.cli("resume", run).returncode, 0)
    assert eventually(lambda: lines(bench, "resumed"), 60)
    end(bench, run)


def test_the_emergency_stop_waits_for_no_grace_and_is_told_afterwards(bench: Bench) -> None:
    run = detached(bench, TOLD + "agent.on_pause(lambda pause: note('told') or False)\n"
                   "with agent.critical_section(500) as granted:\n    note('granted', granted)\n    " + USES_UP + "    wait('end')\n",
                   "-p", grace(bench, 600))
    assert eventually(lambda: lines(bench, "told"), 60), bench.daemon.log()
    equal(lines(bench, "granted"), [[500.0]])
    assert goes_on_for(bench, 20)
    stopped = bench.cli("estop")
    equal(stopped.returncode, 0, stopped.stdout + stopped.stderr)
    assert frozen_by_kernel(bench, run), "the emergency stop waits for nothing"
    assert eventually(lambda: bench.show(run)["state"] == "frozen"), bench.daemon.log()
    equal(bench.cli("rearm").returncode, 0)
    assert eventually(lambda: bench.cli("resume", run).returncode == 0, 60)
    assert eventually(lambda: lines(bench, "resumed"), 60)
    equal(lines(bench, "resumed")[0][2], "emergency-stop")
    end(bench, run)


# ---- what a person freezes

LISTENS = TOLD + ("@agent.on_pause\ndef keep(pause):\n    note('told', pause.within, pause.why)\n"
                  "    wait(f\"ready-{len(open('told').readlines())}\")\n"
                  "agent.say('indexing', 40)\nnote('begun')\nwait('end')\n")


def freezing(bench: Bench, run: str) -> subprocess.Popen[str]:
    return subprocess.Popen([bench.program, "freeze", run], env=bench.daemon.environment, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT)


def listening(bench: Bench, seconds: int = 600) -> str:
    run = detached(bench, LISTENS, "-p", grace(bench, seconds))
    assert eventually(lambda: lines(bench, "begun"), 60), bench.daemon.log()
    return run


def pausing(bench: Bench, run: str) -> bool:
    shown = bench.show(run)
    return shown["state"] == "running" and shown["pausing"] is not None


def test_a_persons_freeze_comes_at_the_end_of_a_critical_section_and_is_waited_for(bench: Bench) -> None:
    run = detached(bench, TOLD + "with agent.critical_section(500) as granted:\n    note('inside', granted)\n    wait('finish')\n"
                   "note('over')\nwait('end')\n", "-p", grace(bench, 600))
    assert eventually(lambda: lines(bench, "inside"), 60), bench.daemon.log()
    asked = freezing(bench, run)
    assert eventually(lambda: pausing(bench, run), 60), bench.daemon.log()
    assert goes_on_for(bench, 50) and not frozen_by_kernel(bench, run)
    equal((asked.poll(), bodies(bench, run, "run-frozen")), (None, []))
    (bench.workspace / "finish").write_text("")
    assert eventually(lambda: frozen_by_kernel(bench, run), 60), bench.daemon.log()
    equal((asked.wait(60), asked.communicate()[0]), (0, f"frozen {run}\n"))
    equal(bodies(bench, run, "run-frozen")[0]["by_uid"], 0)
    equal(bench.cli("resume", run).returncode, 0)
    assert eventually(lambda: lines(bench, "resumed"), 60), "it was not told of its resume"
    equal(lines(bench, "resumed")[0][2:], ["person", ""])
    end(bench, run)


def inside_a_section(bench: Bench, redo: str, then: str = "") -> str:
    run = detached(bench, TOLD + f"with agent.critical_section(500, redo={redo}) as granted:\n    note('inside', granted)\n    "
                   f"{then or 'pass'}\n    wait('end')\n", "-p", grace(bench, 600))
    assert eventually(lambda: lines(bench, "inside"), 60), bench.daemon.log()
    equal(lines(bench, "inside"), [[500.0]])
    return run


def test_a_persons_freeze_comes_at_once_in_a_section_in_which_it_loses_less_than_the_wait(bench: Bench) -> None:
    run = inside_a_section(bench, "2")
    equal(bench.cli("freeze", run).stdout, f"frozen {run}\n")
    assert eventually(lambda: frozen_by_kernel(bench, run), 60), bench.daemon.log()
    equal(bodies(bench, run, "run-pausing"), [])
    end(bench, run)


def test_a_persons_freeze_waits_for_no_longer_however_much_an_agent_says_that_it_would_lose(bench: Bench) -> None:
    run = inside_a_section(bench, "1e6")
    asked = freezing(bench, run)
    assert eventually(lambda: pausing(bench, run), 60), bench.daemon.log()
    assert goes_on_for(bench, 20) and not frozen_by_kernel(bench, run)
    assert 0 < bench.show(run)["pausing"]["within_ms"] <= 600_000, bench.show(run)
    # Whoever cannot wait need not.
    equal(bench.cli("freeze", "--now", run).returncode, 0)
    assert eventually(lambda: frozen_by_kernel(bench, run), 60), bench.daemon.log()
    equal(asked.wait(60), 0)
    end(bench, run)


def test_the_governor_holds_a_run_at_once_in_a_section_in_which_that_loses_less_than_the_wait(bench: Bench) -> None:
    run = inside_a_section(bench, "0", USES_UP.strip())
    assert eventually(lambda: frozen_by_kernel(bench, run), 60), bench.daemon.log()
    assert eventually(lambda: bodies(bench, run, "run-frozen"))
    equal(bodies(bench, run, "run-frozen")[0]["reason"], "it has used 1010 of 1000 tokens")
    end(bench, run)


def test_a_persons_freeze_waits_until_the_agent_is_ready_and_comes_at_once_when_it_is_asked_for_again_or_for_now(bench: Bench) -> None:
    run = listening(bench)
    asked = freezing(bench, run)
    assert eventually(lambda: lines(bench, "told"), 60), bench.daemon.log()
    # What is left when the log has it.
    assert 500 < lines(bench, "told")[0][0] <= 600 and lines(bench, "told")[0][1] == "a person pauses it", lines(bench, "told")
    assert goes_on_for(bench, 20) and not frozen_by_kernel(bench, run)
    shown = bench.show(run)
    assert 500_000 < shown["pausing"]["within_ms"] <= 600_000 and shown["pausing"]["by_uid"] == 0, shown
    assert "pausing, in " in bench.cli("ps").stdout and '40 %: indexing"' in bench.cli("show", run).stdout
    (bench.workspace / "ready-1").write_text("")
    assert eventually(lambda: frozen_by_kernel(bench, run), 60), bench.daemon.log()
    equal(asked.wait(60), 0)
    equal(bench.cli("resume", run).returncode, 0)
    patient = freezing(bench, run)
    assert eventually(lambda: len(lines(bench, "told")) == 2, 60), bench.daemon.log()
    equal(bench.cli("freeze", run).returncode, 0)
    assert eventually(lambda: frozen_by_kernel(bench, run), 60), "the second one waits for nothing"
    equal(patient.wait(60), 0)
    equal(bench.cli("resume", run).returncode, 0)
    equal(bench.cli("freeze", "--now", run).stdout, f"frozen {run}\n")
    assert eventually(lambda: frozen_by_kernel(bench, run), 60), "who wants it now waits for nothing"
    equal((len(lines(bench, "told")), len(bodies(bench, run, "run-pausing"))), (2, 2))
    end(bench, run)


def test_a_persons_freeze_of_an_agent_that_never_is_ready_comes_at_the_end_of_its_grace_and_not_before(bench: Bench) -> None:
    run = listening(bench, 5)
    equal(bench.cli("freeze", run).returncode, 0)
    assert eventually(lambda: frozen_by_kernel(bench, run), 60), bench.daemon.log()
    moments = {kind: at for kind, at in times(bench, run)}
    waited = (moments["run-frozen"] - moments["run-pausing"]).total_seconds()
    assert waited > 4.99, f"it was frozen after {waited} s"
    equal([why for _, why in lines(bench, "told")], ["a person pauses it"])
    end(bench, run)


def times(bench: Bench, run: str) -> list[tuple[str, datetime]]:
    lines_of_log = (json.loads(line) for line in bench.cli("log", run, "--json").stdout.splitlines())
    return [(line["kind"], datetime.fromisoformat(line["at"].replace("Z", "+00:00"))) for line in lines_of_log]


def test_a_persons_freeze_that_is_taken_back_never_comes_and_the_agent_and_who_waits_are_told(bench: Bench) -> None:
    run = listening(bench)
    asked = freezing(bench, run)
    assert eventually(lambda: lines(bench, "told"), 60), bench.daemon.log()
    equal(bench.cli("resume", run).stdout, f"resumed {run}\n")
    said = asked.communicate(timeout=60)[0]
    equal(asked.returncode, 1, said)
    assert "somebody let it go on before" in said, said
    # One callback after the other: the first is still at it.
    (bench.workspace / "ready-1").write_text("")
    assert eventually(lambda: lines(bench, "resumed"), 60), bench.daemon.log()
    equal(lines(bench, "resumed"), [[False, "", "person", "a person lets it go on"]])
    assert goes_on_for(bench, 50) and not frozen_by_kernel(bench, run)
    equal((bench.show(run)["pausing"], bodies(bench, run, "run-frozen")), (None, []))
    end(bench, run)


def test_who_no_longer_waits_for_a_freeze_leaves_it_to_come(bench: Bench) -> None:
    run = listening(bench)
    asked = freezing(bench, run)
    assert eventually(lambda: pausing(bench, run), 60), bench.daemon.log()

    # Before it waits, a Ctrl-C ends it as it ends any program.
    def is_watching() -> bool:
        caught = next(line for line in Path(f"/proc/{asked.pid}/status").read_text().splitlines() if line.startswith("SigCgt"))
        return bool(int(caught.split()[1], 16) & 1 << signal.SIGINT - 1)

    assert eventually(is_watching, 60)
    asked.send_signal(signal.SIGINT)
    said = asked.communicate(timeout=60)[0]
    equal(asked.returncode, 130, said)
    assert f"'ringfence resume {run}' takes that back" in said, said
    assert pausing(bench, run)
    (bench.workspace / "ready-1").write_text("")
    assert eventually(lambda: frozen_by_kernel(bench, run), 60), bench.daemon.log()
    end(bench, run)


def test_the_emergency_stop_freezes_at_once_what_a_person_was_pausing_and_is_who_holds_it(bench: Bench) -> None:
    run = listening(bench)
    asked = freezing(bench, run)
    assert eventually(lambda: pausing(bench, run), 60), bench.daemon.log()
    stopped = bench.cli("estop")
    equal(stopped.returncode, 0, stopped.stdout + stopped.stderr)
    assert frozen_by_kernel(bench, run), "the emergency stop waits for nothing"
    equal(asked.wait(60), 0)
    equal((bench.show(run)["held"]["by"], bench.show(run)["pausing"]), ("emergency stop", None))
    equal(bench.cli("rearm").returncode, 0)
    assert eventually(lambda: bench.cli("resume", run).returncode == 0, 60)
    assert goes_on_for(bench, 20) and not frozen_by_kernel(bench, run)
    end(bench, run)


def test_a_daemon_that_was_killed_while_a_freeze_waited_has_it_done_when_it_is_back(bench: Bench) -> None:
    run = listening(bench)
    asked = freezing(bench, run)
    assert eventually(lambda: bodies(bench, run, "run-pausing"), 60), bench.daemon.log()
    bench.daemon.kill_daemon()
    assert goes_on_for(bench, 20) and not frozen_by_kernel(bench, run)
    said = asked.communicate(timeout=60)[0]
    equal(asked.returncode, 3, said)
    bench.daemon.start()
    assert eventually(lambda: frozen_by_kernel(bench, run), 60), bench.daemon.log()
    assert eventually(lambda: bodies(bench, run, "run-frozen"), 60)
    equal([(fact["by_uid"], fact["reason"]) for fact in bodies(bench, run, "run-frozen")], [(0, "asked")])
    equal(bench.show(run)["held"]["by"], "person")
    equal(bench.cli("resume", run).returncode, 0)
    assert goes_on_for(bench, 20)
    end(bench, run)


def test_a_critical_section_puts_off_a_hold_of_the_governor_until_it_is_over(bench: Bench) -> None:
    run = detached(bench, TOLD.replace("agent.on_resume", "(lambda call: None)") +
                   "with agent.critical_section(600) as granted:\n    " + USES_UP + "    note('reported', granted)\n    wait('finish')\n"
                   "note('over')\nwait('end')\n", "-p", grace(bench, 600))
    assert eventually(lambda: lines(bench, "reported"), 60), bench.daemon.log()
    assert eventually(lambda: bench.show(run)["usage"]["tokens"] == 1010)
    # The governor looks ten times a second while something may grow, and once where nothing does.
    assert goes_on_for(bench, 200) and not frozen_by_kernel(bench, run)
    equal(bodies(bench, run, "run-frozen"), [])
    (bench.workspace / "finish").write_text("")
    assert eventually(lambda: frozen_by_kernel(bench, run), 60), bench.daemon.log()
    end(bench, run)


def test_a_pause_whose_reason_is_over_before_it_comes_is_taken_back_and_never_comes(bench: Bench) -> None:
    run = detached(bench, TOLD + "held, filled = [], threading.Event()\n@agent.on_pause\ndef free(pause):\n    note('told', pause.limit)\n"
                   "    filled.wait()\n    held.clear()\n    return False\n"  # on a slow machine it is told before all is there
                   "import mmap\nheld.append(mmap.mmap(-1, 475 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))\n"  # given back as a whole, which an allocator does at its leisure
                   "for page in range(0, 475 << 20, 4096): held[0][page] = 1\nfilled.set()\nwait('end')\n", "-p",
                   # A pause from 461 MiB on, and far from what the interpreter itself may need up to the kernel's own limit.
                   grace(bench, 600, 'memory = "512MiB"\non_limit = "pause"'))
    assert eventually(lambda: lines(bench, "resumed"), 100), (bench.daemon.log(), lines(bench, "told"))
    equal(lines(bench, "told")[0], ["memory"])
    equal(lines(bench, "resumed")[0], [False, "", "governor", "what it was to be paused for is over"])
    assert goes_on_for(bench, 20)
    equal(bodies(bench, run, "run-frozen"), [])
    end(bench, run)


def test_what_a_person_denies_and_what_it_puts_in_place_of_something_is_told(bench: Bench) -> None:
    run = detached(bench, "agent.on_override(lambda o: open('told', 'a').write(json.dumps([o.op, o.outcome, o.by, o.say, o.path]) + '\\n'))\n"
                   f"wait('go')\nfor name in ('first', 'second'):\n    try: open('{bench.daemon.base}/asked/' + name, 'w').write('x')\n"
                   "    except OSError as wrong: print(type(wrong).__name__, flush=True)\nwait('end')\n", "-p", asking_policy(bench))
    client = client_of(bench)
    (bench.workspace / "go").write_text("")
    first = eventually(lambda: client.pending(), 60)[0]
    client.deny(first, "not while I am away")
    assert eventually(lambda: len(lines(bench, "told")) == 1, 60), bench.daemon.log()
    equal(lines(bench, "told")[0], ["write", "denied", "person", "not while I am away", None])
    second = eventually(lambda: client.pending(), 60)[0]
    instead = str(bench.workspace / "instead")
    equal(bench.cli("rewrite", str(second.id), "--path", instead).returncode, 0)
    assert eventually(lambda: len(lines(bench, "told")) == 2, 60), bench.daemon.log()
    equal(lines(bench, "told")[1], ["write", "rewritten", "person", "", instead])
    assert eventually(lambda: Path(instead).exists() and Path(instead).read_text() == "x", 60)
    (bench.workspace / "end").write_text("")
    equal(bench.ended(run)["code"], 0)


def test_what_a_long_work_has_done_of_it_is_shown_with_the_agents_words(bench: Bench) -> None:
    run = detached(bench, "agent.say('indexing', 40)\nopen('said', 'w')\nwait('end')\n")
    assert eventually(lambda: (bench.workspace / "said").exists(), 60)
    equal(bench.show(run)["agent_says"]["text"], "40 %: indexing")
    end(bench, run)


def test_after_a_daemon_that_was_killed_an_agent_listens_again(bench: Bench) -> None:
    run = detached(bench, TOLD + "note('ready')\nwait('end')\n")
    assert eventually(lambda: lines(bench, "ready"), 60)
    bench.daemon.kill_daemon()
    bench.daemon.start()
    assert eventually(lambda: bench.show(run)["state"] == "running", 60), bench.daemon.log()

    def told() -> bool:
        equal(bench.cli("freeze", run).returncode, 0)
        equal(bench.cli("resume", run).returncode, 0)
        return bool(eventually(lambda: lines(bench, "resumed"), 2))

    # It connects again within moments, and nobody knows when.
    assert eventually(told, 60), bench.daemon.log()
    end(bench, run)


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
