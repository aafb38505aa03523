#!/usr/bin/env python3
"""Who an agent runs as: callers with and without an account, a home, a login; programs installed below a home.

    identity_test.py BUILD [TEST…]
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.accounts import Accounts  # noqa: E402
from tests.support.cli_bench import Bench, equal, run_tests  # noqa: E402

LOOK = 'echo "$(id -u) $(id -un) $(id -G) $HOME $USER"; pwd; touch made; touch "$HOME/kept" && echo home'


def started(bench: Bench) -> Accounts:
    accounts = Accounts(bench.daemon.bin.parent)
    accounts.add("rf-person", 61001, groups=(61990,))
    accounts.add("rf-homeless", 61002, home="/nonexistent/rf-homeless")
    accounts.add("rf-nologin", 61003, shell="/usr/sbin/nologin")
    accounts.add("rf-unlisted", 61004, listed=False)
    accounts.start()
    return accounts


def test_a_caller_is_the_caller_inside_without_supplementary_groups_and_with_a_home_that_is_kept(bench: Bench) -> None:
    with started(bench) as accounts:
        home = accounts.users["rf-person"]["home"]
        (home / "secret").write_text("mine")
        result = accounts.cli("rf-person", "run", "--", "sh", "-c", LOOK + '; cat "$HOME/secret"')
        lines = result.stdout.splitlines()
        equal(lines, [f"61001 rf-person 61001 {home} rf-person", str(accounts.workspace("rf-person")), "home"], result.stderr)
        assert "No such file" in result.stderr, result.stderr
        equal((accounts.workspace("rf-person") / "made").stat().st_uid, 61001)
        assert not (home / "kept").exists(), "the real home was written"
        again = accounts.cli("rf-person", "run", "--", "sh", "-c", 'ls "$HOME/kept"')
        equal(again.returncode, 0, again.stderr)


def test_an_account_without_home_login_or_entry_runs_like_any_other(bench: Bench) -> None:
    with started(bench) as accounts:
        for name, uid in (("rf-homeless", 61002), ("rf-nologin", 61003), ("rf-unlisted", 61004)):
            result = accounts.cli(name, "run", "--", "sh", "-c", LOOK)
            equal(result.returncode, 0, (name, result.stderr))
            first, where, home = result.stdout.splitlines()
            equal((first.split()[0], where, home), (str(uid), str(accounts.workspace(name)), "home"), name)
            equal((accounts.workspace(name) / "made").stat().st_uid, uid)


# What git would have to read again because the index tells of another owner, device, inode or time than the file has now.
TO_READ = "git -c safe.directory=* -C tree diff-files --name-only"


def repository(folder: Path, uid: int) -> None:
    """A tree of three committed files, all older than the index that its owner wrote."""
    tree, past = folder / "tree", time.time() - 3600
    tree.mkdir()
    for name in ("a", "b", "c"):
        (tree / name).write_text(name)
        os.utime(tree / name, (past, past))
    for path in (folder, tree, *tree.iterdir()):
        os.chown(path, uid, uid)
    git = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for step in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "files"]):
        subprocess.run([*git, *step], cwd=tree, env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}, check=True)


def test_git_inside_finds_the_files_as_the_index_of_the_caller_tells(bench: Bench) -> None:
    with started(bench) as accounts:
        repository(accounts.workspace("rf-person"), 61001)
        result = accounts.cli("rf-person", "run", "--", "sh", "-c", f"{TO_READ}; touch tree/b; {TO_READ}")
        equal((result.returncode, result.stdout), (0, "b\n"), result.stderr)


def test_git_of_a_run_with_an_id_of_its_own_reads_every_file_once_and_then_keeps_the_index(bench: Bench) -> None:
    with started(bench) as accounts:
        repository(accounts.workspace("rf-person"), 61001)
        status = "git -c safe.directory=* -C tree status --porcelain"
        result = accounts.cli("rf-person", "run", "-p", "strict", "--", "sh", "-c", f"{TO_READ}; {status}; {TO_READ}")
        equal((result.returncode, result.stdout), (0, "a\nb\nc\n"), result.stderr)


def test_as_is_for_root_alone_and_never_makes_root(bench: Bench) -> None:
    with started(bench) as accounts:
        accounts.users["root"] = {"uid": 0, "groups": (), "home": "/root"}
        workspace = str(accounts.workspace("rf-nologin"))
        result = accounts.cli("root", "run", "--as", "rf-nologin", "-w", workspace, "--", "id", "-u")
        equal((result.returncode, result.stdout), (0, "61003\n"), result.stderr)
        refused = accounts.cli("rf-person", "run", "--as", "rf-nologin", "--", "id", "-u")
        equal((refused.returncode, refused.stdout), (2, ""), refused)
        equal(accounts.cli("root", "run", "--as", "root", "--", "id").returncode, 2)
        plain = accounts.cli("root", "run", "--", "id", "-u")
        equal(plain.returncode, 0, plain.stderr)
        assert 700000 <= int(plain.stdout) <= 700999, plain.stdout


def test_the_environment_is_what_policy_and_options_name(bench: Bench) -> None:
    with started(bench) as accounts:
        policy = accounts.workspace("rf-person") / "env.toml"
        policy.write_text('schema = 1\nname = "env"\nextends = ["coding"]\n[environment]\npass = ["WANTED"]\nset = { FIXED = "f" }\n')
        extra = {"WANTED": "w", "UNWANTED": "u", "TAKEN": "t", "BASH_ENV": "/nonexistent"}
        result = accounts.cli("rf-person", "run", "-p", "./env.toml", "-e", "TAKEN", "-e", "GIVEN=a=b", "--", "env", **extra)
        got = dict(line.partition("=")[::2] for line in result.stdout.splitlines())
        equal([got.get(key) for key in ("WANTED", "FIXED", "TAKEN", "GIVEN")], ["w", "f", "t", "a=b"], result.stderr)
        assert "UNWANTED" not in got and "BASH_ENV" not in got and "RINGFENCE_SOCKET" not in got, got
        absent = accounts.cli("rf-person", "run", "-e", "ABSENT", "--", "env")
        equal(absent.returncode, 2, absent.stderr)
        assert "ABSENT" in absent.stderr, absent.stderr


def test_an_agent_installed_below_the_home_is_found_and_bound_read_only(bench: Bench) -> None:
    with started(bench) as accounts:
        home: Path = accounts.users["rf-person"]["home"]
        node = home / ".nvm/versions/node/v22.0.0"
        package = node / "lib/node_modules/agent"
        package.mkdir(parents=True)
        (node / "bin").mkdir()
        shutil.copy("/bin/sh", node / "bin/node")
        (package / "data").write_text("from the package\n")
        script = package / "cli.js"
        script.write_text('#!/usr/bin/env node\ncat "$(dirname "$0")/data"; echo "$0 $*"; echo x > "$(dirname "$0")/data" || echo held\n'
                          'ls -A "$HOME"\n')
        script.chmod(0o755)
        (home / ".local/bin").mkdir(parents=True)
        (home / ".local/bin/agent").symlink_to("../../.nvm/versions/node/v22.0.0/lib/node_modules/agent/cli.js")
        (home / ".ssh").mkdir()
        for folder, _, files in os.walk(home):
            for name in [folder, *[os.path.join(folder, file) for file in files]]:
                os.chown(name, 61001, 61001, follow_symlinks=False)
        path = f"{home}/.local/bin:{node}/bin:/usr/bin:/bin"
        result = accounts.cli("rf-person", "run", "--", "agent", "one", "two", path=path)
        equal(result.returncode, 0, result.stderr)
        lines = result.stdout.splitlines()
        equal(lines[0], "from the package", result)
        assert lines[1].endswith("cli.js one two") and "held" in lines, lines
        assert ".ssh" not in lines, lines
        equal((package / "data").read_text(), "from the package\n")
        missing = accounts.cli("rf-person", "run", "--", "agentx", path=path)
        equal(missing.returncode, 127, missing.stderr)


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
