#!/usr/bin/env python3
"""Detached runs, control, and looking: what people and scripts read.

    cli_verbs_test.py BUILD [TEST…]
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import SOURCE, Daemon, eventually, is_alive  # noqa: E402


# ---- detached runs ---------------------------------------------------------------------------------------------------


def test_detach_prints_the_run_alone_and_logs_has_its_output(bench: Bench) -> None:
    result = bench.sh("echo one; sleep 0.3; echo two >&2; exit 3", "-d")
    equal(result.returncode, 0, result.stderr)
    assert re.fullmatch(r"r-[0-9a-f]{16}\n", result.stdout), result.stdout
    run = result.stdout.strip()
    followed = bench.cli("logs", "-f", run)
    equal(followed.stdout, "one\ntwo\n", followed.stderr)
    equal(bench.ended(run), {"code": 3})
    equal(bench.cli("logs", run).stdout, "one\ntwo\n")
    lines = [json.loads(line) for line in bench.cli("logs", "--json", run).stdout.splitlines()]
    equal(b"".join(base64.b64decode(line["output_raw"]) for line in lines if "output" in line), b"one\ntwo\n")
    equal(lines[-1], {"ended": True})


def test_logs_on_a_terminal_escape_what_the_agent_wrote(bench: Bench) -> None:
    run = bench.detached(r"printf 'a\033]0;title\007b\n'")
    bench.ended(run)
    with bench.terminal("logs", run) as terminal:
        terminal.expect(re.escape("a\\x1b]0;title\\x07b"))
        equal(terminal.wait(), 0)
        assert "\x1b]0" not in terminal.seen
    equal(bench.cli("logs", run).stdout, "a\x1b]0;title\x07b\n")


def test_attach_to_a_detached_run_follows_it_to_its_status(bench: Bench) -> None:
    run = bench.detached("echo ready; while [ ! -e go ]; do sleep 0.05; done; echo done; exit 12")
    attached = subprocess.Popen([bench.program, "attach", run], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                                cwd=bench.workspace, env=bench.daemon.environment)
    assert attached.stdout is not None
    equal(attached.stdout.readline(), b"ready\n")
    (bench.workspace / "go").touch()
    output, _ = attached.communicate(timeout=20)
    equal((output, attached.returncode), (b"done\n", 12))


def test_a_hook_planted_where_none_could_be_held_is_listed_at_the_end(bench: Bench) -> None:
    quiet = bench.sh("true")
    equal((quiet.returncode, quiet.stderr), (0, ""))
    planted = bench.sh("mkdir -p .git/hooks && echo evil > .git/hooks/pre-commit")
    equal(planted.returncode, 0, planted.stderr)
    assert "look before you use" in planted.stderr and "/.git/hooks (" in planted.stderr, planted.stderr
    assert (bench.workspace / ".git" / "hooks" / "pre-commit").exists()  # The attempt was real.
    end = bench.daemon.json("log", bench.last_ended())[-1]
    assert "/.git/hooks" in end["body"]["note"], end


def test_names_that_are_held_get_into_no_commit(bench: Bench) -> None:
    git = "git -c user.name=a -c user.email=a@example.org -c init.defaultBranch=main"
    subprocess.run(f"{git} init -q && touch mine && {git} add . && {git} commit -qm first", shell=True, cwd=bench.workspace, check=True)
    inside = bench.sh(f"ls -A; touch new; git status --porcelain; git add -A && {git} commit -qm second && git show --stat --format=")
    equal(inside.returncode, 0, inside.stderr)
    assert ".envrc" in inside.stdout.split("?? new")[0], inside.stdout  # It is there while the run lasts,
    assert ".envrc" not in inside.stdout.split("?? new")[1], inside.stdout  # and git does not see it.
    left = subprocess.run(["git", "-c", "safe.directory=*", "status", "--porcelain"], cwd=bench.workspace, capture_output=True, text=True)
    equal((left.returncode, left.stdout), (0, ""), left.stderr)
    assert not (bench.workspace / ".envrc").exists()


def test_what_holds_names_for_one_run_is_not_in_the_way_of_another(bench: Bench) -> None:
    first = bench.detached("sleep 60")
    assert (bench.workspace / ".ringfence.toml").is_socket()  # Held, as the project has no policy of its own.
    second = bench.sh("echo works")
    equal((second.returncode, second.stdout), (0, "works\n"), second.stderr)
    equal(bench.cli("kill", first).returncode, 0)
    bench.ended(first)
    assert eventually(lambda: not (bench.workspace / ".ringfence.toml").exists(), 30)


# ---- control and looking ---------------------------------------------------------------------------------------------


def frozen_in_kernel(bench: Bench, run: str) -> list[str]:
    """The `frozen` values of the v2 group of the run's agent, as the kernel says them."""
    values = []
    for group in bench.daemon.groups():
        for events in Path(group).rglob("cgroup.events"):
            if run in events.parts and events.parent.name == "agent":
                values += re.findall(r"frozen (\d)", events.read_text())
    return values


def test_freeze_holds_the_run_in_the_kernel_and_resume_lets_go(bench: Bench) -> None:
    run = bench.detached("while :; do date +%s%N > beat; sleep 0.02; done")
    assert eventually((bench.workspace / "beat").exists, 60)
    result = bench.cli("freeze", run)
    equal(result.returncode, 0, result.stderr)
    equal(result.stdout, f"frozen {run}\n")
    assert eventually(lambda: frozen_in_kernel(bench, run) == ["1"]), frozen_in_kernel(bench, run)
    before = (bench.workspace / "beat").read_text()
    time.sleep(0.3)
    equal((bench.workspace / "beat").read_text(), before, "something ran while frozen")
    equal(bench.show(run)["state"], "frozen")
    equal(bench.daemon.json("resume", run)["run"], run)
    assert eventually(lambda: frozen_in_kernel(bench, run) == ["0"])
    assert eventually(lambda: (bench.workspace / "beat").read_text() != before, 60)
    bench.cli("kill", run)
    bench.ended(run)


def test_stop_and_kill_end_runs_by_id_by_name_and_all(bench: Bench) -> None:
    polite = bench.detached('trap "exit 17" TERM; touch armed; while :; do sleep 0.05; done', "-n", "polite")
    assert eventually((bench.workspace / "armed").exists, 60)
    equal(bench.cli("stop", "polite").returncode, 0)
    equal(bench.ended(polite), {"code": 17})
    first, second = bench.detached("sleep 1000"), bench.detached("sleep 1000")
    result = bench.cli("kill", first)
    equal(result.stdout, f"killed {first}\n", result.stderr)
    equal(bench.ended(first)["signal"], 9)
    equal(bench.cli("kill", "--all").stdout, f"killed {second}\n")
    equal(bench.ended(second)["signal"], 9)
    missing = bench.cli("kill", "r-0000000000000000")
    equal(missing.returncode, 1)
    assert "r-0000000000000000" in missing.stderr, missing.stderr


def test_ps_show_and_usage_have_the_shapes_of_the_contract(bench: Bench) -> None:
    run = bench.detached("sleep 1000", "-n", "sleeper")
    shown = bench.show(run)
    for field in ("id", "name", "state", "exit", "uid", "pid", "command", "workspace", "policy", "started", "weakened", "walls", "usage"):
        assert field in shown, f"no {field} in {shown}"
    equal((shown["id"], shown["name"], shown["state"], shown["exit"]), (run, "sleeper", "running", None))
    equal(shown["command"], ["/bin/sh", "-c", "sleep 1000"])
    equal(shown["workspace"], str(bench.workspace))
    equal(shown["policy"]["name"], "coding")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", shown["started"]), shown["started"]
    assert isinstance(shown["pid"], int) and is_alive(shown["pid"]) and shown["uid"] != 0, shown
    equal(sorted(wall["wall"] for wall in shown["walls"]),
          ["cgroup", "ipc", "landlock", "limits", "mount", "net", "pid", "privileges", "seccomp", "uts"])
    assert all(wall["up"] is True and wall["proved"] in ("read", "probe") for wall in shown["walls"]), shown["walls"]
    equal(set(shown["usage"]), {"cpu_usec", "memory_bytes", "memory_peak_bytes", "pids", "io_read_bytes", "io_write_bytes",
                                "npu_usec", "gpu_usec", "energy_uj", "tokens", "anonymous_bytes", "network_sent_bytes", "network_received_bytes",
                                "pressure", "cost_usd", "cost_estimated", "cost_incomplete", "budgets"})
    equal(set(shown["usage"]["pressure"]), {"cpu_usec", "memory_usec", "io_usec"})
    equal((shown["usage"]["cost_usd"], shown["usage"]["cost_estimated"], shown["usage"]["budgets"]), (None, False, []))
    equal(shown["usage"]["energy_uj"], None)  # unknown is said, and is not zero
    numbers = {**shown["usage"], **shown["usage"]["pressure"], "pressure": None, "budgets": None}
    assert all(value is None or isinstance(value, int) for value in numbers.values()), shown["usage"]
    assert shown["usage"]["pids"] and shown["usage"]["cpu_usec"] is not None, shown["usage"]
    equal([line["id"] for line in bench.daemon.json_runs()], [run])
    row = bench.daemon.json("usage", run)
    equal((row["run"], row["name"], row["state"]), (run, "sleeper", "running"))
    table = bench.cli("ps").stdout.splitlines()
    assert table[0].startswith("RUN ") and run in table[1] and "sleeper" in table[1], table
    page = bench.cli("show", "sleeper").stdout
    assert "landlock" in page and "DOWN" not in page and "\x1b" not in page, page
    bench.cli("kill", run)
    bench.ended(run)
    equal(bench.cli("ps").stdout.count("\n"), 1)
    assert run in bench.cli("ps", "-a").stdout


def cpu_told_by_the_kernel(bench: Bench, run: str) -> int:
    """Microseconds of the run's groups, of the hierarchy that has counted most."""
    told = []
    for group in bench.daemon.groups():
        for stat in Path(group).rglob("cpu.stat"):
            if stat.parent.name == run:
                told += [int(usec) for usec in re.findall(r"^usage_usec (\d+)", stat.read_text(), re.M)]
        for total in Path(group).rglob("cpuacct.usage"):
            if total.parent.name == run:
                told.append(int(total.read_text()) // 1000)
    assert told, f"no hierarchy counts the processor time of {run}"
    return max(told)


def test_usage_of_a_run_that_burns_is_what_the_kernel_counts_and_the_machine_follows(bench: Bench) -> None:
    run = bench.detached("while :; do :; done")
    assert eventually(lambda: cpu_told_by_the_kernel(bench, run) > 1_000_000, 100)
    bench.cli("freeze", run)
    before = cpu_told_by_the_kernel(bench, run)
    lines = bench.daemon.json("usage")
    after = cpu_told_by_the_kernel(bench, run)
    equal([line.get("run") for line in lines], [run, None, None])
    used = lines[0]["usage"]
    # The groups around the agent's own also hold what made its walls.
    assert 0.9 * before <= used["cpu_usec"] <= after, (before, used, after)
    assert used["anonymous_bytes"] is None or 0 < used["anonymous_bytes"] <= used["memory_bytes"], used
    device = lines[2]["device"]
    equal(set(device), {"cpus", "cpu_busy_usec", "memory_total_bytes", "memory_available_bytes", "pressure", "energy",
                        "accelerators", "battery"})
    equal(device["cpus"], os.sysconf("SC_NPROCESSORS_ONLN"))
    memory = dict(re.findall(r"^(\w+): +(\d+) kB", Path("/proc/meminfo").read_text(), re.M))
    equal(device["memory_total_bytes"], int(memory["MemTotal"]) * 1024)
    assert 0 < device["memory_available_bytes"] < device["memory_total_bytes"], device
    assert device["cpu_busy_usec"] > 1_000_000, device
    equal((lines[1]["uid"], lines[1]["tokens"]), (os.getuid(), None))
    assert 0 < lines[1]["wall_time_ms"] < 1_000_000, lines[1]
    if not list(Path("/sys/class/powercap").glob("*/energy_uj")):
        equal(device["energy"], None)
    assert "machine " in bench.cli("usage").stdout
    equal(bench.daemon.json("usage", run)["run"], run)


def test_usage_since_an_age_is_a_series_that_grows_and_has_the_run_alone(bench: Bench) -> None:
    other = bench.detached("sleep 1000")
    run = bench.detached("while :; do :; done")

    def series() -> list[dict]:
        told = bench.daemon.json("usage", run, "--since", "10m")
        return told if isinstance(told, list) else [told]

    assert eventually(lambda: len(series()) >= 3, 100), series()
    told = series()
    equal({line["run"] for line in told}, {run})
    equal(sorted(line["at"] for line in told), [line["at"] for line in told])
    assert all(line["seconds"] == 1 and line["memory_min"] <= line["memory_mean"] <= line["memory_max"] for line in told), told
    used = [line["cpu_usec"] for line in told]
    assert used == sorted(used) and used[0] < used[-1] <= cpu_told_by_the_kernel(bench, run), used
    table = bench.cli("usage", run, "--since", "10m").stdout.splitlines()
    assert table[0].split()[:3] == ["RUN", "AT", "SECONDS"] and len(table) > 3, table
    assert all(line.split()[0] == run for line in table[1:]), table
    assert other in bench.cli("usage", "--since", "10m").stdout
    equal(bench.cli("usage", "--since", "7").returncode, 2)
    missing = bench.cli("usage", "r-0000000000000000", "--since", "10m")
    equal((missing.returncode, missing.stdout), (1, ""))
    assert not {"sample", "usage"} & set(bench.kinds(run)), bench.kinds(run)
    equal(bench.cli("verify").returncode, 0)


def test_usage_since_is_there_after_a_restart_and_after_the_run(bench: Bench) -> None:
    run = bench.detached("while :; do :; done")

    def starts() -> list[str]:
        return [json.loads(line)["at"] for line in bench.cli("usage", run, "--since", "10m", "--json").stdout.splitlines()]

    assert eventually(lambda: len(starts()) >= 2, 100), starts()
    bench.daemon.kill_daemon()
    bench.daemon.start()
    before = starts()
    assert len(before) >= 2, before
    assert eventually(lambda: len(starts()) > len(before), 100), "nothing is kept after the restart"
    equal(starts()[:len(before)], before)
    bench.cli("kill", run)
    bench.ended(run)
    equal(starts()[:len(before)], before)
    assert run in bench.cli("usage", "--since", "10m").stdout
    equal(bench.cli("usage", "--since", "2100-01-01T00:00:00Z").stdout.count(run), 0)


def test_hostile_names_are_escaped_wherever_they_are_shown(bench: Bench) -> None:
    run = bench.detached("sleep 1000 # \x1b[2J\u202e", "-n", "evil\x1b]0;x\x07")
    for args in (["ps"], ["show", run], ["usage"], ["log"]):
        output = bench.cli(*args).stdout
        assert output and "\x1b" not in output and "\u202e" not in output and "\x07" not in output, (args, output)
    assert "name_raw" in bench.show(run) and "command_raw" in bench.show(run)
    for args in (["ps"], ["show", run], ["log", run]):
        output = bench.cli(*args, "--json").stdout
        assert output and not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", output), (args, output)
    admitted = json.loads(bench.cli("log", run, "--json").stdout.splitlines()[0])["body"]
    equal((admitted["name"], admitted["command"][2]), ("evil\x1b]0;x\x07", "sleep 1000 # \x1b[2J\u202e"))
    bench.cli("kill", run)
    bench.ended(run)


def test_the_log_is_ordered_and_its_chain_verifies(bench: Bench) -> None:
    equal(bench.sh("exit 2").returncode, 2)
    run = bench.last_ended()
    lines = bench.daemon.json("log")
    numbers = [line["seq"] for line in lines]
    equal(numbers, list(range(1, len(numbers) + 1)))
    assert all(isinstance(line["body"], dict) and line["hash"] and line["kind"] for line in lines), lines[0]
    kinds = [line["kind"] for line in bench.daemon.json("log", run)]
    assert kinds[0] == "run-admitted" and "run-started" in kinds and kinds[-1] == "run-ended", kinds
    assert all(line["run"] == run for line in bench.daemon.json("log", run))
    equal(bench.daemon.json("log", "--since", str(numbers[-3]))[0]["seq"], numbers[-2])
    equal(len(bench.daemon.json("log", "--since", "1h")), len(lines))
    equal(bench.cli("log", "--since", "yesterday").returncode, 2)
    verified = bench.daemon.json("verify")
    assert verified["ok"] is True and verified["facts"] >= len(lines) and verified["head"], verified
    equal(bench.cli("verify", "--against", verified["head"]).returncode, 0)
    equal(bench.cli("verify", "--against", "f" * 64).returncode, 1)


def test_log_follows_what_happens(bench: Bench) -> None:
    follower = subprocess.Popen([bench.program, "log", "-f", "--json"], stdout=subprocess.PIPE, cwd=bench.workspace,
                                env=bench.daemon.environment, text=True)
    assert follower.stdout is not None
    equal(json.loads(follower.stdout.readline())["seq"], 1)
    bench.sh("exit 0")
    for line in follower.stdout:
        if json.loads(line)["kind"] == "run-ended":
            break
    follower.terminate()
    follower.wait(10)
    follower.stdout.close()


def test_doctor_answers_with_and_without_the_daemon(bench: Bench) -> None:
    for env in ({}, {"RINGFENCE_SOCKET": str(bench.daemon.base / "nobody.sock")}):
        result = bench.cli("doctor", "--json", env=env)
        assert result.returncode in (0, 1), result.stderr
        report = json.loads(result.stdout)
        for field in ("kernel", "landlock_abi", "cgroup", "seccomp", "checks"):
            assert field in report, f"no {field} in {report}"
        assert report["cgroup"]["layout"] in ("unified", "hybrid")
        assert all(set(check) >= {"name", "ok", "detail"} for check in report["checks"])
        assert bench.cli("doctor", env=env).stdout.strip()


def test_doctor_measures_how_well_the_person_is_protected_and_keeps_it(bench: Bench) -> None:
    env = {"HOME": str(bench.daemon.base), "XDG_STATE_HOME": str(bench.daemon.base / "kept")}
    assert json.loads(bench.cli("doctor", "--json", env=env).stdout)["protection"] is None
    measured = json.loads(bench.cli("doctor", "--measure", "--json", env=env).stdout)["protection"]
    assert measured["factor"] > 0 and measured["uncontrolled"] > 0 and 0 <= measured["agent_share"] <= 1, measured
    equal(measured["kernel"], os.uname().release)
    # The agent that worked so hard is gone; a measurement that something disturbed is not kept.
    equal([run["name"] for run in bench.daemon.json_runs() if run["state"] not in ("ended",)], [])
    shown = json.loads(bench.cli("doctor", "--json", env=env).stdout)["protection"]
    equal(shown, None if measured["disturbed"] else measured)


def test_policies_can_be_looked_at_without_the_daemon(bench: Bench) -> None:
    env = {"RINGFENCE_SOCKET": str(bench.daemon.base / "nobody.sock")}
    schema = bench.cli("policy", "schema", env=env)
    equal(schema.returncode, 0, schema.stderr)
    assert "properties" in json.loads(schema.stdout)
    (bench.workspace / "bad.toml").write_text("schema = 1\nnam = 1\n")
    equal(bench.cli("policy", "check", "./bad.toml", env=env).returncode, 6)


def test_an_edited_policy_counts_for_the_next_run_and_a_broken_edit_leaves_the_last_good_one_in_force(bench: Bench) -> None:
    folder = bench.daemon.base / "policies"
    folder.mkdir()
    mine = folder / "mine.toml"
    text = 'schema = 1\nname = "mine"\nextends = ["coding"]\n[environment]\nset = { EDITION = "%s" }\n'
    mine.write_text(text % "first")
    with Daemon(bench.daemon.bin.parent, policies=[SOURCE / "policy" / "profiles", folder]) as daemon:

        def edition() -> subprocess.CompletedProcess[str]:
            return daemon.cli("run", "-p", "mine", "-w", str(bench.workspace), "--", "sh", "-c", "echo $EDITION")

        equal(edition().stdout, "first\n")
        mine.write_text(text % "second")
        equal(edition().stdout, "second\n")
        mine.write_text(text.replace("extends", "extend") % "third")
        kept = edition()
        equal((kept.stdout, kept.returncode), ("second\n", 0), kept.stderr)
        for said in (kept.stderr, daemon.log(), daemon.cli("doctor").stdout):
            assert "mine.toml:3:1: unknown key `extend`" in said and "last good version stays in force" in said, said
        equal(daemon.cli("doctor").returncode, 1)
        daemon.kill_daemon()
        daemon.start()
        refused = edition()
        equal((refused.returncode, refused.stdout), (6, ""), refused.stderr)
        assert "mine.toml:3:1" in refused.stderr and "^" in refused.stderr, refused.stderr
        mine.write_text(text % "fourth")
        equal(edition().stdout, "fourth\n")


def test_what_the_system_locks_is_not_given_by_hand_and_a_grant_that_ended_is_said(bench: Bench) -> None:
    folder = bench.daemon.base / "policies"
    folder.mkdir()
    (folder / "base.toml").write_text('lock = ["network.allow", "files.write"]\n')
    (folder / "mine.toml").write_text('extends = ["offline"]\n[[grant]]\nop = "call"\ntarget = "deploy"\nuntil = "2001-01-01T00:00:00Z"\n')
    with Daemon(bench.daemon.bin.parent, policies=[SOURCE / "policy" / "profiles", folder]) as daemon:

        def run(*options: str) -> subprocess.CompletedProcess[str]:
            return daemon.cli("run", "-p", "mine", "-w", str(bench.workspace), *options, "--", "true")

        for option, value, key in (("--allow-host", "example.org", "network.allow"), ("--write", str(daemon.base), "files.write")):
            refused = run(option, value)
            equal(refused.returncode, 4, refused.stderr)
            assert f"{option} cannot be given: the system locks `{key}` at {folder}/base.toml:1" in refused.stderr, refused.stderr
        started = run("--read", "/usr/share")
        equal(started.returncode, 0, started.stderr)
        assert f"note: {folder}/mine.toml:4: this grant ended at 2001-01-01T00:00:00Z" in started.stderr, started.stderr


def test_ps_fits_the_terminal_and_shows_what_is_weakened(bench: Bench) -> None:
    (bench.workspace / "weak.toml").write_text('schema = 1\nname = "weak"\nextends = ["coding"]\n[walls]\nlandlock = "off"\n')
    run = bench.detached("sleep 1000 # " + "x" * 200, "-n", "n" * 60, "-p", "./weak.toml")
    with bench.terminal("ps", columns=80) as terminal:
        equal(terminal.wait(), 0)
        lines = [line for line in terminal.seen.splitlines() if line.strip()]
        equal(len(lines), 2, lines)
        assert all(len(line) <= 80 for line in lines) and "weakened" in lines[1] and run in lines[1], lines
    bench.cli("kill", run)
    bench.ended(run)


def test_runs_of_others_do_not_exist_for_another_user(bench: Bench) -> None:
    run = bench.detached("sleep 1000", "-n", "private")

    def as_nobody(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", bench.program, *args], env=bench.daemon.environment,
                              capture_output=True, text=True, timeout=60, cwd="/")

    listed = as_nobody("ps", "-a", "--json")
    equal((listed.returncode, listed.stdout), (0, ""), listed.stderr)
    for verb in ("show", "freeze", "kill", "logs", "attach"):
        for name in (run, "private"):
            result = as_nobody(verb, name)
            equal(result.returncode, 1, (verb, result.stderr))
            unknown = as_nobody(verb, "r-0000000000000000" if name == run else "unknown")
            equal(result.stderr.replace(name, "X"), unknown.stderr.replace("r-0000000000000000", "X").replace("unknown", "X"),
                  "the answer tells that the run exists")
    equal(as_nobody("kill", "--all").stdout, "")
    assert run not in as_nobody("log").stdout
    equal(bench.show(run)["state"], "running")
    bench.cli("kill", run)
    bench.ended(run)


def test_a_run_as_a_user_has_that_users_rights(bench: Bench) -> None:
    os.chown(bench.workspace, 65534, 65534)
    result = bench.sh("id -u; touch mine", "--as", "nobody")
    equal((result.stdout, result.returncode), ("65534\n", 0), result.stderr)
    equal((bench.workspace / "mine").stat().st_uid, 65534)
    equal(bench.sh("true", "--as", "no-such-user").returncode, 2)
    equal(bench.sh("true", "--as", "root").returncode, 2)


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
