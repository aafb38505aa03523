"""Where replies come from: an OpenAI-compatible chat-completions endpoint, or a recorded transcript.

A reply is the `message` object of the chat-completions format: {"role": "assistant", "content": …, "tool_calls": […]}.
A transcript holds one such object a line (JSON Lines), in the order in which the model gave them.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Optional, Protocol

Message = dict[str, Any]

MAX_REPLY_BYTES = 8 * 1024 * 1024
TIMEOUT_S = 300.0
ATTEMPTS = 4  # of one request, when the endpoint is busy or away
RETRY_STATUS = {408, 429, 500, 502, 503, 504}


class ModelError(Exception):
    """The model gave no usable reply; the message says what was asked of whom and what came back."""


class Model(Protocol):
    def reply(self, messages: list[Message], tools: list[dict[str, Any]]) -> Message:
        """The next assistant message. Blocks. Raises ModelError."""


class EndpointModel:
    """Asks BASE/chat/completions. `key` may be None for endpoints that need none; it is never logged."""

    def __init__(self, base: str, name: str, key: Optional[str]) -> None:
        self._url = base.rstrip("/") + "/chat/completions"
        self._name = name
        self._headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}

    def reply(self, messages: list[Message], tools: list[dict[str, Any]]) -> Message:
        body = json.dumps({"model": self._name, "messages": messages, "tools": tools}).encode()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return checked(self._post(body), self._url)
            except urllib.error.HTTPError as error:
                reason = f"HTTP {error.code}: {error.read(500).decode('utf-8', 'replace')}"
                if error.code not in RETRY_STATUS:
                    break
            except OSError as error:
                reason = str(error)
            if attempt < ATTEMPTS:
                time.sleep(2.0 ** (attempt - 1))
        raise ModelError(f"{self._url} did not answer for model {self._name}: {reason}")

    def _post(self, body: bytes) -> bytes:
        request = urllib.request.Request(self._url, data=body, headers=self._headers, method="POST")
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
            content = response.read(MAX_REPLY_BYTES + 1)
        if len(content) > MAX_REPLY_BYTES:
            raise ModelError(f"{self._url} sent more than {MAX_REPLY_BYTES} bytes")
        return bytes(content)


def checked(content: bytes, source: str) -> Message:
    """The assistant message of a chat-completions response, with only the fields that go back to the endpoint."""
    try:
        message = json.loads(content)["choices"][0]["message"]
        reply: Message = {"role": "assistant", "content": message.get("content")}
        if message.get("tool_calls"):
            reply["tool_calls"] = [dict(call) for call in message["tool_calls"]]
        return reply
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise ModelError(f"{source} sent no chat completion: {error!r}") from error


class TranscriptModel:
    """Replays a transcript, whatever the observations are: for tests and demonstrations without a model."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
            self._replies: list[Message] = [json.loads(line) for line in lines if line.strip()]
        except (OSError, ValueError) as error:
            raise ModelError(f"the transcript {path} cannot be read: {error}") from error
        self._next = 0

    def reply(self, messages: list[Message], tools: list[dict[str, Any]]) -> Message:
        if self._next == len(self._replies):
            raise ModelError(f"the transcript {self._path} ends after {self._next} replies")
        self._next += 1
        return self._replies[self._next - 1]


class RecordingModel:
    """Passes another model's replies through and appends each to a transcript."""

    def __init__(self, inner: Model, path: Path) -> None:
        self._inner = inner
        self._path = path

    def reply(self, messages: list[Message], tools: list[dict[str, Any]]) -> Message:
        reply = self._inner.reply(messages, tools)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(reply, ensure_ascii=False) + "\n")
        return reply
