"""The examples outside the fence: the coder fixes its project, the gremlin refuses to start."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run_agent(program: str, workspace: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLES / program), "--workspace", str(workspace), *arguments]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(workspace), "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)


class Examples(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory(prefix="rf-examples-")
        self.addCleanup(directory.cleanup)
        self.workspace = Path(directory.name) / "project"

    def copy(self, example: str) -> None:
        shutil.copytree(EXAMPLES / example / "project", self.workspace)

    def make_test(self) -> int:
        return subprocess.run(["make", "-s", "test"], cwd=self.workspace, capture_output=True, check=False).returncode

    def test_the_coder_fixes_the_failing_test_of_its_project(self) -> None:
        self.copy("coder")
        self.assertNotEqual(self.make_test(), 0, "the project must fail before")
        report = self.workspace.parent / "report.jsonl"
        result = run_agent(
            "coder", self.workspace, "--transcript", str(EXAMPLES / "coder/transcript.jsonl"), "--report", str(report)
        )
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertEqual(self.make_test(), 0, "the project must pass afterwards")
        self.assertIn("check | make test: passed", result.stdout)
        calls = [json.loads(line) for line in report.read_text().splitlines()]
        failed = [
            call for call in calls if call["tool"] == "run" and not call["observation"].startswith("exit status 0")
        ]
        self.assertEqual(len(failed), 3, "the first run and two wrong fixes fail on the way")

    def test_the_coder_fails_when_the_tests_still_fail_at_the_end(self) -> None:
        self.copy("coder")
        transcript = self.workspace / "short.jsonl"
        transcript.write_text(json.dumps({"role": "assistant", "content": "Nothing to do."}) + "\n")
        result = run_agent("coder", self.workspace, "--transcript", str(transcript))
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)

    def test_the_coder_says_when_its_transcript_ends_too_early(self) -> None:
        self.copy("coder")
        transcript = self.workspace / "empty.jsonl"
        transcript.write_text("")
        result = run_agent("coder", self.workspace, "--transcript", str(transcript))
        self.assertEqual(result.returncode, 2)
        self.assertIn("ends after 0 replies", result.stderr)

    def test_the_coder_works_with_a_chat_completions_endpoint(self) -> None:
        self.copy("coder")
        with Endpoint(EXAMPLES / "coder/transcript.jsonl") as endpoint:
            recorded = self.workspace.parent / "recorded.jsonl"
            result = run_agent(
                "coder", self.workspace, "--endpoint", endpoint.url, "--model", "test", "--record", str(recorded)
            )
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertEqual(recorded.read_text(), (EXAMPLES / "coder/transcript.jsonl").read_text())
        last = endpoint.requests[-1]
        self.assertEqual(last["model"], "test")
        self.assertEqual([m["role"] for m in last["messages"][:4]], ["system", "user", "assistant", "tool"])
        self.assertIn("all tests passed", "".join(str(m["content"]) for m in last["messages"] if m["role"] == "tool"))

    def test_the_gremlin_refuses_to_start_outside_a_fence(self) -> None:
        self.copy("gremlin")
        before = sorted(os.listdir(self.workspace))
        result = run_agent("gremlin", self.workspace)
        self.assertEqual(result.returncode, 3, result.stdout + result.stderr)
        self.assertIn("not inside a fence", result.stderr)
        self.assertEqual(sorted(os.listdir(self.workspace)), before)


class Endpoint:
    """A chat-completions server on loopback that answers from a transcript; the first request of all meets a 503."""

    def __init__(self, transcript: Path) -> None:
        self.requests: list[dict] = []
        replies = [json.loads(line) for line in transcript.read_text().splitlines()]
        requests = self.requests
        busy = [True]

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # the name is http.server's
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if busy.pop() if busy else False:
                    self.send_error(503)
                    return
                requests.append(body)
                content = json.dumps({"choices": [{"message": replies[len(requests) - 1]}]}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self._server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> "Endpoint":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


if __name__ == "__main__":
    unittest.main()
