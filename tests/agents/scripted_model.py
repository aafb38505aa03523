"""A model endpoint that says what a transcript holds, over plain HTTP on 127.0.0.1, for agents of other people that a
test runs unmodified.

    with ScriptedModel(replies) as model:
        run_agent(base_url=model.base_url)      # http://127.0.0.1:PORT/v1
    model.observations()                        # what the agent sent back as results of its tools

Its language is OpenAI's chat completions, streamed or whole; there a reply is the `message` object of the format:
{"role": "assistant", "content": …, "tool_calls": […]}. Others are in tests/agents/languages.py.
"""

from __future__ import annotations

import http.server
import json
import threading
from pathlib import Path
from typing import Any, Optional, Protocol, Sequence

Message = dict[str, Any]

MAX_REQUEST_BYTES = 8 * 1024 * 1024


def read_transcript(path: Path, values: Optional[dict[str, str]] = None) -> list[Message]:
    """One reply a line; @NAME@ in it stands for values[NAME]."""
    text = path.read_text(encoding="utf-8")
    for name, value in (values or {}).items():
        text = text.replace(f"@{name}@", json.dumps(value)[1:-1])
    return [json.loads(line) for line in text.splitlines() if line.strip()]


class Language(Protocol):
    """How an agent speaks with its model."""

    stated: int  # tokens of all answers by now, in and out, as they state them

    def takes(self, path: str) -> bool:
        """Whether a POST to this path, without its query, asks for the next reply."""

    def beside(self, path: str) -> Optional[dict[str, Any]]:
        """What a POST gets that asks for something else than the next reply; none: it is a problem."""

    def answer(self, reply: Any, body: dict[str, Any]) -> tuple[str, str]:
        """A reply as it is sent: the content type and the text."""

    def observations(self, body: dict[str, Any]) -> list[str]:
        """The results of tools that a request holds, oldest first."""


class ChatCompletions:
    def __init__(self) -> None:
        self.stated = 0

    def takes(self, path: str) -> bool:
        return path.endswith("/chat/completions")

    def beside(self, path: str) -> Optional[dict[str, Any]]:
        return None

    def answer(self, reply: Message, body: dict[str, Any]) -> tuple[str, str]:
        self.stated += USAGE["total_tokens"]
        if body.get("stream"):
            return "text/event-stream", as_stream(reply)
        return "application/json", json.dumps(as_completion(reply))

    def observations(self, body: dict[str, Any]) -> list[str]:
        return [text_of(message["content"]) for message in body["messages"] if message["role"] == "tool"]


class ScriptedModel:
    def __init__(self, replies: Sequence[Any], language: Optional[Language] = None) -> None:
        self.replies = replies
        self.language: Language = language or ChatCompletions()
        self.requests: list[dict[str, Any]] = []  # bodies, in the order of arrival
        self.problems: list[str] = []
        self._lock = threading.Lock()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
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
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        return f"{self.url}/v1"

    def observations(self) -> list[str]:
        """The results of tools in the last request, oldest first."""
        return self.language.observations(self.requests[-1]) if self.requests else []

    def _next(self, body: dict[str, Any]) -> Any:
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
                path = self.path.partition("?")[0]
                content = self.rfile.read(length) if 0 < length <= MAX_REQUEST_BYTES else b""
                beside = model.language.beside(path)
                if content and beside is not None:
                    return self._send(200, "application/json", json.dumps(beside))
                if not content or not model.language.takes(path):
                    model.problems.append(f"POST {self.path} of {length} bytes")
                    return self._send(404, "application/json", '{"error":{"message":"this is not served here"}}')
                body = json.loads(content)
                reply = model._next(body)
                if reply is None:
                    return self._send(400, "application/json", '{"error":{"message":"the transcript has ended"}}')
                return self._send(200, *model.language.answer(reply, body))

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
