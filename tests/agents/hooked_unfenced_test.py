#!/usr/bin/env python3
"""Codex or Gemini CLI without a fence, its hook in place: the hook decides nothing there, and all that the fenced test of
tests/e2e/hooked_agents_test.py sees held does happen.

    hooked_unfenced_test.py BUILD codex|gemini
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.agents.deed import FREE, Deed  # noqa: E402
from tests.agents.hooked import AGENTS, Hooked  # noqa: E402
from tests.agents.languages import Words  # noqa: E402
from tests.agents.scripted_model import ScriptedModel  # noqa: E402
from tests.agents.unfenced_test import NOBODY, PATIENCE_S, equal  # noqa: E402


def check(agent: Hooked, base: Path, hook: str) -> None:
    project, settings, outside = base / "project", base / "settings", base / "outside"
    for folder in (project, settings, outside):
        folder.mkdir()
    last_words = "It is done."
    with Deed(project, outside) as deed, ScriptedModel([agent.call(deed.line), Words(last_words)], agent.language()) as model:
        agent.configure(settings, model.url, [f"{hook} {agent.name}"])
        os.chmod(base, 0o755)
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", *map(str, (project, settings, outside))], check=True)
        result = subprocess.run(agent.command(agent.install()), cwd=project, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                env={"PATH": "/usr/bin:/bin", "HOME": str(settings), **agent.environment(settings, model.url)},
                                timeout=PATIENCE_S, check=False, user=NOBODY, group=NOBODY, extra_groups=[])
        equal("the agent ends well", result.returncode, 0, result.stderr)
        equal("its last words are the model's", last_words in result.stdout, True)
        equal("each reply was fetched once", (len(model.requests), model.problems), (len(model.replies), []))
        equal("nothing held it", deed.effects(), FREE)


def main() -> None:
    if sys.argv[1:2] == ["--inside"]:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        with tempfile.TemporaryDirectory(prefix="rf-agent-") as base:
            check(AGENTS[sys.argv[3]], Path(base), sys.argv[2])
        return
    AGENTS[sys.argv[2]].install()
    hook = Path(sys.argv[1]).resolve() / "bin" / "ringfence-hook"
    # A network of its own with nothing but a loopback: what is not fenced must not get out either.
    os.execvp("unshare", ["unshare", "--net", "--", sys.executable, "-B", __file__, "--inside", str(hook), sys.argv[2]])


if __name__ == "__main__":
    main()
