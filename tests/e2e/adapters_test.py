#!/usr/bin/env python3
"""Adapters in real fences: agents that follow the contract of Claude Code as its users see it, and an agent whose hook is
deleted, crashes or is never called: the walls hold, and somebody is told.

    adapters_test.py BUILD [TEST…]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.e2e.agent_socket_test import policy  # noqa: E402
from tests.e2e.hook_test import TOOLS  # noqa: E402
from tests.support.accounts import Accounts  # noqa: E402
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402
from tests.support.daemon import SOURCE, eventually  # noqa: E402
from tests.support.terminal import Terminal  # noqa: E402

SHIPPED = SOURCE / "policy" / "adapters"

# Its words are steps. Hooks are read when it starts, a hook that fails or says nothing lets it go on, and only a no stops
# a tool: as the real one does.
AGENT = r'''#!/usr/bin/python3
import json, os, subprocess, sys, time

path = os.path.expanduser("~/.claude/settings.json")
try:
    with open(path) as file:
        hooks = json.load(file).get("hooks", {})
except (OSError, ValueError):
    hooks = {}


def call(name, **fields):
    event = json.dumps({"session_id": "s", "cwd": os.getcwd(), "hook_event_name": name, **fields})
    for hook in [one for group in hooks.get(name, []) for one in group["hooks"]]:
        try:
            done = subprocess.run(hook["command"], shell=True, input=event, capture_output=True, text=True, timeout=hook["timeout"])
            answer = json.loads(done.stdout or "{}") if done.returncode == 0 else {}
        except (subprocess.TimeoutExpired, ValueError):
            continue
        if done.returncode == 2:
            return done.stderr
        said = answer.get("hookSpecificOutput", {})
        if said.get("permissionDecision") == "deny":
            return said["permissionDecisionReason"]
    return None


def tool(name, **given):
    refused = call("PreToolUse", tool_name=name, tool_input=given, tool_use_id="call_0")
    if refused is not None:
        print(f"{name} refused: {refused}", flush=True)
    elif name == "Bash":
        done = subprocess.run(["sh", "-c", given["command"]], capture_output=True, text=True)
        print(f"{name} {done.returncode}: {(done.stdout + done.stderr).strip()}", flush=True)
    else:
        print(f"{name} done", flush=True)


print("began", *sys.argv[1:], flush=True)
for step in sys.argv[1:]:
    verb, _, rest = step.partition(":")
    if verb == "begin":
        call("SessionStart", source="startup")
    elif verb == "bash":
        tool("Bash", command=rest)
    elif verb == "use":
        tool(rest)
    elif verb == "forget":
        hooks = {}
        os.unlink(path)
    elif verb == "work":
        until = time.monotonic() + float(rest)
        while time.monotonic() < until:
            sum(range(10000))
    elif verb == "tools":
        for number in range(int(rest)):  # of different lengths, so that nobody who looks now and then always comes in between
            tool("Bash", command=f"sleep {0.7 + number % 4 * 0.3:.1f}")
            until = time.monotonic() + 0.3
            while time.monotonic() < until:
                sum(range(10000))
    elif verb == "wait":
        while not os.path.exists(rest):
            time.sleep(0.05)
    elif verb == "end":
        sys.exit(int(rest))
'''


class Agent:
    """The agent on a PATH of its own, and the adapters that the test wants."""

    def __init__(self, bench: Bench, name: str = "claude") -> None:
        self.bench = bench
        self.tools = bench.daemon.base / "tools"
        self.tools.mkdir(mode=0o755, exist_ok=True)
        (self.tools / name).write_text(AGENT)
        (self.tools / name).chmod(0o755)
        self.adapters = SHIPPED

    @property
    def environment(self) -> dict[str, str]:
        return {"RINGFENCE_ADAPTER_DIR": str(self.adapters), "PATH": f"{self.tools}:{self.bench.daemon.environment['PATH']}", "HOME": str(self.bench.daemon.base)}

    def own(self, *changes: tuple[str, str]) -> None:
        """Adapters like the shipped ones, but for these texts."""
        text = (SHIPPED / "claude.toml").read_text()
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        self.adapters = self.bench.daemon.base / "adapters"
        self.adapters.mkdir(exist_ok=True)
        (self.adapters / "claude.toml").write_text(text)

    def run(self, file: str, *steps: str, options: tuple[str, ...] = (), program: str = "claude") -> subprocess.CompletedProcess[str]:
        return self.bench.cli("run", "-p", file, *options, "--", program, *steps, env=self.environment)

    def detached(self, file: str, *steps: str) -> str:
        result = self.run(file, *steps, options=("-d",))
        equal(result.returncode, 0, result.stderr)
        return result.stdout.strip()

    def settings(self, file: str) -> Path:
        """Of the private home, as root sees it outside."""
        return self.bench.daemon.state_dir / "homes" / "0" / Path(file).stem / ".claude" / "settings.json"


def alarms(bench: Bench, run: str) -> list[dict[str, Any]]:
    return [one for one in bench.show(run)["alarms"] if one["kind"] == "hook-silent"]


def test_what_belongs_to_an_import_is_refused_elsewhere(bench: Bench) -> None:
    for option in (("-p", "offline"), ("--again",), ("--yes",)):
        refused = bench.cli("adapter", "list", *option)
        equal((refused.returncode, refused.stdout), (2, ""), refused.stderr)


def test_a_known_agent_is_given_its_hook_and_asks_before_it_uses_a_tool(bench: Bench) -> None:
    agent = Agent(bench)
    file = policy(bench, TOOLS, "tools")
    result = agent.run(file, "begin", "use:mcp__mail__send", "use:TodoWrite", "end:7")
    equal(result.returncode, 7, result.stderr)
    lines = result.stdout.splitlines()
    equal(lines[0], "began begin use:mcp__mail__send use:TodoWrite end:7")
    assert lines[1].startswith("mcp__mail__send refused: Ringfence: ") and "reaches other people" in lines[1], lines
    equal(lines[2], "TodoWrite done")
    shown = bench.show(bench.last_ended())
    equal(shown["command"][0], "claude")
    equal(shown["adapter"]["name"], "claude")
    settings = json.loads(agent.settings(file).read_text())
    equal(settings["sandbox"], {"enabled": False})
    hook = str((bench.daemon.bin / "ringfence-hook").resolve())
    equal(settings["hooks"]["PreToolUse"], [{"matcher": "*", "hooks": [{"type": "command", "command": f"{hook} claude --wait 600", "timeout": 86400}]}])


def test_the_word_of_a_hook_is_shown_while_its_run_lives(bench: Bench) -> None:
    agent = Agent(bench)
    file = policy(bench, TOOLS, "tools")
    run = agent.detached(file, f"wait:{bench.workspace}/go", "begin", f"wait:{bench.workspace}/end")
    assert eventually(lambda: "began" in bench.cli("logs", run).stdout, 60)
    equal(bench.show(run)["adapter"], {"name": "claude", "hook_heard_at": None})
    assert "claude; its hook was not heard yet" in bench.cli("show", run).stdout
    (bench.workspace / "go").write_text("")
    assert eventually(lambda: bench.show(run)["adapter"]["hook_heard_at"], 60), bench.show(run)
    (bench.workspace / "end").write_text("")
    equal(bench.ended(run), {"code": 0})


def test_settings_of_the_private_home_stay_and_the_hook_is_there_once(bench: Bench) -> None:
    agent = Agent(bench)
    file = policy(bench, TOOLS, "tools")
    mine = """import json, os
path = os.path.expanduser("~/.claude/settings.json")
settings = json.load(open(path))
settings["model"] = "small"
settings["hooks"]["PreToolUse"].insert(0, {"matcher": "Edit", "hooks": [{"type": "command", "command": "true", "timeout": 5}]})
json.dump(settings, open(path, "w"))"""
    (bench.workspace / "mine.py").write_text(mine)
    equal(agent.run(file, "bash:python3 mine.py", options=("--unattended",)).returncode, 0)
    equal(bench.cli("run", "-p", file, "--adapter", "claude", "--", "/usr/bin/python3", "mine.py", env=agent.environment).returncode, 0)
    before = agent.settings(file).read_text()
    equal(agent.run(file, "use:TodoWrite").stdout.splitlines()[1], "TodoWrite done")
    equal(agent.settings(file).read_text(), before)  # Nothing was missing: nothing was written.
    settings = json.loads(before)
    equal((settings["model"], [group["matcher"] for group in settings["hooks"]["PreToolUse"]]), ("small", ["Edit", "*"]))


def test_the_walls_hold_an_agent_whose_hook_is_deleted_and_somebody_is_told(bench: Bench) -> None:
    agent = Agent(bench)
    agent.own(('silent_after = "2m"', 'silent_after = "2s"'))
    file = policy(bench, TOOLS, "tools")
    outside = bench.daemon.base / "outside"
    outside.write_text("untouched")
    run = agent.detached(file, "forget", "use:mcp__mail__send", f"bash:echo changed >{outside}", "work:20", f"wait:{bench.workspace}/end")
    assert eventually(lambda: alarms(bench, run), 100), bench.show(run)
    assert "and its hook was never heard" in alarms(bench, run)[0]["reason"], alarms(bench, run)
    assert "hook-silent" in bench.cli("ps").stdout, bench.cli("ps").stdout
    (bench.workspace / "end").write_text("")
    bench.ended(run)
    said = bench.cli("logs", run).stdout.splitlines()
    equal(said[1], "mcp__mail__send done")  # Meaning is gone with the hook.
    assert said[2].startswith("Bash 2:"), said  # The wall is not.
    equal(outside.read_text(), "untouched")
    equal(bench.kinds(run).count("alarm-raised"), 1)
    # The next run has its hook again.
    assert "refused" in agent.run(file, "use:mcp__mail__send").stdout


def test_the_walls_hold_an_agent_whose_hook_crashes_and_somebody_is_told(bench: Bench) -> None:
    agent = Agent(bench)
    agent.own(('silent_after = "2m"', 'silent_after = "2s"'), ('"$HOOK claude --wait 600"', '"kill -SEGV $$ # ringfence-hook"'),
              ('"$HOOK claude"', '"kill -SEGV $$ # ringfence-hook"'))
    file = policy(bench, TOOLS, "tools")
    outside = bench.daemon.base / "outside"
    outside.write_text("untouched")
    run = agent.detached(file, "begin", f"bash:echo changed >{outside}", "work:20", f"wait:{bench.workspace}/end")
    assert eventually(lambda: alarms(bench, run), 100), bench.show(run)
    (bench.workspace / "end").write_text("")
    bench.ended(run)
    assert bench.cli("logs", run).stdout.splitlines()[1].startswith("Bash 2:"), bench.cli("logs", run).stdout
    equal(outside.read_text(), "untouched")


def test_a_hook_that_is_not_heard_any_more_while_tools_start_is_an_alarm(bench: Bench) -> None:
    agent = Agent(bench)
    agent.own(('silent_after = "2m"', 'silent_after = "3s"'))
    file = policy(bench, TOOLS.replace('"Bash", ', ""), "tools")
    run = agent.detached(file, "begin", "bash:true", "forget", "tools:40", f"wait:{bench.workspace}/end")
    assert eventually(lambda: alarms(bench, run), 200), bench.show(run)
    assert "is not heard any more" in alarms(bench, run)[0]["reason"], alarms(bench, run)
    assert bench.show(run)["adapter"]["hook_heard_at"], bench.show(run)
    equal(bench.cli("kill", run).returncode, 0)


def test_a_link_that_an_earlier_run_left_in_the_home_leads_nowhere(bench: Bench) -> None:
    agent = Agent(bench)
    file = policy(bench, TOOLS, "tools")
    victim = bench.workspace / "victim.json"
    victim.write_text('{"mine": true}')
    plant = f"mkdir -p ~/.claude; ln -sf {victim} ~/.claude/settings.json"
    equal(bench.cli("run", "-p", file, "--", "sh", "-c", plant).returncode, 0)
    result = agent.run(file, "use:mcp__mail__send")
    assert "refused" in result.stdout, (result.stdout, result.stderr)
    assert "~/.claude/settings.json was moved aside" in result.stderr, result.stderr
    equal(victim.read_text(), '{"mine": true}')
    assert not agent.settings(file).is_symlink()
    # Also where the directory is the link.
    plant = f"rm -rf ~/.claude; ln -s {bench.workspace} ~/.claude"
    equal(bench.cli("run", "-p", file, "--", "sh", "-c", plant).returncode, 0)
    assert "refused" in agent.run(file, "use:mcp__mail__send").stdout
    assert not (bench.workspace / "settings.json").exists()


def test_settings_of_the_real_home_that_a_policy_grants_are_not_changed(bench: Bench) -> None:
    agent = Agent(bench)
    with Accounts(bench.daemon.bin.parent) as accounts:
        home = accounts.add("rf-person", 61001)
        (home / ".claude").mkdir()
        (home / ".claude" / "settings.json").write_text('{"model": "mine"}')
        for path in (home / ".claude", home / ".claude" / "settings.json"):
            os.chown(path, 61001, 61001)
        accounts.start()
        given = accounts.base / "given.toml"
        given.write_text('schema = 1\nname = "given"\nextends = ["offline"]\n[files]\nwrite = ["~/.claude"]\n')
        given.chmod(0o644)
        options = ["run", "-p", str(given), "--", str(agent.tools / "claude"), "use:TodoWrite"]
        refused = accounts.cli("rf-person", *options, RINGFENCE_ADAPTER_DIR=str(SHIPPED))
        equal(refused.returncode, 125, refused.stderr)
        assert "is not in the private home" in refused.stderr and refused.stderr.endswith("ringfence: not started: adapter\n"), refused.stderr
        equal((home / ".claude" / "settings.json").read_text(), '{"model": "mine"}')
        options.insert(1, "--adapter=none")
        went = accounts.cli("rf-person", *options, RINGFENCE_ADAPTER_DIR=str(SHIPPED))
        equal((went.returncode, went.stdout.splitlines()[-1]), (0, "TodoWrite done"), went.stderr)


def test_the_adapter_is_chosen_shown_and_left_out_as_its_person_says(bench: Bench) -> None:
    agent = Agent(bench)
    file = policy(bench, TOOLS, "tools")
    planned = agent.run(file, "x", options=("--dry-run",))
    assert f"adapter claude ({SHIPPED}/claude.toml)" in planned.stdout, planned.stdout
    equal(json.loads(agent.run(file, options=("--dry-run", "--json")).stdout)["adapter"]["name"], "claude")
    equal(json.loads(bench.cli("run", "--dry-run", "--json", "--", "true", env=agent.environment).stdout)["adapter"], None)
    without = agent.run(file, "use:mcp__mail__send", options=("--adapter", "none"))
    equal(without.stdout.splitlines()[1], "mcp__mail__send done")
    equal(bench.show(bench.last_ended())["adapter"], None)
    # A command that nothing is known of, with an adapter that is named.
    other = agent.tools / "mine"
    other.write_text(AGENT)
    other.chmod(0o755)
    assert "refused" in agent.run(file, "use:mcp__mail__send", options=("--adapter", "claude"), program="mine").stdout
    unknown = agent.run(file, options=("--adapter", "clod"))
    equal(unknown.returncode, 2)
    assert "there is no adapter 'clod'; there are claude, codex, gemini, and none" in unknown.stderr, unknown.stderr
    # The inner sandbox of Codex is switched off in front of its own words.
    (agent.tools / "codex").write_text("#!/bin/sh\necho \"$@\"\n")
    (agent.tools / "codex").chmod(0o755)
    equal(agent.run(file, "exec", "hi", program="codex").stdout, '--dangerously-bypass-hook-trust -c sandbox_mode="danger-full-access" exec hi\n')


def test_an_agent_is_stopped_by_the_signal_of_its_adapter_and_killed_when_its_patience_is_over(bench: Bench) -> None:
    agent = Agent(bench)
    file = policy(bench, TOOLS, "tools")
    # Codex goes by INT, which says so in its end; TERM would do nothing to this one.
    (agent.tools / "codex").write_text("#!/bin/sh\ntrap 'exit 9' INT\ntrap '' TERM\necho began\nwhile :; do sleep 0.05; done\n")
    (agent.tools / "codex").chmod(0o755)
    started = agent.run(file, options=("-d",), program="codex")
    equal(started.returncode, 0, started.stderr)
    run = started.stdout.strip()
    assert eventually(lambda: "began" in bench.cli("logs", run).stdout, 60)
    equal(bench.cli("stop", run).returncode, 0)
    equal(bench.ended(run), {"code": 9})
    agent.own(('signal = "TERM"\npatience = "15s"', 'signal = "HUP"\npatience = "1s"'))
    (agent.tools / "claude").write_text("#!/bin/sh\ntrap 'echo heard' HUP\necho began\nwhile :; do sleep 0.05; done\n")
    run = agent.detached(file)
    assert eventually(lambda: "began" in bench.cli("logs", run).stdout, 60)
    equal(bench.cli("stop", run).returncode, 0)
    equal(bench.ended(run)["signal"], 9)
    assert "heard" in bench.cli("logs", run).stdout, bench.cli("logs", run).stdout


def test_an_adapter_that_does_not_load_is_said_with_its_line_and_not_used(bench: Bench) -> None:
    agent = Agent(bench)
    agent.own(("[match]", "[match]\nprogramms = []"))
    file = policy(bench, TOOLS, "tools")
    named = agent.run(file, options=("--adapter", "claude"))
    equal(named.returncode, 6, named.stderr)
    assert "unknown key `programms` in [match]" in named.stderr and "did you mean `programs`?" in named.stderr, named.stderr
    found = agent.run(file, "use:TodoWrite")
    equal(found.returncode, 0)
    assert "does not load and is not used" in found.stderr, found.stderr
    checked = bench.cli("adapter", "check", str(agent.adapters / "claude.toml"))
    equal(checked.returncode, 6)
    assert "claude.toml:" in checked.stderr, checked.stderr
    told = json.loads(bench.cli("adapter", "check", str(agent.adapters / "claude.toml"), "--json").stdout)
    equal((told["ok"], told["diagnostics"][0]["message"]), (False, "unknown key `programms` in [match]"))


def test_adapters_are_listed_shown_and_checked_without_a_daemon(bench: Bench) -> None:
    env = {**Agent(bench).environment, "RINGFENCE_SOCKET": "/nonexistent"}
    listed = bench.cli("adapter", "list", "--json", env=env)
    equal([json.loads(line)["name"] for line in listed.stdout.splitlines()], ["claude", "codex", "gemini"])
    equal(bench.cli("adapter", "check", env=env).returncode, 0)
    assert "Claude Code" in bench.cli("adapter", "list", env=env).stdout
    shown = json.loads(bench.cli("adapter", "show", "codex", "--json", env=env).stdout)
    equal(shown["arguments"], ["--dangerously-bypass-hook-trust", "-c", 'sandbox_mode="danger-full-access"'])
    assert 'name = "gemini"' in bench.cli("adapter", "show", "gemini", env=env).stdout
    equal(bench.cli("adapter", "show", "clod", env=env).returncode, 1)
    # One of the user's own counts more than the shipped one.
    own = bench.daemon.base / ".config" / "ringfence" / "adapters"
    own.mkdir(parents=True)
    (own / "codex.toml").write_text('schema = 1\nname = "codex"\n[match]\nprograms = ["codex"]\n')
    equal(json.loads(bench.cli("adapter", "show", "codex", "--json", env=env).stdout)["file"], str(own / "codex.toml"))


def test_a_login_is_imported_once_shown_and_gone_with_its_home(bench: Bench) -> None:
    # One program for each answer: `read` prints what an agent finds under a policy.
    env = Agent(bench).environment
    login = bench.daemon.base / ".codex" / "auth.json"
    look = "umask 0; cat ~/.codex/auth.json 2>/dev/null; stat -c ' %a' ~/.codex/auth.json 2>/dev/null; ls -A ~/.codex 2>/dev/null"

    def imported() -> list[tuple[str, str]]:
        told = bench.cli("adapter", "imported", "--json", env=env)
        equal(told.returncode, 0, told.stderr)
        return [(one["path"], one["policy"]) for one in map(json.loads, told.stdout.splitlines())]

    def seen(policy_name: str) -> str:
        result = bench.sh(look, "-p", policy_name, "--adapter", "none")
        return result.stdout

    nothing = bench.cli("adapter", "import", "codex", "--yes", env=env)
    equal(nothing.returncode, 1)
    assert "there is no login of codex here (~/.codex/auth.json)" in nothing.stderr, nothing.stderr
    login.parent.mkdir()
    login.write_text('{"token":"tok-one"}')
    login.chmod(0o644)
    unasked = bench.cli("adapter", "import", "codex", env=env, stdin=subprocess.DEVNULL)
    equal((unasked.returncode, bench.daemon.json_runs()), (2, []), unasked.stderr)
    assert "~/.codex/auth.json  19 B" in unasked.stderr and "--yes imports it" in unasked.stderr, unasked.stderr
    equal((seen("coding"), imported()), ("", []))

    done = bench.cli("adapter", "import", "codex", "--yes", env=env)
    equal(done.stdout, "imported ~/.codex/auth.json into the private home of policy coding\n", done.stderr)
    equal(done.returncode, 0)
    equal(seen("coding"), '{"token":"tok-one"} 600\nauth.json\n', "for nobody but its user, and nothing beside it")
    equal(seen("offline"), "", "another policy has another home")
    equal(imported(), [(".codex/auth.json", "coding")])
    text = bench.cli("adapter", "imported", env=env).stdout
    assert text.startswith("coding  20") and text.endswith("  ~/.codex/auth.json\n"), text
    equal(login.read_text(), '{"token":"tok-one"}')

    # Once: what an agent renewed since is not lost to a second one.
    login.write_text('{"token":"tok-two"}')
    twice = bench.cli("adapter", "import", "codex", "--yes", env=env)
    equal((twice.returncode, twice.stdout), (1, ""))
    assert "~/.codex/auth.json is there already" in twice.stderr and "--again replaces" in twice.stderr, twice.stderr
    assert '"tok-one"' in seen("coding")
    again = bench.cli("adapter", "import", "codex", "--yes", "--again", "--json", env=env)
    equal([json.loads(line)["policy"] for line in again.stdout.splitlines()], ["coding"], again.stderr)
    assert '"tok-two"' in seen("coding")
    equal(bench.cli("adapter", "import", "codex", "-p", "offline", "--yes", env=env).returncode, 0)
    equal(imported(), [(".codex/auth.json", "coding"), (".codex/auth.json", "offline")])

    # It is a run like any other, with the login nowhere in the log.
    log = bench.cli("log", "--json").stdout
    assert "import-codex" in log and "tok-one" not in log and "tok-two" not in log
    equal(bench.cli("prune", "--older-than", "0s").returncode, 0)
    equal((imported(), seen("coding")), ([], ""))
    equal(bench.cli("adapter", "import", "nothing", "--yes", env=env).returncode, 1)


def test_a_login_is_not_imported_through_a_link_that_an_agent_left(bench: Bench) -> None:
    env = Agent(bench).environment
    (bench.daemon.base / ".codex").mkdir()
    (bench.daemon.base / ".codex" / "auth.json").write_text('{"token":"secret"}')
    target = bench.workspace / "stolen"
    bench.sh(f"ln -s {bench.workspace} ~/.codex", "--adapter", "none")
    done = bench.cli("adapter", "import", "codex", "--yes", env=env)
    equal(done.returncode, 0, done.stderr)
    assert "~/.codex was moved aside" in done.stderr, done.stderr
    assert not (bench.workspace / "auth.json").exists()
    bench.sh(f"rm -rf ~/.codex && mkdir ~/.codex && ln -s {target} ~/.codex/auth.json", "--adapter", "none")
    done = bench.cli("adapter", "import", "codex", "--yes", "--again", env=env)
    equal(done.returncode, 0, done.stderr)
    assert not target.exists()
    equal(bench.sh("cat ~/.codex/auth.json", "--adapter", "none").stdout, '{"token":"secret"}')


def test_a_person_at_a_terminal_is_asked_before_a_login_is_imported(bench: Bench) -> None:
    env = {**bench.daemon.environment, **Agent(bench).environment}
    (bench.daemon.base / ".codex").mkdir()
    (bench.daemon.base / ".codex" / "auth.json").write_text('{"token":"secret"}')
    for answer, status in (("n", 1), ("y", 0)):
        with Terminal([bench.program, "adapter", "import", "codex"], cwd=bench.workspace, env=env) as terminal:
            terminal.expect(r"Import\? \[y/N\]")
            terminal.type(answer + "\n")
            equal(terminal.wait(), status)
        told = bench.cli("adapter", "imported", "--json")
        equal(len(told.stdout.splitlines()), 1 - status)


def test_a_shim_sends_an_agent_that_is_called_by_its_name_through_the_fence(bench: Bench) -> None:
    agent = Agent(bench)
    (agent.tools / "claude").write_text('#!/bin/sh\necho "run=${RINGFENCE_RUN:-none} $*"\n')
    env = {**bench.daemon.environment, **agent.environment}
    shims = bench.daemon.base / ".local" / "share" / "ringfence" / "shims"
    foreign = shims / "codex"
    shims.mkdir(parents=True)
    foreign.write_text("mine")

    def cli(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([bench.program, *words], env=env, cwd=bench.workspace, capture_output=True, text=True, timeout=120)

    made = cli("shim", "install")
    equal(made.returncode, 1)
    assert f"{foreign}: left as it is: it is there, and no shim of Ringfence" in made.stderr, made.stderr
    equal(foreign.read_text(), "mine")
    assert f"export PATH='{shims}':" in made.stdout, made.stdout
    env["PATH"] = f"{shims}:{env['PATH']}"
    again = cli("shim", "install", "claude")
    equal((again.returncode, again.stdout), (0, f"{shims}/claude: installed\n"), again.stderr)
    listed = [json.loads(line) for line in cli("shim", "list", "--json").stdout.splitlines()]
    claude = next(one for one in listed if one["name"] == "claude")
    equal((claude["real"], claude["reached"], claude["shim"]), (str(agent.tools / "claude"), True, True))
    # By its name alone: in the fence, and from inside a run just that program.
    fenced = subprocess.run(["sh", "-c", "claude 'two words'"], env=env, cwd=bench.workspace, capture_output=True, text=True, timeout=120)
    equal(fenced.returncode, 0, fenced.stderr)
    assert fenced.stdout.startswith("run=r-") and fenced.stdout.endswith("two words\n"), fenced.stdout
    direct = cli("run", "--", "claude", "x")
    assert direct.stdout.startswith("run=r-"), (direct.stdout, direct.stderr)
    equal(len(bench.daemon.json_runs()), 2)
    inside = cli("run", "--read", str(shims), "--read", str(agent.tools), "--", "sh", "-c", f"PATH={shims}:{agent.tools}:$PATH claude y")
    assert inside.stdout.startswith("run=r-") and inside.stdout.endswith(" y\n"), (inside.stdout, inside.stderr)
    removed = cli("shim", "remove")
    equal(removed.returncode, 1)
    assert not (shims / "claude").exists() and foreign.read_text() == "mine", removed.stderr


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
