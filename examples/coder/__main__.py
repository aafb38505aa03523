"""A small coding agent: give it a project whose tests fail and a model, and it works until the tests pass.

    python3 examples/coder --workspace DIR --endpoint http://127.0.0.1:11434/v1 --model NAME
    python3 examples/coder --workspace DIR --transcript examples/coder/transcript.jsonl

Exits 0 only when the check command passes at the end, 1 when it does not, 2 on wrong usage or a model that failed.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import agent
import model
import tools

DEFAULT_TASK = "The tests of this project fail. Find out why, fix the cause, and show that the tests pass."


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="coder", description="A small coding agent.")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--endpoint", metavar="URL", help="base of an OpenAI-compatible API, ending in /v1")
    source.add_argument("--transcript", metavar="FILE", type=Path, help="recorded model replies, one JSON a line")
    parser.add_argument("--model", metavar="NAME", help="model to ask for (with --endpoint)")
    parser.add_argument("--key-env", metavar="NAME", default="OPENAI_API_KEY", help="variable that holds the API key")
    parser.add_argument("--record", metavar="FILE", type=Path, help="write the model's replies to FILE as a transcript")
    parser.add_argument("--workspace", metavar="DIR", type=Path, default=Path("."), help="the project (default: here)")
    parser.add_argument("--task", metavar="TEXT", default=DEFAULT_TASK)
    parser.add_argument("--check", metavar="COMMAND", default="make test", help="must pass at the end")
    parser.add_argument(
        "--report", metavar="FILE", type=Path, help="write each tool call and what it showed, one JSON a line"
    )
    parser.add_argument("--max-turns", metavar="N", type=int, default=40)
    options = parser.parse_args(arguments)
    if options.endpoint and not options.model:
        parser.error("--endpoint needs --model")
    return options


def choose_model(options: argparse.Namespace) -> model.Model:
    if options.transcript:
        chosen: model.Model = model.TranscriptModel(options.transcript)
    else:
        chosen = model.EndpointModel(options.endpoint, options.model, os.environ.get(options.key_env))
    return model.RecordingModel(chosen, options.record) if options.record else chosen


def main(arguments: list[str]) -> int:
    options = parse_arguments(arguments)
    workspace = options.workspace.resolve()
    if not workspace.is_dir():
        print(f"coder: {workspace} is not a directory", file=sys.stderr)
        return 2
    toolbox = tools.Toolbox(workspace, report=options.report)
    try:
        outcome = agent.work(choose_model(options), toolbox, options.task, max_turns=options.max_turns)
    except model.ModelError as error:
        print(f"coder: {error}", file=sys.stderr)
        return 2
    check = toolbox.run(options.check)
    agent.log("check", f"{options.check}: {'passed' if check.exit_code == 0 else 'FAILED'}")
    agent.log("done", f"{outcome.turns} replies, {outcome.tool_calls} tool calls, {outcome.reason}")
    return 0 if check.exit_code == 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
