"""How agents of other people speak with their models, beside OpenAI's chat completions: OpenAI's responses and Google's
generateContent, streamed. One transcript serves both:

    ScriptedModel([Call("exec_command", {"cmd": "make"}), Words("Done.")], Responses())
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any, Optional, Union


@dataclasses.dataclass(frozen=True)
class Call:
    """Of one tool, with its arguments, or with the text that is its whole input."""

    tool: str
    arguments: Union[dict[str, Any], str]


@dataclasses.dataclass(frozen=True)
class Words:
    """That end the turn."""

    text: str


Reply = Union[Call, Words]


def plain(content: Any) -> str:
    """The text of a result, which is a text, a list of parts, or an object that holds one of them."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(plain(part) for part in content)
    if isinstance(content, dict):
        return next((plain(content[name]) for name in ("text", "output", "content", "error") if name in content), "")
    return ""


class Responses:
    """OpenAI's /responses."""

    def __init__(self) -> None:
        self._count = 0
        self.stated = 0  # tokens of all answers, in and out

    def takes(self, path: str) -> bool:
        return path.endswith("/responses")

    def beside(self, path: str) -> Optional[dict[str, Any]]:
        return None

    def answer(self, reply: Reply, body: dict[str, Any]) -> tuple[str, str]:
        self._count += 1
        if isinstance(reply, Call):
            item: dict[str, Any] = {"id": f"item_{self._count}", "call_id": f"call_{self._count}", "name": reply.tool}
            if isinstance(reply.arguments, str):
                item.update(type="custom_tool_call", input=reply.arguments)
            else:
                item.update(type="function_call", arguments=json.dumps(reply.arguments))
        else:
            item = {"type": "message", "id": f"msg_{self._count}", "role": "assistant",
                    "content": [{"type": "output_text", "text": reply.text, "annotations": []}]}
        used = (100 + self._count, 10 + self._count)
        self.stated += sum(used)
        response = {"id": f"resp_{self._count}", "object": "response", "status": "completed", "output": [item],
                    "usage": {"input_tokens": used[0], "input_tokens_details": None, "output_tokens": used[1],
                              "output_tokens_details": None, "total_tokens": sum(used)}}
        events: list[dict[str, Any]] = [
            {"type": "response.created", "response": {"id": response["id"]}},
            {"type": "response.output_item.done", "output_index": 0, "item": item},
            {"type": "response.completed", "response": response},
        ]
        return "text/event-stream", "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)

    def observations(self, body: dict[str, Any]) -> list[str]:
        return [plain(item["output"]) for item in body["input"] if item["type"] in ("function_call_output", "custom_tool_call_output")]


class GenerateContent:
    """Google's models/NAME:streamGenerateContent: an answer comes in two pieces, each with what was used so far."""

    def __init__(self) -> None:
        self._count = 0
        self.stated = 0  # tokens of all answers, in and out
        self.thoughts = 0  # of them those of thoughts

    def takes(self, path: str) -> bool:
        return path.endswith(":streamGenerateContent")

    def beside(self, path: str) -> Optional[dict[str, Any]]:
        return {"totalTokens": 1} if path.endswith(":countTokens") else None

    def answer(self, reply: Reply, body: dict[str, Any]) -> tuple[str, str]:
        self._count += 1
        used = (100 + self._count, 10 + self._count, 5)  # the last in thoughts
        self.stated += sum(used)
        self.thoughts += used[2]

        def piece(part: dict[str, Any], finish: dict[str, str], spoken: int) -> str:
            chunk = {"candidates": [{"index": 0, "content": {"role": "model", "parts": [part]}, **finish}],
                     "usageMetadata": {"promptTokenCount": used[0], "candidatesTokenCount": spoken, "thoughtsTokenCount": used[2],
                                       "totalTokenCount": used[0] + spoken + used[2]}}
            return f"data: {json.dumps(chunk)}\n\n"

        if isinstance(reply, Call):
            last: dict[str, Any] = {"functionCall": {"name": reply.tool, "args": reply.arguments}}
            first = {"text": "Next: "}
        else:
            half = len(reply.text) // 2
            first, last = {"text": reply.text[:half]}, {"text": reply.text[half:]}
        return "text/event-stream", piece(first, {}, 1) + piece(last, {"finishReason": "STOP"}, used[1])

    def observations(self, body: dict[str, Any]) -> list[str]:
        parts = [part for content in body["contents"] for part in content["parts"]]
        return [plain(part["functionResponse"]["response"]) for part in parts if "functionResponse" in part]
