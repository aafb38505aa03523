"""One line for a shell that does what the fence of a test allows and what it does not: it writes a file of the project,
a file outside of it and a hook of git, and asks another server on this machine for a page.

    with Deed(project, outside) as deed:
        run_agent(deed.line)
    deed.effects()
"""

from __future__ import annotations

import http.server
import subprocess
import threading
from pathlib import Path

GIT_HOOK = ".git/hooks/pre-commit"
SCRIPT = """#!/bin/sh
echo done >inside.txt
echo done >{outside}/outside.txt
echo done >{git_hook}
exec /usr/bin/python3 -c 'import urllib.request; urllib.request.urlopen("http://127.0.0.1:{port}/", timeout=20).read()'
"""
HELD = {"inside": True, "outside": False, "git hook": False, "connection": False}  # effects in a fence
FREE = {name: True for name in HELD}


class Deed:
    line = "sh deed.sh"

    def __init__(self, project: Path, outside: Path) -> None:
        self.project, self.outside = project, outside
        self._visits = 0
        deed = self

        class Other(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                deed._visits += 1
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Other)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        subprocess.run(["git", "-c", "init.defaultBranch=main", "init", "-q", str(project)], check=True)
        (project / ".git" / "hooks").mkdir(exist_ok=True)
        script = SCRIPT.format(outside=outside, git_hook=GIT_HOOK, port=self._server.server_address[1])
        (project / "deed.sh").write_text(script, encoding="utf-8")
        self._thread.start()

    def __enter__(self) -> "Deed":
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def undo(self) -> None:
        """So that it can be seen to be done once more."""
        for path in (self.project / "inside.txt", self.outside / "outside.txt", self.project / GIT_HOOK):
            path.unlink(missing_ok=True)
        self._visits = 0

    def effects(self) -> dict[str, bool]:
        return {"inside": (self.project / "inside.txt").exists(), "outside": (self.outside / "outside.txt").exists(),
                "git hook": (self.project / GIT_HOOK).exists(), "connection": self._visits > 0}
