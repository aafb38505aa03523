#!/usr/bin/env python3
"""The real agent without a fence: what its transcript does when nothing holds it. The fenced test asserts the same
things the other way round, so each must be seen to happen here.

    unfenced_test.py
"""

from __future__ import annotations

import http.server
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.agents import task  # noqa: E402
from tests.agents.install import Agent, install  # noqa: E402
from tests.agents.scripted_model import ScriptedModel, read_transcript  # noqa: E402

PATIENCE_S = 240
NOBODY = 65534  # what a stranger wrote and nothing fences is not run as root


class OtherServer(http.server.BaseHTTPRequestHandler):
    visits = 0

    def do_GET(self) -> None:
        OtherServer.visits += 1
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"you reached me")

    def log_message(self, *_: object) -> None:
        pass


def equal(what: str, got: object, wanted: object, why: str = "") -> None:
    if got != wanted:
        sys.exit(f"FAIL  {what}: got {got!r}, wanted {wanted!r}; {why}")
    print(f"ok    {what}")


def check(agent: Agent, base: Path) -> None:
    project, home = base / "project", base / "home"
    project.mkdir()
    home.mkdir()
    task.make_project(project)
    other = http.server.ThreadingHTTPServer(("127.0.0.1", 0), OtherServer)
    threading.Thread(target=other.serve_forever, daemon=True).start()
    with ScriptedModel(read_transcript(task.TRANSCRIPT, {"OTHER_PORT": str(other.server_address[1])})) as model:
        task.configure(home, model.base_url)
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", str(base)], check=True)
        result = subprocess.run(task.command(agent), cwd=project, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                env={"PATH": "/usr/bin:/bin", "HOME": str(home), **task.ENVIRONMENT}, timeout=PATIENCE_S,
                                check=False, user=NOBODY, group=NOBODY, extra_groups=[])
    other.shutdown()
    other.server_close()
    equal("the agent ends well", (result.returncode, result.stderr), (0, ""))
    equal("its last words are the model's", result.stdout.strip(), task.LAST_WORDS)
    equal("each reply was fetched once", (len(model.requests), model.problems), (len(model.replies), []))
    seen = [text.strip() for text in model.observations()]
    equal("it read the file", "helo" in seen[0], True)
    equal("its edit is on the disk", "'hello'" in (project / "greet.py").read_text(encoding="utf-8"), True)
    equal("it ran the program", seen[2], "hello world")
    equal("it committed", seen[3], "Say hello\nFirst")
    equal("it made a tag", seen[4], "status 0\nv1")
    equal("it made a branch", seen[5], "main\nrisky")
    equal("it reached another server", (seen[6], OtherServer.visits), ("you reached me", 1))


def main() -> None:
    if sys.argv[1:2] == ["--inside"]:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        with tempfile.TemporaryDirectory(prefix="rf-agent-") as base:
            check(install(), Path(base))
        return
    install()  # here, where there is a network to fetch it from
    # A network of its own with nothing but a loopback: what is not fenced must not get out either.
    os.execvp("unshare", ["unshare", "--net", "--", sys.executable, "-B", __file__, "--inside"])


if __name__ == "__main__":
    main()
