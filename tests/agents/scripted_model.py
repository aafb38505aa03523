"""A model endpoint that says what a transcript holds: OpenAI's chat completions over plain HTTP on 127.0.0.1, streamed
or whole, for agents of other people that a test runs unmodified.

    with ScriptedModel(replies) as model:
        run_agent(base_url=model.base_url)      # http://127.0.0.1:PORT/v1
    model.observations()                        # what the agent sent back as results of its tools

A reply is the `message` object of the format: {"role": "assistant", "content": …, "tool_calls": […]}.
"""

from __future__ import annotations

import http.server
import json
import threading
from pathlib import Path
from typing import Any, Optional

Message = dict[str, Any]

MAX_REQUEST_BYTES = 8 * 1024 * 1024


def read_transcript(path: Path, values: Optional[dict[str, str]] = None) -> list[Message]:
    """One reply a line; @NAME@ in it stands for values[NAME]."""
    text = path.read_text(encoding="utf-8")
    for name, value in (values or {}).items():
        text = text.replace(f"@{name}@", json.dumps(value)[1:-1])
    return [json.loads(line) for line in text.splitlines() if line.strip()]


class ScriptedModel:
    def __init__(self, replies: list[Message], host: str = "127.0.0.1", port: int = 0) -> None:
        self.replies = replies
        self.requests: list[dict[str, Any]] = []  # bodies, in the order of arrival
        self.problems: list[str] = []
        self._lock = threading.Lock()
        self._server = http.server.ThreadingHTTPServer((host, port), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> "ScriptedModel":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def observations(self) -> list[str]:
        """The results of tools in the last request, oldest first."""
        messages = self.requests[-1]["messages"] if self.requests else []
        return [text_of(message["content"]) for message in messages if message["role"] == "tool"]

    def _next(self, body: dict[str, Any]) -> Optional[Message]:
        with self._lock:
            self.requests.append(body)
            if len(self.requests) > len(self.replies):
                self.problems.append(f"request {len(self.requests)} came, and there are {len(self.replies)} replies")
                return None
            return self.replies[len(self.requests) - 1]

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        model = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:  # /v1/models
                self._send(200, "application/json", json.dumps({"object": "list", "data": [{"id": "scripted"}]}))

            def do_POST(self) -> None:
                length = int(self.headers.get("content-length", "0"))
                if not self.path.endswith("/chat/completions") or not 0 < length <= MAX_REQUEST_BYTES:
                    model.problems.append(f"POST {self.path} of {length} bytes")
                    return self._send(404, "application/json", '{"error":{"message":"chat/completions is served here"}}')
                body = json.loads(self.rfile.read(length))
                reply = model._next(body)
                if reply is None:
                    return self._send(400, "application/json", '{"error":{"message":"the transcript has ended"}}')
                if body.get("stream"):
                    return self._send(200, "text/event-stream", as_stream(reply))
                return self._send(200, "application/json", json.dumps(as_completion(reply)))

            def _send(self, status: int, kind: str, text: str) -> None:
                content = text.encode()
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        return Handler


def text_of(content: Any) -> str:
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content)
    return str(content)


def finish_of(reply: Message) -> str:
    return "tool_calls" if reply.get("tool_calls") else "stop"


USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}


def as_completion(reply: Message) -> dict[str, Any]:
    choice = {"index": 0, "message": reply, "finish_reason": finish_of(reply)}
    return {"id": "scripted", "object": "chat.completion", "created": 0, "model": "scripted", "choices": [choice],
            "usage": USAGE}


def as_stream(reply: Message) -> str:
    def event(delta: dict[str, Any], finish: Optional[str] = None, usage: Optional[dict[str, int]] = None) -> str:
        chunk: dict[str, Any] = {"id": "scripted", "object": "chat.completion.chunk", "created": 0, "model": "scripted",
                                 "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
        if usage is not None:
            chunk["usage"] = usage
        return f"data: {json.dumps(chunk)}\n\n"

    calls = [{"index": index, **call} for index, call in enumerate(reply.get("tool_calls") or [])]
    text = event({"role": "assistant", "content": reply.get("content") or ""})
    text += "".join(event({"tool_calls": [call]}) for call in calls)
    return text + event({}, finish_of(reply), USAGE) + "data: [DONE]\n\n"
